//! Starting a container: root, files, specification, shim, network, go. A start that fails leaves what Docker leaves:
//! the container as created, with exit code 126, 127 or 128 and the error in its state.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::Value;

use super::{Container, Data, monitor, write_json};
use crate::clock;
use crate::engine::Engine;
use crate::error::{Error, Result, blocking};
use crate::rootfs;
use crate::shim::client::{self, Watch};
use crate::shim::protocol::{LogFile, Request, ShimConfig};
use crate::spec::{self, user};
use crate::types::HostConfig;

/// Starts a container for a client.
///
/// # Errors
/// 304 when it runs already; Docker's sentences otherwise.
pub async fn start(engine: &Arc<Engine>, container: &Arc<Container>) -> Result<()> {
    let guard = container.operation.lock().await;
    {
        let mut data = container.data();
        let state = &data.record.state;
        if state.paused {
            return Err(Error::bad("cannot start a paused container, try unpause instead"));
        }
        if state.running {
            return Err(Error::not_modified());
        }
        if state.removal_in_progress || state.dead {
            return Err(Error::conflict("container is marked for removal and cannot be started"));
        }
        data.record.has_been_manually_stopped = false;
        data.record.restart_count = 0;
    }
    let outcome = launch(engine, container).await;
    if let Err(error) = &outcome {
        let remove = container.data().host.auto_remove;
        if remove && let Err(e) = super::remove::dispose(engine, container, true).await {
            tracing::warn!("removing container {} after a failed start: {e}", container.id);
        }
        drop(guard);
        return Err(error.clone());
    }
    drop(guard);
    outcome
}

/// Starts the container; the caller holds its operation lock.
pub(super) async fn launch(engine: &Arc<Engine>, container: &Arc<Container>) -> Result<()> {
    let outcome = try_launch(engine, container).await;
    let Err(error) = outcome else { return Ok(()) };
    // Clients that attached in advance have nothing to wait for any more.
    drop(container.take_waiting());
    let (code, message) = translate(&error.message);
    {
        let mut data = container.data();
        let state = &mut data.record.state;
        (state.running, state.restarting, state.pid) = (false, false, 0);
        state.exit_code = code;
        state.error.clone_from(&message);
    }
    clean_up(engine, container).await;
    if let Err(e) = container.save() {
        tracing::warn!("{e}");
    }
    let status = if matches!(code, 126 | 127) { http::StatusCode::BAD_REQUEST } else { error.status };
    Err(Error::new(status, message))
}

async fn try_launch(engine: &Arc<Engine>, container: &Arc<Container>) -> Result<()> {
    let shim = {
        let (engine, container) = (engine.clone(), container.clone());
        blocking(move || prepare(&engine, &container)).await?
    };
    let pid = client::spawn(&container.run_dir, &shim).await.map_err(create_failed)?;
    let mut watch = Watch::open(&container.socket).await.map_err(Error::internal)?;
    join_waiting(container).await;
    let started = connect_and_go(engine, container, pid).await;
    if let Err(error) = started {
        // The init still waits to be started: end it, and let the shim tidy up.
        let _ = client::request(&container.socket, &Request::Signal { signal: 9 }).await;
        while watch.next().await.is_some() {}
        return Err(error);
    }
    {
        let mut data = container.data();
        let record = &mut data.record;
        record.has_been_started_before = true;
        let state = &mut record.state;
        (state.running, state.restarting, state.paused, state.dead) = (true, false, false, false);
        (state.pid, state.exit_code, state.oom_killed) = (pid, 0, false);
        state.error.clear();
        state.started_at = clock::now_string();
    }
    container.save()?;
    container.set_phase(|p| p.running = true);
    container.event(engine, "start", &[]);
    monitor::spawn(engine.clone(), container.clone(), watch);
    Ok(())
}

/// Joins clients that attached before the start to the shim, before the process can write anything.
async fn join_waiting(container: &Arc<Container>) {
    for waiting in container.take_waiting() {
        let super::Waiting { stdin, stdout, stderr, stream } = waiting;
        let request = Request::Attach { exec: None, stdin, stdout, stderr };
        let Ok((_, shim)) = client::request(&container.socket, &request).await else { continue };
        tokio::spawn(async move {
            let (mut from_client, mut to_client) = stream.into_split();
            let (mut from_shim, mut to_shim) = shim.into_split();
            let input = tokio::spawn(async move {
                let _ = tokio::io::copy(&mut from_client, &mut to_shim).await;
                // Dropping the write half passes the client's half-close on.
            });
            let _ = tokio::io::copy(&mut from_shim, &mut to_client).await;
            input.abort();
        });
    }
}

