//! Waiting for processes in nodes. The OCI runtime leaves them as children of the agent, which is a subreaper; a zombie would keep
//! its node's pid namespace from ending.

use nix::{
    errno::Errno,
    sys::wait::{WaitStatus, waitpid},
    unistd::Pid,
};
use tokio::sync::oneshot;

/// Waits for `pid` on a small thread of its own and sends its exit code, 128 + signal for one that was killed.
pub(crate) fn watch(pid: u32) -> std::io::Result<oneshot::Receiver<i32>> {
    let (send, receive) = oneshot::channel();
    let pid = Pid::from_raw(i32::try_from(pid).map_err(std::io::Error::other)?);
    std::thread::Builder::new().name(format!("wait-{pid}")).stack_size(64 << 10).spawn(move || {
        let code = loop {
            match waitpid(pid, None) {
                Ok(WaitStatus::Exited(_, code)) => break code,
                Ok(WaitStatus::Signaled(_, signal, _)) => break 128 + signal as i32,
                // The removal of its node has reaped it.
                Err(Errno::ECHILD) => break 137,
                Ok(_) | Err(_) => {}
            }
        };
        // Nobody may want to know.
        let _ = send.send(code);
    })?;
    Ok(receive)
}
