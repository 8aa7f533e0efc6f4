//! Our command in a terminal: keys, sizes, detaching, and the terminal's settings after every way in which it can end; and large streams through pipes.

mod common;

use common::pty::Terminal;
use common::{Lab, wait_for};
use rustix::process::{Signal, kill_process};
use std::io::{Read, Write};
use std::process::Stdio;

/// `docker run -ti` with a shell that has said so.
fn shell(lab: &Lab, name: &str) -> Terminal {
    let command = lab.command(&["run", "-ti", "--name", name, "alpine", "sh"]);
    let mut terminal = Terminal::start(&command, 33, 101);
    terminal.expect("/ # ");
    terminal.wait_raw();
    terminal
}

#[test]
fn a_shell_in_a_terminal_works_and_gives_the_terminal_back() {
    let Some(lab) = Lab::new("shell") else { return };
    let mut terminal = shell(&lab, "shell");
    terminal.keys(b"echo a$((40+2))b; stty size\r");
    terminal.expect("a42b\r\n");
    terminal.expect("33 101");
    terminal.resize(44, 132);
    // The size travels by a signal and a call; asking again is what a person would do too.
    for _ in 0..50 {
        terminal.keys(b"stty size; echo so\r");
        terminal.expect("\r\nso\r\n");
        if terminal.seen("44 132") {
            break;
        }
    }
    assert!(terminal.seen("44 132"), "the new size reaches the container");
    terminal.keys(b"\x03echo still\r");
    terminal.expect("\r\nstill");
    terminal.keys(b"exit 7\r");
    assert_eq!(terminal.wait().code(), Some(7));
    assert!(terminal.is_restored());
}

#[test]
fn the_detach_keys_leave_the_container_running() {
    let Some(lab) = Lab::new("detach") else { return };
    let mut terminal = shell(&lab, "kept");
    terminal.keys(b"x=kept\r");
    terminal.keys(b"\x10\x11");
    assert_eq!(terminal.wait().code(), Some(0));
    assert!(terminal.is_restored());
    assert_eq!(lab.ok(&["inspect", "-f", "{{.State.Running}}", "kept"]), "true");

    let mut again = Terminal::start(&lab.command(&["attach", "--detach-keys", "ctrl-a,b", "kept"]), 24, 80);
    again.wait_raw();
    again.keys(b"echo $x\r");
    again.expect("\r\nkept");
    // The default keys are ordinary ones now, and half of the sequence followed by something else is input.
    again.keys(b"\x01c\x01b");
    assert_eq!(again.wait().code(), Some(1), "attach says that it was left");
    assert!(again.is_restored());

    let mut exec = Terminal::start(&lab.command(&["exec", "-ti", "kept", "sh"]), 24, 80);
    exec.expect("/ # ");
    exec.wait_raw();
    exec.keys(b"stty size\r");
    exec.expect("24 80");
    // The command learns of the new size by a signal, the shell inside by another.
    exec.resize(33, 101);
    wait_for("the new size to arrive", || {
        exec.keys(b"stty size\r");
        exec.expect("/ # ");
        exec.seen("33 101").then_some(())
    });
    exec.keys(b"exit 3\r");
    assert_eq!(exec.wait().code(), Some(3));
    assert!(exec.is_restored());
}

#[test]
fn signals_and_a_lost_engine_leave_the_terminal_in_order() {
    let Some(mut lab) = Lab::new("signals") else { return };
    for (signal, name) in [(Signal::TERM, "term"), (Signal::INT, "int"), (Signal::HUP, "hup")] {
        // Attaching passes no signal on with `--sig-proxy=false`: the command itself dies of it.
        lab.ok(&["run", "-dti", "--name", name, "alpine", "sh"]);
        let attach = lab.command(&["attach", "--sig-proxy=false", name]);
        let mut terminal = Terminal::start(&attach, 24, 80);
        terminal.wait_raw();
        kill_process(terminal.pid(), signal).expect("a signal");
        assert!(!terminal.wait().success());
        assert!(terminal.is_restored(), "after SIG{name}");
        assert_eq!(lab.ok(&["inspect", "-f", "{{.State.Running}}", name]), "true");
    }
    let mut exec = Terminal::start(&lab.command(&["exec", "-ti", "term", "sh"]), 24, 80);
    exec.expect("/ # ");
    exec.wait_raw();
    kill_process(exec.pid(), Signal::TERM).expect("a signal");
    assert!(!exec.wait().success());
    assert!(exec.is_restored(), "after SIGTERM in exec");

    // `run` passes the signal on, and ends as the container does.
    let script = "trap 'exit 5' TERM; echo ready; while :; do sleep 0.1; done";
    let mut run = Terminal::start(&lab.command(&["run", "-ti", "--rm", "alpine", "sh", "-c", script]), 24, 80);
    run.expect("ready");
    run.wait_raw();
    kill_process(run.pid(), Signal::TERM).expect("a signal");
    assert_eq!(run.wait().code(), Some(5));
    assert!(run.is_restored());

    let mut cut = shell(&lab, "cut");
    lab.kill_engine();
    cut.wait();
    assert!(cut.is_restored(), "after the engine died");
    lab.start_engine();
}

#[test]
fn ten_megabytes_go_in_and_come_out_unchanged() {
    let Some(lab) = Lab::new("pipe") else { return };
    // A deterministic stream with every byte value, no two blocks alike.
    let mut state = 1u32;
    let data: Vec<u8> = std::iter::repeat_with(|| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state.to_be_bytes()[0]
    })
    .take(10 << 20)
    .collect();
    lab.ok(&["run", "-d", "--name", "holder", "alpine", "sleep", "600"]);
    for args in [&["run", "-i", "--rm", "alpine", "cat"][..], &["exec", "-i", "holder", "cat"]] {
        let mut child =
            lab.command(args).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("our docker starts");
        let mut input = child.stdin.take().expect("a pipe");
        let sent = data.clone();
        let writer = std::thread::spawn(move || input.write_all(&sent));
        let mut back = Vec::new();
        child.stdout.take().expect("a pipe").read_to_end(&mut back).expect("output");
        writer.join().expect("the writer").expect("all is taken");
        let status = wait_for("the command to end", || child.try_wait().expect("a child"));
        assert!(status.success(), "{args:?}");
        assert_eq!(back.len(), data.len(), "{args:?}");
        assert!(back == data, "the bytes of {args:?} are the same");
    }
    // The end of input reaches the container though its output goes on, and output comes whole though input was never read.
    let mut child = lab
        .command(&["run", "-i", "--rm", "alpine", "sh", "-c", "wc -c; head -c 3000000 /dev/zero"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("our docker starts");
    child.stdin.take().expect("a pipe").write_all(&data[..1 << 20]).expect("input");
    let out = child.wait_with_output().expect("output").stdout;
    assert!(out.starts_with(b"1048576\n"));
    assert_eq!(out.len(), 8 + 3_000_000);
}
