//! `node-agent image` as a program: archives made by the store in memory, given as files, through a pipe, compressed and broken.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use engine_wasm::store::{BuildOptions, ContextFile, SaveFormat, Store, context};

fn run(args: &[&str], input: &[u8]) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_node-agent"))
        .arg("image")
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("node-agent starts");
    // A command that has failed before reading closes the pipe.
    let _ = child.stdin.take().expect("a pipe").write_all(input);
    child.wait_with_output().expect("it ends")
}

fn outcome(args: &[&str], input: &[u8]) -> (Option<i32>, String, String) {
    let Output { status, stdout, stderr } = run(args, input);
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
    (status.code(), text(stdout), text(stderr))
}

/// Two images: `demo:1`, and `demo:2` above it with a removed line of its own.
fn store() -> Store {
    let mut store = Store::default();
    let files = [
        ContextFile::file("hello", 0o755, b"hello\n".to_vec()),
        ContextFile::file("etc/conf", 0o600, vec![b'x'; 5000]),
        ContextFile::symlink("link", "hello"),
    ];
    let files = context(files).expect("a context");
    for (tag, more) in [("demo:1", ""), ("demo:2", "COPY etc/conf /etc/conf\nENV A=b\n")] {
        let text = format!("FROM scratch\nCOPY . /\nLABEL x=1\nCMD [\"/hello\"]\n{more}");
        let options = BuildOptions { tags: vec![tag.into()], epoch: 1_700_000_000, ..BuildOptions::default() };
        store.build(&text, &files, &options).expect("an image");
    }
    store
}

