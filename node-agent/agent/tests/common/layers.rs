//! What tests of the layers that a host keeps for its nodes share: trees measured and compared, and questions from within a node.

use std::{
    fs,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
};

use super::{images::Layer, server::Session};

/// Bytes that a tree takes on disk, each file once; mounts are not entered.
pub fn usage(root: &Path) -> u64 {
    let Ok(meta) = fs::symlink_metadata(root) else { return 0 };
    let mut bytes = meta.blocks() * 512;
    if meta.is_dir() {
        for entry in fs::read_dir(root).into_iter().flatten().flatten() {
            if entry.metadata().is_ok_and(|inner| inner.dev() == meta.dev()) {
                bytes += usage(&entry.path());
            }
        }
    }
    bytes
}

/// What a layer's tree is, in every respect that somebody could have changed.
pub fn portrait(root: &Path) -> Vec<String> {
    let mut lines = Vec::new();
    let mut pending = vec![root.to_owned()];
    while let Some(path) = pending.pop() {
        let meta = fs::symlink_metadata(&path).expect("there");
        let content =
            if meta.is_file() { super::images::sha256(&fs::read(&path).expect("read")) } else { String::new() };
        let (mode, uid, gid, nlink) = (meta.mode(), meta.uid(), meta.gid(), meta.nlink());
        lines.push(format!("{} {mode:o} {uid} {gid} {nlink} {} {content}", path.display(), meta.ctime_nsec()));
        if meta.is_dir() {
            pending.extend(fs::read_dir(&path).expect("listed").flatten().map(|entry| entry.path()));
        }
    }
    lines.sort();
    lines
}

pub fn names(dir: &Path) -> Vec<String> {
    let entries = fs::read_dir(dir).into_iter().flatten().flatten();
    let mut names: Vec<String> = entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

pub fn hex(layer: &Layer) -> &str {
    layer.digest.trim_start_matches("sha256:")
}

/// The directory of the test's own library, which the registry's process must be able to read.
pub fn library_dir(settings: &node_agent::sandbox::Settings) -> PathBuf {
    settings.data_dir.join("test-library")
}

/// Asks the host for layers from within the node, as its root: how many it gives.
pub fn ask(session: &Session, request: &str) -> String {
    let script = format!(
        "python3 - <<'END'\n\
         import socket, struct\n\
         s = socket.socket(socket.AF_UNIX); s.connect('/run/slipway-host/layers.sock')\n\
         body = b'''{request}'''\n\
         s.sendall(struct.pack('>I', len(body)) + body)\n\
         data, fds, _, _ = socket.recv_fds(s, 1 << 16, 250)\n\
         while len(data) < 4 or len(data) < 4 + struct.unpack('>I', data[:4])[0]:\n\
         \x20   more = s.recv(1 << 16)\n\
         \x20   assert more, 'cut off'\n\
         \x20   data += more\n\
         print(len(fds), data[4:].decode())\n\
         END"
    );
    session.good(&script)
}

pub fn get(layer: &Layer) -> String {
    format!(r#"{{"op":"get","layers":[{{"digest":"{}","diff_id":"{}"}}],"from":0}}"#, layer.digest, layer.diff_id)
}
