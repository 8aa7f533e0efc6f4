//! Checks every digest of an archive: indexes, manifests, configurations, attestations, compressed blobs and the tars in them. Each
//! failure is named, and one does not keep the others from being found.

mod report;

use std::collections::{BTreeSet, HashMap};

use super::archive::{Archive, CHUNK};
use super::digest::{Digest, Hasher};
use super::error::Error;
use super::layer::Progress;
use super::oci::blob_path;
use super::outside::Nothing;
use super::parts::Layer;
use super::unpack::{Digests, Unpack, Unpacked};

pub use report::{Check, Report, Subject};

enum Work {
    /// A file of the archive whose digest is known.
    Blob {
        subject: Subject,
        name: String,
        digest: Digest,
        size: Option<u64>,
        path: Option<String>,
    },
    Layer(Box<Layer>),
}

enum Running {
    Hash { hasher: Hasher, at: u64 },
    Unpack(Box<Unpack<Nothing>>),
    Known(Unpacked),
}

/// Verifies step by step. To cancel, drop it.
pub struct Verifier {
    work: std::vec::IntoIter<Work>,
    current: Option<(Work, Running)>,
    /// What reading a layer found out that was read before, by the archive's file.
    known: HashMap<String, Unpacked>,
    report: Report,
    buffer: Vec<u8>,
    done: u64,
    total: u64,
}

impl std::fmt::Debug for Verifier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Verifier").field("done", &self.done).field("total", &self.total).finish_non_exhaustive()
    }
}

impl Verifier {
    /// Lists what is to be compared; reads nothing yet. Images that the archive lacks are no failures: platforms may be left out.
    pub fn new(archive: &Archive) -> Self {
        let mut work = Vec::new();
        let mut known = BTreeSet::new();
        let mut report = Report { problems: archive.problems.clone(), ..Report::default() };
        let mut blob = |subject, kind: &str, digest: &Digest, size, path: Option<String>| {
            if known.insert((digest.clone(), path.clone())) {
                let name = format!("{kind} {digest}");
                work.push(Work::Blob { subject, name, digest: digest.clone(), size, path });
            }
        };
        let mut layers = BTreeSet::new();
        let mut layer_work = Vec::new();
        for image in archive.images() {
            if let Some(index) = &image.index {
                blob(Subject::Index, "index", index, None, Some(blob_path(index)));
            }
            if let Some(manifest) = &image.manifest {
                blob(
                    Subject::Manifest,
                    "manifest",
                    &manifest.digest,
                    Some(manifest.size),
                    Some(blob_path(&manifest.digest)),
                );
            }
            // Where the file's name says nothing, the ID was computed from it and there is nothing to compare.
            if let Some(named) = super::docker::named_digest(&image.config_path) {
                blob(Subject::Config, "config", &named, None, Some(image.config_path.clone()));
            }
            for attestation in &image.attestations {
                let path = blob_path(&attestation.digest);
                blob(Subject::Attestation, "attestation", &attestation.digest, None, Some(path));
                for statement in &attestation.statements {
                    blob(
                        Subject::Attestation,
                        "statement",
                        &statement.digest,
                        Some(statement.size),
                        statement.path.clone(),
                    );
                }
            }
            // A configuration without any is not of a container image: there is nothing to compare.
            let diff_ids = image.config.rootfs.diff_ids.len();
            if diff_ids != 0 && diff_ids != image.layers.len() {
                report.checks.push(Check {
                    subject: Subject::Document,
                    name: format!("image {}", image.title()),
                    expected: format!("{diff_ids} layers"),
                    failure: Some(format!("the manifest has {} layers", image.layers.len())),
                });
            }
            for layer in &image.layers {
                if layers.insert((layer.path.clone(), layer.digest.clone(), layer.diff_id.clone())) {
                    layer_work.push(Work::Layer(Box::new(layer.clone())));
                }
            }
        }
        work.extend(layer_work);
        let size = |item: &Work| match item {
            Work::Blob { path, .. } => path.as_deref().and_then(|path| archive.files().size(path)).unwrap_or_default(),
            Work::Layer(layer) => layer.stored,
        };
        let total = work.iter().map(size).sum();
        let known = HashMap::new();
        Self { work: work.into_iter(), current: None, known, report, buffer: vec![0; CHUNK], done: 0, total }
    }

    /// Bytes to be read in all.
    pub fn total(&self) -> u64 {
        self.total
    }

    /// Layers that were read just now need not be read again: what that found out, by the archive's file.
    pub fn know(&mut self, known: HashMap<String, Unpacked>) {
        self.known = known;
    }

    fn note(&mut self, subject: Subject, name: &str, expected: String, failure: Option<String>) {
        self.report.checks.push(Check { subject, name: name.to_owned(), expected, failure });
    }

    /// Compares the next piece; `None` when all is compared.
    pub fn step(&mut self, archive: &Archive) -> Option<Progress> {
        let (work, running) = match self.current.take() {
            Some(current) => current,
            None => {
                let work = self.work.next()?;
                let running = self.begin(&work, archive);
                (work, running)
            }
        };
        match running {
            Running::Hash { hasher, at } => self.hash(archive, work, hasher, at),
            Running::Unpack(unpack) => self.unpack(archive, work, unpack),
            Running::Known(unpacked) => {
                if let Work::Layer(layer) = work {
                    self.done += layer.stored;
                    self.compare(&layer, &unpacked);
                }
            }
        }
        Some(Progress { done: self.done.min(self.total), total: self.total })
    }

