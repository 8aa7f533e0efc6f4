//! Fifty sessions, some deleted, some cut off by a `kill -9` of the agent: afterwards nothing is left. As root, with the real binary.

mod common;

use std::{
    io::{BufRead, BufReader},
    net::SocketAddr,
    path::Path,
    process::{Child, Command, Stdio},
};

use common::client::{request, try_request};
use node_agent::sandbox::Settings;

fn serve(settings: &Settings, labs: &Path) -> (Child, SocketAddr) {
    let mut command = Command::new(&settings.agent);
    command
        .args(["serve", "--listen", "127.0.0.1:0"])
        .arg("--data-dir")
        .arg(&settings.data_dir)
        .arg("--labs")
        .arg(labs);
    command.arg("--node-image").arg(&settings.node_image).stdout(Stdio::piped());
    if let Some(runtime) = &settings.config.runtime {
        let file = labs.join("config.toml");
        std::fs::write(&file, format!("runtime = {runtime:?}\n")).expect("written");
        command.arg("--config").arg(file);
    }
    let mut child = command.spawn().expect("the agent starts");
    let mut line = String::new();
    BufReader::new(child.stdout.take().expect("piped")).read_line(&mut line).expect("a line");
    let address = line.trim().rsplit('/').next().and_then(|text| text.parse().ok());
    (child, address.unwrap_or_else(|| panic!("no address in {line:?}")))
}

#[test]
fn fifty_sessions_and_a_killed_agent_leave_nothing() {
    common::isolated(|settings| {
        let before = common::census();
        let labs = tempfile::tempdir().expect("a folder");
        let (mut child, to) = serve(settings, labs.path());
        let open = |to: SocketAddr| {
            let opened = request(to, "POST", "/api/v1/sessions", &[], b"");
            assert_eq!(opened.status, 201, "{}", String::from_utf8_lossy(&opened.body));
            let json = opened.json();
            (json["id"].as_str().expect("an id").to_owned(), json["token"].as_str().expect("a token").to_owned())
        };
        let delete = |to: SocketAddr, (id, token): &(String, String)| {
            let bearer = format!("authorization: Bearer {token}");
            assert_eq!(request(to, "DELETE", &format!("/api/v1/sessions/{id}"), &[&bearer], b"").status, 204);
        };
        let round = |to: SocketAddr| {
            std::thread::scope(|scope| {
                let threads: Vec<_> = (0..5).map(|_| scope.spawn(|| open(to))).collect();
                threads.into_iter().map(|thread| thread.join().expect("opened")).collect::<Vec<_>>()
            })
        };
        for _ in 0..4 {
            round(to).iter().for_each(|session| delete(to, session));
        }
        common::same(&with_shared(&before), &common::census());
        let kept = round(to);
        assert_ne!(with_shared(&before), common::census(), "the census sees running sessions");
        // Five more are in the making when the agent is killed.
        std::thread::scope(|scope| {
            for _ in 0..5 {
                scope.spawn(|| {
                    // Cut off on purpose.
                    let _ = try_request(to, "POST", "/api/v1/sessions", &[], b"");
                });
            }
            std::thread::sleep(std::time::Duration::from_millis(80));
            child.kill().expect("killed");
        });
        child.wait().expect("gone");
        drop(kept);

        let (mut child, to) = serve(settings, labs.path());
        common::same(&with_shared(&before), &common::census());
        for _ in 0..3 {
            round(to).iter().for_each(|session| delete(to, session));
        }
        round(to);
        let pid = nix::unistd::Pid::from_raw(i32::try_from(child.id()).expect("a pid"));
        nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGTERM).expect("told to end");
        assert!(child.wait().expect("gone").success(), "an orderly end");
        common::same(&before, &common::census());
    });
}

/// What a running agent has without any session: its bridge.
fn with_shared(before: &common::Census) -> common::Census {
    let mut census = before.clone();
    census.add_device("slipway0");
    census
}
