//! Copies, saved and loaded archives by our client and by the real docker CLI 28.2 (`cp/cases.sh`): each runs every case in a directory and
//! a container of its own, and both must end with the same words, codes and trees. Needs root and a static busybox.

mod common;

use common::normal::TWINS;
use common::pty::Terminal;
use common::transcript::cases;
use common::{Lab, REAL, skip};
use std::collections::HashMap;
use std::fmt::Write as _;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, PermissionsExt as _};
use std::path::Path;
use std::process::{Command, Stdio};

const CASES: &str = include_str!("cp/cases.sh");

/// What every case starts with: `docker` tells its exit code, `inside` runs a command in the container.
const PRELUDE: &str =
    "docker() { $DOCKER \"$@\"; code=$?; echo \"$* [$code]\" >&2; }; inside() { $DOCKER exec $K sh -c \"$1\"; }\n";

/// Times before this are a case's own; all others are told apart by nothing.
const LONG_AGO: i64 = 1_100_000_000;

fn time(seconds: i64) -> String {
    if seconds < LONG_AGO { seconds.to_string() } else { "now".to_owned() }
}

/// A tree in words: for every file its kind, mode, owner, device, time, content or target, and the first name of the same inode.
fn tree(root: &Path) -> String {
    fn walk(root: &Path, at: &Path, seen: &mut HashMap<u64, String>, out: &mut String) {
        let mut children: Vec<_> =
            std::fs::read_dir(at).expect("a directory").map(|c| c.expect("an entry").path()).collect();
        children.sort();
        for path in children {
            let found = path.symlink_metadata().expect("a file");
            let name = path.strip_prefix(root).expect("below").display().to_string();
            let first = seen.entry(found.ino()).or_insert_with(|| name.clone()).clone();
            let kind = found.file_type();
            let content = match () {
                () if kind.is_symlink() => format!("-> {}", path.read_link().expect("a link").display()),
                () if kind.is_file() => {
                    format!("{:?}", String::from_utf8_lossy(&std::fs::read(&path).expect("a file")))
                }
                () if kind.is_dir() => "directory".to_owned(),
                () if kind.is_fifo() => "fifo".to_owned(),
                () if kind.is_socket() => "socket".to_owned(),
                () => format!("device {}", found.rdev()),
            };
            let when = time(found.mtime());
            let _ =
                writeln!(out, "{name}: {:o} {}:{} {when} {content} ={first}", found.mode(), found.uid(), found.gid());
            if kind.is_dir() {
                walk(root, &path, seen, out);
            }
        }
    }
    let (mut seen, mut out) = (HashMap::new(), String::new());
    walk(root, root, &mut seen, &mut out);
    out
}

/// The tree `/t` of the container, taken out by the engine's own archive.
fn container_tree(lab: &Lab, twin: &str) -> String {
    let dir = lab.dir.join(format!("{twin}-t"));
    let _ = std::fs::remove_dir_all(&dir);
    std::fs::create_dir(&dir).expect("a fresh directory");
    let script = format!("{REAL} cp {twin}:/t - | tar -xpf - -C {}", dir.display());
    let done = Command::new("sh").arg("-c").arg(script).env("DOCKER_HOST", lab.host()).status();
    assert!(done.is_ok_and(|status| status.success()));
    tree(&dir)
}

/// The client's log without its times, and without what the real client says of its own pipe when the engine did not want all of an archive.
fn untimed(text: &str) -> String {
    let line = |line: &str| match line.strip_prefix("time=").and_then(|rest| rest.split_once(" level=")) {
        Some((_, rest)) => format!("level={rest}\n"),
        None => format!("{line}\n"),
    };
    text.lines().filter(|line| !line.contains("on closed pipe")).map(line).collect()
}

/// Runs one case as one of the twins: what was said, and what there is then on both sides.
fn run(lab: &Lab, docker: &str, twin: &str, script: &str) -> String {
    let dir = lab.dir.join(twin);
    let _ = std::fs::remove_dir_all(&dir);
    std::fs::create_dir(&dir).expect("a directory for the twin");
    lab.ok(&["exec", twin, "sh", "-c", "rm -rf /t /tl; mkdir /t"]);
    let done = Command::new("sh")
        .arg("-c")
        .arg(format!("{PRELUDE}{script}"))
        .current_dir(&dir)
        .env("DOCKER", docker)
        .env("DOCKER_HOST", lab.host())
        .env("DOCKER_CONFIG", lab.dir.join("config"))
        .env("K", twin)
        .env("TZ", "UTC")
        .env("LC_ALL", "C")
        .stdin(Stdio::null())
        .output()
        .expect("sh starts");
    let said = |bytes: &[u8]| untimed(&String::from_utf8_lossy(bytes));
    let text = format!(
        "{}--\n{}-- here\n{}-- in the container\n{}",
        said(&done.stdout),
        said(&done.stderr),
        tree(&dir),
        container_tree(lab, twin)
    );
    text.replace(TWINS[1], TWINS[0])
}

