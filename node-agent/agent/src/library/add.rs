//! `library add`: puts the images of an archive (`docker save`, `skopeo copy`, an OCI layout as a tar) into the library. The whole archive is
//! verified first; then an image with a manifest keeps it and all its digests, and one without gets compressed layers and a manifest.

use std::fs::{self, File};
use std::io::{self, BufWriter, Read, Write};
use std::os::unix::fs::FileExt;
use std::path::Path;

use engine_wasm::image::{Archive, Image, Layer, Limits, Platform, ReadAt, platform};
use engine_wasm::reference;
use serde_json::{Value, json};

use super::base::compress;
use super::error::Error;
use super::layout::{IMAGE_NAME, Layout, REF_NAME};

/// Bytes that are copied at a time.
const BLOCK: usize = 256 << 10;
/// What a compressed archive may decompress to.
const MOST: u64 = 64_000_000_000;
pub(super) const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
pub(super) const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
pub(super) const LAYER: &str = "application/vnd.oci.image.layer.v1.tar+gzip";

/// What `add` was asked for.
#[derive(Debug, Default)]
pub(super) struct Options {
    /// A name instead of those in the archive.
    pub(super) name: Option<String>,
    /// The platform to take of several, `linux/arm64`; by default this machine's.
    pub(super) platform: Option<String>,
}

/// A file as a source of an archive.
pub(super) struct OnDisk {
    file: File,
    size: u64,
}

impl OnDisk {
    pub(super) fn new(file: File) -> io::Result<Self> {
        Ok(Self { size: file.metadata()?.len(), file })
    }
}

impl ReadAt for OnDisk {
    fn size(&self) -> u64 {
        self.size
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        self.file.read_at(buffer, offset)
    }
}

/// Adds the archive's images of one platform to the layout; their full names.
pub(super) fn run(dir: &Path, file: &Path, options: &Options) -> Result<Vec<String>, Error> {
    let broken = |what: String| Error::Archive { path: file.to_owned(), what };
    let handle = plain(File::open(file).map_err(Error::io("opening", file))?).map_err(Error::io("reading", file))?;
    let source = OnDisk::new(handle).map_err(Error::io("reading", file))?;
    eprintln!("{}: verifying {:.1} MB", file.display(), source.size as f64 / 1e6);
    let archive = Archive::open(source, &Limits::default()).map_err(|error| broken(error.to_string()))?;
    let report = archive.verify();
    if let Some(failed) = report.failures().next() {
        let why = failed.failure.clone().unwrap_or_default();
        return Err(broken(format!("{}: {why}", failed.name)));
    }
    if let Some(problem) = report.problems.first() {
        return Err(broken(problem.clone()));
    }
    let wanted = match &options.platform {
        Some(text) => platform::parse(text).map_err(broken)?,
        None => platform::parse(&format!("linux/{}", super::build::architecture())).map_err(broken)?,
    };
    let fits = |image: &&Image| same(&image.platform, &wanted);
    let chosen: Vec<&Image> = archive.images().iter().filter(fits).collect();
    if chosen.is_empty() {
        let there: Vec<String> = archive.images().iter().map(|image| platform::format(&image.platform)).collect();
        let wanted = platform::format(&wanted);
        return Err(broken(format!("it has no image for {wanted}, but for {}; see --platform", there.join(", "))));
    }
    if chosen.len() > 1 && options.name.is_some() {
        let titles: Vec<String> = chosen.iter().map(|image| image.title()).collect();
        return Err(broken(format!("it has {} images for --name to mean: {}", titles.len(), titles.join(", "))));
    }
    let layout = Layout::create(dir)?;
    let _lock = layout.lock()?;
    layout.sweep()?;
    let mut added = Vec::new();
    for image in chosen {
        let names = names(image, options.name.as_deref()).map_err(broken)?;
        let descriptor = copy(&archive, image, &layout, &broken)?;
        let platform = json!({ "architecture": image.platform.architecture, "os": image.platform.os });
        added.extend(names.iter().map(|(name, _)| name.clone()));
        put(&layout, &descriptor, &platform, names)?;
    }
    let partial = layout.partial();
    fs::remove_dir_all(&partial).map_err(Error::io("removing", &partial))?;
    Ok(added)
}

/// The archive itself where it is compressed, in a file without a name: its parts are read in no order.
fn plain(file: File) -> io::Result<File> {
    let mut beginning = [0; slipway_images::MAGIC_LENGTH];
    let read = file.read_at(&mut beginning, 0)?;
    if !slipway_images::is_compressed(&beginning[..read]) {
        return Ok(file);
    }
    let mut plain = tempfile::tempfile()?;
    let mut archive = slipway_images::decompress(file)?.take(MOST);
    if io::copy(&mut archive, &mut plain)? == MOST {
        return Err(io::Error::other(format!("it has more than {} GB when it is decompressed", MOST / 1_000_000_000)));
    }
    Ok(plain)
}

