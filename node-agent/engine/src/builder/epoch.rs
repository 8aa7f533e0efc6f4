//! `SOURCE_DATE_EPOCH` (reproducible-builds.org): with this build argument the same input gives the same image, to the byte.
//! Images say that they were made then, everything that is written has that time, and nothing that is random (the container's id)
//! is written into the configuration. Steps come from the cache only where they were made for the same time.

use std::collections::BTreeMap;

use time::OffsetDateTime;

use crate::clock;
use crate::error::{Error, Result};

/// The build argument's name.
pub(crate) const NAME: &str = "SOURCE_DATE_EPOCH";

/// Seconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Epoch(i64);

impl Epoch {
    /// Reads it from the build arguments; one without a value counts as not given.
    ///
    /// # Errors
    /// BuildKit's sentence for what is no number.
    pub(crate) fn read(args: &BTreeMap<String, Option<String>>) -> Result<Option<Self>> {
        let Some(text) = args.get(NAME).and_then(Option::as_deref).filter(|text| !text.is_empty()) else {
            return Ok(None);
        };
        let wrong = |why| Error::bad(format!("invalid {NAME}: {text}: strconv.ParseInt: parsing {text:?}: {why}"));
        let seconds = text.parse().map_err(|_| wrong("invalid syntax"))?;
        OffsetDateTime::from_unix_timestamp(seconds).map_err(|_| wrong("value out of range"))?;
        Ok(Some(Self(seconds)))
    }

    /// As `created` of an image.
    #[must_use]
    pub(crate) fn text(self) -> String {
        clock::rfc3339_nano(OffsetDateTime::from_unix_timestamp(self.0).unwrap_or(OffsetDateTime::UNIX_EPOCH))
    }

    /// Seconds since 1970.
    #[must_use]
    pub(crate) fn seconds(self) -> i64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: Option<&str>) -> Result<Option<Epoch>, String> {
        Epoch::read(&[(NAME.to_owned(), text.map(str::to_owned))].into()).map_err(|e| e.message)
    }

    #[test]
    fn it_is_a_number_of_seconds() {
        assert_eq!(read(Some("86400")).unwrap().unwrap().text(), "1970-01-02T00:00:00Z");
        assert_eq!(read(Some("")).unwrap(), None);
        assert_eq!(read(None).unwrap(), None);
        let wrong = "invalid SOURCE_DATE_EPOCH: x: strconv.ParseInt: parsing \"x\": invalid syntax";
        assert_eq!(read(Some("x")).unwrap_err(), wrong);
        assert!(read(Some("99999999999999999")).unwrap_err().ends_with("value out of range"));
    }
}
