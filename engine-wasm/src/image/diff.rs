//! Two images side by side: which files, which settings and which layers differ.

use serde::Serialize;
use serde_json::{Map, Value};

use super::digest::Digest;
use super::merge::{Merged, MergedId, alike};
use super::parts::Image;
use super::tar::Kind;

/// How a path differs between two images.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Difference {
    /// Only the second has it.
    Added,
    /// Only the first has it.
    Removed,
    /// Both have it, not alike.
    Changed,
}

/// A path that differs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FileDifference {
    /// The path; what is no UTF-8 is replaced.
    pub path: String,
    /// How.
    pub difference: Difference,
    /// What of it: `kind`, `content`, `mode`, `owner`, `link`, `attributes`.
    pub what: Vec<&'static str>,
    /// Bytes in the first.
    pub before: Option<u64>,
    /// Bytes in the second.
    pub after: Option<u64>,
}

/// A setting that differs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ConfigDifference {
    /// Its place: `Env.PATH`, `Cmd`, `Labels.version`, `architecture`.
    pub key: String,
    /// In the first; `null` for none.
    pub before: Value,
    /// In the second.
    pub after: Value,
}

/// Everything that differs.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct ImageDiff {
    /// Layers that both have, by diff id, in the order of the first.
    pub shared: Vec<Digest>,
    /// How many of them lie at the bottom of both: what is stored and pulled but once.
    pub common_base: usize,
    /// Layers of the first alone.
    pub only_first: Vec<Digest>,
    /// Layers of the second alone.
    pub only_second: Vec<Digest>,
    /// Settings that differ.
    pub config: Vec<ConfigDifference>,
    /// Paths that differ, in order.
    pub files: Vec<FileDifference>,
}

/// Compares two images and their merged trees.
pub fn diff(first: (&Image, &Merged), second: (&Image, &Merged)) -> ImageDiff {
    let ids = |image: &Image| image.layers.iter().filter_map(|layer| layer.diff_id.clone()).collect::<Vec<_>>();
    let (a, b) = (ids(first.0), ids(second.0));
    ImageDiff {
        shared: a.iter().filter(|id| b.contains(id)).cloned().collect(),
        common_base: a.iter().zip(&b).take_while(|(a, b)| a == b).count(),
        only_first: a.iter().filter(|id| !b.contains(id)).cloned().collect(),
        only_second: b.iter().filter(|id| !a.contains(id)).cloned().collect(),
        config: settings(first.0, second.0),
        files: files(first.1, second.1),
    }
}

/// The settings flattened: maps and `NAME=value` lists by their names.
fn flat(image: &Image) -> Map<String, Value> {
    let mut out = Map::new();
    let platform = &image.config.platform;
    out.insert("architecture".into(), platform.architecture.clone().into());
    out.insert("os".into(), platform.os.clone().into());
    if let Some(variant) = &platform.variant {
        out.insert("variant".into(), variant.clone().into());
    }
    for (key, value) in image.config.config.as_object().into_iter().flatten() {
        match value {
            Value::Null => {}
            Value::Object(fields) => {
                out.extend(fields.iter().map(|(name, value)| (format!("{key}.{name}"), value.clone())));
            }
            Value::Array(items) if key == "Env" => {
                for item in items.iter().filter_map(Value::as_str) {
                    let (name, value) = item.split_once('=').unwrap_or((item, ""));
                    out.insert(format!("{key}.{name}"), value.into());
                }
            }
            Value::String(text) if text.is_empty() => {}
            Value::Array(items) if items.is_empty() => {}
            Value::Bool(false) => {}
            other => {
                out.insert(key.clone(), other.clone());
            }
        }
    }
    out
}

fn settings(first: &Image, second: &Image) -> Vec<ConfigDifference> {
    let (a, b) = (flat(first), flat(second));
    let mut keys: Vec<&String> = a.keys().chain(b.keys().filter(|key| !a.contains_key(*key))).collect();
    crate::order::sort(&mut keys);
    let value = |map: &Map<String, Value>, key: &str| map.get(key).cloned().unwrap_or(Value::Null);
    keys.into_iter()
        .filter(|key| a.get(*key) != b.get(*key))
        .map(|key| ConfigDifference { key: key.clone(), before: value(&a, key), after: value(&b, key) })
        .collect()
}

fn files(first: &Merged, second: &Merged) -> Vec<FileDifference> {
    let mut out = Vec::new();
    // Both are walked by name at once; a directory of one alone is listed with all that is in it.
    let mut stack: Vec<(Option<MergedId>, Option<MergedId>)> = vec![(Some(Merged::ROOT), Some(Merged::ROOT))];
    while let Some((a, b)) = stack.pop() {
        if (a, b) != (Some(Merged::ROOT), Some(Merged::ROOT)) {
            out.extend(compare(first, a, second, b));
        }
        let children = |merged: &Merged, id: Option<MergedId>| {
            id.map(|id| merged.children(id, false)).unwrap_or_default().into_iter().rev().collect::<Vec<_>>()
        };
        let (left, right) = (children(first, a), children(second, b));
        let (mut i, mut j) = (0, 0);
        loop {
            // Last names first, so that the first are on top of the stack.
            match (left.get(i), right.get(j)) {
                (None, None) => break,
                (Some(l), Some(r)) if first.name(*l) == second.name(*r) => {
                    stack.push((Some(*l), Some(*r)));
                    (i, j) = (i + 1, j + 1);
                }
                (Some(l), r) if r.is_none_or(|r| first.name(*l) > second.name(*r)) => {
                    stack.push((Some(*l), None));
                    i += 1;
                }
                (_, Some(r)) => {
                    stack.push((None, Some(*r)));
                    j += 1;
                }
                (Some(_), None) => break,
            }
        }
    }
    out
}

