//! The machine's real `docker` command line against an engine in mount and network namespaces of its own: the first
//! lesson's path, errors, and an engine that is killed while a container runs. Needs root, docker, and busybox-static.

mod lab;

use std::io::Write;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use lab::Lab;

#[test]
fn the_first_lesson_works_with_the_real_command_line() {
    let Some(lab) = Lab::new("lesson") else { return };
    lab.ok(&["run", "--name", "first", "alpine", "sh", "-c", "touch /new; echo x >> /etc/motd; rm /etc/issue"]);
    assert_eq!(lab.ok(&["diff", "first"]), "C /etc\nC /etc/motd\nD /etc/issue\nA /new");
    assert!(lab.ok(&["container", "ls", "-a"]).contains("Exited (0)"));
    lab.ok(&["commit", "-m", "message", "-a", "author", "first", "figlet"]);
    assert_eq!(lab.ok(&["image", "inspect", "-f", "{{.Comment}} {{.Author}}", "figlet"]), "message author");
    lab.ok(&["image", "tag", "figlet", "our:v1"]);
    assert_eq!(lab.ok(&["run", "--rm", "our:v1", "ls", "/new"]), "/new");
    assert_eq!(lab.ok(&["ps", "-aq"]).lines().count(), 1, "--rm leaves nothing");
    let mut cat = lab.command(&["run", "-i", "--rm", "alpine", "cat"]);
    let mut cat = cat.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("docker");
    cat.stdin.take().expect("stdin").write_all(b"hi\n").expect("write");
    assert_eq!(cat.wait_with_output().expect("docker").stdout, b"hi\n");
    lab.ok(&[
        "run",
        "-d",
        "--name",
        "web",
        "alpine",
        "sh",
        "-c",
        "trap 'exit 3' TERM; echo up; while :; do sleep 0.1; done",
    ]);
    assert_eq!(lab.ok(&["exec", "-e", "A=1", "-w", "/tmp", "web", "sh", "-c", "echo $A; pwd"]), "1\n/tmp");
    assert_eq!(lab.fails(&["exec", "web", "sh", "-c", "exit 5"]).0, Some(5));
    lab.ok(&["stop", "web"]);
    assert_eq!(lab.ok(&["wait", "web"]), "3");
    assert_eq!(lab.ok(&["logs", "web"]), "up");
    lab.ok(&["rm", "web"]);
}

#[test]
fn failures_have_dockers_words_and_exit_codes() {
    let Some(lab) = Lab::new("errors") else { return };
    let (code, text) = lab.fails(&["run", "--name", "gone", "alpine", "nope"]);
    assert_eq!(code, Some(127));
    assert!(text.contains("exec: \"nope\": executable file not found in $PATH"), "{text}");
    assert_eq!(lab.ok(&["inspect", "-f", "{{.State.Status}} {{.State.ExitCode}}", "gone"]), "created 127");
    assert_eq!(lab.fails(&["run", "--rm", "alpine", "/etc"]).0, Some(126));
    assert_eq!(lab.fails(&["run", "--rm", "alpine", "sh", "-c", "exit 7"]).0, Some(7));
    assert!(
        lab.fails(&["run", "--name", "gone", "alpine", "true"])
            .1
            .contains("The container name \"/gone\" is already in use by container")
    );
    assert!(lab.fails(&["rm", "nothing"]).1.contains("No such container: nothing"));
    assert!(lab.fails(&["image", "inspect", "nothing"]).1.contains("No such image: nothing:latest"));
    let (_, text) = lab.fails(&["run", "--rm", "-u", "bob", "alpine", "id"]);
    assert!(text.contains("unable to find user bob: no matching entries in passwd file"), "{text}");
}

#[test]
fn containers_survive_a_killed_engine() {
    let Some(mut lab) = Lab::new("survive") else { return };
    lab.ok(&[
        "run",
        "-d",
        "--name",
        "long",
        "alpine",
        "sh",
        "-c",
        "trap 'exit 9' TERM; while :; do echo tick; sleep 0.1; done",
    ]);
    lab.ok(&["run", "-d", "--name", "short", "alpine", "sh", "-c", "sleep 0.5; exit 4"]);
    let pid = lab.ok(&["inspect", "-f", "{{.State.Pid}}", "short"]);
    lab.kill_engine();
    let deadline = Instant::now() + Duration::from_secs(60);
    while Path::new("/proc").join(&pid).exists() {
        assert!(Instant::now() < deadline, "the short container does not end");
        std::thread::sleep(Duration::from_millis(20));
    }
    lab.start();
    assert_eq!(lab.ok(&["wait", "short"]), "4");
    assert_eq!(lab.ok(&["inspect", "-f", "{{.State.Running}}", "long"]), "true");
    assert_eq!(lab.ok(&["exec", "long", "echo", "still"]), "still");
    assert!(lab.ok(&["logs", "--tail", "3", "long"]).contains("tick"));
    lab.ok(&["stop", "long"]);
    assert_eq!(lab.ok(&["inspect", "-f", "{{.State.ExitCode}}", "long"]), "9");
}
