//! Set-up: everything a machine needs before a server or a test can run. Each step looks first and does nothing when its work is done;
//! each leaves its result by a rename, so that a set-up that was interrupted goes on where it stopped.

pub mod binary;
pub mod checks;
pub mod library;
pub mod node_image;
pub mod packages;

use std::fs::{self, File};
use std::path::Path;

use anyhow::{Context, Result};

use crate::layout::Layout;
use crate::package;
use crate::progress::step;
use crate::web::{self, Profile};

/// What the set-up is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Only building: no root, no node image.
    Build,
    /// Running a server here.
    Serve,
    /// Running every test here.
    Test,
    /// Comparing with other container tools.
    Bench,
}

/// Does what is missing for the purpose. On a machine that cannot run nodes this is an error with the remedy, except for
/// [`Purpose::Build`], which needs none, and [`Purpose::Test`], which then goes as far as it can.
pub fn run(layout: &Layout, purpose: Purpose, config: Option<&Path>) -> Result<()> {
    fs::create_dir_all(layout.out()).with_context(|| format!("making {}", layout.out().display()))?;
    let _lock = lock(layout)?;

    packages::install(purpose)?;
    let nodes = purpose != Purpose::Build && {
        let problems = checks::problems(&checks::Host::probe());
        for problem in &problems {
            eprintln!("warning: {problem}");
        }
        anyhow::ensure!(
            problems.is_empty() || purpose == Purpose::Test,
            "this machine cannot run nodes yet; see the warnings above"
        );
        problems.is_empty()
    };
    if nodes {
        node_image::build(layout)?;
    }
    step("the site (npm packages, WebAssembly, bundle)", || web::build(&layout.root, Profile::Release))?;
    if purpose != Purpose::Serve {
        step("the npm package of engine-wasm", || package::build(layout))?;
    }
    binary::build(layout)?;
    if nodes {
        library::build(layout, config)?;
    }
    Ok(())
}

/// Two set-ups at once would tread on each other; the second waits.
fn lock(layout: &Layout) -> Result<File> {
    let path = layout.out().join("setup.lock");
    let file = File::create(&path).with_context(|| format!("making {}", path.display()))?;
    if file.try_lock().is_err() {
        eprintln!("waiting for another set-up in {}", layout.root.display());
        file.lock().with_context(|| format!("locking {}", path.display()))?;
    }
    Ok(file)
}