#[test]
fn copies_end_as_the_real_clients() {
    if !Path::new(REAL).exists() {
        return skip("the real docker CLI is not installed");
    }
    let Some(lab) = Lab::new("cp") else { return };
    for twin in TWINS {
        lab.ok(&["run", "-d", "--init", "--name", twin, "alpine", "sleep", "1000"]);
    }
    let only = std::env::var("SLIPWAY_CASE").unwrap_or_default();
    let (mut differences, mut compared) = (String::new(), 0);
    for (name, script) in cases(CASES).filter(|(name, _)| name.contains(&only)) {
        let (real, ours) = (run(&lab, REAL, TWINS[0], script), run(&lab, &lab.ours(), TWINS[1], script));
        if real != ours {
            let lines = |text: &str, other: &str| {
                text.lines().filter(|line| !other.lines().any(|o| o == *line)).collect::<Vec<_>>().join("\n")
            };
            let _ = write!(
                differences,
                "\n## {name}\n--- real:\n{}\n--- ours:\n{}\n",
                lines(&real, &ours),
                lines(&ours, &real)
            );
        }
        compared += 1;
    }
    assert!(compared >= 10 || !only.is_empty(), "{compared} cases only");
    assert!(differences.is_empty(), "{differences}");
}

/// A socket where the engine answers one copy with an archive of our own making.
fn engine_with(lab: &Lab, archive: Vec<u8>) -> std::path::PathBuf {
    use std::io::{Read as _, Write as _};
    let path = lab.dir.join("fake.sock");
    let _ = std::fs::remove_file(&path);
    let listener = std::os::unix::net::UnixListener::bind(&path).expect("a socket");
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.expect("a connection");
            let archive = archive.clone();
            std::thread::spawn(move || {
                let (mut buffer, mut request) = ([0; 4096], Vec::new());
                while !request.ends_with(b"\r\n\r\n") {
                    match stream.read(&mut buffer) {
                        Ok(length) if length > 0 => request.extend(&buffer[..length]),
                        _ => return,
                    }
                }
                // {"name":"a","mode":2147484141}: a directory.
                let body: &[u8] = if request.windows(8).any(|part| part == b"/archive") { &archive } else { b"OK" };
                let head = format!(
                    "HTTP/1.1 200 OK\r\nApi-Version: 1.50\r\nConnection: close\r\nContent-Length: {}\r\nX-Docker-Container-Path-Stat: eyJuYW1lIjoiYSIsIm1vZGUiOjIxNDc0ODQxNDF9\r\n\r\n",
                    body.len()
                );
                let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body));
            });
        }
    });
    path
}

/// An archive of entries: kind, name, and the target or the content.
fn archive(entries: &[(tar::EntryType, &str, &str)]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for (kind, name, text) in entries {
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(*kind);
        header.set_mode(0o755);
        header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
        let file = *kind == tar::EntryType::Regular;
        if !file {
            header.set_link_name_literal(text).expect("a short name");
        }
        header.set_size(if file { text.len() as u64 } else { 0 });
        header.set_cksum();
        builder.append(&header, if file { text.as_bytes() } else { b"" }).expect("memory takes all");
    }
    builder.into_inner().expect("memory takes all")
}

#[test]
fn no_archive_writes_outside_of_its_destination() {
    use tar::EntryType::{Directory, Link, Regular, Symlink};
    let Some(lab) = Lab::bare("cp-escape") else { return };
    let outside = lab.dir.join("outside");
    std::fs::create_dir(&outside).expect("a directory");
    std::fs::write(outside.join("secret"), "mine").expect("a file");
    let absolute = outside.display().to_string();
    let secret = format!("{absolute}/secret");
    let cases: &[&[(tar::EntryType, &str, &str)]] = &[
        &[(Directory, "a/", ""), (Symlink, "a/l", &absolute), (Regular, "a/l/new", "x")],
        &[(Directory, "a/", ""), (Symlink, "a/l", &absolute), (Link, "a/h", "a/l/secret")],
        &[(Symlink, "s", "."), (Symlink, "t", "s/../outside"), (Regular, "t/new", "x")],
        &[(Regular, "../outside/new", "x")],
        &[(Regular, "a/../../outside/new", "x")],
        &[(Link, "h", "../outside/secret")],
        &[(Link, "h", &secret)],
        &[(Symlink, "l", "../outside")],
        &[(Symlink, "l", "../out-side")],
        &[(Directory, "a/", ""), (Symlink, "a/l", &absolute), (Directory, "a/l/new/", "")],
        &[(Symlink, "a", &absolute), (Regular, "a", "replaced"), (Regular, "a/secret", "x")],
    ];
    for case in cases {
        let out = lab.dir.join("out");
        let _ = std::fs::remove_dir_all(&out);
        std::fs::create_dir(&out).expect("a directory");
        let socket = engine_with(&lab, archive(case));
        let host = format!("unix://{}", socket.display());
        let done =
            lab.command(&["cp", "k:/a", "."]).current_dir(&out).env("DOCKER_HOST", host).output().expect("starts");
        assert!(!done.status.success(), "{case:?}: {done:?}");
        let found = std::fs::metadata(outside.join("secret")).expect("the secret is there");
        assert_eq!((found.nlink(), std::fs::read_dir(&outside).expect("a directory").count()), (1, 1), "{case:?}");
        assert_eq!(std::fs::read_to_string(outside.join("secret")).expect("a file"), "mine", "{case:?}");
    }
}

