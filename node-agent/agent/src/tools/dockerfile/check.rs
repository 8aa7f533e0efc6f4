//! `dockerfile check`: the build checks, hadolint's rules, and the fixes of both.

use std::path::{Path, PathBuf};

use clap::ValueEnum;
use engine_wasm::dockerfile::expand::{self, Platform};
use engine_wasm::dockerfile::hadolint;
use engine_wasm::dockerfile::lint::{self, Diagnostic, Ignored, Report, Severity, TextEdit};
use engine_wasm::ignore::Matcher;
use serde_json::{Value, json};

use super::{BuildArgs, EXIT_FOUND, EXIT_USAGE, Streams, is_stdin, name, pair};

/// A text is checked again this often at most while its fixes are made.
const MAX_ROUNDS: usize = 20;

#[derive(clap::Args)]
pub(super) struct Args {
    /// Which rules.
    #[arg(long, value_enum, default_value_t = Rules::Buildkit)]
    rules: Rules,
    /// Print JSON: the build checks as BuildKit's lint request answers, hadolint's findings as hadolint does.
    #[arg(long)]
    json: bool,
    /// Mend what can be mended safely in the file (or print the mended text, for standard input), and report the rest.
    #[arg(long)]
    fix: bool,
    /// A build argument: NAME=value.
    #[arg(long = "build-arg", value_name = "NAME=VALUE", value_parser = pair)]
    build_args: Vec<(String, String)>,
    /// Check this stage and what it needs only.
    #[arg(long, default_value = "")]
    target: String,
    /// The platform that is built for.
    #[arg(long)]
    platform: Option<String>,
    /// The ignore file; when not given, FILE.dockerignore or the .dockerignore beside FILE.
    #[arg(long, value_name = "FILE")]
    ignore_file: Option<PathBuf>,
    /// The Dockerfile.
    file: PathBuf,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Rules {
    /// Those of `docker build --check`.
    Buildkit,
    /// Those of hadolint.
    Hadolint,
    /// Both.
    All,
}

/// What is checked with.
struct Checker {
    rules: Rules,
    build: expand::Options,
    ignore: Option<Matcher>,
}

impl Checker {
    fn buildkit(&self, text: &str) -> Report {
        if self.rules == Rules::Hadolint {
            return Report::default();
        }
        // A pattern that cannot be matched ignores nothing.
        let matches = |path: &str| {
            self.ignore.as_ref().is_some_and(|ignore| ignore.matches_or_parent_matches(path).unwrap_or(false))
        };
        let everything = self.ignore.as_ref().is_some_and(|ignore| {
            ignore.patterns().iter().any(|pattern| matches!(pattern.text(), "*" | "**" | "**/*"))
        });
        // With exceptions, BuildKit does not look.
        let ignored = self.ignore.as_ref().filter(|ignore| !ignore.exclusions());
        let ignored = ignored.map(|_| Ignored { matches: &matches, everything });
        lint::check(text, &lint::Options { build: Some(&self.build), ignored, ..lint::Options::default() })
    }

    fn hadolint(&self, text: &str) -> Vec<Diagnostic> {
        if self.rules == Rules::Buildkit {
            return Vec::new();
        }
        hadolint::check(text, &hadolint::Options::default())
    }

