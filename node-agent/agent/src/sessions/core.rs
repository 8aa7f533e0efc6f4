//! Sessions as a state machine without transport, clock or kernel: the time is passed in, and what is to be done comes out.

use std::{collections::BTreeMap, net::Ipv4Addr};

use serde::Serialize;
use time::{OffsetDateTime, serde::rfc3339};

use crate::config;

/// How a node stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum NodeStatus {
    /// It is being made.
    Starting,
    /// Its PID 1 runs.
    Running,
    /// Its PID 1 has ended.
    Stopped,
}

/// A node as clients see it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct NodeView {
    /// `node1`, `node2` and so on.
    pub name: String,
    /// Its address, once it has one.
    pub address: Option<Ipv4Addr>,
    /// How it stands.
    pub status: NodeStatus,
}

/// A session as clients see it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SessionView {
    /// Names the session; no secret.
    pub id: String,
    /// The lab it was opened for.
    pub lab: Option<String>,
    /// When it ends unless it is extended.
    #[serde(with = "rfc3339")]
    pub expires_at: OffsetDateTime,
    /// Its nodes, in the order they were added.
    pub nodes: Vec<NodeView>,
}

/// What happens in a session, for its event stream.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Event {
    /// A node came or changed.
    Node {
        /// The node now.
        node: NodeView,
    },
    /// A node was removed.
    NodeRemoved {
        /// Its name.
        name: String,
    },
    /// The session lives longer.
    Extended {
        /// Its new end.
        #[serde(with = "rfc3339")]
        expires_at: OffsetDateTime,
    },
    /// The session has ended.
    Ended {
        /// Why.
        reason: EndReason,
    },
}

/// Why a session ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum EndReason {
    /// Its time was up.
    Expired,
    /// A client asked for it.
    Deleted,
    /// The server ends.
    Shutdown,
}

/// Why something is refused; the text has the remedy.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// No such session, or it has ended.
    #[error("there is no session {0}; it may have ended, open a new one")]
    NoSession(String),
    /// No such node.
    #[error("session {session} has no node {node}; GET the session to see its nodes")]
    NoNode {
        /// The session.
        session: String,
        /// The name asked for.
        node: String,
    },
    /// The node is there but does not run.
    #[error("node {0} is not running; remove it and add another")]
    NotRunning(String),
    /// The host has all the sessions it may have.
    #[error("this server has all {0} sessions it may have; wait until one ends")]
    Full(usize),
    /// The session has all the nodes it may have.
    #[error("a session may have {0} nodes; remove one first")]
    TooManyNodes(usize),
    /// No further extension.
    #[error("the session has reached the longest life a session may have; open a new one")]
    OldAge,
}

#[derive(Debug)]
struct Session {
    view: SessionView,
    created: OffsetDateTime,
}

/// All sessions of a server.
#[derive(Debug)]
pub struct Sessions {
    limits: config::Sessions,
    all: BTreeMap<String, Session>,
}

impl Sessions {
    /// No sessions yet.
    pub fn new(limits: config::Sessions) -> Self {
        Self { limits, all: BTreeMap::new() }
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.all.len()
    }

    /// A session and its nodes.
    ///
    /// # Errors
    /// When there is none.
    pub fn get(&self, id: &str) -> Result<&SessionView, Refusal> {
        self.all.get(id).map(|session| &session.view).ok_or_else(|| Refusal::NoSession(id.to_owned()))
    }

    fn get_mut(&mut self, id: &str) -> Result<&mut Session, Refusal> {
        self.all.get_mut(id).ok_or_else(|| Refusal::NoSession(id.to_owned()))
    }

    /// Opens the session `id` with `nodes` nodes that are to be made.
    ///
    /// # Errors
    /// When there are too many sessions or nodes.
    pub fn create(
        &mut self,
        now: OffsetDateTime,
        id: &str,
        lab: Option<String>,
        nodes: usize,
    ) -> Result<SessionView, Refusal> {
        if self.all.len() >= self.limits.max {
            return Err(Refusal::Full(self.limits.max));
        }
        if nodes > self.limits.max_nodes {
            return Err(Refusal::TooManyNodes(self.limits.max_nodes));
        }
        let nodes = (1..=nodes).map(starting).collect();
        let view = SessionView { id: id.to_owned(), lab, expires_at: now + self.limits.lifetime, nodes };
        self.all.insert(id.to_owned(), Session { view: view.clone(), created: now });
        Ok(view)
    }

    /// Lets the session live longer.
    ///
    /// # Errors
    /// When there is none or it is as old as a session may get.
    pub fn extend(&mut self, id: &str) -> Result<Event, Refusal> {
        let limits = self.limits;
        let session = self.get_mut(id)?;
        let wanted = session.view.expires_at + limits.extension;
        let expires_at = wanted.min(session.created + limits.max_lifetime);
        if expires_at <= session.view.expires_at {
            return Err(Refusal::OldAge);
        }
        session.view.expires_at = expires_at;
        Ok(Event::Extended { expires_at })
    }

    /// The sessions whose time is up.
    pub fn expired(&self, now: OffsetDateTime) -> Vec<String> {
        self.all
            .values()
            .filter(|session| session.view.expires_at <= now)
            .map(|session| session.view.id.clone())
            .collect()
    }

