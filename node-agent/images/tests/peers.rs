//! Side by side with a real dockerd, on the same containers and the same data root. Runs where `SLIPWAY_DOCKERD` names the
//! daemon's binary (its helpers beside it or in PATH); compared with 20.10.24 of Debian 12.

mod common;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use common::{root_or_skip, small_root};
use slipway_images::{ChangeKind, Reference, Store};

struct Dockerd {
    daemon: Child,
    dir: PathBuf,
}

impl Dockerd {
    fn start(dir: &Path) -> Option<Self> {
        let Some(program) = std::env::var_os("SLIPWAY_DOCKERD").map(PathBuf::from) else {
            eprintln!("SKIP: SLIPWAY_DOCKERD is not set");
            return None;
        };
        let mut path = std::ffi::OsString::new();
        for dir in [program.parent().unwrap(), &program.parent().unwrap().join("../bin")] {
            path.push(dir);
            path.push(":");
        }
        path.push(std::env::var_os("PATH").unwrap());
        fs::create_dir_all(dir).unwrap();
        let _ = fs::remove_file(dir.join("pid"));
        let daemon = Command::new("unshare")
            .args(["-n", "-m"])
            .arg(&program)
            .arg("--data-root")
            .arg(dir.join("data"))
            .arg("--exec-root")
            .arg(dir.join("exec"))
            .arg("-H")
            .arg(format!("unix://{}/d.sock", dir.display()))
            .arg("-p")
            .arg(dir.join("pid"))
            .args(["--iptables=false", "--bridge=none", "--storage-driver=overlay2"])
            .env("PATH", path)
            .stdout(Stdio::null())
            .stderr(fs::File::create(dir.join("log")).unwrap())
            .spawn()
            .unwrap();
        let dockerd = Self { daemon, dir: dir.to_owned() };
        let until = Instant::now() + Duration::from_secs(60);
        while dockerd.command(&["version"]).output().is_ok_and(|output| !output.status.success()) {
            let log = fs::read_to_string(dir.join("log")).unwrap();
            assert!(Instant::now() < until, "dockerd does not start: {log}");
            std::thread::sleep(Duration::from_millis(50));
        }
        Some(dockerd)
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new("docker");
        command.arg("-H").arg(format!("unix://{}/d.sock", self.dir.display())).args(args);
        command
    }

    fn docker(&self, args: &[&str]) -> String {
        let output = self.command(args).output().unwrap();
        assert!(output.status.success(), "docker {args:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().trim_end().to_owned()
    }

    fn stop(self) {
        drop(self);
    }
}

impl Drop for Dockerd {
    fn drop(&mut self) {
        let pid = rustix::process::Pid::from_child(&self.daemon);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
        self.daemon.wait().unwrap();
        for mount in [self.dir.join("data/overlay2"), self.dir.join("data")] {
            let _ = rustix::mount::unmount(&mount, rustix::mount::UnmountFlags::DETACH);
        }
    }
}

const SCRIPT: &str = "set -e
echo 12345 > /tmp/new; mkdir /tmp/dir; ln /tmp/new /tmp/dir/link
chmod 600 /etc/passwd; rm -r /media; rm -r /usr/share; mkdir /usr/share; echo c > /usr/share/c
rm /etc/motd; mkdir /etc/motd; echo x > /etc/motd/in; ln -s /etc/passwd /bin/ln2
touch -d @1 /etc/issue; mkfifo /tmp/fifo; chown 12:13 /etc/hostname.not 2>/dev/null || true
rm /etc/alpine-release; echo new > /etc/alpine-release; mknod /dev/sda1 b 8 1 2>/dev/null || true
mkdir -p '/srv/deep/with space'; echo ü > '/srv/deep/with space/ü'; chmod 4755 /bin/busybox";

/// What is in a tar archive, a line an entry in its order.
fn listing(archive: &[u8]) -> Vec<String> {
    let mut archive = tar::Archive::new(archive);
    let line = |entry: std::io::Result<tar::Entry<'_, &[u8]>>| {
        let entry = entry.unwrap();
        let header = entry.header();
        let link = entry.link_name().unwrap().map(|link| link.display().to_string()).unwrap_or_default();
        format!(
            "{} {:?} {:o} {}:{} {} {} {link}",
            entry.path().unwrap().display(),
            header.entry_type(),
            header.mode().unwrap() & 0o7777,
            header.uid().unwrap(),
            header.gid().unwrap(),
            header.size().unwrap(),
            header.mtime().unwrap(),
        )
    };
    archive.entries().unwrap().map(line).collect()
}

