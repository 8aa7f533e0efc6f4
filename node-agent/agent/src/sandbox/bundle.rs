//! The OCI bundle of a node: what the runtime is told. A node is a container with a user namespace of its own and everything
//! allowed inside it, so that an engine can run there; what binds it from outside is in its mounts and control groups.

use std::path::Path;

use nix::sys::resource::{Resource, getrlimit};
use serde_json::{Value, json};
use slipway_runtime::ALL_CAPABILITIES;

use super::{cgroup::Hierarchies, idmap::RANGE};

/// Devices bound into nodes besides those every container has (OCI runtime spec, default devices): path, major, minor.
const DEVICES: [(&str, u32, u32); 2] = [("/dev/fuse", 10, 229), ("/dev/net/tun", 10, 200)];

/// What differs between nodes.
pub(crate) struct Plan<'a> {
    pub(crate) tag: &'a str,
    pub(crate) hostname: &'a str,
    pub(crate) rootfs: &'a Path,
    /// The directory on the session's disk that becomes `/var/lib/docker`.
    pub(crate) docker: &'a Path,
    /// The binary that becomes `/usr/local/bin/node-agent`.
    pub(crate) agent: &'a Path,
    /// The directory with the session's registry socket, if there is a registry.
    pub(crate) registry: Option<&'a Path>,
    /// The directory with the node's socket for layers.
    pub(crate) layers: &'a Path,
    /// First id of the node's range.
    pub(crate) base: u32,
}

/// `config.json` (OCI runtime spec, config.md).
pub(crate) fn config(plan: &Plan<'_>) -> Value {
    // Nothing is said of nosuid for the disk: images' set-user-id programs must work.
    let mut mounts = vec![
        json!({"destination": "/proc", "type": "proc", "source": "proc", "options": ["nosuid", "noexec", "nodev"]}),
        json!({"destination": "/sys", "type": "sysfs", "source": "sysfs", "options": ["nosuid", "noexec", "nodev", "ro"]}),
        json!({"destination": "/dev", "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", "strictatime", "mode=755", "size=65536k"]}),
        json!({"destination": "/dev/pts", "type": "devpts", "source": "devpts", "options": ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"]}),
        json!({"destination": "/dev/shm", "type": "tmpfs", "source": "shm", "options": ["nosuid", "noexec", "nodev", "mode=1777", "size=65536k"]}),
        json!({"destination": "/dev/mqueue", "type": "mqueue", "source": "mqueue", "options": ["nosuid", "noexec", "nodev"]}),
        json!({"destination": "/run", "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", "nodev", "mode=755", "size=262144k"]}),
        json!({"destination": "/var/lib/docker", "type": "bind", "source": plan.docker, "options": ["bind", "rprivate"]}),
        json!({"destination": "/usr/local/bin/node-agent", "type": "bind", "source": plan.agent, "options": ["bind", "rprivate", "ro", "nosuid", "nodev"]}),
    ];
    if let Some(registry) = plan.registry {
        // The directory, not the socket: a registry that had to be started again makes a new socket.
        mounts.push(json!({"destination": "/run/slipway", "type": "bind", "source": registry, "options": ["bind", "rprivate", "ro", "nosuid", "nodev", "noexec"]}));
    }
    mounts.push(json!({"destination": "/run/slipway-host", "type": "bind", "source": plan.layers, "options": ["bind", "rprivate", "ro", "nosuid", "nodev", "noexec"]}));
    let devices: Vec<Value> = DEVICES
        .iter()
        .filter(|(path, ..)| Path::new(path).exists())
        .map(|(path, major, minor)| json!({"path": path, "type": "c", "major": major, "minor": minor, "fileMode": 0o666, "uid": 0, "gid": 0}))
        .collect();
    let mapping = json!([{"containerID": 0, "hostID": plan.base, "size": RANGE}]);
    let namespaces = ["user", "mount", "pid", "network", "uts", "ipc", "cgroup"].map(|kind| json!({"type": kind}));
    json!({
        "ociVersion": "1.0.2",
        "hostname": plan.hostname,
        "root": {"path": plan.rootfs, "readonly": false},
        "process": process(&["/usr/local/bin/node-agent".into(), "init".into()], "/", &[], false),
        "mounts": mounts,
        "linux": {
            "cgroupsPath": Hierarchies::path_of(plan.tag),
            "uidMappings": mapping,
            "gidMappings": mapping,
            "namespaces": namespaces,
            "devices": devices,
            "resources": {"devices": [{"allow": true, "access": "rwm"}]},
            "rootfsPropagation": "private",
        },
    })
}

/// The `process` part of a bundle, also what the runtime's `exec` reads.
pub(crate) fn process(args: &[String], cwd: &str, env: &[String], terminal: bool) -> Value {
    let mut all = vec![
        "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin".to_owned(),
        "HOME=/root".to_owned(),
        "USER=root".to_owned(),
        "LOGNAME=root".to_owned(),
        "LANG=C.UTF-8".to_owned(),
    ];
    all.extend_from_slice(env);
    json!({
        "terminal": terminal,
        "user": {"uid": 0, "gid": 0},
        "args": args,
        "env": all,
        "cwd": cwd,
        "noNewPrivileges": false,
        "oomScoreAdj": 100,
        // All of them hold only inside the node's own user namespace.
        "capabilities": {"bounding": ALL_CAPABILITIES, "effective": ALL_CAPABILITIES, "permitted": ALL_CAPABILITIES},
        "rlimits": [open_files(65_536, 1 << 20)],
    })
}

/// How many files may be open: what is asked for, as far as our own limit goes, since no process can raise its limits in a user namespace.
pub(super) fn open_files(soft: u64, hard: u64) -> Value {
    let (_, ours) = getrlimit(Resource::RLIMIT_NOFILE).unwrap_or((1024, 1024));
    json!({"type": "RLIMIT_NOFILE", "soft": ours.min(soft), "hard": ours.min(hard)})
}
