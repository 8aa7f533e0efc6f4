//! What each entry of `mounts` means: flags, attributes, propagation and file system data from the option words. Pure.

use std::path::{Path, PathBuf};

use oci_spec::runtime::Mount;

use crate::error::{Error, Result};
use crate::sys;

/// One mount, ready to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Planned {
    pub(crate) destination: PathBuf,
    pub(crate) kind: Kind,
    pub(crate) options: Options,
}

/// What is mounted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A file or directory of the host.
    Bind { source: PathBuf, recursive: bool },
    /// A file system of this type from this source.
    FileSystem { fstype: String, source: String },
    /// The container's view of the control groups, whichever version the host has.
    Cgroup,
}

/// The option words, sorted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Options {
    /// `MS_*` flags for mount(2) of a file system.
    pub(crate) flags: u64,
    /// `MOUNT_ATTR_*` bits to set on the mount.
    pub(crate) attr_set: u64,
    /// Those of them to set on every submount too (`rro` and friends).
    pub(crate) attr_set_recursive: u64,
    /// `MOUNT_ATTR_*` bits to clear on it and its submounts (`rrw` and friends).
    pub(crate) attr_clear_recursive: u64,
    /// `MS_SHARED`, `MS_PRIVATE`, `MS_SLAVE` or `MS_UNBINDABLE`, and whether recursively.
    pub(crate) propagation: Option<(u64, bool)>,
    /// What is left: the file system's own options.
    pub(crate) data: String,
    /// Copy what the image has at the destination into the new tmpfs.
    pub(crate) copy_up: bool,
}

/// Word, `MS_*` flag, `MOUNT_ATTR_*` bit, whether it sets (or clears).
const FLAGS: &[(&str, u64, u64, bool)] = &[
    ("ro", libc::MS_RDONLY, sys::ATTR_RDONLY, true),
    ("rw", libc::MS_RDONLY, sys::ATTR_RDONLY, false),
    ("nosuid", libc::MS_NOSUID, sys::ATTR_NOSUID, true),
    ("suid", libc::MS_NOSUID, sys::ATTR_NOSUID, false),
    ("nodev", libc::MS_NODEV, sys::ATTR_NODEV, true),
    ("dev", libc::MS_NODEV, sys::ATTR_NODEV, false),
    ("noexec", libc::MS_NOEXEC, sys::ATTR_NOEXEC, true),
    ("exec", libc::MS_NOEXEC, sys::ATTR_NOEXEC, false),
    ("noatime", libc::MS_NOATIME, sys::ATTR_NOATIME, true),
    ("atime", libc::MS_NOATIME, sys::ATTR_NOATIME, false),
    ("nodiratime", libc::MS_NODIRATIME, sys::ATTR_NODIRATIME, true),
    ("diratime", libc::MS_NODIRATIME, sys::ATTR_NODIRATIME, false),
    ("relatime", libc::MS_RELATIME, 0, true),
    ("norelatime", libc::MS_RELATIME, 0, false),
    ("strictatime", libc::MS_STRICTATIME, sys::ATTR_STRICTATIME, true),
    ("nostrictatime", libc::MS_STRICTATIME, sys::ATTR_STRICTATIME, false),
    ("nosymfollow", 256, sys::ATTR_NOSYMFOLLOW, true),
    ("symfollow", 256, sys::ATTR_NOSYMFOLLOW, false),
    ("sync", libc::MS_SYNCHRONOUS, 0, true),
    ("async", libc::MS_SYNCHRONOUS, 0, false),
    ("dirsync", libc::MS_DIRSYNC, 0, true),
    ("mand", libc::MS_MANDLOCK, 0, true),
    ("nomand", libc::MS_MANDLOCK, 0, false),
    ("silent", libc::MS_SILENT, 0, true),
    ("loud", libc::MS_SILENT, 0, false),
    ("iversion", libc::MS_I_VERSION, 0, true),
    ("noiversion", libc::MS_I_VERSION, 0, false),
];

/// Splits `linux.rootfsPropagation` or a mount's propagation word.
pub(crate) fn propagation(word: &str) -> Option<(u64, bool)> {
    Some(match word {
        "shared" => (libc::MS_SHARED, false),
        "rshared" => (libc::MS_SHARED, true),
        "private" => (libc::MS_PRIVATE, false),
        "rprivate" => (libc::MS_PRIVATE, true),
        "slave" => (libc::MS_SLAVE, false),
        "rslave" => (libc::MS_SLAVE, true),
        "unbindable" => (libc::MS_UNBINDABLE, false),
        "runbindable" => (libc::MS_UNBINDABLE, true),
        _ => return None,
    })
}

