use super::*;
use crate::image::testing::{Oci, dir, docker_archive, file, tar};

fn result(name: &str, args: &str) -> String {
    call(name, args).unwrap_or_else(|failure| failure.to_json().to_string())
}

#[test]
fn names_are_unique() {
    let mut seen = std::collections::BTreeSet::new();
    assert!(names().all(|name| seen.insert(name)));
}

#[test]
fn places_are_counted_as_javascript_does() {
    let json: Value = serde_json::from_str(&result("dockerfile.parse", r#"["FROM a\nRUN 😀é x <<E"]"#)).expect("JSON");
    assert_eq!(json["instructions"][0]["span"], serde_json::json!({"start": 0, "end": 6}));
    // An emoji is two units and four bytes, é one and two.
    assert_eq!(json["errors"][0]["span"]["end"], 20, "{json}");
}

#[test]
fn wrong_arguments_get_a_sentence() {
    assert_eq!(result("units.humanSize", "[\"x\"]"), r#"{"message":"`bytes` must be a number"}"#);
    assert_eq!(result("no.such", "[]"), r#"{"message":"there is no function \"no.such\" in this engine"}"#);
    let message = result("template.render", r#"["", null, {"missingkey": "error"}]"#);
    assert!(message.contains("there is no option"), "{message}");
}

#[test]
fn an_error_of_a_template_has_its_place() {
    let failure = call("template.render", r#"["a\n{{.Foo.Bar}}", {"Foo": 1}]"#).expect_err("an int has no fields");
    assert_eq!((failure.line, failure.column), (Some(2), Some(6)), "{failure}");
}

/// The cases that the package's own tests run in WebAssembly; `SLIPWAY_BLESS=1` writes their results anew.
#[test]
fn the_packages_cases_have_their_results() {
    let dir = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("npm/tests/cases");
    let bless = std::env::var_os("SLIPWAY_BLESS").is_some();
    let mut seen = 0;
    for entry in std::fs::read_dir(&dir).expect("npm/tests/cases") {
        let path = entry.expect("an entry").path();
        let text = std::fs::read_to_string(&path).expect("a file of cases");
        let mut cases: Vec<Value> = serde_json::from_str(&text).expect("an array of cases");
        for case in &mut cases {
            let outcome = match call(case["call"].as_str().expect("a name"), &case["args"].to_string()) {
                Ok(json) => ("result", serde_json::from_str(&json).expect("a result is JSON")),
                Err(failure) => ("error", failure.to_json()),
            };
            if bless {
                let (name, args) = (case["call"].take(), case["args"].take());
                *case = serde_json::json!({ "call": name, "args": args, outcome.0: outcome.1 });
            } else {
                assert_eq!(case.get(outcome.0), Some(&outcome.1), "{} in {}", case["call"], path.display());
            }
            seen += 1;
        }
        if bless {
            let lines: Vec<String> = cases.iter().map(Value::to_string).collect();
            std::fs::write(&path, format!("[\n{}\n]\n", lines.join(",\n"))).expect("written");
        }
    }
    assert!(seen > 100, "only {seen} cases");
}

/// An image with a layer, made by the store.
fn archive() -> Vec<u8> {
    let mut kept = Kept::default();
    kept.add(r#"["etc/motd", {"mode": 420}]"#, b"hello\n".to_vec()).expect("a file");
    let args = serde_json::json!(["FROM scratch\nCOPY etc /etc\nCMD [\"/bin/hello\"]\n", {"tags": ["example:1"]}]);
    kept.call("build", &args.to_string()).expect("it builds");
    kept.save(r#"[["example:1"]]"#).expect("it is there")
}

/// Every question that an archive answers; says how often the answer was an error.
fn explore(bytes: &[u8]) -> Result<usize, Failure> {
    let mut opened = image::Opened::open(bytes.to_vec())?;
    let mut errors = 0;
    let questions =
        ["list", "inspect", "config", "history", "steps", "layers", "efficiency", "secrets", "verify", "graph"];
    for question in questions {
        match opened.call(question, "[]", &mut |_, _| true) {
            Ok(json) => assert!(serde_json::from_str::<Value>(&json).is_ok(), "{question}: {json}"),
            Err(failure) => {
                assert!(!failure.message.is_empty(), "{question}");
                errors += 1;
            }
        }
    }
    for (question, args) in [("tree", r#"["/"]"#), ("search", r#"["motd"]"#)] {
        errors += usize::from(opened.call(question, args, &mut |_, _| true).is_err());
    }
    errors += usize::from(opened.read_file(r#"["/etc/motd"]"#, &mut |_, _| true).is_err());
    errors += usize::from(Kept::default().load(bytes.to_vec(), "[]").is_err());
    Ok(errors)
}

#[test]
fn an_image_answers_every_question() {
    assert_eq!(explore(&archive()), Ok(0));
}

#[test]
fn an_archive_that_is_cut_off_is_an_error_with_words() {
    let whole = archive();
    // The documents that name everything else stand at the end: what is cut off in front of them names nothing.
    let index = whole.windows(10).position(|bytes| bytes == b"index.json").expect("an index");
    for length in (0..whole.len()).step_by(97) {
        match explore(&whole[..length]) {
            // All that is named is there, or `explore` would have found errors.
            Ok(errors) => {
                assert!(length > index && errors == 0, "{length} of {} bytes were taken for all", whole.len())
            }
            Err(failure) => assert!(!failure.message.is_empty()),
        }
    }
}

#[test]
fn damaged_archives_break_nothing() {
    let whole = archive();
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut next = |most: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state % most as u64) as usize
    };
    for _ in 0..300 {
        let mut bytes = whole.clone();
        for _ in 0..=next(6) {
            let at = next(bytes.len());
            bytes[at] = next(256) as u8;
        }
        // What it answers depends on what was hit; that it answers is all.
        let _ = explore(&bytes);
    }
}

#[test]
fn who_watches_can_stop_the_work() {
    let mut opened = image::Opened::open(archive()).expect("an archive");
    let stopped = opened.call("verify", "[]", &mut |_, _| false).expect_err("it was told to stop");
    assert_eq!(stopped.code, Some("cancelled"));
    assert!(opened.call("verify", "[]", &mut |_, _| true).is_ok());
}

#[test]
fn a_faulty_archive_says_where() {
    let whole = archive();
    let failure = explore(&whole[..700]).expect_err("it is cut off");
    let place = failure.place.expect("a place");
    assert_eq!((place.file.as_deref(), place.offset.is_some()), (Some("the archive"), true), "{}", failure.message);
}

#[test]
fn a_build_that_is_too_large_says_so_by_its_code() {
    let mut kept = Kept::default();
    let mut added = Ok(());
    for n in 0..17 {
        assert!(added.is_ok(), "{n}");
        added = kept.add(&format!("[\"f{n}\"]"), vec![0; 64 << 20]);
    }
    let failure = added.expect_err("17 times 64 MiB");
    assert_eq!((failure.code, failure.place.is_some()), (Some("limit"), true), "{failure}");
    kept.add(r#"["f"]"#, vec![0; 64 << 20]).expect("room again");
    for n in 0..17 {
        kept.add(&format!(r#"["l{n}", {{"symlink": "f"}}]"#), Vec::new()).expect("a link");
    }
    let failure = kept.call("build", r#"["FROM scratch\nCOPY l* /\n"]"#).expect_err("a layer of 17 times 64 MiB");
    assert_eq!((failure.code, failure.line), (Some("limit"), Some(2)), "{failure}");
    assert!(kept.call("build", r#"["FROM scratch\nLABEL a=b\n"]"#).is_ok());
}

#[test]
fn builds_refuse_epochs_that_are_none_and_sources_on_a_network() {
    let said = |args: &str| Kept::default().call("build", args).expect_err("refused").message;
    for epoch in [r#""a""#, "1.5", "1e30"] {
        assert_eq!(said(&format!(r#"["FROM scratch\n", {{"epoch": {epoch}}}]"#)), "`epoch` must be a whole number");
    }
    for url in ["git@github.com:a/b.git", "ssh://git@example.org/a", "git://example.org/a", "https://example.org/a.git"]
    {
        let message = said(&format!(r#"["FROM scratch\nADD {url} /\n"]"#));
        assert!(message.starts_with(&format!("ADD {url}: there is no network here")), "{message}");
    }
}

#[test]
fn a_directory_that_a_layer_removed_is_listed_on_request() {
    let layers = [tar(&[dir("d/"), file("d/x", b"1")]), tar(&[file(".wh.d", b"")])];
    let mut opened = image::Opened::open(docker_archive(&layers, &[], &["demo:1"])).expect("an archive");
    let mut list = |args: &str| opened.call("tree", args, &mut |_, _| true);
    let json: Value =
        serde_json::from_str(&list(r#"["/d", {"layer": 1, "removed": true}]"#).expect("it is shown")).expect("JSON");
    assert_eq!((&json[0]["path"], &json[0]["mark"]), (&"d/x".into(), &"removed".into()), "{json}");
    assert!(list(r#"["/d", {"layer": 1}]"#).is_err());
}

#[test]
fn a_store_loads_the_platform_that_is_wanted() {
    let mut oci = Oci::new();
    let mut image = |platform: &str| {
        let plain = tar(&[file(platform, b"")]);
        let mut image = oci.image(&[(plain.clone(), plain)], &[]);
        let (os, architecture) = platform.split_once('/').expect("a platform");
        image["platform"] = serde_json::json!({"os": os, "architecture": architecture});
        image["annotations"] = serde_json::json!({"io.containerd.image.name": "docker.io/library/demo:1"});
        image
    };
    let (amd64, arm64) = (image("linux/amd64"), image("linux/arm64"));
    let (both, one) = (oci.archive(&[amd64, arm64.clone()]), oci.archive(&[arm64]));
    let layers = |archive: &[u8], args: &str| {
        let mut kept = Kept::default();
        let said = kept.load(archive.to_vec(), args).map_err(|failure| failure.message)?;
        assert_eq!(said, r#"["Loaded image: demo:1"]"#);
        let json: Value =
            serde_json::from_str(&kept.call("inspect", r#"["demo:1"]"#).expect("it is there")).expect("JSON");
        assert_eq!(kept.call("list", "[]").map(|list| list.matches("\"Id\"").count()), Ok(1), "and nothing else is");
        Ok::<_, String>(json["RootFS"]["Layers"][0].as_str().map(str::to_owned))
    };
    let layer = |platform: &str| Ok(Some(crate::image::Digest::of(&tar(&[file(platform, b"")])).to_string()));
    assert_eq!(layers(&both, "[]"), layer("linux/amd64"));
    assert_eq!(layers(&both, r#"[{"platform": "linux/amd64"}]"#), layer("linux/amd64"));
    assert_eq!(layers(&both, r#"[{"platform": "linux/arm64"}]"#), layer("linux/arm64"));
    assert_eq!(layers(&one, "[]"), layer("linux/arm64"), "what there is");
    let none = layers(&both, r#"[{"platform": "linux/s390x"}]"#).expect_err("no such image");
    assert_eq!(none, "no image for linux/s390x; the archive has linux/amd64, linux/arm64");
    assert!(layers(&both, r#"[{"plattform": "linux/amd64"}]"#).expect_err("misspelt").contains("there is no option"));
}
