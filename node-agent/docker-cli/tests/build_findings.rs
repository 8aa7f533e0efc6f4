//! What a build tells of a Dockerfile: BuildKit's checks, the lines of what failed, notes in passing.

mod common;

use common::build::{build, clients, lab, no_debris, printed, write};

#[test]
fn checks_read_as_buildkits_and_need_no_engine() {
    let Some(lab) = lab("build-check") else { return };
    let dir = lab.dir.join("context");
    write(&dir, "Dockerfile", "from base\nRUN echo $NONE\nMAINTAINER me\nCMD echo shell\n");
    let (ok, text) = build(&lab, false, &["--check"], &dir);
    assert!(!ok, "{text}");
    for part in [
        "WARNING: MaintainerDeprecated - https://docs.docker.com/go/dockerfile/rule/maintainer-deprecated/\n",
        "WARNING: JSONArgsRecommended - https://docs.docker.com/go/dockerfile/rule/json-args-recommended/\n",
        "WARNING: ConsistentInstructionCasing",
        "   3 | >>> MAINTAINER me\n",
        "--------------------\n",
    ] {
        assert!(text.contains(part), "{part:?} in {text}");
    }
    write(&dir, "Dockerfile", "FROM base\nCMD [\"true\"]\n");
    assert_eq!(build(&lab, false, &["--check"], &dir), (true, "Check complete, no warnings found.\n".to_owned()));
}

#[test]
fn findings_end_a_build_that_asks_for_it() {
    let Some(lab) = lab("build-check-error") else { return };
    let dir = lab.dir.join("context");
    write(&dir, "Dockerfile", "FROM base\nENV INNER=1\n");
    let (ok, text) = build(&lab, false, &["-t", "inner"], &dir);
    assert!(ok, "{text}");
    write(&dir, ".dockerignore", "left-out\n");
    let arg = "--build-arg=BUILDKIT_DOCKERFILE_CHECK=";
    let casing = "FROM base as One\nRUN echo built\n";
    let violation = "lint violation found for rules: FromAsCasing, StageNameCasing";
    for client in clients() {
        let ask = |args: &[&str], text: &str| {
            write(&dir, "Dockerfile", text);
            build(&lab, client, &[&["--no-cache"], args].concat(), &dir)
        };
        let (ok, text) = ask(&[], &format!("# check=error=true\n{casing}"));
        let told = "\n 2 warnings found:\n - StageNameCasing: Stage name 'One' should be lowercase (line 2)\n - FromAsCasing: 'as' and 'FROM' \
                    keywords' casing do not match (line 2)\n";
        assert!(!ok && text.contains(told) && text.contains(violation) && !text.contains("Step 1"), "{text}");
        assert!(ask(&[&format!("{arg}error=true")], casing).1.contains(violation));
        for (args, text) in [
            (vec![], casing.to_owned()),
            (vec![], format!("# check=skip=StageNameCasing,FromAsCasing;error=true\n{casing}")),
            (vec![format!("{arg}skip=all;error=true")], format!("# check=error=true\n{casing}")),
            // The base's variables are known.
            (vec![], "# check=error=true\nFROM inner\nENV OUTER=$INNER\nRUN echo built\n".to_owned()),
        ] {
            let args: Vec<&str> = args.iter().map(String::as_str).collect();
            let (ok, text) = ask(&args, &text);
            assert!(ok && printed(&text) == ["built"], "{text}");
        }
        for (text, why) in [
            ("# check=error=true\nFROM inner\nENV A=$OTHER\n", "\n 1 warning found:\n - UndefinedVar: "),
            ("# check=error=true\nFROM base\nCOPY left-out /\n", "violation found for rules: CopyIgnoredFile"),
            ("# check=error=maybe\nFROM base\n", "failed to parse check options: "),
            ("# check=error=true\nFROM nowhere.invalid/none\n", "nowhere.invalid"),
        ] {
            let (ok, said) = ask(&[], text);
            assert!(!ok && said.contains(why), "{text}: {said}");
        }
    }
    no_debris(&lab);
}

#[test]
fn a_failing_step_shows_its_line_and_names_no_image() {
    let Some(lab) = lab("build-failing") else { return };
    let dir = lab.dir.join("context");
    write(&dir, "Dockerfile", "FROM base\nENV A=1\n\nRUN echo before && \\\n    false\nCMD x\n");
    let before = lab.ok(&["images", "-aq"]).lines().count();
    for client in clients() {
        let (ok, text) = build(&lab, client, &["-t", "never"], &dir);
        let shown = "Dockerfile:4\n--------------------\n   3 |     \n   4 | >>> RUN echo before && \\\n   5 | >>>     false\n   6 |     CMD x\n--------------------\n";
        assert!(!ok && text.contains(shown), "{text}");
        assert!(
            text.ends_with("The command '/bin/sh -c echo before &&     false' returned a non-zero code: 1\n"),
            "{text}"
        );
        assert_eq!(lab.ok(&["images", "-q", "never"]), "");
        no_debris(&lab);
    }
    assert_eq!(lab.ok(&["images", "-aq"]).lines().count(), before + 1, "the step that went well stays for the cache");
}

