//! Real containers on real namespaces: what a program inside sees, what it may not do, and that nothing of it stays behind.

mod common;

use std::fs;
use std::io::{Read, Write};
use std::path::Path;
use std::process::Command;

use common::{Sandbox, text};
use serde_json::json;
use slipway_runtime::Status;
use slipway_runtime::client::Io;

#[test]
fn a_program_sees_its_own_machine_and_its_exit_code_comes_back() {
    let Some(sandbox) =
        Sandbox::new("hostname; echo $$; id -u; grep -E 'CapBnd|CapEff|NoNewPrivs|Seccomp:' /proc/self/status; exit 7")
    else {
        return;
    };
    let output = sandbox.run();
    assert_eq!(output.status.code(), Some(7), "{}", text(&output.stderr));
    let expected = "box\n1\n0\nCapEff:\t00000000a80425fb\nCapBnd:\t00000000a80425fb\nNoNewPrivs:\t0\nSeccomp:\t2\n";
    assert_eq!(text(&output.stdout), expected);
}

#[test]
fn seccomp_denies_namespaces_and_mounts_and_masks_hide() {
    let script = "unshare -m true 2>&1; mount -t tmpfs t /mnt 2>&1; wc -c </proc/keys; ls /sys/firmware | wc -l; echo x 2>&1 >/proc/sys/kernel/hostname";
    let Some(mut sandbox) = Sandbox::new(&format!("{script}; exit 0")) else {
        return;
    };
    // Even with the capability: it is the filter that says no.
    for set in ["bounding", "effective", "permitted"] {
        sandbox.config["process"]["capabilities"][set].as_array_mut().unwrap().push(json!("CAP_SYS_ADMIN"));
    }
    let output = sandbox.run();
    let all = text(&output.stdout) + &text(&output.stderr);
    assert!(all.contains("unshare: unshare(0x20000): Operation not permitted"), "{all}");
    assert!(
        all.contains("mount: permission denied") || all.contains("mounting t on /mnt failed: Operation not permitted"),
        "{all}"
    );
    assert!(all.contains("\n0\n0\n"), "{all}");
    assert!(all.contains("Read-only file system"), "{all}");
}

#[test]
fn a_read_only_root_limits_and_the_pids_limit_hold() {
    let script = "touch /x 2>&1; ulimit -n; i=0; while [ $i -lt 40 ]; do sleep 5 & i=$((i+1)); done; echo survived";
    let Some(mut sandbox) = Sandbox::new(script) else {
        return;
    };
    sandbox.config["root"]["readonly"] = json!(true);
    sandbox.config["process"]["rlimits"] = json!([{"type": "RLIMIT_NOFILE", "soft": 99, "hard": 100}]);
    sandbox.config["linux"]["resources"] =
        json!({"pids": {"limit": 10}, "devices": [{"allow": false, "access": "rwm"}]});
    let output = sandbox.run();
    let all = text(&output.stdout) + &text(&output.stderr);
    assert!(all.contains("touch: /x: Read-only file system") && all.contains("\n99\n"), "{all}");
    assert!(all.contains("can't fork"), "{all}");
    assert!(!all.contains("survived"), "{all}");
}

