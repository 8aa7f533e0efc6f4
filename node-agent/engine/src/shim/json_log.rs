//! Docker's json-file log: splitting a byte stream into records, encoding them as moby's `jsonlog` does, and
//! writing them with rotation. Never blocks on anything but the file.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::protocol::LogFile;

/// Longest piece of a line in one record; longer lines are stored as several records, the last one ending in a newline.
pub const MAX_RECORD: usize = 16 * 1024;

/// Cuts one stream into log records at newlines and at [`MAX_RECORD`].
#[derive(Debug, Default)]
pub struct Splitter {
    pending: Vec<u8>,
}

impl Splitter {
    /// Adds bytes and calls `record` for each complete piece, newline included.
    pub fn push(&mut self, mut bytes: &[u8], mut record: impl FnMut(&[u8])) {
        while !bytes.is_empty() {
            let room = MAX_RECORD - self.pending.len();
            let window = &bytes[..bytes.len().min(room)];
            let (taken, complete) = match window.iter().position(|b| *b == b'\n') {
                Some(at) => (at + 1, true),
                None => (window.len(), window.len() == room),
            };
            if complete && self.pending.is_empty() {
                record(&bytes[..taken]);
            } else {
                self.pending.extend_from_slice(&bytes[..taken]);
                if complete {
                    record(&self.pending);
                    self.pending.clear();
                }
            }
            bytes = &bytes[taken..];
        }
    }

    /// Hands over what is left when the stream has ended.
    pub fn finish(&mut self, mut record: impl FnMut(&[u8])) {
        if !self.pending.is_empty() {
            record(&self.pending);
            self.pending = Vec::new();
        }
    }
}

/// Appends one record to `out`: `{"log":"…","stream":"stdout","time":"…"}` and a newline.
pub fn encode(out: &mut Vec<u8>, line: &[u8], stream: &str, time: &str) {
    out.extend_from_slice(b"{\"log\":\"");
    escape(out, line);
    out.extend_from_slice(b"\",\"stream\":\"");
    out.extend_from_slice(stream.as_bytes());
    out.extend_from_slice(b"\",\"time\":\"");
    out.extend_from_slice(time.as_bytes());
    out.extend_from_slice(b"\"}\n");
}

/// JSON string escapes as Go's encoder writes them (with HTML escaping); invalid UTF-8 becomes U+FFFD.
fn escape(out: &mut Vec<u8>, bytes: &[u8]) {
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            match c {
                '"' => out.extend_from_slice(b"\\\""),
                '\\' => out.extend_from_slice(b"\\\\"),
                '\n' => out.extend_from_slice(b"\\n"),
                '\r' => out.extend_from_slice(b"\\r"),
                '<' | '>' | '&' | '\u{0}'..='\u{1f}' | '\u{2028}' | '\u{2029}' => {
                    out.extend_from_slice(format!("\\u{:04x}", u32::from(c)).as_bytes());
                }
                c => out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
            }
        }
        if !chunk.invalid().is_empty() {
            out.extend_from_slice(b"\\ufffd");
        }
    }
}

/// The log file being written.
#[derive(Debug)]
pub struct JsonLog {
    config: LogFile,
    file: File,
    size: u64,
    generation: u64,
}

impl JsonLog {
    /// Opens the log for appending.
    ///
    /// # Errors
    /// When the file cannot be opened or created.
    pub fn open(config: LogFile) -> io::Result<Self> {
        let file = append(&config.path)?;
        let size = file.metadata()?.len();
        Ok(Self { config, file, size, generation: 0 })
    }

    /// Bytes in the current file.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.size
    }

    /// How often the log has been rotated.
    #[must_use]
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// Writes encoded records, rotating first when the limit would be passed.
    ///
    /// # Errors
    /// When the disk is full or the file has gone; the caller goes on, as Docker does.
    pub fn write(&mut self, records: &[u8]) -> io::Result<()> {
        let length = records.len() as u64;
        if self.config.max_size.is_some_and(|max| self.size > 0 && self.size + length > max) {
            self.rotate()?;
        }
        self.file.write_all(records)?;
        self.size += length;
        Ok(())
    }

    fn rotate(&mut self) -> io::Result<()> {
        let numbered = |n: u32| -> PathBuf {
            let mut name = self.config.path.clone().into_os_string();
            name.push(format!(".{n}"));
            name.into()
        };
        for n in (1..self.config.max_file.saturating_sub(1)).rev() {
            match std::fs::rename(numbered(n), numbered(n + 1)) {
                Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e),
                _ => {}
            }
        }
        if self.config.max_file > 1 {
            std::fs::rename(&self.config.path, numbered(1))?;
        } else {
            std::fs::remove_file(&self.config.path)?;
        }
        self.file = append(&self.config.path)?;
        self.size = 0;
        self.generation += 1;
        Ok(())
    }
}

fn append(path: &Path) -> io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt;
    OpenOptions::new().create(true).append(true).mode(0o640).open(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(chunks: &[&[u8]]) -> Vec<Vec<u8>> {
        let (mut s, mut out) = (Splitter::default(), Vec::new());
        for c in chunks {
            s.push(c, |r| out.push(r.to_vec()));
        }
        s.finish(|r| out.push(r.to_vec()));
        out
    }

    #[test]
    fn lines_are_records_and_the_rest_comes_at_the_end() {
        assert_eq!(split(&[b"a\nb", b"c\n\nd"]), [&b"a\n"[..], b"bc\n", b"\n", b"d"]);
    }

    #[test]
    fn long_lines_are_cut_at_16_kib_wherever_the_chunks_end() {
        let line = [vec![b'x'; MAX_RECORD * 2 + 5], b"\n".to_vec()].concat();
        for step in [1000, MAX_RECORD, MAX_RECORD + 1, line.len()] {
            let chunks: Vec<&[u8]> = line.chunks(step).collect();
            let sizes: Vec<usize> = split(&chunks).iter().map(Vec::len).collect();
            assert_eq!(sizes, [MAX_RECORD, MAX_RECORD, 6], "step {step}");
        }
    }

    #[test]
    fn records_are_escaped_as_mobys_json_log() {
        let mut out = Vec::new();
        encode(&mut out, b"<a> & \"q\"\t\xff\n", "stderr", "2026-01-01T00:00:00Z");
        let text = String::from_utf8(out).unwrap();
        let expected = concat!(
            r#"{"log":"\u003ca\u003e \u0026 \"q\"\u0009\ufffd\n","stream":"stderr","time":"2026-01-01T00:00:00Z"}"#,
            "\n"
        );
        assert_eq!(text, expected);
    }

    #[test]
    fn rotation_keeps_max_file_files() {
        let dir = std::env::temp_dir().join(format!("slipway-log-{}", std::process::id()));
        std::fs::create_dir_all(&dir).unwrap();
        let path = dir.join("x-json.log");
        let config = LogFile { path: path.clone(), max_size: Some(10), max_file: 2 };
        let mut log = JsonLog::open(config).unwrap();
        for n in 0..4 {
            log.write(format!("record{n}\n").as_bytes()).unwrap();
        }
        assert_eq!(log.generation(), 3);
        assert_eq!(std::fs::read(&path).unwrap(), b"record3\n");
        assert_eq!(std::fs::read(dir.join("x-json.log.1")).unwrap(), b"record2\n");
        assert!(!dir.join("x-json.log.2").exists());
        std::fs::remove_dir_all(dir).unwrap();
    }
}
