//! User namespace mappings: the text of `uid_map`/`gid_map`, written by the parent, and the mapped root's host ids.

use std::fmt::Write as _;
use std::fs;

use nix::unistd::Pid;
use oci_spec::runtime::LinuxIdMapping;

use crate::error::{Context, Result};

/// The file's text, a line a mapping.
pub(crate) fn text(mappings: &[LinuxIdMapping]) -> String {
    mappings.iter().fold(String::new(), |mut out, m| {
        let _ = writeln!(out, "{} {} {}", m.container_id(), m.host_id(), m.size());
        out
    })
}

/// The outer id of `inner`, if mapped.
pub(crate) fn to_host(mappings: &[LinuxIdMapping], inner: u32) -> Option<u32> {
    mappings
        .iter()
        .find(|m| inner >= m.container_id() && inner - m.container_id() < m.size())
        .map(|m| m.host_id() + (inner - m.container_id()))
}

/// Writes both maps of process `pid`; an unprivileged caller must give up `setgroups` first.
pub(crate) fn write(pid: Pid, uids: &[LinuxIdMapping], gids: &[LinuxIdMapping]) -> Result<()> {
    let file = |name: &str| format!("/proc/{pid}/{name}");
    let put = |name: &str, value: &str| {
        fs::write(file(name), value)
            .context(|| format!("write {name} {:?} (are these ids ours to give?)", value.trim_end()))
    };
    put("uid_map", &text(uids))?;
    match put("gid_map", &text(gids)) {
        Err(error) if error.errno() == Some(libc::EPERM) && !nix::unistd::geteuid().is_root() => {
            put("setgroups", "deny")?;
            put("gid_map", &text(gids))
        }
        other => other,
    }
}

/// Whether this process is in a user namespace that is not the initial one.
pub(crate) fn in_user_namespace() -> bool {
    fs::read_to_string("/proc/self/uid_map").is_ok_and(|map| !is_identity(&map))
}

fn is_identity(map: &str) -> bool {
    let mut words = map.split_ascii_whitespace();
    (words.next(), words.next(), words.next()) == (Some("0"), Some("0"), Some("4294967295"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use oci_spec::runtime::LinuxIdMappingBuilder;

    fn map(container: u32, host: u32, size: u32) -> LinuxIdMapping {
        LinuxIdMappingBuilder::default().container_id(container).host_id(host).size(size).build().unwrap()
    }

    #[test]
    fn maps_are_written_inside_outside_length() {
        assert_eq!(text(&[map(0, 100_000, 65_536), map(70_000, 1, 1)]), "0 100000 65536\n70000 1 1\n");
        assert_eq!(to_host(&[map(0, 100_000, 65_536)], 33), Some(100_033));
        assert_eq!(to_host(&[map(0, 100_000, 65_536)], 65_536), None);
    }

    #[test]
    fn the_initial_namespace_is_known_by_its_full_identity_map() {
        assert!(is_identity("         0          0 4294967295\n"));
        assert!(!is_identity("0 100000 65536\n"));
    }
}
