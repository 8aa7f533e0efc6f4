//! Layers of an opened archive: read once, each when a question needs it; and what is known of them where one is missing or broken.

use std::sync::Arc;

use serde_json::Value;

use super::Failure;
use super::args::{Args, Options as Named};
use super::image::{CANCELLED, CHOICE, Opened, Watch, failure, go_on};
use crate::image::{Compression, Digests, Error, Image, Layer, LayerReader, Merged, Options, Tree, steps};

/// Bytes that the trees of an archive's layers may take together.
const MAX_TREES: usize = 768 << 20;

impl Opened {
    /// The layers of an image, those read before as they are.
    pub(super) fn read(&mut self, image: &Image, watch: &mut Watch<'_>) -> Result<Vec<Arc<Tree>>, Failure> {
        let mut work = self.unread(image);
        image.layers.iter().map(|layer| self.tree_of(layer, &mut work, watch)).collect()
    }

    /// Bytes done, and those of an image's layers that are still to be read.
    fn unread(&self, image: &Image) -> (u64, u64) {
        let unread = image.layers.iter().filter(|layer| !self.trees.contains_key(key(layer)));
        (0, unread.map(|layer| layer.stored).sum())
    }

    /// One layer, which may have been read before.
    fn tree_of(&mut self, layer: &Layer, work: &mut (u64, u64), watch: &mut Watch<'_>) -> Result<Arc<Tree>, Failure> {
        if let Some(tree) = self.trees.get(key(layer)) {
            return Ok(Arc::clone(tree));
        }
        let tree = Arc::new(self.unpack(layer, Options::default(), work, watch)?);
        self.sizes.push((key(layer).to_owned(), tree.docker_size()));
        let taken = self.trees.values().map(|tree| tree.memory()).sum::<usize>() + tree.memory();
        if taken > MAX_TREES {
            let (what, limit) = ("the image".to_owned(), MAX_TREES as u64);
            return Err(failure(Error::Limit { what, subject: "memory for its layers' entries", limit }));
        }
        self.trees.insert(key(layer).to_owned(), Arc::clone(&tree));
        Ok(tree)
    }

    /// What docker counts of each layer, as far as it can be known: a layer that is missing or broken has no size. None at all where they are not wanted.
    pub(super) fn sizes(
        &mut self,
        image: &Image,
        named: &Named<'_>,
        watch: &mut Watch<'_>,
    ) -> Result<Vec<Option<u64>>, Failure> {
        let mut work = self.unread(image);
        let wanted = named.get("sizes").is_none() || named.flag("sizes")?;
        if !wanted {
            return Ok(vec![None; image.layers.len()]);
        }
        let size = |layer: &Layer| {
            if self.size(layer).is_none() {
                unless_cancelled(self.measure(layer, &mut work, watch))?.ok();
            }
            Ok(self.size(layer))
        };
        image.layers.iter().map(size).collect()
    }

    fn size(&self, layer: &Layer) -> Option<u64> {
        self.sizes.iter().find(|(known, _)| known == key(layer)).map(|(_, size)| *size)
    }

    /// Reads a layer; what nobody wants of it is passed over.
    fn unpack(
        &self,
        layer: &Layer,
        options: Options,
        work: &mut (u64, u64),
        watch: &mut Watch<'_>,
    ) -> Result<Tree, Failure> {
        let (before, total) = *work;
        work.0 += layer.stored;
        let mut reader = LayerReader::new(&self.archive, layer, Digests::Neither, options);
        while let Some(progress) = reader.step(&self.archive, layer).map_err(failure)? {
            go_on(progress, before, total, watch)?;
            reader.pass(layer);
        }
        Ok(reader.finish().map_err(failure)?.1)
    }

    fn measure(&mut self, layer: &Layer, work: &mut (u64, u64), watch: &mut Watch<'_>) -> Result<(), Failure> {
        if self.archive.compression(layer).map_err(failure)? != Compression::None {
            return self.tree_of(layer, work, watch).map(drop);
        }
        // Headers alone tell the size.
        let tree = self.unpack(layer, Options { hash: false, secrets: false }, work, watch)?;
        self.sizes.push((key(layer).to_owned(), tree.docker_size()));
        Ok(())
    }

