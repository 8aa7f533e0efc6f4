//! One picture for what an engine, an archive or a Dockerfile holds: images and the layers they share, tags, containers with their writable layers, build stages and what they copy.
//! [`from_engine`], [`from_archive`] and [`from_dockerfile`] make a [`Graph`], [`Layout`] gives it places, and it is written as SVG, DOT, Mermaid or JSON. All of it is deterministic.
//!
//! ```
//! use engine_wasm::graph::{self, Format};
//! let graph = graph::from_dockerfile("FROM alpine AS build\nFROM scratch\nCOPY --from=build /a /\n", &Default::default());
//! assert!(graph.write(Format::Mermaid).unwrap().starts_with("flowchart TD\n"));
//! ```

mod archive;
mod dockerfile;
mod engine;
mod layout;
mod svg;
#[cfg(test)]
mod tests;
mod text;

use std::collections::BTreeMap;

pub use archive::from_archive;
pub use dockerfile::{DockerfileOptions, from_dockerfile, strict as from_dockerfile_strict};
pub use engine::{EngineState, from_engine};
pub use layout::{Layout, Path, Place};
pub use svg::{STYLE, SvgOptions};

/// Nodes a graph may have to be laid out or written.
pub const MAX_NODES: usize = 10_000;
/// Edges a graph may have to be laid out or written.
pub const MAX_EDGES: usize = 40_000;

/// Why a graph was not drawn.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// More nodes than [`MAX_NODES`].
    #[error("the graph has {0} nodes, more than the {MAX_NODES} that can be drawn")]
    TooManyNodes(usize),
    /// More edges than [`MAX_EDGES`].
    #[error("the graph has {0} edges, more than the {MAX_EDGES} that can be drawn")]
    TooManyEdges(usize),
    /// Edges pass so many ranks that drawing them would take too long.
    #[error("the graph's edges are too long to be drawn: they pass {0} ranks in all")]
    TooLong(usize),
    /// No such target stage; holds its name.
    #[error("target stage \"{0}\" could not be found")]
    NoTarget(String),
    /// No such format; holds its name.
    #[error("unknown format \"{0}\": use svg, dot, mermaid or json")]
    NoFormat(String),
}

/// What a graph is written as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// A picture for people, with text alternatives.
    Svg,
    /// Graphviz.
    Dot,
    /// Mermaid's flowchart.
    Mermaid,
    /// Nodes and edges with their places.
    Json,
}

impl std::str::FromStr for Format {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self, Error> {
        match name {
            "svg" => Ok(Self::Svg),
            "dot" => Ok(Self::Dot),
            "mermaid" => Ok(Self::Mermaid),
            "json" => Ok(Self::Json),
            other => Err(Error::NoFormat(other.to_owned())),
        }
    }
}

/// What a node stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Kind {
    /// A name of an image.
    Tag,
    /// An image.
    Image,
    /// A read-only layer, on a certain stack of layers.
    Layer,
    /// A container.
    Container,
    /// A container's writable layer.
    Writable,
    /// A stage of a Dockerfile.
    Stage,
    /// The image that a stage begins with or copies from.
    Base,
    /// An instruction of a stage.
    Instruction,
}

impl Kind {
    /// The name as it appears in classes and JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Tag => "tag",
            Self::Image => "image",
            Self::Layer => "layer",
            Self::Container => "container",
            Self::Writable => "writable",
            Self::Stage => "stage",
            Self::Base => "base",
            Self::Instruction => "instruction",
        }
    }

    /// The name for people.
    pub fn spoken(self) -> &'static str {
        match self {
            Self::Writable => "writable layer",
            Self::Stage => "build stage",
            Self::Base => "base image",
            other => other.name(),
        }
    }
}

/// What an edge says of its two nodes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Relation {
    /// A tag names an image.
    Names,
    /// A container has a writable layer.
    Writes,
    /// A writable layer or an image lies on a layer or an image.
    On,
    /// A stage begins with an image or another stage.
    From,
    /// An instruction follows another.
    Next,
    /// Files are copied.
    Copy,
    /// Files are mounted while a command runs.
    Mount,
}

