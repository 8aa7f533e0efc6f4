//! Archives for tests.

use std::io::Write;

use super::digest::Digest;

/// An entry to write: path, kind, link, content.
#[derive(Clone, Copy)]
pub(crate) struct Item<'a> {
    pub(crate) path: &'a str,
    pub(crate) kind: u8,
    pub(crate) link: &'a str,
    pub(crate) data: &'a [u8],
}

pub(crate) fn file<'a>(path: &'a str, data: &'a [u8]) -> Item<'a> {
    Item { path, kind: b'0', link: "", data }
}

pub(crate) fn dir(path: &str) -> Item<'_> {
    Item { path, kind: b'5', link: "", data: b"" }
}

pub(crate) fn symlink<'a>(path: &'a str, link: &'a str) -> Item<'a> {
    Item { path, kind: b'2', link, data: b"" }
}

pub(crate) fn hardlink<'a>(path: &'a str, link: &'a str) -> Item<'a> {
    Item { path, kind: b'1', link, data: b"" }
}

/// A ustar header with its sum.
pub(crate) fn header(path: &[u8], kind: u8, link: &[u8], size: u64) -> [u8; 512] {
    let mut block = [0; 512];
    let mut put = |at: usize, bytes: &[u8]| block[at..at + bytes.len()].copy_from_slice(bytes);
    put(0, path);
    put(100, if kind == b'5' { b"0000755\0" } else { b"0000644\0" });
    put(108, b"0000000\0");
    put(116, b"0000000\0");
    put(124, format!("{size:011o}\0").as_bytes());
    put(136, b"14371600000\0");
    put(156, &[kind]);
    put(157, link);
    put(257, b"ustar\x0000");
    seal(&mut block);
    block
}

/// Puts the right sum into a header.
pub(crate) fn seal(block: &mut [u8; 512]) {
    block[148..156].copy_from_slice(b"        ");
    let sum: u32 = block.iter().map(|b| u32::from(*b)).sum();
    block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
}

pub(crate) fn padded(out: &mut Vec<u8>, data: &[u8]) {
    out.extend_from_slice(data);
    out.resize(out.len().next_multiple_of(512), 0);
}

