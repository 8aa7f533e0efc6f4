//! Two OCI runtimes under the same steps: create, start, wait for the end, delete; with the bundle that our engine makes for
//! `docker run`, so with all of its namespaces, capabilities, seccomp profile, masked paths, devices and cgroups.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use super::measure::{interleaved, median};
use crate::engine::Engine;
use crate::layout::Layout;
use crate::process::{program, run, run_quiet};

const CGROUP: &str = "slipway-bench";

/// Makes the bundle `dir`: what `docker run` gives the runtime, with a root filesystem and a process of our choice.
pub(super) fn bundle(dir: &Path, rootfs: &Path, engine: &Engine) -> Result<()> {
    fs::create_dir_all(dir).with_context(|| format!("making {}", dir.display()))?;
    let args = ["run", "--detach", "--network", "none", "slipway-bench", "/bin/sleep", "600"];
    run_quiet(engine.docker().args(args), "running a container")?;
    let written = find(&engine.dir().join("exec"), "config.json").context("the engine keeps no config.json")?;
    let text = fs::read(&written).with_context(|| format!("reading {}", written.display()))?;
    let mut config: Value = serde_json::from_slice(&text).with_context(|| written.display().to_string())?;
    ensure!(config["linux"]["seccomp"].is_object(), "{} has no seccomp profile", written.display());
    config["process"]["args"] = json!(["/bin/true"]);
    config["process"]["terminal"] = json!(false);
    config["linux"]["cgroupsPath"] = json!(format!("/{CGROUP}/container"));
    config["root"] = json!({ "path": rootfs, "readonly": true });
    if let Some(mounts) = config["mounts"].as_array_mut() {
        // Files of that container.
        mounts.retain(|mount| mount["type"] != "bind");
    }
    fs::write(dir.join("config.json"), config.to_string()).with_context(|| format!("writing {}", dir.display()))
}

/// Measures in a process of its own, which sees the version 1 hierarchies alone where both are mounted: crun refuses the mixture.
pub(super) fn measure(bundle: &Path) -> Result<Value> {
    let script = r#"if [ -e /sys/fs/cgroup/unified ]; then umount -l /sys/fs/cgroup/unified; fi; exec "$0" "$@""#;
    let this = std::env::current_exe().context("finding this program")?;
    let output = Command::new("unshare")
        .args(["--mount", "--propagation", "private", "sh", "-c", script])
        .arg(this)
        .args(["bench", "--runtimes"])
        .arg(bundle)
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .context("starting unshare (package util-linux)")?;
    ensure!(output.status.success(), "measuring runtimes ended with {}", output.status);
    serde_json::from_slice(&output.stdout).context("what the measurement printed")
}

/// What [`measure`] starts: prints medians in milliseconds as JSON.
pub(super) fn print_medians(layout: &Layout, bundle: &Path, times: usize) -> Result<()> {
    let agent = layout.node_agent();
    let agent = agent.to_str().context("the path of node-agent is not UTF-8")?;
    let mut runtimes = vec![("ours", vec![agent.to_owned(), "runtime".to_owned()])];
    if let Some(crun) = program("crun") {
        runtimes.push(("crun", vec![crun.display().to_string()]));
    }
    let taken = interleaved(times, runtimes.len(), |which, number| {
        let (name, program) = &runtimes[which];
        lifecycle(program, &bundle.join(name), bundle, &format!("slipway-bench-{}-{name}-{number}", std::process::id()))
    })?;
    let medians: serde_json::Map<String, Value> =
        runtimes.iter().zip(taken).map(|((name, _), taken)| ((*name).to_owned(), json!(median(taken)))).collect();
    remove_cgroups();
    println!("{}", Value::Object(medians));
    Ok(())
}

fn lifecycle(program: &[String], state: &Path, bundle: &Path, id: &str) -> Result<()> {
    let runtime = |args: &[&str]| {
        let mut command = Command::new(&program[0]);
        command.args(&program[1..]).arg("--root").arg(state).args(args);
        // The container holds what it inherits, and what it prints is not ours to print.
        command.stdout(Stdio::null());
        command
    };
    let pid_file = bundle.join("pid");
    run(runtime(&["create"]).arg("--bundle").arg(bundle).arg("--pid-file").arg(&pid_file).arg(id), "create")?;
    let pid = fs::read_to_string(&pid_file).context("reading the pid file")?;
    run(&mut runtime(&["start", id]), "start")?;
    while alive(pid.trim()) {
        std::thread::sleep(Duration::from_micros(100));
    }
    run(&mut runtime(&["delete", id]), "delete")
}

/// Whether a process still runs: a zombie that its new parent has yet to reap does not.
fn alive(pid: &str) -> bool {
    let Ok(stat) = fs::read_to_string(format!("/proc/{pid}/stat")) else { return false };
    !stat.rsplit(')').next().is_some_and(|rest| rest.trim_start().starts_with('Z'))
}

/// The cgroup that the bundle's containers had as their parent; runtimes leave parents alone.
fn remove_cgroups() {
    let hierarchies = fs::read_dir("/sys/fs/cgroup").into_iter().flatten().flatten().map(|entry| entry.path());
    for hierarchy in hierarchies.chain([PathBuf::from("/sys/fs/cgroup")]) {
        // Most hierarchies have none.
        let _ = fs::remove_dir(hierarchy.join(CGROUP));
    }
}

fn find(dir: &Path, name: &str) -> Option<PathBuf> {
    let mut dirs = vec![dir.to_owned()];
    while let Some(dir) = dirs.pop() {
        for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
            match entry.file_type() {
                Ok(kind) if kind.is_dir() => dirs.push(entry.path()),
                Ok(_) if entry.file_name() == name => return Some(entry.path()),
                _ => {}
            }
        }
    }
    None
}
