//! A library (an OCI layout) made for one test: layers of given files, and images of given layers.

use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
};

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

/// A layer in a library.
#[derive(Clone, Debug)]
pub struct Layer {
    pub digest: String,
    pub diff_id: String,
    pub size: usize,
}

/// A library in a directory of its own.
pub struct Library {
    pub dir: PathBuf,
    names: Vec<Value>,
}

pub fn sha256(bytes: &[u8]) -> String {
    format!("sha256:{}", hex::encode(Sha256::digest(bytes)))
}

/// One entry of a layer.
pub struct Entry<'a> {
    pub path: &'a str,
    pub mode: u32,
    pub owner: u64,
    pub content: Content<'a>,
    /// Extended attributes, as PAX records.
    pub xattrs: &'a [(&'a str, &'a [u8])],
}

pub enum Content<'a> {
    Dir,
    File(&'a [u8]),
}

pub fn file<'a>(path: &'a str, bytes: &'a [u8]) -> Entry<'a> {
    Entry { path, mode: 0o644, owner: 0, content: Content::File(bytes), xattrs: &[] }
}

pub fn dir(path: &str) -> Entry<'_> {
    Entry { path, mode: 0o755, owner: 0, content: Content::Dir, xattrs: &[] }
}

/// Bytes that do not compress.
pub fn noise(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut bytes = Vec::with_capacity(length + 8);
    while bytes.len() < length {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes.truncate(length);
    bytes
}

fn pax(key: &str, value: &[u8]) -> Vec<u8> {
    // The length counts itself.
    let rest = key.len() + value.len() + 3;
    let mut length = rest + rest.to_string().len();
    length = rest + length.to_string().len();
    [format!("{length} {key}=").as_bytes(), value, b"\n"].concat()
}

fn tar(entries: &[Entry<'_>]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for entry in entries {
        if !entry.xattrs.is_empty() {
            let records: Vec<u8> =
                entry.xattrs.iter().flat_map(|(key, value)| pax(&format!("SCHILY.xattr.{key}"), value)).collect();
            let mut header = tar::Header::new_ustar();
            header.set_entry_type(tar::EntryType::XHeader);
            header.set_size(records.len() as u64);
            builder.append_data(&mut header, "pax", &records[..]).expect("appended");
        }
        let mut header = tar::Header::new_ustar();
        header.set_mode(entry.mode);
        header.set_uid(entry.owner);
        header.set_gid(entry.owner);
        header.set_mtime(1_700_000_000);
        match entry.content {
            Content::Dir => {
                header.set_entry_type(tar::EntryType::Directory);
                header.set_size(0);
                builder.append_data(&mut header, entry.path, &[][..]).expect("appended");
            }
            Content::File(bytes) => {
                header.set_size(bytes.len() as u64);
                builder.append_data(&mut header, entry.path, bytes).expect("appended");
            }
        }
    }
    builder.into_inner().expect("finished")
}

impl Library {
    /// An empty library in `dir`.
    pub fn new(dir: &Path) -> Self {
        fs::create_dir_all(dir.join("blobs/sha256")).expect("a directory");
        fs::write(dir.join("oci-layout"), r#"{"imageLayoutVersion":"1.0.0"}"#).expect("written");
        Self { dir: dir.to_owned(), names: Vec::new() }
    }

    pub fn blob(&self, digest: &str) -> PathBuf {
        self.dir.join("blobs/sha256").join(digest.trim_start_matches("sha256:"))
    }

    fn put(&self, bytes: &[u8]) -> String {
        let digest = sha256(bytes);
        fs::write(self.blob(&digest), bytes).expect("written");
        digest
    }

    /// A layer of these entries, compressed.
    pub fn layer(&self, entries: &[Entry<'_>]) -> Layer {
        let tar = tar(entries);
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gzip.write_all(&tar).expect("compressed");
        let blob = gzip.finish().expect("compressed");
        Layer { digest: self.put(&blob), diff_id: sha256(&tar), size: blob.len() }
    }

    /// The layers of an image of another library, which come to be here, too.
    pub fn take(&self, other: &Path, name: &str) -> Vec<Layer> {
        let read = |digest: &str| {
            fs::read(other.join("blobs/sha256").join(digest.trim_start_matches("sha256:"))).expect("a blob")
        };
        let json = |bytes: &[u8]| serde_json::from_slice::<Value>(bytes).expect("JSON");
        let index = json(&fs::read(other.join("index.json")).expect("an index"));
        let wanted = format!("docker.io/library/{name}");
        let named = |one: &&Value| one["annotations"]["io.containerd.image.name"] == wanted.as_str();
        let found = index["manifests"].as_array().and_then(|all| all.iter().find(named)).expect("the image");
        let manifest = json(&read(found["digest"].as_str().expect("a digest")));
        let config = json(&read(manifest["config"]["digest"].as_str().expect("a digest")));
        let layers = manifest["layers"].as_array().expect("layers").iter();
        let diffs = config["rootfs"]["diff_ids"].as_array().expect("diff ids").iter();
        let layer = |(layer, diff): (&Value, &Value)| {
            let digest = layer["digest"].as_str().expect("a digest");
            let bytes = read(digest);
            assert_eq!(self.put(&bytes), digest);
            Layer { digest: digest.into(), diff_id: diff.as_str().expect("an id").into(), size: bytes.len() }
        };
        layers.zip(diffs).map(layer).collect()
    }

    /// Names an image (`lab/one:latest`) of these layers.
    pub fn image(&mut self, name: &str, layers: &[&Layer]) {
        let diffs: Vec<_> = layers.iter().map(|layer| &layer.diff_id).collect();
        let history: Vec<_> = layers.iter().map(|_| json!({"created_by": "test"})).collect();
        let config = json!({
            "architecture": "amd64", "os": "linux", "created": "2024-01-01T00:00:00Z",
            "config": {"Cmd": ["bash"], "Env": ["PATH=/usr/sbin:/usr/bin:/sbin:/bin"]},
            "rootfs": {"type": "layers", "diff_ids": diffs}, "history": history,
        })
        .to_string();
        let list: Vec<_> = layers
            .iter()
            .map(|layer| json!({"mediaType": "application/vnd.oci.image.layer.v1.tar+gzip", "digest": layer.digest, "size": layer.size}))
            .collect();
        let manifest = json!({
            "schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "config": {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": self.put(config.as_bytes()), "size": config.len()},
            "layers": list,
        })
        .to_string();
        let tag = name.rsplit(':').next().unwrap_or_default();
        self.names.push(json!({
            "mediaType": "application/vnd.oci.image.manifest.v1+json", "digest": self.put(manifest.as_bytes()), "size": manifest.len(),
            "annotations": {"io.containerd.image.name": format!("docker.io/{name}"), "org.opencontainers.image.ref.name": tag},
            "platform": {"architecture": "amd64", "os": "linux"},
        }));
        let index = json!({
            "schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": self.names,
        });
        fs::write(self.dir.join("index.json"), index.to_string()).expect("written");
    }
}
