use super::*;
use crate::dockerfile::format::random::{Random, dockerfile};
use crate::dockerfile::lint::TextEdit;
use crate::dockerfile::parse;

/// The text without its `|`, and where that stood.
fn cursor(text: &str) -> (String, usize) {
    let at = text.find('|').expect("a cursor");
    (text.replacen('|', "", 1), at)
}

fn labels(text: &str) -> Vec<String> {
    let (text, at) = cursor(text);
    complete(&text, at).items.into_iter().map(|item| item.label).collect()
}

fn applied(text: &str, edits: &[TextEdit]) -> String {
    let mut out = text.to_owned();
    for edit in edits.iter().rev() {
        out.replace_range(edit.span.clone(), &edit.text);
    }
    out
}

const FILE: &str = "ARG V=3.20\nFROM alpine:$V AS base\nARG V\nENV P=/opt Q=${P}/x\nRUN echo $P $V\nFROM base AS next\nRUN echo $P\nCOPY --from=Base a $P/\nFROM scratch\nCOPY --from=next / /\nCOPY --from=0 / /\nRUN --mount=type=bind,from=base,target=/x true\n";

#[test]
fn completion_knows_what_can_stand_where() {
    assert_eq!(labels("|").len(), table::INSTRUCTIONS.len());
    assert_eq!(labels("FROM a\ne|"), ["EXPOSE", "ENV", "ENTRYPOINT"]);
    assert_eq!(labels("FROM a AS b\nFROM b AS c\nFROM |")[..3], ["c", "b", "scratch"]);
    assert_eq!(labels("FROM a |"), ["AS"]);
    assert_eq!(labels("FROM a AS b\nFROM c\nCOPY --fr|"), ["--from"]);
    assert_eq!(labels("FROM a AS b\nFROM c AS d\nCOPY --link --from=|"), ["b"]);
    assert_eq!(labels("FROM a\nRUN --mount=|"), ["type", "target", "source", "from", "rw"]);
    assert_eq!(labels("FROM a\nRUN --mount=type=|"), ["bind", "cache", "tmpfs", "secret", "ssh"]);
    assert_eq!(labels("FROM a\nRUN --mount=type=cache,sh|"), ["sharing"]);
    assert_eq!(labels("FROM a\nRUN --mount=type=cache,sharing=l|"), ["locked"]);
    assert_eq!(labels("FROM a AS s\nFROM b\nRUN --mount=type=bind,from=|"), ["s"]);
    assert_eq!(labels("FROM a\nRUN --network=n| x"), ["none"]);
    assert_eq!(labels("FROM a\nHEALTHCHECK --interval=1s C|"), ["CMD"]);
    assert_eq!(labels("FROM a\nONBUILD RU|"), ["RUN"]);
    assert_eq!(labels("FROM a\nONBUILD |").len(), table::INSTRUCTIONS.len() - 3);
    assert_eq!(labels("FROM a\nONBUILD MA|"), Vec::<String>::new());
    assert_eq!(labels("FROM a AS s\nONBUILD COPY --from=|"), ["s"]);
    assert_eq!(labels("FROM a AS s\nONBUILD RUN --mount=from=|"), ["s"]);
    for blank in
        ["FROM a\nRUN x \\\n|", "FROM a\nRUN x \\\n  |", "FROM a\nRUN x \\\n\n|\n", "FROM a\nRUN x \\\n|\nCMD y"]
    {
        assert_eq!(labels(blank), Vec::<String>::new(), "{blank:?}");
    }
    assert_eq!(labels("FROM a\nRUN x \\\\\n|").len(), table::INSTRUCTIONS.len(), "an escape that is escaped");
    assert_eq!(labels("FROM a\nRUN <<E\nx \\\nE\n|").len(), table::INSTRUCTIONS.len());
    assert_eq!(labels("FROM a\nRUN x\n\n|").len(), table::INSTRUCTIONS.len());
    assert_eq!(labels("FROM a\nCOPY \\\n  --f|"), ["--from"]);
    assert_eq!(labels("FROM a\nCOPY \\\n  --|").len(), labels("FROM a\nCOPY --|").len());
    assert_eq!(labels("FROM a\nCOPY \\\n  --|\nRUN x\n").len(), labels("FROM a\nCOPY --|").len());
    assert_eq!(labels("FROM a\nRUN x \\\n # c\n --n|"), Vec::<String>::new(), "past the flags");
    assert_eq!(labels("FROM a\nRUN \\\n  --net|"), ["--network"]);
    assert_eq!(labels("# sy|"), ["# syntax=docker/dockerfile:1"]);
    assert_eq!(labels("FROM a\n# sy|"), Vec::<String>::new());
    assert_eq!(labels("FROM a\n# hadolint i|"), ["# hadolint ignore="]);
    assert_eq!(labels("ARG G\nFROM a\nARG G|"), ["G"]);
    assert_eq!(labels("FROM a\nSTOPSIGNAL SIGQ|"), ["SIGQUIT"]);
}

