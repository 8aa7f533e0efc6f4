//! Images as archives: load (Docker's and OCI's layout, also both in one), save (both in one, as Docker 25 and later) and
//! import of a bare root file system.

mod import;
mod load;
mod loose;
mod save;
mod spool;

pub use import::ImportOptions;
pub use load::Loaded;
