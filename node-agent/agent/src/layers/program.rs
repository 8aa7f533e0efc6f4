//! `node-agent unpack-layer`: unpacks one layer from its standard input and says on its standard output what it amounts to. The agent
//! runs it as nobody on the host, with nothing to see but the directory that it fills.

use std::{ffi::OsString, fs, io, path::PathBuf, process::ExitCode};

use clap::Parser;
use slipway_images::shared::{Limits, unpack_flat};

use super::{
    Report,
    entry::{DIFF, RECORD},
};

/// Unpacks a layer for the agent.
#[derive(Debug, Parser)]
#[command(name = "node-agent unpack-layer")]
struct Options {
    /// The directory with the layer's `diff`
    #[arg(long)]
    out: PathBuf,
    /// Whether the layer lies on another
    #[arg(long)]
    has_parent: bool,
    /// Bytes that its tar stream may have
    #[arg(long)]
    bytes: u64,
    /// Entries that it may have
    #[arg(long)]
    entries: u64,
}

/// What it says.
#[derive(Debug, serde::Deserialize, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Outcome {
    /// It is done.
    Done(Report),
    /// Why it is not.
    Failed(String),
}

/// Entry point.
pub(crate) fn main(args: Vec<OsString>) -> ExitCode {
    let options = match Options::try_parse_from(std::iter::once("unpack-layer".into()).chain(args)) {
        Ok(options) => options,
        Err(error) => {
            // A closed standard output is no reason to fail.
            let _ = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
        }
    };
    let outcome = run(&options);
    let code = if matches!(outcome, Outcome::Done(_)) { ExitCode::SUCCESS } else { ExitCode::FAILURE };
    match serde_json::to_writer(io::stdout(), &outcome) {
        Ok(()) => code,
        Err(_) => ExitCode::FAILURE,
    }
}

fn run(options: &Options) -> Outcome {
    let Options { out, has_parent, bytes, entries } = options;
    let limits = Limits { bytes: *bytes, entries: *entries };
    let flat = match unpack_flat(io::stdin(), &out.join(DIFF), *has_parent, limits) {
        Ok(flat) => flat,
        Err(error) => return Outcome::Failed(error.to_string()),
    };
    // Who writes has the rest of the bytes to hash, too.
    let written = io::copy(&mut io::stdin(), &mut io::sink()).and_then(|_| fs::write(out.join(RECORD), flat.tar_split));
    match written {
        Ok(()) => Outcome::Done(Report { diff_id: flat.diff_id, size: flat.size }),
        Err(error) => Outcome::Failed(error.to_string()),
    }
}
