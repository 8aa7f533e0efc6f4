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
mod decode;
mod digest;
mod docker;
mod error;
mod index;
mod json;
mod layer;
mod legacy;
mod limits;
mod oci;
pub mod platform;
pub mod secrets;
mod source;
pub mod tar;
#[cfg(test)]
mod testing;
mod tree;
mod unpack;

pub use archive::{Absent, Archive, Attestation, CHUNK, Format, Image, Layer, Statement};
pub use decode::{Compression, Decoder};
pub use digest::{Digest, Hasher, InvalidDigest};
pub use error::{Error, Result, TarProblem};
pub use index::{Indexer, TarFiles};
pub use json::{Config, Descriptor, History, Map, Platform, RootFs};
pub use layer::{LayerReader, Progress};
pub use limits::Limits;
pub use source::{Files, ReadAt};
pub use tree::{Builder, Extra, Flags, Node, NodeId, Options, Tree};
pub use unpack::{Digests, Unpack, Unpacked};
