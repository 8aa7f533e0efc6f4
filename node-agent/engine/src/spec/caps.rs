//! Capabilities: Docker's default set, and `--cap-add`, `--cap-drop`, `--privileged` on top of it.

use crate::error::{Error, Result};

/// What an ordinary container's root has.
pub const DEFAULT: &[&str] = &[
    "CAP_CHOWN",
    "CAP_DAC_OVERRIDE",
    "CAP_FSETID",
    "CAP_FOWNER",
    "CAP_MKNOD",
    "CAP_NET_RAW",
    "CAP_SETGID",
    "CAP_SETUID",
    "CAP_SETFCAP",
    "CAP_SETPCAP",
    "CAP_NET_BIND_SERVICE",
    "CAP_SYS_CHROOT",
    "CAP_KILL",
    "CAP_AUDIT_WRITE",
];

/// Every capability of Linux, in the kernel's order.
pub const ALL: &[&str] = &[
    "CAP_CHOWN",
    "CAP_DAC_OVERRIDE",
    "CAP_DAC_READ_SEARCH",
    "CAP_FOWNER",
    "CAP_FSETID",
    "CAP_KILL",
    "CAP_SETGID",
    "CAP_SETUID",
    "CAP_SETPCAP",
    "CAP_LINUX_IMMUTABLE",
    "CAP_NET_BIND_SERVICE",
    "CAP_NET_BROADCAST",
    "CAP_NET_ADMIN",
    "CAP_NET_RAW",
    "CAP_IPC_LOCK",
    "CAP_IPC_OWNER",
    "CAP_SYS_MODULE",
    "CAP_SYS_RAWIO",
    "CAP_SYS_CHROOT",
    "CAP_SYS_PTRACE",
    "CAP_SYS_PACCT",
    "CAP_SYS_ADMIN",
    "CAP_SYS_BOOT",
    "CAP_SYS_NICE",
    "CAP_SYS_RESOURCE",
    "CAP_SYS_TIME",
    "CAP_SYS_TTY_CONFIG",
    "CAP_MKNOD",
    "CAP_LEASE",
    "CAP_AUDIT_WRITE",
    "CAP_AUDIT_CONTROL",
    "CAP_SETFCAP",
    "CAP_MAC_OVERRIDE",
    "CAP_MAC_ADMIN",
    "CAP_SYSLOG",
    "CAP_WAKE_ALARM",
    "CAP_BLOCK_SUSPEND",
    "CAP_AUDIT_READ",
    "CAP_PERFMON",
    "CAP_BPF",
    "CAP_CHECKPOINT_RESTORE",
];

/// `net_admin` and `CAP_NET_ADMIN` as `CAP_NET_ADMIN`, `all` as `ALL`.
///
/// # Errors
/// Docker's sentence for an unknown capability.
pub fn normalise(list: &[String], option: &str) -> Result<Vec<String>> {
    let one = |name: &String| {
        let upper = name.to_ascii_uppercase();
        if upper == "ALL" {
            return Ok(upper);
        }
        let full = if upper.starts_with("CAP_") { upper } else { format!("CAP_{upper}") };
        if ALL.contains(&full.as_str()) {
            Ok(full)
        } else {
            Err(Error::bad(format!("invalid {option}: unknown capability: \"{full}\"")))
        }
    };
    list.iter().map(one).collect()
}

/// The set a container's process gets; `bounding` is what this engine itself may give.
///
/// # Errors
/// Docker's sentence for an unknown capability.
pub fn effective(add: &[String], drop: &[String], privileged: bool) -> Result<Vec<String>> {
    let (add, drop) = (normalise(add, "CapAdd")?, normalise(drop, "CapDrop")?);
    let has = |list: &[String], name: &str| list.iter().any(|c| c == name);
    if privileged {
        return Ok(ALL.iter().map(|c| (*c).to_owned()).collect());
    }
    let base: &[&str] = match (has(&add, "ALL"), has(&drop, "ALL")) {
        (true, _) => ALL,
        (false, true) => &[],
        (false, false) => DEFAULT,
    };
    let mut set: Vec<String> = base.iter().map(|c| (*c).to_owned()).filter(|c| !has(&drop, c)).collect();
    for capability in add.into_iter().filter(|c| c != "ALL") {
        if !has(&set, &capability) {
            set.push(capability);
        }
    }
    Ok(set)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(add: &[&str], drop: &[&str]) -> Vec<String> {
        let own = |l: &[&str]| l.iter().map(|s| (*s).to_owned()).collect::<Vec<_>>();
        effective(&own(add), &own(drop), false).unwrap()
    }

    #[test]
    fn added_and_dropped() {
        assert_eq!(set(&[], &[]).len(), 14);
        assert!(set(&["net_admin"], &[]).contains(&"CAP_NET_ADMIN".into()));
        assert!(!set(&[], &["chown"]).contains(&"CAP_CHOWN".into()));
        assert_eq!(set(&["CAP_KILL"], &["ALL"]), ["CAP_KILL"]);
        assert_eq!(set(&["ALL"], &["KILL"]).len(), ALL.len() - 1);
    }

    #[test]
    fn unknown_capabilities_are_named() {
        let error = effective(&["FLY".into()], &[], false).unwrap_err();
        assert_eq!(error.message, "invalid CapAdd: unknown capability: \"CAP_FLY\"");
    }
}
