//! `library remove`: takes names out of the library, and the blobs that nothing else needs.

use std::path::Path;

use engine_wasm::reference;

use super::error::Error;
use super::layout::{IMAGE_NAME, Layout};

/// Removes the names, each with its tag or, without one, with all its tags; gives what is gone and the bytes that are free now.
pub(super) fn run(dir: &Path, names: &[String]) -> Result<(Vec<String>, u64), Error> {
    let layout = Layout::open(dir)?;
    let _lock = layout.lock()?;
    let mut entries = layout.entries()?;
    let mut gone = Vec::new();
    for text in names {
        let unknown = |what: String| Error::UnknownName { name: text.clone(), what };
        let wanted = reference::parse_normalized(text).map_err(|error| unknown(error.to_string()))?;
        let (name, tag) = (wanted.name().to_owned(), wanted.tag().map(str::to_owned));
        let before = gone.len();
        entries.retain(|entry| {
            let full = entry["annotations"][IMAGE_NAME].as_str().unwrap_or_default();
            let fits = full
                .rsplit_once(':')
                .is_some_and(|(own, own_tag)| own == name && tag.as_deref().is_none_or(|tag| tag == own_tag));
            if fits {
                gone.push(full.to_owned());
            }
            !fits
        });
        if gone.len() == before {
            return Err(unknown("the library does not hold it".into()));
        }
    }
    layout.write_index(&entries)?;
    Ok((gone, layout.collect_garbage()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::library::layout::REF_NAME;
    use serde_json::json;

    #[test]
    fn a_name_goes_with_its_tags_and_what_another_needs_stays() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let layout = Layout::create(dir.path()).expect("a layout");
        let add = |names: &[&str], mark: &str| {
            let config = json!({ "architecture": "amd64", "os": "linux", "author": mark, "rootfs": { "type": "layers", "diff_ids": [] } });
            let config = layout.add_json("application/vnd.oci.image.config.v1+json", &config).expect("a configuration");
            let kind = "application/vnd.oci.image.manifest.v1+json";
            let manifest = json!({ "schemaVersion": 2, "mediaType": kind, "config": config, "layers": [] });
            let manifest = layout.add_json(kind, &manifest).expect("a manifest");
            let mut entries = layout.entries().expect("entries");
            for name in names {
                let mut entry = manifest.clone();
                entry["annotations"] = json!({ IMAGE_NAME: name, REF_NAME: "x" });
                entries.push(entry);
            }
            layout.write_index(&entries).expect("an index");
        };
        add(&["docker.io/library/a:1", "docker.io/library/a:2", "docker.io/library/b:1"], "one");
        add(&["docker.io/moby/c:1"], "two");
        let blobs = || std::fs::read_dir(dir.path().join("blobs/sha256")).expect("blobs").count();
        let (gone, freed) = run(dir.path(), &["a".into()]).expect("removed");
        assert_eq!(gone, ["docker.io/library/a:1", "docker.io/library/a:2"]);
        assert_eq!((freed, blobs()), (0, 4), "b needs the same");
        assert!(run(dir.path(), &["a:1".into()]).expect_err("it is gone").to_string().contains("a:1"));
        assert!(run(dir.path(), &["moby/c:2".into()]).is_err(), "another tag");
        let (_, freed) = run(dir.path(), &["moby/c:1".into()]).expect("removed");
        assert!(freed > 0);
        assert_eq!(blobs(), 2);
    }
}