impl Relation {
    /// The name as it appears in classes and JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Names => "names",
            Self::Writes => "writes",
            Self::On => "on",
            Self::From => "from",
            Self::Next => "next",
            Self::Copy => "copy",
            Self::Mount => "mount",
        }
    }
}

/// A box of the picture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// Unique in the graph and the same each time: `image:sha256:…`, `stage:0`.
    pub id: String,
    /// What it stands for.
    pub kind: Kind,
    /// The first line.
    pub label: String,
    /// The second line; may be empty.
    pub detail: String,
    /// Everything that the two lines had to leave out.
    pub title: String,
    /// Bytes, where known.
    pub size: Option<u64>,
    /// For a layer: how many images have it.
    pub shared: usize,
    /// A stage that the target does not need, a container that does not run.
    pub faded: bool,
    /// The stage that is built.
    pub target: bool,
}

impl Node {
    pub(crate) fn new(id: impl Into<String>, kind: Kind, label: impl Into<String>) -> Self {
        let label = label.into();
        Self {
            id: id.into(),
            kind,
            title: label.clone(),
            label,
            detail: String::new(),
            size: None,
            shared: 0,
            faded: false,
            target: false,
        }
    }
}

/// A line between two boxes. The picture's upper end is `from`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edge {
    /// Index of the upper node.
    pub from: usize,
    /// Index of the lower node.
    pub to: usize,
    /// What it says.
    pub relation: Relation,
    /// What is written beside it; may be empty.
    pub label: String,
}

/// Nodes and edges. Add nodes by [`Graph::node`], so that none comes twice.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Graph {
    /// The picture's name.
    pub title: String,
    /// The picture in a sentence.
    pub description: String,
    /// In the order in which they were found.
    pub nodes: Vec<Node>,
    /// In the order in which they were found.
    pub edges: Vec<Edge>,
    /// Why the picture is not quite right, for people: an unknown target, a file with faults.
    pub warnings: Vec<String>,
    index: BTreeMap<String, usize>,
}

impl Graph {
    /// A graph without nodes.
    pub fn new(title: impl Into<String>) -> Self {
        Self { title: title.into(), ..Self::default() }
    }

    /// Adds a node unless its id is there already; its index.
    pub fn node(&mut self, node: Node) -> usize {
        if let Some(&at) = self.index.get(&node.id) {
            return at;
        }
        let at = self.nodes.len();
        self.index.insert(node.id.clone(), at);
        self.nodes.push(node);
        at
    }

    /// The index of a node.
    pub fn find(&self, id: &str) -> Option<usize> {
        self.index.get(id).copied()
    }

    /// Adds an edge unless it is among the last that were added. Edges to nodes that do not exist, and loops, are dropped.
    pub fn edge(&mut self, from: usize, to: usize, relation: Relation, label: impl Into<String>) {
        let known = self.nodes.len();
        let edge = Edge { from, to, relation, label: label.into() };
        if from != to && from < known && to < known && !self.edges.iter().rev().take(64).any(|known| *known == edge) {
            self.edges.push(edge);
        }
    }

    /// The graph as text, laid out where the format has places, with the default look.
    ///
    /// # Errors
    /// [`Error`] where there is too much to draw.
    pub fn write(&self, format: Format) -> Result<String, Error> {
        self.check()?;
        Ok(match format {
            Format::Svg => self.svg(&Layout::new(self, None)?, &SvgOptions::default()),
            Format::Dot => self.dot(),
            Format::Mermaid => self.mermaid(),
            Format::Json => {
                let json = self.json(&Layout::new(self, None)?);
                format!("{json:#}\n")
            }
        })
    }

    pub(crate) fn check(&self) -> Result<(), Error> {
        if self.nodes.len() > MAX_NODES {
            return Err(Error::TooManyNodes(self.nodes.len()));
        }
        if self.edges.len() > MAX_EDGES {
            return Err(Error::TooManyEdges(self.edges.len()));
        }
        Ok(())
    }
}
