//! Commands about images, copies and prunes against what dockerd 20.10.24 printed for the same cases (`images/cases.sh`), by the
//! real docker CLI and by ours. The recording was made by the real CLI 28.2, each case run as `sh -v` in a directory of its own on
//! the same image `alpine`. Needs root and a static busybox.

mod common;

use common::transcript::{cases, normal};
use common::{Lab, REAL, skip};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Stdio};

const CASES: &str = include_str!("images/cases.sh");
const RECORDED: &str = include_str!("images/dockerd-20.10.24.txt");

/// What the dockerd of 2023 says in other words than Docker does today, and where we refuse what it lets pass.
const TODAY: &[(&str, &str)] = &[
    ("repository name must be lowercase", "repository name (library/Upper) must be lowercase"),
    ("Invalid filter '", "invalid filter '"),
    ("Error processing tar file(exit status 1): ", ""),
    ("bad parameter: pathcannot be empty", "Bad parameters: path cannot be empty"),
    ("no such image: nosuch: ", ""),
    ("no such image: cc: ", ""),
    ("no such image: i:1@sha256:ID64: ", ""),
    // Import of another architecture says so since 23.0.
    (".Architecture}}' imp:arm\nlinux/amd64", ".Architecture}}' imp:arm\nlinux/arm64"),
    // Archives are never unpacked by name here, so there are no paths to tell.
    (
        "open LAB/data/tmp/DIR/repositories: no such file or directory",
        "invalid archive: does not contain a manifest.json",
    ),
    ("open LAB/data/tmp/DIR/missing.tar: no such file or directory", "invalid archive: no file missing.tar"),
    ("open LAB/data/tmp/DIR/missing.json: no such file or directory", "invalid archive: no file missing.json"),
    ("open LAB/data/tmp/DIR/etc/passwd: no such file or directory", "invalid archive: no file /etc/passwd"),
    (
        "evalSymlinksInScope: LAB/data/tmp/config.json is not in LAB/data/tmp/DIR",
        "invalid archive: no file ../config.json",
    ),
    ("evalSymlinksInScope: LAB/data/tmp/layer.tar is not in LAB/data/tmp/DIR", "invalid archive: no file ../layer.tar"),
    // What is no JSON is told in our parser's words.
    (
        "json: cannot unmarshal object into Go value of type []tarexport.manifestItem",
        "invalid manifest.json: invalid type: map, expected a sequence at line 1 column 0",
    ),
    (
        "'nonsense' > manifest.json; load\ninvalid character 'o' in literal null (expecting 'u')",
        "'nonsense' > manifest.json; load\ninvalid manifest.json: expected ident at line 1 column 2",
    ),
    (
        "'nonsense' > config.json; load\ninvalid character 'o' in literal null (expecting 'u')",
        "'nonsense' > config.json; load\ninvalid image configuration: expected ident at line 1 column 2",
    ),
    // Hard links that lead out, and archives of images that do, are refused in one sentence.
    (
        "invalid hardlink \"/etc/passwd\" -> \"../../../../../../etc/passwd\"",
        "\"../../../../../../etc/passwd\" is outside of \"/tmp\"",
    ),
    ("link /tmp/etc/passwd /tmp/h2: no such", "link /tmp/etc/passwd: no such"),
    (
        "docker import up.tar bads\nsha256:ID64\n",
        "docker import up.tar bads\nError response from daemon: \"../../up\" leads out of the image: the archive is refused\n[1]\n",
    ),
    ("open /l/through: no such file or directory", "\"l\" leads out of the image: the archive is refused"),
    (
        "link /etc/passwd /h: no such file or directory",
        "\"../../../../../../etc/passwd\" leads out of the image: the archive is refused",
    ),
    // Nothing limits a layer's size on most file systems, and there it makes no such device.
    ("ls \"$ROOT/overlay2\"\nl\n", "ls \"$ROOT/overlay2\"\nbackingFsBlockDev\nl\n"),
];

/// `docker-import-` and its number, the name that dockerd gives to its temporary directories.
fn unnumbered(text: &str) -> String {
    let mut out = String::new();
    for (at, part) in text.split("docker-import-").enumerate() {
        if at > 0 {
            out += "DIR";
        }
        out += if at > 0 { part.trim_start_matches(|c: char| c.is_ascii_digit()) } else { part };
    }
    out
}

/// What must be said today.
fn wanted(recorded: &str) -> Vec<String> {
    let mut text = normal(&unnumbered(recorded)).join("\n") + "\n";
    for (then, now) in TODAY {
        text = text.replace(then, now);
    }
    normal(&text)
}