/// Lets names, with their tags, mean the image; what they meant before they mean no more.
pub(super) fn put(
    layout: &Layout,
    descriptor: &Value,
    platform: &Value,
    names: Vec<(String, String)>,
) -> Result<(), Error> {
    let mut entries = layout.entries()?;
    entries.retain(|entry| !names.iter().any(|(name, _)| entry["annotations"][IMAGE_NAME] == **name));
    for (name, tag) in names {
        let mut entry = descriptor.clone();
        entry["platform"] = platform.clone();
        entry["annotations"] = json!({ IMAGE_NAME: name, REF_NAME: tag });
        entries.push(entry);
    }
    layout.write_index(&entries)
}

fn same(one: &Platform, other: &Platform) -> bool {
    one.os == other.os && one.architecture == other.architecture
}

/// The full names and tags that the image gets: `docker.io/library/nginx:1.27` and `1.27`.
fn names(image: &Image, given: Option<&str>) -> Result<Vec<(String, String)>, String> {
    if let Some(name) = given {
        return Ok(vec![full(name)?]);
    }
    if image.names.is_empty() {
        return Err(format!("image {} has no name in it; give one with --name", image.id.short()));
    }
    let all: Vec<_> = image.names.iter().map(|name| full(name)).collect::<Result<_, _>>()?;
    let (asked_for, others): (Vec<_>, Vec<_>) = all.into_iter().partition(|(name, _)| name.starts_with("docker.io/"));
    match others.first() {
        Some((other, _)) if asked_for.is_empty() => Err(format!("it is called {other}; {FOREIGN}")),
        _ => Ok(asked_for),
    }
}

/// What to do about a name that nodes will never ask the library for.
pub(super) const FOREIGN: &str =
    "nodes ask the library for names of docker.io; say with --name what it is to be called there";

/// A name as the library has it, and its tag.
pub(super) fn full(text: &str) -> Result<(String, String), String> {
    let parsed =
        reference::parse_normalized(text).map_err(|error| format!("{text:?} is no name of an image: {error}"))?;
    let parsed = parsed.with_default_tag();
    let tag = parsed.tag().ok_or_else(|| format!("{text:?} has a digest and no tag; give a name with --name"))?;
    Ok((format!("{}:{tag}", parsed.name()), tag.to_owned()))
}

/// Copies blobs and manifest; the manifest's descriptor.
fn copy(archive: &Archive, image: &Image, layout: &Layout, broken: &dyn Fn(String) -> Error) -> Result<Value, Error> {
    let title = image.title();
    let whole = |layer: &Layer| {
        let lacking = format!("{title} lacks {}; save the image with all its layers", layer.title());
        layer.path.is_some().then_some(()).ok_or_else(|| broken(lacking))
    };
    image.layers.iter().try_for_each(whole)?;
    let Some(manifest) = &image.manifest else {
        let mut layers = Vec::new();
        for layer in &image.layers {
            eprintln!("{title}: {}", layer.title());
            let temporary = layout.partial().join("layer");
            let (digest, _, size) = compress(Reading::new(archive, layer), &temporary)?;
            layout.adopt(&temporary, &digest)?;
            layers.push(json!({ "mediaType": LAYER, "digest": digest, "size": size }));
        }
        let config = layout.add_bytes(CONFIG, &image.config_json)?;
        let manifest = json!({ "schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": layers });
        return layout.add_bytes(MANIFEST, manifest.to_string().as_bytes());
    };
    for layer in &image.layers {
        eprintln!("{title}: {}", layer.title());
        let digest = layer.digest.as_ref().ok_or_else(|| broken(format!("{} has no digest", layer.title())))?;
        let temporary = layout.partial().join("layer");
        let write = || {
            let mut out = BufWriter::with_capacity(BLOCK, File::create(&temporary)?);
            io::copy(&mut Reading::new(archive, layer), &mut out)?;
            out.flush()?;
            out.get_ref().sync_all()
        };
        write().map_err(Error::io("writing", &temporary))?;
        layout.adopt(&temporary, digest.as_str())?;
    }
    layout.add_bytes(CONFIG, &image.config_json)?;
    let path = format!("blobs/{}/{}", manifest.digest.algorithm(), manifest.digest.hex());
    let mut bytes = vec![0; usize::try_from(archive.files().size(&path).unwrap_or(0)).unwrap_or(0)];
    let mut filled = 0;
    while filled < bytes.len() {
        match archive.files().read_at(&path, filled as u64, &mut bytes[filled..]) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(error) => return Err(broken(format!("{path}: {error}"))),
        }
    }
    layout.add_bytes(&manifest.media_type, &bytes)
}

/// A layer's blob as a stream.
pub(super) struct Reading<'a> {
    archive: &'a Archive,
    layer: &'a Layer,
    at: u64,
}

impl<'a> Reading<'a> {
    pub(super) fn new(archive: &'a Archive, layer: &'a Layer) -> Self {
        Self { archive, layer, at: 0 }
    }
}

