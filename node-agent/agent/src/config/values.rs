//! Single values: sizes, times and subnets from their texts, each refused with its key and with what may stand there.

use std::time::Duration;

use slipway_runtime::net::Cidr;

use super::Error;

/// Checks values of the file called `place`.
pub(super) struct Check<'a> {
    pub(super) place: &'a str,
}

impl Check<'_> {
    pub(super) fn refuse(&self, key: &'static str, value: impl std::fmt::Debug, remedy: &'static str) -> Error {
        Error::Value { place: self.place.to_owned(), key, value: format!("{value:?}"), remedy }
    }

    pub(super) fn that<T: std::fmt::Debug>(
        &self,
        key: &'static str,
        value: T,
        good: bool,
        remedy: &'static str,
    ) -> Result<T, Error> {
        if good { Ok(value) } else { Err(self.refuse(key, value, remedy)) }
    }

    pub(super) fn bytes(&self, key: &'static str, text: &str, least: u64) -> Result<u64, Error> {
        let remedy = "write a size such as \"512MiB\" or \"4GiB\", at least 64MiB";
        parse_bytes(text).filter(|bytes| (least..1 << 50).contains(bytes)).ok_or_else(|| self.refuse(key, text, remedy))
    }

    pub(super) fn duration(&self, key: &'static str, text: &str) -> Result<Duration, Error> {
        let remedy = "write a time such as \"90s\", \"45m\" or \"4h\", at most \"720h\"";
        parse_duration(text)
            .filter(|time| (1..=720 * 3600).contains(&time.as_secs()))
            .ok_or_else(|| self.refuse(key, text, remedy))
    }

    pub(super) fn cidr(&self, key: &'static str, text: &str) -> Result<Cidr, Error> {
        text.parse().map_err(|_| self.refuse(key, text, "write a subnet such as \"10.213.0.0/16\""))
    }
}

fn parse_bytes(text: &str) -> Option<u64> {
    let text = text.trim();
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let shift = match text[end..].trim().to_ascii_lowercase().as_str() {
        "" | "b" => 0,
        "k" | "kb" | "kib" => 10,
        "m" | "mb" | "mib" => 20,
        "g" | "gb" | "gib" => 30,
        "t" | "tb" | "tib" => 40,
        _ => return None,
    };
    text[..end].parse::<u64>().ok()?.checked_mul(1 << shift)
}

fn parse_duration(text: &str) -> Option<Duration> {
    let text = text.trim();
    let (number, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit())?);
    let seconds = match unit.trim() {
        "s" => 1,
        "m" | "min" => 60,
        "h" => 3600,
        "d" => 86_400,
        _ => return None,
    };
    number.parse::<u64>().ok()?.checked_mul(seconds).map(Duration::from_secs)
}