/// A file that goes with the test.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str, bytes: &[u8]) -> Self {
        let path = std::env::temp_dir().join(format!("slipway-image-{name}-{}", std::process::id()));
        std::fs::write(&path, bytes).expect("a file");
        Self(path)
    }

    fn path(&self) -> &str {
        self.0.to_str().expect("UTF-8")
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

fn gzip(path: &Path) -> Vec<u8> {
    Command::new("gzip").arg("-nc").arg(path).output().expect("gzip").stdout
}

#[test]
fn an_archive_may_be_a_file_a_pipe_and_compressed() {
    let store = store();
    let id = store.resolve("demo:2").expect("the image").to_string();
    for format in [SaveFormat::Docker, SaveFormat::Oci] {
        let bytes = store.save(&["demo:2"], format).expect("an archive");
        let file = Scratch::new(&format!("whole-{format:?}"), &bytes);
        let packed = gzip(&file.0);
        let none: &[u8] = &[];
        for (path, input) in [(file.path(), none), ("-", bytes.as_slice()), ("-", packed.as_slice())] {
            let (code, out, error) = outcome(&["inspect", path, "--format", "{{.Id}} {{.Config.Labels.x}}"], input);
            assert_eq!((code, out, error.as_str()), (Some(0), format!("{id} 1\n"), ""), "{format:?} {path}");
            let (code, out, _) = outcome(&["verify", path], input);
            assert_eq!(code, Some(0), "{out}");
            assert!(out.contains(": good: "), "{out}");
        }
    }
}

#[test]
fn the_history_is_dockers_table() {
    let bytes = store().save(&["demo:2"], SaveFormat::Docker).expect("an archive");
    let (code, out, error) = outcome(&["inspect", "-", "--history"], &bytes);
    assert_eq!((code, error.as_str()), (Some(0), ""));
    let lines: Vec<&str> = out.lines().collect();
    assert!(lines[0].starts_with("IMAGE ") && lines[0].ends_with("COMMENT"), "{out}");
    assert_eq!(lines.len(), 6, "{out}");
    assert!(lines[1].contains("ENV A=b") && lines[1].contains("0B"), "{out}");
    assert!(lines[2].contains("COPY etc/conf /etc/conf # buildkit") && lines[2].contains("5kB"), "{out}");
    assert!(lines[2].starts_with("<missing> ") && lines[2].ends_with("buildkit.dockerfile.v0"), "{out}");
}

#[test]
fn differences_and_damage_have_exit_codes_of_their_own() {
    let store = store();
    let save = |name: &str| store.save(&[name], SaveFormat::Docker).expect("an archive");
    let (one, two) = (Scratch::new("one", &save("demo:1")), Scratch::new("two", &save("demo:2")));
    assert_eq!(outcome(&["diff", one.path(), one.path()], &[]).0, Some(0));
    let (code, out, _) = outcome(&["diff", one.path(), two.path()], &[]);
    assert_eq!(code, Some(1), "{out}");
    assert!(out.contains("Env.A"), "{out}");
    // A changed byte in a file of the layer.
    let mut bytes = save("demo:1");
    let at = bytes.windows(20).position(|w| w == [b'x'; 20]).expect("the file");
    bytes[at] = b'y';
    let (code, out, _) = outcome(&["verify", "-"], &bytes);
    assert_eq!(code, Some(1), "{out}");
    assert!(out.contains("BROKEN"), "{out}");
    // One that ends too early: the place is named.
    let (code, out, error) = outcome(&["inspect", "-"], &bytes[..bytes.len() / 2]);
    assert_eq!((code, out.as_str()), (Some(2), ""));
    assert!(error.starts_with("node-agent image: standard input: the archive at byte "), "{error}");
    assert!(error.contains("unexpected end of the tar"), "{error}");
}

#[test]
fn what_is_not_there_is_said() {
    let bytes = store().save(&["demo:1"], SaveFormat::Docker).expect("an archive");
    let said = |args: &[&str]| {
        let (code, out, error) = outcome(args, &bytes);
        assert_eq!((code, out.as_str()), (Some(2), ""), "{args:?}: {error}");
        error
    };
    assert_eq!(
        said(&["inspect", "/nowhere/x.tar"]),
        "node-agent image: /nowhere/x.tar: No such file or directory (os error 2)\n"
    );
    assert_eq!(
        said(&["inspect", "-", "--image", "other:1"]),
        "node-agent image: no image other:1 in the archive, which has demo:1\n"
    );
    assert!(said(&["tree", "-", "--platform", "linux/s390x"]).contains("no image for linux/s390x"));
    assert!(said(&["tree", "-", "--cat", "/nope"]).contains("nope: no such file or directory"));
    assert!(said(&["tree", "-", "--layer", "7"]).contains('7'));
    let (code, _, error) = outcome(&["inspect"], &[]);
    assert_eq!(code, Some(2));
    assert!(error.contains("<ARCHIVE>"), "{error}");
    let (_, out, _) = outcome(&["tree", "-", "--cat", "/link"], &bytes);
    assert_eq!(out, "hello\n");
}

#[test]
fn a_strangers_names_do_not_steer_the_terminal_and_an_absent_layer_leaves_the_rest_to_tell() {
    let build = |name: &str| {
        let mut store = Store::default();
        let files = context([ContextFile::file(name, 0o644, b"x".to_vec())]).expect("a context");
        let options = BuildOptions { tags: vec!["demo:1".into()], epoch: 1, ..BuildOptions::default() };
        store.build("FROM scratch\nCOPY . /\nLABEL a=\"\u{1b}[2J\"\n", &files, &options).expect("an image");
        store.save(&["demo:1"], SaveFormat::Docker).expect("an archive")
    };
    let hostile = build("a\u{1b}[2J\u{7}\nb");
    let (one, two) = (Scratch::new("hostile", &hostile), Scratch::new("plain", &build("b")));
    for args in
        [vec!["diff", one.path(), two.path()], vec!["tree", one.path()], vec!["tree", one.path(), "--search", "*"]]
    {
        let (_, out, error) = outcome(&args, &[]);
        assert!(out.contains("[2J") && !out.contains(['\u{1b}', '\u{7}']), "{args:?}: {out:?} {error}");
    }

    let mut cut = tar::Builder::new(Vec::new());
    let mut whole = tar::Archive::new(&hostile[..]);
    for entry in whole.entries().expect("an archive") {
        let mut entry = entry.expect("an entry");
        let header = entry.header().clone();
        let mut bytes = Vec::new();
        std::io::Read::read_to_end(&mut entry, &mut bytes).expect("content");
        // The layer is the one entry that is a tar.
        if bytes.get(257..262) != Some(b"ustar") {
            cut.append(&header, &bytes[..]).expect("memory");
        }
    }
    let cut = cut.into_inner().expect("memory");
    let (code, out, error) = outcome(&["inspect", "-", "--format", "{{.Config.Labels}} {{json .Size}}"], &cut);
    assert_eq!((code, out.as_str(), error.as_str()), (Some(0), "map[a:\u{1b}[2J] 0\n", ""));
    let (code, out, _) = outcome(&["inspect", "-", "--history"], &cut);
    assert!(code == Some(0) && out.contains("COPY"), "{out}");
}
