//! Running work inside another network namespace. A namespace belongs to a thread, so the work gets a thread of its own, which
//! ends with it; the caller's threads never change theirs.

use std::{fs::File, io, os::fd::AsFd, path::Path};

use nix::sched::{CloneFlags, setns};

use super::{Error, Links, Result};

/// Runs `work` on a new thread inside the network namespace `namespace` and waits for it.
///
/// # Errors
/// When the namespace cannot be entered (it needs `CAP_SYS_ADMIN` over it).
///
/// # Panics
/// When `work` panics.
pub fn enter<T: Send>(namespace: impl AsFd + Send, work: impl FnOnce() -> T + Send) -> Result<T> {
    std::thread::scope(|scope| {
        let thread = scope.spawn(move || {
            setns(namespace, CloneFlags::CLONE_NEWNET)
                .map_err(|errno| Error::Namespace { step: "enter the network namespace", source: errno.into() })?;
            Ok(work())
        });
        thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

/// Runs netlink work inside the network namespace at `path` (such as `/proc/PID/ns/net`), or in the caller's own for `None`,
/// and waits for it. Blocking: call it from a thread that may wait.
///
/// # Errors
/// When the namespace cannot be opened or entered, and whatever `work` returns.
pub fn run_in<T, F>(path: Option<&Path>, work: F) -> Result<T>
where
    T: Send,
    F: AsyncFnOnce(Links) -> Result<T> + Send,
{
    let drive = move || -> Result<T> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build().map_err(socket_error)?;
        runtime.block_on(async {
            let (links, connection) = Links::connect().map_err(socket_error)?;
            let connection = tokio::spawn(connection);
            let result = work(links).await;
            connection.abort();
            result
        })
    };
    match path {
        Some(path) => {
            let namespace =
                File::open(path).map_err(|source| Error::Namespace { step: "open the network namespace", source })?;
            enter(namespace, drive)?
        }
        // Also on a thread of its own: the caller may be inside a tokio runtime, which cannot start another.
        None => std::thread::scope(|scope| scope.spawn(drive).join())
            .unwrap_or_else(|panic| std::panic::resume_unwind(panic)),
    }
}

fn socket_error(source: io::Error) -> Error {
    Error::Namespace { step: "open a netlink socket", source }
}
