//! Images: archives of `docker save` and of OCI, their manifests, configurations and layers. An archive is indexed by its headers alone and
//! its layers are read only when asked for, piece by piece, so that a caller can show progress and stop. Nothing here does I/O:
//! bytes come from a [`ReadAt`] or are fed.
//!
//! ```no_run
//! use engine_wasm::image::{Archive, Digests, LayerReader, Limits, Options};
//! # fn demo(bytes: Vec<u8>) -> engine_wasm::image::Result<()> {
//! let archive = Archive::open(bytes, &Limits::default())?;
//! let image = archive.select(None, None)?;
//! for layer in &image.layers {
//!     let mut reader = LayerReader::new(&archive, layer, Digests::Both, Options::default());
//!     while let Some(progress) = reader.step(&archive, layer)? {
//!         println!("{} of {} bytes", progress.done, progress.total);
//!     }
//!     let (unpacked, tree) = reader.finish()?;
//!     println!("{:?}: {} entries", unpacked.diff_id, tree.entries);
//! }
//! # Ok(())
//! # }
//! ```

mod archive;
#[cfg(test)]
mod archive_tests;
mod content;
mod decode;
mod diff;
mod digest;
mod docker;
mod efficiency;
mod error;
mod findings;
#[cfg(test)]
mod hostile_tests;
mod index;
mod inspect;
mod json;
mod layer;
mod limits;
mod merge;
mod oci;
mod outside;
mod parts;
pub mod platform;
pub mod secrets;
mod source;
mod steps;
pub mod tar;
#[cfg(test)]
pub(crate) mod testing;
mod time;
mod tree;
mod unpack;
mod verify;

pub use archive::{Archive, CHUNK};
pub use content::{Content, ContentReader};
pub use decode::{Compression, Decoder};
pub use diff::{ConfigDifference, Difference, FileDifference, ImageDiff, diff};
pub use digest::{Digest, Hasher, InvalidDigest};
pub use efficiency::{Changes, Efficiency, Wasted, efficiency};
pub use error::{Error, Result, TarProblem};
pub use findings::{Finding, findings};
pub use index::{Indexer, TarFiles};
pub use inspect::{history, inspect};
pub use json::{Config, Descriptor, History, Map, Platform, RootFs};
pub use layer::{LayerReader, Progress};
pub use limits::Limits;
pub use merge::{Mark, Merged, MergedId};
pub use outside::Outside;
pub use parts::{Absent, Attestation, Format, Image, Layer, Statement};
pub use source::{Files, ReadAt};
pub use steps::{Builder as StepBuilder, Step, align, of_layer, steps, understand};
pub use tree::{Builder, Extra, Flags, Node, NodeId, Options, Tree};
pub use unpack::{Digests, Unpack, Unpacked};
pub use verify::{Check, Report, Subject, Verifier};
