//! An image archive: which images it holds, for which platforms, and where their parts lie. Nothing but small documents is read;
//! layers are read when they are asked for.

use std::io;

use super::decode::{Compression, Decoder};
use super::error::{Error, Result};
use super::index::{TarFiles, fill};
use super::json::Platform;
use super::limits::Limits;
use super::parts::{Absent, Format, Image, Layer};
use super::source::{Files, ReadAt};
use super::{docker, oci, platform};

/// Bytes that are read at once from a layer.
pub const CHUNK: usize = 256 << 10;

/// An opened archive.
pub struct Archive {
    pub(super) files: Box<dyn Files>,
    pub(super) limits: Limits,
    pub(super) format: Format,
    pub(super) images: Vec<Image>,
    pub(super) absent: Vec<Absent>,
    pub(super) problems: Vec<String>,
}

impl std::fmt::Debug for Archive {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Archive").field("format", &self.format).field("images", &self.images).finish_non_exhaustive()
    }
}

impl Archive {
    /// Opens an archive that is a tar.
    ///
    /// # Errors
    /// A broken archive, one that holds no image, a compressed one (see [`Archive::decompress`]).
    pub fn open(source: impl ReadAt + 'static, limits: &Limits) -> Result<Self> {
        Self::from_files(TarFiles::open(source, limits)?, limits)
    }

    /// Opens an archive whose files can be had by name, as those of an OCI layout in a directory.
    ///
    /// # Errors
    /// As [`Archive::open`].
    pub fn from_files(files: impl Files + 'static, limits: &Limits) -> Result<Self> {
        let format = Format { docker: files.size("manifest.json").is_some(), oci: files.size("index.json").is_some() };
        let mut archive = Self {
            files: Box::new(files),
            limits: limits.clone(),
            format,
            images: Vec::new(),
            absent: Vec::new(),
            problems: Vec::new(),
        };
        if !format.docker && !format.oci {
            return Err(Error::NoImage(
                "the archive holds no image: it has neither manifest.json nor index.json (is it a file system's tar, or from before docker 1.10?)"
                    .into(),
            ));
        }
        if format.oci {
            oci::read(&mut archive)?;
        }
        if format.docker {
            docker::read(&mut archive)?;
        }
        Ok(archive)
    }

    /// A compressed archive as an uncompressed one in memory, no larger than [`Limits::archive_in_memory`].
    ///
    /// # Errors
    /// A broken stream, a failing source, the limit.
    pub fn decompress(source: &impl ReadAt, limits: &Limits) -> Result<Vec<u8>> {
        let what = "the archive";
        let limit = limits.archive_in_memory;
        let mut out = Vec::new();
        let mut decoder = Decoder::new(&Limits { layer: limit, ..limits.clone() }, what);
        let mut sink = |bytes: &[u8]| {
            out.extend_from_slice(bytes);
            Ok(())
        };
        let (mut buffer, mut at) = (vec![0; CHUNK], 0);
        loop {
            let read = fill(&mut buffer, |more, rest| source.read_at(at + more, rest));
            let read = read.map_err(|error| Error::Io { what: what.into(), error })?;
            if read == 0 {
                decoder.finish(&mut sink)?;
                return Ok(out);
            }
            decoder.feed(&buffer[..read], &mut sink)?;
            at += read as u64;
        }
    }

    /// The layouts that it has.
    pub fn format(&self) -> Format {
        self.format
    }

    /// Its images, one for each platform.
    pub fn images(&self) -> &[Image] {
        &self.images
    }

    /// Images that it names but lacks.
    pub fn absent(&self) -> &[Absent] {
        &self.absent
    }

    /// What is wrong with its documents but keeps no image from being read.
    pub fn problems(&self) -> &[String] {
        &self.problems
    }

    /// The limits that it was opened with.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Its files.
    pub fn files(&self) -> &dyn Files {
        &*self.files
    }

    /// The image of a name (or the beginning of an ID; any when `None`) that fits a platform best (`linux/amd64` when `None`).
    ///
    /// # Errors
    /// [`Error::NoSuchImage`], with what there is.
    pub fn select(&self, name: Option<&str>, wanted: Option<&Platform>) -> Result<&Image> {
        let named: Vec<&Image> = self.images.iter().filter(|image| name.is_none_or(|n| image.is_called(n))).collect();
        let list = |images: &mut dyn Iterator<Item = String>| images.collect::<Vec<_>>().join(", ");
        let Some(first) = named.first() else {
            let known = list(&mut self.images.iter().map(Image::title));
            return Err(Error::NoSuchImage(match name {
                Some(name) if !known.is_empty() => format!("no image {name} in the archive, which has {known}"),
                _ => "the archive holds no image that can be read".into(),
            }));
        };
        // Without a wish a single platform is the one; several names of one file need one, too.
        let default = Platform { architecture: "amd64".into(), os: "linux".into(), ..Platform::default() };
        let best = |wanted: &Platform| {
            let rank = |image: &&&Image| platform::rank(wanted, &image.platform);
            named.iter().filter(|image| rank(image).is_some()).min_by_key(rank).copied()
        };
        match wanted {
            None => Ok(best(&default).unwrap_or(first)),
            Some(wanted) => best(wanted).ok_or_else(|| {
                let known = list(&mut named.iter().map(|image| platform::format(&image.platform)));
                Error::NoSuchImage(format!("no image for {}; the archive has {known}", platform::format(wanted)))
            }),
        }
    }

    /// A small file whole.
    pub(super) fn small(&self, path: &str, limit: u64, subject: &'static str) -> Result<Option<Vec<u8>>> {
        let Some(size) = self.files.size(path) else { return Ok(None) };
        if size > limit {
            return Err(Error::Limit { what: path.into(), subject, limit });
        }
        let mut bytes = vec![0; usize::try_from(size).unwrap_or_default()];
        let read = fill(&mut bytes, |at, rest| self.files.read_at(path, at, rest));
        let read = read.map_err(|error| Error::Io { what: path.into(), error })?;
        if read < bytes.len() {
            return Err(Error::Io { what: path.into(), error: io::ErrorKind::UnexpectedEof.into() });
        }
        Ok(Some(bytes))
    }

    /// The next bytes of a layer's blob into `buffer`; 0 at its end.
    ///
    /// # Errors
    /// [`Error::Missing`] for a layer that the archive lacks, or a failing source.
    pub fn read_layer(&self, layer: &Layer, offset: u64, buffer: &mut [u8]) -> Result<usize> {
        let Some(path) = &layer.path else {
            return Err(Error::Missing { what: layer.title(), file: layer.file.clone() });
        };
        fill(buffer, |at, rest| self.files.read_at(path, offset + at, rest))
            .map_err(|error| Error::Io { what: layer.title(), error })
    }

    /// How a layer's blob is compressed, told by its first bytes.
    ///
    /// # Errors
    /// As [`Archive::read_layer`], or a compression that is not supported.
    pub fn compression(&self, layer: &Layer) -> Result<Compression> {
        let mut head = [0; 6];
        let read = self.read_layer(layer, 0, &mut head)?;
        Compression::detect(&head[..read]).map_err(|kind| Error::UnknownCompression { what: layer.title(), kind })
    }

    pub(super) fn has_room(&self) -> Result<()> {
        if self.images.len() + self.absent.len() < self.limits.images {
            return Ok(());
        }
        let limit = self.limits.images as u64;
        Err(Error::Limit { what: "the archive".into(), subject: "the number of images", limit })
    }
}
