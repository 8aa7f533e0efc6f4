//! Where Dockerfiles are built: an engine of our own that lives as long as the build, on sockets that nobody else sees. It pulls what
//! they start from out of the very library that is being made. Its data lie in the library, so that a build that was interrupted
//! goes on with the steps that are done; they go when everything is built.

use std::ffi::OsString;
use std::fs::{self, File};
use std::hash::{BuildHasher, RandomState};
use std::io::{BufRead, BufReader, ErrorKind, Write};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::error::Error;
use super::layout::Layout;
use super::recipe::{Part, Recipe};

/// How long the engine may take to listen.
const PATIENCE: Duration = Duration::from_secs(30);
/// Lines of a failed build that are shown.
const TAIL: usize = 40;
/// What the scratch directory is called, before chance goes on.
const PREFIX: &str = "slipway-library-";
/// The file among the engine's data that says where the scratch directory is.
const SCRATCH: &str = "scratch";
/// The control group of the steps' containers, apart from those of other engines.
const CGROUP: &str = "slipway-library";

/// A running engine.
#[derive(Debug)]
pub(super) struct Workshop {
    program: PathBuf,
    engine: Child,
    /// Sockets, contexts and archives; short, since a socket's path must be.
    dir: tempfile::TempDir,
    data: PathBuf,
    /// Ends the registry when it goes.
    _registry: tokio::runtime::Runtime,
}

impl Workshop {
    /// Starts the engine. Only root can, since steps run in namespaces and mounts.
    pub(super) fn open(layout: &Layout) -> Result<Self, Error> {
        if !rustix::process::geteuid().is_root() {
            return Err(Error::NotRoot);
        }
        let program = std::env::current_exe().map_err(Error::io("finding", Path::new("/proc/self/exe")))?;
        let data = layout.workshop();
        sweep_scratch(&data);
        fs::create_dir_all(&data).map_err(Error::io("making", &data))?;
        let temporary = std::env::temp_dir();
        let name = format!("{PREFIX}{:016x}", RandomState::new().hash_one(()));
        // Noted before it is made: whenever we are killed, the next build finds it.
        let note = data.join(SCRATCH);
        fs::write(&note, temporary.join(&name).as_os_str().as_bytes()).map_err(Error::io("writing", &note))?;
        let dir = tempfile::Builder::new().prefix(&name).rand_bytes(0).tempdir_in(&temporary);
        let dir = dir.map_err(Error::io("making a directory in", &temporary))?;
        let registry = serve(layout, &dir.path().join("library.sock"))?;
        let log = data.join("engine.log");
        let log = File::create(&log).map_err(Error::io("making", &log))?;
        let engine = inside()
            .arg(&program)
            .args(["engine", "--host"])
            .arg(socket(dir.path()))
            .arg("--data-root")
            .arg(data.join("docker"))
            .arg("--exec-root")
            .arg(dir.path().join("exec"))
            .arg("--registry-mirror")
            .arg(format!("unix://{}", dir.path().join("library.sock").display()))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .map_err(|source| Error::Tool { tool: "setpriv", package: "util-linux", source })?;
        let mut workshop = Self { program, engine, dir, data, _registry: registry };
        workshop.wait()?;
        Ok(workshop)
    }

