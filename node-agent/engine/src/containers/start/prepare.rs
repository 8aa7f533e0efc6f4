//! What stands before the first process can run: the root mounted, the files in `/etc`, the OCI bundle, the shim's orders.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::Value;

use crate::containers::{Container, Data, write_json};
use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::rootfs;
use crate::shim::protocol::{LogFile, ShimConfig};
use crate::spec::{self, user};
use crate::types::HostConfig;

/// Mounts the root, writes the bundle, and says how to run the shim. Blocking.
pub(super) fn prepare(engine: &Arc<Engine>, container: &Arc<Container>) -> Result<ShimConfig> {
    let rootfs = engine.store.mount_rw(&container.id)?;
    std::fs::create_dir_all(&container.run_dir)?;
    crate::network::plan(engine, container)?;
    let Data { mut record, host } = container.data().clone();
    crate::network::files::write(container, &record, &host)?;
    let passwd = rootfs::read(&rootfs, "/etc/passwd")?.unwrap_or_default();
    let group = rootfs::read(&rootfs, "/etc/group")?.unwrap_or_default();
    let extra = host.group_add.clone().unwrap_or_default();
    let user = user::lookup(&record.config.user, &extra, &passwd, &group)?;
    let working_dir = Path::new(spec::cwd(&record.config.working_dir));
    rootfs::create_dir_all(&rootfs, working_dir)
        .map_err(|e| Error::internal(format!("creating the working directory {}: {e}", working_dir.display())))?;
    if host.init == Some(true)
        && let Some(program) = init_program()
    {
        let point = crate::types::MountPoint {
            kind: "bind".into(),
            source: program.to_string_lossy().into_owned(),
            destination: "/sbin/docker-init".into(),
            rw: false,
            ..Default::default()
        };
        record.mount_points.insert(point.destination.clone(), point);
        let mut args = vec!["--".to_owned(), std::mem::replace(&mut record.path, "/sbin/docker-init".into())];
        args.append(&mut record.args);
        record.args = args;
    }
    let input = spec::Input {
        rootfs,
        user,
        seccomp: seccomp(&host)?,
        devices: devices(&host)?,
        network_namespace: joined(engine, &host.network_mode, "net")?,
        pid_namespace: joined(engine, &host.pid_mode, "pid")?,
        ipc_namespace: joined(engine, &host.ipc_mode, "ipc")?,
        in_user_namespace: slipway_images::in_user_namespace(),
        record: &record,
        host: &host,
    };
    write_json(&container.run_dir.join("config.json"), &spec::generate(&input)?)?;
    shim_config(engine, container, &record.log_path, &host)
}

fn shim_config(engine: &Engine, container: &Container, log_path: &str, host: &HostConfig) -> Result<ShimConfig> {
    let (max_size, max_file) = log_limits(host)?;
    let data = container.data();
    let config = &data.record.config;
    let [height, width] = host.console_size;
    let cgroup = format!("docker/{}", container.id);
    Ok(ShimConfig {
        id: container.id.clone(),
        bundle: container.run_dir.clone(),
        socket: container.socket.clone(),
        exit_file: container.run_dir.join("exit.json"),
        runtime: engine.config.runtime.clone(),
        tty: config.tty,
        open_stdin: config.open_stdin,
        stdin_once: config.stdin_once,
        console_size: (width > 0 && height > 0).then_some((width, height)),
        log: (!log_path.is_empty()).then(|| LogFile { path: log_path.into(), max_size, max_file }),
        oom_files: vec![
            format!("/sys/fs/cgroup/memory/{cgroup}/memory.oom_control").into(),
            format!("/sys/fs/cgroup/{cgroup}/memory.events").into(),
        ],
    })
}

/// `max-size` and `max-file` of the json-file driver.
pub(in crate::containers) fn log_limits(host: &HostConfig) -> Result<(Option<u64>, u32)> {
    let options = &host.log_config.config;
    let max_size = match options.get("max-size").map(String::as_str) {
        None | Some("" | "-1") => None,
        Some(text) => Some(parse_size(text).ok_or_else(|| Error::bad(format!("invalid size: '{text}'")))?),
    };
    let max_file = match options.get("max-file") {
        None => 1,
        Some(text) => {
            text.parse().ok().filter(|n| *n > 0).ok_or_else(|| Error::bad("max-file cannot be less than 1"))?
        }
    };
    Ok((max_size, max_file))
}

