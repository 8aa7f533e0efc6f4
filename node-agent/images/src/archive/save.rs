//! `docker save`: one archive that Docker of any age and OCI tools read, as Docker writes it since version 25. Layers are
//! reproduced byte for byte, so their digests are the ones that the configuration names.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};

use serde_json::{Value, json};
use tar::EntryType;

use crate::digest::{ChainId, DiffId, Digest, ImageId};
use crate::error::{IoContext as _, ResolveError, Result};
use crate::layer::tar_writer::{TarEntry, TarWriter};
use crate::reference::Reference;
use crate::store::{Layer, Store};

const LAYER_TYPE: &str = "application/vnd.oci.image.layer.v1.tar";
const MANIFEST_TYPE: &str = "application/vnd.oci.image.manifest.v1+json";

/// What goes under one name in `blobs/sha256`.
enum Blob {
    Bytes(Vec<u8>),
    Layer(ChainId, u64),
}

impl Store {
    /// Writes images to an archive. A name without a tag stands for all tags of its repository; an id brings no name.
    pub fn save(&self, names: &[String], output: &mut dyn Write) -> Result<()> {
        let wanted = self.select(names)?;
        let mut blobs: BTreeMap<String, Blob> = BTreeMap::new();
        let mut held: Vec<Layer> = Vec::new();
        let mut items = Vec::new();
        let mut index = Vec::new();
        let mut repositories: BTreeMap<String, BTreeMap<String, String>> = BTreeMap::new();
        for (id, tags) in &wanted {
            let image = self.image(id)?;
            let mut layers = Vec::new();
            for (chain, diff) in ChainId::stack(&image.layers).iter().zip(&image.layers) {
                held.extend(self.layer(chain));
                let size = self.layer_tar_size(chain)?;
                blobs.insert(diff.hex(), Blob::Layer(*chain, size));
                layers.push(json!({"mediaType": LAYER_TYPE, "digest": diff, "size": size}));
            }
            let manifest = to_bytes(&json!({
                "schemaVersion": 2,
                "mediaType": MANIFEST_TYPE,
                "config": {
                    "mediaType": "application/vnd.oci.image.config.v1+json", "digest": id, "size": image.raw.len(),
                },
                "layers": layers,
            }));
            let digest = Digest::of(&manifest);
            let descriptor = json!({"mediaType": MANIFEST_TYPE, "digest": digest, "size": manifest.len()});
            blobs.insert(id.hex(), Blob::Bytes(image.raw.clone()));
            blobs.insert(digest.hex(), Blob::Bytes(manifest));
            for tag in tags {
                let mut named = descriptor.clone();
                named["annotations"] = json!({
                    "io.containerd.image.name": tag.to_string(),
                    "org.opencontainers.image.ref.name": tag.tag().unwrap_or_default(),
                });
                index.push(named);
                let top = image.layers.last().map(DiffId::hex).unwrap_or_default();
                let tag_name = tag.tag().unwrap_or_default().to_owned();
                repositories.entry(tag.familiar_name()).or_default().insert(tag_name, top);
            }
            if tags.is_empty() {
                index.push(descriptor);
            }
            items.push(manifest_item(id, tags, &image.layers, &layers));
        }
        let files = [
            (
                "index.json",
                to_bytes(&json!({
                    "schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": index,
                })),
            ),
            ("manifest.json", to_bytes(&Value::Array(items))),
            ("oci-layout", to_bytes(&json!({"imageLayoutVersion": "1.0.0"}))),
            ("repositories", to_bytes(&json!(repositories))),
        ];
        self.write_archive(&blobs, &files, output)
    }

    /// The images that [`Self::save`] would write, in its order.
    ///
    /// # Errors
    /// When a name leads to none.
    pub fn saved_images(&self, names: &[String]) -> Result<Vec<ImageId>> {
        Ok(self.select(names)?.into_iter().map(|(id, _)| id).collect())
    }

