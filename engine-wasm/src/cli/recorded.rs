//! Compares help texts and refusals with what the real docker CLI 28.2.2 printed (the fixtures beside this file).

use super::parse::{Global, Invocation, Refusal, Surroundings, parse};

fn run(args: &[&str], width: Option<u16>) -> Result<Invocation, Refusal> {
    let args: Vec<_> = args.iter().map(|a| (*a).to_owned()).collect();
    let around = Surroundings { width, config_dir: "/root/.docker", env: &|_| None };
    parse(&args, &around, &mut Global::default())
}

/// Splits a fixture into its headings and the text under each.
fn sections(fixture: &str) -> impl Iterator<Item = (&str, &str)> {
    fixture.split("=== ").skip(1).map(|s| s.split_once('\n').expect("a heading is a line"))
}

/// A list of commands without the lines about those that the table does not have.
fn known_part(recorded: &str) -> String {
    const MISSING: [&str; 11] = [
        "checkpoint",
        "context",
        "manifest",
        "plugin",
        "trust",
        "config",
        "node",
        "secret",
        "service",
        "stack",
        "swarm",
    ];
    recorded
        .lines()
        .filter(|l| !l.starts_with("  update      Update a volume"))
        .filter(|l| !l.strip_prefix("  ").is_some_and(|l| l.split(' ').next().is_some_and(|w| MISSING.contains(&w))))
        .map(|l| format!("{l}\n"))
        .collect::<String>()
        .replace("Swarm Commands:\n\n", "")
}

#[test]
fn help_is_byte_for_byte_dockers() {
    let mut count = 0;
    for (heading, text) in sections(include_str!("fixtures/help-28.2.2.txt")) {
        let (line, width) = match heading.split_once(" @") {
            Some((line, width)) => (line, Some(width.parse().expect("a number of columns"))),
            None => (heading, None),
        };
        let args: Vec<_> = line.split(' ').skip(1).collect();
        let expected = if args.len() <= 2 { known_part(text) } else { text.to_owned() };
        match run(&args, width) {
            Ok(Invocation::Help(help)) => assert_eq!(help, expected, "{heading}"),
            other => panic!("{heading}: {other:?}"),
        }
        count += 1;
    }
    assert!(count > 60, "the fixture was read only in part: {count}");
}

#[test]
fn refusals_are_dockers_words_and_codes() {
    let mut wrong = Vec::new();
    for (heading, text) in sections(include_str!("fixtures/errors-28.2.2.txt")) {
        let mut words = heading.split(' ');
        let code: u8 = words.next().and_then(|c| c.parse().ok()).expect("a heading begins with the exit code");
        let args: Vec<_> = words.skip(1).collect();
        match run(&args, None) {
            Err(refusal) if format!("{}\n", refusal.message) == text && refusal.code == code => {}
            other => wrong.push(format!("{heading}\nwant: {text}\ngot: {other:?}")),
        }
    }
    assert!(wrong.is_empty(), "{} differ:\n{}", wrong.len(), wrong.join("\n\n"));
}