#[test]
fn dockerd_and_this_store_agree_on_the_same_data_root() {
    if !root_or_skip() {
        return;
    }
    let temp = tempfile::tempdir().unwrap();
    let dir = temp.path().join("d");
    let Some(dockerd) = Dockerd::start(&dir) else {
        return;
    };
    let Some(alpine) = small_root(temp.path()) else { return };
    dockerd.docker(&["import", "-c", "CMD [\"sh\"]", alpine.to_str().unwrap(), "alpine:3"]);
    let run = ["run", "--name", "changer", "--network", "none", "alpine:3", "sh", "-c", SCRIPT];
    dockerd.docker(&run);
    let container = dockerd.docker(&["inspect", "-f", "{{.Id}}", "changer"]);
    let mut said: Vec<String> = dockerd.docker(&["diff", "changer"]).lines().map(str::to_owned).collect();
    said.sort();
    assert!(said.len() > 15, "dockerd saw the changes: {said:?}");
    let committed = dockerd.docker(&["commit", "-m", "hello", "changer", "changed:1"]);
    let size = dockerd.docker(&["inspect", "-s", "-f", "{{.SizeRw}} {{.SizeRootFs}}", "changer"]);
    dockerd.docker(&["save", "-o", dir.join("theirs.tar").to_str().unwrap(), "alpine:3", "changed:1"]);
    let images = dockerd.docker(&["images", "--no-trunc", "--format", "{{.ID}}"]);
    dockerd.stop();

    let store = Store::open(&dir.join("data")).unwrap();
    let mut ids: Vec<&str> = images.lines().collect();
    ids.sort_unstable();
    let mut ours: Vec<String> = store.images().iter().map(|summary| summary.image.id.to_string()).collect();
    ours.sort();
    assert_eq!(ours, ids);
    let base = store.resolve("alpine:3").unwrap();
    let changed = store.resolve("changed:1").unwrap();
    assert_eq!(changed.to_string(), committed);
    assert_eq!(store.parent(&changed), Some(base));
    let letter = |kind| match kind {
        ChangeKind::Modified => 'C',
        ChangeKind::Added => 'A',
        ChangeKind::Deleted => 'D',
    };
    let changes = store.changes(&container).unwrap();
    let mut mine: Vec<String> =
        changes.iter().map(|change| format!("{} {}", letter(change.kind), change.path.display())).collect();
    mine.sort();
    assert_eq!(mine, said, "docker diff");
    let rw = store.rw_size(&container).unwrap();
    assert_eq!(size, format!("{rw} {}", rw + store.image(&base).unwrap().size), "docker inspect -s");

    let top = store.image(&changed).unwrap().chain_id().unwrap();
    let (mut theirs, mut diff) = (Vec::new(), Vec::new());
    store.write_layer_tar(&top, &mut theirs).unwrap();
    store.write_rw_diff(&container, &mut diff).unwrap();
    assert_eq!(listing(&diff), listing(&theirs), "docker commit");
    drop(store);

    // Theirs loads here, ours loads there, and they run what is ours.
    let second = temp.path().join("e");
    let store = Store::open(&second.join("data")).unwrap();
    store.load(fs::File::open(dir.join("theirs.tar")).unwrap(), None, &mut |_| {}).unwrap();
    assert_eq!(store.resolve("changed:1"), Ok(changed));
    let mut archive = fs::File::create(temp.path().join("ours.tar")).unwrap();
    store.save(&["alpine:3".into(), "changed:1".into()], &mut archive).unwrap();
    store.tag(&Reference::parse("mine:1").unwrap(), &changed).unwrap();
    drop(store);
    let dockerd = Dockerd::start(&second).unwrap();
    let cat = ["run", "--rm", "--network", "none", "mine:1", "cat", "/etc/alpine-release", "/usr/share/c"];
    assert_eq!(dockerd.docker(&cat), "new\nc", "dockerd runs what this store has registered");
    dockerd.docker(&["save", "-o", second.join("again.tar").to_str().unwrap(), "mine:1"]);
    dockerd.docker(&["rmi", "mine:1", "changed:1", "alpine:3"]);
    dockerd.docker(&["load", "-i", temp.path().join("ours.tar").to_str().unwrap()]);
    assert_eq!(dockerd.docker(&["inspect", "-f", "{{.Id}}", "changed:1"]), committed);
    dockerd.docker(&["rmi", "changed:1", "alpine:3"]);
    dockerd.stop();
}
