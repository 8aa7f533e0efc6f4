//! `SOURCE_DATE_EPOCH` (reproducible-builds.org): with this build argument the same input gives the same image, to the byte.
//! Images say that they were made then; files of layers that are younger get that time, older ones keep theirs, as BuildKit's
//! `rewrite-timestamp`; and nothing that is random (the container's id) is written into the configuration. Steps come from the
//! cache only where they were made for the same time.

use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use rustix::fs::{AtFlags, CWD, Timespec, Timestamps, utimensat};
use time::OffsetDateTime;

use super::source::names;
use crate::clock;
use crate::error::{Error, Result};

/// The build argument's name.
pub(crate) const NAME: &str = "SOURCE_DATE_EPOCH";

/// Seconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Epoch(i64);

impl Epoch {
    /// Reads it from the build arguments; one without a value counts as not given.
    ///
    /// # Errors
    /// BuildKit's sentence for what is no number.
    pub(crate) fn read(args: &BTreeMap<String, Option<String>>) -> Result<Option<Self>> {
        let Some(text) = args.get(NAME).and_then(Option::as_deref).filter(|text| !text.is_empty()) else {
            return Ok(None);
        };
        let wrong = |why| Error::bad(format!("invalid {NAME}: {text}: strconv.ParseInt: parsing {text:?}: {why}"));
        let seconds = text.parse().map_err(|_| wrong("invalid syntax"))?;
        OffsetDateTime::from_unix_timestamp(seconds).map_err(|_| wrong("value out of range"))?;
        Ok(Some(Self(seconds)))
    }

    /// As `created` of an image.
    #[must_use]
    pub(crate) fn text(self) -> String {
        clock::rfc3339_nano(OffsetDateTime::from_unix_timestamp(self.0).unwrap_or(OffsetDateTime::UNIX_EPOCH))
    }

    /// Gives every file below `dir` that is younger this time. Links are not followed.
    ///
    /// # Errors
    /// When a file cannot be read or changed.
    pub(crate) fn clamp(self, dir: &Path) -> Result<()> {
        for name in names(dir)? {
            let path = dir.join(name);
            let meta = std::fs::symlink_metadata(&path)?;
            if meta.is_dir() {
                self.clamp(&path)?;
            }
            if meta.mtime() > self.0 || (meta.mtime() == self.0 && meta.mtime_nsec() > 0) {
                let time = Timespec { tv_sec: self.0, tv_nsec: 0 };
                let times = Timestamps { last_access: time, last_modification: time };
                utimensat(CWD, &path, &times, AtFlags::SYMLINK_NOFOLLOW).map_err(std::io::Error::from)?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: Option<&str>) -> Result<Option<Epoch>, String> {
        Epoch::read(&[(NAME.to_owned(), text.map(str::to_owned))].into()).map_err(|e| e.message)
    }

    #[test]
    fn it_is_a_number_of_seconds() {
        assert_eq!(read(Some("86400")).unwrap().unwrap().text(), "1970-01-02T00:00:00Z");
        assert_eq!(read(Some("")).unwrap(), None);
        assert_eq!(read(None).unwrap(), None);
        let wrong = "invalid SOURCE_DATE_EPOCH: x: strconv.ParseInt: parsing \"x\": invalid syntax";
        assert_eq!(read(Some("x")).unwrap_err(), wrong);
        assert!(read(Some("99999999999999999")).unwrap_err().ends_with("value out of range"));
    }

    #[test]
    fn younger_files_get_the_time_and_older_ones_keep_theirs() {
        let dir = std::env::temp_dir().join(format!("slipway-epoch-{}", std::process::id()));
        std::fs::create_dir_all(dir.join("d")).unwrap();
        std::fs::write(dir.join("d/new"), "").unwrap();
        std::fs::write(dir.join("old"), "").unwrap();
        std::os::unix::fs::symlink("/nowhere", dir.join("link")).unwrap();
        let old = std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(7);
        std::fs::File::open(dir.join("old")).unwrap().set_modified(old).unwrap();
        Epoch(1_000_000_000).clamp(&dir).unwrap();
        let time = |name: &str| std::fs::symlink_metadata(dir.join(name)).unwrap().mtime();
        assert_eq!(["d", "d/new", "link"].map(time), [1_000_000_000; 3]);
        assert_eq!(time("old"), 7);
        std::fs::remove_dir_all(dir).unwrap();
    }
}
