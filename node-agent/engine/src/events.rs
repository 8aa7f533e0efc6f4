//! Engine events: what `docker events` shows. Keeps the last 256 for `since`, and hands new ones to every listener.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Mutex;

use serde::Serialize;
use serde_json::{Map, Value, json};
use tokio::sync::broadcast;

use crate::clock;
use crate::filters::Filters;

const KEPT: usize = 256;

/// One event, with moby's field names and order.
#[derive(Debug, Clone, Serialize)]
pub struct Event {
    /// Action, for old clients.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
    /// Actor's id, for old clients.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Image name, for old clients.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// `container`, `image`, `volume`, `network`.
    #[serde(rename = "Type")]
    pub kind: &'static str,
    /// `create`, `start`, `exec_create: sh`, ….
    #[serde(rename = "Action")]
    pub action: String,
    /// Whom it happened to.
    #[serde(rename = "Actor")]
    pub actor: Actor,
    /// Always `local`.
    pub scope: &'static str,
    /// Unix seconds.
    pub time: i64,
    /// Unix nanoseconds.
    #[serde(rename = "timeNano")]
    pub time_nano: i128,
}

/// Whom an event happened to.
#[derive(Debug, Clone, Serialize)]
pub struct Actor {
    /// Full id or name.
    #[serde(rename = "ID")]
    pub id: String,
    /// Labels and what else describes it.
    #[serde(rename = "Attributes")]
    pub attributes: BTreeMap<String, String>,
}

/// The engine's event log.
#[derive(Debug)]
pub struct Events {
    recent: Mutex<VecDeque<Event>>,
    sender: broadcast::Sender<Event>,
}

impl Default for Events {
    fn default() -> Self {
        Self { recent: Mutex::new(VecDeque::new()), sender: broadcast::channel(256).0 }
    }
}

impl Events {
    /// Records an event that has just happened.
    pub fn log(&self, kind: &'static str, action: impl Into<String>, id: &str, attributes: BTreeMap<String, String>) {
        let (action, now) = (action.into(), clock::now());
        let old_style = kind == "container" || kind == "image";
        let event = Event {
            status: old_style.then(|| action.clone()),
            id: old_style.then(|| id.to_owned()),
            from: (kind == "container").then(|| attributes.get("image").cloned().unwrap_or_default()),
            kind,
            action,
            actor: Actor { id: id.to_owned(), attributes },
            scope: "local",
            time: now.unix_timestamp(),
            time_nano: now.unix_timestamp_nanos(),
        };
        let mut recent = self.recent.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if recent.len() == KEPT {
            recent.pop_front();
        }
        recent.push_back(event.clone());
        // Without listeners there is nobody to tell.
        let _ = self.sender.send(event);
    }

    /// Past events not older than `since` (nanoseconds), and a receiver of those to come, without gap or overlap.
    pub fn subscribe(&self, since: Option<i128>) -> (Vec<Event>, broadcast::Receiver<Event>) {
        let recent = self.recent.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let receiver = self.sender.subscribe();
        let past = since.map(|t| recent.iter().filter(|e| e.time_nano >= t).cloned().collect());
        (past.unwrap_or_default(), receiver)
    }
}

/// Whether an event passes `docker events --filter …`.
#[must_use]
pub fn matches(filters: &Filters, event: &Event) -> bool {
    let name = event.actor.attributes.get("name").map_or("", String::as_str);
    let is_actor = |wanted: &str| event.actor.id.starts_with(wanted) || name == wanted;
    let base_action = event.action.split(':').next().unwrap_or_default();
    filters.all(|key, value| match key {
        "type" => event.kind == value,
        "event" => event.action == value || base_action == value,
        "container" => event.kind == "container" && is_actor(value),
        "image" => {
            let image = event.actor.attributes.get("image").map_or("", String::as_str);
            (event.kind == "image" && is_actor(value)) || image == value || image.split(':').next() == Some(value)
        }
        "volume" => event.kind == "volume" && is_actor(value),
        "network" => event.kind == "network" && is_actor(value),
        "label" => crate::filters::label_matches(&event.actor.attributes, value),
        "daemon" | "scope" | "plugin" => key == "scope" && value == "local",
        _ => true,
    })
}

/// An event's JSON.
#[must_use]
pub fn to_json(event: &Event) -> Value {
    serde_json::to_value(event).unwrap_or_else(|_| json!(Map::new()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(events: &Events) {
        let attributes = BTreeMap::from([
            ("image".into(), "alpine:3".into()),
            ("name".into(), "web".into()),
            ("k".into(), "v".into()),
        ]);
        events.log("container", "exec_create: sh -c ls", "abcdef", attributes);
    }

    #[test]
    fn filters_select_by_type_action_name_id_prefix_image_and_label() {
        let events = Events::default();
        sample(&events);
        let event = &events.subscribe(Some(0)).0[0];
        for yes in [
            r#"{"type":["container"]}"#,
            r#"{"event":["exec_create"]}"#,
            r#"{"container":["web"]}"#,
            r#"{"container":["abc"]}"#,
            r#"{"image":["alpine"]}"#,
            r#"{"label":["k=v"]}"#,
            r#"{"type":["image","container"],"event":["die","exec_create"]}"#,
        ] {
            assert!(matches(&Filters::parse(yes).unwrap(), event), "{yes}");
        }
        for no in [r#"{"type":["image"]}"#, r#"{"event":["start"]}"#, r#"{"label":["k=w"]}"#, r#"{"container":["we"]}"#]
        {
            assert!(!matches(&Filters::parse(no).unwrap(), event), "{no}");
        }
    }

    #[test]
    fn old_events_come_only_when_asked_for() {
        let events = Events::default();
        sample(&events);
        assert!(events.subscribe(None).0.is_empty());
        assert_eq!(events.subscribe(Some(0)).0.len(), 1);
        assert_eq!(to_json(&events.subscribe(Some(0)).0[0])["from"], "alpine:3");
    }
}
