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
fn secrets_are_for_a_command_and_in_nothing_that_stays() {
    let Some(lab) = lab("build-secrets") else { return };
    let dir = lab.dir.join("context");
    write(
        &dir,
        "Dockerfile",
        "FROM base\n\
         RUN --mount=type=secret,id=s,required cat /run/secrets/s; stat -c '%a %u:%g' /run/secrets/s; touch /run/secrets/s 2>/dev/null || echo read-only\n\
         RUN --mount=type=secret,id=s,target=/etc/deep/key,mode=0440,uid=7,gid=8 cat /etc/deep/key; stat -c '%a %u:%g' /etc/deep/key\n\
         RUN --mount=type=secret,id=v,env=TOKEN echo $TOKEN; ls /run/secrets 2>/dev/null || echo no file\n\
         RUN --mount=type=secret,id=none ls -d /run/secrets /etc/deep 2>/dev/null || echo nothing is left\n",
    );
    let file = lab.dir.join("key");
    std::fs::write(&file, "from a file\n").expect("a file");
    let from_file = format!("id=s,src={}", file.display());
    let secrets = ["--secret", &from_file, "--secret", "id=v,env=THE_TOKEN"];
    let with = |args: &[&str]| {
        let mut command = lab.command(&[&["build", "-t", "built"], args, &[&dir.display().to_string()]].concat());
        let output = command.env("THE_TOKEN", "from-a-variable").stdin(Stdio::null()).output().expect("our docker");
        let text = [output.stdout, output.stderr].concat();
        (output.status.success(), String::from_utf8(text).expect("UTF-8"))
    };
    let (ok, text) = with(&secrets);
    assert!(ok, "{text}");
    let expected = [
        ["from a file", "400 0:0", "read-only"].as_slice(),
        &["from a file", "440 7:8"],
        &["from-a-variable", "no file"],
        &["nothing is left"],
    ];
    assert_eq!(printed(&text), expected.concat(), "{text}");
    // Another value is no other key.
    std::fs::write(&file, "changed\n").expect("a file");
    let (_, text) = with(&secrets);
    assert_eq!(text.matches("Using cache").count(), 4, "{text}");
    let image = lab.ok(&["image", "inspect", "built"]) + &lab.ok(&["history", "--no-trunc", "built"]);
    assert!(!image.contains("from-a-variable") && !image.contains("TOKEN=\""), "{image}");
    let left = Command::new("grep").args(["-rlE", "from a file|from-a-variable"]).arg(&lab.dir).output().expect("grep");
    assert_eq!(String::from_utf8_lossy(&left.stdout), "", "a secret stays on the disk");

    for (flags, reason) in [
        (vec![], "secret s: not found: give it with --secret id=s,src=FILE"),
        (vec!["--secret", "src=a"], "secret missing ID"),
        (vec!["--secret", "id=s,src=/no/such"], "failed to read secret s: open /no/such: no such file or directory"),
    ] {
        let (ok, text) = with(&[&["--no-cache"], &flags[..]].concat());
        assert!(!ok && text.contains(reason), "{flags:?}: {text}");
    }
    std::fs::write(&file, vec![b'x'; 300_000]).expect("a file");
    let (ok, text) = with(&secrets);
    assert!(!ok && text.contains("secret s too big"), "{text}");
    no_debris(&lab);
}

/// Asks the agent at `SSH_AUTH_SOCK` for its identities, and prints what is text in the answer.
const ASK: &str = r#"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
int main(void) {
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    const char *path = getenv("SSH_AUTH_SOCK");
    unsigned char answer[4096];
    size_t have = 0, want = 4;
    int agent = socket(AF_UNIX, SOCK_STREAM, 0);
    if (!path) return puts("no agent"), 1;
    strncpy(at.sun_path, path, sizeof at.sun_path - 1);
    if (connect(agent, (struct sockaddr *)&at, sizeof at)) return perror("connect"), 1;
    write(agent, "\0\0\0\1\13", 5);
    while (have < want && want <= sizeof answer) {
        ssize_t got = read(agent, answer + have, want - have);
        if (got <= 0) return puts("no answer"), 1;
        have += got;
        if (have == 4) want += answer[2] << 8 | answer[3];
    }
    for (size_t i = 4; i < have; i++) if (answer[i] >= ' ' && answer[i] < 127) putchar(answer[i]);
    return puts(""), 0;
}
"#;

/// An SSH agent with one key, `comment`; it ends with the test.
fn agent(path: &Path, comment: &'static str) {
    use std::io::{Read as _, Write as _};
    let listener = std::os::unix::net::UnixListener::bind(path).expect("a socket");
    std::thread::spawn(move || {
        for mut client in listener.incoming().flatten() {
            let mut request = [0; 5];
            while client.read_exact(&mut request).is_ok() && request == [0, 0, 0, 1, 11] {
                let string = |text: &str| [&(text.len() as u32).to_be_bytes(), text.as_bytes()].concat();
                let body = [&[12, 0, 0, 0, 1][..], &string("blob "), &string(comment)].concat();
                let _ = client.write_all(&[&(body.len() as u32).to_be_bytes(), &body[..]].concat());
            }
        }
    });
}