    fn wait(&mut self) -> Result<(), Error> {
        let begun = Instant::now();
        let ended = |what: String| Error::Engine { what };
        while UnixStream::connect(self.dir.path().join("engine.sock")).is_err() {
            let status = self.engine.try_wait().map_err(|error| ended(error.to_string()))?;
            let log = || tail(&self.data.join("engine.log"));
            if let Some(status) = status {
                return Err(ended(format!("it ended with {status}: {}", log())));
            }
            if begun.elapsed() > PATIENCE {
                return Err(ended(format!("it does not listen after {} seconds: {}", PATIENCE.as_secs(), log())));
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }

    /// Builds a recipe's Dockerfile and leaves the image as an archive, whose path it returns.
    pub(super) fn build(&self, recipe: &Recipe, context: &[Part], anew: bool) -> Result<PathBuf, Error> {
        let short = recipe.name.replace('/', "-");
        let place = self.dir.path().join(&short);
        write(&place, context)?;
        let tag = format!("slipway-library/{short}");
        let mut command = self.docker(["build", "--network", "host", "--force-rm", "--pull", "--tag", &tag]);
        command.args(["--cgroup-parent", CGROUP]);
        if anew {
            command.arg("--no-cache");
        }
        let log = self.data.join(format!("{short}.log"));
        let mut child = command
            .arg(&place)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(Error::io("starting", &self.program))?;
        // Both were asked for above.
        let (out, err) =
            (child.stdout.take().expect("stdout is a pipe"), child.stderr.take().expect("stderr is a pipe"));
        let file = File::create(&log).map_err(Error::io("making", &log))?;
        let errors = file.try_clone().map_err(Error::io("opening", &log))?;
        std::thread::scope(|scope| {
            scope.spawn(|| follow(err, errors, |_| ()));
            follow(out, file, |line| {
                if line.starts_with("Step ") {
                    eprintln!("{}: {}", recipe.name, shortened(line));
                }
            });
        });
        let status = child.wait().map_err(Error::io("waiting for", &self.program))?;
        if !status.success() {
            return Err(Error::Build { image: recipe.name, log: tail(&log), path: log });
        }
        let archive = self.dir.path().join(format!("{short}.tar"));
        let saved = self.docker(["save", "--output"]).arg(&archive).arg(&tag).output();
        let saved = saved.map_err(Error::io("starting", &self.program))?;
        if !saved.status.success() {
            let log = String::from_utf8_lossy(&saved.stderr).trim().to_owned();
            return Err(Error::Build { image: recipe.name, log, path: archive });
        }
        Ok(archive)
    }

    fn docker<const N: usize>(&self, args: [&str; N]) -> Command {
        let mut command = Command::new(&self.program);
        command.args(["docker", "--host"]).arg(socket(self.dir.path())).args(args);
        // What the person who builds has set up for other engines does not count here.
        command.env("DOCKER_CONFIG", self.dir.path().join("config")).env_remove("DOCKER_CONTEXT");
        command
    }

    /// Ends the engine and removes its data: everything is built.
    pub(super) fn close(self) -> Result<(), Error> {
        let data = self.data.clone();
        drop(self);
        fs::remove_dir_all(&data).map_err(Error::io("removing", &data))
    }

    /// Removes what a build has left that was killed when everything was built already.
    pub(super) fn clear(layout: &Layout) -> Result<(), Error> {
        let data = layout.workshop();
        sweep_scratch(&data);
        match fs::remove_dir_all(&data) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(Error::io("removing", &data)(error)),
            _ => Ok(()),
        }
    }
}

/// Removes the directory of sockets, contexts and archives that a killed build could not remove itself.
fn sweep_scratch(data: &Path) {
    let Ok(path) = fs::read(data.join(SCRATCH)).map(|path| PathBuf::from(OsString::from_vec(path))) else { return };
    let ours = path.file_name().is_some_and(|name| name.as_bytes().starts_with(PREFIX.as_bytes()));
    if ours && path.parent() == Some(&std::env::temp_dir()) {
        // If it stays, it takes up room and nothing else.
        let _ = fs::remove_dir_all(path);
    }
}

impl Drop for Workshop {
    fn drop(&mut self) {
        // It is process 1 of its namespace and the kernel ends and unmounts what it leaves; so nothing has to be waited for but itself.
        let _ = self.engine.kill();
        let _ = self.engine.wait();
        sweep_cgroups();
    }
}

/// Removes control groups that a killed engine has left empty.
fn sweep_cgroups() {
    let hierarchies = fs::read_dir("/sys/fs/cgroup").into_iter().flatten().flatten().map(|entry| entry.path());
    for hierarchy in hierarchies.chain([PathBuf::from("/sys/fs/cgroup")]) {
        let group = hierarchy.join(CGROUP);
        for child in fs::read_dir(&group).into_iter().flatten().flatten() {
            // Only groups are directories here; one that is in use stays.
            let _ = fs::remove_dir(child.path());
        }
        let _ = fs::remove_dir(group);
    }
}

/// A command in mount and pid namespaces of its own, which ends with us however and whenever we end. A parent that dies tells only children
/// that have asked for it already; so both children, once they have asked, look whether theirs was alive then: the first at its parent's id,
/// process 1 of the namespaces at the program of `unshare`, which a dead process has no longer.
pub(super) fn inside() -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL", "--", "sh", "-c"]);
    command.arg(r#"test "$PPID" = "$0" && exec 9</proc/self && exec "$@""#).arg(std::process::id().to_string());
    command.args(["unshare", "--mount-proc", "--propagation", "private", "--pid", "--fork", "--kill-child"]);
    command.args(["sh", "-c", r#"test -e /proc/self/fd/9/exe && exec "$@" 9<&-"#, "sh"]);
    command
}

fn socket(dir: &Path) -> String {
    format!("unix://{}", dir.join("engine.sock").display())
}

/// The library as a registry on a socket.
fn serve(layout: &Layout, socket: &Path) -> Result<tokio::runtime::Runtime, Error> {
    let failed = Error::io("listening on", socket);
    let started = || {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        let routes = crate::registry::reading(layout.dir().to_owned());
        let listener = {
            let _entered = runtime.enter();
            tokio::net::UnixListener::bind(socket)?
        };
        runtime.spawn(async move { axum::serve(listener, routes).await });
        Ok(runtime)
    };
    started().map_err(failed)
}

/// Lays a build context out.
fn write(place: &Path, context: &[Part]) -> Result<(), Error> {
    for part in context {
        let path = place.join(part.path);
        let parent = path.parent().unwrap_or(place);
        fs::create_dir_all(parent).map_err(Error::io("making", parent))?;
        fs::write(&path, part.bytes()).map_err(Error::io("writing", &path))?;
        // Whatever the umask is here.
        let mut dir = parent;
        while dir != place.parent().unwrap_or(place) {
            fs::set_permissions(dir, fs::Permissions::from_mode(0o755)).map_err(Error::io("changing", dir))?;
            dir = dir.parent().unwrap_or(place);
        }
        fs::set_permissions(&path, fs::Permissions::from_mode(part.mode)).map_err(Error::io("changing", &path))?;
    }
    Ok(())
}

fn follow(from: impl std::io::Read, mut log: File, mut each: impl FnMut(&str)) {
    let mut lines = BufReader::new(from);
    let mut line = Vec::new();
    while lines.read_until(b'\n', &mut line).is_ok_and(|read| read > 0) {
        // The log only helps to explain a failure.
        let _ = log.write_all(&line);
        each(String::from_utf8_lossy(&line).trim_end());
        line.clear();
    }
}

fn tail(path: &Path) -> String {
    let text = fs::read_to_string(path).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(TAIL)..].join("\n")
}

fn shortened(line: &str) -> String {
    let line = line.split("  ").next().unwrap_or(line);
    if line.chars().count() <= 100 { line.to_owned() } else { line.chars().take(97).chain("...".chars()).collect() }
}