/// A tar without its end.
pub(crate) fn open_tar(items: &[Item<'_>]) -> Vec<u8> {
    let mut out = Vec::new();
    for item in items {
        if item.path.len() > 100 {
            out.extend_from_slice(&header(b"././@LongLink", b'L', b"", item.path.len() as u64));
            padded(&mut out, item.path.as_bytes());
        }
        let short = &item.path.as_bytes()[..item.path.len().min(100)];
        out.extend_from_slice(&header(short, item.kind, item.link.as_bytes(), item.data.len() as u64));
        padded(&mut out, item.data);
    }
    out
}

/// A tar with its end.
pub(crate) fn tar(items: &[Item<'_>]) -> Vec<u8> {
    let mut out = open_tar(items);
    out.resize(out.len() + 1024, 0);
    out
}

pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

pub(crate) fn zstd(bytes: &[u8]) -> Vec<u8> {
    ruzstd::encoding::compress_to_vec(bytes, ruzstd::encoding::CompressionLevel::Fastest)
}

/// A PAX record.
pub(crate) fn record(key: &str, value: &str) -> String {
    let rest = key.len() + value.len() + 3;
    let mut length = rest + 1;
    while length != rest + length.to_string().len() {
        length += 1;
    }
    format!("{length} {key}={value}\n")
}

/// A configuration with these layers and history entries (`created_by`, whether empty).
pub(crate) fn config(layers: &[Vec<u8>], history: &[(&str, bool)]) -> Vec<u8> {
    let diff_ids: Vec<Digest> = layers.iter().map(|layer| Digest::of(layer)).collect();
    let history: Vec<_> = history
        .iter()
        .map(|(by, empty)| serde_json::json!({"created": "2024-05-01T10:00:00Z", "created_by": by, "empty_layer": empty}))
        .collect();
    serde_json::to_vec(&serde_json::json!({
        "architecture": "amd64", "os": "linux", "created": "2024-05-01T10:00:00.5Z",
        "config": {"Env": ["PATH=/bin"], "Cmd": ["sh"]},
        "rootfs": {"type": "layers", "diff_ids": diff_ids}, "history": history,
    }))
    .unwrap()
}

/// A `docker save` of these uncompressed layers.
pub(crate) fn docker_archive(layers: &[Vec<u8>], history: &[(&str, bool)], tags: &[&str]) -> Vec<u8> {
    let config = config(layers, history);
    let id = Digest::of(&config);
    let config_name = format!("{}.json", id.hex());
    let names: Vec<String> = (0..layers.len()).map(|n| format!("layer{n}/layer.tar")).collect();
    let manifest =
        serde_json::to_vec(&serde_json::json!([{"Config": config_name, "RepoTags": tags, "Layers": names}])).unwrap();
    let mut items = vec![file(&config_name, &config), file("manifest.json", &manifest)];
    items.extend(names.iter().zip(layers).map(|(name, layer)| file(name, layer)));
    tar(&items)
}

/// An OCI archive: blobs by content, and `index.json`.
pub(crate) struct Oci {
    blobs: Vec<(String, Vec<u8>)>,
}

impl Oci {
    pub(crate) fn new() -> Self {
        Self { blobs: Vec::new() }
    }

    /// Adds a blob and gives its descriptor.
    pub(crate) fn blob(&mut self, media_type: &str, bytes: &[u8]) -> serde_json::Value {
        let digest = Digest::of(bytes);
        self.blobs.push((format!("blobs/sha256/{}", digest.hex()), bytes.to_vec()));
        serde_json::json!({"mediaType": media_type, "digest": digest, "size": bytes.len()})
    }

    pub(crate) fn document(&mut self, document: &serde_json::Value) -> serde_json::Value {
        let media_type = document["mediaType"].as_str().unwrap().to_owned();
        self.blob(&media_type, &serde_json::to_vec(document).unwrap())
    }

    /// Adds an image of packed layers (with their uncompressed tars) and gives its manifest's descriptor.
    pub(crate) fn image(&mut self, layers: &[(Vec<u8>, Vec<u8>)], history: &[(&str, bool)]) -> serde_json::Value {
        let plain: Vec<Vec<u8>> = layers.iter().map(|(_, plain)| plain.clone()).collect();
        let config = self.blob("application/vnd.oci.image.config.v1+json", &config(&plain, history));
        let layers: Vec<_> =
            layers.iter().map(|(packed, _)| self.blob("application/vnd.oci.image.layer.v1.tar+gzip", packed)).collect();
        self.document(&serde_json::json!({
            "schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json", "config": config, "layers": layers,
        }))
    }

    /// Puts other bytes under a blob's name.
    pub(crate) fn replace(&mut self, digest: &Digest, bytes: &[u8]) {
        for (_, content) in self.blobs.iter_mut().filter(|(path, _)| path.ends_with(digest.hex())) {
            *content = bytes.to_vec();
        }
    }

    pub(crate) fn remove(&mut self, digest: &str) {
        self.blobs.retain(|(path, _)| !path.ends_with(digest.trim_start_matches("sha256:")));
    }

    pub(crate) fn archive(&self, manifests: &[serde_json::Value]) -> Vec<u8> {
        let index = serde_json::to_vec(&serde_json::json!({"schemaVersion": 2, "manifests": manifests})).unwrap();
        let mut items = vec![file("oci-layout", b"{\"imageLayoutVersion\":\"1.0.0\"}"), file("index.json", &index)];
        items.extend(self.blobs.iter().map(|(path, bytes)| file(path, bytes)));
        tar(&items)
    }
}

/// A layer's tree.
pub(crate) fn tree(items: &[Item<'_>]) -> super::Tree {
    let limits = super::Limits::default();
    let mut builder = super::Builder::new(&limits, super::Options::default());
    let mut stream = super::tar::Stream::new(&limits, "layer");
    stream.feed(&tar(items), &mut builder).unwrap();
    stream.finish().unwrap();
    builder.finish()
}
