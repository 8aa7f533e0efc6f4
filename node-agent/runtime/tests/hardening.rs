//! What a hostile image or a hostile root inside a container tries against the runtime, and what comes of it.

#[allow(dead_code)]
mod common;

use std::fs;
use std::os::fd::AsRawFd;
use std::os::unix::fs::symlink;
use std::os::unix::process::CommandExt;

use common::{Sandbox, text};
use serde_json::json;
use slipway_runtime::client::Io;

fn null() -> std::os::fd::OwnedFd {
    fs::File::options().read(true).write(true).open("/dev/null").unwrap().into()
}

fn created(sandbox: &Sandbox) -> u32 {
    sandbox.write();
    let io = Io::Inherit([null(), null(), null()]);
    sandbox.client().create(&sandbox.id, sandbox.dir.path(), io).unwrap().pid
}

#[test]
fn the_runtimes_program_file_cannot_be_written_through_the_containers_init() {
    let Some(sandbox) = Sandbox::new("true") else {
        return;
    };
    let pid = created(&sandbox);
    // As the container could open it, to write through /proc/self/fd once nobody executes it any more.
    let program = fs::File::open(format!("/proc/{pid}/exe")).unwrap();
    let mount = rustix::fs::fstatvfs(&program).unwrap();
    assert!(mount.f_flag.contains(rustix::fs::StatVfsMountFlags::RDONLY));
    // Nor can anybody make the mount writable again: it is in no mount namespace.
    let path = format!("/proc/self/fd/{}", program.as_raw_fd());
    let flags = nix::mount::MsFlags::MS_REMOUNT | nix::mount::MsFlags::MS_BIND;
    let remounted = nix::mount::mount(None::<&str>, path.as_str(), None::<&str>, flags, None::<&str>);
    assert_eq!(remounted, Err(nix::errno::Errno::EINVAL));
}

#[test]
fn a_waiting_init_belongs_to_no_id_of_its_user_namespace() {
    use std::os::unix::fs::MetadataExt;
    let Some(mut sandbox) = Sandbox::new("true") else {
        return;
    };
    sandbox.own_user_namespace();
    let pid = created(&sandbox);
    // An undumpable process's files in /proc belong to the root of the namespace that its program was executed in.
    let owner = fs::metadata(format!("/proc/{pid}/maps")).unwrap().uid();
    assert_eq!(owner, 0, "the container's root (1000000) could trace it");
}

#[test]
fn an_executed_process_cannot_be_traced_by_the_containers_root_before_its_program_runs() {
    // Root of the container's user namespace, with every capability in it, looks for processes that it can open while execs come in.
    let script = r#"echo ready; while [ ! -e /stop ]; do for p in /proc/[0-9]*; do case $p in /proc/1|/proc/$$) continue;; esac
        case "$(readlink $p/exe 2>/dev/null)" in */runtime|*/node-agent|*slipway*) echo caught $p; esac; done; done; echo done"#;
    let Some(mut sandbox) = Sandbox::new(script) else {
        return;
    };
    sandbox.own_user_namespace();
    for set in ["bounding", "effective", "permitted"] {
        sandbox.config["process"]["capabilities"][set].as_array_mut().unwrap().push(json!("CAP_SYS_PTRACE"));
    }
    sandbox.write();
    let log = sandbox.dir.path().join("log");
    let file = fs::File::create(&log).unwrap();
    let io = Io::Inherit([null(), file.try_clone().unwrap().into(), file.try_clone().unwrap().into()]);
    let client = sandbox.client();
    client.create(&sandbox.id, sandbox.dir.path(), io).unwrap();
    client.start(&sandbox.id).unwrap();
    for _ in 0..40 {
        let done = sandbox.command(&["exec", &sandbox.id, "true"]).status().unwrap();
        assert!(done.success());
    }
    fs::write(sandbox.dir.path().join("rootfs/stop"), "").unwrap();
    let mut seen = String::new();
    while !seen.contains("done") {
        seen = fs::read_to_string(&log).unwrap();
        std::thread::yield_now();
    }
    assert_eq!(seen, "ready\ndone\n");
}

#[test]
fn only_the_standard_streams_and_preserved_descriptors_are_inherited() {
    let Some(sandbox) = Sandbox::new("exec sleep 1000") else {
        return;
    };
    created(&sandbox);
    sandbox.client().start(&sandbox.id).unwrap();
    let host = fs::File::open("/").unwrap();
    let inherit = |command: &mut std::process::Command| {
        let fd = host.as_raw_fd();
        // SAFETY: these calls are async-signal-safe; 3 and 4 are free for use in the new process, which is about to execute.
        unsafe {
            command.pre_exec(move || {
                // A copy first: dup2 of a descriptor onto itself would leave it to be closed.
                let copy = libc::fcntl(fd, libc::F_DUPFD_CLOEXEC, 10);
                libc::dup2(copy, 4);
                libc::dup2(copy, 3);
                Ok(())
            });
        }
        let output = command.output().unwrap();
        text(&output.stdout) + &text(&output.stderr)
    };
    let list = ["sh", "-c", "ls /proc/self/fd | tr '\\n' ' '"];
    let exec = |flags: &[&str], program: &[&str]| {
        let args = [&["exec"], flags, &[sandbox.id.as_str()], program].concat();
        inherit(&mut sandbox.command(&args))
    };
    // The last one is ls's own, of the directory that it reads.
    assert_eq!(exec(&[], &list), "0 1 2 3 ");
    assert_eq!(exec(&["--preserve-fds", "1"], &list), "0 1 2 3 4 ");
    let outside = exec(&["--preserve-fds", "1", "--cwd", "/proc/self/fd/3"], &["pwd"]);
    assert!(outside.contains("leads outside the container"), "{outside}");
}

