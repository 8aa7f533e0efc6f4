//! The API's `filters` parameter: `{"key":["value"]}` or, from old clients, `{"key":{"value":true}}`.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::clock;
use crate::error::{Error, Result};

/// Parsed filters: any value of a key satisfies it, and every key must be satisfied.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filters(BTreeMap<String, Vec<String>>);

impl Filters {
    /// Parses the parameter; empty text means no filters.
    ///
    /// # Errors
    /// When it is not JSON of either form.
    pub fn parse(text: &str) -> Result<Self> {
        if text.is_empty() {
            return Ok(Self::default());
        }
        let invalid = || Error::bad("invalid filter");
        let value: Value = serde_json::from_str(text).map_err(|_| invalid())?;
        if value.is_null() {
            return Ok(Self::default());
        }
        let mut map = BTreeMap::new();
        for (key, values) in value.as_object().ok_or_else(invalid)? {
            let list: Option<Vec<String>> = match values {
                Value::Array(items) => items.iter().map(|v| v.as_str().map(str::to_owned)).collect(),
                Value::Object(items) if items.values().all(Value::is_boolean) => Some(items.keys().cloned().collect()),
                _ => None,
            };
            map.insert(key.clone(), list.ok_or_else(invalid)?);
        }
        Ok(Self(map))
    }

    /// Refuses keys that the resource does not know.
    ///
    /// # Errors
    /// Docker's `invalid filter 'key'`.
    pub fn check(&self, known: &[&str]) -> Result<()> {
        match self.0.keys().find(|k| !known.contains(&k.as_str())) {
            Some(key) => Err(Error::bad(format!("invalid filter '{key}'"))),
            None => Ok(()),
        }
    }

    /// The values of a key.
    #[must_use]
    pub fn get(&self, key: &str) -> &[String] {
        self.0.get(key).map_or(&[], Vec::as_slice)
    }

    /// Whether a key is given.
    #[must_use]
    pub fn has(&self, key: &str) -> bool {
        !self.get(key).is_empty()
    }

    /// Whether a boolean key is given as true; `None` when it is not given.
    #[must_use]
    pub fn flag(&self, key: &str) -> Option<bool> {
        self.get(key).first().map(|v| matches!(v.as_str(), "1" | "true" | "True" | "TRUE" | "t" | "T"))
    }

    /// Whether labels satisfy `label`, all of them, and not `label!`, all of them together, as moby reads these.
    #[must_use]
    pub fn labels_fit(&self, labels: &BTreeMap<String, String>) -> bool {
        let all = |key: &str| self.get(key).iter().all(|wanted| label_matches(labels, wanted));
        all("label") && !(self.has("label!") && all("label!"))
    }

    /// The time of `until`: a duration before now, a date, or seconds since 1970.
    ///
    /// # Errors
    /// For several of them, and for what is no time.
    pub fn until(&self) -> Result<Option<time::OffsetDateTime>> {
        let [text] = self.get("until") else {
            return if self.has("until") { Err(Error::bad("more than one until filter specified")) } else { Ok(None) };
        };
        let now = clock::now().unix_timestamp_nanos();
        let seconds = engine_wasm::cli::when::timestamp(text, now).map_err(Error::bad)?;
        Ok(clock::parse_api(&seconds))
    }

    /// Whether for every key some value satisfies `test(key, value)`. Labels must all match, as in moby.
    pub fn all(&self, test: impl Fn(&str, &str) -> bool) -> bool {
        self.0.iter().all(|(key, values)| match key.as_str() {
            "label" => values.iter().all(|v| test(key, v)),
            "label!" => values.iter().all(|v| !test("label", v)),
            _ => values.is_empty() || values.iter().any(|v| test(key, v)),
        })
    }
}

/// Whether labels have `key` or `key=value`.
#[must_use]
pub fn label_matches(labels: &BTreeMap<String, String>, wanted: &str) -> bool {
    match wanted.split_once('=') {
        Some((key, value)) => labels.get(key).is_some_and(|v| v == value),
        None => labels.contains_key(wanted),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_wire_forms_mean_the_same() {
        let new = Filters::parse(r#"{"status":["exited","running"]}"#).unwrap();
        let old = Filters::parse(r#"{"status":{"exited":true,"running":true}}"#).unwrap();
        assert_eq!(new, old);
        assert!(new.all(|k, v| k == "status" && v == "running"));
        assert!(!new.all(|_, v| v == "paused"));
    }

    #[test]
    fn bad_filters_are_refused() {
        assert!(Filters::parse("[]").is_err() && Filters::parse("nonsense").is_err());
        assert!(Filters::parse(r#"{"label":{"a":1}}"#).is_err() && Filters::parse(r#"{"id":[5]}"#).is_err());
        assert_eq!(Filters::parse("null").unwrap(), Filters::default());
        let error = Filters::parse(r#"{"colour":["red"]}"#).unwrap().check(&["status"]).unwrap_err();
        assert_eq!(error.message, "invalid filter 'colour'");
    }

    #[test]
    fn dangling_is_read_as_a_flag() {
        assert_eq!(Filters::parse(r#"{"dangling":{"false":true}}"#).unwrap().flag("dangling"), Some(false));
        assert_eq!(Filters::parse("").unwrap().flag("dangling"), None);
    }
}
