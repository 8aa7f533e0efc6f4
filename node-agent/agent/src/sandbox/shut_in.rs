//! The OCI bundle of the agent's own helpers that read what others have made: a process that is nobody on the host, in namespaces of
//! its own, with no capability but those it is given, no way to more of them, the node image to look at, and a few directories.

use std::path::Path;

use serde_json::{Value, json};

use super::{bundle, cgroup::Hierarchies, idmap};

/// Where a helper finds the agent's own binary.
pub(super) const AGENT: &str = "/run/node-agent";

/// A directory or file of the host's that the process sees.
pub(super) struct Bind(Value);

impl Bind {
    fn new(destination: &str, source: &Path, more: &[&str]) -> Self {
        let options: Vec<&str> = ["bind", "rprivate", "nosuid", "nodev"].iter().chain(more).copied().collect();
        Self(json!({"destination": destination, "type": "bind", "source": source, "options": options}))
    }

    /// For reading.
    pub(super) fn reading(destination: &str, source: &Path) -> Self {
        Self::new(destination, source, &["ro", "noexec"])
    }

    /// For writing, too.
    pub(super) fn writing(destination: &str, source: &Path) -> Self {
        Self::new(destination, source, &["noexec"])
    }
}

/// What differs between helpers.
pub(super) struct ShutIn<'a> {
    /// The tag that its control group is named after.
    pub(super) tag: &'a str,
    pub(super) hostname: &'a str,
    /// The node image, with the process's ids.
    pub(super) rootfs: &'a Path,
    /// First id of its range on the host.
    pub(super) owner: u32,
    /// The agent's binary, and what it is told.
    pub(super) agent: &'a Path,
    pub(super) args: &'a [&'a str],
    /// They hold in its own user namespace only.
    pub(super) capabilities: &'a [&'a str],
    /// Of the files it makes; the usual one where none is given.
    pub(super) umask: Option<u32>,
    /// How readily it is killed where memory runs out (`oom_score_adj`).
    pub(super) oom: i32,
    /// Files that it may have open.
    pub(super) files: u64,
    pub(super) binds: Vec<Bind>,
}

/// `config.json` (OCI runtime spec, config.md).
pub(super) fn config(plan: ShutIn<'_>) -> Value {
    let mapping = json!([{"containerID": 0, "hostID": plan.owner, "size": idmap::RANGE}]);
    let namespaces = ["user", "mount", "pid", "network", "uts", "ipc", "cgroup"].map(|kind| json!({"type": kind}));
    let args: Vec<&str> = [AGENT].iter().chain(plan.args).copied().collect();
    let mut user = json!({"uid": 0, "gid": 0});
    if let Some(umask) = plan.umask {
        user["umask"] = umask.into();
    }
    let own = |destination: &str, options: &[&str]| json!({"destination": destination, "type": "tmpfs", "source": "tmpfs", "options": options});
    let mut mounts = vec![
        json!({"destination": "/proc", "type": "proc", "source": "proc", "options": ["nosuid", "noexec", "nodev"]}),
        own("/dev", &["nosuid", "noexec", "mode=755", "size=64k"]),
        // The image is only read, so what is added to it stands here.
        own("/run", &["nosuid", "nodev", "mode=755", "size=64k"]),
        Bind::new(AGENT, plan.agent, &["ro"]).0,
    ];
    mounts.extend(plan.binds.into_iter().map(|bind| bind.0));
    json!({
        "ociVersion": "1.0.2",
        "hostname": plan.hostname,
        "root": {"path": plan.rootfs, "readonly": true},
        "process": {
            "terminal": false,
            "user": user,
            "args": args,
            "env": [],
            "cwd": "/",
            "noNewPrivileges": true,
            "oomScoreAdj": plan.oom,
            "capabilities": {"bounding": plan.capabilities, "effective": plan.capabilities, "permitted": plan.capabilities},
            "rlimits": [bundle::open_files(plan.files, plan.files)],
        },
        "mounts": mounts,
        "linux": {
            "cgroupsPath": Hierarchies::path_of(plan.tag),
            "uidMappings": mapping,
            "gidMappings": mapping,
            "namespaces": namespaces,
            "rootfsPropagation": "private",
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_helper_has_what_it_is_given_and_no_more() {
        let made = config(ShutIn {
            tag: "t",
            hostname: "h",
            rootfs: Path::new("/root"),
            owner: 100_000,
            agent: Path::new("/bin/agent"),
            args: &["registry", "--quota", "1"],
            capabilities: &[],
            umask: None,
            oom: 100,
            files: 64,
            binds: vec![Bind::reading("/run/a", Path::new("/a")), Bind::writing("/run/b", Path::new("/b"))],
        });
        assert_eq!(made["process"]["args"], json!([AGENT, "registry", "--quota", "1"]));
        assert_eq!(made["process"]["noNewPrivileges"], true);
        for set in ["bounding", "effective", "permitted", "inheritable", "ambient"] {
            let set = &made["process"]["capabilities"][set];
            assert!(set.as_array().is_none_or(Vec::is_empty), "{set}");
        }
        assert_eq!(made["root"]["readonly"], true);
        assert_eq!(made["linux"]["uidMappings"][0]["hostID"], 100_000);
        let kinds: Vec<&Value> =
            made["linux"]["namespaces"].as_array().expect("a list").iter().map(|n| &n["type"]).collect();
        assert_eq!(kinds, ["user", "mount", "pid", "network", "uts", "ipc", "cgroup"]);
        let options = |destination: &str| {
            let mounts = made["mounts"].as_array().expect("a list");
            let mount = mounts.iter().find(|mount| mount["destination"] == destination).expect("a mount");
            let words = mount["options"].as_array().expect("a list");
            ["ro", "noexec", "nosuid", "nodev"].map(|word| words.iter().any(|w| w == word))
        };
        assert_eq!(options(AGENT), [true, false, true, true]);
        assert_eq!(options("/run/a"), [true, true, true, true]);
        assert_eq!(options("/run/b"), [false, true, true, true]);
    }
}
