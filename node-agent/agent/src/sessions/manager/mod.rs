//! Carries out what the sessions' core decides: makes and removes nodes on the host, keeps tokens, terminals and event streams.

mod nodes;

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use futures_util::future::join_all;
use subtle::ConstantTimeEq;
use time::OffsetDateTime;
use tokio::sync::broadcast;

use super::core::{EndReason, Event, Refusal, SessionView, Sessions};
use crate::{
    config,
    sandbox::{self, Host, Node},
    terminals::Terminal,
};

/// Terminals a node may have.
const TERMINALS: u32 = 16;
/// Events that a slow listener may fall behind.
const EVENTS: usize = 256;

/// Why a session's request failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The request itself is refused.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The host failed.
    #[error(transparent)]
    Host(#[from] sandbox::Error),
    /// This server makes no nodes.
    #[error("this server makes no nodes; start it as root on Linux")]
    NoHost,
    /// There is no such terminal number.
    #[error("a node has the terminals 1 to {TERMINALS}, not {0}")]
    Terminal(u32),
    /// The work was cut off.
    #[error("the work was cut off: {0}")]
    Cut(#[from] tokio::task::JoinError),
}

/// A session just opened, with its secret.
#[derive(Clone, Debug)]
pub struct Opened {
    /// The session.
    pub session: SessionView,
    /// Its token, which is told once.
    pub token: String,
}

struct Handle {
    token: String,
    nodes: BTreeMap<String, Node>,
    terminals: HashMap<(String, u32), Arc<Terminal>>,
    events: broadcast::Sender<Event>,
}

struct State {
    core: Sessions,
    handles: HashMap<String, Handle>,
}

/// All sessions of a server and their nodes.
pub struct Manager {
    host: Option<Arc<Host>>,
    state: Mutex<State>,
    counters: Mutex<Counters>,
}

/// Numbers for `/metrics`.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Counters {
    pub(crate) sessions_opened: u64,
    pub(crate) nodes_started: u64,
    pub(crate) node_start_failures: u64,
    pub(crate) node_start_seconds: f64,
    pub(crate) teardown_failures: u64,
}

impl std::fmt::Debug for Manager {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Manager").field("host", &self.host).finish_non_exhaustive()
    }
}

