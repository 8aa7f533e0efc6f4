//! `RUN --mount`: files of the context, a stage or an image; directories that outlive builds; memory; secrets; the client's SSH agents.

use std::collections::HashMap;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use engine_wasm::dockerfile::instructions::{Fault, MountKind, MountOptions, Run, Sharing};
use sha2::{Digest as _, Sha256};

use super::caches;
use super::commit::Root;
use super::context::Scratch;
use super::copy::{self, How};
use super::secrets;
use super::source;
use super::ssh;
use super::stage::Stage;
use crate::containers::names::random_hex;
use crate::engine::{Engine, lock};
use crate::error::{Error, Result, blocking};
use crate::rootfs::Inside;
use crate::types::{HostConfig, Mount};

/// Locks of caches that only one may use.
static LOCKS: Mutex<Option<HashMap<PathBuf, Arc<tokio::sync::Mutex<()>>>>> = Mutex::new(None);

/// The mounts of one step.
#[derive(Default)]
pub(crate) struct Prepared {
    mounts: Vec<Mount>,
    tmpfs: Vec<(String, String)>,
    /// What is mounted, as far as it decides what the command does.
    pub(crate) hash: Option<String>,
    /// Variables with secrets, for the command and for no image.
    pub(crate) env: Vec<String>,
    _secrets: Vec<Scratch>,
    _sockets: Vec<ssh::Socket>,
    _locks: Vec<tokio::sync::OwnedMutexGuard<()>>,
    _roots: Vec<Arc<Root>>,
    _uses: Vec<caches::Use>,
}

/// An error while options are expanded, or in them.
enum Wrong {
    Fault(Fault),
    Error(Error),
}

impl From<Fault> for Wrong {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

impl Prepared {
    /// Adds the mounts to a container's.
    pub(crate) fn apply(&self, mut host: HostConfig) -> HostConfig {
        host.mounts.extend(self.mounts.iter().cloned());
        host.tmpfs.extend(self.tmpfs.iter().cloned());
        host
    }

