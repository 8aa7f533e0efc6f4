//! The mounts of a container: the kernel's file systems as Docker mounts them, the three files in `/etc`, tmpfs mounts and volumes.

use serde_json::{Value, json};

use super::Input;
use crate::types::MountPoint;

/// OCI `mounts`, parents before children.
pub(super) fn mounts(input: &Input<'_>) -> Vec<Value> {
    let (record, host) = (input.record, input.host);
    let mount = |kind: &str, destination: &str, source: &str, options: &[&str]| json!({ "destination": destination, "type": kind, "source": source, "options": options });
    let sys = if host.privileged && !input.in_user_namespace { "rw" } else { "ro" };
    let mut list = vec![
        mount("proc", "/proc", "proc", &["nosuid", "noexec", "nodev"]),
        mount("tmpfs", "/dev", "tmpfs", &["nosuid", "strictatime", "mode=755", "size=65536k"]),
        mount(
            "devpts",
            "/dev/pts",
            "devpts",
            &["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"],
        ),
    ];
    if host.network_mode == "host" && input.in_user_namespace {
        // A sysfs can only be mounted by the owner of the network namespace.
        list.push(mount("bind", "/sys", "/sys", &["rbind", "nosuid", "noexec", "nodev", "ro"]));
    } else {
        list.push(mount("sysfs", "/sys", "sysfs", &["nosuid", "noexec", "nodev", sys]));
    }
    list.push(mount("cgroup", "/sys/fs/cgroup", "cgroup", &[sys, "nosuid", "noexec", "nodev"]));
    list.push(mount("mqueue", "/dev/mqueue", "mqueue", &["nosuid", "noexec", "nodev"]));
    let mounted = |path: &str| record.mount_points.contains_key(path) || host.tmpfs.contains_key(path);
    if !mounted("/dev/shm") {
        if host.ipc_mode == "host" {
            list.push(mount("bind", "/dev/shm", "/dev/shm", &["rbind", "nosuid", "noexec", "nodev"]));
        } else {
            let size = format!("size={}", host.shm_size.0);
            list.push(mount("tmpfs", "/dev/shm", "shm", &["nosuid", "noexec", "nodev", "mode=1777", &size]));
        }
    }
    let files = [
        ("/etc/resolv.conf", &record.resolv_conf_path),
        ("/etc/hostname", &record.hostname_path),
        ("/etc/hosts", &record.hosts_path),
    ];
    for (destination, source) in files {
        if !source.is_empty() && !mounted(destination) {
            list.push(mount("bind", destination, source, &["rbind", "rprivate"]));
        }
    }
    let mut own: Vec<Value> = record.mount_points.values().map(volume).collect();
    for (destination, options) in &host.tmpfs {
        let mut all = vec!["nosuid", "nodev", "noexec"];
        for option in options.split(',').filter(|o| !o.is_empty()) {
            // The positive form takes a default back.
            all.retain(|default| *default != format!("no{option}"));
            all.push(option);
        }
        own.push(mount("tmpfs", destination, "tmpfs", &all));
    }
    own.sort_by_key(|m| m["destination"].as_str().unwrap_or_default().matches('/').count());
    list.extend(own);
    list
}

fn volume(point: &MountPoint) -> Value {
    if point.kind == "tmpfs" {
        let mut options = vec!["nosuid", "nodev", "noexec"];
        options.extend(point.mode.split(',').filter(|o| !o.is_empty()));
        return json!({ "destination": point.destination, "type": "tmpfs", "source": "tmpfs", "options": options });
    }
    let propagation = if point.propagation.is_empty() { "rprivate" } else { &point.propagation };
    let mut options = vec!["rbind", propagation];
    if !point.rw {
        options.push("ro");
    }
    json!({ "destination": point.destination, "type": "bind", "source": point.source, "options": options })
}
