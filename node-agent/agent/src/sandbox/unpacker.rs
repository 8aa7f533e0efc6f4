//! The process that unpacks one layer for the host: one a layer, nobody on the host, in a user namespace of its own with only the
//! capabilities that giving files their owners takes, without a network, and with nothing to see but the node image for reading and the
//! directory that it fills. It reads the layer from a pipe. It has a node's directories and is removed as a node is.

use std::{
    collections::HashSet,
    fs,
    io::{self, Read, Write},
    os::{
        fd::{AsFd, OwnedFd},
        unix::fs::DirBuilderExt,
    },
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError, mpsc},
    time::Duration,
};

use serde_json::Value;
use slipway_images::shared::Limits as LayerLimits;
use slipway_runtime::client::Io;

use super::{
    Runtime, at,
    cgroup::Hierarchies,
    device, idmap,
    rootfs::Layout,
    shut_in::{self, Bind, ShutIn},
    tear_down, watch,
};
use crate::{
    config::Limits,
    layers::{Report, Unpack, program::Outcome},
};

/// What the process may use.
const LIMITS: Limits = Limits { memory: 512 << 20, pids: 64, cpus: 2.0, disk: 0 };
/// How long it may take for a layer.
const PATIENCE: Duration = Duration::from_secs(900);
/// What it says is never longer.
const MAX_WORDS: u64 = 64 << 10;
/// What making other ids' files takes, in its own user namespace only.
const CAPABILITIES: [&str; 5] = ["CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FOWNER", "CAP_FSETID", "CAP_SETFCAP"];

/// Starts the processes.
pub(crate) struct Unpacker {
    pub(crate) runtime: Runtime,
    pub(crate) cgroups: Hierarchies,
    /// The directory of nodes' directories.
    pub(crate) nodes: PathBuf,
    pub(crate) node_image: PathBuf,
    pub(crate) agent: PathBuf,
    /// First host id of the processes, and of the files that they make.
    pub(crate) owner: u32,
    /// Tags of those that run; `None` when no more may.
    pub(crate) running: Mutex<Option<HashSet<String>>>,
}

impl Unpack for Unpacker {
    fn unpack(
        &self,
        input: &mut (dyn Read + Send),
        out: &Path,
        has_parent: bool,
        limits: LayerLimits,
    ) -> io::Result<Report> {
        let tag = crate::random::hex::<4>();
        let Some(true) = self.running().as_mut().map(|running| running.insert(tag.clone())) else {
            return Err(io::Error::other("the agent is ending"));
        };
        let layout = Layout::of(&self.nodes.join(&tag));
        let outcome = self.run(&tag, &layout, input, out, has_parent, limits);
        for error in tear_down(&self.runtime, &self.cgroups, &layout, &tag) {
            tracing::error!(%tag, %error, "a part of an unpacking process is not removed");
        }
        if let Some(running) = self.running().as_mut() {
            running.remove(&tag);
        }
        outcome.map_err(io::Error::other)?
    }

    fn stop(&self) {
        for tag in self.running().take().unwrap_or_default() {
            if let Err(error) = self.cgroups.kill(&tag, Duration::from_secs(10)) {
                tracing::error!(%tag, %error, "an unpacking process does not end");
            }
        }
    }
}

impl Unpacker {
    fn running(&self) -> MutexGuard<'_, Option<HashSet<String>>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn run(
        &self,
        tag: &str,
        layout: &Layout,
        input: &mut (dyn Read + Send),
        out: &Path,
        has_parent: bool,
        limits: LayerLimits,
    ) -> super::Result<io::Result<Report>> {
        let Layout { dir, rootfs, bundle, .. } = layout;
        for new in [dir, rootfs, bundle] {
            fs::DirBuilder::new().mode(0o711).create(new).map_err(at("create", new))?;
        }
        let namespace = idmap::user_namespace(self.owner)?;
        idmap::mount_idmapped(&self.node_image, rootfs, namespace.as_fd())?;
        let path = bundle.join("config.json");
        let config = self.config(tag, rootfs, out, has_parent, limits);
        fs::write(&path, config.to_string()).map_err(at("write", &path))?;
        self.cgroups.create(tag, &LIMITS)?;
        let pipes = || -> io::Result<_> {
            let null = fs::File::options().write(true).open("/dev/null")?;
            Ok((io::pipe()?, io::pipe()?, OwnedFd::from(null)))
        };
        let ((theirs, ours), (words, say), null) = pipes().map_err(at("make pipes for", bundle))?;
        let io = Io::Inherit([theirs.into(), say.into(), null]);
        let exit = watch(self.runtime.create_with(&device(tag), bundle, io)?)?;
        self.runtime.start(&device(tag), bundle)?;
        Ok(self.converse(tag, input, ours, words, exit))
    }

    /// Feeds the process and hears what it says; kills it when it takes too long.
    fn converse(
        &self,
        tag: &str,
        input: &mut (dyn Read + Send),
        mut ours: io::PipeWriter,
        words: io::PipeReader,
        exit: tokio::sync::oneshot::Receiver<i32>,
    ) -> io::Result<Report> {
        let (done, ended) = mpsc::channel();
        std::thread::scope(|scope| {
            let (fed, heard) = (done.clone(), done);
            let feeding = scope.spawn(move || {
                let copied = copy(input, &mut ours);
                drop(ours);
                let _ = fed.send(());
                copied
            });
            let hearing = scope.spawn(move || {
                let mut said = Vec::new();
                let read = words.take(MAX_WORDS).read_to_end(&mut said);
                let _ = heard.send(());
                read.map(|_| said)
            });
            for _ in 0..2 {
                if ended.recv_timeout(PATIENCE).is_err() {
                    // Then both threads end: their pipes have no other end any more.
                    let _ = self.cgroups.kill(tag, Duration::from_secs(10));
                }
            }
            let fed = feeding.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            let said = hearing.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
            let outcome: Result<Outcome, _> = serde_json::from_slice(&said);
            match outcome {
                Ok(Outcome::Done(report)) => fed.map(|()| report),
                Ok(Outcome::Failed(why)) => Err(io::Error::other(why)),
                Err(_) => {
                    let code = exit.blocking_recv().unwrap_or(-1);
                    Err(io::Error::other(format!("the unpacking process ended with {code}")))
                }
            }
        })
    }

    fn config(&self, tag: &str, rootfs: &Path, out: &Path, has_parent: bool, limits: LayerLimits) -> Value {
        let (bytes, entries) = (limits.bytes.to_string(), limits.entries.to_string());
        let mut args = vec!["unpack-layer", "--out", OUT, "--bytes", &bytes, "--entries", &entries];
        if has_parent {
            args.push("--has-parent");
        }
        shut_in::config(ShutIn {
            tag,
            hostname: "unpack",
            rootfs,
            owner: self.owner,
            agent: &self.agent,
            args: &args,
            capabilities: &CAPABILITIES,
            umask: Some(0),
            oom: 500,
            files: 1024,
            binds: vec![Bind::writing(OUT, out)],
        })
    }
}

const OUT: &str = "/run/out";

/// Copies all; a process that wants no more has said why, or its end says enough.
fn copy(input: &mut dyn Read, output: &mut dyn Write) -> io::Result<()> {
    let mut buffer = vec![0; 256 << 10];
    loop {
        match input.read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(read) => match output.write_all(&buffer[..read]) {
                Err(error) if error.kind() == io::ErrorKind::BrokenPipe => return Ok(()),
                other => other?,
            },
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}
