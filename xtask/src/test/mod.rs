//! `cargo xtask test`: everything that can be tested on this machine, with one line at the end that adds all runners up.

mod leaks;
mod tally;

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use tempfile::TempDir;

use crate::engine::{self, Engine};
use crate::layout::Layout;
use crate::package;
use crate::process::{cargo, program};
use crate::server::Server;
use crate::setup::{self, Purpose, checks};
use crate::web::install_packages;
use leaks::{MARK, Ours};
use tally::{Reader, Tally};

const BROWSER_LINTS: [&str; 11] = [
    "clippy",
    "--locked",
    "--package",
    "slipway-web",
    "--package",
    "engine-wasm",
    "--target",
    "wasm32-unknown-unknown",
    "--",
    "-D",
    "warnings",
];

/// Sets up, runs every test, and fails if one failed, or, with `CI=true`, if one could not run.
pub fn run(layout: &Layout) -> Result<()> {
    let ci = std::env::var("CI").is_ok_and(|value| value == "true" || value == "1");
    setup::run(layout, Purpose::Test, None)?;
    let nodes = checks::problems(&checks::Host::probe()).is_empty();
    let dir = scratch()?;
    let ours = Ours {
        dirs: vec![dir.path().to_owned(), layout.out(), layout.target()],
        mark: format!("{}-{}", std::process::id(), dir.path().display()),
    };
    let before = ours.snapshot();

    let failures = RefCell::default();
    let tests = Tests { layout, ci, nodes, dir: dir.path(), mark: &ours.mark, failures: &failures };
    let mut total = Tally::default();
    total += tests.check("formatting", &["fmt", "--all", "--check"])?;
    total += tests.check("lints", &["clippy", "--locked", "--all-targets", "--", "-D", "warnings"])?;
    total += tests.check("lints for the browser", &BROWSER_LINTS)?;
    total += tests.rust()?;
    total += tests.browser()?;
    total += tests.package()?;
    total += tests.leaks(&ours, &before);
    total += clear(dir);

    // Once more at the end, where they are looked for.
    let failures = failures.take();
    if !failures.is_empty() {
        heading("what failed");
        println!("{}", failures.join("\n"));
    }
    println!("\n{total}");
    if total.failed > 0 {
        bail!("{} failed; look for FAILED, `not ok` and `✖` above", total.failed);
    }
    if ci && total.skipped > 0 {
        bail!("{} could not run on this machine, and CI=true asks for all; look for SKIP above", total.skipped);
    }
    Ok(())
}

/// The directory for everything temporary of the tests, which tells their leaks from other programs' things. Its path is short,
/// since sockets lie in it, and unprivileged users may pass through, since a node's root is one.
fn scratch() -> Result<TempDir> {
    let dir = tempfile::Builder::new().prefix("slw-").tempdir().context("making a temporary directory")?;
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755)).context("opening the temporary directory")?;
    Ok(dir)
}

/// Removes the directory, unless a failed test has left something mounted in it: then what is mounted would be emptied too.
fn clear(dir: TempDir) -> Tally {
    let mounts = fs::read_to_string("/proc/self/mounts").unwrap_or_default();
    let inside = |mount: &str| mount.split(' ').nth(1).is_some_and(|place| Path::new(place).starts_with(dir.path()));
    if mounts.lines().any(inside) {
        println!("FAILED: {} is kept, since something is still mounted there", dir.keep().display());
        return Tally::of(false);
    }
    match dir.close() {
        Ok(()) => Tally::default(),
        Err(error) => failed("removing the tests' directory", &anyhow::Error::new(error)),
    }
}

struct Tests<'a> {
    layout: &'a Layout,
    /// Skipping is failing.
    ci: bool,
    /// This machine can run nodes.
    nodes: bool,
    /// For everything temporary.
    dir: &'a Path,
    /// What processes of this run have in their environment.
    mark: &'a str,
    /// What the runners told of failed tests.
    failures: &'a RefCell<Vec<String>>,
}

