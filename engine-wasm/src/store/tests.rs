//! Tests of the store.

use super::layer::{Header, LayerWriter};
use super::*;
use crate::image::tar::Kind;
use crate::image::{Archive, Limits};

fn files(list: &[(&str, &str)]) -> Fs {
    context(list.iter().map(|(path, text)| ContextFile::file(*path, 0o644, text.as_bytes().to_vec()))).unwrap()
}

fn build(dockerfile: &str, files: &Fs) -> (Store, Digest) {
    let mut store = Store::default();
    let built = store.build(dockerfile, files, &BuildOptions::default()).unwrap();
    (store, built.id)
}

fn tree(store: &Store, id: &Digest) -> Vec<String> {
    let fs = store.files(id).unwrap();
    let line = |at: String| {
        let node = fs.get(&at).unwrap();
        let kind = match &node.body {
            Body::Directory(_) => "/".to_owned(),
            Body::File(content) => format!("={}", String::from_utf8_lossy(content.bytes())),
            Body::Symlink(target) => format!("->{target}"),
            _ => "?".to_owned(),
        };
        format!("{at}{kind} {:o} {}:{}", node.mode, node.uid, node.gid)
    };
    fs.walk("").into_iter().map(line).collect()
}

fn built(dockerfile: &str, list: &[(&str, &str)]) -> Vec<String> {
    let (store, id) = build(dockerfile, &files(list));
    tree(&store, &id)
}

#[test]
fn files_land_where_buildkit_puts_them() {
    let list = [("a", "1"), ("d/x", "2"), ("d/y/z", "3"), ("t1.txt", "4"), ("t2.txt", "5")];
    assert_eq!(built("FROM scratch\nCOPY a /b\n", &list), ["b=1 644 0:0"]);
    assert_eq!(built("FROM scratch\nCOPY a /b/\n", &list), ["b/ 755 0:0", "b/a=1 644 0:0"]);
    assert_eq!(
        built("FROM scratch\nWORKDIR /w\nCOPY d .\n", &list),
        ["w/ 755 0:0", "w/x=2 644 0:0", "w/y/ 755 0:0", "w/y/z=3 644 0:0"]
    );
    assert_eq!(
        built("FROM scratch\nCOPY t*.txt /t/\n", &list),
        ["t/ 755 0:0", "t/t1.txt=4 644 0:0", "t/t2.txt=5 644 0:0"]
    );
    assert_eq!(
        built("FROM scratch\nCOPY --parents d/y/z /p/\n", &list),
        ["p/ 755 0:0", "p/d/ 755 0:0", "p/d/y/ 755 0:0", "p/d/y/z=3 644 0:0"]
    );
    assert_eq!(built("FROM scratch\nCOPY --exclude=y d /e\n", &list), ["e/ 755 0:0", "e/x=2 644 0:0"]);
    assert_eq!(built("FROM scratch\nCOPY --chmod=700 --chown=3:4 a /q/a\n", &list), ["q/ 700 3:4", "q/a=1 700 3:4"]);
    assert_eq!(
        built("FROM scratch\nCOPY <<A <<B /h/\none\nA\ntwo\nB\n", &[]),
        ["h/ 755 0:0", "h/A=one\n 644 0:0", "h/B=two\n 644 0:0"]
    );
}

#[test]
fn symbolic_links_stay_inside() {
    let context = context([
        ContextFile::symlink("out", "../../../etc/passwd"),
        ContextFile::symlink("loop", "loop"),
        ContextFile::file("etc/passwd", 0o600, b"mine".to_vec()),
    ])
    .unwrap();
    let (store, id) = build("FROM scratch\nCOPY out /o\nCOPY etc /e\n", &context);
    assert_eq!(tree(&store, &id), ["e/ 755 0:0", "e/passwd=mine 600 0:0", "o=mine 600 0:0"]);
    let error =
        Store::default().build("FROM scratch\n\nCOPY loop /l\n", &context, &BuildOptions::default()).unwrap_err();
    assert_eq!((error.lines, error.to_string().as_str()), ((3, 3), "loop: too many levels of symbolic links"));
}

