//! `docker build` against what dockerd 20.10.24 printed for the same cases (`build/*.sh`), by the real docker CLI and by ours. Needs root, a static busybox
//! and git.

mod common;

use common::build::{import_base, serve};
use common::{Lab, REAL, skip};
use std::path::Path;
use std::process::Stdio;

/// Scripts, and what they printed against dockerd.
const CASES: [&str; 2] = [include_str!("build/cases.sh"), include_str!("build/dockerd-20.10.24.txt")];
const OPTIONS: [&str; 2] = [include_str!("build/options.sh"), include_str!("build/options-20.10.24.txt")];
const NETWORK: [&str; 2] = [include_str!("build/network.sh"), include_str!("build/network-20.10.24.txt")];

/// How the client tells of the context it sends.
const SENDING: &str = "Sending build context";

/// What the dockerd of 2023 says in other words than Docker does today, or than BuildKit does.
const TODAY: &[(&str, &str)] = &[
    ("unknown instruction: RUM", "unknown instruction: RUM (did you mean RUN?)"),
    ("unknown instruction: ECHO", "unknown instruction: echo"),
    ("unknown instruction: X\n", "unknown instruction: x\n"),
    ("Unknown flag: what", "unknown flag: --what"),
    ("Unknown flag: nope", "unknown flag: --nope"),
    ("Unknown flag: intervall", "unknown flag: --intervall (did you mean interval?)"),
    ("Unknown flag: x\n", "unknown flag: --x\n"),
    ("Missing a value on flag: chown", "missing a value on flag: --chown"),
    ("\nfailed to create shim task", "\nfailed to create task for container: failed to create shim task"),
    ("repository name must be lowercase", "repository name (library/Upper) must be lowercase"),
    (
        "Empty continuation line found in:\n    run echo one   two   three\n[WARNING]: Empty continuation lines will become errors in a future release.",
        "Empty continuation line found in: run echo one   two   three",
    ),
    ("dockerfile parse error line", "dockerfile parse error on line"),
    ("unknown instruction: STDIN", "unknown instruction: stdin"),
    ("--retries must be at least 1 (not -1)", "--retries cannot be negative (-1)"),
    ("daemon: unexpected EOF", "daemon: Error processing tar file(exit status 1): unexpected EOF"),
];

/// Our client lets the engine fetch a context, the real one does it itself.
const FETCHED: &[(&str, &str)] = &[
    (
        "unable to prepare context: unable to download remote context",
        "Error response from daemon: error downloading remote context",
    ),
    (
        "file not found in build context or excluded by .dockerignore: stat x: file does not exist",
        "missing build context",
    ),
];

fn cases(text: &str) -> impl Iterator<Item = (&str, &str)> {
    let parts = text.strip_prefix("## ").unwrap_or(text).split("\n## ");
    parts.map(|part| part.split_once('\n').unwrap_or((part, "")))
}

/// Takes out what differs between two runs: ids, hashes, sizes of contexts, this machine's directories; and the lines of the Dockerfile that our engine shows
/// when a step fails, as BuildKit does.
fn normal(text: &str) -> String {
    // Two writes to the standard error may come in one message or in two.
    let text = text.replace("\u{1b}[0m\u{1b}[91m", "").replace('\r', "\n");
    let mut out = String::new();
    let mut excerpt = 0;
    let lines: Vec<&str> = text.split('\n').collect();
    for (at, line) in lines.iter().enumerate() {
        let dashes = |n: usize| lines.get(n).is_some_and(|line| *line == "-".repeat(20));
        if excerpt == 0 && dashes(at + 1) {
            excerpt = 2;
            // The end of red text may stand before it.
            out += if line.starts_with("\u{1b}[0m") { "\u{1b}[0m" } else { "" };
            continue;
        }
        if excerpt > 0 {
            excerpt -= usize::from(dashes(at));
            continue;
        }
        let line = match line.strip_prefix("Sending build context to Docker daemon") {
            Some(_) => "Sending build context".to_owned(),
            None => (*line).to_owned(),
        };
        let words: Vec<String> = line.split(' ').map(word).collect();
        out += &words.join(" ");
        out.push('\n');
    }
    out
}

fn word(word: &str) -> String {
    let hex = |text: &str| text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
    if let Some((kind @ ("file" | "dir" | "multi"), _)) = word.split_once(':') {
        return format!("{kind}:HASH{}", word.split_once('|').map_or("", |(_, size)| size));
    }
    if (word.len() == 12 && hex(word)) || word == "ID" {
        return "ID".into();
    }
    if word.ends_with("MB") && word.contains('.') {
        return word.split('|').next().filter(|_| word.contains('|')).unwrap_or_default().to_owned() + "SIZE";
    }
    word.to_owned()
}

