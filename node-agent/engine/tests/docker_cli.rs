//! The machine's real `docker` command line against an engine in mount and network namespaces of its own: the first
//! lesson's path, errors, and an engine that is killed while a container runs. Needs root, docker, and an Alpine root.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

struct Lab {
    dir: PathBuf,
    agent: PathBuf,
    holder: Child,
    engine: Option<Child>,
}

fn skip(why: &str) {
    assert!(std::env::var("SLIPWAY_REQUIRE_ROOT_TESTS").as_deref() != Ok("1"), "cannot run: {why}");
    eprintln!("SKIP: {why}");
}

fn alpine() -> Option<PathBuf> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/images");
    let mut found: Vec<PathBuf> = std::fs::read_dir(dir).ok()?.flatten().map(|e| e.path()).collect();
    found.retain(|p| p.file_name().is_some_and(|n| n.to_string_lossy().starts_with("alpine-minirootfs-")));
    found.sort();
    found.pop()
}

impl Lab {
    fn new(name: &str) -> Option<Self> {
        if !nix::unistd::geteuid().is_root() {
            skip("root is needed");
            return None;
        }
        let target = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/debug");
        let agent =
            std::env::var_os("SLIPWAY_NODE_AGENT").map_or_else(|| target.join("examples/node-agent"), PathBuf::from);
        let Some(root) = alpine() else {
            skip("no Alpine root file system beside the workspace");
            return None;
        };
        if !agent.exists() || Command::new("docker").arg("--version").output().is_err() {
            skip("a built node-agent and the docker command are needed");
            return None;
        }
        let dir = PathBuf::from(format!("/tmp/slipway-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&dir).expect("a fresh directory");
        let holder = Command::new("unshare")
            .args(["-n", "-m", "--propagation", "private", "sleep", "600"])
            .spawn()
            .expect("unshare");
        let mut lab = Self { dir, agent, holder, engine: None };
        lab.start();
        let tar = std::fs::File::open(root).expect("the root file system");
        let imported = lab.command(&["import", "-", "alpine"]).stdin(tar).output().expect("docker");
        assert!(imported.status.success(), "{imported:?}");
        Some(lab)
    }

    fn start(&mut self) {
        let path = |name: &str| self.dir.join(name).display().to_string();
        let pid = self.holder.id().to_string();
        let deadline = Instant::now() + Duration::from_secs(20);
        // The namespaces exist once the holder has become `sleep`.
        while std::fs::read_to_string(format!("/proc/{pid}/comm")).is_ok_and(|c| c.trim() != "sleep") {
            assert!(Instant::now() < deadline, "unshare did not get going");
            std::thread::sleep(Duration::from_millis(5));
        }
        let engine = Command::new("nsenter")
            .args(["-t", &pid, "-n", "-m"])
            .arg(&self.agent)
            .args([
                "engine",
                "--host",
                &format!("unix://{}", path("d.sock")),
                "--data-root",
                &path("data"),
                "--exec-root",
                &path("exec"),
            ])
            .stderr(Stdio::null())
            .spawn()
            .expect("nsenter");
        self.engine = Some(engine);
        while !self.docker(&["version"]).status.success() {
            assert!(Instant::now() < deadline, "the engine does not answer");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn kill_engine(&mut self) {
        let mut engine = self.engine.take().expect("a running engine");
        engine.kill().expect("kill");
        engine.wait().expect("wait");
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new("docker");
        command.arg("-H").arg(format!("unix://{}", self.dir.join("d.sock").display())).args(args);
        command
    }

    fn docker(&self, args: &[&str]) -> Output {
        self.command(args).stdin(Stdio::null()).output().expect("docker")
    }

    /// Output of a command that must succeed.
    fn ok(&self, args: &[&str]) -> String {
        let output = self.docker(args);
        assert!(output.status.success(), "docker {args:?}: {output:?}");
        String::from_utf8(output.stdout).expect("UTF-8").trim().to_owned()
    }

    /// Exit code and stderr of a command that must fail.
    fn fails(&self, args: &[&str]) -> (Option<i32>, String) {
        let output = self.docker(args);
        assert!(!output.status.success(), "docker {args:?} should fail");
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        if self.engine.is_some() {
            let ids = self.docker(&["ps", "-aq"]);
            for id in String::from_utf8_lossy(&ids.stdout).split_whitespace() {
                self.docker(&["rm", "-f", id]);
            }
            self.kill_engine();
        }
        let _ = self.holder.kill();
        let _ = self.holder.wait();
        let _ = std::fs::remove_dir_all(&self.dir);
    }
}

#[test]
fn the_first_lesson_works_with_the_real_command_line() {
    let Some(lab) = Lab::new("lesson") else { return };
    lab.ok(&["run", "--name", "first", "alpine", "sh", "-c", "touch /new; echo x >> /etc/motd; rm /etc/issue"]);
    assert_eq!(lab.ok(&["diff", "first"]), "C /etc\nC /etc/motd\nD /etc/issue\nA /new");
    assert!(lab.ok(&["container", "ls", "-a"]).contains("Exited (0)"));
    lab.ok(&["commit", "-m", "message", "-a", "author", "first", "figlet"]);
    assert_eq!(lab.ok(&["image", "inspect", "-f", "{{.Comment}} {{.Author}}", "figlet"]), "message author");
    lab.ok(&["image", "tag", "figlet", "our:v1"]);
    assert_eq!(lab.ok(&["run", "--rm", "our:v1", "ls", "/new"]), "/new");
    assert_eq!(lab.ok(&["ps", "-aq"]).lines().count(), 1, "--rm leaves nothing");
    let mut cat = lab.command(&["run", "-i", "--rm", "alpine", "cat"]);
    let mut cat = cat.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("docker");
    cat.stdin.take().expect("stdin").write_all(b"hi\n").expect("write");
    assert_eq!(cat.wait_with_output().expect("docker").stdout, b"hi\n");
    lab.ok(&[
        "run",
        "-d",
        "--name",
        "web",
        "alpine",
        "sh",
        "-c",
        "trap 'exit 3' TERM; echo up; while :; do sleep 0.1; done",
    ]);
    assert_eq!(lab.ok(&["exec", "-e", "A=1", "-w", "/tmp", "web", "sh", "-c", "echo $A; pwd"]), "1\n/tmp");
    assert_eq!(lab.fails(&["exec", "web", "sh", "-c", "exit 5"]).0, Some(5));
    lab.ok(&["stop", "web"]);
    assert_eq!(lab.ok(&["wait", "web"]), "3");
    assert_eq!(lab.ok(&["logs", "web"]), "up");
    lab.ok(&["rm", "web"]);
}

#[test]
fn failures_have_dockers_words_and_exit_codes() {
    let Some(lab) = Lab::new("errors") else { return };
    let (code, text) = lab.fails(&["run", "--name", "gone", "alpine", "nope"]);
    assert_eq!(code, Some(127));
    assert!(text.contains("exec: \"nope\": executable file not found in $PATH"), "{text}");
    assert_eq!(lab.ok(&["inspect", "-f", "{{.State.Status}} {{.State.ExitCode}}", "gone"]), "created 127");
    assert_eq!(lab.fails(&["run", "--rm", "alpine", "/etc"]).0, Some(126));
    assert_eq!(lab.fails(&["run", "--rm", "alpine", "sh", "-c", "exit 7"]).0, Some(7));
    assert!(
        lab.fails(&["run", "--name", "gone", "alpine", "true"])
            .1
            .contains("The container name \"/gone\" is already in use by container")
    );
    assert!(lab.fails(&["rm", "nothing"]).1.contains("No such container: nothing"));
    assert!(lab.fails(&["image", "inspect", "nothing"]).1.contains("No such image: nothing:latest"));
    let (_, text) = lab.fails(&["run", "--rm", "-u", "bob", "alpine", "id"]);
    assert!(text.contains("unable to find user bob: no matching entries in passwd file"), "{text}");
}

#[test]
fn containers_survive_a_killed_engine() {
    let Some(mut lab) = Lab::new("survive") else { return };
    lab.ok(&[
        "run",
        "-d",
        "--name",
        "long",
        "alpine",
        "sh",
        "-c",
        "trap 'exit 9' TERM; while :; do echo tick; sleep 0.1; done",
    ]);
    lab.ok(&["run", "-d", "--name", "short", "alpine", "sh", "-c", "sleep 0.5; exit 4"]);
    let pid = lab.ok(&["inspect", "-f", "{{.State.Pid}}", "short"]);
    lab.kill_engine();
    let deadline = Instant::now() + Duration::from_secs(20);
    while Path::new("/proc").join(&pid).exists() {
        assert!(Instant::now() < deadline, "the short container does not end");
        std::thread::sleep(Duration::from_millis(20));
    }
    lab.start();
    assert_eq!(lab.ok(&["wait", "short"]), "4");
    assert_eq!(lab.ok(&["inspect", "-f", "{{.State.Running}}", "long"]), "true");
    assert_eq!(lab.ok(&["exec", "long", "echo", "still"]), "still");
    assert!(lab.ok(&["logs", "--tail", "3", "long"]).contains("tick"));
    lab.ok(&["stop", "long"]);
    assert_eq!(lab.ok(&["inspect", "-f", "{{.State.ExitCode}}", "long"]), "9");
}