    /// Makes the first fix of everything found, until none is left.
    fn mend(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for _ in 0..MAX_ROUNDS {
            let mut edits: Vec<TextEdit> = Vec::new();
            let found: Vec<Diagnostic> =
                self.buildkit(&text).warnings.into_iter().chain(self.hadolint(&text)).collect();
            for fix in found.iter().filter_map(|diagnostic| diagnostic.fixes.first()) {
                let touches = |edit: &TextEdit| {
                    edits.iter().any(|other| edit.span.start <= other.span.end && other.span.start <= edit.span.end)
                };
                if !fix.edits.iter().any(touches) {
                    edits.extend(fix.edits.iter().cloned());
                }
            }
            let next = hadolint::apply(&text, &edits);
            if edits.is_empty() || !engine_wasm::dockerfile::parse(&next).errors.is_empty() {
                break;
            }
            text = next;
        }
        text
    }
}

pub(super) fn check(args: &Args, streams: &mut Streams<'_>) -> Result<(), u8> {
    let mut text = if args.fix { streams.read_to_change(&args.file)? } else { streams.read(&args.file)? };
    let checker = Checker { rules: args.rules, build: build(args, streams)?, ignore: ignore(args, streams)? };
    if args.fix {
        let mended = checker.mend(&text);
        if is_stdin(&args.file) {
            streams.print(&mended);
        } else if mended != text {
            streams.write(&args.file, &mended)?;
        }
        text = mended;
    }
    let report = checker.buildkit(&text);
    let found = checker.hadolint(&text);
    let shown = name(&args.file);
    let mut out = String::new();
    if args.json {
        let buildkit = || report.to_json(&text, &shown);
        let hadolint = || Value::Array(found.iter().map(|found| finding(found, &text, &shown)).collect());
        let value = match args.rules {
            Rules::Buildkit => buildkit(),
            Rules::Hadolint => hadolint(),
            Rules::All => json!({"buildkit": buildkit(), "hadolint": hadolint()}),
        };
        out.push_str(&format!("{value:#}\n"));
    } else {
        if args.rules != Rules::Hadolint {
            out.push_str(&report.to_text(&text, &shown));
        }
        for found in &found {
            out.push_str(&format!(
                "{shown}:{} {} {}: {}\n",
                found.lines.0,
                found.rule,
                level(found.severity),
                found.message
            ));
        }
    }
    // With the mended text on standard output, the report goes to the other one.
    if args.fix && is_stdin(&args.file) {
        streams.complain(&out)
    } else {
        streams.print(&out)
    }
    if !report.errors.is_empty() && !args.json {
        // docker ends an error with a line end, and this one has its own.
        streams.complain(&format!("ERROR: {}\n", report.errors_text(&text, &shown)));
    }
    let clean = report.warnings.is_empty() && report.errors.is_empty() && found.is_empty();
    if clean { Ok(()) } else { Err(EXIT_FOUND) }
}

fn build(args: &Args, streams: &mut Streams<'_>) -> Result<expand::Options, u8> {
    let build_args: BuildArgs = args.build_args.iter().cloned().collect();
    let mut build = expand::Options { build_args, target: args.target.clone(), ..expand::Options::default() };
    build.build_platform.architecture = match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    }
    .to_owned();
    build.target_platform = build.build_platform.clone();
    if let Some(platform) = &args.platform {
        build.target_platform = Platform::parse(platform, &build.build_platform).map_err(|error| {
            streams.complain(&format!("--platform: {error}\n"));
            EXIT_USAGE
        })?;
    }
    Ok(build)
}

fn ignore(args: &Args, streams: &mut Streams<'_>) -> Result<Option<Matcher>, u8> {
    let mut fail = |path: &Path, error: &dyn std::fmt::Display| {
        streams.complain(&format!("{}: {error}\n", path.display()));
        EXIT_FOUND
    };
    let candidates = match &args.ignore_file {
        Some(given) => vec![given.clone()],
        None if is_stdin(&args.file) => Vec::new(),
        None => {
            let mut own = args.file.clone().into_os_string();
            own.push(".dockerignore");
            vec![PathBuf::from(own), args.file.with_file_name(".dockerignore")]
        }
    };
    for path in candidates {
        let bytes = match std::fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound && args.ignore_file.is_none() => continue,
            Err(error) => return Err(fail(&path, &format!("cannot be read: {error}"))),
        };
        return Matcher::from_file(&bytes).map(Some).map_err(|error| fail(&path, &error));
    }
    Ok(None)
}

fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::Style => "style",
        Severity::Info => "info",
        Severity::Warning => "warning",
        Severity::Error => "error",
    }
}

/// A finding as hadolint's JSON has it.
fn finding(found: &Diagnostic, text: &str, file: &str) -> Value {
    let before = text.get(..found.span.start).unwrap_or_default();
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    json!({
        "file": file,
        "line": found.lines.0,
        "column": column,
        "level": level(found.severity),
        "code": found.rule,
        "message": found.message,
    })
}
