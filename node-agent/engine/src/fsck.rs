//! `node-agent engine fsck`: checks the images, layers and containers under a data root while no engine uses it. Reads only.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use serde_json::json;
use slipway_images::fsck::{self, Problem, Report};

use crate::error::Result;

/// Checks a data root that no engine uses. Ends with 0 when all is well, with 1 when something is wrong, with 2 when it
/// could not be checked.
#[derive(Debug, Parser)]
#[command(name = "engine fsck", version)]
struct Options {
    /// The data root to check.
    #[arg(long, default_value = "/var/lib/docker")]
    data_root: PathBuf,
    /// Make every layer's archive again and compare its digest; this reads all files.
    #[arg(long)]
    deep: bool,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub(crate) fn main(args: &[OsString]) -> ExitCode {
    let options = match Options::try_parse_from(std::iter::once(OsString::from("fsck")).chain(args.iter().cloned())) {
        Ok(options) => options,
        Err(e) => {
            // Nothing helps if the terminal is gone.
            let _ = e.print();
            return ExitCode::from(u8::try_from(e.exit_code()).unwrap_or(1));
        }
    };
    match run(&options) {
        Ok(report) => {
            show(&report, options.json);
            if report.problems.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
        Err(e) => {
            eprintln!("engine fsck: {e}");
            ExitCode::from(2)
        }
    }
}

fn run(options: &Options) -> Result<Report> {
    let mut report = fsck::check(&options.data_root, options.deep)?;
    // Each container's own files and its writable layer belong together.
    let dir = options.data_root.join("containers");
    let mut known: Vec<String> = match std::fs::read_dir(&dir) {
        Ok(entries) => entries.filter_map(|e| e.ok()?.file_name().into_string().ok()).collect(),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Vec::new(),
        Err(e) => return Err(e.into()),
    };
    known.sort_unstable();
    let mut add = |path: PathBuf, why: &str| report.problems.push(Problem { path, why: why.to_owned() });
    for id in &known {
        if !report.containers.contains(id) {
            add(dir.join(id), "this container has no writable layer");
        }
    }
    for id in report.containers.iter().filter(|id| !known.contains(id)) {
        add(options.data_root.join("image/overlay2/layerdb/mounts").join(id), "no container has this writable layer");
    }
    Ok(report)
}

fn show(report: &Report, as_json: bool) {
    if as_json {
        let problems: Vec<_> = report.problems.iter().map(|p| json!({ "path": p.path, "why": p.why })).collect();
        println!(
            "{}",
            json!({
                "images": report.images, "layers": report.layers, "containers": report.containers.len(), "problems": problems,
            })
        );
        return;
    }
    for problem in &report.problems {
        println!("{problem}");
    }
    let (images, layers, containers) = (report.images, report.layers, report.containers.len());
    let verdict = match report.problems.len() {
        0 => "no problems".to_owned(),
        1 => "1 problem".to_owned(),
        n => format!("{n} problems"),
    };
    println!("{images} images, {layers} layers, {containers} containers: {verdict}");
}