#[test]
fn a_container_lives_through_create_start_exec_pause_kill_delete() {
    let Some(sandbox) = Sandbox::new("exec sleep 1000") else {
        return;
    };
    sandbox.write();
    let client = sandbox.client();
    let null = || fs::File::options().read(true).write(true).open("/dev/null").unwrap().into();
    let started = client.create(&sandbox.id, sandbox.dir.path(), Io::Inherit([null(), null(), null()])).unwrap();
    let status = || client.state(&sandbox.id).unwrap().status;
    assert_eq!(status(), Status::Created);
    assert!(
        client
            .create(&sandbox.id, sandbox.dir.path(), Io::Inherit([null(), null(), null()]))
            .unwrap_err()
            .to_string()
            .contains("already exists")
    );
    client.start(&sandbox.id).unwrap();
    assert_eq!(status(), Status::Running);
    assert!(client.start(&sandbox.id).unwrap_err().to_string().contains("already running"));
    assert!(client.delete(&sandbox.id, false).unwrap_err().to_string().contains("is not stopped: running"));
    let exec = sandbox
        .command(&["exec", &sandbox.id, "sh", "-c", "hostname; grep Seccomp: /proc/self/status; exit 3"])
        .output()
        .unwrap();
    assert_eq!(
        (exec.status.code(), text(&exec.stdout).as_str()),
        (Some(3), "box\nSeccomp:\t2\n"),
        "{}",
        text(&exec.stderr)
    );
    let missing = sandbox.command(&["exec", &sandbox.id, "nosuch"]).output().unwrap();
    assert_eq!(missing.status.code(), Some(255));
    assert!(
        text(&missing.stderr).contains("exec: \"nosuch\": executable file not found in $PATH"),
        "{}",
        text(&missing.stderr)
    );
    client.pause(&sandbox.id).unwrap();
    assert_eq!(status(), Status::Paused);
    client.resume(&sandbox.id).unwrap();
    client.update(&sandbox.id, &serde_json::json!({"pids":{"limit":33}})).unwrap();
    let limit =
        [format!("/sys/fs/cgroup/pids/{}/pids.max", sandbox.id), format!("/sys/fs/cgroup/{}/pids.max", sandbox.id)];
    assert!(limit.iter().any(|f| fs::read_to_string(f).is_ok_and(|t| t.trim() == "33")));
    assert_eq!(client.state(&sandbox.id).unwrap().pid, started.pid);
    client.kill(&sandbox.id, "KILL", false).unwrap();
    client.delete(&sandbox.id, true).unwrap();
    assert!(client.state(&sandbox.id).unwrap_err().to_string().contains("does not exist"));
    let left = Command::new("find").args(["/sys/fs/cgroup", "-maxdepth", "3", "-name", &sandbox.id]).output().unwrap();
    assert_eq!(text(&left.stdout), "", "control groups are left");
    assert!(!fs::read_to_string("/proc/self/mountinfo").unwrap().contains(sandbox.dir.path().to_str().unwrap()));
}

#[test]
fn a_terminal_is_handed_over_the_console_socket() {
    let Some(mut sandbox) = Sandbox::new("tty; stty size; read line; echo got:$line") else {
        return;
    };
    sandbox.config["process"]["terminal"] = json!(true);
    sandbox.config["process"]["consoleSize"] = json!({"height": 33, "width": 99});
    sandbox.write();
    let client = sandbox.client();
    let started = client.create(&sandbox.id, sandbox.dir.path(), Io::Terminal).unwrap();
    let mut terminal = fs::File::from(started.terminal.expect("a terminal was asked for"));
    client.start(&sandbox.id).unwrap();
    let (mut seen, mut buffer) = (Vec::new(), [0u8; 1024]);
    // Not before the container has had its say: the terminal echoes what is typed at once.
    while !text(&seen).contains("33 99\r\n") {
        let n = terminal.read(&mut buffer).expect("the container's first lines");
        seen.extend_from_slice(&buffer[..n]);
    }
    terminal.write_all(b"hello\n").unwrap();
    // The end of the last process closes the terminal (EIO).
    while let Ok(n @ 1..) = terminal.read(&mut buffer) {
        seen.extend_from_slice(&buffer[..n]);
    }
    let seen = text(&seen);
    // The terminal's own echo of the input may come anywhere.
    for expected in ["/dev/pts/0\r\n", "33 99\r\n", "got:hello\r\n"] {
        assert!(seen.contains(expected), "{seen:?}");
    }
}

