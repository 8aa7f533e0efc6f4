//! `graph.*`: pictures of build stages, and of an engine's images and containers.

use serde_json::Value;

use super::args::Options;
use super::{Failure, Function, variables};
use crate::graph::{DockerfileOptions, EngineState, Error, Format, Graph, from_dockerfile, from_engine};

pub(super) const TABLE: &[(&str, Function)] = &[
    ("graph.dockerfile", |args| {
        let named = args.options(1, &["format", "target", "buildArgs", "instructions"])?;
        let options = DockerfileOptions {
            target: named.text("target")?.map(str::to_owned),
            build_args: variables(&named, "buildArgs")?,
            instructions: named.flag("instructions")?,
        };
        written(&from_dockerfile(args.text(0, "text")?, &options), &named)
    }),
    ("graph.engine", |args| {
        let state = args.options(0, &["images", "inspects", "histories", "containers"])?;
        let named = args.options(1, &["format"])?;
        let inspects = state.get("inspects").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        let histories = state.get("histories").and_then(Value::as_object).into_iter().flatten();
        let state = EngineState {
            images: state.get("images"),
            inspects,
            histories: crate::order::map(histories.map(|(id, history)| (id.clone(), history.clone()))),
            containers: state.get("containers"),
        };
        written(&from_engine(&state), &named)
    }),
];

pub(super) fn written(graph: &Graph, named: &Options<'_>) -> Result<Value, Failure> {
    let formats = [("svg", Format::Svg), ("dot", Format::Dot), ("mermaid", Format::Mermaid), ("json", Format::Json)];
    graph.write(named.choice("format", &formats)?).map(Value::from).map_err(failure)
}

#[allow(clippy::needless_pass_by_value, reason = "as map_err gives it")]
fn failure(error: Error) -> Failure {
    Failure::new(error.to_string())
}
