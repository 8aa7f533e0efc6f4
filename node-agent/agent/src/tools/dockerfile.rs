//! `node-agent dockerfile`: Dockerfiles read, checked, laid out and drawn, without building anything.
//! Exit codes are those of `docker build --check`: 1 when something was found or is wrong, 125 for a wrong command line.

mod check;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::{ErrorKind, Read, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, Subcommand, ValueEnum};
use engine_wasm::dockerfile::{self, Dockerfile, Error, Node, Word, format};
use engine_wasm::graph;
use serde_json::{Value, json};

use super::MAX_INPUT;

const EXIT_FOUND: u8 = 1;
const EXIT_USAGE: u8 = 125;

/// Reads, checks, formats and draws Dockerfiles. FILE is a path, or `-` for standard input.
#[derive(Parser)]
#[command(name = "node-agent dockerfile")]
struct Cli {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Prints the syntax tree: moby's s-expressions, one a line.
    Ast {
        /// Print s-expressions, which is what is printed anyway.
        #[arg(long, conflicts_with = "json")]
        dump: bool,
        /// Print JSON, with the place of every word.
        #[arg(long)]
        json: bool,
        /// The Dockerfile.
        file: PathBuf,
    },
    /// Checks as `docker build --check` does; exit code 1 when anything was found.
    Check(check::Args),
    /// Prints the file laid out anew, with the same meaning.
    Format {
        /// Change the file itself.
        #[arg(long, conflicts_with = "check")]
        write: bool,
        /// Print nothing; exit code 1 when the layout is not as it would be.
        #[arg(long)]
        check: bool,
        /// The Dockerfile.
        file: PathBuf,
    },
    /// Draws the stages and what they take from each other.
    Graph {
        /// `svg`, `dot`, `mermaid` or `json`.
        #[arg(long, default_value_t = Picture::Svg, value_enum)]
        format: Picture,
        /// The same as `--format json`.
        #[arg(long, conflicts_with = "format")]
        json: bool,
        /// The stage that is built; the last one when not given.
        #[arg(long)]
        target: Option<String>,
        /// A build argument: NAME=value.
        #[arg(long = "build-arg", value_name = "NAME=VALUE", value_parser = pair)]
        build_args: Vec<(String, String)>,
        /// A box for every instruction.
        #[arg(long)]
        instructions: bool,
        /// The Dockerfile.
        file: PathBuf,
    },
}

#[derive(Clone, Copy, ValueEnum)]
enum Picture {
    Svg,
    Dot,
    Mermaid,
    Json,
}

/// `NAME=value`; as docker, a name alone takes its value from the environment.
fn pair(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some(("", _)) => Err("a build argument needs a name".to_owned()),
        Some((name, value)) => Ok((name.to_owned(), value.to_owned())),
        None => std::env::var(text)
            .map(|value| (text.to_owned(), value))
            .map_err(|_| format!("{text} is not set in the environment; write {text}=VALUE")),
    }
}

/// Where a program reads and writes.
struct Streams<'a> {
    input: &'a mut dyn Read,
    out: &'a mut dyn Write,
    err: &'a mut dyn Write,
    /// Why the output is not whole.
    lost: Option<std::io::Error>,
}

