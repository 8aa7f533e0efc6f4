//! Our command and the real docker CLI against the same engine (`SLIPWAY_TEST_DOCKER_HOST`): same standard output, same standard error, same exit code.
//! Each command line is run by both; only ids, digests and spans of time are taken out before comparing. Where there is no engine or no real CLI the tests
//! say so and pass (with `SLIPWAY_REQUIRE_ROOT_TESTS=1` they fail).

use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

const REAL: &str = "/usr/local/bin/docker";

fn skip(why: &str) -> Option<String> {
    assert!(
        std::env::var("SLIPWAY_REQUIRE_ROOT_TESTS").as_deref() != Ok("1"),
        "cannot run: {why}"
    );
    eprintln!("SKIP: {why}");
    None
}

/// The engine's address, if the comparison can be made.
fn engine() -> Option<String> {
    let Ok(host) = std::env::var("SLIPWAY_TEST_DOCKER_HOST") else {
        return skip("SLIPWAY_TEST_DOCKER_HOST names no engine");
    };
    if !std::path::Path::new(REAL).exists() {
        return skip("the real docker CLI is not installed");
    }
    if !ours().exists() {
        return skip(
            "the example `docker` is not built (cargo build -p slipway-docker-cli --examples)",
        );
    }
    Some(host)
}

/// The example binary beside the test binary.
fn ours() -> PathBuf {
    let mut path = std::env::current_exe().expect("a running test has a path");
    path.pop();
    path.pop();
    path.join("examples/docker")
}

fn run(program: &std::path::Path, host: &str, args: &[&str]) -> Output {
    Command::new(program)
        .args(args)
        .env("DOCKER_HOST", host)
        .env_remove("DOCKER_CONFIG")
        .stdin(Stdio::null())
        .output()
        .expect("the command starts")
}

/// Replaces runs of 12 or more hexadecimal digits, and words for spans of time.
fn normal(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let mut out = String::new();
    let mut word = String::new();
    for c in text.chars().chain(['\0']) {
        if c.is_ascii_hexdigit() && !c.is_ascii_uppercase() {
            word.push(c);
            continue;
        }
        out += if word.len() >= 12 { "ID" } else { &word };
        word.clear();
        if c != '\0' {
            out.push(c);
        }
    }
    let mut lines = Vec::new();
    for line in out.lines() {
        let mut line = line.to_owned();
        for unit in ["Less than a second", "About a minute", "About an hour"] {
            line = line.replace(unit, "SPAN");
        }
        let words: Vec<_> = line.split_whitespace().collect();
        let mut kept = Vec::new();
        for (i, word) in words.iter().enumerate() {
            let unit = words.get(i + 1).is_some_and(|u| {
                ["second", "seconds", "minute", "minutes", "hour", "hours"].contains(u)
            });
            let counted = i > 0 && words[i - 1].bytes().all(|b| b.is_ascii_digit());
            if unit && word.bytes().all(|b| b.is_ascii_digit()) {
                kept.push("SPAN");
            } else if !(counted
                && ["second", "seconds", "minute", "minutes", "hour", "hours"].contains(word))
            {
                kept.push(word);
            }
        }
        lines.push(kept.join(" "));
    }
    lines.join("\n")
}

/// Runs a command line with both; `exact` compares the bytes, otherwise ids and spans are taken out.
fn compare(host: &str, args: &[&str], exact: bool) {
    let (real, own) = (
        run(std::path::Path::new(REAL), host, args),
        run(&ours(), host, args),
    );
    assert_eq!(
        own.status.code(),
        real.status.code(),
        "exit code of docker {args:?}"
    );
    if exact {
        assert_eq!(
            String::from_utf8_lossy(&own.stdout),
            String::from_utf8_lossy(&real.stdout),
            "output of docker {args:?}"
        );
        assert_eq!(
            String::from_utf8_lossy(&own.stderr),
            String::from_utf8_lossy(&real.stderr),
            "errors of docker {args:?}"
        );
    } else {
        assert_eq!(
            normal(&own.stdout),
            normal(&real.stdout),
            "output of docker {args:?}"
        );
        assert_eq!(
            normal(&own.stderr),
            normal(&real.stderr),
            "errors of docker {args:?}"
        );
    }
}

/// A container of this test's own, removed at the end.
struct Container<'a> {
    host: &'a str,
    name: String,
}

impl Drop for Container<'_> {
    fn drop(&mut self) {
        run(&ours(), self.host, &["rm", "-f", &self.name]);
    }
}