fn section<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    cases(text).find(|(heading, _)| *heading == name).map(|(_, body)| body)
}

/// Runs all cases of a script by one client and compares them with the recording.
fn compare(name: &str, ours: bool, [script, recorded]: [&str; 2]) {
    if !ours && !Path::new(REAL).exists() {
        return skip("the real docker CLI is not installed");
    }
    let Some(lab) = Lab::bare(name) else { return };
    if !import_base(&lab) {
        return;
    }
    let served = lab.dir.join("served");
    std::fs::create_dir_all(&served).expect("a directory for the server");
    let server = serve(&lab, &served);
    let docker = if ours { lab.ours() } else { REAL.to_owned() };
    let (mut differences, mut compared) = (String::new(), 0);
    for (name, script) in cases(script) {
        let dir = lab.dir.join("case");
        let _ = std::fs::remove_dir_all(&dir);
        std::fs::create_dir_all(&dir).expect("a directory for the case");
        let run = lab
            .inside("sh")
            .arg("-c")
            .arg(format!("cd {}; docker() {{ {docker} \"$@\"; }}\n{script}", dir.display()))
            .env("DOCKER_HOST", lab.host())
            .env("DOCKER_CONFIG", lab.dir.join("config"))
            .env("DOCKER_BUILDKIT", "0")
            .env("SERVED", &served)
            .stdin(Stdio::null())
            .output()
            .expect("sh starts");
        let got = format!("{}--- stderr\n{}", text(&run.stdout), text(&run.stderr));
        let got = got.replace(&dir.display().to_string(), "CASE").replace(&lab.dir.display().to_string(), "LAB");
        let wanted = section(recorded, name).unwrap_or_else(|| panic!("{name} was not recorded"));
        let mut wanted = text(wanted.as_bytes()) + "\n";
        for (then, now) in TODAY.iter().chain(FETCHED.iter().filter(|_| ours && recorded == NETWORK[1])) {
            wanted = wanted.replace(then, now);
        }
        let lines = |text: &str| -> Vec<String> {
            let text = normal(text);
            let apart = |line: &&str| {
                // `inspect -f '{{json …}}'` of our client prints what the engine sends, with the fields that are empty.
                let json = ours && line.starts_with('{');
                // Where the engine fetches the context, the client sends none.
                let fetched = name.contains("context from") || name.contains("dockerfile from");
                let sent = fetched && line.starts_with(SENDING);
                !(line.is_empty() || json || sent || line.starts_with("Downloading"))
            };
            let mut lines: Vec<String> = text.lines().filter(apart).map(str::to_owned).collect();
            if !ours {
                // The real client writes this line while it already writes what the engine answers: as often, but anywhere.
                lines.sort_by_key(|line| !line.starts_with(SENDING));
            }
            lines
        };
        let (wanted, got) = (lines(&wanted), lines(&got));
        if wanted != got {
            differences +=
                &format!("\n## {name}\n--- dockerd 20.10:\n{}\n--- here:\n{}\n", wanted.join("\n"), got.join("\n"));
        }
        compared += 1;
    }
    drop(server);
    assert!(compared >= 5, "{compared} cases only");
    assert!(differences.is_empty(), "{differences}");
    let kept = lab.ok(&["ps", "-aq"]).lines().count();
    assert_eq!(kept, if script.contains("--rm=false") { 2 } else { 0 }, "only the containers of --rm=false are left");
    assert_eq!(common::build::faults_of_store(&lab), Vec::<String>::new());
}

/// Without the warning that belongs to the classic builder.
fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).replace(common::build::DEPRECATED, "")
}

#[test]
fn builds_by_the_real_client_read_as_dockerds() {
    compare("build-real", false, CASES);
}

#[test]
fn builds_by_our_client_read_as_dockerds() {
    compare("build-ours", true, CASES);
}

#[test]
fn options_and_bad_input_by_the_real_client_read_as_dockerds() {
    compare("build-options-real", false, OPTIONS);
}

#[test]
fn options_and_bad_input_by_our_client_read_as_dockerds() {
    compare("build-options-ours", true, OPTIONS);
}

#[test]
fn what_comes_from_the_network_by_the_real_client_reads_as_dockerds() {
    compare("build-network-real", false, NETWORK);
}

#[test]
fn what_comes_from_the_network_by_our_client_reads_as_dockerds() {
    compare("build-network-ours", true, NETWORK);
}