impl Streams<'_> {
    fn print(&mut self, text: &str) {
        if self.lost.is_none() {
            self.lost = self.out.write_all(text.as_bytes()).and_then(|()| self.out.flush()).err();
        }
    }

    fn complain(&mut self, text: &str) {
        let _ = self.err.write_all(text.as_bytes());
    }

    /// A Dockerfile's text; bytes that are no UTF-8 are replaced.
    fn read(&mut self, file: &Path) -> Result<String, u8> {
        Ok(String::from_utf8_lossy(&self.bytes(file)?).into_owned())
    }

    /// A text that is to be written anew, so that every byte counts.
    fn read_to_change(&mut self, file: &Path) -> Result<String, u8> {
        String::from_utf8(self.bytes(file)?).map_err(|error| {
            let at = error.utf8_error().valid_up_to();
            let line = 1 + error.as_bytes()[..at].iter().filter(|byte| **byte == b'\n').count();
            self.complain(&format!("{}:{line}: is no UTF-8 at byte {at}, and so is left as it is\n", name(file)));
            EXIT_FOUND
        })
    }

    fn bytes(&mut self, file: &Path) -> Result<Vec<u8>, u8> {
        let mut bytes = Vec::new();
        let read = if is_stdin(file) {
            (&mut *self.input).take(MAX_INPUT + 1).read_to_end(&mut bytes)
        } else {
            std::fs::File::open(file).and_then(|opened| opened.take(MAX_INPUT + 1).read_to_end(&mut bytes))
        };
        let read = match read {
            Ok(length) if length as u64 > MAX_INPUT => {
                Err(std::io::Error::other(format!("it has more than {} MiB", MAX_INPUT >> 20)))
            }
            other => other,
        };
        read.map(|_| bytes).map_err(|error| {
            let hint = match error.kind() {
                ErrorKind::IsADirectory => {
                    format!("; name the file in it, such as {}", file.join("Dockerfile").display())
                }
                _ => String::new(),
            };
            self.complain(&format!("{}: cannot be read: {error}{hint}\n", name(file)));
            EXIT_FOUND
        })
    }

    fn write(&mut self, file: &Path, text: &str) -> Result<(), u8> {
        std::fs::write(file, text).map_err(|error| {
            self.complain(&format!("{}: cannot be written: {error}\n", name(file)));
            EXIT_FOUND
        })
    }

    fn faults(&mut self, file: &Path, errors: &[Error]) {
        for error in errors {
            self.complain(&format!("{}:{}: {error}\n", name(file), error.lines.0.max(1)));
        }
    }
}

fn is_stdin(file: &Path) -> bool {
    file.as_os_str() == "-"
}

/// The name that messages show.
fn name(file: &Path) -> String {
    if is_stdin(file) { "Dockerfile".to_owned() } else { file.display().to_string() }
}

/// `node-agent dockerfile …`: the arguments after the word `dockerfile` in, the exit code out.
pub fn main(args: Vec<OsString>) -> ExitCode {
    let (mut input, mut out, mut err) = (std::io::stdin().lock(), std::io::stdout().lock(), std::io::stderr().lock());
    ExitCode::from(run(args, &mut Streams { input: &mut input, out: &mut out, err: &mut err, lost: None }))
}

fn run(args: Vec<OsString>, streams: &mut Streams<'_>) -> u8 {
    let args = std::iter::once(OsString::from("node-agent dockerfile")).chain(args);
    let result = match Cli::try_parse_from(args) {
        Ok(cli) => perform(cli.task, streams),
        Err(error) if error.use_stderr() => {
            streams.complain(&error.render().to_string());
            Err(EXIT_USAGE)
        }
        Err(error) => {
            streams.print(&error.render().to_string());
            Ok(())
        }
    };
    // A reader that has seen enough and closed the pipe has got what it wanted.
    if let Some(error) = streams.lost.take().filter(|error| error.kind() != ErrorKind::BrokenPipe) {
        streams.complain(&format!("writing standard output: {error}\n"));
        return EXIT_FOUND;
    }
    result.err().unwrap_or(0)
}

fn perform(task: Task, streams: &mut Streams<'_>) -> Result<(), u8> {
    match task {
        Task::Ast { json, file, dump: _ } => ast(&file, json, streams),
        Task::Check(args) => check::check(&args, streams),
        Task::Format { write, check, file } => lay_out(&file, write, check, streams),
        Task::Graph { format, json, target, build_args, instructions, file } => {
            let text = streams.read(&file)?;
            let options =
                graph::DockerfileOptions { target, build_args: build_args.into_iter().collect(), instructions };
            let format = match format {
                _ if json => graph::Format::Json,
                Picture::Svg => graph::Format::Svg,
                Picture::Dot => graph::Format::Dot,
                Picture::Mermaid => graph::Format::Mermaid,
                Picture::Json => graph::Format::Json,
            };
            let graph = graph::from_dockerfile_strict(&text, &options);
            let drawn = graph.and_then(|graph| graph.write(format).map(|drawn| (drawn, graph.warnings)));
            match drawn {
                Ok((drawn, warnings)) => {
                    streams.print(&drawn);
                    if !drawn.ends_with('\n') {
                        streams.print("\n");
                    }
                    for warning in &warnings {
                        streams.complain(&format!("{}: {warning}\n", name(&file)));
                    }
                    if warnings.is_empty() { Ok(()) } else { Err(EXIT_FOUND) }
                }
                Err(error) => {
                    streams.complain(&format!("{}: {error}\n", name(&file)));
                    Err(EXIT_FOUND)
                }
            }
        }
    }
}

