//! `template.*`.

use serde_json::Value;

use super::args::{Args, Options as Named, expected};
use super::{Failure, Function};
use crate::cli::format::{container, image, network, volume};
use crate::tabwriter::{self, TabWriter};
use crate::template::{self, Error, FunctionSet, KeyOrder, MissingKey, Nulls, Numbers, Options, Template};

const OPTIONS: [&str; 9] =
    ["name", "missingKey", "numbers", "nulls", "functions", "keyOrder", "rootType", "maxOutput", "maxSteps"];

/// The widest column's padding, and the like, that is worth anything.
const MAX_WIDTH: usize = 1000;

pub(super) const TABLE: &[(&str, Function)] = &[
    ("template.render", |args| {
        let text = args.text(0, "text")?;
        let named = args.options(2, &OPTIONS)?;
        let data = args.get(1).unwrap_or(&Value::Null);
        let template =
            Template::parse_with(named.text("name")?.unwrap_or_default(), text, options(&named)?).map_err(failure)?;
        template.render(data).map(Value::from).map_err(failure)
    }),
    ("template.format", |args| {
        let text = args.text(0, "format")?;
        let named = args.options(2, &OPTIONS)?;
        template::rows(text, args.get(1).unwrap_or(&Value::Null), &options(&named)?).map(Value::from).map_err(failure)
    }),
    ("template.list", list),
    ("template.unread", |args| Ok(container::unread(args.text(0, "format")?).into())),
    ("template.table", |args| {
        let named = args.options(1, &["minWidth", "tabWidth", "padding", "padChar", "alignRight", "html"])?;
        let flag = |name: &str, flag: u32| named.flag(name).map(|on| if on { flag } else { 0 });
        let flags = flag("alignRight", tabwriter::ALIGN_RIGHT)? | flag("html", tabwriter::FILTER_HTML)?;
        let width = |name: &str, default: usize| Ok(named.count(name)?.unwrap_or(default).min(MAX_WIDTH));
        let pad = match named.text("padChar")?.map(|text| (text.chars().next(), text.chars().count())) {
            None => ' ',
            Some((Some(pad), 1)) => pad,
            Some(_) => return Err(expected("padChar", "one character")),
        };
        let (min, tab, padding) = (width("minWidth", 10)?, width("tabWidth", 1)?, width("padding", 3)?);
        Ok(TabWriter::new(min, tab, padding, pad, flags).format(args.text(0, "text")?).into())
    }),
];

fn options(named: &Named<'_>) -> Result<Options, Failure> {
    let default = Options::default();
    let missing = [("default", MissingKey::Default), ("zero", MissingKey::Zero), ("error", MissingKey::Error)];
    let numbers = [("integer", Numbers::Integer), ("float", Numbers::Float), ("text", Numbers::Text)];
    let functions =
        [("docker", FunctionSet::Docker), ("go", FunctionSet::Go), ("dockerHeader", FunctionSet::DockerHeader)];
    Ok(Options {
        missing_key: named.choice("missingKey", &missing)?,
        numbers: named.choice("numbers", &numbers)?,
        nulls: named.choice("nulls", &[("untyped", Nulls::Untyped), ("emptyList", Nulls::EmptyList)])?,
        functions: named.choice("functions", &functions)?,
        key_order: named.choice("keyOrder", &[("given", KeyOrder::AsGiven), ("sorted", KeyOrder::Sorted)])?,
        root_type: named.text("rootType")?.map(str::to_owned),
        max_output: named.count("maxOutput")?.unwrap_or(default.max_output),
        max_steps: named.count("maxSteps")?.unwrap_or(default.max_steps),
    })
}

/// Docker's own listings of the Engine API's answers.
fn list(args: &Args) -> Result<Value, Failure> {
    let named = args.options(3, &["now", "noTrunc", "quiet", "size", "digests", "human"])?;
    let (kind, format) = (args.text(0, "kind")?, args.text(1, "format")?);
    let data = args.get(2).unwrap_or(&Value::Null);
    let data = data.get("Volumes").unwrap_or(data);
    if data.is_object() {
        return Err(Failure::new("this answer is no list: it is what the engine says when something failed"));
    }
    let now = named.get("now").and_then(Value::as_f64).unwrap_or_default() as i64;
    let (trunc, quiet) = (!named.flag("noTrunc")?, named.flag("quiet")?);
    let text = match kind {
        "container" => container::list(&container::template(format, quiet, named.flag("size")?), data, trunc, now),
        "history" => {
            let human = named.get("human").is_none() || named.flag("human")?;
            image::history(format, data, quiet, human, trunc, now)
        }
        "image" => {
            let digests = named.flag("digests")?;
            image::list(&image::template(format, quiet, digests), data, digests, trunc, now)
        }
        "network" => network::list(format, data, quiet, trunc),
        "volume" => volume::list(format, data, quiet),
        other => {
            Err(format!("there is no listing of {other:?}; there are: container, history, image, network, volume"))
        }
    };
    text.map(Value::from).map_err(located)
}

#[allow(clippy::needless_pass_by_value, reason = "as map_err gives it")]
fn failure(error: Error) -> Failure {
    located(error.to_string())
}

/// Takes the place out of Go's text: `template: NAME:LINE:COLUMN: …`.
fn located(message: String) -> Failure {
    let place = template::place(&message);
    Failure { line: place.map(|(line, _)| line), column: place.and_then(|(_, column)| column), ..Failure::new(message) }
}