impl Options {
    /// Sorts the words; the second value is `Some(recursive)` when one of them asks for a bind mount.
    pub(crate) fn parse(words: &[String]) -> (Options, Option<bool>) {
        let mut options = Options::default();
        let mut bind = None;
        let mut data = Vec::new();
        for word in words.iter().map(String::as_str) {
            if let Some(&(_, flag, attr, set)) = FLAGS.iter().find(|f| f.0 == word) {
                if set {
                    options.flags |= flag;
                    options.attr_set |= attr;
                } else {
                    options.flags &= !flag;
                    options.attr_set &= !attr;
                }
            } else if let Some(&(_, _, attr, set)) =
                word.strip_prefix('r').and_then(|w| FLAGS.iter().find(|f| f.0 == w && f.2 != 0))
            {
                if set {
                    options.attr_set_recursive |= attr;
                } else {
                    options.attr_clear_recursive |= attr;
                }
            } else if let Some(propagation) = propagation(word) {
                options.propagation = Some(propagation);
            } else {
                match word {
                    "bind" => bind = bind.or(Some(false)),
                    "rbind" => bind = Some(true),
                    "tmpcopyup" => options.copy_up = true,
                    "defaults" | "remount" | "" | "idmap" | "ridmap" => {}
                    other => data.push(other),
                }
            }
        }
        options.data = data.join(",");
        (options, bind)
    }
}

/// Plans one entry; a relative bind source is relative to the bundle.
pub(crate) fn plan(mount: &Mount, bundle: &Path) -> Result<Planned> {
    let destination = mount.destination().clone();
    let empty = Vec::new();
    let (options, bind) = Options::parse(mount.options().as_ref().unwrap_or(&empty));
    let fstype = mount.typ().as_deref().unwrap_or("none");
    let kind = match (bind, fstype) {
        (Some(recursive), _) => bind_kind(mount, bundle, recursive)?,
        (None, "bind") => bind_kind(mount, bundle, false)?,
        (None, "cgroup" | "cgroup2") => Kind::Cgroup,
        (None, fstype) => Kind::FileSystem {
            fstype: fstype.to_owned(),
            source: mount.source().as_ref().map_or_else(|| fstype.to_owned(), |s| s.to_string_lossy().into_owned()),
        },
    };
    Ok(Planned { destination, kind, options })
}

fn bind_kind(mount: &Mount, bundle: &Path, recursive: bool) -> Result<Kind> {
    let source = mount.source().as_ref().ok_or_else(|| {
        Error::Spec(format!("the bind mount at {} has no source: name one", mount.destination().display()))
    })?;
    Ok(Kind::Bind { source: bundle.join(source), recursive })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(words: &[&str]) -> (Options, Option<bool>) {
        Options::parse(&words.iter().map(|w| (*w).to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn flags_and_data_are_told_apart() {
        let (options, bind) = parse(&["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620"]);
        assert_eq!(options.flags, libc::MS_NOSUID | libc::MS_NOEXEC);
        assert_eq!(options.data, "newinstance,ptmxmode=0666,mode=0620");
        assert_eq!(bind, None);
    }

    #[test]
    fn a_later_word_wins() {
        assert_eq!(parse(&["ro", "rw"]).0.attr_set, 0);
        assert_eq!(parse(&["rw", "ro"]).0.attr_set, sys::ATTR_RDONLY);
    }

    #[test]
    fn recursive_words_reach_the_submounts() {
        let (options, bind) = parse(&["rbind", "rro", "rslave"]);
        assert_eq!(options.attr_set_recursive, sys::ATTR_RDONLY);
        assert_eq!(options.propagation, Some((libc::MS_SLAVE, true)));
        assert_eq!(bind, Some(true));
        assert_eq!(parse(&["rrw"]).0.attr_clear_recursive, sys::ATTR_RDONLY);
        assert_eq!(parse(&["relatime"]).0.flags, libc::MS_RELATIME);
    }

    #[test]
    fn a_bind_without_source_is_an_error_and_a_relative_one_is_the_bundles() {
        let mut mount = Mount::default();
        mount
            .set_destination("/x".into())
            .set_typ(Some("bind".into()))
            .set_source(None)
            .set_options(Some(vec!["rbind".into()]));
        assert!(plan(&mount, Path::new("/b")).is_err());
        mount.set_source(Some("data".into()));
        assert_eq!(
            plan(&mount, Path::new("/b")).unwrap().kind,
            Kind::Bind { source: "/b/data".into(), recursive: true }
        );
    }
}
