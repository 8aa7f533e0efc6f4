//! The node image: the root filesystem that every node starts from, made by mmdebstrap from the recipe in `infra/node-image`.
//! It is built beside its place and renamed, and a stamp of the recipe says whether it must be built again.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use sha2::{Digest, Sha256};

use crate::layout::Layout;
use crate::process::{run, tied_inside};
use crate::progress::step;

const SUITE: &str = "bookworm";
/// Raise when the steps below change what they leave.
const STEPS: &str = "1";
/// How long what a killed set-up had started may take to end.
const SETTLE: Duration = Duration::from_secs(10);

/// Leaves a directory that root owns in `target/slipway/node-image`.
pub fn build(layout: &Layout) -> Result<()> {
    let recipe = layout.root.join("infra/node-image");
    let image = layout.node_image();
    let stamp_file = layout.out().join("node-image.stamp");
    let mirrors = Mirrors::from_env();
    let stamp = stamp(&recipe, &mirrors)?;
    if image.is_dir() && fs::read_to_string(&stamp_file).is_ok_and(|have| have == stamp) {
        return Ok(());
    }
    let list = fs::read_to_string(recipe.join("packages")).context("reading infra/node-image/packages")?;
    let packages = packages(&list);
    step(&format!("node image: Debian {SUITE} with {} packages", packages.len()), || {
        let partial = layout.out().join("node-image.partial");
        remove(&partial)?;
        run(&mut mmdebstrap(&recipe, &partial, &packages, &mirrors), "making the node image")?;
        // The stamp goes first: an interruption between the steps below leads to a rebuild, never to a stale image.
        remove(&stamp_file)?;
        let old = layout.out().join("node-image.old");
        remove(&old)?;
        if image.exists() {
            fs::rename(&image, &old).context("moving the old node image away")?;
        }
        fs::rename(&partial, &image).with_context(|| format!("making {}", image.display()))?;
        fs::write(&stamp_file, &stamp).with_context(|| format!("writing {}", stamp_file.display()))?;
        remove(&old)
    })
}

/// Where packages come from: Debian's own mirror, or a nearer one.
struct Mirrors {
    debian: String,
    security: String,
}

impl Mirrors {
    fn from_env() -> Self {
        let get = |name: &str, or: &str| {
            std::env::var(name).ok().filter(|url| !url.is_empty()).unwrap_or_else(|| or.to_owned())
        };
        Self {
            debian: get("SLIPWAY_DEBIAN_MIRROR", "http://deb.debian.org/debian"),
            security: get("SLIPWAY_DEBIAN_SECURITY_MIRROR", "http://deb.debian.org/debian-security"),
        }
    }

    /// Lines of a sources.list, as they will stand in the image.
    fn sources(&self) -> [String; 3] {
        [
            format!("deb {} {SUITE} main", self.debian),
            format!("deb {} {SUITE}-updates main", self.debian),
            format!("deb {} {SUITE}-security main", self.security),
        ]
    }
}

/// The command, in mount and pid namespaces of its own: however we end, the kernel ends everything it started and none of its
/// mounts stay, so nothing writes any more when the next set-up begins anew.
fn mmdebstrap(recipe: &Path, into: &Path, packages: &[&str], mirrors: &Mirrors) -> Command {
    let mut command = tied_inside();
    command
        .args(["mmdebstrap", "--mode=root", "--format=directory", "--variant=minbase"])
        .arg(format!("--include={}", packages.join(",")))
        // As an option too, since the first packages are unpacked without reading dpkg's own configuration.
        .arg(format!("--dpkgopt={}", recipe.join("overlay/etc/dpkg/dpkg.cfg.d/slipway-slim").display()))
        // First the overlay, since it holds dpkg's and apt's configuration; setup.sh at the end sees every package.
        .arg(r#"--setup-hook=cp -a --no-preserve=ownership "$SLIPWAY_RECIPE/overlay/." "$1"/"#)
        .arg(r#"--customize-hook=install -m 0755 "$SLIPWAY_RECIPE/setup.sh" "$1/tmp/setup.sh""#)
        .arg(r#"--customize-hook=chroot "$1" /tmp/setup.sh && rm "$1/tmp/setup.sh""#)
        .arg(SUITE)
        .arg(into)
        .args(mirrors.sources())
        .env("SLIPWAY_RECIPE", recipe)
        // Ages of accounts in /etc/shadow and the like do not depend on the day.
        .env("SOURCE_DATE_EPOCH", "1735689600");
    command
}

/// The names in a package list: one a line, `#` begins a comment.
fn packages(list: &str) -> Vec<&str> {
    list.lines().map(|line| line.split('#').next().unwrap_or_default().trim()).filter(|name| !name.is_empty()).collect()
}

/// A digest of everything that decides what is built.
fn stamp(recipe: &Path, mirrors: &Mirrors) -> Result<String> {
    let mut files = Vec::new();
    walk(recipe, &mut files)?;
    ensure!(!files.is_empty(), "{} is empty: is this a whole checkout?", recipe.display());
    let mut digest = Sha256::new();
    for part in [STEPS, std::env::consts::ARCH].into_iter().map(str::to_owned).chain(mirrors.sources()) {
        digest.update(part);
        digest.update([0]);
    }
    for file in files {
        let content = fs::read(&file).with_context(|| format!("reading {}", file.display()))?;
        let name = file.strip_prefix(recipe).unwrap_or(&file);
        digest.update(name.as_os_str().as_encoded_bytes());
        digest.update([0]);
        digest.update((content.len() as u64).to_be_bytes());
        digest.update(content);
    }
    Ok(digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}

fn walk(dir: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    let mut entries: Vec<PathBuf> = fs::read_dir(dir)
        .and_then(|entries| entries.map(|entry| entry.map(|entry| entry.path())).collect())
        .with_context(|| format!("listing {}", dir.display()))?;
    entries.sort();
    for path in entries {
        if path.is_dir() {
            walk(&path, files)?;
        } else {
            files.push(path);
        }
    }
    Ok(())
}

/// Removes a file or a tree, if it is there.
fn remove(path: &Path) -> Result<()> {
    let once = || match fs::symlink_metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
        Ok(meta) if meta.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
    };
    let begun = Instant::now();
    let mut result = once();
    // What a killed set-up had started is ended by the kernel, but may write for a moment yet.
    while result.as_ref().is_err_and(|error| error.kind() == ErrorKind::DirectoryNotEmpty) && begun.elapsed() < SETTLE {
        std::thread::sleep(Duration::from_millis(50));
        result = once();
    }
    result.with_context(|| format!("removing {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_package_list_may_have_comments_and_gaps() {
        assert_eq!(packages("# the shell\nbash\n\n  less # pager\n"), ["bash", "less"]);
    }

    #[test]
    fn the_stamp_changes_with_any_file_of_the_recipe_and_with_the_mirror() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let recipe = dir.path();
        fs::create_dir(recipe.join("overlay")).expect("a directory");
        fs::write(recipe.join("packages"), "bash\n").expect("a file");
        fs::write(recipe.join("overlay/rc"), "a").expect("a file");
        let mirrors = |debian: &str| Mirrors { debian: debian.into(), security: "s".into() };
        let first = stamp(recipe, &mirrors("m")).expect("a stamp");
        assert_eq!(stamp(recipe, &mirrors("m")).expect("a stamp"), first);
        assert_ne!(stamp(recipe, &mirrors("n")).expect("a stamp"), first);
        fs::write(recipe.join("overlay/rc"), "b").expect("a file");
        assert_ne!(stamp(recipe, &mirrors("m")).expect("a stamp"), first);
    }
}
