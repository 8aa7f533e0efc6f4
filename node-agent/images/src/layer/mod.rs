//! Layers as file trees: unpacking a tar stream into one, telling what a writable one has changed, writing it as a tar
//! stream again, and stacking them with overlayfs. Knows nothing of images.

mod crc64;
pub(crate) mod overlay;
mod remove;
pub(crate) mod size;
pub(crate) mod stream;
mod tar_reader;
mod tar_split;
mod unpack;
mod xattr;

pub use overlay::in_user_namespace;
pub use unpack::UnpackError;
pub(crate) use unpack::{Rules, Unpacked, unpack};