impl Read for Reading<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.archive.read_layer(self.layer, self.at, buffer).map_err(io::Error::other)?;
        self.at += read as u64;
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sha2::{Digest, Sha256};

    fn sha256(bytes: &[u8]) -> String {
        hex::encode(Sha256::digest(bytes))
    }

    fn layer() -> Vec<u8> {
        let mut archive = tar::Builder::new(Vec::new());
        let mut header = tar::Header::new_ustar();
        header.set_size(6);
        header.set_mode(0o644);
        header.set_cksum();
        archive.append_data(&mut header, "greeting", &b"hello\n"[..]).expect("an entry");
        archive.into_inner().expect("an archive")
    }

    /// An archive file with these entries.
    fn archive(dir: &Path, entries: &[(String, Vec<u8>)]) -> std::path::PathBuf {
        let path = dir.join("image.tar");
        let mut archive = tar::Builder::new(File::create(&path).expect("a file"));
        for (name, bytes) in entries {
            let mut header = tar::Header::new_ustar();
            header.set_size(bytes.len() as u64);
            header.set_mode(0o644);
            header.set_cksum();
            archive.append_data(&mut header, name, &bytes[..]).expect("an entry");
        }
        archive.finish().expect("an archive");
        path
    }

    fn config(layer: &[u8]) -> Vec<u8> {
        let diff_ids = [format!("sha256:{}", sha256(layer))];
        json!({ "architecture": super::super::build::architecture(), "os": "linux", "config": {},
                "rootfs": { "type": "layers", "diff_ids": diff_ids } })
        .to_string()
        .into_bytes()
    }

    fn docker(dir: &Path, layer: &[u8], config: &[u8]) -> std::path::PathBuf {
        let name = format!("{}.json", sha256(config));
        let manifest = json!([{ "Config": name, "RepoTags": ["greeting:1"], "Layers": ["l/layer.tar"] }]);
        let entries = [
            ("l/layer.tar".into(), layer.to_vec()),
            (name, config.to_vec()),
            ("manifest.json".into(), manifest.to_string().into_bytes()),
        ];
        archive(dir, &entries)
    }

    #[test]
    fn an_archive_of_docker_save_becomes_a_library_image_with_compressed_layers() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let (layer, library) = (layer(), dir.path().join("library"));
        let file = docker(dir.path(), &layer, &config(&layer));
        let added = run(&library, &file, &Options::default()).expect("added");
        assert_eq!(added, ["docker.io/library/greeting:1"]);
        let again = Options { name: Some("moby/hello".into()), ..Options::default() };
        assert_eq!(run(&library, &file, &again).expect("added"), ["docker.io/moby/hello:latest"]);
        let layout = Layout::open(&library).expect("a library");
        assert_eq!(layout.images().expect("images").len(), 2);
        for entry in layout.index().expect("an index").manifests() {
            assert!(layout.complete(entry));
        }
    }

    #[test]
    fn an_image_with_a_manifest_keeps_its_digest() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let (layer, library) = (layer(), dir.path().join("library"));
        let config = config(&layer);
        let blob = |kind: &str, bytes: &[u8]| json!({ "mediaType": kind, "digest": format!("sha256:{}", sha256(bytes)), "size": bytes.len() });
        let manifest = json!({
            "schemaVersion": 2, "mediaType": MANIFEST, "config": blob(CONFIG, &config),
            "layers": [blob("application/vnd.oci.image.layer.v1.tar", &layer)],
        })
        .to_string()
        .into_bytes();
        let mut entry = blob(MANIFEST, &manifest);
        entry["annotations"] = json!({ IMAGE_NAME: "docker.io/library/greeting:2", REF_NAME: "2" });
        let entries = [
            ("oci-layout".to_owned(), br#"{"imageLayoutVersion":"1.0.0"}"#.to_vec()),
            ("index.json".into(), json!({ "schemaVersion": 2, "manifests": [entry] }).to_string().into_bytes()),
            (format!("blobs/sha256/{}", sha256(&config)), config),
            (format!("blobs/sha256/{}", sha256(&layer)), layer),
            (format!("blobs/sha256/{}", sha256(&manifest)), manifest.clone()),
        ];
        let file = archive(dir.path(), &entries);
        assert_eq!(run(&library, &file, &Options::default()).expect("added"), ["docker.io/library/greeting:2"]);
        let layout = Layout::open(&library).expect("a library");
        let images = layout.images().expect("images");
        assert_eq!(images[0].digest, format!("sha256:{}", sha256(&manifest)));
        let other = Options { platform: Some("linux/s390x".into()), ..Options::default() };
        let error = run(&library, &file, &other).expect_err("another platform").to_string();
        assert!(error.contains("linux/s390x") && error.contains("--platform"), "{error}");
    }

    #[test]
    fn a_layer_that_is_not_what_the_configuration_says_is_refused() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let (layer, library) = (layer(), dir.path().join("library"));
        let mut other = layer.clone();
        other[1030] = b'!';
        let file = docker(dir.path(), &other, &config(&layer));
        let error = run(&library, &file, &Options::default()).expect_err("a wrong layer").to_string();
        assert!(error.contains("image.tar"), "{error}");
        assert!(!library.exists(), "nothing was begun");
        let error = run(&library, dir.path(), &Options::default()).expect_err("a directory").to_string();
        assert!(!error.is_empty());
    }
}