fn ast(file: &Path, as_json: bool, streams: &mut Streams<'_>) -> Result<(), u8> {
    let text = streams.read(file)?;
    let parsed = dockerfile::parse(&text);
    let shown = if as_json { format!("{:#}\n", tree(&parsed)) } else { format!("{}\n", parsed.dump()) };
    if as_json || !parsed.nodes.is_empty() {
        streams.print(&shown);
    }
    streams.faults(file, &parsed.errors);
    if parsed.errors.is_empty() { Ok(()) } else { Err(EXIT_FOUND) }
}

fn lay_out(file: &Path, write: bool, check: bool, streams: &mut Streams<'_>) -> Result<(), u8> {
    let text = streams.read_to_change(file)?;
    let laid_out = match format::format(&text, &format::Options::default()) {
        Ok(laid_out) => laid_out,
        Err(errors) => {
            streams.faults(file, &errors);
            return Err(EXIT_FOUND);
        }
    };
    if check {
        return if laid_out == text {
            Ok(())
        } else {
            streams.complain(&format!("{}: is not laid out as it would be\n", name(file)));
            Err(EXIT_FOUND)
        };
    }
    if write && !is_stdin(file) {
        if laid_out != text {
            streams.write(file, &laid_out)?;
        }
    } else {
        streams.print(&laid_out);
    }
    Ok(())
}

/// The syntax tree as JSON. Places are bytes from the begin of the file, lines count from 1.
fn tree(file: &Dockerfile) -> Value {
    let directives: Vec<Value> = file
        .directives
        .iter()
        .map(|directive| json!({"name": directive.name, "value": directive.value, "line": directive.line}))
        .collect();
    let warnings: Vec<Value> =
        file.warnings.iter().map(|warning| json!({"message": warning.message, "line": warning.line})).collect();
    let errors: Vec<Value> = file
        .errors
        .iter()
        .map(|error| {
            json!({
                "message": error.to_string(),
                "lines": [error.lines.0, error.lines.1],
                "span": [error.span.start, error.span.end],
            })
        })
        .collect();
    json!({
        "escape": file.escape,
        "directives": directives,
        "nodes": file.nodes.iter().map(branch).collect::<Vec<_>>(),
        "warnings": warnings,
        "errors": errors,
    })
}

fn branch(node: &Node) -> Value {
    let word = |word: &Word| json!({"text": word.text, "span": [word.span.start, word.span.end]});
    let heredocs: Vec<Value> = node
        .heredocs
        .iter()
        .map(|heredoc| {
            json!({
                "name": heredoc.name,
                "fileDescriptor": heredoc.file_descriptor,
                "expand": heredoc.expand,
                "chomp": heredoc.chomp,
                "content": heredoc.content,
            })
        })
        .collect();
    json!({
        "name": word(&node.name),
        "flags": node.flags.iter().map(word).collect::<Vec<_>>(),
        "args": node.args.iter().map(word).collect::<Vec<_>>(),
        "json": node.json,
        "child": node.child.as_deref().map(branch),
        "heredocs": heredocs,
        "original": node.original,
        "comments": node.comments,
        "lines": [node.lines.0, node.lines.1],
        "span": [node.span.start, node.span.end],
    })
}

/// Build arguments in the order of their names.
type BuildArgs = BTreeMap<String, String>;
