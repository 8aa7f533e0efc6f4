//! Reading requests the way Go does: loose booleans, JSON bodies with nulls, and Docker's words for bad ones.

use std::collections::HashMap;

use axum::body::Bytes;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::json_words;
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

    /// A parameter that is JSON: its default when it is empty.
    ///
    /// # Errors
    /// `error reading WHAT` and Go's words for what is wrong with it.
    pub(crate) fn json<T: DeserializeOwned + Default>(&self, key: &str, what: &str) -> Result<T> {
        let text = self.get(key);
        if text.is_empty() {
            return Ok(T::default());
        }
        let wrong = |words: String| Error::bad(format!("error reading {what}: {words}"));
        let value: Value = serde_json::from_str(text).map_err(|e| match e.is_eof() {
            true => wrong("unexpected end of JSON input".into()),
            false => wrong(json_words::syntax(text.as_bytes(), &e)),
        })?;
        serde_json::from_value(value).map_err(|e| wrong(json_words::mismatch(&e)))
    }

    /// `filters`.
    pub(crate) fn filters(&self) -> Result<Filters> {
        Filters::parse(self.get("filters"))
    }
}

/// A body that must be called JSON when it is there.
#[derive(Debug)]
pub(crate) struct JsonBody(pub(crate) Bytes);

impl<S: Send + Sync> axum::extract::FromRequest<S> for JsonBody {
    type Rejection = Error;

    async fn from_request(request: axum::extract::Request, state: &S) -> Result<Self> {
        check_content_type(request.headers())?;
        let body = Bytes::from_request(request, state).await;
        body.map(Self).map_err(|e| Error::bad(format!("reading the request's body: {e}")))
    }
}

/// moby's `CheckForJSON`: no Content-Type is fine as long as there is no body.
pub(crate) fn check_content_type(headers: &http::HeaderMap) -> Result<()> {
    let length = headers.get(http::header::CONTENT_LENGTH).and_then(|v| v.to_str().ok());
    let empty = length.is_none_or(|l| l == "0") && !headers.contains_key(http::header::TRANSFER_ENCODING);
    let given = headers.get(http::header::CONTENT_TYPE).map(|v| String::from_utf8_lossy(v.as_bytes()).into_owned());
    let given = match given {
        None if empty => return Ok(()),
        given => given.unwrap_or_default(),
    };
    let kind = given.split(';').next().unwrap_or_default().trim();
    if kind.is_empty() {
        return Err(Error::bad(format!("malformed Content-Type header ({given}): mime: no media type")));
    }
    if !kind.eq_ignore_ascii_case("application/json") {
        return Err(Error::bad(format!("unsupported Content-Type header ({given}): must be 'application/json'")));
    }
    Ok(())
}

/// A JSON body, with moby's words when it is none.
pub(crate) fn json<T: DeserializeOwned>(bytes: &Bytes) -> Result<T> {
    crate::types::from_go_json(object(bytes)?).map_err(|e| type_error(&e))
}

/// A JSON body that must be an object; `null` is an empty one.
pub(crate) fn object(bytes: &Bytes) -> Result<Value> {
    if bytes.is_empty() {
        return Err(Error::bad("invalid JSON: got EOF while reading request body"));
    }
    let mut values = serde_json::Deserializer::from_slice(bytes).into_iter::<Value>();
    let value = match values.next() {
        Some(value) => value.map_err(|e| Error::bad(format!("invalid JSON: {}", json_words::syntax(bytes, &e))))?,
        None => return Err(Error::bad("invalid JSON: got EOF while reading request body")),
    };
    let rest = bytes.get(values.byte_offset()..).unwrap_or_default();
    if rest.iter().any(|b| !b.is_ascii_whitespace()) {
        return Err(Error::bad("unexpected content after JSON"));
    }
    object_or_null(&value)?;
    Ok(if value.is_null() { Value::Object(serde_json::Map::new()) } else { value })
}

/// Refuses what is no object; serde would take a list for a structure's fields in their order.
pub(crate) fn object_or_null(value: &Value) -> Result<()> {
    match value {
        Value::Null | Value::Object(_) => Ok(()),
        other => Err(Error::bad(format!(
            "invalid JSON: json: cannot unmarshal {} into Go value of type object",
            json_words::kind(other)
        ))),
    }
}

