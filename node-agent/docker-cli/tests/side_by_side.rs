//! Our command and the real docker CLI against the same engine, line by line of `side_by_side.sh`: same standard output, same standard error, same exit
//! code. All differences are collected before the test fails.

mod common;

use common::normal::{TWINS, normal};
use common::{Lab, REAL, skip};
use std::process::{Command, Output, Stdio};

const LINES: &str = include_str!("side_by_side.sh");

/// Runs one line of the script as one of the twins.
fn run(lab: &Lab, docker: &str, twin: &str, line: &str) -> Output {
    let dir = lab.dir.join(twin);
    std::fs::create_dir_all(&dir).expect("a directory for the twin");
    Command::new("sh")
        .arg("-c")
        .arg(format!("docker() {{ {docker} \"$@\"; }}\n{line}"))
        .current_dir(dir)
        .env("DOCKER_HOST", lab.host())
        .env("DOCKER_CONFIG", lab.dir.join("config"))
        .env("TZ", "UTC")
        .env("T", twin)
        .env("LAB", &lab.dir)
        .stdin(Stdio::null())
        .output()
        .expect("sh starts")
}

#[test]
fn every_line_gives_what_the_real_docker_gives() {
    if !std::path::Path::new(REAL).exists() {
        return skip("the real docker CLI is not installed");
    }
    let Some(lab) = Lab::new("twins") else { return };
    let mut differences = String::new();
    let mut compared = 0;
    for line in LINES.lines().filter(|l| !l.is_empty() && !l.starts_with('#')) {
        let (loose, line) = match line.strip_prefix("~ ") {
            Some(line) => (true, line),
            None => (false, line),
        };
        let real = run(&lab, REAL, TWINS[0], line);
        let own = run(&lab, &lab.ours(), TWINS[1], line);
        compared += 1;
        let parts = [
            ("code", format!("{:?}", real.status.code()), format!("{:?}", own.status.code())),
            ("stdout", normal(&real.stdout, loose), normal(&own.stdout, loose)),
            ("stderr", normal(&real.stderr, loose), normal(&own.stderr, loose)),
        ];
        for (what, real, own) in parts {
            if real != own {
                differences += &format!("\n$ {line}\n--- {what}, real:\n{real}\n--- {what}, ours:\n{own}\n");
            }
        }
    }
    assert!(compared > 100, "the script has its lines, not {compared} only");
    assert!(differences.is_empty(), "{differences}");
}
