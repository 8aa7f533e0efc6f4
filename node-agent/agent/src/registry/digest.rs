//! Digests of contents (image-spec, "Digests"): the two registered algorithms, and nothing that could be a path.

use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use sha2::{Digest as _, Sha256, Sha512};

/// A well-formed digest, `sha256:` or `sha512:` and lower-case hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Digest(String);

impl Digest {
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (algorithm, hex) = text.split_once(':')?;
        let digits = match algorithm {
            "sha256" => 64,
            "sha512" => 128,
            _ => return None,
        };
        let sound =
            hex.len() == digits && hex.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte));
        sound.then(|| Self(text.to_owned()))
    }

    /// Of bytes, by sha256.
    pub(super) fn of(bytes: &[u8]) -> Self {
        Self::sha256(Sha256::new_with_prefix(bytes))
    }

    pub(super) fn sha256(state: Sha256) -> Self {
        Self(format!("sha256:{}", hex::encode(state.finalize())))
    }

    /// Of bytes, by this digest's own algorithm.
    pub(super) fn again(&self, bytes: &[u8]) -> Self {
        if self.is_sha256() { Self::of(bytes) } else { Self(format!("sha512:{}", hex::encode(Sha512::digest(bytes)))) }
    }

    /// Of a file, by sha512.
    pub(super) fn sha512_of_file(path: &Path) -> io::Result<Self> {
        let (mut file, mut state) = (File::open(path)?, Sha512::new());
        let mut block = vec![0; 128 * 1024];
        loop {
            let read = file.read(&mut block)?;
            if read == 0 {
                return Ok(Self(format!("sha512:{}", hex::encode(state.finalize()))));
            }
            state.update(&block[..read]);
        }
    }

    pub(super) fn is_sha256(&self) -> bool {
        self.0.starts_with("sha256:")
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }

    /// A name for a file: no colon, no slash.
    pub(super) fn file_name(&self) -> String {
        self.0.replace(':', "-")
    }

    /// What [`Digest::file_name`] was made of.
    pub(super) fn from_file_name(name: &str) -> Option<Self> {
        Self::parse(&name.replacen('-', ":", 1))
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_two_algorithms_with_all_their_digits_are_digests() {
        let (short, long) = ("0f".repeat(32), "0f".repeat(64));
        assert!(Digest::parse(&format!("sha256:{short}")).is_some());
        assert!(Digest::parse(&format!("sha512:{long}")).is_some());
        for wrong in [
            format!("sha256:{long}"),
            format!("sha512:{short}"),
            format!("md5:{short}"),
            format!("sha256:{}", short.to_uppercase()),
            format!("sha256:../{}", &short[3..]),
            short.clone(),
        ] {
            assert_eq!(Digest::parse(&wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_file_name_goes_back_to_its_digest() {
        let digest = Digest::of(b"hello");
        assert_eq!(digest.as_str(), "sha256:2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824");
        assert_eq!(Digest::from_file_name(&digest.file_name()), Some(digest));
    }
}