/// A JSON value of the wrong type, in Go's words.
pub(crate) fn type_error(e: &serde_json::Error) -> Error {
    Error::bad(format!("invalid JSON: {}", json_words::mismatch(e)))
}

/// A JSON body that may be missing.
pub(crate) fn json_or_default<T: DeserializeOwned + Default>(bytes: &Bytes) -> Result<T> {
    if bytes.is_empty() { Ok(T::default()) } else { json(bytes) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bad_bodies_get_gos_words() {
        let error = |text: &'static str| json::<Value>(&Bytes::from_static(text.as_bytes())).unwrap_err().message;
        assert_eq!(error("hello"), "invalid JSON: invalid character 'h' looking for beginning of value");
        assert_eq!(error("{\"a\":"), "invalid JSON: unexpected EOF");
        assert_eq!(error(""), "invalid JSON: got EOF while reading request body");
        assert!(error("[]").contains("cannot unmarshal array"));
        assert_eq!(error("{\"a\":1}{\"b\":2}"), "unexpected content after JSON");
        assert_eq!(error("{\"a\":1 \"b\":2}"), "invalid JSON: invalid character '\"' after object key:value pair");
        assert_eq!(
            error("{\"a\":1,}"),
            "invalid JSON: invalid character '}' looking for beginning of object key string"
        );
        assert_eq!(error("[1 2]"), "invalid JSON: invalid character '2' after array element");
        assert_eq!(error("nonsense"), "invalid JSON: invalid character 'o' in literal null (expecting 'u')");
        assert_eq!(error("{\"a\":falze}"), "invalid JSON: invalid character 'z' in literal false (expecting 's')");
        assert_eq!(error("[tru]"), "invalid JSON: invalid character ']' in literal true (expecting 'e')");
        assert_eq!(error("{\"a\" 1}"), "invalid JSON: invalid character '1' after object key");
    }

    #[test]
    fn wrong_types_get_gos_words() {
        let wrong = |text: &'static str| json::<crate::types::HostConfig>(&Bytes::from_static(text.as_bytes()));
        let text = wrong("{\"Memory\":\"x\"}").unwrap_err().message;
        assert_eq!(text, "invalid JSON: json: cannot unmarshal string into Go value of type int64");
    }

    #[test]
    fn parameters_may_be_json() {
        let read = |text: &str| {
            let params = Params(HashMap::from([("labels".to_owned(), vec![text.to_owned()])]));
            let map: Result<HashMap<String, String>> = params.json("labels", "labels");
            map.map(|map| map.len()).map_err(|e| e.message.trim_start_matches("error reading labels: ").to_owned())
        };
        assert_eq!((read(""), read("{}"), read("{\"a\":\"b\"}")), (Ok(0), Ok(0), Ok(1)));
        assert_eq!(read("{").unwrap_err(), "unexpected end of JSON input");
        assert_eq!(read("x").unwrap_err(), "invalid character 'x' looking for beginning of value");
        assert_eq!(read("[]").unwrap_err(), "json: cannot unmarshal array into Go value of type map[string]string");
        assert_eq!(read("{\"a\":5}").unwrap_err(), "json: cannot unmarshal number into Go value of type string");
    }

    #[test]
    fn a_body_must_be_called_json() {
        let check = |length: &'static str, kind: Option<&'static str>| {
            let mut headers = http::HeaderMap::new();
            headers.insert("content-length", length.parse().unwrap());
            kind.map(|k| headers.insert("content-type", k.parse().unwrap()));
            check_content_type(&headers).map_err(|e| e.message)
        };
        assert!(check("0", None).is_ok() && check("5", Some("application/json; charset=utf-8")).is_ok());
        assert_eq!(
            check("5", Some("text/plain")).unwrap_err(),
            "unsupported Content-Type header (text/plain): must be 'application/json'"
        );
        assert!(check("5", None).unwrap_err().starts_with("malformed Content-Type"));
    }
}
