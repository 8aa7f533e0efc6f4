//! `GET /containers/json`: filters, order, and the summary of each container.

use std::sync::Arc;

use serde_json::{Value, json};

use super::Container;
use crate::clock;
use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::filters::{Filters, label_matches};
use crate::types::Record;

const FILTERS: &[&str] = &[
    "ancestor", "before", "exited", "expose", "health", "id", "is-task", "label", "label!", "name", "network",
    "publish", "since", "status", "volume",
];

/// What a client asks for.
#[derive(Debug, Default)]
pub struct Query {
    /// Stopped ones too.
    pub all: bool,
    /// Only the newest so many, stopped ones too; 0 or less is no limit.
    pub limit: i64,
    /// With sizes.
    pub size: bool,
    /// `filters`.
    pub filters: Filters,
}

/// The list, newest first. Blocking when sizes are asked for.
///
/// # Errors
/// For unknown filters and values.
pub fn list(engine: &Arc<Engine>, query: &Query) -> Result<Vec<Value>> {
    let filters = &query.filters;
    filters.check(FILTERS)?;
    for status in filters.get("status") {
        if !["created", "running", "paused", "restarting", "removing", "exited", "dead"].contains(&status.as_str()) {
            return Err(Error::bad(format!("invalid filter 'status={status}'")));
        }
    }
    for code in filters.get("exited") {
        code.parse::<i32>().map_err(|_| Error::bad(format!("strconv.Atoi: parsing {code:?}: invalid syntax")))?;
    }
    check_values(filters)?;
    let mut all: Vec<(String, Arc<Container>)> = engine.all_containers().into_iter().map(with_creation).collect();
    all.sort_by_key(|(created, _)| std::cmp::Reverse(clock::parse(created)));
    let created_of = |key: &str| -> Result<Option<String>> {
        let first = filters.get(key).first();
        first.map(|name| engine.container(name).map(|c| c.data().record.created.clone())).transpose()
    };
    let (before, since) = (created_of("before")?, created_of("since")?);
    let ancestors: Vec<Option<String>> =
        filters.get("ancestor").iter().map(|name| engine.store.resolve(name).ok().map(|id| id.to_string())).collect();
    let show_stopped = query.all
        || query.limit > 0
        || filters.has("status")
        || filters.has("exited")
        || filters.has("before")
        || filters.has("since");
    let mut out = Vec::new();
    for (created, container) in all {
        if query.limit > 0 && i64::try_from(out.len()).unwrap_or(i64::MAX) >= query.limit {
            break;
        }
        let record = container.data().record.clone();
        let created = clock::parse(&created);
        if (!show_stopped && !record.state.running)
            || before.as_deref().is_some_and(|b| created >= clock::parse(b))
            || since.as_deref().is_some_and(|s| created <= clock::parse(s))
            || !passes(filters, &record, &container.data().host.network_mode)
            || (filters.has("ancestor") && !is_descendant(engine, &record, filters.get("ancestor"), &ancestors))
        {
            continue;
        }
        out.push(summary(engine, &container, record, query.size)?);
    }
    Ok(out)
}

/// Refuses values of filters that nothing can have.
fn check_values(filters: &Filters) -> Result<()> {
    let health = ["starting", "healthy", "unhealthy", "none"];
    if let Some(other) = filters.get("health").iter().find(|value| !health.contains(&value.as_str())) {
        return Err(Error::bad(format!("unrecognized filter value for health: {other}")));
    }
    let flags = ["true", "false", "1", "0"];
    if let Some(other) = filters.get("is-task").iter().find(|value| !flags.contains(&value.as_str())) {
        return Err(Error::bad(format!("invalid filter 'is-task=[{other}]'")));
    }
    for key in ["publish", "expose"] {
        for value in filters.get(key) {
            let ports = value.split('/').next().unwrap_or_default();
            if let Some(port) = ports.splitn(2, '-').find(|port| port.parse::<u16>().is_err()) {
                let number = !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit());
                let why = if number { "value out of range" } else { "invalid syntax" };
                return Err(Error::bad(format!(
                    "error while looking up for {key} {value}: strconv.ParseUint: parsing {port:?}: {why}"
                )));
            }
        }
    }
    Ok(())
}

fn with_creation(container: Arc<Container>) -> (String, Arc<Container>) {
    let created = container.data().record.created.clone();
    (created, container)
}

