//! The engine as a whole: its configuration, its parts, and opening and closing it.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use slipway_images::Store;

use crate::containers::{Container, Registry, directory};
use crate::error::Result;
use crate::events::Events;
use crate::exec::Exec;
use crate::network::Network;
use crate::shim::protocol::RuntimeCommand;
use crate::volumes::Volumes;

/// How an engine is set up.
#[derive(Debug, Clone)]
pub struct EngineConfig {
    /// Persistent state, `/var/lib/docker`.
    pub data_root: PathBuf,
    /// State that may go with a reboot, `/run/docker`.
    pub exec_root: PathBuf,
    /// The OCI runtime.
    pub runtime: RuntimeCommand,
    /// Name of the default bridge.
    pub bridge: String,
    /// Its address and subnet.
    pub bip: slipway_runtime::net::Cidr,
    /// How registries are reached.
    pub registries: slipway_images::registry::Options,
    /// The socket of a host that keeps layers for several engines.
    pub host_layers: Option<PathBuf>,
}

/// A running engine.
#[derive(Debug)]
pub struct Engine {
    /// Setup.
    pub config: EngineConfig,
    /// Images and layers.
    pub store: Arc<Store>,
    /// Where images come from and go to.
    pub registries: slipway_images::registry::Registries,
    /// Event log.
    pub events: Events,
    /// Bridge, addresses, ports.
    pub network: Network,
    /// Named and anonymous volumes.
    pub volumes: Volumes,
    /// This engine's identity in `/info`.
    pub id: String,
    /// When it started.
    pub started: time::OffsetDateTime,
    /// Steps that builds are at.
    pub builds: crate::builder::InFlight,
    /// Connections to SSH agents of builds' clients.
    pub agents: crate::builder::Waiting,
    containers: Mutex<Registry>,
    execs: Mutex<HashMap<String, Arc<Exec>>>,
}

impl Engine {
    /// Opens the state under the data root. Containers are taken over by [`crate::containers::restore`] afterwards.
    ///
    /// # Errors
    /// When directories cannot be made, or another engine has the data root open.
    pub fn open(config: EngineConfig) -> Result<Arc<Self>> {
        directory(&config.data_root.join("containers"), 0o710)?;
        directory(&config.exec_root.join("containers"), 0o755)?;
        directory(&config.exec_root.join("s"), 0o755)?;
        let store = Arc::new(Store::open_with(&config.data_root, config.host_layers.as_deref())?);
        let volumes = Volumes::open(config.data_root.join("volumes"))?;
        let id_file = config.data_root.join("engine-id");
        let id = match std::fs::read_to_string(&id_file) {
            Ok(id) => id,
            Err(_) => {
                let id = crate::containers::names::random_hex(16);
                std::fs::write(&id_file, &id)?;
                id
            }
        };
        // Stable over restarts, as the records of containers name it.
        let network = Network::new(config.bridge.clone(), config.bip, format!("{id}{id}"));
        let registries = slipway_images::registry::Registries::new(config.registries.clone());
        Ok(Arc::new(Self {
            registries,
            config,
            store,
            events: Events::default(),
            network,
            volumes,
            id,
            started: crate::clock::now(),
            builds: crate::builder::InFlight::default(),
            agents: crate::builder::Waiting::default(),
            containers: Mutex::default(),
            execs: Mutex::default(),
        }))
    }

    /// All containers. Held only for look-ups, never across an `await`.
    pub fn containers(&self) -> MutexGuard<'_, Registry> {
        lock(&self.containers)
    }

    /// A copy of the list of all containers, so that no lock is held while they are looked at.
    pub fn all_containers(&self) -> Vec<Arc<Container>> {
        self.containers().all()
    }

    /// All execs. Held only for look-ups.
    pub fn execs(&self) -> MutexGuard<'_, HashMap<String, Arc<Exec>>> {
        lock(&self.execs)
    }

    /// Finds a container by id, name or unambiguous id prefix.
    ///
    /// # Errors
    /// Docker's sentences for none and for several.
    pub fn container(&self, name: &str) -> Result<Arc<Container>> {
        self.containers().find(name)
    }
}

/// Locks a mutex whose data stays consistent even if a holder panicked.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
