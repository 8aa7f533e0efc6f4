//! What a build's commands are lent and no image keeps: secrets, and the client's SSH agents, by our client.

mod common;

use common::build::{build, clients, lab, no_debris, printed, write};
use common::skip;
use std::path::Path;
use std::process::{Command, Stdio};

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
