//! Reading requests the way Go does: loose booleans, JSON bodies with nulls, and Docker's words for bad ones.

use std::collections::HashMap;

use axum::body::Bytes;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::error::{Error, Result};
use crate::filters::Filters;

/// Query parameters; a repeated key keeps all of its values.
#[derive(Debug, Default)]
pub(crate) struct Params(HashMap<String, Vec<String>>);

impl<S: Send + Sync> axum::extract::FromRequestParts<S> for Params {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut http::request::Parts, _: &S) -> Result<Self> {
        let pairs = axum::extract::Query::<Vec<(String, String)>>::try_from_uri(&parts.uri)
            .map_err(|e| Error::bad(e.to_string()))?;
        let mut map: HashMap<String, Vec<String>> = HashMap::new();
        for (key, value) in pairs.0 {
            map.entry(key).or_default().push(value);
        }
        Ok(Self(map))
    }
}

impl Params {
    /// The first value, or the empty string.
    pub(crate) fn get(&self, key: &str) -> &str {
        self.0.get(key).and_then(|v| v.first()).map_or("", String::as_str)
    }

    /// All values.
    pub(crate) fn all(&self, key: &str) -> &[String] {
        self.0.get(key).map_or(&[], Vec::as_slice)
    }

    /// Whether the key is there at all.
    pub(crate) fn has(&self, key: &str) -> bool {
        self.0.contains_key(key)
    }

    /// moby's `BoolValue`: everything but nothing, `0`, `no`, `false` and `none` is true.
    pub(crate) fn flag(&self, key: &str) -> bool {
        !matches!(self.get(key).trim().to_ascii_lowercase().as_str(), "" | "0" | "no" | "false" | "none")
    }

    /// A flag that is on unless said otherwise.
    pub(crate) fn flag_or(&self, key: &str, default: bool) -> bool {
        if self.has(key) { self.flag(key) } else { default }
    }

    /// A number.
    pub(crate) fn number<T: std::str::FromStr>(&self, key: &str) -> Result<Option<T>> {
        match self.get(key) {
            "" => Ok(None),
            text => match text.parse() {
                Ok(n) => Ok(Some(n)),
                Err(_) => Err(Error::bad(format!("strconv.Atoi: parsing \"{text}\": invalid syntax"))),
            },
        }
    }

    /// `filters`.
    pub(crate) fn filters(&self) -> Result<Filters> {
        Filters::parse(self.get("filters"))
    }
}

/// A JSON body, with moby's words when it is none.
pub(crate) fn json<T: DeserializeOwned>(bytes: &Bytes) -> Result<T> {
    if bytes.is_empty() {
        return Err(Error::bad("invalid JSON: got EOF while reading request body"));
    }
    let value: Value =
        serde_json::from_slice(bytes).map_err(|e| Error::bad(format!("invalid JSON: {}", go_words(bytes, &e))))?;
    if !value.is_object() {
        let kind = match value {
            Value::Array(_) => "array",
            Value::String(_) => "string",
            Value::Number(_) => "number",
            Value::Bool(_) => "bool",
            _ => return Err(Error::bad("invalid JSON: expected an object, got null")),
        };
        return Err(Error::bad(format!(
            "invalid JSON: json: cannot unmarshal {kind} into Go value of type container.CreateRequest"
        )));
    }
    crate::types::from_go_json(value).map_err(|e| Error::bad(format!("invalid JSON: {e}")))
}

/// A JSON body that may be missing.
pub(crate) fn json_or_default<T: DeserializeOwned + Default>(bytes: &Bytes) -> Result<T> {
    if bytes.is_empty() { Ok(T::default()) } else { json(bytes) }
}

fn go_words(bytes: &Bytes, e: &serde_json::Error) -> String {
    if e.is_eof() {
        return "unexpected EOF".into();
    }
    // serde counts lines and columns from one; Go names the character.
    let line = bytes.split(|b| *b == b'\n').nth(e.line().saturating_sub(1)).unwrap_or_default();
    match line.get(e.column().saturating_sub(1)) {
        Some(c)
            if e.line() == 1
                && bytes.iter().position(|b| !b.is_ascii_whitespace()) == Some(e.column().saturating_sub(1)) =>
        {
            format!("invalid character '{}' looking for beginning of value", char::from(*c))
        }
        _ => e.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bad_bodies_get_gos_words() {
        let error = |text: &'static str| json::<Value>(&Bytes::from_static(text.as_bytes())).unwrap_err().message;
        assert_eq!(error("nonsense"), "invalid JSON: invalid character 'n' looking for beginning of value");
        assert_eq!(error("{\"a\":"), "invalid JSON: unexpected EOF");
        assert_eq!(error(""), "invalid JSON: got EOF while reading request body");
        assert!(error("[]").contains("cannot unmarshal array"));
    }
}