#[test]
fn stages_triggers_and_names_work_together() {
    let list = [
        ("passwd", "root:x:0:0::/:/\nweb:x:33:44::/:/\n"),
        ("group", "adm:x:55:\n"),
        ("f", "f"),
        (".dockerignore", "secret\n"),
        ("secret", "s"),
    ];
    let text = "FROM scratch AS base\nCOPY passwd group /etc/\nONBUILD ENV T=1\nFROM base AS next\nARG V=x\nCOPY --chown=web:adm f /$V\nUSER web\nWORKDIR /home\n\
                FROM scratch\nCOPY --from=next /x /home /got/\nCOPY . /all\n";
    let (store, id) = build(text, &files(&list));
    let tree = tree(&store, &id);
    assert!(tree.contains(&"got/x=f 644 33:55".to_owned()), "{tree:?}");
    assert!(!tree.iter().any(|line| line.contains("secret=")));
    let mut options = BuildOptions::default();
    options.expand.target = "next".to_owned();
    let mut store = Store::default();
    let built = store.build(text, &files(&list), &options).unwrap();
    let config: Value = serde_json::from_slice(store.config(&built.id).unwrap()).unwrap();
    assert!(config["config"]["Env"].as_array().unwrap().contains(&"T=1".into()));
    assert_eq!(config["config"]["OnBuild"], Value::Null);
    assert!(self::tree(&store, &built.id).contains(&"home/ 755 33:44".to_owned()));
    let said: Vec<&str> =
        config["history"].as_array().unwrap().iter().filter_map(|h| h["created_by"].as_str()).collect();
    assert_eq!(
        said,
        [
            "COPY passwd group /etc/ # buildkit",
            "ENV T=1",
            "ARG V=x",
            "COPY --chown=web:adm f /x # buildkit",
            "USER web",
            "WORKDIR /home"
        ]
    );
}

#[test]
fn faults_name_the_line() {
    let fails = |text: &str| {
        let error = Store::default().build(text, &files(&[("f", "f")]), &BuildOptions::default()).unwrap_err();
        (error.lines.0, error.to_string())
    };
    assert_eq!(fails("FROM scratch\nCOPY nope /\n"), (2, "\"/nope\": not found".to_owned()));
    assert_eq!(fails("FROM scratch\nENV a=b\nRUN x\n").0, 3);
    assert_eq!(
        fails("FROM debian\n"),
        (1, "debian: the image is not in the store: load it from an archive first".to_owned())
    );
    assert_eq!(
        fails("FROM scratch\nCOPY --chown=nobody f /\n").1,
        "unable to convert uid/gid chown string to host mapping: can't find uid for user nobody: no such user: nobody"
    );
    assert_eq!(fails("FROM scratch\nADD http://x/y /\n").0, 2);
    assert_eq!(
        fails("FROM scratch AS a\nCOPY --from=b / /\nFROM scratch AS b\nCOPY --from=a / /\nFROM a\n").1,
        "circular dependency detected on stage: a"
    );
    assert_eq!(fails("FROM scratch\nCOPY f /f/\nCOPY f /f/f/g\n"), (3, "/f/f: not a directory".to_owned()));
}

#[test]
fn a_failed_build_leaves_nothing() {
    let mut store = Store::default();
    store.build("FROM scratch\nCOPY f /\nRUN x\n", &files(&[("f", "f")]), &BuildOptions::default()).unwrap_err();
    assert!(store.layers.keys().next().is_none() && store.images.keys().next().is_none());
}

#[test]
fn archives_are_unpacked_by_add_and_copied_by_copy() {
    let mut writer = LayerWriter::new(0);
    writer.header(
        &Header { path: "dir".into(), kind: Some(Kind::Directory), mode: 0o700, uid: 5, gid: 6, ..Header::default() },
        0,
    );
    writer.header(&Header { path: "../../up".into(), mode: 0o640, ..Header::default() }, 2);
    writer.content(b"up");
    let tar = writer.finish();
    let context = context([ContextFile::file("x.tar", 0o644, tar.clone())]).unwrap();
    let (store, id) = build("FROM scratch\nADD x.tar /a/\n", &context);
    assert_eq!(tree(&store, &id), ["a/ 755 0:0", "a/dir/ 700 5:6", "a/up=up 640 0:0"]);
    let (store, id) = build("FROM scratch\nCOPY x.tar /a/\n", &context);
    assert_eq!(tree(&store, &id).len(), 2);
    let options = BuildOptions {
        downloads: std::collections::BTreeMap::from([("http://h/p/x.tar?q".to_owned(), tar)]),
        ..BuildOptions::default()
    };
    let mut store = Store::default();
    let built = store.build("FROM scratch\nADD http://h/p/x.tar?q /a/\n", &Fs::default(), &options).unwrap();
    assert!(tree(&store, &built.id).iter().any(|line| line.starts_with("a/x.tar=")));
}

