//! Capabilities: Docker's default set, and `--cap-add`, `--cap-drop`, `--privileged` on top of it.

pub use slipway_runtime::ALL_CAPABILITIES as ALL;

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
