//! A file that is being written beside the one that it is to become: it takes that one's place when it is whole, and is gone however the
//! command ends before.

use std::fs::{File, OpenOptions};
use std::io::{Result, Write};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// What a signal's handler has to remove; a command writes one file at a time.
static UNFINISHED: Mutex<Option<PathBuf>> = Mutex::new(None);

/// The file. Dropped, it is removed.
pub(crate) struct Partial {
    file: File,
    target: PathBuf,
}

impl Partial {
    /// A new file beside `target`, readable by nobody else: what an image or a container holds is nobody else's business.
    pub(crate) fn new(target: &Path) -> Result<Self> {
        let path = target.with_file_name(format!(".docker_temp_{}", std::process::id()));
        let _ = std::fs::remove_file(&path);
        // Held while the file is made, so that a signal comes before it or finds it.
        let mut unfinished = UNFINISHED.lock().unwrap_or_else(PoisonError::into_inner);
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
        *unfinished = Some(path);
        Ok(Self { file, target: target.to_owned() })
    }

    /// Writes the next bytes.
    pub(crate) fn write(&mut self, data: &[u8]) -> Result<()> {
        self.file.write_all(data)
    }

    /// Puts the file, now whole, in its place.
    pub(crate) fn finish(self) -> Result<()> {
        let mut unfinished = UNFINISHED.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(path) = unfinished.as_ref() {
            std::fs::rename(path, &self.target)?;
        }
        *unfinished = None;
        Ok(())
    }
}

impl Drop for Partial {
    fn drop(&mut self) {
        discard();
    }
}

/// Removes what is not finished. For those who end the command.
pub(crate) fn discard() {
    if let Some(path) = UNFINISHED.lock().unwrap_or_else(PoisonError::into_inner).take() {
        let _ = std::fs::remove_file(path);
    }
}
