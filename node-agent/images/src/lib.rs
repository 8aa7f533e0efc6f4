//! Images on disk: content store, overlay2 layers, archives and the registry client. Never runs a process.

mod digest;
mod error;
mod fsutil;
mod image;
mod layer;
mod reference;
mod store;

pub use digest::{ChainId, DiffId, Digest, ImageId, ParseDigestError};
pub use error::{Error, ResolveError, Result};
pub use image::{ContainerConfig, Healthcheck, History, Image, ImageConfig, RootFs};
pub use layer::{UnpackError, in_user_namespace};
pub use reference::Reference;
pub use store::{ImageSummary, Layer, RwLayer, Store};
