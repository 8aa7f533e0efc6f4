//! What the tests share: skipping loudly, temporary stores, tar archives made by hand.
#![allow(dead_code, reason = "each test binary uses its part")]

pub(crate) mod image;
pub(crate) mod server;

use std::io::Write as _;
use std::path::{Path, PathBuf};

use slipway_images::{DiffId, ImageId, Store};

/// Whether this machine lets the test run; says so if not, and fails where skipping is not allowed.
pub(crate) fn root_or_skip() -> bool {
    let root = rustix::process::geteuid().is_root();
    if !root {
        skip("needs root");
    }
    root
}

/// Says that a test is skipped; a failure when `SLIPWAY_REQUIRE_ROOT_TESTS=1`.
pub(crate) fn skip(why: &str) {
    assert!(std::env::var("SLIPWAY_REQUIRE_ROOT_TESTS").as_deref() != Ok("1"), "skipping is not allowed: {why}");
    eprintln!("SKIP: {why}");
}

/// A new, empty store.
pub(crate) fn store() -> (tempfile::TempDir, Store) {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let store = Store::open(dir.path()).expect("an empty store opens");
    (dir, store)
}

/// A compressed archive of a small root file system in the directory; `None`, after saying so, where it cannot be made.
pub(crate) fn small_root(dir: &Path) -> Option<PathBuf> {
    if slipway_testing::root::busybox().is_none() {
        skip("busybox is not installed: apt-get install busybox-static");
        return None;
    }
    Some(slipway_testing::root::archive(dir).expect("an archive of a small root"))
}

/// A tar archive in the making.
pub(crate) struct Tar(tar::Builder<Vec<u8>>);

impl Tar {
    pub(crate) fn new() -> Self {
        Self(tar::Builder::new(Vec::new()))
    }

    fn header(kind: tar::EntryType, mode: u32, size: u64) -> tar::Header {
        let mut header = tar::Header::new_ustar();
        header.set_entry_type(kind);
        header.set_mode(mode);
        header.set_size(size);
        header.set_mtime(1_000_000_000);
        header.set_uid(0);
        header.set_gid(0);
        header
    }

    /// An entry under exactly this name, also one that no honest tool would write.
    pub(crate) fn raw(mut self, name: &str, link: &str, kind: tar::EntryType, mode: u32, data: &[u8]) -> Self {
        let mut header = Self::header(kind, mode, data.len() as u64);
        let bytes = header.as_mut_bytes();
        bytes[..name.len()].copy_from_slice(name.as_bytes());
        bytes[157..157 + link.len()].copy_from_slice(link.as_bytes());
        header.set_cksum();
        self.0.append(&header, data).expect("writing to memory");
        self
    }

    pub(crate) fn file(self, name: &str, data: &[u8]) -> Self {
        self.raw(name, "", tar::EntryType::Regular, 0o644, data)
    }

    pub(crate) fn dir(self, name: &str, mode: u32) -> Self {
        self.raw(name, "", tar::EntryType::Directory, mode, b"")
    }

    pub(crate) fn symlink(self, name: &str, target: &str) -> Self {
        self.raw(name, target, tar::EntryType::Symlink, 0o777, b"")
    }

    pub(crate) fn hardlink(self, name: &str, target: &str) -> Self {
        self.raw(name, target, tar::EntryType::Link, 0o644, b"")
    }

    pub(crate) fn device(mut self, name: &str, kind: tar::EntryType, major: u32, minor: u32) -> Self {
        let mut header = Self::header(kind, 0o600, 0);
        header.set_path(name).expect("short name");
        header.set_device_major(major).expect("ustar");
        header.set_device_minor(minor).expect("ustar");
        header.set_cksum();
        self.0.append(&header, &b""[..]).expect("writing to memory");
        self
    }

    pub(crate) fn pax(mut self, records: &[(&str, &[u8])]) -> Self {
        self.0.append_pax_extensions(records.iter().copied()).expect("writing to memory");
        self
    }

    pub(crate) fn end(self) -> Vec<u8> {
        self.0.into_inner().expect("writing to memory")
    }
}

/// Compresses as `docker pull` gets it.
pub(crate) fn gzip(data: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(data).expect("writing to memory");
    encoder.finish().expect("writing to memory")
}

/// A minimal configuration over these layers.
pub(crate) fn config(layers: &[DiffId], label: &str) -> Vec<u8> {
    serde_json::to_vec(&serde_json::json!({
        "architecture": "amd64", "os": "linux", "created": "2024-01-02T03:04:05Z",
        "config": {"Labels": {"name": label}, "Cmd": ["sh"]},
        "rootfs": {"type": "layers", "diff_ids": layers},
        "history": layers.iter().map(|_| serde_json::json!({"created_by": "test"})).collect::<Vec<_>>(),
    }))
    .expect("valid JSON")
}

/// Registers these tars one on the other and makes an image of them.
pub(crate) fn image(store: &Store, tars: &[Vec<u8>], label: &str) -> ImageId {
    let mut parent = None;
    let mut layers = Vec::new();
    for tar in tars {
        let layer = store.register_layer(parent.as_ref(), &tar[..], None).expect("a good layer");
        parent = Some(layer.chain_id);
        layers.push(layer.diff_id);
    }
    store.create_image(&config(&layers, label)).expect("a good configuration")
}

/// Every path under a directory, for comparing what a failure leaves.
pub(crate) fn tree(root: &Path) -> Vec<PathBuf> {
    let mut paths = Vec::new();
    let mut pending = vec![root.to_owned()];
    while let Some(dir) = pending.pop() {
        for entry in std::fs::read_dir(&dir).expect("a readable directory").flatten() {
            let path = entry.path();
            if path.is_dir() && !path.is_symlink() {
                pending.push(path.clone());
            }
            paths.push(path);
        }
    }
    paths.sort();
    paths
}
