//! What BuildKit's instructions do in a build by our engine, asked by our client and by the real one: mounts, here-documents, checks of downloads, files of a
//! Dockerfile's own; times that are given; and many builds at once. dockerd's classic builder has none of these, so the promise is BuildKit's reference.

mod common;

use common::build::{build, clients, lab, no_debris, printed, said, serve, write};
use common::{REAL, skip};
use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Command, Stdio};

#[test]
fn mounts_of_a_step_are_there_and_leave_nothing_in_the_image() {
    let Some(lab) = lab("build-mounts") else { return };
    let dir = lab.dir.join("context");
    write(&dir, "f", "from the context\n");
    write(
        &dir,
        "Dockerfile",
        "FROM base AS src\nRUN echo from a stage > /s\nFROM base\n\
         RUN --mount=type=bind,target=/ctx cat /ctx/f; touch /ctx/new 2>/dev/null || echo read-only\n\
         RUN --mount=type=bind,from=src,source=/s,target=/in cat /in\n\
         RUN --mount=type=bind,rw,target=/ctx echo lost > /ctx/new && cat /ctx/new\n\
         RUN --mount=type=bind,target=/ctx ls /ctx/new 2>/dev/null || echo what was written is gone\n\
         RUN --mount=type=tmpfs,target=/t,size=1m echo x > /t/x && df -k /t | tail -1 | tr -s ' ' | cut -d' ' -f2\n\
         RUN --mount=type=cache,id=c,target=/cache echo one >> /cache/log; wc -l < /cache/log\n\
         RUN --mount=type=cache,id=c,target=/cache,sharing=locked echo two >> /cache/log; wc -l < /cache/log\n\
         RUN --mount=type=secret,id=s ls /run/secrets/s 2>/dev/null || echo no secret\n\
         RUN ls -d /ctx /in /t /cache /run/secrets 2>/dev/null || echo nothing is left\n",
    );
    let expected = |cached: usize| {
        let (one, two) = (cached + 1, cached + 2);
        format!(
            "from the context\nread-only\nfrom a stage\nlost\nwhat was written is gone\n1024\n{one}\n{two}\nno secret\nnothing is left"
        )
    };
    for (at, client) in clients().enumerate() {
        let (ok, text) = build(&lab, client, &["--no-cache"], &dir);
        assert!(ok, "{text}");
        assert_eq!(printed(&text).join("\n"), expected(2 * at), "{text}");
    }
    let (_, text) = build(&lab, false, &[], &dir);
    assert_eq!(text.matches("Using cache").count(), 10, "{text}");
    write(&dir, "f", "changed\n");
    let (_, text) = build(&lab, false, &[], &dir);
    assert!(text.contains("\nchanged\n"), "what a step mounts is part of its key: {text}");
    write(
        &dir,
        "Dockerfile",
        "FROM base\nRUN --mount=type=bind,target=/deep/in/there --mount=type=ssh true\nRUN ls -d /deep 2>/dev/null || echo no stub\n",
    );
    let (_, text) = build(&lab, false, &[], &dir);
    assert_eq!(printed(&text), ["no stub"], "{text}");
    let pruned = lab.ok(&["builder", "prune", "-f"]);
    assert!(pruned.contains("Deleted build cache objects:") && !pruned.contains("space: 0B"), "{pruned}");
    no_debris(&lab);
}

#[test]
fn images_of_steps_share_nothing_with_what_was_built_on_them() {
    let Some(lab) = lab("build-shared") else { return };
    let dir = lab.dir.join("context");
    write(&dir, "Dockerfile", "FROM base\nRUN head -c 5000000 /dev/zero > /five\nRUN echo x > /x\n");
    let (ok, text) = build(&lab, false, &["-t", "built"], &dir);
    assert!(ok, "{text}");
    let shown = lab.ok(&["system", "df", "-v"]);
    let row = shown.lines().find(|line| line.starts_with("built")).expect("the image");
    let columns: Vec<&str> = row.split_whitespace().rev().collect();
    assert_eq!(columns[1], "5MB", "unique of {shown}");
}

