//! The live picture of an engine: from the answers of its API, as `docker` gets them.

use std::collections::BTreeMap;

use serde_json::Value;
use sha2::{Digest, Sha256};

use super::{Graph, Kind, Node, Relation};
use crate::units::human_size_with_precision;

/// Layers an image may have.
const MAX_LAYERS: usize = 1000;

/// What the engine answered. Everything may be missing or strange; what cannot be read is left out.
#[derive(Debug, Clone, Default)]
pub struct EngineState<'a> {
    /// `GET /images/json`
    pub images: Option<&'a Value>,
    /// `GET /images/{id}/json`, one an image.
    pub inspects: &'a [Value],
    /// `GET /images/{id}/history`, by the image's id: gives the layers sizes and origins.
    pub histories: BTreeMap<String, Value>,
    /// `GET /containers/json?all=1`
    pub containers: Option<&'a Value>,
}

/// The layer graph of an engine.
pub fn from_engine(state: &EngineState<'_>) -> Graph {
    let mut graph = Graph::new("Images and containers");
    let inspects = crate::order::map(state.inspects.iter().filter_map(|v| Some((v["Id"].as_str()?, v))));
    let listed = state.images.and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let ids = crate::order::set(listed.iter().filter_map(|v| v["Id"].as_str()).chain(inspects.keys().copied()));
    let lists = crate::order::map(listed.iter().filter_map(|v| Some((v["Id"].as_str()?, v))));
    // Images with a name first, in the order of their names: the picture is the same however the engine sorts its answer.
    let mut images: Vec<(Vec<String>, &str)> =
        ids.into_iter().map(|id| (names(lists.get(id).copied(), inspects.get(id).copied()), id)).collect();
    crate::order::sort_by(&mut images, |a, b| (a.0.is_empty(), &a.0, a.1).cmp(&(b.0.is_empty(), &b.0, b.1)));
    for (names, id) in &images {
        let inspect = inspects.get(id).copied().unwrap_or(&Value::Null);
        let size = inspect["Size"].as_u64().or_else(|| lists.get(id).and_then(|v| v["Size"].as_u64()));
        add_image(&mut graph, id, names, size, inspect, state.histories.get(*id));
    }
    for container in state.containers.and_then(Value::as_array).into_iter().flatten() {
        add_container(&mut graph, container);
    }
    finish(&mut graph);
    graph
}

fn names(list: Option<&Value>, inspect: Option<&Value>) -> Vec<String> {
    let mut names: Vec<String> = [list, inspect]
        .into_iter()
        .flatten()
        .flat_map(|v| v["RepoTags"].as_array().into_iter().flatten())
        .filter_map(Value::as_str)
        .filter(|name| *name != "<none>:<none>")
        .map(str::to_owned)
        .collect();
    crate::order::sort(&mut names);
    names.dedup();
    names
}

