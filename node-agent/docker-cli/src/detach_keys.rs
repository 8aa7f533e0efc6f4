//! The key sequence that leaves a container running and ends the attachment (ctrl-p ctrl-q unless chosen otherwise): its notation, and finding it in what is
//! typed.

/// Finds the sequence in a stream of typed bytes. Keys of a sequence that is not completed are passed on.
#[derive(Debug)]
pub(crate) struct Detector {
    keys: Vec<u8>,
    matched: usize,
}

impl Detector {
    /// Reads a sequence such as `ctrl-p,ctrl-q` or `ctrl-@,a`; empty means the default.
    ///
    /// # Errors
    /// docker's text for a key that is none.
    pub(crate) fn new(text: &str) -> Result<Self, String> {
        let text = if text.is_empty() { "ctrl-p,ctrl-q" } else { text };
        let mut keys = Vec::new();
        for key in text.split(',') {
            let code = match key.strip_prefix("ctrl-").map(str::as_bytes) {
                Some([c @ b'a'..=b'z']) => Some(c - b'a' + 1),
                Some(b"@") => Some(0),
                Some([c @ (b'[' | b'\\' | b']' | b'^' | b'_')]) => Some(c - b'@'),
                Some(_) => None,
                None => match key.as_bytes() {
                    [c] => Some(*c),
                    _ => None,
                },
            };
            keys.push(code.ok_or_else(|| format!("Unknown character: '{key}'"))?);
        }
        Ok(Self { keys, matched: 0 })
    }

    /// Feeds typed bytes; gives what is to be sent on, and whether the sequence was completed.
    pub(crate) fn feed(&mut self, input: &[u8]) -> (Vec<u8>, bool) {
        let mut out = Vec::with_capacity(input.len());
        for &byte in input {
            if byte == self.keys[self.matched] {
                self.matched += 1;
                if self.matched == self.keys.len() {
                    return (out, true);
                }
                continue;
            }
            out.extend_from_slice(&self.keys[..self.matched]);
            self.matched = 0;
            if byte == self.keys[0] && self.keys.len() > 1 {
                self.matched = 1;
            } else {
                out.push(byte);
            }
        }
        (out, false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_sequence_is_found_across_reads() {
        let mut keys = Detector::new("").unwrap();
        assert_eq!(keys.feed(b"ab\x10"), (b"ab".to_vec(), false));
        assert_eq!(keys.feed(b"x"), (b"\x10x".to_vec(), false));
        assert_eq!(keys.feed(b"\x10\x10\x11"), (b"\x10".to_vec(), true));
    }

    #[test]
    fn own_sequences_are_read() {
        assert_eq!(Detector::new("ctrl-a,b").unwrap().feed(b"\x01b"), (vec![], true));
        assert_eq!(Detector::new("ctrl-]").unwrap().feed(b"z\x1d"), (b"z".to_vec(), true));
        assert!(Detector::new("ctrl-aa").is_err());
    }
}
