//! The engine's functions by name, with JSON for arguments and results: what the npm package is made of. The table and the conversions are
//! ordinary Rust and tested natively; only [`exports`] knows JavaScript. Places in a text are UTF-16 units here, as JavaScript counts.

mod args;
mod dockerfile;
mod editor;
#[cfg(target_arch = "wasm32")]
mod exports;
mod failure;
mod graph;
mod ignore;
pub mod image;
mod layers;
mod lint;
mod offsets;
mod outside;
mod reference;
mod stages;
mod store;
mod template;
#[cfg(test)]
mod tests;
mod units;

use std::collections::BTreeMap;

use serde_json::Value;

use args::{Args, Options, expected};
pub use failure::{Failure, Place};
pub use store::Kept;

type Function = fn(&Args) -> Result<Value, Failure>;

/// The modules' functions.
const TABLES: &[&[(&str, Function)]] = &[
    dockerfile::TABLE,
    editor::TABLE,
    graph::TABLE,
    ignore::TABLE,
    lint::TABLE,
    reference::TABLE,
    stages::TABLE,
    template::TABLE,
    units::TABLE,
];

/// Calls a function: `dockerfile.parse` with `["FROM scratch\n"]`. Arguments and result are JSON texts, as described in the package's TypeScript types.
///
/// # Errors
/// [`Failure`] when there is no such function, its arguments are not of its types, or it fails.
pub fn call(name: &str, args: &str) -> Result<String, Failure> {
    let function = TABLES.iter().copied().flatten().find(|(known, _)| *known == name);
    let Some((_, function)) = function else {
        return Err(Failure::new(format!("there is no function {name:?} in this engine")));
    };
    let args = Args::parse(args)?;
    Ok(function(&args)?.to_string())
}

/// The names that [`call`] knows.
pub fn names() -> impl Iterator<Item = &'static str> {
    TABLES.iter().copied().flatten().map(|(name, _)| *name)
}

/// An array of texts.
fn strings<'a>(value: &'a Value, name: &str) -> Result<Vec<&'a str>, Failure> {
    let wrong = || expected(name, "an array of strings");
    value.as_array().ok_or_else(wrong)?.iter().map(|text| text.as_str().ok_or_else(wrong)).collect()
}

/// An option that is an object of texts; empty when it is absent.
fn variables(named: &Options<'_>, name: &str) -> Result<BTreeMap<String, String>, Failure> {
    let mut out = BTreeMap::new();
    if let Some(value) = named.get(name) {
        let wrong = || expected(name, "an object of strings");
        for (key, text) in value.as_object().ok_or_else(wrong)? {
            out.insert(key.clone(), text.as_str().ok_or_else(wrong)?.to_owned());
        }
    }
    Ok(out)
}
