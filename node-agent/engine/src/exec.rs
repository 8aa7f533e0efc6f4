//! Execs: further processes in running containers. Kept in memory only, as in moby: they end with the container.

use std::sync::{Arc, Mutex};

use serde::Deserialize;
use serde_json::{Value, json};
use tokio::net::UnixStream;

use crate::containers::Container;
use crate::containers::names::random_hex;
use crate::engine::{Engine, lock};
use crate::error::{Error, Result, blocking};
use crate::shim::client;
use crate::shim::protocol::Request;
use crate::spec::{self, user};

/// An exec as created by a client.
#[derive(Debug)]
pub struct Exec {
    /// 64 hexadecimal digits.
    pub id: String,
    /// Its container's id.
    pub container: String,
    /// What to run.
    pub config: ExecConfig,
    state: Mutex<ExecState>,
}

#[derive(Debug, Default)]
struct ExecState {
    started: bool,
    running: bool,
    pid: u32,
    code: Option<i32>,
}

/// `POST /containers/{id}/exec`'s body.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
#[allow(missing_docs, reason = "as in the Engine API")]
pub struct ExecConfig {
    pub user: String,
    pub privileged: bool,
    pub tty: bool,
    pub console_size: Option<[u16; 2]>,
    pub attach_stdin: bool,
    pub attach_stdout: bool,
    pub attach_stderr: bool,
    pub detach_keys: String,
    pub env: Vec<String>,
    pub working_dir: String,
    pub cmd: Vec<String>,
}

impl Exec {
    /// Whether its process is there.
    pub fn is_running(&self) -> bool {
        lock(&self.state).running
    }

    /// `GET /exec/{id}/json`.
    pub fn inspect(&self) -> Value {
        let (state, c) = (lock(&self.state), &self.config);
        let (first, rest) = c.cmd.split_first().map_or(("", &[][..]), |(f, r)| (f.as_str(), r));
        let mut process = json!({ "tty": c.tty, "entrypoint": first, "arguments": rest, "privileged": c.privileged });
        if !c.user.is_empty() {
            process["user"] = json!(c.user);
        }
        json!({
            "ID": self.id, "Running": state.running, "ExitCode": state.code, "ProcessConfig": process, "OpenStdin": c.attach_stdin,
            "OpenStderr": c.attach_stderr, "OpenStdout": c.attach_stdout, "CanRemove": false, "ContainerID": self.container,
            "DetachKeys": "", "Pid": state.pid,
        })
    }
}

/// Registers an exec; `typed` is what the client called the container.
///
/// # Errors
/// 409 when the container does not run.
pub fn create(engine: &Engine, container: &Container, typed: &str, config: ExecConfig) -> Result<Arc<Exec>> {
    if config.cmd.is_empty() {
        return Err(Error::bad("No exec command specified"));
    }
    if container.data().record.state.paused {
        return Err(Error::conflict(format!("Container {typed} is paused, unpause the container before exec")));
    }
    container.require_running()?;
    let exec = Arc::new(Exec { id: random_hex(32), container: container.id.clone(), config, state: Mutex::default() });
    engine.execs().insert(exec.id.clone(), exec.clone());
    container.event(engine, format!("exec_create: {}", exec.config.cmd.join(" ")), &[("execID", exec.id.clone())]);
    Ok(exec)
}

/// Finds an exec.
///
/// # Errors
/// Docker's sentence for none.
pub fn find(engine: &Engine, id: &str) -> Result<Arc<Exec>> {
    engine.execs().get(id).cloned().ok_or_else(|| Error::not_found(format!("No such exec instance: {id}")))
}

