//! OCI layouts: `index.json`, indexes within it, manifests, and BuildKit's attestations among them (OCI image layout specification;
//! BuildKit's `docs/attestations/attestation-storage.md`).

use super::archive::Archive;
use super::digest::Digest;
use super::error::{Error, Result};
use super::json::{Config, Descriptor, Document, Map};
use super::parts::{Absent, Attestation, Image, Layer, Statement};

const REFERENCE_TYPE: &str = "vnd.docker.reference.type";
const REFERENCE_DIGEST: &str = "vnd.docker.reference.digest";

/// The file of a blob.
pub(super) fn blob_path(digest: &Digest) -> String {
    format!("blobs/{}/{}", digest.algorithm(), digest.hex())
}

/// The names that annotations give.
fn names(annotations: &Map) -> Vec<String> {
    let full = annotations.get("io.containerd.image.name");
    let name = full.or_else(|| annotations.get("org.opencontainers.image.ref.name"));
    let familiar = |name: &String| match crate::reference::parse_normalized(name) {
        Ok(reference) if full.is_some() => reference.familiar_string(),
        _ => name.clone(),
    };
    name.map(familiar).into_iter().collect()
}

/// Where in the nested indexes a descriptor stands.
#[derive(Clone, Copy)]
struct Place<'a> {
    names: &'a [String],
    index: Option<&'a Digest>,
    depth: usize,
}

pub(super) fn read(archive: &mut Archive) -> Result<()> {
    if archive.files.size("oci-layout").is_none() {
        archive.problems.push("oci-layout is missing beside index.json".into());
    }
    let limit = archive.limits.manifest;
    let Some(bytes) = archive.small("index.json", limit, "the size of an index")? else { return Ok(()) };
    let document: Document = parse("index.json", &bytes)?;
    let mut attestations = Vec::new();
    for descriptor in document.manifests.unwrap_or_default() {
        let names = names(&descriptor.annotations);
        let place = Place { names: &names, index: None, depth: 1 };
        entry(archive, &descriptor, place, &mut attestations)?;
    }
    for attestation in attestations {
        let about = |image: &&mut Image| image.manifest.as_ref().is_some_and(|m| m.digest == attestation.subject);
        match archive.images.iter_mut().find(about) {
            Some(image) if image.attestations.iter().all(|known| known.digest != attestation.digest) => {
                image.attestations.push(attestation);
            }
            Some(_) => {}
            None => archive.problems.push(format!(
                "attestation {} is about {}, which the archive lacks",
                attestation.digest, attestation.subject
            )),
        }
    }
    Ok(())
}

fn parse<'a, T: serde::Deserialize<'a>>(what: &str, bytes: &'a [u8]) -> Result<T> {
    serde_json::from_slice(bytes).map_err(|error| Error::document(what, error))
}

fn entry(
    archive: &mut Archive,
    descriptor: &Descriptor,
    place: Place<'_>,
    attestations: &mut Vec<Attestation>,
) -> Result<()> {
    let path = blob_path(&descriptor.digest);
    let what = format!("manifest {}", descriptor.digest);
    let Some(bytes) = archive.small(&path, archive.limits.manifest, "the size of a manifest")? else {
        // Attestations of absent images are absent, too, and no news.
        if descriptor.annotations.contains_key(REFERENCE_TYPE) {
            return Ok(());
        }
        archive.has_room()?;
        archive.absent.push(Absent {
            names: place.names.to_vec(),
            digest: descriptor.digest.clone(),
            platform: descriptor.platform.clone(),
            file: path,
        });
        return Ok(());
    };
    check(archive, &what, &descriptor.digest, &bytes);
    let document: Document = match parse(&what, &bytes) {
        Ok(document) => document,
        Err(error) => {
            archive.problems.push(error.to_string());
            return Ok(());
        }
    };
    let is_index = document.media_type.contains("image.index") || document.media_type.contains("manifest.list");
    if let Some(manifests) = document.manifests.filter(|_| is_index || document.layers.is_none()) {
        if place.depth >= archive.limits.index_depth {
            let limit = archive.limits.index_depth as u64;
            return Err(Error::Limit { what, subject: "the nesting of indexes", limit });
        }
        check_size(archive, &what, descriptor, &bytes);
        for inner in &manifests {
            let place = Place { index: Some(&descriptor.digest), depth: place.depth + 1, ..place };
            entry(archive, inner, place, attestations)?;
        }
        return Ok(());
    }
    let layers = document.layers.unwrap_or_default();
    if let (Some(kind), Some(subject)) =
        (descriptor.annotations.get(REFERENCE_TYPE), descriptor.annotations.get(REFERENCE_DIGEST))
    {
        if kind == "attestation-manifest"
            && let Ok(subject) = subject.parse()
        {
            archive.has_room()?;
            check_size(archive, &what, descriptor, &bytes);
            let statements = layers.iter().map(|layer| statement(archive, layer)).collect();
            attestations.push(Attestation { digest: descriptor.digest.clone(), subject, statements });
        }
        return Ok(());
    }
    // What else a registry keeps beside images: signatures, bills of materials.
    if document.artifact_type.is_some() || document.subject.is_some() {
        return Ok(());
    }
    let Some(config) = document.config else {
        archive.problems.push(format!("{what} is no image: it has no configuration"));
        return Ok(());
    };
    image(archive, descriptor, place, &config, layers, document.annotations)
}