fn is_descendant(engine: &Engine, record: &Record, names: &[String], ids: &[Option<String>]) -> bool {
    if names.contains(&record.config.image) || ids.iter().flatten().any(|id| *id == record.image) {
        return true;
    }
    // An ancestor is also an image whose layers this one begins with.
    let layers =
        |id: &str| engine.store.resolve(id).ok().and_then(|id| engine.store.image(&id).ok()).map(|i| i.layers.clone());
    let Some(own) = layers(&record.image) else { return false };
    ids.iter().flatten().any(|id| layers(id).is_some_and(|l| !l.is_empty() && own.starts_with(&l)))
}

fn passes(filters: &Filters, record: &Record, network: &str) -> bool {
    let name = record.name.trim_start_matches('/');
    filters.all(|key, value| match key {
        "status" => record.state.status() == value,
        "exited" => record.state.status() == "exited" && value.parse() == Ok(record.state.exit_code),
        "id" => record.id.starts_with(value),
        "name" => name_matches(name, value),
        "label" => label_matches(&record.config.labels, value),
        "network" => network == value,
        "volume" => {
            record.mount_points.values().any(|m| m.name == value || m.destination == value || m.source == value)
        }
        "health" => value == "none",
        "is-task" => value == "false",
        "expose" | "publish" => {
            let wanted = if value.contains('/') { value.to_owned() } else { format!("{value}/tcp") };
            let published = record
                .network_settings
                .ports
                .iter()
                .any(|(port, b)| *port == wanted && (key == "expose" || b.is_some()));
            published || (key == "expose" && record.config.exposed_ports.contains_key(&wanted))
        }
        _ => true,
    })
}

/// moby matches names by regular expression; anchors and plain text are what people use.
fn name_matches(name: &str, pattern: &str) -> bool {
    let (start, end) = (pattern.starts_with('^'), pattern.ends_with('$'));
    let text = pattern.trim_start_matches('^').trim_end_matches('$').trim_start_matches('/');
    match (start, end) {
        (true, true) => name == text,
        (true, false) => name.starts_with(text),
        (false, true) => name.ends_with(text),
        (false, false) => name.contains(text),
    }
}

fn summary(engine: &Engine, container: &Container, record: Record, size: bool) -> Result<Value> {
    let data = container.data();
    let command: Vec<&str> =
        std::iter::once(record.path.as_str()).chain(record.args.iter().map(String::as_str)).collect();
    let command = command
        .iter()
        .map(|a| if a.contains(' ') { format!("'{a}'") } else { (*a).to_owned() })
        .collect::<Vec<_>>()
        .join(" ");
    // The name shown is the one given, unless it leads elsewhere by now.
    let same = engine.store.resolve(&record.config.image).is_ok_and(|id| id.to_string() == record.image);
    let image = if same { &record.config.image } else { &record.image };
    let created = clock::parse(&record.created).map_or(0, time::OffsetDateTime::unix_timestamp);
    let mut value = json!({
        "Id": record.id, "Names": [record.name], "Image": image, "ImageID": record.image, "Command": command, "Created": created,
        "Ports": ports(&record),
    });
    if size {
        let (rw, root) = super::inspect::sizes(engine, &record)?;
        // As Go leaves out what is zero.
        if rw > 0 {
            value["SizeRw"] = json!(rw);
        }
        value["SizeRootFs"] = json!(root);
    }
    value["Labels"] = json!(record.config.labels);
    value["State"] = json!(record.state.status());
    value["Status"] = json!(status(&record, clock::now()));
    value["HostConfig"] = data.host.summary();
    value["NetworkSettings"] = json!({ "Networks": record.network_settings.networks });
    value["Mounts"] = json!(record.mount_points.values().collect::<Vec<_>>());
    Ok(value)
}

fn ports(record: &Record) -> Vec<Value> {
    let mut list = Vec::new();
    for (port, bindings) in &record.network_settings.ports {
        let (number, kind) = port.split_once('/').unwrap_or((port, "tcp"));
        let private: u16 = number.parse().unwrap_or(0);
        match bindings {
            None => list.push(json!({ "PrivatePort": private, "Type": kind })),
            Some(bindings) => list.extend(bindings.iter().map(|b| {
                json!({ "IP": b.host_ip, "PrivatePort": private, "PublicPort": b.host_port.parse::<u16>().unwrap_or(0), "Type": kind })
            })),
        }
    }
    list
}