impl Tests<'_> {
    /// A cargo command that either succeeds or not.
    fn check(&self, title: &str, args: &[&str]) -> Result<Tally> {
        heading(title);
        let status =
            cargo().args(args).current_dir(&self.layout.root).stdin(Stdio::null()).status().context("cargo")?;
        if !status.success() {
            println!("FAILED: {title}: cargo {}", args.join(" "));
        }
        Ok(Tally::of(status.success()))
    }

    /// Unit tests and tests as root. What a passing test printed is shown as well, since a skip is told that way.
    fn rust(&self) -> Result<Tally> {
        heading("Rust tests");
        let mut command = cargo();
        command.args(["test", "--locked", "--no-fail-fast", "--", "--show-output"]);
        let mut tally = Tally::default();
        // The docker commands, ours and the real one, are compared on an engine of ours.
        let engine = if self.nodes && program("docker").is_some() {
            match self.engine() {
                Ok(engine) => Some(engine),
                Err(error) => {
                    tally += failed("starting an engine for the tests of the docker command", &error);
                    None
                }
            }
        } else {
            None
        };
        command.envs(engine.as_ref().map(|engine| ("SLIPWAY_TEST_DOCKER_HOST", engine.host())));
        command.envs(program("dockerd").map(|dockerd| ("SLIPWAY_DOCKERD", dockerd)));
        tally += self.counted(&mut command)?;
        Ok(tally)
    }

    /// An engine with one small image.
    fn engine(&self) -> Result<Engine> {
        let dir = self.dir.join("engine");
        fs::create_dir(&dir).with_context(|| format!("making {}", dir.display()))?;
        let (_, archive) = engine::busybox(&dir)?;
        let engine = Engine::ours(self.layout, &dir)?;
        engine.import(&archive, "busybox:latest")?;
        Ok(engine)
    }

    /// The browser tests, those of the whole path against a server of their own.
    fn browser(&self) -> Result<Tally> {
        heading("browser tests");
        let files = tests_in(&self.layout.root.join("web/tests"))?;
        let mut command = Command::new("node");
        // One file at a time: two browsers and a node on two cores only make each other slow.
        command.args(["--test", "--test-concurrency=1", "--test-reporter=spec"]).args(files);
        if !self.nodes {
            println!("SKIP: browser tests that need a server: this machine cannot run nodes");
            return Ok(Tally::skip() + self.counted(&mut command)?);
        }
        let listen =
            TcpListener::bind("127.0.0.1:0").and_then(|socket| socket.local_addr()).context("finding a free port")?;
        let data = self.dir.join("server");
        let mut server = match Server::start(self.layout, listen, &data, None, "warn") {
            Ok(server) => server,
            Err(error) => return Ok(failed("starting the server for the browser tests", &error)),
        };
        if let Err(error) = server.wait_until_ready() {
            return Ok(failed("the server for the browser tests", &error));
        }
        command.env("SLIPWAY_URL", format!("http://{listen}"));
        let mut tally = self.counted(&mut command)?;
        match server.end() {
            Ok(status) if status.success() => {}
            Ok(status) => tally += failed("the server's end", &anyhow::anyhow!("it ended with {status}")),
            Err(error) => tally += failed("the server's end", &error),
        }
        drop(server);
        Ok(tally)
    }

    /// The npm package of the image engine, in Node.js and in a browser.
    fn package(&self) -> Result<Tally> {
        heading("npm package");
        let dir = self.layout.root.join("engine-wasm/npm");
        // TypeScript, for the declarations.
        if let Err(error) = package::build(self.layout).and_then(|()| install_packages(&dir)) {
            return Ok(failed("building the npm package", &error));
        }
        let mut command = Command::new("node");
        command.args(["--test", "--test-concurrency=1", "--test-reporter=spec"]).args(tests_in(&dir.join("tests"))?);
        self.counted(command.env("SLIPWAY_PACKAGE", self.layout.package()))
    }

    /// Nothing of ours may be on the machine that was not there before.
    fn leaks(&self, ours: &Ours, before: &BTreeSet<String>) -> Tally {
        heading("leaks");
        let leaks = ours.leaks(before);
        for leak in &leaks {
            println!("FAILED: left behind: {leak}");
        }
        Tally::of(leaks.is_empty())
    }

    /// Runs a test runner with the machine's facts in its environment, passes its output on and counts in it.
    fn counted(&self, command: &mut Command) -> Result<Tally> {
        self.counted_into(command, &mut std::io::stdout())
    }

    fn counted_into(&self, command: &mut Command, out: &mut dyn Write) -> Result<Tally> {
        let program = command.get_program().display().to_string();
        command
            .env("SLIPWAY_NODE_AGENT", self.layout.node_agent())
            .env("SLIPWAY_NODE_IMAGE", self.layout.node_image())
            .env("SLIPWAY_LIBRARY", self.layout.library())
            .env("TMPDIR", self.dir)
            .env(MARK, self.mark)
            .current_dir(if program == "node" { self.layout.root.join("web") } else { self.layout.root.clone() })
            .stdin(Stdio::null())
            .stdout(Stdio::piped());
        if self.ci && self.nodes {
            command.env("SLIPWAY_REQUIRE_ROOT_TESTS", "1");
        }
        let mut child = command.spawn().with_context(|| format!("starting {program}"))?;
        let mut reader = Reader::default();
        // Stdio::piped() was asked for above.
        let output = child.stdout.take().expect("stdout is a pipe");
        for line in BufReader::new(output).split(b'\n') {
            let line = line.with_context(|| format!("reading what {program} prints"))?;
            let line = String::from_utf8_lossy(&line);
            writeln!(out, "{line}").context("passing on what a test printed")?;
            reader.read_line(&line);
        }
        let mut tally = reader.tally();
        self.failures.borrow_mut().extend(reader.failures());
        let status = child.wait().with_context(|| format!("waiting for {program}"))?;
        if !status.success() && tally.failed == 0 {
            // It did not come so far as to count: a test that does not compile, or a runner that crashed.
            writeln!(out, "FAILED: {program} ended with {status}").context("telling of a failure")?;
            tally += Tally::of(false);
        }
        Ok(tally)
    }
}

