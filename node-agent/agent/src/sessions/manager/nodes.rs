//! A session's nodes and their terminals, as the core decides and the host makes them.

use std::{sync::Arc, time::Instant};

use super::{Error, Manager, TERMINALS};
use crate::{
    sandbox::Node,
    sessions::core::{Event, NodeStatus, NodeView, Refusal},
    terminals::Terminal,
};

impl Manager {
    /// Adds a node and waits until it runs.
    ///
    /// # Errors
    /// When the core refuses or the host fails.
    pub async fn add_node(&self, id: &str) -> Result<NodeView, Error> {
        self.host()?;
        let node = {
            let mut state = self.lock();
            let node = state.core.add_node(id)?;
            state.tell(id, Event::Node { node: node.clone() });
            node
        };
        if let Err(error) = self.start_node(id, &node.name).await {
            let mut state = self.lock();
            if let Some(event) = state.core.remove_node(id, &node.name) {
                state.tell(id, event);
            }
            return Err(error);
        }
        let view = self.get(id)?;
        view.nodes.into_iter().find(|new| new.name == node.name).ok_or_else(|| no_node(id, &node.name).into())
    }

    pub(super) async fn start_node(&self, id: &str, name: &str) -> Result<(), Error> {
        let host = Arc::clone(self.host()?);
        let peers = self.peers(id, name);
        let started = Instant::now();
        let made = {
            let (host, id, name) = (Arc::clone(&host), id.to_owned(), name.to_owned());
            tokio::task::spawn_blocking(move || host.create(&id, &name, &peers)).await?
        };
        let made = made.inspect_err(|_| self.count(|counters| counters.node_start_failures += 1))?;
        self.count(|counters| {
            counters.nodes_started += 1;
            counters.node_start_seconds += started.elapsed().as_secs_f64();
        });
        tracing::info!(session = id, node = name, tag = %made.node.tag, timings = ?made.timings.0, "node started");
        let orphan = {
            let mut state = self.lock();
            match state.core.node_is(id, name, NodeStatus::Running, Some(made.node.address)) {
                Some(event) => {
                    if let Some(handle) = state.handles.get_mut(id) {
                        handle.nodes.insert(name.to_owned(), made.node.clone());
                    }
                    state.tell(id, event);
                    None
                }
                None => Some(made.node),
            }
        };
        match orphan {
            // The session ended while its node was being made.
            Some(node) => {
                self.destroy(node, Vec::new()).await;
                Err(Refusal::NoSession(id.to_owned()).into())
            }
            None => Ok(()),
        }
    }

    fn peers(&self, id: &str, except: &str) -> Vec<Node> {
        let state = self.lock();
        let Some(handle) = state.handles.get(id) else { return Vec::new() };
        handle.nodes.values().filter(|node| node.name != except).cloned().collect()
    }

    /// A running node of a session.
    ///
    /// # Errors
    /// When there is no such session or node, or it does not run.
    pub fn node(&self, id: &str, name: &str) -> Result<Node, Refusal> {
        let state = self.lock();
        let view = state.core.get(id)?;
        let status = view.nodes.iter().find(|node| node.name == name).map(|node| node.status);
        let node = state.handles.get(id).and_then(|handle| handle.nodes.get(name));
        match (status, node) {
            (Some(NodeStatus::Running), Some(node)) => Ok(node.clone()),
            (Some(_), _) => Err(Refusal::NotRunning(name.to_owned())),
            (None, _) => Err(no_node(id, name)),
        }
    }

    /// Removes a node and all it has.
    ///
    /// # Errors
    /// When there is no such session or node.
    pub async fn remove_node(&self, id: &str, name: &str) -> Result<(), Error> {
        let node = {
            let mut state = self.lock();
            state.core.get(id)?;
            let event = state.core.remove_node(id, name).ok_or_else(|| no_node(id, name))?;
            state.tell(id, event);
            state.handles.get_mut(id).and_then(|handle| {
                handle.terminals.retain(|(node, _), terminal| {
                    if node == name {
                        terminal.close();
                    }
                    node != name
                });
                handle.nodes.remove(name)
            })
        };
        if let Some(node) = node {
            self.destroy(node, self.peers(id, name)).await;
        }
        Ok(())
    }

    pub(super) async fn destroy(&self, node: Node, peers: Vec<Node>) {
        let Some(host) = self.host.clone() else { return };
        let (tag, name) = (node.tag.clone(), node.name.clone());
        let result = tokio::task::spawn_blocking(move || host.destroy(&node, &peers)).await;
        let failed = match result {
            Ok(Ok(())) => return,
            Ok(Err(error)) => error.to_string(),
            Err(error) => error.to_string(),
        };
        self.count(|counters| counters.teardown_failures += 1);
        tracing::error!(%tag, %name, error = %failed, "a node is not wholly removed");
    }

    /// Terminal `number` of a node; made when first asked for.
    ///
    /// # Errors
    /// When there is no such session, node or terminal.
    pub fn terminal(&self, id: &str, name: &str, number: u32) -> Result<Arc<Terminal>, Error> {
        self.node(id, name)?;
        if !(1..=TERMINALS).contains(&number) {
            return Err(Error::Terminal(number));
        }
        let mut state = self.lock();
        let handle = state.handles.get_mut(id).ok_or_else(|| Refusal::NoSession(id.to_owned()))?;
        Ok(Arc::clone(handle.terminals.entry((name.to_owned(), number)).or_default()))
    }

    /// Notes nodes whose PID 1 has ended (a student can kill it): its directory in /proc is gone then, or another process's.
    pub(super) fn note_stopped(&self) {
        let mut state = self.lock();
        let mut stopped = Vec::new();
        for (id, handle) in &state.handles {
            for node in handle.nodes.values() {
                let groups = std::fs::read_to_string(format!("/proc/{}/cgroup", node.init)).unwrap_or_default();
                if !groups.contains(&node.tag) {
                    stopped.push((id.clone(), node.name.clone()));
                }
            }
        }
        for (id, name) in stopped {
            let running = state.core.get(&id).is_ok_and(|view| {
                view.nodes.iter().any(|node| node.name == name && node.status == NodeStatus::Running)
            });
            if running && let Some(event) = state.core.node_is(&id, &name, NodeStatus::Stopped, None) {
                state.tell(&id, event);
            }
        }
    }
}

fn no_node(session: &str, node: &str) -> Refusal {
    Refusal::NoNode { session: session.to_owned(), node: node.to_owned() }
}
