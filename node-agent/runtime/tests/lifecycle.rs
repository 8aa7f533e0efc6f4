//! What a caller relies on besides the straight path: joined namespaces, groups, large environments, signals to all, crashes half-way.

#[allow(dead_code)]
mod common;

use std::fs;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use common::{Sandbox, text};
use serde_json::json;
use slipway_runtime::Status;
use slipway_runtime::client::Io;

fn null() -> std::os::fd::OwnedFd {
    fs::File::options().read(true).write(true).open("/dev/null").unwrap().into()
}

fn started(sandbox: &Sandbox) -> u32 {
    sandbox.write();
    let io = Io::Inherit([null(), null(), null()]);
    let pid = sandbox.client().create(&sandbox.id, sandbox.dir.path(), io).unwrap().pid;
    sandbox.client().start(&sandbox.id).unwrap();
    pid
}

fn groups_left(id: &str) -> String {
    let found = Command::new("find").args(["/sys/fs/cgroup", "-maxdepth", "3", "-name", id]).output().unwrap();
    text(&found.stdout)
}

#[test]
fn namespaces_are_joined_by_path() {
    let Some(mut first) = Sandbox::new("exec sleep 1000") else { return };
    first.own_user_namespace();
    let pid = started(&first);
    let mut second = Sandbox::new(
        "for n in net pid user; do readlink /proc/self/ns/$n; done; echo $$ >/pid; ps | grep -c 'sleep 100[0]'",
    )
    .unwrap();
    second.own_user_namespace();
    let linux = second.config["linux"].as_object_mut().unwrap();
    linux.remove("uidMappings");
    linux.remove("gidMappings");
    for namespace in linux["namespaces"].as_array_mut().unwrap() {
        let kind = namespace["type"].as_str().unwrap().to_owned();
        let file = match kind.as_str() {
            "network" => "net",
            "pid" => "pid",
            "user" => "user",
            "ipc" => "ipc",
            _ => continue,
        };
        namespace["path"] = json!(format!("/proc/{pid}/ns/{file}"));
    }
    let expected: String = ["net", "pid", "user"]
        .iter()
        .map(|n| format!("{}\n", fs::read_link(format!("/proc/{pid}/ns/{n}")).unwrap().display()))
        .collect();
    assert_eq!(second.stdout(), expected + "1\n");
    let own = fs::read_to_string(second.dir.path().join("rootfs/pid")).unwrap();
    assert_ne!(own, "1\n", "the joined pid namespace has its first process already");
}

#[test]
fn groups_umask_and_a_large_environment_arrive() {
    let Some(mut sandbox) = Sandbox::new("id -u; id -g; id -G; umask; echo ${#BIG}") else { return };
    sandbox.config["process"]["user"] = json!({"uid": 1000, "gid": 1001, "additionalGids": [7, 9], "umask": 0o027});
    let big = "x".repeat(120 * 1024);
    sandbox.config["process"]["env"].as_array_mut().unwrap().push(json!(format!("BIG={big}")));
    assert_eq!(sandbox.stdout(), "1000\n1001\n1001 7 9\n0027\n122880\n");
    sandbox.config["process"]["env"].as_array_mut().unwrap().push(json!(format!("MORE={}", big.repeat(2))));
    let refused = text(&sandbox.run().stderr);
    assert!(refused.contains("argument list too long"), "{refused}");
}

#[test]
fn a_killing_signal_to_all_reaches_processes_that_fork_and_frozen_ones() {
    let Some(mut sandbox) = Sandbox::new("f() { while :; do sleep 0.01 & wait; done; }; f & f & f & exec sleep 1000")
    else {
        return;
    };
    // Without a pid namespace the end of the init takes nobody along.
    sandbox.config["linux"]["namespaces"].as_array_mut().unwrap().retain(|n| n["type"] != "pid");
    started(&sandbox);
    let client = sandbox.client();
    client.pause(&sandbox.id).unwrap();
    assert_eq!(client.state(&sandbox.id).unwrap().status, Status::Paused);
    let refused = sandbox.command(&["exec", &sandbox.id, "true"]).output().unwrap();
    assert!(text(&refused.stderr).contains("cannot exec in a paused container"));
    client.kill(&sandbox.id, "KILL", true).unwrap();
    assert_eq!(client.state(&sandbox.id).unwrap().status, Status::Stopped);
    let ps = sandbox.command(&["ps", "--format", "json", &sandbox.id]).output().unwrap();
    assert_eq!(text(&ps.stdout).trim(), "[]");
    client.delete(&sandbox.id, false).unwrap();
    assert_eq!(groups_left(&sandbox.id), "");
}

#[test]
fn a_creation_killed_at_any_moment_keeps_neither_the_id_nor_a_process_nor_a_control_group() {
    let Some(sandbox) = Sandbox::new("exec sleep 1000") else { return };
    sandbox.write();
    let bundle = sandbox.dir.path().to_string_lossy().into_owned();
    // A file, not a pipe: the waiting init holds it open.
    let log = sandbox.dir.path().join("stderr");
    let create = || {
        let mut command = sandbox.command(&["create", "--bundle", &bundle, &sandbox.id]);
        command.stdin(Stdio::null()).stdout(Stdio::null());
        command.stderr(fs::File::create(&log).unwrap());
        command
    };
    let mut interrupted = 0;
    for step in 0..60u64 {
        let mut child = create().spawn().unwrap();
        std::thread::sleep(Duration::from_micros(step * 400));
        child.kill().unwrap();
        interrupted += u32::from(child.wait().unwrap().code().is_none());
        if step % 2 == 0 {
            assert!(sandbox.command(&["delete", "--force", &sandbox.id]).status().unwrap().success());
        } else {
            // Whole, abandoned or never begun: afterwards the id can be used, and at the latest after a deletion.
            let again = create().status().unwrap();
            let said = fs::read_to_string(&log).unwrap();
            assert!(again.success() || said.contains("already exists"), "{said}");
            assert!(sandbox.command(&["delete", "--force", &sandbox.id]).status().unwrap().success());
        }
        assert_eq!(groups_left(&sandbox.id), "");
        assert!(!sandbox.dir.path().join("run").join(&sandbox.id).exists());
    }
    assert!(interrupted > 5, "only {interrupted} creations were interrupted");
    let deadline = Instant::now() + Duration::from_secs(60);
    let alive = || {
        let ps = Command::new("pgrep").args(["-f", &format!("create --bundle {bundle}")]).output().unwrap();
        text(&ps.stdout)
    };
    while !alive().is_empty() {
        assert!(Instant::now() < deadline, "processes are left: {}", alive());
        std::thread::yield_now();
    }
}
