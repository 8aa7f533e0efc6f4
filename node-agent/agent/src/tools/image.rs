//! `node-agent image`: looks into image archives without an engine. Everything is decided in `engine_wasm::image`; here files are read and
//! results written.

mod diff;
mod show;
mod source;
mod tree;

use std::ffi::OsString;
use std::io::{BufWriter, Write, stdout};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context as _, Result, bail};
use clap::{Args, Parser, Subcommand};
use engine_wasm::image::{Archive, Digests, Image, LayerReader, Options, Platform, Tree, Verifier, platform};
use source::Meter;

#[derive(Parser)]
#[command(
    name = "node-agent image",
    about = "Looks into image archives: of docker save, of OCI, or an OCI layout's directory."
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

/// Which image of an archive.
#[derive(Args, Clone)]
struct Choice {
    /// The image, by name or the beginning of its ID, where the archive has several.
    #[arg(long, value_name = "NAME")]
    image: Option<String>,
    /// The platform, where the image has several: os/arch or os/arch/variant.
    #[arg(long, value_name = "PLATFORM", value_parser = platform::parse)]
    platform: Option<Platform>,
}

#[derive(Subcommand)]
enum Command {
    /// Print what `docker image inspect` says of an image, or its history.
    Inspect {
        /// The archive or directory; - reads an archive from standard input.
        archive: PathBuf,
        #[command(flatten)]
        choice: Choice,
        /// List the archive's images instead, and what is missing or wrong in it.
        #[arg(long, conflicts_with_all = ["history", "format"])]
        list: bool,
        /// Print the history as `docker history` does instead.
        #[arg(long)]
        history: bool,
        /// Do not shorten the history.
        #[arg(long, requires = "history")]
        no_trunc: bool,
        /// A Go template, as for docker.
        #[arg(long, short, value_name = "TEMPLATE")]
        format: Option<String>,
        /// Print JSON, for --list and --history.
        #[arg(long)]
        json: bool,
    },
    /// Show an image's files, what each layer did, wasted space and secrets.
    Tree {
        /// The archive or directory; - reads an archive from standard input.
        archive: PathBuf,
        #[command(flatten)]
        choice: Choice,
        /// Show what this layer did (from 1, the lowest), not the whole image.
        #[arg(long, value_name = "N")]
        layer: Option<usize>,
        /// Go no deeper than this.
        #[arg(long, value_name = "N")]
        depth: Option<usize>,
        /// Only paths that match: a part of the path, or a pattern with * ? **.
        #[arg(long, value_name = "PATTERN")]
        search: Option<String>,
        /// Print a file's content instead.
        #[arg(long, value_name = "PATH", conflicts_with_all = ["depth", "search", "json"])]
        cat: Option<String>,
        /// Leave the files out: layers, wasted space and secrets only.
        #[arg(long)]
        summary: bool,
        /// Lay the layers beside this Dockerfile's lines.
        #[arg(long, value_name = "FILE")]
        dockerfile: Option<PathBuf>,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Compare two images: layers, settings, files. Exits with 1 where they differ.
    Diff {
        /// The first archive or directory.
        first: PathBuf,
        /// The second.
        second: PathBuf,
        #[command(flatten)]
        choice: Choice,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Compare every digest in archives with what is there. Exits with 1 where one is wrong.
    Verify {
        /// The archives or directories; - reads an archive from standard input.
        #[arg(required = true)]
        archives: Vec<PathBuf>,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
}

/// Runs `node-agent image`; `args` come without the program's name.
pub(crate) fn main(args: Vec<OsString>) -> ExitCode {
    let cli = match Cli::try_parse_from(std::iter::once("node-agent image".into()).chain(args)) {
        Ok(cli) => cli,
        Err(error) => {
            // Without standard streams there is nobody to tell.
            let _ = error.print();
            return ExitCode::from(if error.use_stderr() { 2 } else { 0 });
        }
    };
    match run(cli.command) {
        Ok(good) => ExitCode::from(u8::from(!good)),
        // `| head` has seen enough.
        Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            // Names in an archive may be of any length.
            let text: String = show::printable(&format!("{error:#}")).chars().take(2000).collect();
            eprintln!("node-agent image: {text}");
            ExitCode::from(2)
        }
    }
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    let broken = |kind| kind == std::io::ErrorKind::BrokenPipe;
    error.chain().any(|cause| {
        cause.downcast_ref::<std::io::Error>().is_some_and(|error| broken(error.kind()))
            || cause.downcast_ref::<serde_json::Error>().and_then(serde_json::Error::io_error_kind).is_some_and(broken)
    })
}

fn run(command: Command) -> Result<bool> {
    let mut out = BufWriter::new(stdout().lock());
    let good = match command {
        Command::Inspect { archive, choice, list, history, no_trunc, format, json } => {
            let archive = source::open(&archive)?;
            if list {
                show::list(&mut out, &archive, json)?;
            } else {
                let image = choice.of(&archive)?;
                let sizes = sizes(&archive, image);
                if history {
                    show::history(&mut out, image, &sizes, no_trunc, format.as_deref(), json)?;
                } else {
                    let size = sizes.into_iter().sum();
                    show::inspect(&mut out, image, size, format.as_deref().unwrap_or_default())?;
                }
            }
            true
        }
        Command::Tree { archive, choice, layer, depth, search, cat, summary, dockerfile, json } => {
            let archive = source::open(&archive)?;
            let image = choice.of(&archive)?;
            let view = tree::View { layer, depth, search, summary, dockerfile };
            match cat {
                Some(path) => tree::cat(&mut out, &archive, image, &path, layer)?,
                None => tree::show(&mut out, &archive, image, &view, json)?,
            }
            true
        }
        Command::Diff { first, second, choice, json } => diff::show(&mut out, [&first, &second], &choice, json)?,
        Command::Verify { archives, json } => verify(&mut out, &archives, json)?,
    };
    out.flush()?;
    Ok(good)
}

impl Choice {
    fn of<'a>(&self, archive: &'a Archive) -> Result<&'a Image> {
        Ok(archive.select(self.image.as_deref(), self.platform.as_ref())?)
    }
}