    fn hash(&mut self, archive: &Archive, work: Work, mut hasher: Hasher, at: u64) {
        let (subject, name, digest, size, path) = match &work {
            Work::Blob { subject, name, digest, size, path } => {
                (*subject, name.clone(), Some(digest.clone()), *size, path.clone())
            }
            Work::Layer(layer) => (Subject::Blob, layer.title(), layer.digest.clone(), layer.size, layer.path.clone()),
        };
        let expected = digest.as_ref().map(Digest::to_string).unwrap_or_default();
        let read = path.as_deref().map(|path| {
            super::index::fill(&mut self.buffer, |more, rest| archive.files().read_at(path, at + more, rest))
        });
        match read {
            None => self.note(subject, &name, expected, Some("the archive lacks it".into())),
            Some(Err(error)) if error.kind() == std::io::ErrorKind::NotFound => {
                self.note(subject, &name, expected, Some("the archive lacks it".into()));
            }
            Some(Err(error)) => self.note(subject, &name, expected, Some(error.to_string())),
            Some(Ok(0)) => {
                let found = hasher.finish();
                let failure = digest.filter(|digest| *digest != found).map(|_| format!("it is {found}"));
                self.note(subject, &name, expected, failure);
                self.size(&name, size, at);
            }
            Some(Ok(read)) => {
                hasher.update(self.buffer.get(..read).unwrap_or_default());
                if matches!(work, Work::Blob { .. }) {
                    self.done += read as u64;
                }
                self.current = Some((work, Running::Hash { hasher, at: at + read as u64 }));
            }
        }
    }

    fn size(&mut self, name: &str, expected: Option<u64>, found: u64) {
        if let Some(size) = expected {
            let failure = (size != found).then(|| format!("it has {found} bytes"));
            self.note(Subject::Size, name, format!("{size} bytes"), failure);
        }
    }

    fn unpack(&mut self, archive: &Archive, work: Work, mut unpack: Box<Unpack<Nothing>>) {
        let Work::Layer(layer) = work else { return };
        let read = archive.read_layer(&layer, unpack.taken(), &mut self.buffer);
        let outcome = match read {
            Ok(0) => unpack.finish().map(|(unpacked, _)| Some(unpacked)),
            Ok(read) => {
                self.done += read as u64;
                let fed = unpack.feed(self.buffer.get(..read).unwrap_or_default());
                if fed.is_ok() {
                    self.current = Some((Work::Layer(layer), Running::Unpack(unpack)));
                    return;
                }
                fed.map(|()| None)
            }
            Err(error) => Err(error),
        };
        let name = layer.title();
        match outcome {
            Ok(Some(unpacked)) => self.compare(&layer, &unpacked),
            Ok(None) => {}
            Err(Error::Missing { .. }) => {
                let expected = layer.digest.as_ref().or(layer.diff_id.as_ref()).map(Digest::to_string);
                self.note(Subject::Blob, &name, expected.unwrap_or_default(), Some("the archive lacks it".into()));
            }
            Err(error) => {
                self.note(Subject::Layer, &name, "a readable layer".into(), Some(error.to_string()));
                // Its blob may be just as it should be all the same, or that may be why.
                if layer.digest.is_some() {
                    let hasher = Hasher::like(layer.digest.as_ref());
                    self.current = Some((Work::Layer(layer), Running::Hash { hasher, at: 0 }));
                }
            }
        }
    }

    fn compare(&mut self, layer: &Layer, unpacked: &Unpacked) {
        let name = layer.title();
        if let (Some(expected), Some(found)) = (&layer.digest, &unpacked.digest) {
            let failure = (expected != found).then(|| format!("it is {found}"));
            self.note(Subject::Blob, &name, expected.to_string(), failure);
        }
        self.size(&name, layer.size, unpacked.stored);
        match (&layer.diff_id, &unpacked.diff_id) {
            (Some(expected), Some(found)) => {
                let failure = (expected != found).then(|| format!("it is {found}"));
                self.note(Subject::DiffId, &name, expected.to_string(), failure);
            }
            _ => self.note(Subject::Layer, &name, "a readable layer".into(), None),
        }
    }

    fn begin(&mut self, work: &Work, archive: &Archive) -> Running {
        let layer = match work {
            Work::Blob { digest, .. } => return Running::Hash { hasher: Hasher::like(Some(digest)), at: 0 },
            Work::Layer(layer) => layer,
        };
        if let Some(unpacked) = layer.path.as_ref().and_then(|path| self.known.remove(path)) {
            return Running::Known(unpacked);
        }
        let expected = (layer.digest.as_ref(), layer.diff_id.as_ref());
        // A blob whose digest nobody has told need not be hashed.
        let digests = if layer.digest.is_some() { Digests::Both } else { Digests::DiffId };
        Running::Unpack(Box::new(Unpack::new(archive.limits(), &layer.title(), digests, expected, Nothing)))
    }

    /// The report on what was compared so far.
    pub fn finish(self) -> Report {
        self.report
    }
}

impl Archive {
    /// Verifies the whole archive at once.
    pub fn verify(&self) -> Report {
        let mut verifier = Verifier::new(self);
        while verifier.step(self).is_some() {}
        verifier.finish()
    }
}

#[cfg(test)]
mod tests;