async fn connect_and_go(engine: &Arc<Engine>, container: &Arc<Container>, pid: u32) -> Result<()> {
    let namespace = PathBuf::from(format!("/proc/{pid}/ns/net"));
    {
        let (engine, container) = (engine.clone(), container.clone());
        blocking(move || crate::network::connect(&engine, &container, &namespace)).await?;
    }
    client::request(&container.socket, &Request::Start).await.map(drop).map_err(create_failed)
}

/// Undoes everything a start has made. Goes on whatever fails.
pub(super) async fn clean_up(engine: &Arc<Engine>, container: &Arc<Container>) {
    let (engine, container) = (engine.clone(), container.clone());
    let done = blocking(move || {
        crate::network::disconnect(&engine, &container);
        if let Err(e) = engine.store.unmount_rw(&container.id) {
            tracing::warn!("unmounting the root of container {}: {e}", container.id);
        }
        let _ = std::fs::remove_dir_all(&container.run_dir);
        let _ = std::fs::remove_file(&container.socket);
        Ok(())
    });
    if let Err(e) = done.await {
        tracing::warn!("{e}");
    }
}

/// Mounts the root, writes the bundle, and says how to run the shim. Blocking.
fn prepare(engine: &Arc<Engine>, container: &Arc<Container>) -> Result<ShimConfig> {
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
pub(super) fn log_limits(host: &HostConfig) -> Result<(Option<u64>, u32)> {
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
pub(super) fn init_program() -> Option<PathBuf> {
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

fn create_failed(message: String) -> Error {
    Error::internal(message)
}

/// Exit code and Docker's text for a start that failed with the runtime's `message`.
#[must_use]
pub fn translate(message: &str) -> (i32, String) {
    let lower = message.to_lowercase();
    let code = if ["executable file not found", "no such file or directory", "system cannot find the file specified"]
        .iter()
        .any(|p| lower.contains(p))
    {
        127
    } else if ["permission denied", "not a directory", "is a directory", "exec format error"]
        .iter()
        .any(|p| lower.contains(p))
    {
        126
    } else {
        128
    };
    let ours = [
        "unable to find user",
        "unable to find group",
        "driver failed programming",
        "cannot join",
        "uids and gids",
        "error gathering device information",
        "No such container",
        "network ",
    ];
    if ours.iter().any(|p| message.starts_with(p)) {
        return (if message.starts_with("unable") { 126 } else { code }, message.to_owned());
    }
    if let Some(dir) =
        message.strip_prefix("creating the working directory ").and_then(|m| m.strip_suffix(": not a directory"))
    {
        return (code, format!("Cannot mkdir: {dir} is not a directory"));
    }
    let detail = runc_wording(message);
    let prefix = "failed to create task for container: failed to create shim task: OCI runtime create failed: runc create failed";
    (code, format!("{prefix}: {detail}: unknown"))
}

/// The part after "runc create failed:" in runc's words, whichever runtime spoke.
pub(crate) fn runc_wording(message: &str) -> String {
    let message = message.trim().trim_start_matches("runc create failed: ").trim_start_matches("runc run failed: ");
    // crun: executable file `x` not found in $PATH: No such file or directory
    if let Some(rest) = message.split_once("executable file `").map(|(_, r)| r)
        && let Some((name, tail)) = rest.split_once('`')
    {
        let reason =
            if name.contains('/') { "no such file or directory" } else { "executable file not found in $PATH" };
        if tail.contains("ermission denied") {
            return format!("unable to start container process: exec: \"{name}\": permission denied");
        }
        return format!("unable to start container process: exec: \"{name}\": {reason}");
    }
    // crun: open executable: Permission denied
    if message.contains("unable to start container process") {
        return message.to_owned();
    }
    format!("unable to start container process: {message}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn start_failures_read_as_dockers_whatever_runtime_spoke() {
        let expected = "failed to create task for container: failed to create shim task: OCI runtime create failed: runc create failed: \
                        unable to start container process: exec: \"nope\": executable file not found in $PATH: unknown";
        for message in [
            "executable file `nope` not found in $PATH: No such file or directory",
            "runc create failed: unable to start container process: exec: \"nope\": executable file not found in $PATH",
        ] {
            assert_eq!(translate(message), (127, expected.to_owned()), "{message}");
        }
        assert_eq!(translate("unable to start container process: exec: \"/etc\": permission denied").0, 126);
        assert_eq!(translate("mounting something: no space left").0, 128);
    }

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