#[test]
fn here_documents_are_scripts_and_files() {
    let Some(lab) = lab("build-heredocs") else { return };
    let dir = lab.dir.join("context");
    write(
        &dir,
        "Dockerfile",
        "FROM base\nARG WHO=you\nRUN <<EOF\necho first $WHO\necho second\nEOF\n\
         RUN <<EOT\n#!/bin/sh\necho script $0 | sed 's,/.*,,'\nEOT\n\
         RUN cat <<A - <<B /dev/fd/3 3<&0 || true\nfrom a\nA\nfrom b\nB\n\
         COPY <<one.txt <<\"two.txt\" /d/\nexpanded $WHO\none.txt\nas it is $WHO\ntwo.txt\n\
         COPY --chmod=700 <<-EOF /tabs\n\tindented\nEOF\n\
         RUN cat /d/one.txt /d/two.txt /tabs && stat -c '%a %u:%g' /tabs /d/one.txt\n",
    );
    for client in clients() {
        let (ok, text) = build(&lab, client, &["--no-cache"], &dir);
        assert!(ok, "{text}");
        let lines = printed(&text).join("\n");
        for part in ["first you\nsecond", "script ", "expanded you\nas it is $WHO\nindented\n700 0:0\n644 0:0"] {
            assert!(lines.contains(part), "{part:?} in {text}");
        }
    }
    write(&dir, "Dockerfile", "FROM base\nRUN <<EOF\necho never ends\n");
    let (ok, text) = build(&lab, false, &[], &dir);
    assert!(!ok && text.contains("unterminated heredoc"), "{text}");
    no_debris(&lab);
}

#[test]
fn flags_of_copies_are_obeyed() {
    let Some(lab) = lab("build-flags") else { return };
    let dir = lab.dir.join("context");
    write(&dir.join("a/b"), "c.txt", "c");
    write(&dir.join("a/b"), "d.md", "d");
    std::os::unix::fs::symlink("nowhere", dir.join("link")).expect("a link");
    let ask = |text: &str| {
        write(&dir, "Dockerfile", text);
        build(&lab, false, &[], &dir)
    };
    let (ok, text) = ask(
        "FROM base\nCOPY --parents a/b/c.txt /p/\nCOPY --exclude=**/*.md --exclude=Docker* . /e/\nCOPY --chmod=0751 --chown=app a/b/d.md /m\n\
         ARG mode=u=rwX,go=rX\nCOPY --chmod=$mode a /x/y/\nADD --chmod=a=r,u+s,+x a/b/d.md /s\n\
         RUN cd / && find p e m | sort && stat -c '%a %U:%G' m x/y x/y/b x/y/b/c.txt s\n",
    );
    let wanted = "e\ne/a\ne/a/b\ne/a/b/c.txt\ne/link\nm\np\np/a\np/a/b\np/a/b/c.txt\n751 app:app\n755 root:root\n755 root:root\n\
                  644 root:root\n4555 root:root";
    assert!(ok && printed(&text).join("\n") == wanted, "{text}");
    for (mode, why) in
        [("9", "invalid chmod parameter: '9'"), ("u=q", "invalid chmod parameter: 'u=q': invalid syntax")]
    {
        let (ok, text) = ask(&format!("FROM base\nCOPY --chmod={mode} a /m\n"));
        assert!(!ok && text.contains(why), "{text}");
    }
    let (ok, text) = ask("FROM base\nADD --checksum=sha256:00 a /m\n");
    assert!(!ok && text.contains("checksum"), "{text}");
    no_debris(&lab);
}

#[test]
fn downloads_are_checked_and_shown() {
    let Some(lab) = lab("build-downloads") else { return };
    let (dir, served) = (lab.dir.join("context"), lab.dir.join("served"));
    write(&served, "f.txt", "content");
    write(&served, "g.txt", "content");
    let _server = serve(&lab, &served);
    let sum = "sha256:ed7002b439e9ac845f22357d822bac1444730fbdb6016d3ec9432297b9ec9f73";
    for client in clients() {
        let ask = |flags: &str, name: &str| {
            write(
                &dir,
                "Dockerfile",
                &format!("FROM base\nADD {flags} http://127.0.0.1:8000/{name} /d/\nRUN cat /d/{name}\n"),
            );
            build(&lab, client, &["--no-cache"], &dir)
        };
        let (ok, text) = ask(&format!("--checksum={sum}"), "f.txt");
        assert!(ok && text.contains("\ncontent"), "{text}");
        let (ok, text) =
            ask("--checksum=sha256:1234567890123456789012345678901234567890123456789012345678901234", "f.txt");
        assert!(!ok && text.contains(&format!("digest mismatch {sum}: sha256:1234")), "{text}");
        let (ok, text) = ask("--chmod=640 --chown=app", "g.txt");
        assert!(ok, "{text}");
        no_debris(&lab);
    }
    // The same content under the same name is the same step, wherever it comes from and whenever it was made.
    write(&dir, "Dockerfile", "FROM base\nADD http://127.0.0.1:8000/f.txt /\n");
    build(&lab, false, &[], &dir);
    write(&served, "f.txt", "content");
    let (_, text) = build(&lab, false, &[], &dir);
    assert!(text.contains("Using cache"), "{text}");
    write(&served, "f.txt", "changed");
    let (_, text) = build(&lab, false, &[], &dir);
    assert!(!text.contains("Using cache"), "{text}");
}

