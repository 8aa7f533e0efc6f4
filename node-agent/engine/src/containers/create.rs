//! `POST /containers/create`: from a request to a record on disk with a writable layer under it.

use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;
use std::sync::Arc;

use slipway_images::registry::Platform;
use slipway_images::{ImageId, ResolveError};

use super::{Container, Data, check, mounts, names};
use crate::clock;
use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::types::{Config, EndpointSettings, HostConfig, NetworkSettings, NetworkingConfig, Record, State};

/// A create request.
#[derive(Debug, Default)]
pub struct Create {
    /// Name asked for; a random one when absent.
    pub name: Option<String>,
    /// `Config`.
    pub config: Config,
    /// `HostConfig`.
    pub host: HostConfig,
    /// `NetworkingConfig`.
    pub networking: NetworkingConfig,
    /// The platform that the image must be for; any when absent.
    pub platform: Option<Platform>,
}

/// Finds an image by what a client typed.
///
/// # Errors
/// Docker's 404 sentence.
pub fn resolve_image(engine: &Engine, name: &str) -> Result<ImageId> {
    engine.store.resolve(name).map_err(|e| match e {
        ResolveError::Ambiguous(_) | ResolveError::Invalid(_) => Error::bad(e.to_string()),
        _ => Error::not_found(crate::images::no_such_image(name)),
    })
}

/// Creates a container and returns it. Blocking.
///
/// # Errors
/// Docker's sentences; nothing is left behind.
pub fn create(engine: &Arc<Engine>, mut request: Create) -> Result<Arc<Container>> {
    let in_v2 = cgroup_v2();
    if request.config.image.is_empty() {
        return Err(Error::bad("no image specified"));
    }
    let image_id = resolve_image(engine, &request.config.image)?;
    let image = engine.store.image(&image_id)?;
    if let Some(wanted) = &request.platform {
        crate::images::check_platform(&request.config.image, &image, wanted)?;
    }
    let image_config: Config = serde_json::to_value(&image.config.config)
        .and_then(crate::types::from_go_json)
        .map_err(|e| Error::internal(format!("reading the configuration of image {image_id}: {e}")))?;
    request.config.merge_image(&image_config);
    request.host.apply_defaults(in_v2);
    check::check(&request)?;
    for mode in [&request.host.ipc_mode, &request.host.pid_mode] {
        if let Some(other) = mode.strip_prefix("container:") {
            engine.container(other).map_err(|e| Error::bad(e.message))?;
        }
    }
    for link in request.host.links.iter().flatten() {
        let other = link.split(':').next().unwrap_or_default();
        let gone = |e: Error| Error::bad(format!("could not get container for {other}: {}", e.message));
        engine.container(other).map_err(gone)?;
    }
    let argv = request.config.argv();
    let Some((path, args)) = argv.split_first() else { return Err(Error::bad("no command specified")) };
    let id = names::new_id();
    let name = reserve_name(engine, request.name.as_deref(), &id)?;
    if request.config.hostname.is_empty() {
        request.config.hostname = if request.host.network_mode == "host" { host_name() } else { id[..12].to_owned() };
    }
    let Create { config, host, networking, .. } = request;
    let dir = engine.config.data_root.join("containers").join(&id);
    let own = |file: &str| dir.join(file).to_string_lossy().into_owned();
    let record = Record {
        state: State::default(),
        created: clock::now_string(),
        path: path.clone(),
        args: args.to_vec(),
        image: image_id.to_string(),
        network_settings: settings(&host, &networking),
        log_path: if host.log_config.kind == "none" { String::new() } else { own(&format!("{id}-json.log")) },
        name: format!("/{name}"),
        driver: "overlay2".into(),
        os: "linux".into(),
        hostname_path: own("hostname"),
        hosts_path: own("hosts"),
        resolv_conf_path: own("resolv.conf"),
        no_new_privileges: crate::spec::no_new_privileges(&host),
        id: id.clone(),
        config,
        ..Record::default()
    };
    let container = Container::new(&engine.config, Data { record, host });
    let made = build(engine, &container, &image_id);
    if let Err(error) = made {
        engine.containers().release(&name);
        // The first error is the one to report; a later start of the engine sweeps what stays.
        let _ = engine.store.remove_rw(&id);
        let _ = std::fs::remove_dir_all(&dir);
        return Err(error);
    }
    engine.containers().insert(container.clone());
    container.event(engine, "create", &[]);
    Ok(container)
}