/// The files of a folder that Node.js runs as tests.
fn tests_in(dir: &Path) -> Result<Vec<PathBuf>> {
    let entries = fs::read_dir(dir).with_context(|| format!("listing {}", dir.display()))?.flatten();
    let paths = entries.map(|entry| entry.path());
    let mut files: Vec<PathBuf> = paths.filter(|path| path.to_string_lossy().ends_with(".test.mjs")).collect();
    files.sort();
    Ok(files)
}

fn failed(what: &str, error: &anyhow::Error) -> Tally {
    println!("FAILED: {what}: {error:#}");
    Tally::of(false)
}

fn heading(title: &str) {
    println!("\n== {title}");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counted(script: &str) -> Tally {
        let layout = Layout { root: PathBuf::from(env!("CARGO_MANIFEST_DIR")) };
        let dir = std::env::temp_dir();
        let failures = RefCell::default();
        let tests = Tests { layout: &layout, ci: false, nodes: false, dir: &dir, mark: "unit", failures: &failures };
        // Not on our own output, where the tally of this very test would count it.
        tests.counted_into(Command::new("sh").args(["-c", script]), &mut Vec::new()).expect("sh runs")
    }

    #[test]
    fn a_runner_that_dies_before_it_counts_is_a_failure() {
        assert_eq!(counted("exit 101"), Tally { passed: 0, failed: 1, skipped: 0 });
    }

    #[test]
    fn a_failure_that_the_runner_counted_is_counted_once() {
        let script = "echo 'test result: FAILED. 2 passed; 1 failed; 0 ignored'; exit 101";
        assert_eq!(counted(script), Tally { passed: 2, failed: 1, skipped: 0 });
    }
}
