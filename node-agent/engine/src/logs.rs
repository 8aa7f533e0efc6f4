//! Reading a container's json-file log: tail, since and until, and following it through the shim.

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use serde::Deserialize;
use time::OffsetDateTime;

use crate::clock;

/// What a client wants to see.
#[derive(Debug, Clone, Default)]
pub struct LogQuery {
    /// Standard output.
    pub stdout: bool,
    /// Standard error.
    pub stderr: bool,
    /// Go on with what is written later.
    pub follow: bool,
    /// The last so many records; `None` is all.
    pub tail: Option<usize>,
    /// Not before.
    pub since: Option<OffsetDateTime>,
    /// Not after.
    pub until: Option<OffsetDateTime>,
    /// Each line begins with its time.
    pub timestamps: bool,
    /// The container has a terminal: bytes go out without frames.
    pub tty: bool,
}

#[derive(Deserialize)]
struct LogRecord {
    log: String,
    stream: String,
    time: String,
}

impl LogQuery {
    /// A log file's line as the client gets it; `None` when it is not wanted or damaged.
    #[must_use]
    pub fn render(&self, line: &[u8]) -> Option<Vec<u8>> {
        let record: LogRecord = serde_json::from_slice(line).ok()?;
        let stream = if record.stream == "stderr" { 2u8 } else { 1 };
        if !(if stream == 2 { self.stderr } else { self.stdout }) {
            return None;
        }
        let time = clock::parse(&record.time);
        if self.since.is_some_and(|s| time.is_some_and(|t| t < s))
            || self.until.is_some_and(|u| time.is_some_and(|t| t > u))
        {
            return None;
        }
        let mut text = Vec::with_capacity(record.log.len() + 40);
        if let (true, Some(time)) = (self.timestamps, time) {
            text.extend_from_slice(clock::rfc3339_nano_fixed(time).as_bytes());
            text.push(b' ');
        }
        text.extend_from_slice(record.log.as_bytes());
        Some(if self.tty { text } else { frame(stream, &text) })
    }
}

/// Docker's header of one piece of a stream without terminal.
#[must_use]
pub fn frame(stream: u8, bytes: &[u8]) -> Vec<u8> {
    let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_be_bytes();
    let mut out = vec![stream, 0, 0, 0];
    out.extend_from_slice(&length);
    out.extend_from_slice(bytes);
    out
}

/// The log's files, oldest first.
fn files(path: &Path) -> Vec<PathBuf> {
    let mut list = vec![path.to_owned()];
    for n in 1.. {
        let mut name = path.to_owned().into_os_string();
        name.push(format!(".{n}"));
        let rotated = PathBuf::from(name);
        if !rotated.exists() {
            break;
        }
        list.insert(0, rotated);
    }
    list
}

/// Hands what is in the log to `send` until it returns false. Of the newest file only the first `limit` bytes are read: what
/// comes after them arrives by following. Blocking.
///
/// # Errors
/// When a file cannot be read; one that does not exist is empty.
pub fn read(
    path: &Path,
    query: &LogQuery,
    limit: Option<u64>,
    mut send: impl FnMut(Vec<u8>) -> bool,
) -> std::io::Result<()> {
    let files = files(path);
    let mut skip = match query.tail {
        None => 0,
        Some(0) => return Ok(()),
        Some(tail) => {
            let mut total = 0usize;
            for file in &files {
                total += lines(file, limit.filter(|_| file == path))?
                    .split(b'\n')
                    .filter_map(Result::ok)
                    .filter(|l| query.render(l).is_some())
                    .count();
            }
            total.saturating_sub(tail)
        }
    };
    for file in &files {
        for line in lines(file, limit.filter(|_| file == path))?.split(b'\n') {
            let Some(bytes) = query.render(&line?) else { continue };
            if skip > 0 {
                skip -= 1;
            } else if !send(bytes) {
                return Ok(());
            }
        }
    }
    Ok(())
}

fn lines(path: &Path, limit: Option<u64>) -> std::io::Result<Box<dyn BufRead>> {
    match File::open(path) {
        Ok(mut file) => {
            file.seek(SeekFrom::Start(0))?;
            let limit = limit.unwrap_or(u64::MAX);
            Ok(Box::new(BufReader::new(file.take(limit))))
        }
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(Box::new(std::io::empty())),
        Err(e) => Err(e),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tail_streams_and_timestamps() {
        let path = std::env::temp_dir().join(format!("slipway-logs-{}.log", std::process::id()));
        let mut text = Vec::new();
        for n in 0..5 {
            let stream = if n % 2 == 0 { "stdout" } else { "stderr" };
            crate::shim::json_log::encode(
                &mut text,
                format!("line {n}\n").as_bytes(),
                stream,
                &format!("2026-01-01T00:00:0{n}.5Z"),
            );
        }
        std::fs::write(&path, &text).unwrap();
        let all = LogQuery { stdout: true, stderr: true, tty: true, ..LogQuery::default() };
        let collect = |q: &LogQuery, limit| {
            let mut out = Vec::new();
            read(&path, q, limit, |b| {
                out.extend(b);
                true
            })
            .unwrap();
            String::from_utf8(out).unwrap()
        };
        assert_eq!(collect(&LogQuery { tail: Some(2), ..all.clone() }, None), "line 3\nline 4\n");
        assert_eq!(collect(&LogQuery { stdout: false, ..all.clone() }, None), "line 1\nline 3\n");
        let since = clock::parse("2026-01-01T00:00:03Z");
        assert_eq!(collect(&LogQuery { since, ..all.clone() }, None), "line 3\nline 4\n");
        assert_eq!(
            collect(&LogQuery { tail: Some(1), timestamps: true, ..all.clone() }, None),
            "2026-01-01T00:00:04.500000000Z line 4\n"
        );
        let half = u64::try_from(text.len()).unwrap() / 5;
        assert_eq!(collect(&all, Some(half)), "line 0\n");
        assert_eq!(frame(2, b"ab"), [2, 0, 0, 0, 0, 0, 0, 2, b'a', b'b']);
        std::fs::remove_file(path).unwrap();
    }
}
