//! `login`, `logout`, `push`, `pull` and `search` beside the real docker CLI, both on our engine and Debian's docker-registry;
//! and `login` on a terminal, with credential helpers, and transfers that are interrupted.

mod common;

use common::normal::{TWINS, normal};
use common::pty::Terminal;
use common::{Lab, REAL, skip, wait_for};
use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

const LINES: &str = include_str!("registry.sh");
/// `secret`, for janet.
const HTPASSWD: &str = "janet:$2b$05$abcdefghijklmnopqrstuuOQiyCxlgf/oeuTqixKmWdcYUh4Hjl0a\n";

/// Registries in the engine's network: plain on port 5000, with a password on 5001.
struct Registries(Vec<Child>);

impl Registries {
    fn start(lab: &Lab) -> Option<Self> {
        if !Path::new("/usr/bin/docker-registry").exists() {
            skip("docker-registry is not installed");
            return None;
        }
        let htpasswd = lab.dir.join("htpasswd");
        std::fs::write(&htpasswd, HTPASSWD).expect("a file");
        assert!(lab.inside("ip").args(["link", "set", "lo", "up"]).status().is_ok_and(|s| s.success()));
        let auth = format!("auth: {{htpasswd: {{realm: lab, path: {}}}}}", htpasswd.display());
        let started = [(5000, ""), (5001, auth.as_str())].map(|(port, auth)| {
            let file = lab.dir.join(format!("registry-{port}.yml"));
            let data = lab.dir.join(format!("registry-{port}"));
            let text = format!(
                "version: 0.1\nlog: {{level: error, accesslog: {{disabled: true}}}}\nstorage: {{filesystem: {{rootdirectory: {}}}}}\nhttp: {{addr: \"127.0.0.1:{port}\"}}\n{auth}\n",
                data.display()
            );
            std::fs::write(&file, text).expect("a file");
            let mut command = lab.inside("docker-registry");
            command.arg("serve").arg(file).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("docker-registry")
        });
        let registries = Self(started.into());
        lab.ok(&["tag", "alpine", "localhost:5000/base:1"]);
        wait_for("the registry to take an image", || {
            lab.docker(&["push", "localhost:5000/base:1"]).status.success().then_some(())
        });
        wait_for("the registry with a password", || {
            let output = lab.docker(&["pull", "localhost:5001/x"]);
            String::from_utf8_lossy(&output.stderr).contains("no basic auth credentials").then_some(())
        });
        // So that both twins find the layers there, to be mounted.
        lab.ok(&["login", "-u", "janet", "-p", "secret", "localhost:5001"]);
        lab.ok(&["tag", "alpine", "localhost:5001/base:1"]);
        lab.ok(&["push", "localhost:5001/base:1"]);
        lab.ok(&["logout", "localhost:5001"]);
        Some(registries)
    }
}

impl Drop for Registries {
    fn drop(&mut self) {
        for child in &mut self.0 {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

fn run(lab: &Lab, docker: &str, twin: &str, line: &str) -> Output {
    let dir = lab.dir.join(twin);
    std::fs::create_dir_all(&dir).expect("a directory for the twin");
    Command::new("sh")
        .arg("-c")
        .arg(format!("docker() {{ {docker} \"$@\"; }}\n{line}"))
        .current_dir(&dir)
        .env("DOCKER_HOST", lab.host())
        .env("DOCKER_CONFIG", dir.join("config"))
        .env("PATH", format!("{}:/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin", lab.dir.join("bin").display()))
        .env("T", twin)
        .stdin(Stdio::null())
        .output()
        .expect("sh starts")
}

/// A helper that keeps what it is given in files, by docker's protocol.
fn helper(lab: &Lab) {
    let bin = lab.dir.join("bin");
    std::fs::create_dir_all(&bin).expect("a directory");
    let file = bin.join("docker-credential-files");
    let script = r#"#!/bin/sh
dir="$DOCKER_CONFIG/kept"; mkdir -p "$dir"; input=$(cat)
case $1 in
store) server=$(printf %s "$input" | sed 's/.*"ServerURL":"\([^"]*\)".*/\1/'); printf %s "$input" > "$dir/$(printf %s "$server" | tr / _)" ;;
get) cat "$dir/$(printf %s "$input" | tr / _)" 2>/dev/null || { echo "credentials not found in native keychain"; exit 1; } ;;
erase) rm "$dir/$(printf %s "$input" | tr / _)" 2>/dev/null || { echo "nothing kept"; exit 1; } ;;
list) echo '{}' ;;
esac
"#;
    std::fs::write(&file, script).expect("a file");
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o755)).expect("permissions");
}