#[test]
fn a_file_before_dockerignore_takes_its_place() {
    let Some(lab) = lab("build-ignore") else { return };
    let dir = lab.dir.join("context");
    for (name, text) in
        [("a.log", ""), ("a.txt", ""), (".dockerignore", "*.txt\n"), ("other.dockerignore", "*.log\nother*\n")]
    {
        write(&dir, name, text);
    }
    for name in ["Dockerfile", "other"] {
        write(&dir, name, "FROM base\nCOPY . /c\nRUN ls /c\n");
    }
    let (_, text) = build(&lab, false, &["-f", &dir.join("other").display().to_string()], &dir);
    assert_eq!(printed(&text), ["Dockerfile", "a.txt"], "{text}");
    // What is packed already is taken as it is.
    let packed = Command::new("tar").args(["-c", "."]).current_dir(&dir).output().expect("tar").stdout;
    std::fs::write(lab.dir.join("packed.tar"), packed).expect("an archive");
    let mut command = lab.command(&["build", "--no-cache", "-f", "other", "-"]);
    let archive = std::fs::File::open(lab.dir.join("packed.tar")).expect("the archive");
    let output = command.stdin(archive).output().expect("our docker");
    let text = String::from_utf8_lossy(&output.stdout);
    assert_eq!(printed(&text), ["Dockerfile", "a.log", "a.txt", "other", "other.dockerignore"], "{text}");
    for client in clients() {
        let (_, text) = build(&lab, client, &["--no-cache"], &dir);
        assert_eq!(printed(&text), ["Dockerfile", "a.log", "other", "other.dockerignore"], "{text}");
        // The real client sends by `.dockerignore`; what is left is filtered by the engine.
        let (_, text) = build(&lab, client, &["--no-cache", "-f", &dir.join("other").display().to_string()], &dir);
        assert!(!printed(&text).contains(&"a.log"), "{text}");
    }
    no_debris(&lab);
}

#[test]
fn the_same_input_gives_the_same_image_for_the_same_time() {
    let Some(lab) = lab("build-epoch") else { return };
    let dir = lab.dir.join("context");
    write(&dir, "f", "f");
    write(
        &dir,
        "Dockerfile",
        "FROM base\nRUN mkdir /d && echo x > /d/x && ln -s x /d/l && rm /etc/group\nWORKDIR /w\nCOPY f /f\nENV A=1\nRUN --mount=type=cache,target=/c touch /c/x /y\n",
    );
    let epoch = ["--build-arg", "SOURCE_DATE_EPOCH=1000000000", "--no-cache", "-q"];
    let ids: BTreeSet<(bool, String)> =
        clients().chain([false]).map(|client| build(&lab, client, &epoch, &dir)).collect();
    assert_eq!(ids.len(), 1, "{ids:?}");
    let (ok, id) = ids.into_iter().next().expect("an image");
    let id = id.trim();
    assert!(ok, "{id}");
    assert_eq!(lab.ok(&["image", "inspect", "-f", "{{.Created}}", id]), "2001-09-09T01:46:40Z");
    let times = "cd / && stat -c '%n %Y' d d/x w f y && find d -type l -exec stat -c '%n %Y' {} ';'";
    let times = lab.ok(&["run", "--rm", id, "sh", "-c", times]);
    assert!(times.lines().count() == 6 && times.lines().all(|line| line.ends_with(" 1000000000")), "{times}");
    // The same steps for no time are others, and do not come from that cache.
    let (_, text) = build(&lab, false, &[], &dir);
    let (_, again) = build(&lab, false, &["--build-arg", "SOURCE_DATE_EPOCH=1000000000"], &dir);
    assert!(
        again.contains("Using cache") && again.contains(&id[7..19]) && !again.contains("not consumed"),
        "{again}\n{text}"
    );
    let (ok, text) = build(&lab, false, &["--build-arg", "SOURCE_DATE_EPOCH=soon"], &dir);
    assert!(!ok && text.contains("invalid SOURCE_DATE_EPOCH: soon: strconv.ParseInt"), "{text}");
    no_debris(&lab);
}

#[test]
fn stages_run_side_by_side_and_those_that_nothing_needs_not_at_all() {
    let Some(lab) = lab("build-stages") else { return };
    let dir = lab.dir.join("context");
    // Each stage waits for what only the other one does.
    let text = "FROM base AS one\nRUN --mount=type=cache,id=meet,target=/m touch /m/one; for i in $(seq 200); do [ -e /m/two ] && exit 0; sleep 0.1; done; exit 1\n\
                FROM base AS two\nRUN --mount=type=cache,id=meet,target=/m touch /m/two; for i in $(seq 200); do [ -e /m/one ] && exit 0; sleep 0.1; done; exit 1\n\
                FROM base AS never\nRUN exit 9\nFROM base\nCOPY --from=one /etc/passwd /1\nCOPY --from=two /etc/passwd /2\n";
    write(&dir, "Dockerfile", text);
    for client in clients() {
        let (ok, built) = build(&lab, client, &["--no-cache"], &dir);
        assert!(ok && built.contains("Step 1/7 : FROM base AS one") && !built.contains("never"), "{built}");
        lab.ok(&["builder", "prune", "-f"]);
    }
    no_debris(&lab);
}

