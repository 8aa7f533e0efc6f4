//! `.dockerignore` on the engine's side: the client has left out what it names, but for the Dockerfile and the file itself, which
//! the engine needed; of a context that no client has seen, everything is filtered here. As in BuildKit, a file with the
//! Dockerfile's name before `.dockerignore` takes its place.

use std::path::Path;

use engine_wasm::ignore::{Matcher, Verdict, Walk};

use super::source::names;
use crate::error::{Error, Result};
use crate::rootfs;

/// Who has left out of a context what its ignore file names.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Filtered {
    /// The client, which may know `.dockerignore` alone.
    #[default]
    ByClient,
    /// Nobody.
    Not,
    /// Nobody, and nobody is to: somebody has packed it like this.
    AsPacked,
}

/// Takes away what the ignore file of `root` names, as far as it is not `filtered`, and in any case the two files themselves where it names
/// them; returns its text.
///
/// # Errors
/// For patterns that are none.
pub(crate) fn apply(root: &Path, dockerfile: &str, filtered: Filtered) -> Result<Option<String>> {
    let own = format!("{dockerfile}.dockerignore");
    let of_its_own = if filtered == Filtered::AsPacked { None } else { rootfs::read(root, &own)? };
    let (name, text, whole) = match (of_its_own, rootfs::read(root, ".dockerignore")?) {
        // Clients of the classic builder know only the other one.
        (Some(text), _) => (own.as_str(), text, true),
        (None, Some(text)) => (".dockerignore", text, filtered == Filtered::Not),
        (None, None) => return Ok(None),
    };
    let matcher =
        Matcher::from_file(text.as_bytes()).map_err(|e| Error::bad(format!("error checking context: {e}")))?;
    let wrong = |e| Error::bad(format!("error checking context: {e}"));
    for file in [name, dockerfile] {
        if matcher.ignores(file).map_err(wrong)? {
            let inside = rootfs::Inside::open_nofollow(root, Path::new(file).parent().unwrap_or(Path::new("")))?;
            if let Some(name) = Path::new(file).file_name() {
                match std::fs::remove_file(inside.path().join(name)) {
                    Err(e) if e.kind() != std::io::ErrorKind::NotFound => return Err(e.into()),
                    _ => {}
                }
            }
        }
    }
    if whole {
        filter(root, "", &mut matcher.walk())?;
    }
    Ok(Some(text))
}

/// Filters one directory; returns whether anything of it is kept.
fn filter(dir: &Path, path: &str, walk: &mut Walk<'_>) -> Result<bool> {
    let mut kept = false;
    for name in names(dir)? {
        let (file, text) = (dir.join(&name), name.to_string_lossy());
        let path = if path.is_empty() { text.into_owned() } else { format!("{path}/{text}") };
        let is_dir = std::fs::symlink_metadata(&file)?.is_dir();
        let verdict = walk.visit(&path, is_dir).map_err(|e| Error::bad(format!("error checking context: {e}")))?;
        let keep = match verdict {
            Verdict::Ignore => false,
            Verdict::Keep if is_dir => {
                filter(&file, &path, walk)?;
                true
            }
            Verdict::Keep => true,
            Verdict::Descend => filter(&file, &path, walk)?,
        };
        kept |= keep;
        match (keep, is_dir) {
            (true, _) => {}
            (false, true) => std::fs::remove_dir_all(&file)?,
            (false, false) => std::fs::remove_file(&file)?,
        }
    }
    Ok(kept)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_context_that_no_client_has_seen_is_filtered_whole() {
        let root = std::env::temp_dir().join(format!("slipway-ignore-{}", std::process::id()));
        std::fs::create_dir_all(root.join("logs/deep")).unwrap();
        std::fs::create_dir_all(root.join("gone")).unwrap();
        for file in ["a.log", "keep.txt", "Dockerfile", "logs/x", "logs/deep/keep.me", "gone/y"] {
            std::fs::write(root.join(file), "").unwrap();
        }
        std::fs::write(root.join(".dockerignore"), "*.log\nlogs\n!logs/deep/keep.me\ngone\nDockerfile\n").unwrap();
        apply(&root, "Dockerfile", Filtered::ByClient).unwrap();
        assert!(!root.join("Dockerfile").exists() && root.join("a.log").exists());
        apply(&root, "Dockerfile", Filtered::Not).unwrap();
        let left = |path: &str| root.join(path).exists();
        assert!(left("keep.txt") && left("logs/deep/keep.me") && left(".dockerignore"));
        assert!(!left("a.log") && !left("logs/x") && !left("gone"));
        std::fs::write(root.join("D.dockerignore"), "*.txt\n").unwrap();
        apply(&root, "D", Filtered::AsPacked).unwrap();
        assert!(left("keep.txt"));
        apply(&root, "D", Filtered::ByClient).unwrap();
        assert!(!left("keep.txt"), "a Dockerfile's own file comes first");
        std::fs::write(root.join(".dockerignore"), "[\n").unwrap();
        assert!(
            apply(&root, "Dockerfile", Filtered::ByClient).unwrap_err().message.contains("syntax error in pattern")
        );
        std::fs::remove_dir_all(root).unwrap();
    }
}