/// `Up 5 minutes`, `Exited (0) 2 hours ago`, `Created`, as moby words it.
fn status(record: &Record, now: time::OffsetDateTime) -> String {
    let since = |text: &str| clock::parse(text).map_or(0.0, |t| (now - t).as_seconds_f64().max(0.0));
    let state = &record.state;
    let up = || human_duration(since(&state.started_at));
    let ago = || human_duration(since(&state.finished_at));
    match state.status() {
        "paused" => format!("Up {} (Paused)", up()),
        "restarting" => format!("Restarting ({}) {} ago", state.exit_code, ago()),
        "running" => format!("Up {}", up()),
        "removing" => "Removal In Progress".into(),
        "dead" => "Dead".into(),
        "created" => "Created".into(),
        _ => format!("Exited ({}) {} ago", state.exit_code, ago()),
    }
}

/// go-units' `HumanDuration`.
fn human_duration(seconds: f64) -> String {
    #[expect(clippy::cast_possible_truncation, reason = "an age in seconds")]
    let s = seconds as i64;
    let (minutes, hours) = (s / 60, (seconds / 3600.0).round());
    #[expect(clippy::cast_possible_truncation, reason = "an age in hours")]
    let hours = hours as i64;
    match () {
        () if s < 1 => "Less than a second".into(),
        () if s == 1 => "1 second".into(),
        () if s < 60 => format!("{s} seconds"),
        () if minutes == 1 => "About a minute".into(),
        () if minutes < 60 => format!("{minutes} minutes"),
        () if hours == 1 => "About an hour".into(),
        () if hours < 48 => format!("{hours} hours"),
        () if hours < 24 * 7 * 2 => format!("{} days", hours / 24),
        () if hours < 24 * 30 * 2 => format!("{} weeks", hours / 24 / 7),
        () if hours < 24 * 365 * 2 => format!("{} months", hours / 24 / 30),
        () => format!("{} years", s / 3600 / 24 / 365),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_are_worded_as_go_units() {
        for (seconds, text) in [
            (0.4, "Less than a second"),
            (1.0, "1 second"),
            (59.0, "59 seconds"),
            (60.0, "About a minute"),
            (150.0, "2 minutes"),
            (3600.0, "About an hour"),
            (7200.0, "2 hours"),
            (3.0 * 86400.0, "3 days"),
            (15.0 * 86400.0, "2 weeks"),
        ] {
            assert_eq!(human_duration(seconds), text);
        }
    }

    #[test]
    fn values_that_nothing_has_are_refused() {
        let check = |text: &str| check_values(&Filters::parse(text).unwrap()).map_err(|e| e.message);
        assert!(check(r#"{"health":["none"],"is-task":["false"],"publish":["80","1-9/udp"]}"#).is_ok());
        assert_eq!(check(r#"{"health":["x"]}"#).unwrap_err(), "unrecognized filter value for health: x");
        assert_eq!(check(r#"{"is-task":["x"]}"#).unwrap_err(), "invalid filter 'is-task=[x]'");
        let port = "error while looking up for expose 99999: strconv.ParseUint: parsing \"99999\": value out of range";
        assert_eq!(check(r#"{"expose":["99999"]}"#).unwrap_err(), port);
        let port = "error while looking up for publish x/tcp: strconv.ParseUint: parsing \"x\": invalid syntax";
        assert_eq!(check(r#"{"publish":["x/tcp"]}"#).unwrap_err(), port);
    }

    #[test]
    fn filters_look_at_the_record() {
        let mut record = Record { id: "abc1".into(), name: "/web".into(), ..Record::default() };
        record.state.started_at = "2026-01-01T00:00:00Z".into();
        record.state.exit_code = 3;
        let test = |text: &str| passes(&Filters::parse(text).unwrap(), &record, "bridge");
        for yes in [
            r#"{"status":["exited"]}"#,
            r#"{"exited":["3"]}"#,
            r#"{"name":["we"]}"#,
            r#"{"name":["^/web$"]}"#,
            r#"{"id":["abc"]}"#,
            r#"{"network":["bridge"]}"#,
        ] {
            assert!(test(yes), "{yes}");
        }
        for no in [r#"{"status":["running"]}"#, r#"{"exited":["0"]}"#, r#"{"name":["^eb"]}"#, r#"{"label":["a"]}"#] {
            assert!(!test(no), "{no}");
        }
    }
}