    /// Ends the session, which is then no longer there; `None` when it has ended before (ending twice is no error).
    pub fn end(&mut self, id: &str, reason: EndReason) -> Option<Event> {
        self.all.remove(id).map(|_| Event::Ended { reason })
    }

    /// All session ids.
    pub fn ids(&self) -> Vec<String> {
        self.all.keys().cloned().collect()
    }

    /// Makes room for one more node, with the first free name.
    ///
    /// # Errors
    /// When there is no such session or it has enough nodes.
    pub fn add_node(&mut self, id: &str) -> Result<NodeView, Refusal> {
        let most = self.limits.max_nodes;
        let nodes = &mut self.get_mut(id)?.view.nodes;
        if nodes.len() >= most {
            return Err(Refusal::TooManyNodes(most));
        }
        let free = (1..).map(starting).find(|new| nodes.iter().all(|node| node.name != new.name));
        let node = free.unwrap_or_else(|| unreachable!("there are more numbers than nodes"));
        nodes.push(node.clone());
        Ok(node)
    }

    /// Notes that a node stands otherwise; `None` when session or node have gone meanwhile.
    pub fn node_is(&mut self, id: &str, name: &str, status: NodeStatus, address: Option<Ipv4Addr>) -> Option<Event> {
        let node = self.all.get_mut(id)?.view.nodes.iter_mut().find(|node| node.name == name)?;
        node.status = status;
        node.address = address.or(node.address);
        Some(Event::Node { node: node.clone() })
    }

    /// Takes a node out; `None` when it is not there.
    pub fn remove_node(&mut self, id: &str, name: &str) -> Option<Event> {
        let nodes = &mut self.all.get_mut(id)?.view.nodes;
        let index = nodes.iter().position(|node| node.name == name)?;
        nodes.remove(index);
        Some(Event::NodeRemoved { name: name.to_owned() })
    }
}

fn starting(number: usize) -> NodeView {
    NodeView { name: format!("node{number}"), address: None, status: NodeStatus::Starting }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    const START: OffsetDateTime = OffsetDateTime::UNIX_EPOCH;

    fn sessions() -> Sessions {
        let hours = |hours: u64| Duration::from_secs(hours * 3600);
        Sessions::new(config::Sessions {
            lifetime: hours(4),
            extension: hours(3),
            max_lifetime: hours(8),
            max: 2,
            max_nodes: 2,
            registry: 1 << 30,
        })
    }

    #[test]
    fn a_session_expires_at_its_time_and_not_before() {
        let mut all = sessions();
        all.create(START, "a", None, 1).expect("room");
        assert!(all.expired(START + Duration::from_secs(4 * 3600 - 1)).is_empty());
        assert_eq!(all.expired(START + Duration::from_secs(4 * 3600)), ["a"]);
    }

    #[test]
    fn extensions_end_at_the_longest_life() {
        let mut all = sessions();
        all.create(START, "a", None, 0).expect("room");
        for hours in [7, 8] {
            assert_eq!(all.extend("a"), Ok(Event::Extended { expires_at: START + Duration::from_secs(hours * 3600) }));
        }
        assert_eq!(all.extend("a"), Err(Refusal::OldAge));
        assert!(matches!(all.extend("b"), Err(Refusal::NoSession(_))));
    }

    #[test]
    fn ending_twice_is_no_error_and_frees_the_place_once() {
        let mut all = sessions();
        all.create(START, "a", None, 0).expect("room");
        all.create(START, "b", None, 0).expect("room");
        assert_eq!(all.create(START, "c", None, 0), Err(Refusal::Full(2)));
        assert_eq!(all.end("a", EndReason::Deleted), Some(Event::Ended { reason: EndReason::Deleted }));
        assert_eq!(all.end("a", EndReason::Expired), None);
        assert_eq!(all.count(), 1);
    }

    #[test]
    fn a_new_node_gets_the_first_free_name_and_there_is_a_limit() {
        let mut all = sessions();
        all.create(START, "a", None, 2).expect("room");
        assert_eq!(all.add_node("a"), Err(Refusal::TooManyNodes(2)));
        assert_eq!(all.remove_node("a", "node1"), Some(Event::NodeRemoved { name: "node1".into() }));
        assert_eq!(all.remove_node("a", "node1"), None);
        assert_eq!(all.add_node("a").expect("room").name, "node1");
        assert_eq!(all.create(START, "b", None, 3), Err(Refusal::TooManyNodes(2)));
    }

    #[test]
    fn news_of_a_node_that_has_gone_is_dropped() {
        let mut all = sessions();
        all.create(START, "a", None, 1).expect("room");
        let address = Some(Ipv4Addr::new(10, 0, 0, 2));
        assert!(all.node_is("a", "node1", NodeStatus::Running, address).is_some());
        let stopped = all.node_is("a", "node1", NodeStatus::Stopped, None);
        assert_eq!(
            stopped,
            Some(Event::Node { node: NodeView { name: "node1".into(), address, status: NodeStatus::Stopped } })
        );
        assert_eq!(all.node_is("a", "node2", NodeStatus::Running, None), None);
        assert_eq!(all.node_is("b", "node1", NodeStatus::Running, None), None);
    }
}