    /// What each layer is and did. Of one that cannot be read it is told why; what those above it did can then not be known.
    pub(super) fn layers(&mut self, args: &Args, watch: &mut Watch<'_>) -> Result<Value, Failure> {
        let image = self.choose(&args.options(0, &CHOICE)?)?;
        let mut work = self.unread(&image);
        let steps = steps(&image);
        let mut merged = Some(Merged::default());
        let mut out = Vec::new();
        for (index, layer) in image.layers.iter().enumerate() {
            let read = unless_cancelled(self.tree_of(layer, &mut work, watch))?;
            let known = read.as_ref().ok().map(|tree| (tree.docker_size(), tree.entries));
            let changes = match (&mut merged, &read) {
                (Some(merged), Ok(tree)) => {
                    merged.push(Arc::clone(tree));
                    Some(merged.changes())
                }
                _ => None,
            };
            merged = merged.filter(|_| read.is_ok());
            let step = steps.iter().find(|step| step.layer == Some(index)).map(|step| step.text());
            out.push(json!({
                "diffId": layer.diff_id, "digest": layer.digest, "stored": layer.stored,
                "size": known.map(|(size, _)| size), "entries": known.map(|(_, entries)| entries),
                "added": changes.as_ref().map(|changes| changes.added),
                "changed": changes.as_ref().map(|changes| changes.changed),
                "repeated": changes.as_ref().map(|changes| changes.repeated),
                "removed": changes.as_ref().map(|changes| changes.removed),
                "step": step, "failure": read.err().map(|failure| failure.message),
            }));
        }
        Ok(out.into())
    }
}

/// A layer's file in the archive.
fn key(layer: &Layer) -> &str {
    layer.path.as_deref().unwrap_or_default()
}

