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
mod lint;
mod offsets;
mod reference;
mod template;
#[cfg(test)]
mod tests;
mod units;

use serde_json::Value;

use args::Args;
pub use failure::Failure;

type Function = fn(&Args) -> Result<Value, Failure>;

/// The modules' functions.
const TABLES: &[&[(&str, Function)]] = &[
    dockerfile::TABLE,
    editor::TABLE,
    graph::TABLE,
    ignore::TABLE,
    lint::TABLE,
    reference::TABLE,
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
