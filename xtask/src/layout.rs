//! Where things lie: the workspace, and everything xtask makes under `target/slipway/`.

use std::path::{Path, PathBuf};

/// The paths that the commands share.
#[derive(Debug, Clone)]
pub struct Layout {
    /// The workspace root.
    pub root: PathBuf,
}

impl Layout {
    /// The workspace this xtask was compiled in.
    pub fn of_this_workspace() -> Self {
        let xtask = Path::new(env!("CARGO_MANIFEST_DIR"));
        Self { root: xtask.parent().unwrap_or(xtask).to_owned() }
    }

    /// `target/slipway`: everything that xtask makes and cargo does not know of.
    pub fn out(&self) -> PathBuf {
        self.root.join("target/slipway")
    }

    /// cargo's own output directory.
    pub fn target(&self) -> PathBuf {
        std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| self.root.join("target"), |dir| self.root.join(dir))
    }

    /// The static binary.
    pub fn node_agent(&self) -> PathBuf {
        self.out().join("node-agent")
    }

    /// The npm package of engine-wasm.
    pub fn package(&self) -> PathBuf {
        self.out().join("engine-wasm")
    }

    /// The root filesystem that every node starts from.
    pub fn node_image(&self) -> PathBuf {
        self.out().join("node-image")
    }

    /// The OCI layout of starter images.
    pub fn library(&self) -> PathBuf {
        self.out().join("library")
    }

    /// The server's data when it is run from here.
    pub fn data(&self) -> PathBuf {
        self.out().join("data")
    }

    /// The labs.
    pub fn labs(&self) -> PathBuf {
        self.root.join("labs")
    }
}
