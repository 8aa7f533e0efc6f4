//! When what is written becomes durable. Who makes an image writes dozens of small files that would each wait for the disk; builds,
//! commits and loads put that off and do it for all of them together before the image gets a name. Until then a crash of the machine, though not of the
//! engine, can cost images of steps: the store leaves damaged ones out when it is opened, and the build makes them again.

use std::cell::Cell;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use super::Store;
use crate::digest::{ChainId, ImageId};
use crate::error::{IoContext as _, Result};
use crate::fsutil::names;

/// Files that are waited for at a time: the disk's journal takes them together.
const AT_ONCE: usize = 16;

thread_local! {
    static PUT_OFF: Cell<bool> = const { Cell::new(false) };
}

/// Makes a file durable, unless this thread has put that off.
pub(crate) fn sync(file: &File) -> io::Result<()> {
    if PUT_OFF.get() { Ok(()) } else { file.sync_all() }
}

/// Puts it back as it was, however the work ends.
struct Restore(bool);

impl Drop for Restore {
    fn drop(&mut self) {
        PUT_OFF.set(self.0);
    }
}

impl Store {
    /// Does work on this thread without waiting for the disk; [`Self::settle`] has to follow for what is to last.
    pub fn hurried<T>(&self, work: impl FnOnce() -> T) -> T {
        let _restore = Restore(PUT_OFF.replace(true));
        work()
    }

    /// Makes images that were made in a hurry durable, with their layers' records.
    ///
    /// # Errors
    /// When the disk fails. What has been removed meanwhile is no error.
    pub fn settle(&self, images: &[ImageId]) -> Result<()> {
        self.settle_on(&[], images)
    }

    /// As [`Self::settle`], with layers below those that the images have on top.
    pub(crate) fn settle_on(&self, layers: &[ChainId], images: &[ImageId]) -> Result<()> {
        if images.is_empty() {
            return Ok(());
        }
        let mut paths = vec![self.paths.configs(), self.paths.layers()];
        let mut layers = layers.to_vec();
        for id in images {
            paths.push(self.paths.config(id));
            let notes = self.paths.metadata(id);
            paths.extend([notes.join("parent"), notes]);
            let Ok(image) = self.image(id) else { continue };
            // Those below are earlier images' layers.
            layers.extend(ChainId::stack(&image.layers).pop());
        }
        for layer in layers {
            let record = self.paths.layer(&layer);
            paths.extend(names(&record)?.into_iter().map(|name| record.join(name)));
            paths.push(record);
        }
        paths.sort_unstable();
        paths.dedup();
        let share = paths.len().div_ceil(AT_ONCE);
        std::thread::scope(|scope| {
            let work = |share: &[PathBuf]| share.iter().try_for_each(|path| reach(path));
            let threads: Vec<_> = paths.chunks(share).map(|share| scope.spawn(move || work(share))).collect();
            threads
                .into_iter()
                .map(std::thread::ScopedJoinHandle::join)
                .try_for_each(|end| end.unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
        })
    }
}

fn reach(path: &Path) -> Result<()> {
    match open_and_sync(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error).at("sync", path),
        _ => Ok(()),
    }
}

fn open_and_sync(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hurry_ends_with_its_work_and_is_this_threads_own() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path()).unwrap();
        store.hurried(|| {
            assert!(PUT_OFF.get());
            store.hurried(|| ());
            assert!(PUT_OFF.get(), "the outer work goes on");
            std::thread::scope(|scope| scope.spawn(|| assert!(!PUT_OFF.get())).join().unwrap());
        });
        assert!(!PUT_OFF.get());
        store.settle(&[]).unwrap();
    }
}
