use super::*;

/// Runs the program: exit code, standard output, standard error.
fn dockerfile(args: &[&str], input: &str) -> (u8, String, String) {
    dockerfile_of(args, input.as_bytes())
}

fn dockerfile_of(args: &[&str], mut input: &[u8]) -> (u8, String, String) {
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let args = args.iter().map(OsString::from).collect();
    let code = run(args, &mut Streams { input: &mut input, out: &mut out, err: &mut err, lost: None });
    (code, String::from_utf8(out).unwrap(), String::from_utf8(err).unwrap())
}

fn folder(files: &[(&str, &str)]) -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        std::fs::write(folder.path().join(name), text).unwrap();
    }
    let file = folder.path().join("Dockerfile").display().to_string();
    (folder, file)
}

#[test]
fn the_tree_is_printed_as_moby_prints_it() {
    let text = "FROM alpine AS a\nRUN [\"x\"]\n";
    let dump = "(from \"alpine\" \"AS\" \"a\")\n(run \"x\")\n";
    assert_eq!(dockerfile(&["ast", "--dump", "-"], text), (0, dump.into(), String::new()));
    assert_eq!(dockerfile(&["ast", "-"], text).1, dump);
    let (code, out, _) = dockerfile(&["ast", "--json", "-"], text);
    let tree: Value = serde_json::from_str(&out).unwrap();
    assert_eq!((code, &tree["nodes"][1]["args"][0]), (0, &json!({"text": "x", "span": [22, 25]})));
    let (code, out, err) = dockerfile(&["ast", "-"], "FROM a\nENV b\n");
    assert_eq!(
        (code, out.as_str(), err.as_str()),
        (1, "(from \"a\")\n", "Dockerfile:2: ENV must have two arguments\n")
    );
}

#[test]
fn checks_are_those_of_docker_with_its_exit_codes() {
    let clean = dockerfile(&["check", "-"], "FROM scratch\n");
    assert_eq!(clean, (0, "Check complete, no warnings found.\n".into(), String::new()));
    let (code, out, err) = dockerfile(&["check", "-"], "FROM scratch as a\n");
    assert_eq!((code, err.as_str()), (1, ""));
    assert!(out.starts_with("Check complete, 1 warning has been found!\n\nWARNING: FromAsCasing - https://"), "{out}");
    let (code, out, err) = dockerfile(&["check", "-"], "FROM scratch as a\nWAT\n");
    assert_eq!(code, 1);
    assert!(out.contains("WARNING: FromAsCasing"), "{out}");
    assert!(
        err.starts_with("ERROR: dockerfile parse error on line 2: unknown instruction: WAT\nDockerfile:2\n-----"),
        "{err}"
    );
    let (code, out, _) = dockerfile(&["check", "--json", "-"], "FROM scratch as a\n");
    let value: Value = serde_json::from_str(&out).unwrap();
    assert_eq!((code, &value["warnings"][0]["ruleName"]), (1, &json!("FromAsCasing")));
}

#[test]
fn the_ignore_file_beside_it_is_read() {
    let text = "FROM scratch\nCOPY secret /\n";
    let (folder, file) = folder(&[("Dockerfile", text), (".dockerignore", "secret\n")]);
    assert!(dockerfile(&["check", &file], "").1.contains("WARNING: CopyIgnoredFile"));
    std::fs::write(folder.path().join("Dockerfile.dockerignore"), "other\n").unwrap();
    assert_eq!(dockerfile(&["check", &file], "").0, 0);
    std::fs::write(folder.path().join("Dockerfile.dockerignore"), "secret\n!x\n").unwrap();
    assert_eq!(dockerfile(&["check", &file], "").0, 0, "with an exception nothing is checked");
}

#[test]
fn rules_are_chosen_and_arguments_given() {
    let text = "FROM debian\nCMD x\n";
    let (_, out, _) = dockerfile(&["check", "--rules", "hadolint", "-"], text);
    assert!(out.contains("Dockerfile:1 DL3006 warning: ") && !out.contains("JSONArgs"), "{out}");
    let (_, out, _) = dockerfile(&["check", "--rules=all", "-"], text);
    assert!(out.contains("DL3006") && out.contains("JSONArgsRecommended"), "{out}");
    let (_, out, _) = dockerfile(&["check", "--rules=all", "--json", "-"], text);
    let value: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(value["hadolint"][0]["code"], "DL3006");
    assert!(value["buildkit"]["warnings"][0]["ruleName"].is_string());
    let text = "ARG v\nFROM x:${v:?needed}\n";
    assert_eq!(dockerfile(&["check", "--build-arg", "v=1", "-"], text).0, 0);
    assert!(dockerfile(&["check", "-"], text).2.contains("v: needed"));
    let checks = ["check", "--build-arg", "BUILDKIT_DOCKERFILE_CHECK=skip=all", "-"];
    assert_eq!(dockerfile(&checks, "from scratch As b").0, 0);
}

#[test]
fn fixes_are_made_in_the_file() {
    let (_folder, file) = folder(&[("Dockerfile", "FROM scratch as a\nuser b\nLABEL c d e\nCOPY . .\n")]);
    let (code, out, _) = dockerfile(&["check", "--fix", &file], "");
    assert_eq!((code, out.as_str()), (0, "Check complete, no warnings found.\n"));
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "FROM scratch AS a\nUSER b\nLABEL c=\"d e\"\nCOPY . .\n");
    let (_, out, err) = dockerfile(&["check", "--fix", "-"], "FROM scratch as a\n");
    assert_eq!((out.as_str(), err.as_str()), ("FROM scratch AS a\n", "Check complete, no warnings found.\n"));
}