#[test]
fn the_same_input_gives_the_same_digests_and_archives_come_back() {
    let context = files(&[("a", "1"), ("b/c", "2")]);
    let text = "FROM scratch\nCOPY . /x/\nWORKDIR /x\nCMD [\"a\"]\n";
    let (mut store, id) = build(text, &context);
    assert_eq!(build(text, &context).1, id);
    // Fixed by the rules in `layer` and `config`: whoever changes these, changes every digest.
    assert_eq!(
        store.images.get(&id).expect("the image").diff_ids[0].to_string(),
        "sha256:48e095780845951da263db996c22fcf2ef7f0d48da5fc150f67f8aa22101f501"
    );
    assert_eq!(id.to_string(), "sha256:63cd45a854713f869210a3f90dcc9d5ce09a941d9aa74d5b6df23548ec9c6d2f");
    store.tag(id.hex(), "example.com/one:2").unwrap();
    store.tag(id.hex(), "one").unwrap();
    for format in [SaveFormat::Docker, SaveFormat::Oci] {
        let saved = store.save(&["one", "example.com/one:2"], format).unwrap();
        assert_eq!(saved, store.save(&["one", "example.com/one:2"], format).unwrap());
        let mut other = Store::default();
        let said = other.load(&Archive::open(saved, &Limits::default()).unwrap()).unwrap();
        assert_eq!(other.resolve("one").unwrap(), &id, "{said:?}");
        assert_eq!(tree(&other, &id), tree(&store, &id));
    }
}

#[test]
fn removing_follows_dockers_rules() {
    let (mut store, id) = build("FROM scratch\nCOPY a /\n", &files(&[("a", "1")]));
    let other =
        store.build("FROM scratch\nCOPY a /\nCOPY a /b\n", &files(&[("a", "1")]), &BuildOptions::default()).unwrap();
    store.tag(id.hex(), "one:1").unwrap();
    store.tag(id.hex(), "one:2").unwrap();
    store.tag("one:1", "two").unwrap();
    let short = &id.hex()[..12];
    assert_eq!(
        store.remove(short, false).unwrap_err().to_string(),
        format!("conflict: unable to delete {short} (must be forced) - image is referenced in multiple repositories")
    );
    let lines = |removed: Vec<Removed>| removed.iter().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(lines(store.remove("two", false).unwrap()), ["Untagged: two:latest"]);
    let gone = lines(store.remove(short, false).unwrap());
    assert_eq!(gone, ["Untagged: one:1".to_owned(), "Untagged: one:2".to_owned(), format!("Deleted: {id}")]);
    assert_eq!(store.layers.keys().count(), 2);
    assert_eq!(lines(store.remove(other.id.hex(), false).unwrap()).len(), 3);
    assert!(store.layers.keys().next().is_none());
    assert_eq!(store.remove("one", false).unwrap_err().to_string(), "No such image: one:latest");
    assert_eq!(store.tag("one", "x").unwrap_err().to_string(), "No such image: one:latest");
    assert!(store.tag("A", "x").is_err());
}

#[test]
fn lists_and_histories_are_the_engines() {
    let options = BuildOptions { epoch: 86_400, tags: vec!["app".to_owned()], ..BuildOptions::default() };
    let mut store = Store::default();
    store.build("FROM scratch\nCOPY a /\nENV X=1\n", &files(&[("a", "12345")]), &options).unwrap();
    let table = crate::cli::format::image::list(
        &crate::cli::format::image::template("table", false, false),
        &store.list(),
        false,
        true,
        172_800,
    )
    .unwrap();
    assert!(table.contains("app") && table.contains("24 hours ago") && table.contains("5B"), "{table}");
    let inspect = store.inspect("app").unwrap();
    assert_eq!(
        (inspect["RepoTags"][0].as_str(), inspect["Created"].as_str()),
        (Some("app:latest"), Some("1970-01-02T00:00:00Z"))
    );
    let history = store.history("app").unwrap();
    assert_eq!((history[0]["CreatedBy"].as_str(), history[1]["Size"].as_u64()), (Some("ENV X=1"), Some(5)));
    assert_eq!(store.disk_usage(), 5);
}

#[test]
fn headers_are_go_archive_tars() {
    let writer = LayerWriter::new(0);
    let plain = writer.encode(&Header { path: "a".into(), mode: 0o644, ..Header::default() }, 5);
    assert_eq!(plain.len(), 512);
    assert_eq!(&plain[100..148], b"0000644\x000000000\x000000000\x0000000000005\x0000000000000\x00");
    let long = "d/".repeat(60) + "f";
    assert_eq!(writer.encode(&Header { path: long, ..Header::default() }, 0).len(), 512);
    for path in ["é".to_owned(), "x".repeat(101)] {
        assert_eq!(writer.encode(&Header { path, ..Header::default() }, 0).len(), 3 * 512);
    }
}