#[test]
fn every_line_gives_what_the_real_docker_gives() {
    if !Path::new(REAL).exists() {
        return skip("the real docker CLI is not installed");
    }
    let Some(lab) = Lab::new("registry") else { return };
    let Some(_registries) = Registries::start(&lab) else { return };
    helper(&lab);
    let mut differences = String::new();
    let mut compared = 0;
    for line in LINES.lines().filter(|l| !l.is_empty() && !l.starts_with('#')) {
        let real = run(&lab, REAL, TWINS[0], line);
        let own = run(&lab, &lab.ours(), TWINS[1], line);
        compared += 1;
        let text = |bytes: &[u8]| {
            let mut lines: Vec<String> = normal(bytes, false).lines().map(str::to_owned).collect();
            // Layers are transferred side by side, in no order.
            if line.contains("| sort") {
                lines.sort();
            }
            lines.join("\n")
        };
        let parts = [
            ("code", format!("{:?}", real.status.code()), format!("{:?}", own.status.code())),
            ("stdout", text(&real.stdout), text(&own.stdout)),
            ("stderr", text(&real.stderr), text(&own.stderr)),
        ];
        for (what, real, own) in parts {
            if real != own {
                differences += &format!("\n$ {line}\n--- {what}, real:\n{real}\n--- {what}, ours:\n{own}\n");
            }
        }
    }
    assert!(compared > 40, "the script has its lines, not {compared} only");
    assert!(differences.is_empty(), "{differences}");
}

#[test]
fn a_terminal_is_asked_for_name_and_password_and_does_not_show_the_password() {
    let Some(lab) = Lab::new("login") else { return };
    let Some(_registries) = Registries::start(&lab) else { return };
    let mut terminal = Terminal::start(&lab.command(&["login", "localhost:5001"]), 24, 100);
    terminal.expect("Username: ");
    terminal.keys(b"janet\n");
    terminal.expect("Password: ");
    terminal.keys(b"secret\n");
    terminal.expect("Login Succeeded");
    assert!(terminal.wait().success());
    assert!(!terminal.seen("secret"));
    assert!(terminal.is_restored());
    let mut again = Terminal::start(&lab.command(&["login", "localhost:5001"]), 24, 100);
    again.expect("Authenticating with existing credentials... [Username: janet]");
    again.expect("Login Succeeded");
    assert!(again.wait().success());
}

/// A name that stands for an image of this machine's platform here, and for another's in the registry.
#[test]
fn a_build_pulls_the_platform_that_it_is_for() {
    let Some(lab) = Lab::new("build-platform") else { return };
    let Some(_registries) = Registries::start(&lab) else { return };
    let root = lab.dir.join("root.tar.gz").display().to_string();
    let name = "localhost:5000/other:1";
    lab.ok(&["import", "--platform", "linux/arm64", &root, name]);
    lab.ok(&["push", name]);
    let made_for = || lab.ok(&["image", "inspect", "-f", "{{.Os}}/{{.Architecture}}", name]);
    lab.ok(&["rmi", name]);
    let warning = format!(
        "WARNING: image with reference {name} was found but its platform (linux/arm64) does not match the specified platform (linux/amd64)"
    );
    let pulled = |platform: &str| lab.ok(&["pull", "--platform", platform, name]);
    assert!(pulled("linux/amd64").contains(&warning));
    assert!(!pulled("linux/arm64").contains("WARNING"));
    for (file, flags) in [
        (format!("FROM --platform=linux/arm64 {name}\nENV A=b\n"), vec![]),
        (format!("FROM {name}\nENV A=b\n"), vec!["--platform", "linux/arm64"]),
        (format!("FROM --platform=linux/arm64 {name}\nENV A=b\n"), vec!["--pull"]),
    ] {
        lab.ok(&["tag", "alpine", name]);
        assert_eq!(made_for(), "linux/amd64");
        let context = lab.dir.join("context");
        std::fs::create_dir_all(&context).expect("a directory");
        std::fs::write(context.join("Dockerfile"), &file).expect("a Dockerfile");
        lab.ok(&[&["build", "-q"], &flags[..], &[&context.display().to_string()]].concat());
        assert_eq!(made_for(), "linux/arm64", "{file} {flags:?}");
    }
}

