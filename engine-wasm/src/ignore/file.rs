//! Reading an ignore file: one pattern a line.

use super::{Error, path};

/// Bytes a line may have without its end, as Go's `bufio.Scanner` allows.
pub const MAX_LINE: usize = 65535;

/// The patterns of an ignore file in order: without comments, blank lines and a byte order mark; trimmed, cleaned, without a leading `/`; `!` kept in front.
/// Bytes that are no UTF-8 are replaced.
///
/// # Errors
/// [`Error::LineTooLong`].
pub fn read(bytes: &[u8]) -> Result<Vec<String>, Error> {
    let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
    let mut patterns = Vec::new();
    for line in bytes.split(|byte| *byte == b'\n') {
        if line.len() > MAX_LINE {
            return Err(Error::LineTooLong);
        }
        let line = String::from_utf8_lossy(line);
        if line.starts_with('#') {
            continue;
        }
        let line = line.trim();
        let (exclusion, text) = match line.strip_prefix('!') {
            Some(rest) => ("!", rest.trim()),
            None => ("", line),
        };
        if text.is_empty() {
            if !exclusion.is_empty() {
                patterns.push("!".to_owned());
            }
            continue;
        }
        let cleaned = path::clean(text);
        let relative = match cleaned.strip_prefix('/') {
            Some("") | None => cleaned.as_str(),
            Some(rest) => rest,
        };
        patterns.push(format!("{exclusion}{relative}"));
    }
    Ok(patterns)
}
