//! How much an image may ask of its reader. Every number has a default that real images do not come near; a caller may set its own.

/// The bounds within which archives, manifests and layers are read. Sizes are in bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Entries of an image archive.
    pub archive_entries: usize,
    /// Names of an image archive in all.
    pub archive_names: usize,
    /// Entries of one layer.
    pub layer_entries: usize,
    /// Names of one layer in all, link targets included.
    pub names: usize,
    /// A path in a tar.
    pub path: usize,
    /// Directories below each other in a path.
    pub depth: usize,
    /// A long name or the PAX records of an entry (Go's archive/tar has the same number).
    pub tar_records: u64,
    /// Parts of a sparse file.
    pub sparse_parts: usize,
    /// `manifest.json`, an index or a manifest.
    pub manifest: u64,
    /// An image's configuration.
    pub config: u64,
    /// Images of an archive, the platforms of all indexes counted.
    pub images: usize,
    /// Layers of an image.
    pub layers: usize,
    /// Indexes within indexes.
    pub index_depth: usize,
    /// Links from file to file within an archive.
    pub links: usize,
    /// A layer without its compression.
    pub layer: u64,
    /// How many times its compressed size a layer may have, once it is larger than [`Self::ratio_from`].
    pub ratio: u64,
    /// The size from which [`Self::ratio`] is heeded.
    pub ratio_from: u64,
    /// The window of a zstd frame, which is kept in memory.
    pub zstd_window: u64,
    /// A file's content that is asked for as a whole.
    pub content: u64,
    /// A whole archive that must be decompressed into memory.
    pub archive_in_memory: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            archive_entries: 1 << 20,
            archive_names: 64 << 20,
            layer_entries: 4 << 20,
            names: 1 << 30,
            path: 1 << 16,
            depth: 1024,
            tar_records: 1 << 20,
            sparse_parts: 1 << 16,
            manifest: 4 << 20,
            config: 8 << 20,
            images: 4096,
            layers: 1024,
            index_depth: 8,
            links: 16,
            layer: 128 << 30,
            ratio: 500,
            ratio_from: 2 << 30,
            zstd_window: 128 << 20,
            content: 64 << 20,
            archive_in_memory: 512 << 20,
        }
    }
}