/// Makes the lab's network slow, or as fast as it is.
fn slow(lab: &Lab, slow: bool) {
    let how: &[&str] = if slow { &["tbf", "rate", "4mbit", "burst", "100kb", "latency", "1s"] } else { &[] };
    let what = if slow { "add" } else { "del" };
    let status = lab.inside("tc").args(["qdisc", what, "dev", "lo", "root"]).args(how).status();
    assert!(status.is_ok_and(|status| status.success()), "tc {what}");
}

/// Runs a transfer and presses Ctrl-C when the terminal shows `sign`, or sends the signal that it stands for.
fn interrupt(lab: &Lab, docker: &[&str], args: &[&str], sign: &str) {
    let command = || {
        let mut command = Command::new(docker[0]);
        command
            .args(&docker[1..])
            .args(args)
            .env("DOCKER_HOST", lab.host())
            .env("DOCKER_CONFIG", lab.dir.join("config"));
        command
    };
    // The real client ends with 0 where its reader hears of the signal before its connection does.
    let ends: &[i32] = if docker[0] == REAL { &[130, 0] } else { &[130] };
    let ended = |status: std::process::ExitStatus| {
        assert!(status.code().is_some_and(|code| ends.contains(&code)), "{docker:?} {args:?}: {status}");
    };
    let mut terminal = Terminal::start(&command(), 24, 130);
    terminal.expect(sign);
    terminal.expect("[");
    terminal.keys(b"\x03");
    ended(terminal.wait());
    assert!(terminal.is_restored());

    let mut child = command().stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("it starts");
    let mut lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
    let first = lines.find(|line| line.as_ref().is_ok_and(|line| line.contains(": P")));
    assert!(first.is_some(), "{docker:?} {args:?} shows a layer");
    rustix::process::kill_process(rustix::process::Pid::from_child(&child), rustix::process::Signal::INT)
        .expect("a signal");
    ended(child.wait().expect("it ends"));
}

#[test]
fn an_interrupted_transfer_ends_as_dockers_and_leaves_nothing() {
    let Some(mut lab) = Lab::new("interrupted") else { return };
    let Some(_registries) = Registries::start(&lab) else { return };
    if lab.inside("tc").arg("-V").output().is_err() {
        return skip("tc is not installed: apt-get install iproute2");
    }
    let noise: Vec<u8> =
        (0..8_000_000_u32).map(|n| n.wrapping_mul(2_654_435_761).rotate_left(n % 31).to_be_bytes()[1]).collect();
    std::fs::write(lab.dir.join("noise"), noise).expect("a file");
    let tar = Command::new("tar").args(["-c", "-f", "noise.tar", "noise"]).current_dir(&lab.dir).status();
    assert!(tar.is_ok_and(|status| status.success()), "tar");
    let name = "localhost:5000/noise:1";
    lab.ok(&["import", &lab.dir.join("noise.tar").display().to_string(), name]);
    let own = lab.ours();
    let mut clients = vec![own.split(' ').collect::<Vec<_>>()];
    if Path::new(REAL).exists() {
        clients.push(vec![REAL]);
    }
    slow(&lab, true);
    for docker in &clients {
        interrupt(&lab, docker, &["push", name], "Pushing");
    }
    slow(&lab, false);
    lab.ok(&["push", name]);
    lab.ok(&["rmi", name]);
    let before = lab.ok(&["images", "-aq"]);
    slow(&lab, true);
    for docker in &clients {
        interrupt(&lab, docker, &["pull", name], "Downloading");
        assert_eq!(lab.ok(&["images", "-aq"]), before);
    }
    slow(&lab, false);
    lab.kill_engine();
    let (agent, data) = (own.split(' ').next().expect("a program"), lab.dir.join("data"));
    let checked =
        Command::new(agent).args(["engine", "fsck", "--deep", "--data-root"]).arg(data).output().expect("fsck");
    assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stdout));
    lab.start_engine();
    lab.ok(&["pull", name]);
}
