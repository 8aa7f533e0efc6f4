//! What the tests of builds share: a base image of busybox alone, and a look at what a build has left in the store.
#![allow(dead_code)] // each test file uses its own part

use std::collections::BTreeSet;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::{Lab, REAL, skip, wait_for};

/// What the real client says of the classic builder before all else, with `DOCKER_BUILDKIT=0`.
pub(crate) const DEPRECATED: &str = "DEPRECATED: The legacy builder is deprecated and will be removed in a future release.\n            BuildKit is currently disabled; enable it by removing the DOCKER_BUILDKIT=0\n            environment-variable.\n\n";

/// A root file system of busybox alone, the same as dockerd's when the cases were recorded.
pub(crate) fn import_base(lab: &Lab) -> bool {
    let Some(busybox) = ["/bin/busybox", "/usr/bin/busybox"].into_iter().find(|path| Path::new(path).exists()) else {
        skip("no busybox is installed");
        return false;
    };
    let names = Command::new(busybox).arg("--list").output().expect("busybox runs");
    let mut tar = tar::Builder::new(Vec::new());
    let header = |kind: tar::EntryType, mode: u32| {
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(kind);
        header.set_mode(mode);
        header.set_size(0);
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(0);
        header
    };
    for dir in ["bin/", "etc/", "proc/", "root/", "tmp/"] {
        tar.append_data(&mut header(tar::EntryType::Directory, 0o755), dir, std::io::empty()).expect("a directory");
    }
    let mut file = |name: &str, mode: u32, content: &[u8]| {
        let mut head = header(tar::EntryType::Regular, mode);
        head.set_size(content.len() as u64);
        tar.append_data(&mut head, name, content).expect("a file");
    };
    file("bin/busybox", 0o755, &std::fs::read(busybox).expect("busybox"));
    let passwd = "root:x:0:0:root:/root:/bin/sh\napp:x:1000:1001:app:/home/app:/bin/sh\n";
    file("etc/passwd", 0o644, passwd.as_bytes());
    file("etc/group", 0o644, b"root:x:0:\napp:x:1001:\n");
    for name in String::from_utf8_lossy(&names.stdout).lines().filter(|name| *name != "busybox") {
        let mut head = header(tar::EntryType::Symlink, 0o777);
        tar.append_link(&mut head, format!("bin/{name}"), "busybox").expect("a link");
    }
    let archive = tar.into_inner().expect("an archive");
    let mut import = lab.command(&["import", "-", "base"]).stdin(Stdio::piped()).spawn().expect("our docker starts");
    import.stdin.take().expect("a pipe").write_all(&archive).expect("the archive is taken");
    assert!(import.wait().expect("the import ends").success());
    let static_enough = lab.docker(&["run", "--rm", "base", "true"]).status.success();
    if !static_enough {
        skip("busybox is not static: it does not run alone");
    }
    static_enough
}

/// An engine with the base image; `None` where the machine cannot.
pub(crate) fn lab(name: &str) -> Option<Lab> {
    let lab = Lab::bare(name)?;
    import_base(&lab).then_some(lab)
}

pub(crate) fn write(dir: &Path, name: &str, text: &str) {
    std::fs::create_dir_all(dir).expect("a directory");
    std::fs::write(dir.join(name), text).expect("a file");
}

/// Builds a directory by a client; both streams together, without what only the real one says about itself.
pub(crate) fn build(lab: &Lab, real: bool, args: &[&str], dir: &Path) -> (bool, String) {
    let mut command = if real { Command::new(REAL) } else { lab.command(&[]) };
    command.arg("build").args(args).arg(dir).stdin(Stdio::null()).env("DOCKER_BUILDKIT", "0");
    command.env("DOCKER_HOST", lab.host()).env("DOCKER_CONFIG", lab.dir.join("config"));
    let out = command.output().expect("the client starts");
    let text = String::from_utf8_lossy(&out.stdout).into_owned() + &String::from_utf8_lossy(&out.stderr);
    (out.status.success(), text.replace(DEPRECATED, ""))
}

/// Ours, and the real one where it is installed.
pub(crate) fn clients() -> impl Iterator<Item = bool> {
    let real = Path::new(REAL).exists();
    if !real {
        skip("the real docker CLI is not installed: only ours is asked");
    }
    [false, true].into_iter().filter(move |client| real || !client)
}

/// Lines that the steps' commands printed.
pub(crate) fn printed(text: &str) -> Vec<&str> {
    let own = ["Step ", " --->", "Removing ", "Sending ", "Successfully "];
    text.lines().filter(|line| !line.is_empty() && !own.iter().any(|word| line.starts_with(word))).collect()
}

/// Waits until a container runs `command`: not one of an earlier step.
pub(crate) fn wait_for_step(lab: &Lab, command: &str) {
    let running = || lab.ok(&["ps", "--no-trunc", "--format", "{{.Command}}"]).contains(command);
    wait_for("the step to run", || running().then_some(()));
}

/// The command line and what it printed, both streams; with its success.
pub(crate) fn said(lab: &Lab, args: &[&str]) -> (bool, String) {
    let out = lab.docker(args);
    (out.status.success(), String::from_utf8_lossy(&out.stdout).into_owned() + &String::from_utf8_lossy(&out.stderr))
}

fn names(dir: &Path) -> BTreeSet<String> {
    let entries = std::fs::read_dir(dir).into_iter().flatten().flatten();
    entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
}

fn text(path: PathBuf) -> String {
    std::fs::read_to_string(path).unwrap_or_default().trim().to_owned()
}