fn build(engine: &Arc<Engine>, container: &Arc<Container>, image: &ImageId) -> Result<()> {
    std::fs::DirBuilder::new().mode(0o710).create(&container.dir)?;
    engine.store.create_rw(&container.id, Some(image), fill_init_layer)?;
    mounts::prepare(engine, container)?;
    container.save()
}

fn reserve_name(engine: &Engine, wanted: Option<&str>, id: &str) -> Result<String> {
    if let Some(name) = wanted {
        let name = name.strip_prefix('/').unwrap_or(name);
        names::check(name)?;
        engine.containers().reserve(name, id)?;
        return Ok(name.to_owned());
    }
    for attempt in 0.. {
        let name = names::random_name(attempt);
        if engine.containers().reserve(&name, id).is_ok() {
            return Ok(name);
        }
        if attempt > 1000 {
            break;
        }
    }
    let name = id[..12].to_owned();
    engine.containers().reserve(&name, id).map(|()| name)
}

fn settings(host: &HostConfig, networking: &NetworkingConfig) -> NetworkSettings {
    let mut settings = NetworkSettings::default();
    let mode = &host.network_mode;
    if matches!(mode.as_str(), "bridge" | "host" | "none") {
        let endpoint = networking.endpoints_config.get(mode).or_else(|| networking.endpoints_config.get("default"));
        let endpoint: EndpointSettings = endpoint.cloned().unwrap_or_default();
        settings.networks.insert(mode.clone(), endpoint);
    }
    settings
}

/// What Docker puts between the image and the container's own layer, so that mounts have their targets.
fn fill_init_layer(root: &Path) -> std::io::Result<()> {
    for directory in ["dev/pts", "dev/shm", "proc", "sys"] {
        real_directory(root, Path::new(directory))?;
    }
    for file in ["etc/hosts", "etc/hostname", "etc/resolv.conf", "dev/console", ".dockerenv", "etc/mtab"] {
        let path = Path::new(file);
        real_directory(root, path.parent().unwrap_or(Path::new("")))?;
        let path = root.join(path);
        if path.is_dir() && !path.is_symlink() {
            continue;
        }
        remove_if_there(&path)?;
        if file == "etc/mtab" {
            std::os::unix::fs::symlink("/proc/mounts", path)?;
            continue;
        }
        let made = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o755).open(&path)?;
        made.set_permissions(std::fs::Permissions::from_mode(0o755))?;
    }
    Ok(())
}

/// Makes a directory below a root of which every part is one: what the image has there that is none, links too, goes.
fn real_directory(root: &Path, path: &Path) -> std::io::Result<()> {
    let mut at = root.to_owned();
    for part in path {
        at.push(part);
        match std::fs::symlink_metadata(&at) {
            Ok(found) if found.is_dir() => continue,
            _ => remove_if_there(&at)?,
        }
        std::fs::create_dir(&at)?;
        std::fs::set_permissions(&at, std::fs::Permissions::from_mode(0o755))?;
    }
    Ok(())
}

fn remove_if_there(path: &Path) -> std::io::Result<()> {
    match std::fs::remove_file(path) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => Err(e),
        _ => Ok(()),
    }
}

/// Whether the unified hierarchy is the only one.
#[must_use]
pub fn cgroup_v2() -> bool {
    Path::new("/sys/fs/cgroup/cgroup.controllers").exists()
}

fn host_name() -> String {
    nix::unistd::gethostname().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default()
}
