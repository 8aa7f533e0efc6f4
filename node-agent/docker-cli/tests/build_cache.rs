//! The build cache as `docker builder prune` and `docker system df` know it, by our client and by the real one; and `docker cp` through
//! links into volumes, as dockerd 20.10 follows them.

mod common;

use common::build::{DEPRECATED, build, clients, lab, write};
use common::{Lab, REAL};
use std::process::{Command, Stdio};

/// What a command prints, both streams; with its success.
fn said(lab: &Lab, real: bool, args: &[&str]) -> (bool, String) {
    let mut command = if real { Command::new(REAL) } else { lab.command(&[]) };
    command.args(args).stdin(Stdio::null()).env("DOCKER_BUILDKIT", "0");
    command.env("DOCKER_HOST", lab.host()).env("DOCKER_CONFIG", lab.dir.join("config"));
    let out = command.output().expect("the client starts");
    let text = String::from_utf8_lossy(&[out.stdout, out.stderr].concat()).into_owned();
    (out.status.success(), text.replace(DEPRECATED, ""))
}

#[test]
fn a_cache_is_pruned_by_age_and_size_and_shown_until_then() {
    let Some(lab) = lab("build-cache") else { return };
    let dir = lab.dir.join("context");
    let text = "FROM base\n\
        RUN --mount=type=cache,target=/big dd if=/dev/zero of=/big/x bs=1000 count=2000 2>/dev/null\n\
        RUN --mount=type=cache,target=/small echo hi > /small/x\n";
    write(&dir, "Dockerfile", text);
    for real in clients() {
        let shown = || {
            let (_, text) = said(&lab, real, &["system", "df", "--format", "{{.Type}} {{.TotalCount}} {{.Size}}"]);
            text.lines().find_map(|line| line.strip_prefix("Build Cache ").map(str::to_owned)).expect("a line")
        };
        let (ok, text) = build(&lab, real, &["--no-cache"], &dir);
        assert!(ok, "{text}");
        assert_eq!(shown(), "2 2MB");
        let prune = |args: &[&str]| said(&lab, real, &[&["builder", "prune", "-f"], args].concat());
        assert_eq!(prune(&["--filter", "until=24h"]), (true, "Total reclaimed space: 0B\n".to_owned()));
        let (ok, text) = prune(&["--filter", "until=1h", "--filter", "until=2h"]);
        assert!(!ok && text.contains("filters expect only one value"), "{text}");
        // The one that was used first goes first.
        let (ok, text) = prune(&["-a", "--keep-storage", "1kB"]);
        assert!(
            ok && text.contains("Deleted build cache objects:\n") && text.ends_with("Total reclaimed space: 2MB\n"),
            "{text}"
        );
        assert_eq!(shown(), "1 3B");
        let (ok, text) = prune(&["-a"]);
        assert!(ok && text.ends_with("Total reclaimed space: 3B\n"), "{text}");
        assert_eq!(shown(), "0 0B");
    }
}

#[test]
fn copies_follow_links_into_volumes_and_out_again() {
    let Some(lab) = lab("cp-volumes") else { return };
    lab.ok(&["volume", "create", "vol"]);
    let script = "echo in > /vol/f; mkdir /vol/d; ln -s /vol /link; ln -s ../vol/d /tmp/up; ln -s /tmp/up /vol/out";
    lab.ok(&["run", "--name", "cc", "-v", "vol:/vol", "base", "sh", "-c", script]);
    write(&lab.dir, "new", "new\n");
    let (new, old) = (lab.dir.join("new").display().to_string(), lab.dir.join("old").display().to_string());
    for real in clients() {
        let (ok, text) = said(&lab, real, &["cp", "cc:/link/f", &old]);
        assert!(ok && std::fs::read_to_string(&old).is_ok_and(|text| text == "in\n"), "{text}");
        for target in ["cc:/link/one", "cc:/tmp/up/", "cc:/vol/out/two"] {
            let (ok, text) = said(&lab, real, &["cp", &new, target]);
            assert!(ok, "{target}: {text}");
        }
        let (ok, text) = said(&lab, real, &["cp", "cc:/link/none", &old]);
        assert!(!ok && text.contains("Could not find the file /link/none in container"), "{text}");
        let looked =
            ["run", "--rm", "-v", "vol:/vol", "base", "sh", "-c", "cat /vol/one; ls /vol/d; rm /vol/one /vol/d/*"];
        assert_eq!(lab.ok(&looked), "new\nnew\ntwo");
    }
}