/// `10m`, `1k`, `5g`: powers of 1024, as go-units' `RAMInBytes`.
fn parse_size(text: &str) -> Option<u64> {
    let lower = text.to_ascii_lowercase();
    let digits = lower.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let factor = match lower[digits.len()..].chars().next() {
        None | Some('b') => 1,
        Some('k') => 1 << 10,
        Some('m') => 1 << 20,
        Some('g') => 1 << 30,
        _ => return None,
    };
    digits.parse::<u64>().ok()?.checked_mul(factor)
}

/// The program for `--init`.
pub(in crate::containers) fn init_program() -> Option<PathBuf> {
    let names = ["docker-init", "tini-static", "tini"];
    let dirs = ["/usr/local/bin", "/usr/bin", "/usr/libexec/docker", "/usr/local/sbin", "/sbin"];
    dirs.iter().flat_map(|d| names.iter().map(move |n| Path::new(d).join(n))).find(|p| p.is_file())
}

fn seccomp(host: &HostConfig) -> Result<Option<Value>> {
    match spec::seccomp_option(host) {
        Some("unconfined") => Ok(None),
        Some("builtin") | None => default_seccomp(host),
        Some(json) => serde_json::from_str(json)
            .map(Some)
            .map_err(|e| Error::bad(format!("Decoding seccomp profile failed: {e}"))),
    }
}

/// Docker's own profile, which depends on the capabilities.
fn default_seccomp(host: &HostConfig) -> Result<Option<Value>> {
    let none = Vec::new();
    let names =
        spec::caps::effective(host.cap_add.as_ref().unwrap_or(&none), host.cap_drop.as_ref().unwrap_or(&none), false)?;
    let names = serde_json::to_value(names).map_err(Error::internal)?;
    let caps: Vec<oci_spec::runtime::Capability> = serde_json::from_value(names).map_err(Error::internal)?;
    serde_json::to_value(slipway_runtime::seccomp::docker_default(&caps)).map(Some).map_err(Error::internal)
}

/// OCI devices for `--device` and, privileged, everything under `/dev`.
fn devices(host: &HostConfig) -> Result<Vec<Value>> {
    let mut list = Vec::new();
    if host.privileged {
        for entry in std::fs::read_dir("/dev")?.flatten() {
            list.extend(device(&entry.path(), &entry.path().to_string_lossy()));
        }
    }
    for wanted in &host.devices {
        let path = if wanted.path_in_container.is_empty() { &wanted.path_on_host } else { &wanted.path_in_container };
        let found = device(Path::new(&wanted.path_on_host), path).ok_or_else(|| {
            Error::bad(format!(
                "error gathering device information while adding custom device \"{}\": no such file or directory",
                wanted.path_on_host
            ))
        })?;
        list.push(found);
    }
    Ok(list)
}

fn device(host_path: &Path, path: &str) -> Option<Value> {
    use std::os::unix::fs::{FileTypeExt, MetadataExt};
    const DEFAULTS: &[&str] = &[
        "/dev/null",
        "/dev/zero",
        "/dev/full",
        "/dev/tty",
        "/dev/random",
        "/dev/urandom",
        "/dev/ptmx",
        "/dev/console",
    ];
    let meta = std::fs::metadata(host_path).ok()?;
    let kind = meta.file_type();
    let letter = if kind.is_char_device() {
        "c"
    } else if kind.is_block_device() {
        "b"
    } else {
        return None;
    };
    if DEFAULTS.contains(&path) {
        return None;
    }
    Some(serde_json::json!({
        "path": path, "type": letter, "major": rustix::fs::major(meta.rdev()), "minor": rustix::fs::minor(meta.rdev()),
        "fileMode": meta.mode() & 0o7777, "uid": meta.uid(), "gid": meta.gid(),
    }))
}

/// The namespace of another container that `container:NAME` asks to join.
fn joined(engine: &Engine, mode: &str, kind: &str) -> Result<Option<PathBuf>> {
    let Some(name) = mode.strip_prefix("container:") else { return Ok(None) };
    let other = engine.container(name)?;
    if !other.is_running() {
        let verb = if kind == "net" { "join network of" } else { "join namespace of" };
        return Err(Error::conflict(format!("cannot {verb} a non running container: {}", other.id)));
    }
    let pid = other.data().record.state.pid;
    Ok(Some(format!("/proc/{pid}/ns/{kind}").into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn log_options_are_sizes_and_counts() {
        let mut host = HostConfig::default();
        assert_eq!(log_limits(&host).unwrap(), (None, 1));
        host.log_config.config = [("max-size".into(), "10m".into()), ("max-file".into(), "3".into())].into();
        assert_eq!(log_limits(&host).unwrap(), (Some(10 << 20), 3));
        host.log_config.config = [("max-size".into(), "much".into())].into();
        assert!(log_limits(&host).is_err());
    }
}