fn compare(first: &Merged, a: Option<MergedId>, second: &Merged, b: Option<MergedId>) -> Option<FileDifference> {
    let path = match (a, b) {
        (Some(a), _) => first.path(a),
        (None, b) => second.path(b?),
    };
    let (before, after) = (a.map(|a| first.size(a)), b.map(|b| second.size(b)));
    let (difference, what) = match (a, b) {
        (Some(a), Some(b)) => (Difference::Changed, what(first, a, second, b)),
        (Some(_), None) => (Difference::Removed, Vec::new()),
        (None, _) => (Difference::Added, Vec::new()),
    };
    let same = difference == Difference::Changed && what.is_empty();
    let path = String::from_utf8_lossy(&path).into_owned();
    (!same).then_some(FileDifference { path, difference, what, before, after })
}

fn what(first: &Merged, a: MergedId, second: &Merged, b: MergedId) -> Vec<&'static str> {
    let (Some((_, left, l)), Some((_, right, r))) = (first.entry(a), second.entry(b)) else { return Vec::new() };
    if alike(left, l, right, r) {
        return Vec::new();
    }
    let file = |kind| if kind == Kind::Hardlink { Kind::File } else { kind };
    let (one, two) = (left.node(l), right.node(r));
    let content = |merged: &Merged, id| {
        merged.content(id).ok().and_then(|(layer, node)| {
            let node = merged.trees().get(layer)?.node(node);
            Some((node.size, node.hash))
        })
    };
    let mut out = Vec::new();
    if file(one.kind()) != file(two.kind()) {
        out.push("kind");
    } else if file(one.kind()) == Kind::File && content(first, a) != content(second, b) {
        out.push("content");
    } else if one.kind() == Kind::Symlink && left.link(l) != right.link(r) {
        out.push("link");
    }
    if one.mode() != two.mode() {
        out.push("mode");
    }
    if (one.uid, one.gid) != (two.uid, two.gid) {
        out.push("owner");
    }
    let extra = |tree: &super::Tree, id| tree.extra(id).map(|e| (e.xattrs.clone(), e.device)).unwrap_or_default();
    if extra(left, l) != extra(right, r) {
        out.push("attributes");
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::testing::{Item, dir, docker_archive, file, symlink, tar};
    use crate::image::{Archive, Digests, Limits, Options};
    use std::sync::Arc;

    fn open(layers: &[&[Item<'_>]]) -> (Archive, Merged) {
        let layers: Vec<Vec<u8>> = layers.iter().map(|items| tar(items)).collect();
        let archive = Archive::open(docker_archive(&layers, &[], &["x:1"]), &Limits::default()).unwrap();
        let read = |layer| Arc::new(archive.read_tree(layer, Digests::Neither, Options::default()).unwrap().1);
        let trees: Vec<_> = archive.images()[0].layers.iter().map(read).collect();
        (archive, Merged::of(&trees))
    }

    #[test]
    fn files_layers_and_settings_are_compared() {
        let base: &[Item<'_>] =
            &[dir("d/"), file("d/same", b"1"), file("d/other", b"1"), symlink("l", "a"), file("z", b"")];
        let (a, one) = open(&[base, &[file("only-a/x", b"12")]]);
        let (mut b, two) = open(&[base, &[file("d/other", b"2"), symlink("l", "b"), dir("z"), file("new", b"123")]]);
        b.images[0].config.config =
            serde_json::json!({"Env": ["PATH=/bin", "B=1"], "Cmd": ["other"], "Labels": {"v": "2"}});
        let diff = diff((&a.images()[0], &one), (&b.images()[0], &two));
        let files: Vec<_> = diff.files.iter().map(|f| (f.path.as_str(), f.difference, f.what.join(" "))).collect();
        assert_eq!(
            files,
            [
                ("d/other", Difference::Changed, "content".to_owned()),
                ("l", Difference::Changed, "link".to_owned()),
                ("new", Difference::Added, String::new()),
                ("only-a", Difference::Removed, String::new()),
                ("only-a/x", Difference::Removed, String::new()),
                ("z", Difference::Changed, "kind mode".to_owned()),
            ]
        );
        assert_eq!((diff.shared.len(), diff.common_base, diff.only_first.len(), diff.only_second.len()), (1, 1, 1, 1));
        assert_eq!(diff.config.iter().map(|c| c.key.as_str()).collect::<Vec<_>>(), ["Cmd", "Env.B", "Labels.v"]);
        let same = super::diff((&a.images()[0], &one), (&a.images()[0], &one));
        assert!(same.files.is_empty() && same.config.is_empty() && same.only_first.is_empty());
    }
}