#[test]
fn commands_ask_the_clients_ssh_agents() {
    let Some(lab) = lab("build-ssh") else { return };
    let dir = lab.dir.join("context");
    write(&dir, "ask.c", ASK);
    let compiled = Command::new("cc").args(["-static", "-w", "-o", "ask", "ask.c"]).current_dir(&dir).status();
    if !compiled.is_ok_and(|status| status.success()) {
        return skip("no C compiler with a static library is installed");
    }
    let (one, two) = (lab.dir.join("one.sock"), lab.dir.join("two.sock"));
    agent(&one, "first");
    agent(&two, "second");
    write(
        &dir,
        "Dockerfile",
        "FROM base\nCOPY ask /bin/\n\
         RUN --mount=type=ssh ask; for i in 1 2 3 4 5 6 7 8; do ask & done; wait; echo $SSH_AUTH_SOCK; stat -c '%a %u' $SSH_AUTH_SOCK\n\
         USER app\n\
         RUN --mount=type=ssh,id=other,target=/s/agent,mode=0660,uid=7,gid=1001,required ask; stat -c '%a %u:%g' /s/agent\n\
         USER root\n\
         RUN --mount=type=ssh,id=none ask; ls -d /s /run/buildkit 2>/dev/null || echo nothing is left\n",
    );
    let ssh = ["--ssh", "default", "--ssh", &format!("other={}", two.display())];
    let with = |args: &[&str], socket: &str| {
        let mut command = lab.command(&[&["build", "-t", "built"], args, &[&dir.display().to_string()]].concat());
        let output = command.env("SSH_AUTH_SOCK", socket).stdin(Stdio::null()).output().expect("our docker");
        let text = [output.stdout, output.stderr].concat();
        (output.status.success(), String::from_utf8(text).expect("UTF-8"))
    };
    let (ok, text) = with(&ssh, &one.display().to_string());
    assert!(ok, "{text}");
    let mut expected = vec!["blob first"; 9];
    expected.extend(["/run/buildkit/ssh_agent.0", "600 0", "blob second", "660 7:1001", "no agent", "nothing is left"]);
    assert_eq!(printed(&text), expected, "{text}");
    let (_, text) = with(&ssh, &one.display().to_string());
    assert_eq!(text.matches("Using cache").count(), 6, "{text}");
    assert!(!lab.ok(&["image", "inspect", "built"]).contains("SSH_AUTH_SOCK"));

    write(&dir, "Dockerfile", "FROM base\nRUN --mount=type=ssh,id=other,required true\n");
    let here = one.display().to_string();
    let missing = "no SSH agent \"other\" was forwarded from the client";
    for (args, socket, why) in [
        (vec![], here.as_str(), missing),
        (vec!["--ssh", "default"], &here, missing),
        (vec!["--ssh", "default"], "", "invalid empty ssh agent socket: make sure SSH_AUTH_SOCK is set"),
        (
            vec!["--ssh", "default=/no/such"],
            "",
            "failed to open /no/such for ssh agent default: no such file or directory",
        ),
        (vec!["--ssh", "default=/etc/passwd"], "", "/etc/passwd is not a socket: keys are not read here"),
        (vec!["--ssh", "a=/etc", "--ssh", "a"], &here, "/etc is not a socket"),
        (vec!["--ssh", "a", "--ssh", "a"], &here, "duplicate ssh agent \"a\""),
    ] {
        let (ok, text) = with(&[&["--no-cache"], &args[..]].concat(), socket);
        assert!(!ok && text.contains(why), "{args:?}: {text}");
    }
    for client in clients() {
        let (ok, text) = build(&lab, client, &["--no-cache"], &dir);
        assert!(!ok && text.contains(missing), "{text}");
    }
    // The client leaves in the middle, and so does its agent.
    write(&dir, "Dockerfile", "FROM base\nCOPY ask /bin/\nRUN --mount=type=ssh ask; sleep 600\n");
    let mut command = lab.command(&["build", "--ssh", "default", &dir.display().to_string()]);
    let mut child = command.env("SSH_AUTH_SOCK", &one).stdout(Stdio::null()).spawn().expect("our docker");
    common::build::wait_for_step(&lab, "sleep 600");
    child.kill().and_then(|()| child.wait()).expect("the client ends");
    no_debris(&lab);
    let sockets = std::fs::read_dir(lab.dir.join("exec/ssh")).expect("the engine's sockets").count();
    assert_eq!(sockets, 0);
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
            ["a/sgid 2711 1000:1001 0", "a/suid 4755 1000:1001 7", "b/sgid 2711 5:6 0", "b/suid 4755 5:6 7"].as_slice(),
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
