//! The sha256 identities of the field: blob digest, diff id, chain id and image id. Each has its own type, so that one is
//! never taken for another. Only sha256 is known, as in Docker.

use std::fmt;
use std::str::FromStr;

use sha2::{Digest as _, Sha256};

/// A text that is not `sha256:` and 64 lowercase hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("invalid digest {text:?}: expected sha256: and 64 lowercase hexadecimal digits")]
pub struct ParseDigestError {
    text: String,
}

macro_rules! sha256_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name([u8; 32]);

        impl $name {
            /// The identity of these bytes: their sha256.
            pub fn of(bytes: &[u8]) -> Self {
                Self(Sha256::digest(bytes).into())
            }

            /// Wraps a finished sha256.
            pub const fn from_bytes(bytes: [u8; 32]) -> Self {
                Self(bytes)
            }

            /// The 32 bytes of the hash.
            pub const fn as_bytes(&self) -> &[u8; 32] {
                &self.0
            }

            /// The 64 hexadecimal digits, without `sha256:`.
            pub fn hex(&self) -> String {
                hex::encode(self.0)
            }

            /// The first twelve hexadecimal digits, as Docker shows them.
            pub fn short(&self) -> String {
                hex::encode(&self.0[..6])
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "sha256:{}", self.hex())
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl FromStr for $name {
            type Err = ParseDigestError;

            fn from_str(text: &str) -> Result<Self, ParseDigestError> {
                let error = || ParseDigestError { text: text.chars().take(100).collect() };
                let digits = text.strip_prefix("sha256:").ok_or_else(error)?;
                if digits.bytes().any(|b| b.is_ascii_uppercase()) {
                    return Err(error());
                }
                let mut bytes = [0; 32];
                hex::decode_to_slice(digits, &mut bytes).map_err(|_| error())?;
                Ok(Self(bytes))
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

sha256_id!(
    /// The sha256 of a blob as a registry or an OCI layout names it.
    Digest
);
sha256_id!(
    /// The sha256 of a layer's uncompressed tar stream (OCI image spec, "DiffID").
    DiffId
);
sha256_id!(
    /// The identity of a layer together with everything below it (OCI image spec, "ChainID").
    ChainId
);
sha256_id!(
    /// The sha256 of an image's configuration (OCI image spec, "ImageID").
    ImageId
);

impl ChainId {
    /// The chain id of `diff` on top of `parent`.
    pub fn new(parent: Option<&ChainId>, diff: &DiffId) -> Self {
        match parent {
            None => Self(diff.0),
            Some(parent) => Self::of(format!("{parent} {diff}").as_bytes()),
        }
    }

    /// The chain ids of a stack of layers, lowest first.
    pub fn stack(diffs: &[DiffId]) -> Vec<Self> {
        let mut chain: Vec<Self> = Vec::with_capacity(diffs.len());
        for diff in diffs {
            let next = Self::new(chain.last(), diff);
            chain.push(next);
        }
        chain
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_survives_text_and_back() {
        let digest = Digest::of(b"");
        assert_eq!(digest.to_string(), "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
        assert_eq!(digest.to_string().parse(), Ok(digest));
        assert_eq!(digest.short(), "e3b0c44298fc");
    }

    #[test]
    fn anything_else_is_refused() {
        for text in
            ["", "sha256:", "sha512:00", "sha256:E3B0C44298FC1C149AFBF4C8996FB92427AE41E4649B934CA495991B7852B855"]
        {
            assert!(text.parse::<Digest>().is_err(), "{text}");
        }
    }

    #[test]
    fn the_lowest_chain_id_is_the_diff_id() {
        let diffs = [DiffId::of(b"a"), DiffId::of(b"b")];
        let stack = ChainId::stack(&diffs);
        assert_eq!(stack[0].to_string(), diffs[0].to_string());
        assert_eq!(stack[1], ChainId::of(format!("{} {}", diffs[0], diffs[1]).as_bytes()));
    }
}