/// Any image of the engine that has a shell.
fn image(host: &str) -> Option<String> {
    let images = String::from_utf8(
        run(
            &ours(),
            host,
            &["images", "--format", "{{.Repository}}:{{.Tag}}"],
        )
        .stdout,
    )
    .ok()?;
    let image = images.lines().find(|i| {
        !i.contains("<none>")
            && run(&ours(), host, &["run", "--rm", i, "sh", "-c", "exit 42"])
                .status
                .code()
                == Some(42)
    });
    match image {
        Some(image) => Some(image.to_owned()),
        None => skip("the engine has no image with a shell"),
    }
}

#[test]
fn what_a_container_prints_and_returns_is_the_same() {
    let Some(host) = engine() else { return };
    let Some(image) = image(&host) else { return };
    for args in [
        &[
            "run",
            "--rm",
            &image,
            "sh",
            "-c",
            "echo out; echo err >&2; exit 3",
        ][..],
        &[
            "run",
            "--rm",
            "-e",
            "A=b",
            "-w",
            "/tmp",
            "-u",
            "1:1",
            &image,
            "sh",
            "-c",
            "id -u; pwd; echo $A",
        ],
        &["run", "--rm", "--entrypoint", "echo", &image, "hello"],
        &["run", "--rm", &image, "no-such-program"],
        &["run", "--rm", &image, "/etc"],
        &["run", "-it", "--rm", &image, "sh"],
        &["run", "--rm", "--restart", "always", &image, "true"],
        &["run", "-d", "-a", "stdout", &image, "true"],
        &["run", "--pull", "never", "no-such-image"],
        &["run", "Upper"],
    ] {
        compare(&host, args, false);
    }
}

#[test]
fn listings_and_inspections_are_the_same() {
    let Some(host) = engine() else { return };
    let Some(image) = image(&host) else { return };
    let name = format!("slipway-side-{}", std::process::id());
    let made = run(
        &ours(),
        &host,
        &[
            "run",
            "--name",
            &name,
            "-l",
            "com.example.some-label=x",
            &image,
            "sh",
            "-c",
            "echo hi; echo > /tmp/new; rm /etc/hostname.not 2>&1",
        ],
    );
    let container = Container { host: &host, name };
    assert_eq!(
        String::from_utf8_lossy(&made.stdout).lines().next(),
        Some("hi")
    );
    let name = container.name.as_str();
    let filter = format!("name={name}");
    for args in [
        &["ps", "-a", "--filter", &filter][..],
        &["ps", "-a", "-s", "--no-trunc", "--filter", &filter],
        &["ps", "-aq", "--filter", &filter],
        &[
            "ps",
            "-a",
            "--format",
            "{{.ID}} {{.Names}} {{.Status}}",
            "--filter",
            &filter,
        ],
        &["ps", "-a", "--format", "{{.Nonsense}}"],
        &["container", "diff", name],
        &["logs", name],
        &["images"],
        &["images", "-q"],
        &["images", "--digests", "--no-trunc"],
        &["images", "no-such-image"],
        &["history", &image],
        &["image", "history", "--no-trunc", &image],
        &["volume", "ls"],
        &["network", "ls"],
    ] {
        compare(&host, args, false);
    }
    for args in [
        &["inspect", name][..],
        &[
            "inspect",
            "-f",
            "{{.State.Status}} {{json .Config.Cmd}}",
            name,
        ],
        &["image", "inspect", &image],
        &["inspect", "--format", "{{ json .RootFS.Layers }}", &image],
        &["inspect", name, "no-such-thing"],
        &["inspect", "-f", "{{.Nonsense}}", name],
        &["wait", name],
    ] {
        compare(&host, args, true);
    }
}

#[test]
fn errors_are_the_same() {
    let Some(host) = engine() else { return };
    for args in [
        &["rm", "no-such", "nor-this"][..],
        &["start", "no-such", "nor-this"],
        &["stop", "no-such"],
        &["kill", "no-such"],
        &["exec", "no-such", "true"],
        &["attach", "no-such"],
        &["logs", "no-such"],
        &["diff", "no-such"],
        &["commit", "no-such", "x"],
        &["rename", "no-such", "x"],
        &["tag", "no-such", "x"],
        &["tag", "no-such", "X"],
        &["rmi", "no-such"],
        &["history", "no-such"],
        &["inspect", "no-such"],
        &["image", "inspect", "no-such"],
        &["container", "inspect", "no-such"],
        &["pull", "Upper"],
        &["ps", "--filter", "nonsense=x"],
        &["update", "no-such"],
    ] {
        compare(&host, args, true);
    }
}

#[test]
fn an_engine_that_is_not_there_is_named() {
    if engine().is_none() {
        return;
    }
    for host in ["unix:///no/such.sock", "tcp://127.0.0.1:1"] {
        compare(host, &["ps"], true);
        compare(host, &["run", "x"], true);
    }
}