/// An image with its tags and the layers it lies on.
pub(super) fn add_image(
    graph: &mut Graph,
    id: &str,
    names: &[String],
    size: Option<u64>,
    inspect: &Value,
    history: Option<&Value>,
) {
    let short = short(id);
    let mut node = Node::new(format!("image:{id}"), Kind::Image, short);
    node.title = format!("Image {id}");
    node.size = size;
    node.detail = size.map(human).unwrap_or_default();
    let image = graph.node(node);
    for name in names {
        let tag = graph.node(Node::new(format!("tag:{name}"), Kind::Tag, name));
        graph.edge(tag, image, Relation::Names, "");
    }
    let diff_ids: Vec<&str> = inspect["RootFS"]["Layers"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .take(MAX_LAYERS)
        .collect();
    let steps = steps(history, diff_ids.len());
    let mut chain = String::new();
    let mut below: Option<usize> = None;
    for (i, diff_id) in diff_ids.iter().enumerate() {
        // The OCI image specification's chain id: the same layer on another stack is another layer here.
        chain =
            if i == 0 { (*diff_id).to_owned() } else { format!("sha256:{}", digest(&format!("{chain} {diff_id}"))) };
        let mut node = Node::new(format!("layer:{chain}"), Kind::Layer, self::short(diff_id));
        let (created_by, size) = steps.get(i).cloned().unwrap_or_default();
        node.size = size;
        node.title = if created_by.is_empty() { (*diff_id).to_owned() } else { format!("{created_by} ({diff_id})") };
        if !created_by.is_empty() {
            node.label = tidy(&created_by);
        }
        let layer = graph.node(node);
        let images = graph.nodes.get_mut(layer).map_or(0, |node| {
            node.shared += 1;
            node.shared
        });
        // Of the images that share a layer the first has drawn its line.
        if let (Some(below), 1) = (below, images) {
            graph.edge(layer, below, Relation::On, "");
        }
        below = Some(layer);
    }
    if let Some(top) = below {
        graph.edge(image, top, Relation::On, "");
    }
}

fn add_container(graph: &mut Graph, container: &Value) {
    let Some(id) = container["Id"].as_str() else { return };
    let name = container["Names"]
        .as_array()
        .and_then(|names| names.iter().filter_map(Value::as_str).find(|name| name.matches('/').count() < 2))
        .map_or_else(|| short(id).to_owned(), |name| name.trim_start_matches('/').to_owned());
    let state = container["State"].as_str().unwrap_or_default();
    let mut node = Node::new(format!("container:{id}"), Kind::Container, &name);
    node.detail = state.to_owned();
    node.title = format!("Container {name} ({id})");
    node.faded = !matches!(state, "running" | "paused" | "restarting");
    let at = graph.node(node);
    let mut node = Node::new(format!("writable:{id}"), Kind::Writable, "writable layer");
    node.size = container["SizeRw"].as_u64();
    node.detail = node.size.map(human).unwrap_or_default();
    node.title = format!("What {name} has written");
    let writable = graph.node(node);
    graph.edge(at, writable, Relation::Writes, "");
    let image = container["ImageID"].as_str().unwrap_or_default();
    if image.is_empty() {
        return;
    }
    // An image that was removed by force still has a container.
    let image = graph.node(Node::new(format!("image:{image}"), Kind::Image, short(image)));
    graph.edge(writable, image, Relation::On, "");
}

/// Details that depend on the whole, and the description.
pub(super) fn finish(graph: &mut Graph) {
    let mut counts = BTreeMap::new();
    let (mut layers, mut once, mut shared) = (0u64, 0u64, 0u64);
    for node in &mut graph.nodes {
        *counts.entry(node.kind).or_insert(0usize) += 1;
        if node.kind != Kind::Layer {
            continue;
        }
        layers += 1;
        once = once.saturating_add(node.size.unwrap_or(0));
        let mut parts: Vec<String> = node.size.map(human).into_iter().collect();
        if node.shared > 1 {
            shared += 1;
            parts.push(format!("in {} images", node.shared));
        }
        node.detail = parts.join(" · ");
    }
    let count = |kind| counts.get(&kind).copied().unwrap_or(0);
    let plural = |n: usize, what: &str| format!("{n} {what}{}", if n == 1 { "" } else { "s" });
    graph.description = format!(
        "{} and {} on {}, {shared} of them shared, {} in all.",
        plural(count(Kind::Image), "image"),
        plural(count(Kind::Container), "container"),
        plural(usize::try_from(layers).unwrap_or(usize::MAX), "layer"),
        human(once)
    );
}

/// What made each layer and its size, lowest first, if the history's steps can be told apart into those that made layers and those that did not.
fn steps(history: Option<&Value>, layers: usize) -> Vec<(String, Option<u64>)> {
    let mut all: Vec<(String, Option<u64>)> = history
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .map(|step| (step["CreatedBy"].as_str().unwrap_or_default().to_owned(), step["Size"].as_u64()))
        .collect();
    all.reverse();
    if all.len() == layers {
        return all;
    }
    all.retain(|(_, size)| size.is_some_and(|size| size > 0));
    if all.len() == layers { all } else { Vec::new() }
}

/// A history entry as people wrote it: without the shell and the builder's marks.
fn tidy(created_by: &str) -> String {
    let text = created_by.trim_end_matches("# buildkit").trim();
    let text = match text.strip_prefix("/bin/sh -c ") {
        Some(rest) => match rest.trim_start().strip_prefix("#(nop)") {
            Some(rest) => rest.trim().to_owned(),
            None => format!("RUN {rest}"),
        },
        None => text.to_owned(),
    };
    text.replacen("RUN /bin/sh -c ", "RUN ", 1)
}

pub(super) fn human(bytes: u64) -> String {
    human_size_with_precision(bytes as f64, 3)
}

fn short(id: &str) -> &str {
    let hex = id.split_once(':').map_or(id, |(_, hex)| hex);
    hex.get(..12).unwrap_or(hex)
}

fn digest(text: &str) -> String {
    Sha256::digest(text.as_bytes()).iter().map(|b| format!("{b:02x}")).collect()
}
