//! Two OCI runtimes under the same steps: create, start, wait for the end, delete.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::{Value, json};

use super::measure::median_ms;
use crate::process::{run, run_quiet};

/// A bundle whose process does nothing, with the namespaces and capabilities of `runtime spec`.
pub(super) fn bundle(dir: &Path, rootfs: &Path, node_agent: &Path) -> Result<()> {
    fs::create_dir_all(dir).with_context(|| format!("making {}", dir.display()))?;
    run_quiet(Command::new(node_agent).args(["runtime", "spec"]).current_dir(dir), "writing a bundle's config.json")?;
    let path = dir.join("config.json");
    let text = fs::read(&path).with_context(|| format!("reading {}", path.display()))?;
    let mut config: Value = serde_json::from_slice(&text).context("the bundle's config.json")?;
    config["process"]["args"] = json!(["/bin/true"]);
    config["process"]["terminal"] = json!(false);
    config["root"] = json!({ "path": rootfs, "readonly": true });
    fs::write(&path, config.to_string()).with_context(|| format!("writing {}", path.display()))
}

/// Median of the four steps with one runtime.
pub(super) fn lifecycle_ms(program: &[&str], state: &Path, bundle: &Path, times: usize) -> Result<f64> {
    let runtime = |args: &[&str]| {
        let mut command = Command::new(program[0]);
        command.args(&program[1..]).arg("--root").arg(state).args(args);
        command
    };
    let pid_file = bundle.join("pid");
    median_ms(times, |number| {
        let id = format!("slipway-bench-{}-{number}", std::process::id());
        // The container holds what it inherits, so its streams must not be pipes of ours.
        run(runtime(&["create"]).arg("--bundle").arg(bundle).arg("--pid-file").arg(&pid_file).arg(&id), "create")?;
        let pid = fs::read_to_string(&pid_file).context("reading the pid file")?;
        run(&mut runtime(&["start", &id]), "start")?;
        while alive(pid.trim()) {
            std::thread::sleep(Duration::from_micros(100));
        }
        run(&mut runtime(&["delete", &id]), "delete")
    })
}

/// Whether a process still runs: a zombie that its new parent has yet to reap does not.
fn alive(pid: &str) -> bool {
    let Ok(stat) = fs::read_to_string(format!("/proc/{pid}/stat")) else { return false };
    !stat.rsplit(')').next().is_some_and(|rest| rest.trim_start().starts_with('Z'))
}
