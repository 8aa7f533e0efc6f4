//! Image archives: opening never reads layers, layers are what their digests say or an error, and everything found can be walked.

use engine_wasm::image::{Archive, Digest, Digests, LayerReader, Options};

use super::tar::{limits, walk, with_checksums};

/// The first byte: whether checksums of the archive's tar are mended. What follows is the archive.
pub fn image(data: &[u8]) {
    let Some((settings, data)) = data.split_first() else { return };
    let bytes = if settings & 1 == 1 { with_checksums(data) } else { data.to_vec() };
    let limits = limits();
    let archive = match Archive::open(bytes.clone(), &limits) {
        Ok(archive) => archive,
        Err(error) => {
            assert!(!error.to_string().is_empty());
            if let Ok(plain) = Archive::decompress(&bytes, &limits) {
                assert!(plain.len() as u64 <= limits.archive_in_memory);
            }
            return;
        }
    };
    assert!(archive.images().len() <= limits.images);
    let _ = archive.select(None, None);
    for image in archive.images().iter().take(4) {
        assert_eq!(
            archive.select(Some(image.id.as_str()), Some(&image.platform)).map(|found| &found.id).ok(),
            Some(&image.id)
        );
        for layer in image.layers.iter().take(8) {
            let Ok((unpacked, tree)) = archive.read_tree(layer, Digests::Both, Options::default()) else { continue };
            walk(&tree);
            // Passing over contents comes to the same.
            let mut reader =
                LayerReader::new(&archive, layer, Digests::Neither, Options { hash: false, secrets: false });
            while reader.step(&archive, layer).expect("it was read before").is_some() {
                reader.pass(layer);
            }
            assert_eq!(reader.finish().expect("it was whole before").1.docker_size(), tree.docker_size());
            assert!(unpacked.size <= limits.layer);
            let mut stored = vec![0; layer.stored as usize];
            let read = archive.read_layer(layer, 0, &mut stored).expect("it was read before");
            assert_eq!(read as u64, unpacked.stored);
            if unpacked.digest.as_ref().is_some_and(|digest| digest.algorithm() == "sha256") {
                assert_eq!(unpacked.digest, Some(Digest::of(&stored)));
            }
        }
    }
}