/// The outcome of reading a layer, which is an error only where all work is to stop.
fn unless_cancelled<T>(outcome: Result<T, Failure>) -> Result<Result<T, Failure>, Failure> {
    match outcome {
        Err(failure) if failure.code == Some(CANCELLED) => Err(failure),
        other => Ok(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bindings::failure::Failure;
    use crate::image::testing::{Oci, docker_archive, file, gzip, tar};
    use crate::image::{Archive, Digest, Limits};

    fn ask(bytes: Vec<u8>, name: &str, args: &str) -> Result<Value, Failure> {
        let answer = Opened::open(bytes)?.call(name, args, &mut |_, _| true)?;
        Ok(serde_json::from_str(&answer).unwrap())
    }

    /// Three layers, the middle one as `change` leaves it: gzipped, of 5 and 700,000 and 3 bytes.
    fn three(change: impl FnOnce(&mut Oci, &Digest)) -> Vec<u8> {
        let plain = [("a", vec![b'1'; 5]), ("b", vec![b'2'; 700_000]), ("c", vec![b'3'; 3])];
        let layers: Vec<_> = plain.iter().map(|(name, content)| tar(&[file(name, content)])).collect();
        let layers: Vec<_> = layers.into_iter().map(|layer| (gzip(&layer), layer)).collect();
        let mut oci = Oci::new();
        let image = oci.image(&layers, &[("ADD a", false), ("CMD", true), ("ADD b", false), ("ADD c", false)]);
        change(&mut oci, &Digest::of(&layers[1].0));
        oci.archive(&[image])
    }

    #[test]
    fn documents_tell_what_is_known_when_a_layer_is_missing_or_broken() {
        let whole = three(|_, _| ());
        assert_eq!(ask(whole.clone(), "inspect", "[]").unwrap()["Size"], 700_008);
        let fields = |value: Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
        let mut without = fields(ask(whole.clone(), "inspect", "[]").unwrap());
        without.retain(|key| key != "Size");
        let missing = three(|oci, digest| oci.remove(digest.as_str()));
        let broken = three(|oci, digest| oci.replace(digest, b"\x1f\x8b\x08 no gzip, whatever it says"));
        let another = three(|oci, digest| oci.replace(digest, b"BZh9 what nobody here reads"));
        for (bytes, why) in [(missing, "has no file"), (broken, "gzip"), (another, "bzip2")] {
            assert_eq!(fields(ask(bytes.clone(), "inspect", "[]").unwrap()), without);
            let history = ask(bytes.clone(), "history", "[]").unwrap();
            let sizes: Vec<_> = history.as_array().unwrap().iter().map(|step| step.get("Size").cloned()).collect();
            assert_eq!(sizes, [Some(json!(3)), None, Some(json!(0)), Some(json!(5))]);
            let table = crate::cli::format::image::history("", &history, false, true, true, 0).unwrap();
            assert!(table.lines().nth(2).unwrap().contains(" N/A "), "{table}");
            let layers = ask(bytes.clone(), "layers", "[]").unwrap();
            assert_eq!((&layers[0]["added"], &layers[0]["failure"]), (&json!(1), &Value::Null));
            assert_eq!((&layers[1]["size"], &layers[1]["added"]), (&Value::Null, &Value::Null));
            assert!(layers[1]["failure"].as_str().unwrap().contains(why), "{layers}");
            // Whether it adds or changes a path cannot be known.
            assert_eq!(
                (&layers[2]["size"], &layers[2]["entries"], &layers[2]["added"]),
                (&json!(3), &json!(1), &Value::Null)
            );
            for name in ["list", "config", "steps", "verify", "graph"] {
                ask(bytes.clone(), name, "[]").unwrap();
            }
            for (name, args) in [("tree", r#"["/"]"#), ("search", r#"["a"]"#), ("efficiency", "[]"), ("secrets", "[]")]
            {
                assert!(ask(bytes.clone(), name, args).unwrap_err().message.contains(why));
            }
        }
    }

    #[test]
    fn sizes_can_be_left_out() {
        let bytes = three(|oci, digest| oci.remove(digest.as_str()));
        let mut opened = Opened::open(bytes).unwrap();
        let mut read = 0;
        let mut ask = |name: &str, args: &str| {
            opened
                .call(name, args, &mut |_, _| {
                    read += 1;
                    true
                })
                .unwrap()
        };
        assert!(!ask("inspect", r#"[{"sizes": false}]"#).contains("\"Size\""));
        assert_eq!(ask("history", r#"[{"sizes": false}]"#).matches("\"Size\":0,").count(), 1);
        assert_eq!(read, 0);
    }

    #[test]
    fn a_plain_layer_is_measured_without_its_contents() {
        let big = vec![b'y'; 2_000_000];
        let entries = [file("a", &[b'x'; 3000]), file("big", &big), file("a", b"again"), file("z", b"end")];
        let plain = tar(&entries);
        let archive = docker_archive(&[plain], &[], &["demo:1"]);
        let mut opened = Opened::open(archive.clone()).unwrap();
        let mut steps = 0;
        let answer = opened
            .call("inspect", "[]", &mut |_, _| {
                steps += 1;
                true
            })
            .unwrap();
        assert!(answer.contains("\"Size\":2000008,"), "{answer}");
        assert_eq!(steps, 2);
        // As the whole tree has it.
        let whole = Archive::open(archive.clone(), &Limits::default()).unwrap();
        let (_, tree) = whole.read_tree(&whole.images()[0].layers[0], Digests::Neither, Options::default()).unwrap();
        assert_eq!(tree.docker_size(), 2_000_008);
        // To stop is heeded, and nothing is taken for known.
        let stopped = opened.call("history", "[]", &mut |_, _| false);
        assert!(stopped.is_ok(), "the size is known by now");
        let mut opened = Opened::open(archive).unwrap();
        assert_eq!(opened.call("history", "[]", &mut |_, _| false).unwrap_err().code, Some(CANCELLED));
    }
}