#[test]
fn a_node_in_a_user_namespace_runs_containers_of_its_own() {
    let Some(mut sandbox) = Sandbox::new("true") else {
        return;
    };
    let inner = Sandbox::new("id -u; hostname; tty; cat /proc/self/uid_map; grep -c . /proc/self/cgroup >/dev/null; cat /sys/fs/cgroup/pids/pids.max; exit 5").unwrap();
    let rootfs = sandbox.dir.path().join("rootfs");
    // The runtime may be linked to the host's C library: the node gets the host's.
    for name in ["bin", "sbin", "lib", "usr"] {
        fs::remove_dir_all(rootfs.join(name)).unwrap();
    }
    for name in ["usr", "bin", "sbin", "lib", "lib64", "node"] {
        fs::create_dir(rootfs.join(name)).unwrap();
    }
    let mut config = inner.config.clone();
    config["process"]["terminal"] = json!(true);
    config["linux"]["resources"] = json!({"pids": {"limit": 20}, "devices": [{"allow": false, "access": "rwm"}]});
    fs::write(rootfs.join("node/config.json"), config.to_string()).unwrap();
    fs::rename(inner.dir.path().join("rootfs"), rootfs.join("node/rootfs")).unwrap();
    fs::copy(common::runtime().0, rootfs.join("node/runtime")).unwrap();
    sandbox.own_user_namespace();
    let bind = |d: &str| json!({"destination": d, "type": "bind", "source": d, "options": ["rbind", "ro"]});
    let mounts = sandbox.config["mounts"].as_array_mut().unwrap();
    mounts.retain(|m| m["destination"] != "/sys/fs/cgroup");
    mounts.push(json!({"destination": "/sys/fs/cgroup", "type": "cgroup", "source": "cgroup", "options": ["nosuid", "noexec", "nodev"]}));
    mounts.extend(["/usr", "/lib", "/lib64", "/bin", "/sbin"].map(bind));
    let all: Vec<String> = slipway_runtime_capabilities();
    sandbox.config["process"]["capabilities"] = json!({"bounding": all, "effective": all, "permitted": all});
    for key in ["seccomp", "maskedPaths", "readonlyPaths"] {
        sandbox.config["linux"].as_object_mut().unwrap().remove(key);
    }
    sandbox.config["process"]["terminal"] = json!(false);
    let word = if common::runtime().1.is_empty() { "" } else { "runtime" };
    sandbox.config["process"]["args"] = json!([
        "sh",
        "-c",
        // As a node's PID 1 does on version 2, where only a group without processes passes its controllers down.
        format!(
            "cd /sys/fs/cgroup; if [ -e cgroup.procs ]; then mkdir first && echo 1 > first/cgroup.procs; fi; cd /; /node/runtime {word} --root /node/run run --bundle /node inner </dev/null; echo rc=$?"
        )
    ]);
    let output = sandbox.run();
    let seen = text(&output.stdout) + &text(&output.stderr);
    assert!(seen.contains("0\r\nbox\r\n/dev/pts/0\r\n"), "{seen}");
    assert!(seen.contains("1000000") && seen.contains("20\r\n") && seen.contains("rc=5"), "{seen}");
}

fn slipway_runtime_capabilities() -> Vec<String> {
    let features = Command::new(common::runtime().0).args(common::runtime().1).arg("features").output().unwrap();
    let document: serde_json::Value = serde_json::from_slice(&features.stdout).unwrap();
    serde_json::from_value(document["linux"]["capabilities"].clone()).unwrap()
}

#[test]
fn hooks_run_in_the_order_of_the_specification() {
    let Some(mut sandbox) = Sandbox::new("echo program >>/log") else {
        return;
    };
    let log = sandbox.dir.path().join("rootfs/log");
    let hook = |name: &str, file: &Path| json!([{"path": "/bin/sh", "args": ["sh", "-c", format!("echo {name} >>{}", file.display())]}]);
    sandbox.config["hooks"] = json!({
        "prestart": hook("prestart", &log), "createRuntime": hook("createRuntime", &log), "createContainer": hook("createContainer", &log),
        "startContainer": hook("startContainer", Path::new("/log")), "poststop": hook("poststop", &log)
    });
    sandbox.stdout();
    assert_eq!(
        fs::read_to_string(log).unwrap(),
        "prestart\ncreateRuntime\ncreateContainer\nstartContainer\nprogram\npoststop\n"
    );
}

#[test]
fn broken_bundles_are_refused_and_leave_nothing() {
    let Some(mut sandbox) = Sandbox::new("true") else {
        return;
    };
    let refuse = |sandbox: &Sandbox, expected: &str| {
        let output = sandbox.run();
        assert_eq!(output.status.code(), Some(1));
        assert!(text(&output.stderr).contains(expected), "{}", text(&output.stderr));
        assert!(!sandbox.dir.path().join("run").join(&sandbox.id).exists());
    };
    sandbox.config["process"]["args"] = json!(["nosuch"]);
    refuse(&sandbox, "unable to start container process: exec: \"nosuch\": executable file not found in $PATH");
    sandbox.config["mounts"]
        .as_array_mut()
        .unwrap()
        .push(json!({"destination": "/x", "type": "bind", "source": "/no/such/source", "options": ["rbind"]}));
    refuse(&sandbox, "open the mount source /no/such/source: no such file or directory");
    sandbox.config["mounts"].as_array_mut().unwrap().pop();
    sandbox.config["root"]["path"] = json!("nowhere");
    refuse(&sandbox, "nowhere");
    let left = Command::new("find").args(["/sys/fs/cgroup", "-maxdepth", "3", "-name", &sandbox.id]).output().unwrap();
    assert_eq!(text(&left.stdout), "", "control groups are left");
}