/// A command `docker` that tells its exit code where that is not 0.
fn wrapper(lab: &Lab, docker: &str) {
    let dir = lab.dir.join("bin");
    std::fs::create_dir_all(&dir).expect("a directory");
    let script = format!("#!/bin/sh\n{docker} \"$@\"\ncode=$?\n[ $code = 0 ] || echo \"[$code]\" >&2\nexit $code\n");
    std::fs::write(dir.join("docker"), script).expect("a script");
    let mode = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(dir.join("docker"), mode).expect("a mode");
}

fn base(lab: &Lab) {
    let archive = lab.dir.join("root.tar.gz").display().to_string();
    let path = "ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
    lab.ok(&["import", "-c", path, &archive, "alpine"]);
}

/// Leaves the engine with the image `alpine` alone.
fn clean(lab: &Lab) {
    let each = |args: &[&str], remove: &[&str]| {
        let all = lab.docker(args);
        for id in String::from_utf8_lossy(&all.stdout).split_whitespace() {
            lab.docker(&[remove, &[id]].concat());
        }
    };
    each(&["ps", "-aq"], &["rm", "-f"]);
    each(&["volume", "ls", "-q"], &["volume", "rm"]);
    for _ in 0..3 {
        each(&["images", "-aq"], &["rmi", "-f"]);
    }
    base(lab);
}

/// Runs all cases by one client and compares them with the recording.
fn compare(name: &str, docker: &dyn Fn(&Lab) -> String, ours: bool) {
    if slipway_testing::root::busybox().is_none() {
        return skip("busybox is not installed: apt-get install busybox-static");
    }
    for (program, package) in [("python3", "python3"), ("bzip2", "bzip2"), ("xz", "xz-utils")] {
        if Command::new(program).arg("--version").output().is_err() {
            return skip(&format!("{program} is not installed: apt-get install {package}"));
        }
    }
    let Some(lab) = Lab::bare(name) else { return };
    slipway_testing::root::archive(&lab.dir).expect("a small root file system");
    assert!(lab.inside("ip").args(["link", "set", "lo", "up"]).status().is_ok_and(|s| s.success()));
    wrapper(&lab, &docker(&lab));
    let (mut differences, mut compared) = (String::new(), 0);
    let only = std::env::var("SLIPWAY_CASE").unwrap_or_default();
    for (name, script) in cases(CASES).filter(|(name, _)| name.contains(&only)) {
        clean(&lab);
        let dir = lab.dir.join("case");
        let _ = std::fs::remove_dir_all(&dir);
        std::fs::create_dir_all(&dir).expect("a directory for the case");
        let file = lab.dir.join("case.sh");
        std::fs::write(&file, script.to_owned() + "\n").expect("the script");
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970");
        let run = lab
            .inside("sh")
            .arg("-c")
            .arg(format!("cd {}; exec sh -v {} 2>&1", dir.display(), file.display()))
            .env("DOCKER_HOST", lab.host())
            .env("DOCKER_CONFIG", lab.dir.join("config"))
            .env("PATH", format!("{}:/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin", lab.dir.join("bin").display()))
            .env("ROOT", lab.dir.join("data"))
            .env("SINCE", format!("{}.{:06}", since.as_secs(), since.subsec_micros()))
            .env("TZ", "UTC")
            .env("LC_ALL", "C")
            .stdin(Stdio::null())
            .output()
            .expect("sh starts");
        let got = String::from_utf8_lossy(&run.stdout)
            .replace(&dir.display().to_string(), "CASE")
            .replace(&lab.dir.display().to_string(), "LAB");
        let recorded = cases(RECORDED).find(|(heading, _)| *heading == name);
        let (_, recorded) = recorded.unwrap_or_else(|| panic!("{name} was not recorded"));
        let (mut wanted, mut got) = (wanted(recorded), normal(&got));
        if ours {
            // `inspect -f '{{json …}}'` of our client prints what the engine sends, with the fields that are empty.
            [&mut wanted, &mut got].into_iter().for_each(|lines| lines.retain(|line| !line.starts_with('{')));
        }
        if wanted != got {
            let kept = |text: &[String]| text.join("\n");
            differences += &format!("\n## {name}\n--- dockerd 20.10:\n{}\n--- here:\n{}\n", kept(&wanted), kept(&got));
        }
        compared += 1;
    }
    assert!(compared >= 39 || !only.is_empty(), "{compared} cases only");
    assert!(differences.is_empty(), "{differences}");
    clean(&lab);
}

#[test]
fn images_by_the_real_client_read_as_dockerds() {
    if !Path::new(REAL).exists() {
        return skip("the real docker CLI is not installed");
    }
    compare("images-real", &|_| REAL.to_owned(), false);
}

#[test]
fn images_by_our_client_read_as_dockerds() {
    compare("images-ours", &|lab| lab.ours(), true);
}