    /// Takes away the empty files and directories that were made for the mounts, so that they are not in the image.
    pub(crate) fn tidy(&self, engine: &Engine, container: &str) {
        let Ok(layer) = engine.store.rw_layer(container) else { return };
        let targets = self.mounts.iter().map(|mount| &mount.target).chain(self.tmpfs.iter().map(|(target, _)| target));
        for target in targets {
            // The target, and whatever leads to it.
            for path in Path::new(target).ancestors() {
                let below = layer.lower.iter().any(|lower| Inside::open_nofollow(lower, path).is_ok());
                let (Some(parent), Some(name), false) = (path.parent(), path.file_name(), below) else { break };
                let Ok(found) = Inside::open_nofollow(&layer.upper, parent) else { break };
                let stub = found.path().join(name);
                let empty = std::fs::symlink_metadata(&stub).is_ok_and(|meta| meta.is_file() && meta.len() == 0);
                // A directory with something in it stays.
                let removed = if empty { std::fs::remove_file(stub) } else { std::fs::remove_dir(stub) };
                if removed.is_err() {
                    break;
                }
            }
        }
    }
}

/// Makes everything that a step mounts.
///
/// # Errors
/// BuildKit's texts for bad options; Docker's for what is not there.
pub(crate) async fn prepare(stage: &Stage, run: &Run) -> Result<Prepared> {
    let mut prepared = Prepared::default();
    if run.mounts.is_empty() {
        return Ok(prepared);
    }
    let mut hash = Sha256::new();
    let mut ssh_mounts = 0;
    for mount in &run.mounts {
        let expand = |text: &str| stage.state.expand(text).map_err(Wrong::Error);
        let options = mount.options(expand).map_err(|wrong| match wrong {
            Wrong::Fault(fault) => Error::bad(fault.to_string()),
            Wrong::Error(error) => error,
        })?;
        hash.update(&mount.spec.text);
        match options.kind {
            MountKind::Bind => bind(stage, &options, &mut prepared, &mut hash).await?,
            MountKind::Cache => cache(stage, &options, &mut prepared).await?,
            MountKind::Tmpfs => {
                let size = if options.size_limit > 0 { format!(",size={}", options.size_limit) } else { String::new() };
                prepared.tmpfs.push((target(stage, &options), format!("rw,exec{size}")));
            }
            MountKind::Secret => secret(stage, &options, &mut prepared).await?,
            MountKind::Ssh => {
                let before = ssh_mounts;
                ssh_mounts += 1;
                let Some(socket) = ssh::socket(&stage.build.engine, &stage.build.options.agents, &options)? else {
                    continue;
                };
                let target = stage.state.absolute(&ssh::target(&options, before));
                // The first is what programs ask, unless the image says otherwise.
                let known = |list: &[String]| list.iter().any(|entry| entry.starts_with("SSH_AUTH_SOCK="));
                if !known(&prepared.env) && !known(&stage.state.config.env) {
                    prepared.env.push(format!("SSH_AUTH_SOCK={target}"));
                }
                let source = socket.path.to_string_lossy().into_owned();
                prepared.mounts.push(Mount { kind: "bind".into(), source, target, ..Mount::default() });
                prepared._sockets.push(socket);
            }
        }
    }
    prepared.hash = Some(hex::encode(hash.finalize()));
    Ok(prepared)
}

fn target(stage: &Stage, options: &MountOptions) -> String {
    let path = stage.state.absolute(&options.target);
    if path.len() > 1 { path.trim_end_matches('/').to_owned() } else { path }
}

async fn secret(stage: &Stage, options: &MountOptions, prepared: &mut Prepared) -> Result<()> {
    let build = &stage.build;
    let Some(content) = build.options.secrets.find(options)?.map(<[u8]>::to_vec) else { return Ok(()) };
    if let Some(name) = &options.env {
        let name = if name.is_empty() { secrets::id(options) } else { name };
        prepared.env.push(format!("{name}={}", String::from_utf8_lossy(&content)));
    }
    let Some(target) = secrets::target(options) else { return Ok(()) };
    let (dir, options) = (secrets::dir(&build.engine), options.clone());
    let (kept, path) = blocking(move || secrets::keep(&dir, &content, &options)).await?;
    prepared._secrets.push(kept);
    prepared.mounts.push(Mount {
        kind: "bind".into(),
        source: path.to_string_lossy().into_owned(),
        target: stage.state.absolute(&target),
        read_only: true,
        ..Mount::default()
    });
    Ok(())
}

async fn bind(stage: &Stage, options: &MountOptions, prepared: &mut Prepared, hash: &mut Sha256) -> Result<()> {
    let root = if options.from.is_empty() {
        stage.build.context.dir.path().to_owned()
    } else {
        let root = stage.root(&options.from).await?;
        let path = root.path.clone();
        prepared._roots.push(root);
        path
    };
    let scratch = stage.build.scratch.path().to_owned();
    let (source, read_only) = (options.source.clone(), options.read_only);
    let (path, digest) = blocking(move || {
        let relative = source.trim_start_matches('/');
        let found = source::find(&root, if relative.is_empty() { "." } else { relative }, true, &|_| false)?;
        let found = found.into_iter().next().ok_or_else(|| Error::bad(format!("{source} is not there")))?;
        let inside = Inside::open(&root, &found.path)?;
        let mut path = std::fs::canonicalize(inside.path())?;
        if !read_only {
            // What the command writes is thrown away.
            let copied = scratch.join(format!("bind-{}", random_hex(8)));
            std::fs::create_dir(&copied)?;
            let how = How { owner: None, archive_owner: None, mode: None, unpack: false, skip: &|_| false };
            copy::copy(&copied, "/content", &found, &how)?;
            path = copied.join("content");
        }
        Ok((path, found.hash))
    })
    .await?;
    hash.update(digest);
    prepared.mounts.push(Mount {
        kind: "bind".into(),
        source: path.to_string_lossy().into_owned(),
        target: target(stage, options),
        read_only: options.read_only,
        ..Mount::default()
    });
    Ok(())
}

async fn cache(stage: &Stage, options: &MountOptions, prepared: &mut Prepared) -> Result<()> {
    let target = target(stage, options);
    let id = if options.id.is_empty() { target.clone() } else { options.id.clone() };
    let mut path = caches::place(&stage.build.engine, &id);
    match options.sharing {
        None | Some(Sharing::Shared) => {}
        Some(sharing) => {
            let one = lock(&LOCKS).get_or_insert_default().entry(path.clone()).or_default().clone();
            match (sharing, one.clone().try_lock_owned()) {
                (_, Ok(guard)) => prepared._locks.push(guard),
                (Sharing::Private, Err(_)) => {
                    path = stage.build.scratch.path().join(format!("cache-{}", random_hex(8)))
                }
                (_, Err(_)) => prepared._locks.push(tokio::select! {
                    guard = one.lock_owned() => guard,
                    () = stage.build.cancel.cancelled() => return Err(super::output::cancelled()),
                }),
            }
        }
    }
    // Before it is looked for: from now on nobody removes it.
    prepared._uses.push(caches::begin(&path));
    if !path.exists() {
        let beginning = if options.from.is_empty() { None } else { Some(stage.root(&options.from).await?) };
        // Whole or not at all: the engine may be killed here, and another build may make the same.
        let made = caches::unfinished(&path);
        let (place, source) = (path.clone(), options.source.clone());
        let (mode, owner) = (options.mode.unwrap_or(0o755), (options.uid.unwrap_or(0), options.gid.unwrap_or(0)));
        blocking(move || {
            std::fs::create_dir_all(&made)?;
            if let Some(root) = beginning {
                let name = source.trim_start_matches('/');
                let found = source::find(&root.path, if name.is_empty() { "." } else { name }, true, &|_| false)?;
                let how = How { owner: None, archive_owner: None, mode: None, unpack: false, skip: &|_| false };
                for source in &found {
                    copy::copy(&made, "/", source, &how)?;
                }
            }
            std::fs::set_permissions(&made, std::fs::Permissions::from_mode(mode))?;
            std::os::unix::fs::chown(&made, Some(owner.0), Some(owner.1))?;
            match std::fs::rename(&made, &place) {
                Err(_) if place.is_dir() => Ok(std::fs::remove_dir_all(&made)?),
                other => Ok(other?),
            }
        })
        .await?;
    }
    let (place, shown) = (path.clone(), target.clone());
    blocking(move || caches::note(&place, &shown)).await?;
    prepared.mounts.push(Mount {
        kind: "bind".into(),
        source: path.to_string_lossy().into_owned(),
        target,
        read_only: options.read_only,
        ..Mount::default()
    });
    Ok(())
}
