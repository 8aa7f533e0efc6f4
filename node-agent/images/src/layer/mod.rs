//! Layers as file trees: unpacking a tar stream into one, telling what a writable one has changed, writing it as a tar
//! stream again, and stacking them with overlayfs. Knows nothing of images.

pub(crate) mod assemble;
mod changes;
pub(crate) mod crc64;
mod export;
pub(crate) mod overlay;
mod remove;
mod scan;
pub(crate) mod size;
pub(crate) mod stream;
pub(crate) mod tar_reader;
pub(crate) mod tar_split;
pub(crate) mod tar_writer;
mod times;
mod unpack;
mod upper;
mod view;
mod xattr;

pub(crate) use changes::changes;
pub use changes::{Change, ChangeKind};
pub(crate) use export::write_diff;
pub use export::write_tree;
pub use overlay::in_user_namespace;
pub(crate) use scan::scan;
pub(crate) use times::set_times;
pub(crate) use unpack::{Rules, Unpacked, unpack};
pub use unpack::{Target, UnpackError, extract};
