//! Where Docker's overlay2 graph keeps what.

use std::fs;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use crate::digest::{ChainId, ImageId};
use crate::error::{IoContext as _, Result};

#[derive(Debug, Clone)]
pub(crate) struct Paths {
    root: PathBuf,
}

impl Paths {
    pub(crate) fn new(root: &Path) -> Self {
        Self { root: root.to_owned() }
    }

    pub(crate) fn create(&self) -> Result<()> {
        mkdir_all(&self.overlay(), 0o710)?;
        let dirs = [
            self.links(),
            self.configs(),
            self.metadata_root(),
            self.layers(),
            self.layer_transactions(),
            self.mounts(),
            self.distribution().join("diffid-by-digest/sha256"),
            self.distribution().join("v2metadata-by-diffid/sha256"),
        ];
        for dir in dirs {
            mkdir_all(&dir, 0o700)?;
        }
        Ok(())
    }

    /// Makes `overlay2/backingFsBlockDev`, as Docker does. Nothing needs it, and a user namespace does not allow it.
    pub(crate) fn mark_backing_device(&self) {
        use rustix::fs::{CWD, FileType, Mode, mknodat};
        use std::os::unix::fs::MetadataExt as _;
        if let Ok(metadata) = fs::metadata(self.overlay()) {
            let path = self.overlay().join("backingFsBlockDev");
            // There already, or not allowed: both are well.
            let _ = mknodat(CWD, &path, FileType::BlockDevice, Mode::from_raw_mode(0o600), metadata.dev());
        }
    }

    pub(crate) fn overlay(&self) -> PathBuf {
        self.root.join("overlay2")
    }

    /// The directory of one layer: `diff`, `link`, `lower`, `work`, `merged`.
    pub(crate) fn cache(&self, id: &str) -> PathBuf {
        self.overlay().join(id)
    }

    pub(crate) fn diff(&self, id: &str) -> PathBuf {
        self.cache(id).join("diff")
    }

    pub(crate) fn links(&self) -> PathBuf {
        self.overlay().join("l")
    }

    fn image(&self) -> PathBuf {
        self.root.join("image/overlay2")
    }

    pub(crate) fn configs(&self) -> PathBuf {
        self.image().join("imagedb/content/sha256")
    }

    pub(crate) fn config(&self, id: &ImageId) -> PathBuf {
        self.configs().join(id.hex())
    }

    pub(crate) fn metadata_root(&self) -> PathBuf {
        self.image().join("imagedb/metadata/sha256")
    }

    pub(crate) fn metadata(&self, id: &ImageId) -> PathBuf {
        self.metadata_root().join(id.hex())
    }

    pub(crate) fn layerdb(&self) -> PathBuf {
        self.image().join("layerdb")
    }

    pub(crate) fn layers(&self) -> PathBuf {
        self.layerdb().join("sha256")
    }

    pub(crate) fn layer(&self, id: &ChainId) -> PathBuf {
        self.layers().join(id.hex())
    }

    pub(crate) fn layer_transactions(&self) -> PathBuf {
        self.layerdb().join("tmp")
    }

    pub(crate) fn mounts(&self) -> PathBuf {
        self.layerdb().join("mounts")
    }

    pub(crate) fn repositories(&self) -> PathBuf {
        self.image().join("repositories.json")
    }

    /// For what is too large for memory and not yet part of the store.
    pub(crate) fn temporary(&self) -> PathBuf {
        self.root.join("tmp")
    }

    pub(crate) fn distribution(&self) -> PathBuf {
        self.image().join("distribution")
    }
}

/// Makes a directory and those above it.
pub(crate) fn mkdir_all(path: &Path, mode: u32) -> Result<()> {
    fs::DirBuilder::new().recursive(true).mode(mode).create(path).at("create", path)
}

/// Makes one directory.
pub(crate) fn mkdir(path: &Path, mode: u32) -> Result<()> {
    fs::DirBuilder::new().mode(mode).create(path).at("create", path)
}