#[test]
fn completion_knows_the_variables_in_force() {
    assert_eq!(labels("ARG A\nFROM a\nARG B=1\nENV B2=c\nRUN echo $B|"), ["B", "B2"]);
    assert_eq!(labels("FROM a\nENV AB=1\nRUN echo \\$A|"), Vec::<String>::new());
    assert_eq!(labels("FROM a AS x\nENV AB=1\nFROM x\nRUN echo ${A|"), ["AB"]);
    assert_eq!(labels("FROM a AS x\nENV AB=1\nFROM b\nRUN echo ${A|"), Vec::<String>::new());
    assert_eq!(labels("ARG AB=1\nFROM $A|"), ["AB"]);
    assert_eq!(labels("FROM --platform=$BUILDP|"), ["BUILDPLATFORM"]);
    assert_eq!(labels("FROM a\nENV AB=1\nRUN <<E\necho $A|\nE\n"), ["AB"]);
    assert_eq!(labels("FROM a\nENV AB=1\nRUN <<'E'\necho $A|\nE\n"), Vec::<String>::new());
    let (text, at) = cursor("FROM a\nENV AB=1\nRUN echo ${A|");
    assert_eq!(complete(&text, at).items[0].insert, "AB}");
}

#[test]
fn what_is_replaced_is_what_was_typed() {
    for (text, replaced) in [
        ("FROM a\nCOPY --from=b|", "b"),
        ("fr|", "fr"),
        ("FROM a\nRUN --mount=type=cache,ta|", "ta"),
        ("FROM a\nRUN echo ${X|}", "X"),
        ("FROM a\nCOPY --ch|own", "--ch"),
        ("FROM a \\\n A|", "A"),
    ] {
        let (text, at) = cursor(text);
        assert_eq!(&text[complete(&text, at).replace], replaced, "{text:?}");
    }
}

#[test]
fn hover_explains_instructions_flags_values_and_stages() {
    let at = |needle: &str, after: usize| {
        hover(FILE, FILE.find(needle).unwrap() + after).map(|hover| hover.text).unwrap_or_default()
    };
    assert!(at("RUN echo", 1).contains("https://docs.docker.com/reference/dockerfile/#run"));
    assert!(at("--from=Base", 3).contains("#copy---from"));
    assert_eq!(at("$P $V", 1), "`P` is `/opt` here: set by `ENV` on line 4.");
    assert_eq!(at("Q=", 0), "`Q` is `/opt/x` here: set by `ENV` on line 4.");
    assert_eq!(at(" $V\n", 2), "`V` is `3.20` here: set by `ARG` on line 3.");
    assert_eq!(at("alpine:$V", 8), "`V` is `3.20` here: set by `ARG` on line 1.");
    assert_eq!(
        at("AS next", 4),
        "Stage 1, from line 6, 2 instructions, built on stage `base`, which is built on image `alpine:$V`."
    );
    assert_eq!(at("scratch", 1), "`scratch` is empty: a stage on it begins without any file.");
    assert!(hover("# escape=`\nFROM a", 3).unwrap().text.contains("#escape"));
    assert!(hover("FROM --platform=$BUILDPLATFORM a", 20).unwrap().text.contains("set by the builder"));
    assert_eq!(hover("FROM a\nRUN echo $x", 17).unwrap().text, "`x` is not set by this file.");
    assert!(hover("FROM a\nARG u\nRUN echo $u", 22).unwrap().text.contains("only the build tells"));
    assert_eq!(hover("FROM a\n\n", 7), None);
}

#[test]
fn names_lead_to_their_definitions_and_uses() {
    let at = |needle: &str, after: usize| FILE.find(needle).unwrap() + after;
    let of = |range: std::ops::Range<usize>| (range.start, FILE[range].to_owned());
    assert_eq!(definition(FILE, at("--from=Base", 8)).map(of), Some((at("AS base", 3), "base".to_owned())));
    assert_eq!(definition(FILE, at("--from=0", 7)).map(of), Some((at("AS base", 3), "base".to_owned())));
    assert_eq!(definition(FILE, at("--from=next", 8)).map(of), Some((at("AS next", 3), "next".to_owned())));
    assert_eq!(definition(FILE, at("a $P/", 3)).map(of), Some((at("P=/opt", 0), "P".to_owned())));
    assert_eq!(definition(FILE, at("alpine:$V", 8)).map(of), Some((4, "V".to_owned())));
    assert_eq!(definition(FILE, at("\nARG V\n", 5)).map(of), Some((4, "V".to_owned())), "asks for the global one");
    assert_eq!(definition(FILE, at("alpine", 2)), None);
    assert_eq!(references(FILE, at("AS base", 4)).len(), 5);
    assert_eq!(references(FILE, 4).len(), 4, "V, its use in FROM, its stage's ARG and use");
    assert_eq!(references(FILE, at("P=/opt", 0)).len(), 5);
    assert_eq!(references("FROM a\nENV P=1\nFROM b\nENV P=2\nRUN $P", 11).len(), 1, "another stage's variable");
}

