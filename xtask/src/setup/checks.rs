//! Can this machine run nodes? The facts are gathered once, judged purely, and each problem comes with its remedy.

use std::fmt;
use std::path::Path;
use std::process::Command;

use crate::process::{program, stdout, succeeds};

/// Idmapped mounts of overlay's lower layers came with this one.
const OLDEST_KERNEL: (u32, u32) = (5, 19);

/// What was found on the machine.
#[derive(Debug, Clone)]
pub struct Host {
    /// Effective user id 0.
    pub root: bool,
    /// Kernel version, when `uname -r` could be read.
    pub kernel: Option<(u32, u32)>,
    /// A mount namespace can be made: false in most containers, even for their root.
    pub mounts: bool,
    /// A user namespace can be made.
    pub user_namespaces: bool,
    /// How many user namespaces the kernel allows, when it says so.
    pub user_namespaces_allowed: Option<u64>,
    /// The overlay filesystem is there.
    pub overlay: bool,
    /// Loop devices are there.
    pub loop_devices: bool,
    /// Tools that could not be installed.
    pub missing_tools: Vec<&'static str>,
}

/// Something that keeps nodes from running, and what to do about it.
#[derive(Debug, PartialEq, Eq)]
pub struct Problem {
    what: String,
    remedy: &'static str,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}\n         {}", self.what, self.remedy)
    }
}

impl Host {
    /// Looks at this machine.
    pub fn probe() -> Self {
        let root = rustix::process::geteuid().is_root();
        // Loading a module that is built in, or already there, changes nothing.
        if root {
            succeeds(Command::new("modprobe").args(["-a", "overlay", "loop"]));
        }
        Self {
            root,
            kernel: stdout(Command::new("uname").arg("-r")).and_then(|release| parse_kernel(&release)),
            mounts: !root || succeeds(Command::new("unshare").args(["--mount", "true"])),
            user_namespaces: succeeds(Command::new("unshare").args(["--user", "true"])),
            user_namespaces_allowed: std::fs::read_to_string("/proc/sys/user/max_user_namespaces")
                .ok()
                .and_then(|number| number.trim().parse().ok()),
            overlay: std::fs::read_to_string("/proc/filesystems")
                .is_ok_and(|list| list.lines().any(|line| line.trim_start_matches("nodev").trim() == "overlay")),
            loop_devices: Path::new("/dev/loop-control").exists(),
            missing_tools: ["mmdebstrap", "nft", "ip", "mkfs.ext4"]
                .into_iter()
                .filter(|tool| !installed(tool))
                .collect(),
        }
    }
}

/// Whether a program is on the path, or where system programs are.
pub fn installed(tool: &str) -> bool {
    program(tool).is_some()
}

/// Everything that keeps this machine from running nodes.
pub fn problems(host: &Host) -> Vec<Problem> {
    let mut found = Vec::new();
    let mut report = |what: String, remedy: &'static str| found.push(Problem { what, remedy });
    if !host.root {
        report(
            "nodes are made by root, and this is not root".into(),
            "Run the command as root: sudo --preserve-env=PATH,HOME cargo xtask …",
        );
    }
    match host.kernel {
        Some(version) if version < OLDEST_KERNEL => report(
            format!("the kernel is {}.{}, too old for idmapped overlay layers", version.0, version.1),
            "Linux 5.19 or later is needed: Debian 12 or Ubuntu 22.10 and later have it.",
        ),
        Some(_) => {}
        None => report("the kernel's version could not be read".into(), "Slipway's nodes need Linux 5.19 or later."),
    }
    if !host.mounts {
        report(
            "root may not mount here: this looks like a container".into(),
            "Use a virtual machine or a real one, or start the container with --privileged.",
        );
    }
    match host.user_namespaces_allowed {
        _ if host.user_namespaces => {}
        Some(0) => report(
            "user namespaces are switched off (user.max_user_namespaces is 0)".into(),
            "Switch them on: sysctl -w user.max_user_namespaces=65536. To keep it so, put that line into a file in /etc/sysctl.d.",
        ),
        _ => report(
            "no user namespace can be made here, although the kernel has them".into(),
            "Leave the chroot, start the container with --privileged, or, where it exists, set kernel.unprivileged_userns_clone=1 by sysctl -w.",
        ),
    }
    if !host.overlay {
        report("the kernel has no overlay filesystem".into(), "Load it: modprobe overlay. Debian's kernels have it.");
    }
    if !host.loop_devices {
        report("the kernel has no loop devices".into(), "Load them: modprobe loop. Debian's kernels have them.");
    }
    if !host.missing_tools.is_empty() {
        report(
            format!("missing: {}", host.missing_tools.join(", ")),
            "Install mmdebstrap, nftables, iproute2 and e2fsprogs with the system's package manager.",
        );
    }
    found
}

fn parse_kernel(release: &str) -> Option<(u32, u32)> {
    let mut numbers = release.split(|c: char| !c.is_ascii_digit());
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn able() -> Host {
        Host {
            root: true,
            kernel: Some((6, 1)),
            mounts: true,
            user_namespaces: true,
            user_namespaces_allowed: Some(1000),
            overlay: true,
            loop_devices: true,
            missing_tools: Vec::new(),
        }
    }

    #[test]
    fn a_debian_12_as_root_has_no_problems() {
        assert_eq!(problems(&able()), []);
    }

    #[test]
    fn every_lack_is_named_with_its_remedy() {
        let lacking = Host {
            root: false,
            kernel: Some((5, 10)),
            mounts: false,
            user_namespaces: false,
            user_namespaces_allowed: Some(0),
            overlay: false,
            loop_devices: false,
            missing_tools: vec!["nft"],
        };
        let found = problems(&lacking);
        assert_eq!(found.len(), 7);
        for problem in found {
            assert!(!problem.remedy.is_empty(), "{problem}");
        }
    }

    #[test]
    fn user_namespaces_that_are_switched_off_are_told_from_those_that_may_not_be_made() {
        let said = |allowed| {
            let host = Host { user_namespaces: false, user_namespaces_allowed: allowed, ..able() };
            problems(&host).iter().map(ToString::to_string).collect::<String>()
        };
        assert!(said(Some(0)).contains("switched off") && said(Some(0)).contains("user.max_user_namespaces=65536"));
        assert!(said(Some(9)).contains("although the kernel has them") && said(None).contains("chroot"));
    }

    #[test]
    fn the_oldest_kernel_is_good_enough_and_the_one_before_is_not() {
        assert!(problems(&Host { kernel: Some((5, 19)), ..able() }).is_empty());
        assert!(problems(&Host { kernel: Some((5, 18)), ..able() })[0].to_string().contains("5.18"));
    }

    #[test]
    fn kernel_releases_are_read_as_distributions_write_them() {
        assert_eq!(parse_kernel("6.1.0-18-amd64"), Some((6, 1)));
        assert_eq!(parse_kernel("6.18.44-fc-v669"), Some((6, 18)));
        assert_eq!(parse_kernel("5.19-rc3"), Some((5, 19)));
        assert_eq!(parse_kernel("unknown"), None);
    }
}
