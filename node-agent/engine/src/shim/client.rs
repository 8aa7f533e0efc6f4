//! The engine's side of a shim: starting one, and talking to it over its socket.

use std::path::Path;
use std::process::Stdio;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::UnixStream;

use super::protocol::{Event, Ready, Reply, Request, ShimConfig};

/// Starts a shim for `config` and waits until the container is created. Returns the pid of the container's init.
///
/// # Errors
/// The runtime's message when the container cannot be created.
pub async fn spawn(dir: &Path, config: &ShimConfig) -> Result<u32, String> {
    let file = dir.join("shim.json");
    let text = serde_json::to_vec(config).map_err(|e| format!("encoding the shim's configuration: {e}"))?;
    std::fs::write(&file, text).map_err(|e| format!("writing {}: {e}", file.display()))?;
    let log = std::fs::File::create(dir.join("shim.log")).map_err(|e| format!("creating the shim's log: {e}"))?;
    // This very program, even if its file is replaced while the engine runs.
    let mut command = std::process::Command::new("/proc/self/exe");
    command.arg("shim").arg(&file).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(log);
    // The shim starts a session of its own; its directory must not hold a mount.
    command.current_dir("/");
    let mut child = tokio::process::Command::from(command).spawn().map_err(|e| format!("starting the shim: {e}"))?;
    let mut stdout = BufReader::new(child.stdout.take().ok_or("the shim has no stdout")?);
    // Reaps the shim whenever it ends.
    tokio::spawn(async move { child.wait().await });
    let mut line = String::new();
    stdout.read_line(&mut line).await.map_err(|e| format!("reading from the shim: {e}"))?;
    match serde_json::from_str(&line) {
        Ok(Ready::Pid(pid)) => Ok(pid),
        Ok(Ready::Error(message)) => Err(message),
        Err(_) => {
            let said = std::fs::read_to_string(dir.join("shim.log")).unwrap_or_default();
            Err(format!("the shim ended without an answer: {}", said.trim()))
        }
    }
}

/// Connects and sends a request; returns the reply and the connection, which goes on as the request's stream.
///
/// # Errors
/// When the shim is not there, or its own message.
pub async fn request(socket: &Path, request: &Request) -> Result<(Reply, UnixStream), String> {
    let gone = |e: std::io::Error| format!("talking to the shim at {}: {e}", socket.display());
    let mut stream = UnixStream::connect(socket).await.map_err(gone)?;
    let mut line = serde_json::to_vec(request).map_err(|e| format!("encoding a request: {e}"))?;
    line.push(b'\n');
    stream.write_all(&line).await.map_err(gone)?;
    // Byte by byte: what follows the line belongs to the stream. The line is short and already in the socket.
    let mut answer = Vec::with_capacity(128);
    loop {
        match stream.read_u8().await.map_err(gone)? {
            b'\n' => break,
            byte => answer.push(byte),
        }
    }
    let reply: Reply = serde_json::from_slice(&answer).map_err(|e| format!("the shim's answer: {e}"))?;
    match reply.error {
        Some(error) => Err(error),
        None => Ok((reply, stream)),
    }
}

/// The events of a shim, until it ends.
#[derive(Debug)]
pub struct Watch {
    lines: BufReader<UnixStream>,
}

impl Watch {
    /// Connects to a shim and subscribes.
    ///
    /// # Errors
    /// When the shim is not there or its container has ended.
    pub async fn open(socket: &Path) -> Result<Self, String> {
        let (_, stream) = request(socket, &Request::Watch).await?;
        Ok(Self { lines: BufReader::new(stream) })
    }

    /// The next event; `None` when the shim has gone.
    pub async fn next(&mut self) -> Option<Event> {
        let mut line = String::new();
        match self.lines.read_line(&mut line).await {
            Ok(n) if n > 0 => serde_json::from_str(&line).ok(),
            _ => None,
        }
    }
}
