//! `docker build` against what dockerd 20.10.24 printed for the same cases (`build/cases.sh`), by the real docker CLI and by ours; and builds that are
//! cancelled, killed with their engine, or out of room. Needs root and a static busybox.

mod common;

use common::{Lab, REAL, skip, wait_for};
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

const CASES: &str = include_str!("build/cases.sh");
const RECORDED: &str = include_str!("build/dockerd-20.10.24.txt");

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
];

fn cases(text: &str) -> impl Iterator<Item = (&str, &str)> {
    let parts = text.strip_prefix("## ").unwrap_or(text).split("\n## ");
    parts.map(|part| part.split_once('\n').unwrap_or((part, "")))
}

/// Takes out what differs between two runs: ids, hashes, sizes of contexts, this machine's directories; and the lines of the Dockerfile that our engine shows
/// when a step fails, as BuildKit does.
fn normal(text: &str) -> String {
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
            None => line.replace('\r', ""),
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

/// A root file system of busybox alone, the same as dockerd's when the cases were recorded.
fn import_base(lab: &Lab) -> bool {
    let Some(busybox) = ["/bin/busybox", "/usr/bin/busybox"].into_iter().find(|path| Path::new(path).exists()) else {
        skip("no busybox is installed");
        return false;
    };
    let names = Command::new(busybox).arg("--list").output().expect("busybox runs");
    let mut tar = tar::Builder::new(Vec::new());
    let header = |kind: tar::EntryType, mode: u32| {
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(kind);
        header.set_mode(mode);
        header.set_size(0);
        header
    };
    for dir in ["bin/", "etc/", "proc/", "root/", "tmp/"] {
        tar.append_data(&mut header(tar::EntryType::Directory, 0o755), dir, std::io::empty()).expect("a directory");
    }
    let mut file = |name: &str, mode: u32, content: &[u8]| {
        let mut head = header(tar::EntryType::Regular, mode);
        head.set_size(content.len() as u64);
        tar.append_data(&mut head, name, content).expect("a file");
    };
    file("bin/busybox", 0o755, &std::fs::read(busybox).expect("busybox"));
    let passwd = "root:x:0:0:root:/root:/bin/sh\napp:x:1000:1001:app:/home/app:/bin/sh\n";
    file("etc/passwd", 0o644, passwd.as_bytes());
    file("etc/group", 0o644, b"root:x:0:\napp:x:1001:\n");
    for name in String::from_utf8_lossy(&names.stdout).lines().filter(|name| *name != "busybox") {
        let mut head = header(tar::EntryType::Symlink, 0o777);
        tar.append_link(&mut head, format!("bin/{name}"), "busybox").expect("a link");
    }
    let archive = tar.into_inner().expect("an archive");
    let mut import = lab.command(&["import", "-", "base"]).stdin(Stdio::piped()).spawn().expect("our docker starts");
    import.stdin.take().expect("a pipe").write_all(&archive).expect("the archive is taken");
    assert!(import.wait().expect("the import ends").success());
    let static_enough = lab.docker(&["run", "--rm", "base", "true"]).status.success();
    if !static_enough {
        skip("busybox is not static: it does not run alone");
    }
    static_enough
}

/// Runs all cases by one client and compares them with the recording.
fn compare(name: &str, docker: &dyn Fn(&Lab) -> String, ours: bool) {
    let Some(lab) = Lab::bare(name) else { return };
    if !import_base(&lab) {
        return;
    }
    let (mut differences, mut compared) = (String::new(), 0);
    for (name, script) in cases(CASES) {
        let dir = lab.dir.join("case");
        let _ = std::fs::remove_dir_all(&dir);
        std::fs::create_dir_all(&dir).expect("a directory for the case");
        let run = Command::new("sh")
            .arg("-c")
            .arg(format!("docker() {{ {} \"$@\"; }}\n{script}", docker(&lab)))
            .current_dir(&dir)
            .env("DOCKER_HOST", lab.host())
            .env("DOCKER_CONFIG", lab.dir.join("config"))
            .env("DOCKER_BUILDKIT", "0")
            .stdin(Stdio::null())
            .output()
            .expect("sh starts");
        let warning = "DEPRECATED: The legacy builder is deprecated and will be removed in a future release.\n            BuildKit is currently disabled; enable it by removing the DOCKER_BUILDKIT=0\n            environment-variable.\n\n";
        let stderr = String::from_utf8_lossy(&run.stderr).replace(warning, "");
        let got = format!("{}--- stderr\n{stderr}", String::from_utf8_lossy(&run.stdout));
        let got = got.replace(&dir.display().to_string(), "CASE").replace(&lab.dir.display().to_string(), "LAB");
        let mut wanted = section(RECORDED, name).unwrap_or_else(|| panic!("{name} was not recorded")).to_owned() + "\n";
        for (then, now) in TODAY {
            wanted = wanted.replace(then, now);
        }
        let lines = |text: &str| -> Vec<String> {
            let text = normal(text);
            // `inspect -f '{{json …}}'` of our client prints what the engine sends, with the fields that are empty.
            text.lines().filter(|line| !(line.is_empty() || ours && line.starts_with('{'))).map(str::to_owned).collect()
        };
        let (wanted, got) = (lines(&wanted), lines(&got));
        if wanted != got {
            differences +=
                &format!("\n## {name}\n--- dockerd 20.10:\n{}\n--- here:\n{}\n", wanted.join("\n"), got.join("\n"));
        }
        compared += 1;
    }
    assert!(compared >= 50, "{compared} cases only");
    assert!(differences.is_empty(), "{differences}");
    let kept = lab.ok(&["ps", "-aq"]).lines().count();
    assert_eq!(kept, 2, "only the containers of --rm=false are left");
}

#[test]
fn builds_by_the_real_client_read_as_dockerds() {
    if !Path::new(REAL).exists() {
        return skip("the real docker CLI is not installed");
    }
    compare("build-real", &|_| REAL.to_owned(), false);
}

#[test]
fn builds_by_our_client_read_as_dockerds() {
    compare("build-ours", &|lab| lab.ours(), true);
}

fn write(dir: &Path, name: &str, text: &str) {
    std::fs::create_dir_all(dir).expect("a directory");
    std::fs::write(dir.join(name), text).expect("a file");
}

/// Waits for a container to run, so that a build is in the middle of a step.
fn wait_for_step(lab: &Lab) {
    wait_for("the step to run", || (!lab.ok(&["ps", "-q"]).is_empty()).then_some(()));
}

fn no_debris(lab: &Lab) {
    wait_for("the build's containers to go", || lab.ok(&["ps", "-aq"]).is_empty().then_some(()));
    let mounts = lab.dir.join("data/image/overlay2/layerdb/mounts");
    wait_for("the build's layers to go", || {
        std::fs::read_dir(&mounts).is_ok_and(|mut d| d.next().is_none()).then_some(())
    });
    let scratch = lab.dir.join("data/builder/tmp");
    wait_for("the build's files to go", || {
        std::fs::read_dir(&scratch).map_or(true, |mut d| d.next().is_none()).then_some(())
    });
}

#[test]
fn a_build_whose_client_goes_away_or_whose_engine_is_killed_leaves_nothing() {
    let Some(mut lab) = Lab::bare("build-cut") else { return };
    if !import_base(&lab) {
        return;
    }
    let dir = lab.dir.join("context");
    write(&dir, "Dockerfile", "FROM base\nRUN echo first > /first\nRUN sleep 100\n");
    let path = dir.display().to_string();
    let start = |lab: &Lab| {
        lab.command(&["build", &path]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("our docker starts")
    };
    let mut build = start(&lab);
    wait_for_step(&lab);
    build.kill().expect("the client is killed");
    build.wait().expect("and gone");
    no_debris(&lab);
    let mut build = start(&lab);
    wait_for_step(&lab);
    lab.kill_engine();
    build.wait().expect("the client sees the end");
    lab.start_engine();
    no_debris(&lab);
    write(&dir, "Dockerfile", "FROM base\nRUN echo first > /first\nRUN cat /first\n");
    let again = lab.ok(&["build", &path]);
    assert!(again.contains("Using cache") && again.contains("\nfirst\n"), "{again}");
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
    write(&dir, "Dockerfile", "FROM base\nRUN head -c 40000000 /dev/zero > /big\n");
    let failed = lab.docker(&["build", &dir.display().to_string()]);
    let said = String::from_utf8_lossy(&failed.stdout).into_owned() + &String::from_utf8_lossy(&failed.stderr);
    assert!(!failed.status.success() && said.contains("No space left on device"), "{said}");
    write(&dir, "big", "");
    std::fs::File::create(dir.join("big")).and_then(|file| file.set_len(40_000_000)).expect("a big file");
    write(&dir, "Dockerfile", "FROM base\nCOPY big /big\n");
    let failed = lab.docker(&["build", &dir.display().to_string()]);
    assert!(!failed.status.success());
    std::fs::remove_file(dir.join("big")).expect("the file goes");
    write(&dir, "Dockerfile", "FROM base\nRUN echo small > /small && cat /small\n");
    let built = lab.ok(&["build", &dir.display().to_string()]);
    assert!(built.contains("\nsmall\n") && built.contains("Successfully built"), "{built}");
    assert!(lab.ok(&["ps", "-aq"]).is_empty());
}

#[test]
fn stages_run_side_by_side_and_builds_share_their_steps() {
    let Some(lab) = Lab::bare("build-together") else { return };
    if !import_base(&lab) {
        return;
    }
    let dir = lab.dir.join("context");
    // Each stage waits for what only the other one does.
    let text = "FROM base AS one\nRUN --mount=type=cache,id=meet,target=/m touch /m/one; for i in $(seq 200); do [ -e /m/two ] && exit 0; sleep 0.1; done; exit 1\n\
                FROM base AS two\nRUN --mount=type=cache,id=meet,target=/m touch /m/two; for i in $(seq 200); do [ -e /m/one ] && exit 0; sleep 0.1; done; exit 1\n\
                FROM base AS never\nRUN exit 9\nFROM base\nCOPY --from=one /etc/passwd /1\nCOPY --from=two /etc/passwd /2\n";
    write(&dir, "Dockerfile", text);
    let path = dir.display().to_string();
    let built = lab.ok(&["build", &path]);
    assert!(built.contains("Step 1/7 : FROM base AS one") && !built.contains("never"), "{built}");
    write(&dir, "Dockerfile", "FROM base\nRUN sleep 1; cat /proc/sys/kernel/random/uuid > /id\n");
    let names = ["a", "b", "c"];
    let builds = names.map(|name| {
        lab.command(&["build", "-t", name, &path]).stdout(Stdio::null()).spawn().expect("our docker starts")
    });
    for mut build in builds {
        assert!(build.wait().expect("it ends").success());
    }
    let ids: std::collections::BTreeSet<String> =
        names.iter().map(|name| lab.ok(&["run", "--rm", name, "cat", "/id"])).collect();
    assert_eq!(ids.len(), 1, "the step ran once");
    no_debris(&lab);
}
