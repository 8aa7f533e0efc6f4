use std::collections::BTreeMap;

use super::shell::{Lexer, NoEnv};
use super::*;

fn first_error(text: &str) -> (String, (usize, usize)) {
    let file = parse(text);
    file.errors.first().map(|error| (error.to_string(), error.lines)).unwrap_or_default()
}

#[test]
fn instructions_are_cut_by_their_own_grammar() {
    for (text, dump) in [
        (
            "FROM --platform=$BUILDPLATFORM alpine AS base",
            r#"(from ["--platform=$BUILDPLATFORM"] "alpine" "AS" "base")"#,
        ),
        ("run [\"a\", \"b\"]", r#"(run "a" "b")"#),
        ("RUN ['a']", r#"(run "['a']")"#),
        ("ENV a=1 b=\"x y\"", r#"(env "a" "1" "=" "b" "\"x y\"" "=")"#),
        ("ENV name some value", r#"(env "name" "some value" "")"#),
        ("HEALTHCHECK --interval=5m CMD [\"x\"]", r#"(healthcheck ["--interval=5m"] "CMD" "x")"#),
        ("ONBUILD COPY --from=x a b", r#"(onbuild (copy ["--from=x"] "a" "b"))"#),
        ("EXPOSE 80 443/tcp", r#"(expose "80" "443/tcp")"#),
        ("VOLUME [\"/a b\"]", r#"(volume "/a b")"#),
        ("CMD []", "(cmd)"),
        ("WHAT is this", r#"(what "")"#),
    ] {
        let file = parse(text);
        assert!(file.errors.is_empty(), "{text}");
        assert_eq!(file.dump(), dump);
    }
}

#[test]
fn continuations_pass_over_comments_and_blank_lines() {
    let file = parse("# one\nRUN a \\\n  # inside\n\n  && b\\\n c\n");
    assert_eq!(file.dump(), r#"(run "a   && b c")"#);
    assert_eq!(file.nodes[0].lines, (2, 6));
    assert_eq!(file.nodes[0].comments, ["one"]);
    assert_eq!(
        file.warnings,
        [Warning { message: "Empty continuation line found in: RUN a   && b c".into(), line: 6 }]
    );
    assert_eq!(parse("#escape=`\nRUN a`\nb\\\n").dump(), r#"(run "ab\\")"#);
}

#[test]
fn heredocs_belong_to_their_instruction() {
    let text = "RUN <<A cat 3<<-'B'\nx\nA\n\ty $z\n\tB\nCMD x\n";
    let file = parse(text);
    assert_eq!(file.nodes.len(), 2);
    let [a, b] = file.nodes[0].heredocs.as_slice() else { panic!("two here-documents") };
    assert_eq!(
        (a.name.as_str(), a.file_descriptor, a.expand, a.chomp, a.content.as_str()),
        ("A", 0, true, false, "x\n")
    );
    assert_eq!(
        (b.name.as_str(), b.file_descriptor, b.expand, b.chomp, b.chomped().as_str()),
        ("B", 3, false, true, "y $z\n")
    );
    assert_eq!(&text[b.span.clone()], "\ty $z\n");
    assert_eq!(file.nodes[0].lines, (1, 5));
    assert!(parse("RUN [\"<<A\"]\nCMD x").errors.is_empty());
}

#[test]
fn spans_point_at_the_words() {
    let text = "\u{feff}FROM a\nRUN --mount=type=cache \\\n  go \\\n # note\n  build\nENV k=\"v\" \\\n  l=w\nCMD [\"x\", \"y\"]";
    let file = parse(text);
    let spans = |node: &Node| node.args.iter().map(|word| text[word.span.clone()].to_owned()).collect::<Vec<_>>();
    assert_eq!(spans(&file.nodes[0]), ["a"]);
    assert_eq!(&text[file.nodes[1].flags[0].span.clone()], "--mount=type=cache");
    assert_eq!(spans(&file.nodes[1]), ["go \\\n # note\n  build"]);
    assert_eq!(spans(&file.nodes[2]), ["k", "\"v\"", "=", "l", "w", "="]);
    assert_eq!(spans(&file.nodes[3]), ["\"x\"", "\"y\""]);
    assert_eq!(&text[file.nodes[3].span.clone()], "CMD [\"x\", \"y\"]");
}

#[test]
fn faults_have_buildkits_texts_and_the_rest_is_still_read() {
    for (text, message, lines) in [
        ("", "file with no instructions", (0, 0)),
        ("# c\n", "file with no instructions", (1, 1)),
        ("# escape=x\nFROM a", "invalid escape token 'x' does not match ` or \\", (0, 0)),
        ("# escape = ", "invalid escape token ' ' does not match ` or \\", (0, 0)),
        ("# syntax=a\n# syntax=b\nFROM a", "only one syntax parser directive can be used", (1, 1)),
        ("FROM a\nENV x", "ENV must have two arguments", (2, 2)),
        ("ENV a=b c", "Syntax error - can't find = in \"c\". Must be of the form: name=value", (1, 1)),
        ("CMD [\"a\", 1]", "when using JSON array syntax, arrays must be comprised of strings only", (1, 1)),
        ("RUN <<EOF\na\n", "unterminated heredoc", (1, 2)),
    ] {
        assert_eq!(first_error(text), (message.to_owned(), lines), "{text:?}");
    }
    let file = parse("ENV x\nFROM a\nLABEL y\nRUN b\n");
    assert_eq!(file.errors.len(), 2);
    assert_eq!(file.dump(), "(from \"a\")\n(run \"b\")");
    let long = format!("FROM a\nRUN {}\nCMD b", "x".repeat(MAX_LINE));
    assert_eq!(first_error(&long).0, "dockerfile line greater than max allowed size of 65535");
}

#[test]
fn directives_are_kept() {
    let file = parse("# syntax = docker/dockerfile:1 \n# check=skip=all\nFROM a");
    let found: Vec<_> = file.directives.iter().map(|d| (d.name.as_str(), d.value.as_str(), d.line)).collect();
    assert_eq!(found, [("syntax", "docker/dockerfile:1", 1), ("check", "skip=all", 2)]);
}

#[test]
fn variables_take_every_modifier() {
    let env: BTreeMap<String, String> =
        [("x", "abcabc"), ("e", "")].into_iter().map(|(k, v)| (k.to_owned(), v.to_owned())).collect();
    let lexer = Lexer::new('\\');
    for (word, result) in [
        ("$x-${x}", "abcabc-abcabc"),
        ("${e:-d}${e-d}${u:-d}", "dd"),
        ("${x:+y}${e:+y}${e+y}", "yy"),
        ("${x#*b}|${x##*b}|${x%b*}|${x%%b*}", "cabc|c|abca|a"),
        ("${x/b/Z} ${x//b/Z} ${x//b*/Z}", "aZcabc aZcaZc aZ"),
        ("${u:-${x:-q}}", "abcabc"),
        ("'$x' \"$x\" \\$x", "$x abcabc $x"),
        ("a${}", ""),
    ] {
        let got = lexer.word(word, &env).map(|expansion| expansion.text).unwrap_or_default();
        assert_eq!(got, result, "{word}");
    }
    for (word, message) in [
        ("${u:?gone}", "failed to process \"${u:?gone}\": u: gone"),
        ("${e:?}", "failed to process \"${e:?}\": e: is not allowed to be empty"),
        ("${x", "failed to process \"${x\": unsupported modifier (\u{fffd}) in substitution"),
        ("${x:#a}", "failed to process \"${x:#a}\": unsupported modifier (:#) in substitution"),
        ("'a", "failed to process \"'a\": unexpected end of statement while looking for matching single-quote"),
    ] {
        assert_eq!(lexer.word(word, &env).unwrap_err().to_string(), message);
    }
    assert_eq!(lexer.words("a 'b c' $x", &env).unwrap(), ["a", "b c", "abcabc"]);
    let named = lexer.word("$x$u", &env).unwrap();
    assert_eq!((named.matched.len(), named.unmatched.len()), (1, 1));
}

#[test]
fn hostile_input_ends_in_errors() {
    let in_a_megabyte = std::thread::Builder::new().stack_size(1 << 20).spawn(|| {
        let onbuild = parse(&"ONBUILD ".repeat(5000)).errors.len();
        let objects = parse(&format!("CMD {}", "[[".repeat(30_000))).errors.len();
        let words = Lexer::new('\\').word(&"${a:-".repeat(10_000), &NoEnv).is_err();
        (onbuild, objects, words)
    });
    assert_eq!(in_a_megabyte.expect("a thread").join().expect("no overflow"), (1, 0, true));
    assert!(Lexer::new('\\').word(&"${a:-".repeat(10_000), &NoEnv).is_err());
    assert_eq!(parse(&"ONBUILD ".repeat(5000)).errors[0].kind, ErrorKind::TooDeep);
    assert!(parse(&format!("CMD {}", "[".repeat(60_000))).errors.is_empty());
    let value: BTreeMap<String, String> = [("x".to_owned(), "a".repeat(5000))].into();
    assert!(Lexer::new('\\').word("${x##*a*a*a*a*a*b}", &value).is_ok());
}

#[test]
fn nested_substitutions_cannot_grow_without_bound() {
    use super::shell::{Lexer, MAX_EXPANSION};
    let env = std::collections::BTreeMap::from([("x".to_owned(), "a".repeat(200))]);
    let lexer = Lexer::new('\\');
    // An empty pattern matches at each place of a value, so that every level multiplies what is in it by 201.
    let bomb = format!("{}b{}", "${x///".repeat(20), "}".repeat(20));
    let error = lexer.word(&bomb, &env).expect_err("a word of 201^20 bytes");
    assert!(error.message.contains(&MAX_EXPANSION.to_string()), "{error}");
    assert_eq!(lexer.words(&bomb, &env).expect_err("nor as words"), error);
    // Within the bounds all is as before.
    assert_eq!(lexer.word("${x//a/bb}", &env).map(|word| word.text), Ok("bb".repeat(200)));

    let env = std::collections::BTreeMap::from([("x".to_owned(), "a".repeat(500_000))]);
    let slow = format!("${{x/{}b/}}", "a*".repeat(500));
    let error = lexer.word(&slow, &env).expect_err("5 × 10^8 steps");
    assert_eq!(error.message, "the patterns take too many steps");
}
