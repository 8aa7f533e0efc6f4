//! Whether this machine can run nodes, found out before anything is made: each miss says what is missing and how to get it.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use crate::sandbox::Settings;

/// The first kernel whose overlayfs takes idmapped lower layers.
const KERNEL: (u32, u32) = (5, 19);

/// Everything that is missing, each as one sentence with its remedy.
pub fn check(settings: &Settings) -> Vec<String> {
    let mut missing = Vec::new();
    let mut need = |there: bool, text: String| {
        if !there {
            missing.push(text);
        }
    };
    need(
        nix::unistd::geteuid().is_root(),
        "root: nodes need mounts, namespaces and network devices; run this with sudo or as a system service".into(),
    );
    let release = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    need(
        kernel(&release).is_some_and(|version| version >= KERNEL),
        format!("a kernel of at least {}.{} (this is {}); install a newer one, Debian 12 has 6.1", KERNEL.0, KERNEL.1, release.trim()),
    );
    let namespaces = fs::read_to_string("/proc/sys/user/max_user_namespaces").unwrap_or_default();
    need(
        namespaces.trim().parse().is_ok_and(|most: u64| most > 0),
        "user namespaces: set the sysctl user.max_user_namespaces to 10000 or more".into(),
    );
    let filesystems = fs::read_to_string("/proc/filesystems").unwrap_or_default();
    for name in ["overlay", "ext4"] {
        let known = filesystems.lines().any(|line| line.split_whitespace().last() == Some(name));
        need(known || module(&release, name), format!("the filesystem {name}: load it with `modprobe {name}`"));
    }
    need(
        Path::new("/dev/loop-control").exists(),
        "loop devices: load them with `modprobe loop`; in a container, pass /dev/loop-control in".into(),
    );
    let groups = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    need(
        groups.contains(" - cgroup2 ") || groups.contains(" - cgroup "),
        "control groups: mount them with `mount -t cgroup2 cgroup2 /sys/fs/cgroup`".into(),
    );
    for (tool, package) in [("nft", "nftables"), ("mkfs.ext4", "e2fsprogs")] {
        need(find(tool).is_some(), format!("the program {tool}: install the package {package}"));
    }
    need(
        settings.node_image.join("usr").is_dir(),
        format!("a node image at {}: `cargo xtask serve` builds one, or give --node-image DIR with a root filesystem", settings.node_image.display()),
    );
    if let Some(runtime) = &settings.config.runtime {
        need(runtime.is_file(), format!("the OCI runtime {}: install it, or leave `runtime` out of the configuration", runtime.display()));
    }
    missing
}

fn kernel(release: &str) -> Option<(u32, u32)> {
    let mut numbers = release.split(|c: char| !c.is_ascii_digit());
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

/// Whether the kernel can load it when it is first mounted.
fn module(release: &str, name: &str) -> bool {
    let dir = PathBuf::from(format!("/lib/modules/{}", release.trim()));
    ["modules.dep", "modules.builtin"].iter().any(|file| {
        fs::read_to_string(dir.join(file)).is_ok_and(|text| text.contains(&format!("/{name}.ko")))
    })
}

fn find(tool: &str) -> Option<PathBuf> {
    let paths = std::env::var_os("PATH").unwrap_or_default();
    let executable = |path: &PathBuf| fs::metadata(path).is_ok_and(|file| file.is_file() && file.permissions().mode() & 0o111 != 0);
    std::env::split_paths(&paths).map(|dir| dir.join(tool)).find(executable)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kernel_versions_are_compared_by_number() {
        assert_eq!(kernel("6.18.44-fc-v669\n"), Some((6, 18)));
        assert!(kernel("5.4.0").is_some_and(|version| version < KERNEL));
        assert!(kernel("5.100.1").is_some_and(|version| version > KERNEL));
        assert_eq!(kernel("x"), None);
    }

    #[test]
    fn a_missing_node_image_is_told_with_its_place_and_remedy() {
        let settings = Settings {
            data_dir: "/nonexistent".into(),
            node_image: "/nonexistent/image".into(),
            agent: "/nonexistent/agent".into(),
            library: None,
            config: crate::config::Config::default(),
        };
        let missing = check(&settings).join("\n");
        assert!(missing.contains("/nonexistent/image") && missing.contains("--node-image"), "{missing}");
    }
}
