//! Writes archives, the same bytes each time: an OCI layout, for docker with `manifest.json` beside it as docker 25 and later write it.
//! Entries are sorted by name, of root, with the time 0; layers are uncompressed.

use std::borrow::Cow;

use serde_json::Value;

use super::config::canonical;
use super::layer::{Header, LayerWriter};
use super::{Error, Store, familiar};
use crate::image::Digest;
use crate::image::tar::{BLOCK, Kind};
use crate::small::Map;

/// The kind of archive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SaveFormat {
    /// What `docker load` of every version reads, and tools that read OCI layouts too.
    Docker,
    /// An OCI layout alone.
    Oci,
}

impl Store {
    /// An archive of images, by name or id. An image that is given by id is saved without a name, as docker does it.
    ///
    /// # Errors
    /// An image that is not there.
    pub fn save(&self, names: &[&str], format: SaveFormat) -> Result<Vec<u8>, Error> {
        let mut wanted: Vec<(Digest, Vec<String>)> = Vec::new();
        for name in names {
            let id = self.resolve(name)?.clone();
            let named = crate::reference::parse_normalized(name).map(|n| n.with_default_tag().to_string()).ok();
            let named = named.filter(|full| self.tags.get(full) == Some(&id));
            let at = wanted.iter().position(|(known, _)| *known == id);
            match at.and_then(|at| wanted.get_mut(at)) {
                Some((_, names)) => names.extend(named.filter(|n| !names.contains(n))),
                None => wanted.push((id, named.into_iter().collect())),
            }
        }
        // Layers stay where they are until they are written.
        let mut files: Map<String, Cow<'_, [u8]>> = Map::default();
        let (mut index, mut manifests) = (Vec::new(), Vec::new());
        for (id, names) in &wanted {
            let Some(image) = self.images.get(id) else { continue };
            let mut layers = Vec::new();
            for diff_id in &image.diff_ids {
                let tar = self.layer(diff_id).unwrap_or_default();
                layers.push(descriptor("application/vnd.oci.image.layer.v1.tar", diff_id, tar.len()));
                files.insert(blob(diff_id), tar.into());
            }
            files.insert(blob(id), image.config_json.as_slice().into());
            let manifest = json!({
                "schemaVersion": 2,
                "mediaType": "application/vnd.oci.image.manifest.v1+json",
                "config": descriptor("application/vnd.oci.image.config.v1+json", id, image.config_json.len()),
                "layers": layers,
            });
            let manifest = canonical(&manifest);
            let digest = Digest::of(&manifest);
            let mut entry = descriptor("application/vnd.oci.image.manifest.v1+json", &digest, manifest.len());
            files.insert(blob(&digest), manifest.into());
            if names.is_empty() {
                index.push(entry.clone());
            }
            for full in names {
                let tag = full.rsplit_once(':').map_or("latest", |(_, tag)| tag);
                entry["annotations"] =
                    json!({"io.containerd.image.name": full, "org.opencontainers.image.ref.name": tag});
                index.push(entry.clone());
            }
            let paths: Vec<String> = image.diff_ids.iter().map(blob).collect();
            let short: Vec<String> = names.iter().map(|full| familiar(full)).collect();
            manifests.push(json!({"Config": blob(id), "RepoTags": short, "Layers": paths}));
        }
        let index = json!({
            "schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": index,
        });
        files.insert("index.json".to_owned(), canonical(&index).into());
        files.insert("oci-layout".to_owned(), canonical(&json!({"imageLayoutVersion": "1.0.0"})).into());
        if format == SaveFormat::Docker {
            files.insert("manifest.json".to_owned(), canonical(&Value::Array(manifests)).into());
        }
        let length: usize = files.values().map(|bytes| bytes.len() + 3 * BLOCK).sum();
        let mut writer = LayerWriter::new(0).with_room(length + 4 * BLOCK);
        for directory in ["blobs", "blobs/sha256"] {
            let header =
                Header { path: directory.to_owned(), kind: Some(Kind::Directory), mode: 0o755, ..Header::default() };
            writer.header(&header, 0);
        }
        for (path, bytes) in files.iter() {
            writer.header(&Header { path: path.clone(), mode: 0o644, ..Header::default() }, bytes.len() as u64);
            writer.content(bytes);
        }
        Ok(writer.finish())
    }
}

fn blob(digest: &Digest) -> String {
    format!("blobs/{}/{}", digest.algorithm(), digest.hex())
}

fn descriptor(media_type: &str, digest: &Digest, size: usize) -> Value {
    json!({"mediaType": media_type, "digest": digest.as_str(), "size": size})
}