#[test]
fn renaming_changes_every_place_and_no_meaning() {
    let at = FILE.find("AS base").unwrap() + 4;
    let renamed = applied(FILE, &rename(FILE, at, "first").unwrap());
    assert_eq!(renamed.matches("first").count(), 4);
    assert!(renamed.contains("--from=0") && !renamed.contains("ase"));
    let renamed = applied(FILE, &rename(FILE, FILE.find("$P").unwrap() + 1, "PREFIX").unwrap());
    assert!(renamed.contains("ENV PREFIX=/opt Q=${PREFIX}/x\nRUN echo $PREFIX $V"));
    assert!(renamed.contains("a $PREFIX/"));
}

#[test]
fn renaming_keeps_the_comments_that_describe() {
    let text =
        "# v the # version\nARG v=1\n# more\n# Base to build on\n# base is old\n\nFROM a AS Base\n# v again\nARG v\n";
    let at = |needle: &str| text.find(needle).unwrap();
    let renamed = applied(text, &rename(text, at("v=1"), "w").unwrap());
    assert!(
        renamed.starts_with("# w the # version\nARG w=1\n# more") && renamed.ends_with("# w again\nARG w\n"),
        "{renamed}"
    );
    let renamed = applied(text, &rename(text, at("Base\n"), "New").unwrap());
    assert!(renamed.contains("# Base to build on\n# new is old\n\nFROM a AS New\n"), "{renamed}");
}

#[test]
fn a_name_that_is_wrong_or_taken_is_refused() {
    let stage = FILE.find("AS base").unwrap() + 4;
    for (new, error) in [
        ("", RenameError::StageName(String::new())),
        ("0x", RenameError::StageName("0x".into())),
        ("scratch", RenameError::StageName("scratch".into())),
        ("NEXT", RenameError::Taken("NEXT".into())),
    ] {
        assert_eq!(rename(FILE, stage, new), Err(error));
    }
    assert_eq!(
        rename("FROM a AS x\nFROM nginx", 10, "nginx"),
        Err(RenameError::Taken("nginx".into())),
        "the image would become the stage"
    );
    let variable = FILE.find("P=/opt").unwrap();
    assert_eq!(rename(FILE, variable, "1x"), Err(RenameError::VariableName("1x".into())));
    assert_eq!(rename(FILE, variable, "Q"), Err(RenameError::Taken("Q".into())));
    assert_eq!(rename(FILE, variable, "V"), Err(RenameError::Taken("V".into())));
    assert_eq!(rename("FROM a\nENV PATH=/x:$PATH", 12, "x"), Err(RenameError::Predefined("PATH".into())));
    assert_eq!(rename("FROM a\nENV \u{e9}=1", 12, "x"), Err(RenameError::NoName));
    assert_eq!(rename("FROM a\nARG TARGETSTAGE", 12, "x"), Err(RenameError::Predefined("TARGETSTAGE".into())));
    assert_eq!(rename("FROM a\nARG TARGETOS", 12, "x"), Err(RenameError::Predefined("TARGETOS".into())));
    assert_eq!(rename("FROM a\nRUN $x", 12, "y"), Err(RenameError::Undefined("x".into())));
    assert_eq!(rename("FROM a", 1, "y"), Err(RenameError::NoName));
    assert_eq!(rename("FROM a\nFROM b\nCOPY --from=0 x y", 27, "y"), Err(RenameError::Unnamed(0)));
    assert_eq!(rename_range(FILE, variable), Ok(variable..variable + 1));
}

#[test]
fn stages_heredocs_and_comments_fold() {
    let text = "# a\n# b\nFROM x\nRUN <<A <<B\n1\n# no\nA\n2\nB\nCMD a \\\n b\nFROM y\n";
    let found: Vec<_> = folds(text).into_iter().map(|fold| (fold.lines, fold.kind)).collect();
    assert_eq!(
        found,
        [
            ((1, 2), FoldKind::Comment),
            ((3, 11), FoldKind::Stage),
            ((4, 9), FoldKind::Instruction),
            ((4, 7), FoldKind::Heredoc),
            ((7, 9), FoldKind::Heredoc),
            ((10, 11), FoldKind::Instruction),
        ]
    );
}