#[test]
fn an_interrupted_download_leaves_nothing() {
    use std::io::{Read as _, Write as _};
    let Some(lab) = Lab::bare("interrupted-download") else { return };
    let out = lab.dir.join("out");
    std::fs::create_dir(&out).expect("a directory");
    let socket = lab.dir.join("endless.sock");
    let listener = std::os::unix::net::UnixListener::bind(&socket).expect("a socket");
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.expect("a connection");
            let request = stream.read(&mut [0; 4096]).expect("a request");
            assert!(request > 0);
            // Ends with its reader.
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nApi-Version: 1.50\r\nConnection: close\r\n\r\n");
            while stream.write_all(&[0; 512]).is_ok() {
                std::thread::sleep(std::time::Duration::from_millis(1));
            }
        }
    });
    let names = || -> Vec<_> {
        let entries = std::fs::read_dir(&out).expect("a directory");
        entries.map(|entry| entry.expect("an entry").file_name()).collect()
    };
    for command in [["save", "-o", "x.tar", "image"], ["export", "-o", "x.tar", "container"]] {
        let mut client = lab.command(&command);
        let client = client.current_dir(&out).env("DOCKER_HOST", format!("unix://{}", socket.display()));
        let mut client = client.env("DOCKER_API_VERSION", "1.50").spawn().expect("it starts");
        common::wait_for("the file that is being written", || (!names().is_empty()).then_some(()));
        rustix::process::kill_process(rustix::process::Pid::from_child(&client), rustix::process::Signal::INT)
            .expect("a signal");
        assert_eq!(client.wait().expect("it ends").code(), Some(130), "{command:?}");
        assert!(names().is_empty(), "{command:?}: {:?}", names());
    }
}

#[test]
fn an_archive_that_ends_early_fails_the_copy() {
    let Some(lab) = Lab::bare("cp-early") else { return };
    let mut whole = archive(&[(tar::EntryType::Regular, "a", &"x".repeat(5000))]);
    whole.truncate(3000);
    let host = format!("unix://{}", engine_with(&lab, whole).display());
    let done =
        lab.command(&["cp", "k:/a", "out"]).current_dir(&lab.dir).env("DOCKER_HOST", host).output().expect("starts");
    assert!(!done.status.success(), "{done:?}");
}

#[test]
fn a_file_that_cannot_be_read_fails_the_copy_of_the_others() {
    let Some(lab) = Lab::new("cp-unreadable") else { return };
    lab.ok(&["create", "--name", "kk", "alpine", "true"]);
    let dir = lab.dir.join("d");
    std::fs::create_dir(&dir).expect("a directory");
    for name in ["a", "b", "c"] {
        std::fs::write(dir.join(name), name).expect("a file");
    }
    std::fs::set_permissions(dir.join("b"), std::fs::Permissions::from_mode(0o000)).expect("a mode");
    std::fs::set_permissions(lab.dir.join("d.sock"), std::fs::Permissions::from_mode(0o666)).expect("a mode");
    let host = lab.host();
    let words = lab.ours();
    let mut command = Command::new("setpriv");
    command.args(["--reuid", "65534", "--regid", "65534", "--clear-groups"]).args(words.split(' '));
    let done = command
        .args(["cp", &dir.display().to_string(), "kk:/copied"])
        .env("DOCKER_HOST", host)
        .output()
        .expect("setpriv");
    let said = String::from_utf8_lossy(&done.stderr);
    assert_eq!(done.status.code(), Some(1), "{said}");
    assert!(said.contains("b: permission denied"), "{said}");
    let out = lab.dir.join("out");
    lab.ok(&["cp", "kk:/copied", &out.display().to_string()]);
    assert_eq!(tree(&out).lines().count(), 2, "{}", tree(&out));
}

#[test]
fn a_terminal_is_told_the_size_of_a_copy() {
    let Some(lab) = Lab::new("cp-terminal") else { return };
    lab.ok(&["create", "--name", "kk", "alpine", "true"]);
    let file = lab.dir.join("f");
    std::fs::write(&file, "hello").expect("a file");
    let file = file.display().to_string();
    let mut terminal = Terminal::start(&lab.command(&["cp", &file, "kk:/f"]), 24, 80);
    terminal.expect("Successfully copied 2.05kB to kk:/f");
    assert!(terminal.wait().success());
    let mut terminal = Terminal::start(&lab.command(&["cp", "kk:/f", &file]), 24, 80);
    terminal.expect(&format!("Successfully copied 2.05kB to {file}"));
    assert!(terminal.wait().success());
}