#[test]
fn files_are_laid_out() {
    let text = "from   scratch\nrun  x\n";
    let (code, out, _) = dockerfile(&["format", "-"], text);
    assert_eq!((code, out.as_str()), (0, "FROM scratch\nRUN x\n"));
    assert_eq!(dockerfile(&["format", "--check", "-"], text).0, 1);
    assert_eq!(dockerfile(&["format", "--check", "-"], &out).0, 0);
    let (_folder, file) = folder(&[("Dockerfile", text)]);
    assert_eq!(dockerfile(&["format", "--write", &file], ""), (0, String::new(), String::new()));
    assert_eq!(std::fs::read_to_string(&file).unwrap(), out);
    assert_eq!(dockerfile(&["format", "-"], "ENV a\n").0, 1);
}

#[test]
fn stages_are_drawn() {
    let text = "FROM scratch AS a\nFROM scratch\nCOPY --from=a /x /\n";
    assert!(dockerfile(&["graph", "-"], text).1.starts_with("<svg "));
    assert!(dockerfile(&["graph", "--format=dot", "-"], text).1.starts_with("digraph"));
    let value: Value = serde_json::from_str(&dockerfile(&["graph", "--json", "-"], text).1).unwrap();
    assert!(value["nodes"].as_array().unwrap().len() >= 2);
    let (code, _, err) = dockerfile(&["graph", "--target=b", "-"], text);
    assert_eq!((code, err.as_str()), (1, "Dockerfile: target stage \"b\" could not be found\n"));
}

#[test]
fn what_cannot_be_done_is_said() {
    assert_eq!(dockerfile(&[], "").0, EXIT_USAGE);
    assert_eq!(dockerfile(&["bake", "-"], "").0, EXIT_USAGE);
    let (code, _, err) = dockerfile(&["check", "/no/such/file"], "");
    assert_eq!(code, 1);
    assert!(err.starts_with("/no/such/file: cannot be read: "), "{err}");
    assert!(dockerfile(&["--help"], "").1.contains("Commands:"));
    let (folder, file) = folder(&[("Dockerfile", "FROM a\n")]);
    let (code, out, err) = dockerfile(&["check", &folder.path().display().to_string()], "");
    assert_eq!((code, out.as_str()), (1, ""));
    assert!(err.ends_with(&format!("; name the file in it, such as {file}\n")), "{err}");
    for task in ["ast", "check", "format", "graph"] {
        let (code, out, err) = dockerfile(&[task, "-"], "\n");
        assert_eq!(code, 1, "{task}: a file without instructions");
        assert!(format!("{out}{err}").contains("file with no instructions"), "{task}: {out}{err}");
        assert_eq!(dockerfile(&[task], "").0, EXIT_USAGE, "{task} without a file");
        assert_eq!(dockerfile(&[task, "-", "--nope"], "").0, EXIT_USAGE);
        assert_eq!(dockerfile(&[task, "--help"], "").0, 0);
    }
    assert_eq!(dockerfile(&["check", "-"], "").2, "ERROR: the Dockerfile cannot be empty\n\n");
    assert_eq!(dockerfile(&["format", "--write", "--check", "-"], "").0, EXIT_USAGE);
    assert_eq!(dockerfile(&["graph", "--json", "--format=dot", "-"], "").0, EXIT_USAGE);
    assert_eq!(dockerfile(&["graph", "--build-arg==x", "-"], "").0, EXIT_USAGE);
}

#[test]
fn what_is_no_utf8_is_read_but_never_written() {
    let text = b"from a\n# caf\xe9\nrun b\n";
    assert_eq!(dockerfile_of(&["ast", "-"], text).0, 0);
    assert!(dockerfile_of(&["check", "-"], text).1.starts_with("Check complete, no warnings found."));
    let complaint = "Dockerfile:2: is no UTF-8 at byte 12, and so is left as it is\n";
    for args in [&["format", "-"][..], &["format", "--check", "-"], &["check", "--fix", "-"]] {
        assert_eq!(dockerfile_of(args, text), (1, String::new(), complaint.to_owned()), "{args:?}");
    }
    let (_folder, file) = folder(&[("Dockerfile", "")]);
    std::fs::write(&file, text).unwrap();
    assert_eq!(dockerfile(&["format", "--write", &file], "").0, 1);
    assert_eq!(dockerfile(&["check", "--fix", &file], "").0, 1);
    assert_eq!(std::fs::read(&file).unwrap(), text);
}

/// A place that takes nothing: a full disk, or a closed pipe.
struct Lost(ErrorKind);

impl Write for Lost {
    fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
        Err(self.0.into())
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn output_that_is_lost_is_no_success() {
    for (kind, code) in [(ErrorKind::StorageFull, EXIT_FOUND), (ErrorKind::BrokenPipe, 0)] {
        for args in [["format", "-"], ["ast", "-"], ["graph", "-"]] {
            let (mut input, mut out, mut err) = ("FROM a\nRUN x\n".as_bytes(), Lost(kind), Vec::new());
            let args = args.iter().map(OsString::from).collect();
            let got = run(args, &mut Streams { input: &mut input, out: &mut out, err: &mut err, lost: None });
            let told = String::from_utf8(err).unwrap().starts_with("writing standard output: ");
            assert_eq!((got, told), (code, code != 0), "{kind}");
        }
    }
}

#[test]
fn a_file_without_an_end_is_refused() {
    let (code, _, said) = dockerfile(&["ast", "/dev/zero"], "");
    assert_eq!((code, said.as_str()), (EXIT_FOUND, "/dev/zero: cannot be read: it has more than 256 MiB\n"));
}
