//! Gzip members one after the other; zlib checks their headers, lengths and CRCs.

use flate2::{Decompress, FlushDecompress, Status};

const WINDOW_BITS: u8 = 15;
const OUTPUT: usize = 128 << 10;

pub(super) struct Gzip {
    inner: Option<Decompress>,
    output: Vec<u8>,
    members: u64,
}

impl Default for Gzip {
    fn default() -> Self {
        Self { inner: None, output: vec![0; OUTPUT], members: 0 }
    }
}

impl Gzip {
    /// Feeds `bytes`; `out` says whether to go on.
    pub(super) fn feed(&mut self, mut bytes: &[u8], out: &mut impl FnMut(&[u8]) -> bool) -> Result<(), String> {
        loop {
            if self.inner.is_none() {
                if bytes.is_empty() {
                    return Ok(());
                }
                self.inner = Some(Decompress::new_gzip(WINDOW_BITS));
            }
            let Some(inner) = &mut self.inner else { return Ok(()) };
            let (before_in, before_out) = (inner.total_in(), inner.total_out());
            let status = inner.decompress(bytes, &mut self.output, FlushDecompress::None);
            let used = usize::try_from(inner.total_in() - before_in).unwrap_or(bytes.len());
            let given = usize::try_from(inner.total_out() - before_out).unwrap_or_default();
            bytes = bytes.get(used..).unwrap_or_default();
            if given > 0 && !out(self.output.get(..given).unwrap_or_default()) {
                return Err(String::new());
            }
            match status {
                Err(error) if self.members > 0 && before_in == 0 && before_out == 0 => {
                    return Err(format!("something else follows its end: {error}"));
                }
                Err(error) => return Err(error.to_string()),
                Ok(Status::StreamEnd) => {
                    self.members += 1;
                    self.inner = None;
                }
                // Room for more output was left, so all input is used up.
                Ok(Status::Ok | Status::BufError) if given < self.output.len() => {
                    if bytes.is_empty() || (used == 0 && given == 0) {
                        return if bytes.is_empty() { Ok(()) } else { Err("no progress".to_owned()) };
                    }
                }
                Ok(_) => {}
            }
        }
    }

    pub(super) fn is_complete(&self) -> bool {
        self.inner.is_none() && self.members > 0
    }
}
