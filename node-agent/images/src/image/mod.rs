//! An image's configuration: the bytes that its id is the hash of, and a typed view of them with Docker's own fields. The
//! view is for reading; the bytes are what is kept and handed on.

mod config;

pub use config::{ContainerConfig, Healthcheck, History, ImageConfig, RootFs};

use crate::digest::{ChainId, DiffId, ImageId};

/// An image of the store.
#[derive(Debug, Clone)]
pub struct Image {
    /// The sha256 of `raw`.
    pub id: ImageId,
    /// The configuration, understood.
    pub config: ImageConfig,
    /// The configuration as it is stored.
    pub raw: Vec<u8>,
    /// When it was made, RFC 3339 as in the configuration; empty when it does not say.
    pub created: String,
    /// Bytes in the files of all layers, as Docker's `Size`.
    pub size: u64,
    /// The layers, lowest first.
    pub layers: Vec<DiffId>,
}

impl Image {
    /// The identity of all layers together; `None` when there is none.
    pub fn chain_id(&self) -> Option<ChainId> {
        ChainId::stack(&self.layers).pop()
    }
}
