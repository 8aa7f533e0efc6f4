//! PAX records: `length key=value\n`, one after the other.

use crate::image::error::TarProblem;

/// What the records of an entry (or of all that follow) say.
#[derive(Debug, Default, Clone)]
pub(super) struct Pax {
    pub(super) path: Option<Vec<u8>>,
    pub(super) link: Option<Vec<u8>>,
    pub(super) size: Option<u64>,
    pub(super) uid: Option<u64>,
    pub(super) gid: Option<u64>,
    pub(super) mtime: Option<(i64, u32)>,
    pub(super) xattrs: Vec<(Vec<u8>, Vec<u8>)>,
    pub(super) sparse: Sparse,
}

/// The records of a sparse file, in GNU's three forms.
#[derive(Debug, Default, Clone)]
pub(super) struct Sparse {
    pub(super) name: Option<Vec<u8>>,
    pub(super) size: Option<u64>,
    pub(super) major: Option<u64>,
    /// Form 0.1: all parts in one record.
    pub(super) map: Option<Vec<u64>>,
    /// Form 0.0: a record for each number, offset and length in turn.
    pub(super) numbers: Vec<u64>,
}

impl Pax {
    /// Takes all records of a header. `parts` bounds a sparse map.
    pub(super) fn read(&mut self, mut records: &[u8], parts: usize) -> Result<(), TarProblem> {
        while !records.is_empty() {
            let space = records.iter().take(20).position(|b| *b == b' ').ok_or(TarProblem::Pax("no length"))?;
            let length = decimal(&records[..space]).and_then(|n| usize::try_from(n).ok());
            let length = length.ok_or(TarProblem::Pax("its length is no number"))?;
            let record = records.get(space + 1..length).ok_or(TarProblem::Pax("its length is wrong"))?;
            let [record @ .., b'\n'] = record else { return Err(TarProblem::Pax("no line end")) };
            let equals = record.iter().position(|b| *b == b'=').ok_or(TarProblem::Pax("no equals sign"))?;
            let (key, value) = (&record[..equals], &record[equals + 1..]);
            self.record(key, value, parts)?;
            records = records.get(length..).unwrap_or_default();
        }
        Ok(())
    }

    fn record(&mut self, key: &[u8], value: &[u8], parts: usize) -> Result<(), TarProblem> {
        if value.contains(&0) && matches!(key, b"path" | b"linkpath" | b"GNU.sparse.name") {
            return Err(TarProblem::Pax("a zero byte in a name"));
        }
        let number = || decimal(value).ok_or(TarProblem::Pax("its value is no number"));
        // An empty value takes an earlier one (a global header's) back.
        let some = |value: &[u8]| (!value.is_empty()).then(|| value.to_vec());
        let some_number = || if value.is_empty() { Ok(None) } else { number().map(Some) };
        match key {
            b"path" => self.path = some(value),
            b"linkpath" => self.link = some(value),
            b"size" => self.size = some_number()?,
            b"uid" => self.uid = some_number()?,
            b"gid" => self.gid = some_number()?,
            b"mtime" if value.is_empty() => self.mtime = None,
            b"mtime" => self.mtime = Some(time(value).ok_or(TarProblem::Pax("its value is no time"))?),
            b"GNU.sparse.name" => self.sparse.name = some(value),
            b"GNU.sparse.size" | b"GNU.sparse.realsize" => self.sparse.size = Some(number()?),
            b"GNU.sparse.major" => self.sparse.major = Some(number()?),
            b"GNU.sparse.map" => {
                let numbers = value.split(|b| *b == b',').take(2 * parts + 1).map(decimal).collect::<Option<Vec<_>>>();
                self.sparse.map = Some(numbers.ok_or(TarProblem::Sparse("its numbers cannot be read"))?);
            }
            b"GNU.sparse.offset" | b"GNU.sparse.numbytes" => self.sparse.numbers.push(number()?),
            _ => {
                if let Some(name) = key.strip_prefix(b"SCHILY.xattr.") {
                    self.xattrs.retain(|(known, _)| known != name);
                    self.xattrs.push((name.to_vec(), value.to_vec()));
                }
            }
        }
        Ok(())
    }
}

pub(super) fn decimal(text: &[u8]) -> Option<u64> {
    if !text.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(text).ok()?.parse().ok()
}

/// Seconds with a fraction, perhaps negative.
fn time(value: &[u8]) -> Option<(i64, u32)> {
    let text = std::str::from_utf8(value).ok()?;
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let negative = whole.starts_with('-');
    let digits = whole.strip_prefix('-').unwrap_or(whole);
    if digits.starts_with('+') || !fraction.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let seconds: i64 = if digits.is_empty() { 0 } else { digits.parse().ok()? };
    let nanoseconds = fraction.bytes().chain(std::iter::repeat(b'0')).take(9);
    let nanoseconds = nanoseconds.fold(0, |sum, digit| sum * 10 + u32::from(digit - b'0'));
    match (negative, nanoseconds) {
        (false, _) => Some((seconds, nanoseconds)),
        (true, 0) => Some((-seconds, 0)),
        (true, _) => Some((-seconds - 1, 1_000_000_000 - nanoseconds)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_fractions_and_signs() {
        assert_eq!(time(b"1700000000.5"), Some((1_700_000_000, 500_000_000)));
        assert_eq!(time(b"-1.25"), Some((-2, 750_000_000)));
        assert_eq!(time(b"3"), Some((3, 0)));
        assert_eq!(time(b"1.x"), None);
        assert_eq!(time(b"-9223372036854775808"), None);
    }

    #[test]
    fn records_that_lie_are_refused() {
        for (records, problem) in [
            (&b"x path=a\n"[..], "its length is no number"),
            (b"11 path=a\n", "its length is wrong"),
            (b"9 path=a\n9 path=a", "its length is wrong"),
            (b"9 path=ab", "no line end"),
            (b"6 pat\n", "no equals sign"),
            (b"99999999999999999999999 a=b\n", "no length"),
            (b"0 a=b\n", "its length is wrong"),
            (b"12 path=a\0b\n", "a zero byte in a name"),
        ] {
            assert_eq!(Pax::default().read(records, 8), Err(TarProblem::Pax(problem)), "{}", records.escape_ascii());
        }
    }
}