#[test]
fn a_filter_that_knows_none_of_the_runtimes_later_calls_closes_no_fewer_descriptors() {
    let Some(mut sandbox) = Sandbox::new("ls /proc/self/fd | tr '\\n' ' '; exec sleep 1000") else {
        return;
    };
    // As profiles have it that are older than the call: docker's of 2019, and the OCI's own default.
    sandbox.config["linux"]["seccomp"] = json!({
        "defaultAction": "SCMP_ACT_ALLOW", "architectures": ["SCMP_ARCH_X86_64"],
        "syscalls": [{"names": ["close_range"], "action": "SCMP_ACT_ERRNO"}]
    });
    created(&sandbox);
    sandbox.client().start(&sandbox.id).unwrap();
    let script = "ls /proc/self/fd | tr '\\n' ' '; grep Seccomp: /proc/self/status";
    let output = sandbox.command(&["exec", &sandbox.id, "sh", "-c", script]).output().unwrap();
    assert_eq!(text(&output.stdout), "0 1 2 3 Seccomp:\t2\n", "{}", text(&output.stderr));
    sandbox.config["process"]["args"][2] = json!("ls /proc/self/fd | tr '\\n' ' '");
    let _ = sandbox.command(&["delete", "--force", &sandbox.id]).output();
    assert_eq!(sandbox.stdout(), "0 1 2 3 ");
}

#[test]
fn mounts_stay_inside_the_root_and_kernel_file_systems_follow_no_links() {
    let Some(mut sandbox) = Sandbox::new("ls /etc/inside; ls /escape/") else {
        return;
    };
    let rootfs = sandbox.dir.path().join("rootfs");
    let source = sandbox.dir.path().join("source");
    fs::create_dir(&source).unwrap();
    fs::write(source.join("payload"), "").unwrap();
    symlink("/../../../../../../etc", rootfs.join("escape")).unwrap();
    sandbox.config["mounts"]
        .as_array_mut()
        .unwrap()
        .push(json!({"destination": "/escape/inside", "type": "bind", "source": source, "options": ["bind"]}));
    let seen = sandbox.stdout();
    assert!(seen.starts_with("payload\n"), "{seen}");
    assert!(!std::path::Path::new("/etc/inside").exists());

    fs::remove_dir(rootfs.join("proc")).unwrap();
    symlink("/tmp", rootfs.join("proc")).unwrap();
    let refused = sandbox.run();
    assert!(!refused.status.success());
    let said = text(&refused.stderr);
    assert!(said.contains("/proc leads over a symbolic link of the image"), "{said}");
}

#[test]
fn parts_of_proc_cannot_be_covered_and_a_false_proc_is_not_written_to() {
    let Some(mut sandbox) = Sandbox::new("cat /proc/meminfo") else {
        return;
    };
    let source = sandbox.dir.path().join("meminfo");
    fs::write(&source, "MemTotal: 1 kB\n").unwrap();
    let bind = |to: &str| json!({"destination": to, "type": "bind", "source": source, "options": ["bind", "ro"]});
    let mounts = |s: &mut Sandbox, m| s.config["mounts"].as_array_mut().unwrap().push(m);
    mounts(&mut sandbox, bind("/proc/meminfo"));
    assert_eq!(sandbox.stdout(), "MemTotal: 1 kB\n");
    mounts(&mut sandbox, bind("/proc/self/status"));
    let refused = text(&sandbox.run().stderr);
    assert!(refused.contains("cannot be mounted because it is inside /proc"), "{refused}");

    let Some(mut sandbox) = Sandbox::new("true") else {
        return;
    };
    let fake = sandbox.dir.path().join("rootfs/proc/sys/net/ipv4");
    fs::create_dir_all(&fake).unwrap();
    fs::write(fake.join("ip_forward"), "untouched").unwrap();
    sandbox.config["mounts"].as_array_mut().unwrap().retain(|m| m["destination"] != "/proc");
    sandbox.config["linux"]["sysctl"] = json!({"net.ipv4.ip_forward": "1"});
    let refused = text(&sandbox.run().stderr);
    assert!(refused.contains("is not a proc file system"), "{refused}");
    assert_eq!(fs::read_to_string(fake.join("ip_forward")).unwrap(), "untouched");
}