impl Manager {
    /// `host` makes the nodes; without one only sessions without nodes are possible.
    pub fn new(limits: config::Sessions, host: Option<Arc<Host>>) -> Self {
        let state = State { core: Sessions::new(limits), handles: HashMap::new() };
        Self { host, state: Mutex::new(state), counters: Mutex::default() }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Each change below is made by one call of the core's or one map's: nothing is left half done by a panic.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn count(&self, change: impl FnOnce(&mut Counters)) {
        change(&mut self.counters.lock().unwrap_or_else(PoisonError::into_inner));
    }

    pub(crate) fn counters(&self) -> (usize, Counters) {
        (self.lock().core.count(), *self.counters.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) fn host(&self) -> Result<&Arc<Host>, Error> {
        self.host.as_ref().ok_or(Error::NoHost)
    }

    /// Opens a session with `nodes` running nodes, which are made at the same time.
    ///
    /// # Errors
    /// When the core refuses or a node cannot be made; then nothing is left.
    pub async fn open(&self, lab: Option<String>, nodes: usize) -> Result<Opened, Error> {
        let (id, token) = (crate::random::hex::<8>(), crate::random::hex::<32>());
        let names: Vec<String> = {
            let mut state = self.lock();
            let view = state.core.create(OffsetDateTime::now_utc(), &id, lab, nodes)?;
            let events = broadcast::Sender::new(EVENTS);
            let handle = Handle { token: token.clone(), nodes: BTreeMap::new(), terminals: HashMap::new(), events };
            state.handles.insert(id.clone(), handle);
            view.nodes.into_iter().map(|node| node.name).collect()
        };
        self.count(|counters| counters.sessions_opened += 1);
        let mut results = Vec::new();
        if nodes > 0 {
            results.push(self.open_registry(&id).await);
        }
        // One after the other where they must know each other; a session's first node waits for none.
        for name in &names {
            results.push(self.start_node(&id, name).await);
        }
        if let Some(error) = results.into_iter().find_map(Result::err) {
            self.end(&id, EndReason::Deleted).await;
            return Err(error);
        }
        let session = self.lock().core.get(&id)?.clone();
        Ok(Opened { session, token })
    }

    /// Whether `token` opens session `id`; takes as long for a wrong token as for the right one.
    ///
    /// # Errors
    /// When there is no such session.
    pub fn authorize(&self, id: &str, token: &str) -> Result<bool, Refusal> {
        let state = self.lock();
        state.core.get(id)?;
        let handle = state.handles.get(id).ok_or_else(|| Refusal::NoSession(id.to_owned()))?;
        Ok(handle.token.as_bytes().ct_eq(token.as_bytes()).into())
    }

    /// The session as clients see it.
    ///
    /// # Errors
    /// When there is none.
    pub fn get(&self, id: &str) -> Result<SessionView, Refusal> {
        self.lock().core.get(id).cloned()
    }

    /// Lets the session live longer.
    ///
    /// # Errors
    /// When there is none or it is too old.
    pub fn extend(&self, id: &str) -> Result<SessionView, Refusal> {
        let mut state = self.lock();
        let event = state.core.extend(id)?;
        state.tell(id, event);
        state.core.get(id).cloned()
    }

    /// The session's events from now on.
    ///
    /// # Errors
    /// When there is no such session.
    pub fn events(&self, id: &str) -> Result<broadcast::Receiver<Event>, Refusal> {
        let state = self.lock();
        state.handles.get(id).map(|handle| handle.events.subscribe()).ok_or_else(|| Refusal::NoSession(id.to_owned()))
    }

    async fn open_registry(&self, id: &str) -> Result<(), Error> {
        Ok(self.host()?.open_registry(id).await?)
    }

    async fn close_registry(&self, id: &str) {
        let Some(host) = &self.host else { return };
        if let Err(error) = host.close_registry(id).await {
            self.count(|counters| counters.teardown_failures += 1);
            tracing::error!(session = id, %error, "what the session pushed is not removed");
        }
    }

    /// Ends a session and removes its nodes; one that has ended already is no error. True when it was there.
    pub async fn end(&self, id: &str, reason: EndReason) -> bool {
        let handle = {
            let mut state = self.lock();
            let Some(event) = state.core.end(id, reason) else { return false };
            state.tell(id, event);
            state.handles.remove(id)
        };
        if let Some(handle) = handle {
            handle.terminals.values().for_each(|terminal| terminal.close());
            let nodes: Vec<Node> = handle.nodes.into_values().collect();
            let removals = nodes.iter().map(|node| {
                let peers = nodes.iter().filter(|peer| peer.tag != node.tag).cloned().collect();
                self.destroy(node.clone(), peers)
            });
            join_all(removals).await;
            self.close_registry(id).await;
        }
        tracing::info!(session = id, ?reason, "session ended");
        true
    }

    /// Ends every session.
    pub async fn end_all(&self, reason: EndReason) {
        let ids = self.lock().core.ids();
        join_all(ids.iter().map(|id| self.end(id, reason))).await;
    }

    /// Watches the clock and the nodes' processes; runs until it is dropped.
    pub async fn keep(&self) {
        let mut tick = tokio::time::interval(Duration::from_secs(1));
        loop {
            tick.tick().await;
            let expired = self.lock().core.expired(OffsetDateTime::now_utc());
            join_all(expired.iter().map(|id| self.end(id, EndReason::Expired))).await;
            self.note_stopped();
        }
    }
}

impl State {
    fn tell(&self, id: &str, event: Event) {
        if let Some(handle) = self.handles.get(id) {
            // Without listeners there is nobody to tell.
            let _ = handle.events.send(event);
        }
    }
}
