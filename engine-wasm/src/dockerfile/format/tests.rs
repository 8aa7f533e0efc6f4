use super::random;
use super::*;

fn formatted(text: &str) -> String {
    format(text, &Options::default()).unwrap_or_else(|errors| panic!("{text:?}: {errors:?}"))
}

#[test]
fn words_move_and_shell_text_stays() {
    for (text, result) in [
        ("from   alpine  as x", "FROM alpine AS x\n"),
        ("run   a   &&  b ", "RUN a   &&  b\n"),
        ("run a \\  \n\n  && b\n", "RUN a \\\n  && b\n"),
        (
            "RUN --mount=type=cache,target=/x\\\n\t --network=none   go \\\n build",
            "RUN --mount=type=cache,target=/x \\\n    --network=none go \\\n build\n",
        ),
        ("COPY  a\\\n   # why\n\n b  /c/\n", "COPY a \\\n    # why\n    b /c/\n"),
        ("env a=1\tb=\"x  y\" \\\nc=", "ENV a=1 b=\"x  y\" \\\n    c=\n"),
        ("ENV name   some  value", "ENV name some  value\n"),
        ("CMD [ \"a\" ,\"b  c\"]", "CMD [\"a\", \"b  c\"]\n"),
        ("CMD [\\\n\"a\" \\\n# [\n,\"b\"\\\n]", "CMD [ \\\n    \"a\", \\\n    # [\n    \"b\" \\\n    ]\n"),
        ("CMD [ ]", "CMD []\n"),
        ("onbuild  copy  a   b", "ONBUILD copy  a   b\n"),
        ("healthcheck  --interval=5m  CMD  [\"x\" ]", "HEALTHCHECK --interval=5m CMD [\"x\"]\n"),
        ("HEALTHCHECK NONE", "HEALTHCHECK NONE\n"),
        ("run <<EOF\n  a\t \n\nEOF\ncmd x", "RUN <<EOF\n  a\t \n\nEOF\nCMD x\n"),
        ("copy <<a   <<b  /d/\nA\na\nB\nb\n", "COPY <<a <<b /d/\nA\na\nB\nb\n"),
        ("\n\n# c \n\n\n\n  user  me\n\n", "# c\n\nUSER me\n"),
        ("#escape = `\r\ncopy a `\r\n b\r\n", "# escape=`\r\nCOPY a `\r\n    b\r\n"),
        ("\r\n\r\nfrom a\nuser me", "FROM a\nUSER me\n"),
        ("\n# escape=`\nRUN a\\\nb", "\n# escape=`\nRUN a\\\nb\n"),
        ("# note\n\n\n# syntax=x\nFROM a", "# note\n\n# syntax=x\nFROM a\n"),
        ("fr\\\nom a", "fr\\\nom a\n"),
        ("what  is   this", "what  is   this\n"),
        ("RUN -- a", "RUN -- a\n"),
        ("RUN a \\\n# end", "RUN a \\\n# end\n"),
    ] {
        assert_eq!(formatted(text), result, "{text:?}");
    }
}

#[test]
fn shell_commands_are_indented_when_asked() {
    let options = Options { shell_indent: true, ..Options::default() };
    let text = "RUN a \\\n && b \\\n# c\n\t\t&& 'd \\\n e' \\\n  && f\n";
    assert_eq!(format(text, &options).unwrap(), "RUN a \\\n    && b \\\n    # c\n    && 'd \\\n e' \\\n    && f\n");
    // Without a blank on either side of the break, one would cut the word in two.
    assert_eq!(format("RUN a\\\nb", &options).unwrap(), "RUN a\\\nb\n");
}

#[test]
fn options_are_followed() {
    let text = "From a\n\n\n\nCopy x \\\n y\n";
    let lower = Options { case: Case::Lower, indent: 2, blank_lines: 0, ..Options::default() };
    assert_eq!(format(text, &lower).unwrap(), "from a\ncopy x \\\n  y\n");
    assert_eq!(format("FROM a AS as\n", &lower).unwrap(), "from a as as\n");
    assert_eq!(format("from a as as\n", &Options::default()).unwrap(), "FROM a AS as\n");
    let keep = Options { case: Case::Keep, blank_lines: 3, indent: usize::MAX, ..Options::default() };
    assert_eq!(format(text, &keep).unwrap(), format!("From a\n\n\n\nCopy x \\\n{}y\n", " ".repeat(MAX_INDENT)));
}

#[test]
fn a_file_with_errors_is_refused_with_them() {
    let errors = format("FROM a\nENV x\nCMD [1]", &Options::default()).unwrap_err();
    assert_eq!(errors.len(), 2);
    assert_eq!(errors[0].to_string(), "ENV must have two arguments");
}

#[test]
fn random_files_keep_their_meaning_and_a_second_run_changes_nothing() {
    let (mut valid, mut changed, mut untouched) = (0, 0, 0);
    for seed in 0..6000 {
        let text = random::dockerfile(seed);
        let before = parse(&text);
        for options in
            [Options::default(), Options { shell_indent: true, case: Case::Lower, indent: 2, blank_lines: 0 }]
        {
            let Ok(out) = format(&text, &options) else {
                assert!(!before.errors.is_empty(), "{text:?}");
                continue;
            };
            let after = parse(&out);
            if options.shell_indent {
                assert!(same::files(&before, &after, true), "{seed}: {text:?}\n{out:?}");
            } else {
                assert!(same_meaning(&before, &after), "{seed}: {text:?}\n{out:?}");
                assert!(before.dump().eq_ignore_ascii_case(&after.dump()));
            }
            assert_eq!(format(&out, &options).as_ref(), Ok(&out), "{seed}: {text:?}");
            valid += 1;
            changed += usize::from(out != text);
            // The last resort, giving back the whole file, must stay the exception.
            untouched += usize::from(out == text && (text.contains("run ") || text.contains("Env ")));
        }
    }
    assert!(valid > 8000 && changed > 7500, "{valid} {changed}");
    assert!(untouched < 20, "{untouched}");
}

#[test]
fn a_triggers_last_blanks_stay() {
    for text in ["from a\nonbuild  ENV \n# c\n", "FROM a\nONBUILD RUN x  \nRUN y\n"] {
        let out = formatted(text);
        let trigger =
            |text: &str| parse(text).nodes[1].original.trim_start_matches(|c| c != ' ').trim_start().to_owned();
        assert_eq!(trigger(&out), trigger(text), "{out:?}");
    }
}

#[test]
fn a_word_does_not_become_the_byte_order_mark() {
    let options = Options { shell_indent: true, ..Options::default() };
    for text in [" \u{feff} \u{feff}", "\n\u{feff} x\n", "\u{feff} \u{feff} x\n"] {
        let once = format(text, &options).unwrap();
        assert!(same_meaning(&parse(text), &parse(&once)), "{text:?} became {once:?}");
        assert_eq!(format(&once, &options).unwrap(), once);
    }
}