/// Reads all layers of an image.
fn trees(archive: &Archive, image: &Image) -> Result<Vec<Arc<Tree>>> {
    each_layer(archive, image).collect()
}

/// The layers' sizes; none of those that are missing or cannot be read, without which there is still much to tell of the image.
fn sizes(archive: &Archive, image: &Image) -> Vec<Option<u64>> {
    each_layer(archive, image).map(|tree| tree.ok().map(|tree| tree.docker_size())).collect()
}

/// Reads an image's layers one after the other.
fn each_layer<'a>(archive: &'a Archive, image: &'a Image) -> impl Iterator<Item = Result<Arc<Tree>>> + 'a {
    let total = image.layers.iter().map(|layer| layer.stored).sum();
    let (mut meter, mut before) = (Meter::new("reading", total), 0);
    image.layers.iter().map(move |layer| {
        let mut reader = LayerReader::new(archive, layer, Digests::Neither, Options::default());
        while let Some(progress) = reader.step(archive, layer)? {
            meter.show(before + progress.done);
        }
        before += layer.stored;
        Ok(Arc::new(reader.finish()?.1))
    })
}

fn verify(out: &mut dyn Write, archives: &[PathBuf], json: bool) -> Result<bool> {
    let (mut good, mut reports) = (true, Vec::new());
    for path in archives {
        let archive = source::open(path)?;
        let mut verifier = Verifier::new(&archive);
        let mut meter = Meter::new("verifying", 0);
        while let Some(progress) = verifier.step(&archive) {
            meter.total(progress.total);
            meter.show(progress.done);
        }
        drop(meter);
        let report = verifier.finish();
        let failures = report.failures().count() + archive.problems().len();
        good &= failures == 0;
        if json {
            reports.push(serde_json::json!({
                "archive": path.display().to_string(), "good": failures == 0, "checks": report.checks,
                "problems": archive.problems(), "absent": archive.absent(),
            }));
            continue;
        }
        for check in report.failures() {
            let failure = check.failure.as_deref().unwrap_or_default();
            writeln!(
                out,
                "{}: {}: {:?}: expected {}, but {failure}",
                path.display(),
                check.name,
                check.subject,
                check.expected
            )?;
        }
        // A document's wrong digest is among the checks already.
        for problem in archive.problems().iter().filter(|problem| !problem.contains(": digest sha")) {
            writeln!(out, "{}: {problem}", path.display())?;
        }
        for absent in archive.absent() {
            let platform = absent.platform.as_ref().map_or_else(|| "an image".into(), platform::format);
            writeln!(out, "{}: not in the archive: {platform}, {}", path.display(), absent.digest)?;
        }
        let right = report.checks.len() - report.failures().count();
        let verdict = if failures == 0 { "good" } else { "BROKEN" };
        writeln!(out, "{}: {verdict}: {right} of {} comparisons right", path.display(), report.checks.len())?;
    }
    if json {
        serde_json::to_writer_pretty(&mut *out, &reports)?;
        writeln!(out)?;
    }
    Ok(good)
}

fn text_of(path: &std::path::Path) -> Result<String> {
    let bytes = std::fs::read(path).with_context(|| format!("reading {}", path.display()))?;
    match String::from_utf8(bytes) {
        Ok(text) => Ok(text),
        Err(_) => bail!("{} is no UTF-8", path.display()),
    }
}