#[test]
fn what_fails_is_shown_last_and_nothing_of_what_stands_behind_it() {
    let Some(lab) = lab("build-fails-last") else { return };
    let dir = lab.dir.join("context");
    let text = "FROM base AS one\nRUN sleep 1; echo first; exit 3\nFROM base AS two\nRUN echo second\nFROM one\nCOPY --from=two /etc /etc\n";
    write(&dir, "Dockerfile", text);
    for client in clients() {
        let (ok, text) = build(&lab, client, &["--no-cache"], &dir);
        assert!(
            !ok && text.contains("\nfirst\n") && !text.contains("Step 3/6") && !text.contains("\nsecond\n"),
            "{text}"
        );
        let excerpt = text.find(">>> RUN sleep 1").expect("the line that failed");
        assert!(excerpt > text.rfind("first\n").expect("its output"), "{text}");
    }
    // A Dockerfile from elsewhere goes up under a name that nobody knows.
    write(&lab.dir, "elsewhere", "FROM base\nRUN false\n");
    let (_, text) = build(&lab, false, &["-f", &lab.dir.join("elsewhere").display().to_string()], &dir);
    assert!(text.contains("\nDockerfile:2\n"), "{text}");
    no_debris(&lab);
}

#[test]
fn what_dockerd_says_and_writes_in_passing() {
    let Some(lab) = lab("build-passing") else { return };
    let dir = lab.dir.join("context");
    let mut archive = tar::Builder::new(Vec::new());
    for (name, mode, time) in [("suid", 0o4755, 7), ("sgid", 0o2711, 0)] {
        let mut header = tar::Header::new_ustar();
        header.set_mode(mode);
        header.set_mtime(time);
        header.set_size(0);
        header.set_uid(5);
        header.set_gid(6);
        archive.append_data(&mut header, name, std::io::empty()).expect("an entry");
    }
    let mut pipe = tar::Header::new_ustar();
    pipe.set_entry_type(tar::EntryType::Fifo);
    pipe.set_mode(0o666);
    pipe.set_mtime(7);
    pipe.set_size(0);
    archive.append_data(&mut pipe, "pipe", std::io::empty()).expect("an entry");
    std::fs::create_dir_all(&dir).expect("a directory");
    std::fs::write(dir.join("a.tar"), archive.into_inner().expect("an archive")).expect("a file");
    write(
        &dir,
        "Dockerfile",
        "FROM base\nADD --chown=app --chmod=600 a.tar /a/\nADD a.tar /b/\nRUN cd / && stat -c '%n %a %u:%g %Y' a/* b/*\n\
         HEALTHCHECK CMD one two\nHEALTHCHECK --retries=2 CMD [\"a\", \"b\"]\nVOLUME /z /y\nVOLUME /a\nSTOPSIGNAL SIGRTMIN+3\n",
    );
    for client in clients() {
        let (ok, text) = build(&lab, client, &["--no-cache", "-t", "built"], &dir);
        assert!(ok, "{text}");
        let expected = [
            ["a/pipe 666 1000:1001 7", "a/sgid 2711 1000:1001 0", "a/suid 4755 1000:1001 7"].as_slice(),
            &["b/pipe 666 0:0 7", "b/sgid 2711 5:6 0", "b/suid 4755 5:6 7"],
            &["Note: overriding previous HEALTHCHECK: [CMD-SHELL one two]"],
        ];
        assert_eq!(printed(&text), expected.concat(), "{text}");
    }
    let image = lab.ok(&["image", "inspect", "built"]);
    let at = |part: &str| image.find(part).unwrap_or_else(|| panic!("{part} in {image}"));
    assert!(at("\"/a\": {}") < at("\"/y\": {}") && at("\"/y\": {}") < at("\"/z\": {}"), "{image}");
    let image: serde_json::Value = serde_json::from_str(&image).expect("JSON");
    let (config, step) = (&image[0]["Config"], &image[0]["ContainerConfig"]);
    assert_eq!(config["Labels"], serde_json::Value::Null);
    assert_eq!((config["Hostname"].as_str(), config["StopSignal"].as_str()), (Some(""), Some("SIGRTMIN+3")));
    // A step's configuration is that of the container that dockerd would have made for it.
    assert_eq!((step["Hostname"].as_str().map(str::len), &step["Labels"]), (Some(12), &serde_json::json!({})));
    no_debris(&lab);
}

#[test]
fn files_named_as_marks_of_what_is_removed_remove_it_at_once() {
    let Some(lab) = lab("build-marks") else { return };
    let dir = lab.dir.join("context");
    write(
        &dir,
        "Dockerfile",
        "FROM base\nRUN mkdir /x; echo a > /x/a; echo b > /x/b\nRUN touch /x/.wh.a /x/c\nRUN ls -A /x\n",
    );
    for client in clients() {
        let (ok, text) = build(&lab, client, &["--no-cache", "-t", "marks"], &dir);
        assert!(ok && printed(&text) == ["b", "c"], "{text}");
    }
    let archive = lab.dir.join("marks.tar").display().to_string();
    lab.ok(&["save", "-o", &archive, "marks"]);
    lab.ok(&["rmi", "-f", "marks"]);
    lab.ok(&["load", "-i", &archive]);
    assert_eq!(lab.ok(&["run", "--rm", "marks", "ls", "-A", "/x"]), "b\nc");
    no_debris(&lab);
}