#[test]
fn eight_builds_at_once_share_every_step() {
    let Some(lab) = lab("build-eight") else { return };
    let dir = lab.dir.join("context");
    write(&dir, "f", "f");
    write(
        &dir,
        "Dockerfile",
        "FROM base\nENV A=1\nRUN sleep 1; cat /proc/sys/kernel/random/uuid > /id\nCOPY f /f\nWORKDIR /w\nRUN cat /proc/sys/kernel/random/uuid > /id2\nCMD [\"x\"]\n",
    );
    let builds: Vec<_> = (0..8)
        .map(|at| {
            let real = at % 2 == 1 && Path::new(REAL).exists();
            let mut command = if real { Command::new(REAL) } else { lab.command(&[]) };
            command.args(["build", "-q", "-t", &format!("eight{at}")]).arg(&dir).env("DOCKER_BUILDKIT", "0");
            command.env("DOCKER_HOST", lab.host()).stdout(Stdio::piped()).stderr(Stdio::null());
            command.spawn().expect("the client starts")
        })
        .collect();
    let ids: BTreeSet<String> = builds
        .into_iter()
        .map(|build| {
            let out = build.wait_with_output().expect("the client ends");
            assert!(out.status.success(), "{out:?}");
            String::from_utf8_lossy(&out.stdout).trim().to_owned()
        })
        .collect();
    assert_eq!(ids.len(), 1, "{ids:?}");
    assert_eq!(
        lab.ok(&["images", "-aq"]).lines().collect::<BTreeSet<_>>().len(),
        7,
        "the base and one image for each step"
    );
    no_debris(&lab);
    // Builds that are told not to share give eight images, and leave a whole store, too.
    let ids = std::thread::scope(|scope| {
        let runs: Vec<_> = (0..8).map(|_| scope.spawn(|| build(&lab, false, &["--no-cache", "-q"], &dir))).collect();
        runs.into_iter().map(|run| run.join().expect("it ends")).collect::<BTreeSet<_>>()
    });
    assert!(ids.len() == 8 && ids.iter().all(|(ok, _)| *ok), "{ids:?}");
    no_debris(&lab);
}

#[test]
fn without_buildx_the_real_client_falls_back() {
    if !Path::new(REAL).exists() {
        return skip("the real docker CLI is not installed");
    }
    let Some(lab) = lab("build-no-buildx") else { return };
    let dir = lab.dir.join("context");
    write(&dir, "Dockerfile", "FROM base\nRUN echo plain\n");
    let run = |words: &[&str], buildkit: Option<&str>| {
        let mut command = Command::new(REAL);
        command.args(words).arg(&dir).env("DOCKER_HOST", lab.host()).env_remove("DOCKER_BUILDKIT");
        if let Some(value) = buildkit {
            command.env("DOCKER_BUILDKIT", value);
        }
        let out = command.stdin(Stdio::null()).output().expect("the client starts");
        (
            out.status.code(),
            String::from_utf8_lossy(&out.stdout).into_owned(),
            String::from_utf8_lossy(&out.stderr).into_owned(),
        )
    };
    // What it says with dockerd 20.10.24.
    let install = "Install the buildx component to build images with BuildKit:\n";
    for words in [&["build"][..], &["image", "build"], &["builder", "build"]] {
        let (code, out, err) = run(words, None);
        if err.contains("unknown") {
            assert_eq!(words[0], "builder", "{err}");
            continue;
        }
        let wanted = format!(
            "DEPRECATED: The legacy builder is deprecated and will be removed in a future release.\n            {install}            https://docs.docker.com/go/buildx/\n\n"
        );
        assert_eq!((code, err), (Some(0), wanted), "{out}");
        assert!(out.contains("Successfully built"), "{out}");
    }
    let (code, out, err) = run(&["build"], Some("1"));
    let wanted = format!(
        "ERROR: BuildKit is enabled but the buildx component is missing or broken.\n       {install}       https://docs.docker.com/go/buildx/\n"
    );
    assert_eq!((code, out, err), (Some(1), String::new(), wanted));
    // Ours says nothing of all this.
    let (ok, text) = said(&lab, &["build", &dir.display().to_string()]);
    assert!(ok && text.starts_with("Sending build context to Docker daemon") && !text.contains("DEPRECATED"), "{text}");
}