/// What is wrong in the store of an engine at rest: references that lead nowhere, and files that nothing refers to.
pub(crate) fn faults_of_store(lab: &Lab) -> Vec<String> {
    let data = lab.dir.join("data");
    let image = data.join("image/overlay2");
    let mut faults = Vec::new();
    let (configs, layers) = (image.join("imagedb/content/sha256"), image.join("layerdb/sha256"));
    let (images, kept) = (names(&configs), names(&layers));
    let mut needed = BTreeSet::new();
    for id in &images {
        let Ok(config) = serde_json::from_str::<serde_json::Value>(&text(configs.join(id))) else {
            faults.push(format!("the configuration {id} is no JSON"));
            continue;
        };
        let mut below = String::new();
        for diff in config["rootfs"]["diff_ids"].as_array().into_iter().flatten().filter_map(|diff| diff.as_str()) {
            let found = kept.iter().find(|chain| {
                text(layers.join(chain).join("diff")) == diff && text(layers.join(chain).join("parent")) == below
            });
            let Some(chain) = found else {
                faults.push(format!("image {id} has no layer {diff}"));
                break;
            };
            below = format!("sha256:{chain}");
            needed.insert(chain.clone());
        }
    }
    for id in names(&image.join("imagedb/metadata/sha256")) {
        let parent = text(image.join("imagedb/metadata/sha256").join(&id).join("parent"));
        if !images.contains(&id) {
            faults.push(format!("there are notes on an image {id} that is not there"));
        }
        if !parent.is_empty() && !images.contains(parent.trim_start_matches("sha256:")) {
            faults.push(format!("the parent {parent} of {id} is not there"));
        }
    }
    let tags: serde_json::Value = serde_json::from_str(&text(image.join("repositories.json"))).unwrap_or_default();
    for id in tags["Repositories"].as_object().into_iter().flatten().filter_map(|(_, names)| names.as_object()) {
        for (name, id) in id {
            if !images.contains(id.as_str().unwrap_or_default().trim_start_matches("sha256:")) {
                faults.push(format!("{name} names an image that is not there"));
            }
        }
    }
    faults.extend(kept.difference(&needed).map(|chain| format!("no image needs the layer {chain}")));
    let mut dirs: BTreeSet<String> = kept.iter().map(|chain| text(layers.join(chain).join("cache-id"))).collect();
    let mounts = image.join("layerdb/mounts");
    for container in names(&mounts) {
        dirs.insert(text(mounts.join(&container).join("mount-id")));
        dirs.insert(text(mounts.join(&container).join("init-id")));
    }
    dirs.extend(["l", "backingFsBlockDev"].map(str::to_owned));
    let overlay = names(&data.join("overlay2"));
    faults.extend(overlay.difference(&dirs).map(|dir| format!("nothing names overlay2/{dir}")));
    dirs.retain(|dir| dir.len() >= 64);
    faults.extend(dirs.difference(&overlay).map(|dir| format!("overlay2/{dir} is not there")));
    for link in names(&data.join("overlay2/l")) {
        if !data.join("overlay2/l").join(&link).exists() {
            faults.push(format!("the link {link} leads nowhere"));
        }
    }
    let mut places = vec![image.clone(), data.join("builder/cache")];
    while let Some(dir) = places.pop() {
        for name in names(&dir) {
            if name.starts_with(".tmp-") || name.ends_with("-removing") || name.contains(".new-") {
                faults.push(format!("{} was left", dir.join(&name).display()));
            }
            if dir.join(&name).is_dir() && !dir.starts_with(data.join("builder")) {
                places.push(dir.join(name));
            }
        }
    }
    faults
}

/// Waits until nothing of any build is left: containers, writable layers, mounts, files, and nothing that the store does not need.
pub(crate) fn no_debris(lab: &Lab) {
    wait_for("the build's containers to go", || lab.ok(&["ps", "-aq"]).is_empty().then_some(()));
    let empty = |path: &str| names(&lab.dir.join("data").join(path)).is_empty().then_some(());
    wait_for("the build's layers to go", || empty("image/overlay2/layerdb/mounts"));
    wait_for("the build's files to go", || empty("builder/tmp"));
    wait_for("the containers' directories to go", || empty("containers"));
    let mounts = lab.inside("cat").arg("/proc/self/mountinfo").output().expect("cat starts");
    let mounts = String::from_utf8_lossy(&mounts.stdout).into_owned();
    let place = lab.dir.join("data/overlay2").display().to_string();
    let left: Vec<&str> = mounts.lines().filter(|line| line.contains(&format!(" {place}/"))).collect();
    assert!(left.is_empty(), "mounts are left: {left:?}");
    assert_eq!(faults_of_store(lab), Vec::<String>::new());
}

/// A web server in the engine's network, ended when dropped.
pub(crate) struct Serving(std::process::Child);

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Serves the files of a directory at `http://127.0.0.1:8000/` in the engine's network.
pub(crate) fn serve(lab: &Lab, dir: &Path) -> Serving {
    assert!(lab.inside("ip").args(["link", "set", "lo", "up"]).status().expect("ip starts").success());
    let mut server = lab.inside("busybox");
    server.args(["httpd", "-f", "-p", "127.0.0.1:8000", "-h"]).arg(dir);
    answering(lab, server, 8000)
}

/// Starts a server in the engine's network and waits until it takes connections.
pub(crate) fn answering(lab: &Lab, mut server: Command, port: u16) -> Serving {
    let server = Serving(server.stdin(Stdio::null()).spawn().expect("the server starts"));
    wait_for("the server to answer", || {
        let ask = format!("exec 3<>/dev/tcp/127.0.0.1/{port}");
        let ask = lab.inside("bash").args(["-c", &ask]).stderr(Stdio::null()).status();
        ask.is_ok_and(|status| status.success()).then_some(())
    });
    server
}
