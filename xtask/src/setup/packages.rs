//! Debian packages. Only what is missing is installed, and only as root on a system with apt; elsewhere the checks name what is lacking.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::Purpose;
use super::checks::installed;
use crate::process::{run, run_quiet, stdout, succeeds};
use crate::progress::step;

/// What the site's tools (esbuild, binaryen) run on; Debian 12 has it.
const OLDEST_NODE: u32 = 18;

/// A program and the package it comes in.
type Tool = (&'static str, &'static str);

const BUILD: &[Tool] = &[("node", "nodejs"), ("npm", "npm")];
const SERVE: &[Tool] =
    &[("mmdebstrap", "mmdebstrap"), ("nft", "nftables"), ("ip", "iproute2"), ("mkfs.ext4", "e2fsprogs")];
const TEST: &[Tool] = &[
    ("busybox", "busybox-static"),
    ("bzip2", "bzip2"),
    ("chromium", "chromium"),
    ("crun", "crun"),
    ("docker", "docker.io"),
    ("docker-registry", "docker-registry"),
    ("dockerd", "docker.io"),
    ("git", "git"),
    ("openssl", "openssl"),
    ("podman", "podman"),
    ("script", "bsdutils"),
    ("skopeo", "skopeo"),
    ("umoci", "umoci"),
    ("xz", "xz-utils"),
];
const BENCH: &[Tool] = &[
    ("busybox", "busybox-static"),
    ("chromium", "chromium"),
    ("crun", "crun"),
    ("docker", "docker.io"),
    ("docker-registry", "docker-registry"),
    ("dockerd", "docker.io"),
];

/// Installs the packages of the tools that the purpose needs and that are missing.
pub fn install(purpose: Purpose) -> Result<()> {
    install_missing(purpose)?;
    let version = stdout(Command::new("node").arg("--version")).unwrap_or_default();
    if node_major(&version).is_none_or(|major| major < OLDEST_NODE) {
        bail!(
            "the site is built with Node.js {OLDEST_NODE} or later, and `node --version` here says {version:?}: \
             https://nodejs.org/en/download says how to get a newer one"
        );
    }
    Ok(())
}

/// The first number of what `node --version` prints: `v20.11.0`.
fn node_major(version: &str) -> Option<u32> {
    version.trim().strip_prefix('v')?.split('.').next()?.parse().ok()
}

fn install_missing(purpose: Purpose) -> Result<()> {
    let wanted: Vec<&Tool> = match purpose {
        Purpose::Build => BUILD.iter().collect(),
        Purpose::Serve => BUILD.iter().chain(SERVE).collect(),
        Purpose::Test => BUILD.iter().chain(SERVE).chain(TEST).collect(),
        Purpose::Bench => BUILD.iter().chain(SERVE).chain(BENCH).collect(),
    };
    let mut missing: Vec<&str> =
        wanted.iter().filter(|(tool, _)| !installed(tool)).map(|(_, package)| *package).collect();
    // Certificates and the keys that Debian's packages are signed with.
    for (file, package) in [
        ("/etc/ssl/certs/ca-certificates.crt", "ca-certificates"),
        ("/usr/share/keyrings/debian-archive-keyring.gpg", "debian-archive-keyring"),
    ] {
        if purpose != Purpose::Build && !Path::new(file).exists() {
            missing.push(package);
        }
    }
    missing.dedup();
    if missing.is_empty() {
        return Ok(());
    }
    if !installed("apt-get") || !rustix::process::geteuid().is_root() {
        if missing.iter().any(|package| BUILD.iter().any(|(_, needed)| needed == package)) {
            bail!(
                "the site is built with Node.js {OLDEST_NODE} or later and npm: install them (on Debian, as root: apt-get install nodejs npm)"
            );
        }
        eprintln!("warning: not installed here: {}", missing.join(", "));
        eprintln!("         On Debian, root can: apt-get install {}", missing.join(" "));
        return Ok(());
    }
    step(&format!("Debian packages: {}", missing.join(" ")), || apt(&missing))
}

/// Installs, and reads the package lists first when the ones here are absent or too old to be of use.
fn apt(packages: &[&str]) -> Result<()> {
    let policy = NoServices::put()?;
    if !succeeds(apt_get().args(["install", "--simulate"]).args(packages)) {
        run(apt_get().arg("update"), "reading Debian's package lists")?;
    } else if run_quiet(apt_get().arg("install").args(packages), "installing").is_ok() {
        return Ok(());
    } else {
        run(apt_get().arg("update"), "reading Debian's package lists")?;
    }
    run(
        apt_get().arg("install").args(packages),
        "installing Debian packages (is the network there? is the disk full? apt's own words are above)",
    )?;
    drop(policy);
    Ok(())
}

fn apt_get() -> Command {
    let mut command = Command::new("apt-get");
    command
        .args(["--yes", "-qq", "--no-install-recommends"])
        .args(["-o", "Dpkg::Use-Pty=0", "-o", "DPkg::Lock::Timeout=300", "-o", "Dpkg::Options::=--force-confold"])
        .env("DEBIAN_FRONTEND", "noninteractive");
    command
}

/// While it lives, packages with a service install it but do not start it: a test machine needs dockerd's binary, not its daemon.
/// A `policy-rc.d` that is already there is somebody's decision and stays.
struct NoServices(Option<PathBuf>);

impl NoServices {
    fn put() -> Result<Self> {
        let path = PathBuf::from("/usr/sbin/policy-rc.d");
        if path.exists() {
            return Ok(Self(None));
        }
        fs::write(&path, "#!/bin/sh\nexit 101\n").with_context(|| format!("writing {}", path.display()))?;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755))
            .with_context(|| format!("making {} executable", path.display()))?;
        Ok(Self(Some(path)))
    }
}

impl Drop for NoServices {
    fn drop(&mut self) {
        if let Some(path) = &self.0
            && let Err(error) = fs::remove_file(path)
        {
            eprintln!(
                "warning: removing {}: {error}; services will not start by being installed until it is gone",
                path.display()
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nodes_version_is_read_as_it_prints_it() {
        assert_eq!(node_major("v18.20.4\n"), Some(18));
        assert_eq!(node_major(""), None);
        assert_eq!(node_major("20"), None);
    }
}
