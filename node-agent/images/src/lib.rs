//! Images on disk: content store, overlay2 layers, archives and the registry client. Never runs a process.

mod archive;
mod digest;
mod error;
pub mod fsck;
mod fsutil;
mod image;
mod layer;
mod progress;
mod reference;
pub mod registry;
pub mod shared;
mod store;

pub use archive::{ImportOptions, Loaded};
pub use digest::{ChainId, DiffId, Digest, ImageId, ParseDigestError};
pub use error::{Error, ResolveError, Result};
pub use image::{ContainerConfig, Healthcheck, History, Image, ImageConfig, RootFs};
pub use layer::stream::{MAGIC_LENGTH, decompress, is_compressed};
pub use layer::{Change, ChangeKind, Target, UnpackError, extract, in_user_namespace, write_tree};
pub use progress::{Progress, Text};
pub use reference::Reference;
pub use store::{BlobSource, BuildStep, CommitOptions, ImageSummary, ImageUser, Layer, Removed, RwLayer, Store};
