//! What a layer on the shelf is called: by its compressed blob, and by the root directory below it, which shows through in it where it
//! says nothing of its own. A name says nothing of who uses it.

use std::{fmt, str::FromStr};

use slipway_images::Digest;

use super::entry::Root;

/// A layer's name on this host. By the blob's digest, which is checked here, and not by the diff id, which the unpacking process says.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Name {
    pub(crate) digest: Digest,
    /// The root directory of the layer below; the lowest has none.
    pub(crate) root: Option<Root>,
}

impl Name {
    pub(crate) fn new(digest: Digest, root: Option<Root>) -> Self {
        Self { digest, root }
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.digest.hex())?;
        match self.root {
            Some(Root { mode, uid, gid }) => write!(f, "-{mode:o}-{uid}-{gid}"),
            None => Ok(()),
        }
    }
}

/// The text is no layer's name.
#[derive(Debug)]
pub(crate) struct NoName;

impl FromStr for Name {
    type Err = NoName;

    fn from_str(text: &str) -> Result<Self, NoName> {
        let mut parts = text.split('-');
        let digest = format!("sha256:{}", parts.next().unwrap_or_default()).parse().map_err(|_| NoName)?;
        let rest: Vec<&str> = parts.collect();
        let number = |text: &str, radix| u16::from_str_radix(text, radix).map_err(|_| NoName);
        let root = match rest[..] {
            [] => None,
            [mode, uid, gid] => Some(Root { mode: number(mode, 8)?, uid: number(uid, 10)?, gid: number(gid, 10)? }),
            _ => return Err(NoName),
        };
        let name = Self { digest, root };
        // One text a name: it is a directory's.
        if name.to_string() == text { Ok(name) } else { Err(NoName) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_survives_text_and_back_and_nothing_else_is_one() {
        let digest = Digest::of(b"layer");
        for root in [None, Some(Root { mode: 0o1777, uid: 0, gid: 65535 })] {
            let name = Name::new(digest, root);
            assert_eq!(name.to_string().parse::<Name>().ok(), Some(name));
        }
        let hex = digest.hex();
        for text in
            ["", "..", "a", &format!("{hex}-"), &format!("{hex}-755-0"), &format!("{hex}-0755-0-0"), &format!("{hex}/")]
        {
            assert!(text.parse::<Name>().is_err(), "{text}");
        }
    }
}