fn image(
    archive: &mut Archive,
    descriptor: &Descriptor,
    place: Place<'_>,
    config: &Descriptor,
    layers: Vec<Descriptor>,
    annotations: Map,
) -> Result<()> {
    let same = |image: &&mut Image| {
        image.manifest.as_ref().is_some_and(|m| m.digest == descriptor.digest) && image.index.as_ref() == place.index
    };
    if let Some(known) = archive.images.iter_mut().find(same) {
        add_names(known, place.names);
        return Ok(());
    }
    archive.has_room()?;
    let what = format!("manifest {}", descriptor.digest);
    if layers.len() > archive.limits.layers {
        let limit = archive.limits.layers as u64;
        return Err(Error::Limit { what, subject: "the number of layers", limit });
    }
    let config_path = blob_path(&config.digest);
    let Some(json) = archive.small(&config_path, archive.limits.config, "the size of a configuration")? else {
        archive.absent.push(Absent {
            names: place.names.to_vec(),
            digest: descriptor.digest.clone(),
            platform: descriptor.platform.clone(),
            file: config_path,
        });
        return Ok(());
    };
    let title = format!("config {}", config.digest);
    check(archive, &title, &config.digest, &json);
    check_size(archive, &title, config, &json);
    let parsed: Config = match parse(&title, &json) {
        Ok(parsed) => parsed,
        Err(error) => {
            archive.problems.push(error.to_string());
            return Ok(());
        }
    };
    let diff_ids = &parsed.rootfs.diff_ids;
    if diff_ids.len() != layers.len() {
        archive.problems.push(format!("{what} has {} layers, its configuration {}", layers.len(), diff_ids.len()));
    }
    let layers = layers.into_iter().enumerate().map(|(at, layer)| {
        let file = blob_path(&layer.digest);
        let stored = archive.files.size(&file);
        Layer {
            diff_id: diff_ids.get(at).cloned(),
            digest: Some(layer.digest),
            media_type: layer.media_type,
            size: Some(layer.size),
            path: stored.map(|_| file.clone()),
            file,
            stored: stored.unwrap_or_default(),
            annotations: layer.annotations,
        }
    });
    let image = Image {
        names: place.names.to_vec(),
        manifest: Some(descriptor.clone()),
        index: place.index.cloned(),
        platform: match &descriptor.platform {
            Some(platform) if !platform.architecture.is_empty() => platform.clone(),
            _ => parsed.platform.clone(),
        },
        id: config.digest.clone(),
        config_path,
        layers: layers.collect(),
        config: parsed,
        config_json: json,
        annotations,
        attestations: Vec::new(),
    };
    archive.images.push(image);
    Ok(())
}

pub(super) fn add_names(image: &mut Image, names: &[String]) {
    for name in names {
        if !image.names.contains(name) {
            image.names.push(name.clone());
        }
    }
}

fn statement(archive: &Archive, layer: &Descriptor) -> Statement {
    Statement {
        predicate_type: layer.annotations.get("in-toto.io/predicate-type").cloned().unwrap_or_default(),
        digest: layer.digest.clone(),
        size: layer.size,
        path: Some(blob_path(&layer.digest)).filter(|path| archive.files.size(path).is_some()),
    }
}

/// A document of another size than its descriptor says is told; an image's manifest is compared when the archive is verified.
fn check_size(archive: &mut Archive, what: &str, descriptor: &Descriptor, bytes: &[u8]) {
    if descriptor.size != bytes.len() as u64 {
        archive.problems.push(format!("{what}: {} bytes, expected {}", bytes.len(), descriptor.size));
    }
}

/// A document whose digest is wrong is shown all the same, and the fault is told.
pub(super) fn check(archive: &mut Archive, what: &str, expected: &Digest, bytes: &[u8]) {
    let mut hasher = super::digest::Hasher::like(Some(expected));
    hasher.update(bytes);
    let found = hasher.finish();
    if found != *expected {
        let what = what.to_owned();
        archive.problems.push(Error::Digest { what, expected: expected.clone(), found }.to_string());
    }
}