    fn write_archive(
        &self,
        blobs: &BTreeMap<String, Blob>,
        files: &[(&str, Vec<u8>)],
        output: &mut dyn Write,
    ) -> Result<()> {
        let mut writer = TarWriter::new(output);
        for dir in ["blobs/", "blobs/sha256/"] {
            writer.entry(&TarEntry::new(dir, EntryType::Directory, 0o755)).at("write", "the archive")?;
        }
        for (name, blob) in blobs {
            let mut entry = TarEntry::new(format!("blobs/sha256/{name}"), EntryType::Regular, 0o644);
            match blob {
                Blob::Bytes(bytes) => {
                    entry.size = bytes.len() as u64;
                    writer.file(&entry, &mut &bytes[..]).at("write", "the archive")?;
                }
                Blob::Layer(chain, size) => {
                    entry.size = *size;
                    writer
                        .stream(&entry, |output| self.write_layer_tar(chain, output).map_err(io::Error::other))
                        .at("write a layer to", "the archive")?;
                }
            }
        }
        for (name, content) in files {
            if *name == "repositories" && content == b"{}" {
                continue;
            }
            let mut entry = TarEntry::new(*name, EntryType::Regular, 0o644);
            entry.size = content.len() as u64;
            writer.file(&entry, &mut &content[..]).at("write", "the archive")?;
        }
        writer.finish().at("write", "the archive")?;
        Ok(())
    }

    /// The images that the names stand for, each with the names to save, in the order given.
    fn select(&self, names: &[String]) -> Result<Vec<(ImageId, BTreeSet<NameOrder>)>> {
        let mut wanted: Vec<(ImageId, BTreeSet<NameOrder>)> = Vec::new();
        let mut add = |id: ImageId, name: Option<Reference>| {
            let at = wanted.iter().position(|(known, _)| *known == id).unwrap_or_else(|| {
                wanted.push((id, BTreeSet::new()));
                wanted.len() - 1
            });
            wanted[at].1.extend(name.map(NameOrder));
        };
        for text in names {
            let parsed = Reference::parse(text).ok();
            if let Some(name) = parsed.filter(|name| name.tag().is_none() && name.digest().is_none()) {
                let tags = self.tags_of(&name);
                if !tags.is_empty() {
                    tags.into_iter().for_each(|(tag, id)| add(id, Some(tag)));
                    continue;
                }
            }
            let tagged = Reference::parse(text).is_ok_and(|name| name.tag().is_some() && name.digest().is_none());
            let id = match self.resolve(text) {
                Err(ResolveError::NotFound(_)) if tagged => return Err(ResolveError::NoSuchReference.into()),
                other => other?,
            };
            let by_id = id.to_string().starts_with(text.as_str()) || id.hex().starts_with(text.as_str());
            let name = Reference::parse(text).ok().filter(|name| !by_id && name.digest().is_none());
            add(id, name);
        }
        if wanted.is_empty() {
            return Err(ResolveError::NotFound(String::new()).into());
        }
        Ok(wanted)
    }
}

/// A name in the order of its text.
#[derive(PartialEq, Eq)]
struct NameOrder(Reference);

impl std::ops::Deref for NameOrder {
    type Target = Reference;

    fn deref(&self) -> &Reference {
        &self.0
    }
}

impl PartialOrd for NameOrder {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for NameOrder {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.to_string().cmp(&other.0.to_string())
    }
}

fn to_bytes(value: &Value) -> Vec<u8> {
    serde_json::to_vec(value).expect("JSON values are valid JSON")
}

fn manifest_item(id: &ImageId, tags: &BTreeSet<NameOrder>, diffs: &[DiffId], layers: &[Value]) -> Value {
    let names: Vec<String> = tags.iter().map(|tag| tag.familiar_string()).collect();
    let sources: BTreeMap<String, &Value> = diffs.iter().map(DiffId::to_string).zip(layers).collect();
    json!({
        "Config": format!("blobs/sha256/{}", id.hex()),
        "RepoTags": if names.is_empty() { Value::Null } else { json!(names) },
        "Layers": diffs.iter().map(|diff| format!("blobs/sha256/{}", diff.hex())).collect::<Vec<_>>(),
        "LayerSources": sources,
    })
}