#[test]
fn the_outline_has_stages_with_their_instructions() {
    let found = symbols(FILE);
    let names: Vec<_> =
        found.iter().map(|symbol| (symbol.name.as_str(), symbol.detail.as_str(), symbol.children.len())).collect();
    assert_eq!(
        names,
        [("ARG", "V=3.20", 0), ("base", "from alpine:$V", 3), ("next", "from base", 2), ("scratch", "", 3)]
    );
    assert_eq!(found[1].children[1].detail, "P=/opt Q=${P}/x");
    assert_eq!(&FILE[found[1].selection.clone()], "base");
}

#[test]
fn a_selection_grows_to_the_file() {
    let at = FILE.find("$P/").unwrap() + 1;
    let steps: Vec<&str> = selection(FILE, at).into_iter().map(|span| &FILE[span]).collect();
    assert_eq!(steps[..3], ["$P", "$P/", "COPY --from=Base a $P/"]);
    assert!(steps[3].starts_with("FROM base AS next"));
    assert_eq!(steps[4], FILE);
    assert_eq!(at_line(FILE, 8).map(|span| &FILE[span]), Some("COPY --from=Base a $P/"));
    assert_eq!(at_line(FILE, 99), None);
}

#[test]
fn every_piece_has_its_colour() {
    let text = "# syntax=x\n# c\nFROM a AS b\nRUN --mount=type=cache,target=/x echo \"hi $V\" && ls \\\n  # note\n  -l\nENV K=\"v\" L=$K\nEXPOSE 80\nCMD [\"a\", \"b,c\"]\nCOPY --from=b <<E /x\nhi $K\nE\n";
    let found: Vec<(&str, TokenKind)> = tokens(text).into_iter().map(|token| (&text[token.span], token.kind)).collect();
    use TokenKind::*;
    assert_eq!(
        found,
        [
            ("# syntax=x", Directive),
            ("# c", Comment),
            ("FROM", Keyword),
            ("a", String),
            ("AS", Keyword),
            ("b", Stage),
            ("RUN", Keyword),
            ("--mount", Flag),
            ("=", Operator),
            ("type", Flag),
            ("=", Operator),
            ("cache,", String),
            ("target", Flag),
            ("=", Operator),
            ("/x", String),
            ("\"hi", String),
            ("$V", Variable),
            ("\"", String),
            ("&&", Operator),
            ("\\", Operator),
            ("# note", Comment),
            ("-l", Flag),
            ("ENV", Keyword),
            ("K", Property),
            ("=", Operator),
            ("\"v\"", String),
            ("L", Property),
            ("=", Operator),
            ("$K", Variable),
            ("EXPOSE", Keyword),
            ("80", Number),
            ("CMD", Keyword),
            ("[", Operator),
            ("\"a\"", String),
            (",", Operator),
            ("\"b,c\"", String),
            ("]", Operator),
            ("COPY", Keyword),
            ("--from", Flag),
            ("=", Operator),
            ("b", Stage),
            ("<<E", HeredocDelimiter),
            ("/x", String),
            ("hi ", Heredoc),
            ("$K", Variable),
            ("E", HeredocDelimiter),
        ]
    );
}

#[test]
fn nothing_fails_on_any_text_at_any_place() {
    let mut random = Random(7);
    for seed in 0..1500 {
        let mut text = dockerfile(seed);
        if seed % 2 == 0 {
            let mut cut = random.below(text.len() + 1);
            while !text.is_char_boundary(cut) {
                cut -= 1;
            }
            text.truncate(cut);
        }
        let mut last = 0;
        for token in tokens(&text) {
            assert!(token.span.start >= last && token.span.start < token.span.end, "{text:?}");
            assert!(!text[token.span.clone()].contains('\n'), "{text:?}");
            last = token.span.end;
        }
        folds(&text);
        symbols(&text);
        for _ in 0..6 {
            let at = random.below(text.len() + 2);
            let found = complete(&text, at);
            assert!(found.replace.end <= text.len());
            hover(&text, at);
            definition(&text, at);
            selection(&text, at)
                .windows(2)
                .for_each(|pair| assert!(pair[1].start <= pair[0].start && pair[0].end <= pair[1].end));
            if let Ok(edits) = rename(&text, at, "renamed") {
                let after = applied(&text, &edits);
                let (before, after) = (parse(&text), parse(&after));
                assert_eq!(before.nodes.len(), after.nodes.len(), "{text:?}");
                assert!(references(&text, at).len() >= edits.len());
            }
        }
    }
}
