//! Builds that are cancelled, killed with their engine at every kind of step, out of room, or sent what is no build; afterwards nothing is left of them, every
//! reference in the store resolves, and the build can be repeated. Needs root and a static busybox.

mod common;

use common::build::{import_base, lab, no_debris, said, wait_for_step, write};
use common::{Lab, wait_for};
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::process::{Child, Stdio};

/// Starts a build that nobody listens to.
fn start(lab: &Lab, path: &str) -> Child {
    lab.command(&["build", path]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("our docker starts")
}

#[test]
fn a_build_whose_client_goes_away_leaves_nothing() {
    let Some(lab) = lab("build-cut") else { return };
    let dir = lab.dir.join("context");
    write(&dir, "Dockerfile", "FROM base\nRUN echo first > /first\nRUN sleep 100\n");
    let path = dir.display().to_string();
    let mut build = start(&lab, &path);
    wait_for_step(&lab, "sleep 100");
    build.kill().expect("the client is killed");
    build.wait().expect("and gone");
    no_debris(&lab);
    write(&dir, "Dockerfile", "FROM base\nRUN echo first > /first\nRUN cat /first\n");
    let again = lab.ok(&["build", &path]);
    assert!(again.contains("Using cache") && again.contains("\nfirst\n"), "{again}");
}

#[test]
fn an_engine_that_is_killed_in_a_step_finds_its_store_whole() {
    let Some(mut lab) = lab("build-killed") else { return };
    let dir = lab.dir.join("context");
    let path = dir.display().to_string();
    write(&dir, "Dockerfile", "FROM base\nRUN echo first > /first\nRUN sleep 100\n");
    let mut build = start(&lab, &path);
    wait_for_step(&lab, "sleep 100");
    lab.kill_engine();
    build.wait().expect("the client sees the end");
    lab.start_engine();
    no_debris(&lab);
    write(&dir, "Dockerfile", "FROM base\nRUN echo first > /first\nRUN cat /first\n");
    let again = lab.ok(&["build", &path]);
    assert!(again.contains("Using cache") && again.contains("\nfirst\n"), "{again}");
    no_debris(&lab);
}

/// The engine is killed after ever longer times, so that the context, the copies, the commands and the commits are all hit.
#[test]
fn an_engine_that_is_killed_at_any_time_finds_its_store_whole() {
    let Some(mut lab) = lab("build-killed-anywhere") else { return };
    let dir = lab.dir.join("context");
    for at in 0..100 {
        write(&dir.join("many"), &format!("file{at}"), &"x".repeat(20_000));
    }
    let text = "FROM base\nCOPY many /one\nRUN cp -r /one /two\nENV A=1\nWORKDIR /three/four\nCOPY many /five\nRUN --mount=type=cache,target=/c cp -r /one /c/one; rm -r /two\n";
    write(&dir, "Dockerfile", text);
    let path = dir.display().to_string();
    let begun = std::time::Instant::now();
    lab.ok(&["build", "--no-cache", &path]);
    let whole = begun.elapsed();
    let rounds = 8;
    for round in 0..rounds {
        let mut build = lab
            .command(&["build", "--no-cache", &path])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("our docker starts");
        std::thread::sleep(whole * (2 * round + 1) / (2 * rounds));
        lab.kill_engine();
        build.wait().expect("the client sees the end");
        lab.start_engine();
        no_debris(&lab);
    }
    let built = lab.ok(&["build", "-t", "after", &path]);
    assert!(built.contains("Successfully tagged after:latest"), "{built}");
    assert_eq!(lab.ok(&["run", "--rm", "after", "sh", "-c", "ls /one | wc -l; ls /five | wc -l"]), "100\n100");
    no_debris(&lab);
}

#[test]
fn a_full_disk_fails_the_build_and_nothing_else() {
    let Some(mut lab) = Lab::bare("build-full") else { return };
    lab.kill_engine();
    let data = lab.dir.join("data").display().to_string();
    let mounted = lab.inside("mount").args(["-t", "tmpfs", "-o", "size=16m", "tmpfs", &data]).status();
    assert!(mounted.expect("mount starts").success());
    lab.start_engine();
    if !import_base(&lab) {
        return;
    }
    let dir = lab.dir.join("context");
    let path = dir.display().to_string();
    let fails = |lab: &Lab, why: &str| {
        let (ok, text) = said(lab, &["build", &path]);
        assert!(!ok && text.to_lowercase().contains("no space left on device"), "{why}: {text}");
    };
    write(&dir, "Dockerfile", "FROM base\nRUN dd if=/dev/zero of=/big bs=1M count=40\n");
    fails(&lab, "in a command");
    std::fs::File::create(dir.join("big")).and_then(|file| file.set_len(40_000_000)).expect("a big file");
    write(&dir, "Dockerfile", "FROM base\nCOPY big /big\n");
    fails(&lab, "in the context");
    std::fs::File::create(dir.join("big")).and_then(|file| file.set_len(8_000_000)).expect("a big file");
    write(&dir, "Dockerfile", "FROM base\nCOPY big /one\nCOPY big /two\n");
    fails(&lab, "in a copy");
    std::fs::remove_file(dir.join("big")).expect("the file goes");
    write(&dir, "Dockerfile", "FROM base\nRUN echo small > /small && cat /small\n");
    let (ok, built) = said(&lab, &["build", &path]);
    assert!(ok && built.contains("\nsmall\n") && built.contains("Successfully built"), "{built}");
    assert!(lab.ok(&["ps", "-aq"]).is_empty());
    // The engine's data are on a disk that only its own namespace sees: it is asked there.
    let left =
        lab.inside("sh").arg("-c").arg(format!("ls {data}/image/overlay2/layerdb/mounts {data}/builder/tmp")).output();
    let left = String::from_utf8_lossy(&left.expect("sh starts").stdout).into_owned();
    assert!(left.lines().all(|line| line.is_empty() || line.ends_with(':')), "{left}");
}

/// Sends a request by hand and gives the answer's status and body.
fn post(lab: &Lab, query: &str, body: &[u8]) -> (u16, String) {
    let mut stream = UnixStream::connect(lab.dir.join("d.sock")).expect("the engine listens");
    let head = format!(
        "POST /build?{query} HTTP/1.1\r\nHost: d\r\nConnection: close\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body)).expect("it is taken");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).expect("an answer");
    let text = String::from_utf8_lossy(&answer).into_owned();
    let status = text.get(9..12).and_then(|code| code.parse().ok()).expect("a status");
    (status, text.split_once("\r\n\r\n").map(|(_, body)| body.to_owned()).unwrap_or_default())
}

fn archive(entries: &[(tar::EntryType, &str, &[u8], &str)]) -> Vec<u8> {
    let mut tar = tar::Builder::new(Vec::new());
    for (kind, name, content, link) in entries {
        let mut header = tar::Header::new_ustar();
        header.set_entry_type(*kind);
        header.set_mode(0o644);
        header.set_size(content.len() as u64);
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(0);
        // Written by hand: the library refuses names that lead out.
        header.as_mut_bytes()[..name.len()].copy_from_slice(name.as_bytes());
        header.as_mut_bytes()[157..157 + link.len()].copy_from_slice(link.as_bytes());
        header.set_cksum();
        tar.append(&header, *content).expect("an entry");
    }
    tar.into_inner().expect("an archive")
}

#[test]
fn what_is_no_build_is_refused_and_leaves_nothing() {
    use tar::EntryType::{Link, Regular, Symlink};
    let Some(lab) = lab("build-hostile") else { return };
    let refused = |query: &str, body: &[u8], status: u16, why: &str| {
        let (got, text) = post(&lab, query, body);
        assert_eq!(got, status, "{query}: {text}");
        assert!(text.contains(why), "{query}: {text}");
    };
    let plain = archive(&[(Regular, "Dockerfile", b"FROM base\n", "")]);
    refused("", b"this is no archive, however long it may be", 500, "Error processing tar file");
    refused("", &[0xff; 4096], 500, "Error processing tar file");
    refused("", &plain[..515], 500, "Error processing tar file(exit status 1): unexpected EOF");
    refused("version=2", &plain, 400, "BuildKit is not available");
    refused("squash=1", &plain, 400, "squash is only supported with experimental mode");
    refused("buildargs=nonsense", &plain, 400, "error reading");
    refused("t=UPPER", &plain, 400, "must be lowercase");
    refused("remote=nonsense", b"", 400, "remoteURL (nonsense) could not be recognized as URL");
    refused("dockerfile=..%2F..%2Fetc%2Fpasswd", &plain, 400, "Cannot locate specified Dockerfile");
    let huge = archive(&[(Regular, "Dockerfile", &vec![b'#'; 17 << 20], "")]);
    refused("", &huge, 400, "is longer than 16777216 bytes");
    // Entries that would read or write outside of the context.
    std::fs::write(lab.dir.join("precious"), "kept").expect("a file");
    let out = lab.dir.display().to_string();
    let link = archive(&[(Regular, "Dockerfile", b"FROM base\n", ""), (Link, "h", b"", &format!("{out}/precious"))]);
    refused("", &link, 500, "Error processing tar file");
    let through = archive(&[
        (Symlink, "l", b"", &out),
        (Regular, "l/precious", b"gone", ""),
        (Regular, "Dockerfile", b"FROM base\n", ""),
    ]);
    refused("", &through, 500, "Error processing tar file");
    let linked = archive(&[(Symlink, "Dockerfile", b"", &format!("{out}/precious"))]);
    refused("", &linked, 400, "Cannot locate specified Dockerfile");
    assert_eq!(std::fs::read_to_string(lab.dir.join("precious")).expect("the file"), "kept");
    // A body that ends too early, and one that never comes.
    let mut stream = UnixStream::connect(lab.dir.join("d.sock")).expect("the engine listens");
    stream.write_all(b"POST /build HTTP/1.1\r\nHost: d\r\nContent-Length: 100000\r\n\r\n").expect("it is taken");
    stream.write_all(&plain[..600]).expect("it is taken");
    drop(stream);
    wait_for("the engine to go on", || (post(&lab, "", &plain).0 == 200).then_some(()));
    no_debris(&lab);
}
