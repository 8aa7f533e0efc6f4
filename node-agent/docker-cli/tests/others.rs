//! An image that we commit, save and push is read by skopeo and run by podman and dockerd, and what dockerd saves comes back to us.
//! Each of the others is left out where it is not installed.

mod common;

use common::{Lab, skip, wait_for};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

const PUSHED: &str = "127.0.0.1:5000/mine:1";

/// Something that runs beside the engine, ended when dropped.
struct Beside(Child);

impl Drop for Beside {
    fn drop(&mut self) {
        if let Ok(pid) = i32::try_from(self.0.id()).map(rustix::process::Pid::from_raw)
            && let Some(pid) = pid
        {
            // It may have ended by itself.
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
        }
        let _ = self.0.wait();
    }
}

fn good(output: &Output, what: &str) -> String {
    assert!(output.status.success(), "{what}: {output:?}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn installed(program: &str) -> bool {
    let there = Command::new(program).arg("--version").output().is_ok();
    if !there {
        skip(&format!("{program} is not installed"));
    }
    there
}

/// An engine with the image `mine:1`, saved and pushed.
fn lab() -> Option<(Lab, Beside)> {
    if !Path::new("/usr/bin/docker-registry").exists() {
        skip("docker-registry is not installed");
        return None;
    }
    let lab = Lab::new("others")?;
    let file = lab.dir.join("registry.yml");
    let text = format!(
        "version: 0.1\nlog: {{level: error, accesslog: {{disabled: true}}}}\nstorage: {{filesystem: {{rootdirectory: {}}}}}\nhttp: {{addr: \"127.0.0.1:5000\"}}\n",
        lab.dir.join("registry").display()
    );
    std::fs::write(&file, text).expect("a file");
    assert!(lab.inside("ip").args(["link", "set", "lo", "up"]).status().is_ok_and(|s| s.success()));
    let mut serve = lab.inside("docker-registry");
    let registry =
        serve.arg("serve").arg(file).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("a registry");
    lab.ok(&["run", "--name", "maker", "alpine", "sh", "-c", "echo by us > /made; rm /etc/issue; ln /made /hard"]);
    let path = "ENV PATH=/usr/bin:/bin:/usr/sbin:/sbin";
    lab.ok(&["commit", "-c", "CMD [\"cat\", \"/made\", \"/hard\"]", "-c", path, "maker", "mine:1"]);
    lab.ok(&["rm", "maker"]);
    lab.ok(&["tag", "mine:1", PUSHED]);
    wait_for("the registry to take the image", || lab.docker(&["push", "-q", PUSHED]).status.success().then_some(()));
    lab.ok(&["save", "-o", &lab.dir.join("saved.tar").display().to_string(), "mine:1"]);
    Some((lab, Beside(registry)))
}

fn by_skopeo(lab: &Lab) {
    let saved = lab.dir.join("saved.tar").display().to_string();
    let inspect =
        |args: &[&str]| good(&lab.inside("skopeo").arg("inspect").args(args).output().expect("skopeo"), "skopeo");
    for source in [format!("docker-archive:{saved}:mine:1"), format!("oci-archive:{saved}")] {
        assert!(inspect(&["--config", &source]).contains("/hard"), "{source}");
    }
    let pushed = inspect(&["--tls-verify=false", &format!("docker://{PUSHED}")]);
    assert!(pushed.contains("\"Name\": \"127.0.0.1:5000/mine\""), "{pushed}");
}

fn by_podman(lab: &Lab) {
    let podman = |args: &[&str]| {
        let (root, run) = (lab.dir.join("podman"), lab.dir.join("podman-run"));
        let mut command = lab.inside("podman");
        command.arg("--root").arg(root).arg("--runroot").arg(run);
        command.args(["--storage-driver", "vfs", "--cgroup-manager", "cgroupfs", "--events-backend", "file"]);
        command.args(["--runtime", "runc"]).args(args);
        good(&command.output().expect("podman"), &format!("podman {args:?}"))
    };
    // Without the right to raise limits podman's own would be refused.
    let limits = ["--ulimit", "nofile=1000:1000", "--ulimit", "nproc=1000:1000"];
    let run = ["run", "--rm", "--network", "none"];
    let run = [&run[..], &limits[..]].concat();
    podman(&["load", "-q", "-i", &lab.dir.join("saved.tar").display().to_string()]);
    assert_eq!(podman(&[&run[..], &["mine:1"]].concat()), "by us\nby us\n");
    podman(&["pull", "-q", "--tls-verify=false", PUSHED]);
    assert_eq!(podman(&[&run[..], &[PUSHED]].concat()), "by us\nby us\n");
}

fn by_dockerd(lab: &Lab) {
    let (dir, socket) = (lab.dir.join("dockerd"), lab.dir.join("dockerd.sock"));
    let host = format!("unix://{}", socket.display());
    let mut command = lab.inside("dockerd");
    command.arg("--data-root").arg(dir.join("data")).arg("--exec-root").arg(dir.join("exec"));
    command.arg("--pidfile").arg(lab.dir.join("dockerd.pid")).args(["--iptables=false", "-H", &host]);
    let daemon = Beside(command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("dockerd"));
    let docker = |args: &[&str]| {
        let mut command = lab.command(args);
        command.env("DOCKER_HOST", &host).stdin(Stdio::null());
        command.output().expect("our docker")
    };
    wait_for("dockerd to answer", || docker(&["version"]).status.success().then_some(()));
    let saved = lab.dir.join("saved.tar").display().to_string();
    let ok = |args: &[&str]| good(&docker(args), &format!("dockerd: {args:?}"));
    assert_eq!(ok(&["load", "-i", &saved]), "Loaded image: mine:1\n");
    assert_eq!(ok(&["run", "--rm", "--network", "none", "mine:1"]), "by us\nby us\n");
    ok(&["pull", "-q", PUSHED]);
    assert_eq!(ok(&["run", "--rm", "--network", "none", PUSHED]), "by us\nby us\n");
    let back = lab.dir.join("back.tar").display().to_string();
    ok(&["save", "-o", &back, "mine:1"]);
    drop(daemon);
    let id = lab.ok(&["images", "-q", "--no-trunc", "mine:1"]);
    lab.ok(&["rmi", "-f", "mine:1", PUSHED]);
    lab.ok(&["load", "-i", &back]);
    assert_eq!(lab.ok(&["images", "-q", "--no-trunc", "mine:1"]), id, "the same image");
    assert_eq!(lab.ok(&["run", "--rm", "mine:1"]), "by us\nby us");
}

#[test]
fn what_we_save_and_push_is_read_and_run_by_others() {
    let Some((lab, _registry)) = lab() else { return };
    if installed("skopeo") {
        by_skopeo(&lab);
    }
    if installed("podman") && installed("runc") {
        by_podman(&lab);
    }
    if installed("dockerd") {
        by_dockerd(&lab);
    }
}