/// Starts an exec; the connection carries its streams.
///
/// # Errors
/// 409 when it has been started, and what the runtime says about the command.
pub async fn start(
    engine: &Arc<Engine>,
    exec: &Arc<Exec>,
    size: Option<[u16; 2]>,
    attached: bool,
) -> Result<UnixStream> {
    let container = engine.container(&exec.container)?;
    container.require_running()?;
    {
        let mut state = lock(&exec.state);
        if state.started {
            return Err(Error::conflict(format!("exec command {} is already running", exec.id)));
        }
        state.started = true;
    }
    let c = &exec.config;
    let process = {
        let (engine, container, exec) = (engine.clone(), container.clone(), exec.clone());
        blocking(move || process(&engine, &container, &exec.config)).await
    };
    container.event(engine, format!("exec_start: {}", c.cmd.join(" ")), &[("execID", exec.id.clone())]);
    let size = size.or(c.console_size).map(|[height, width]| (width, height));
    let outcome = match process {
        Ok(process) => {
            let request = Request::Exec {
                id: exec.id.clone(),
                process: Box::new(process),
                stdin: c.attach_stdin && attached,
                stdout: c.attach_stdout && attached,
                stderr: c.attach_stderr && attached,
                console_size: size,
            };
            lock(&exec.state).running = true;
            client::request(&container.socket, &request).await.map_err(|message| {
                let (code, _) = crate::containers::start::translate(&message);
                let detail = crate::containers::start::runc_wording(&message).replacen(
                    "unable to start container process: ",
                    "",
                    1,
                );
                let text = format!(
                    "OCI runtime exec failed: exec failed: unable to start container process: {detail}: unknown"
                );
                (code, Error::bad(text))
            })
        }
        Err(e) => Err((126, e)),
    };
    match outcome {
        Ok((reply, stream)) => {
            lock(&exec.state).pid = reply.pid;
            Ok(stream)
        }
        Err((code, error)) => {
            let mut state = lock(&exec.state);
            (state.running, state.code) = (false, Some(code));
            Err(error)
        }
    }
}

fn process(engine: &Engine, container: &Container, config: &ExecConfig) -> Result<Value> {
    let data = container.data().clone();
    let mut host = data.host;
    host.console_size = [0, 0];
    host.privileged |= config.privileged;
    let root = engine.store.rw_layer(&container.id)?.merged;
    let passwd = crate::rootfs::read(&root, "/etc/passwd")?.unwrap_or_default();
    let group = crate::rootfs::read(&root, "/etc/group")?.unwrap_or_default();
    let name = if config.user.is_empty() { &data.record.config.user } else { &config.user };
    let user = user::lookup(name, &host.group_add.clone().unwrap_or_default(), &passwd, &group)?;
    let settings = crate::types::Config { tty: config.tty, ..data.record.config.clone() };
    let env = spec::environment(&settings, &config.env, Some(&settings.hostname), &user.home);
    let dir = if config.working_dir.is_empty() { &settings.working_dir } else { &config.working_dir };
    let cwd = spec::cwd(dir);
    // Made for a container that lacks it, but not for an exec. Looked up as the container's own processes see it.
    let seen = format!("/proc/{}/root", data.record.state.pid);
    if crate::rootfs::Inside::open(std::path::Path::new(&seen), std::path::Path::new(&cwd))
        .is_err_and(|e| e.kind() == std::io::ErrorKind::NotFound)
    {
        let text = format!("chdir to cwd ({cwd:?}) set in config.json failed: no such file or directory");
        return Err(Error::bad(format!(
            "OCI runtime exec failed: exec failed: unable to start container process: {text}: unknown"
        )));
    }
    spec::base_process(&host, &user, config.tty, config.cmd.clone(), env, cwd)
}

/// Sets an exec's terminal size.
///
/// # Errors
/// When it does not run.
pub async fn resize(engine: &Engine, exec: &Exec, width: u16, height: u16) -> Result<()> {
    let container = engine.container(&exec.container)?;
    let request = Request::Resize { exec: Some(exec.id.clone()), width, height };
    client::request(&container.socket, &request).await.map(drop).map_err(Error::internal)
}

/// Records an exec's end.
pub(crate) fn ended(engine: &Engine, id: &str, code: i32) {
    let Ok(exec) = find(engine, id) else { return };
    {
        let mut state = lock(&exec.state);
        (state.running, state.code) = (false, Some(code));
    }
    if let Ok(container) = engine.container(&exec.container) {
        container.event(engine, "exec_die", &[("execID", id.to_owned()), ("exitCode", code.to_string())]);
    }
}

/// The container has ended, and its execs with it. They stay known until it is started again or removed.
pub(crate) fn container_ended(engine: &Engine, container: &str) {
    let mut execs = engine.execs();
    for exec in execs.values().filter(|e| e.container == container) {
        let mut state = lock(&exec.state);
        if state.running {
            (state.running, state.code) = (false, Some(137));
        }
    }
    // Only the latest are of interest to a client that still asks for an exit code.
    if execs.len() > 256 {
        execs.retain(|_, e| e.is_running() || e.container == container);
    }
}
