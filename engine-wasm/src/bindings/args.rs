//! Arguments of a call: a JSON array, read by position. TypeScript keeps most mistakes away; the rest get a sentence.

use serde_json::{Map, Value};

use super::Failure;

/// The arguments.
pub(super) struct Args(Vec<Value>);

/// The options object that many functions take last. Unknown names are refused, so that a misspelt one does not go unnoticed.
pub(super) struct Options<'a>(Option<&'a Map<String, Value>>);

impl Args {
    pub(super) fn parse(json: &str) -> Result<Self, Failure> {
        match serde_json::from_str(json) {
            Ok(Value::Array(values)) => Ok(Self(values)),
            Ok(_) => Err(Failure::new("the arguments are not an array")),
            Err(error) => Err(Failure::new(format!("the arguments are not JSON: {error}"))),
        }
    }

    /// An argument that may be left out.
    pub(super) fn get(&self, position: usize) -> Option<&Value> {
        self.0.get(position).filter(|value| !value.is_null())
    }

    pub(super) fn text(&self, position: usize, name: &str) -> Result<&str, Failure> {
        self.get(position).and_then(Value::as_str).ok_or_else(|| expected(name, "a string"))
    }

    pub(super) fn number(&self, position: usize, name: &str) -> Result<f64, Failure> {
        self.get(position).and_then(Value::as_f64).ok_or_else(|| expected(name, "a number"))
    }

    /// A place in a text: a whole number from 0.
    pub(super) fn count(&self, position: usize, name: &str) -> Result<usize, Failure> {
        let value = self.get(position).and_then(Value::as_u64).and_then(|n| usize::try_from(n).ok());
        value.ok_or_else(|| expected(name, "a whole number"))
    }

    pub(super) fn options(&self, position: usize, known: &[&str]) -> Result<Options<'_>, Failure> {
        options(self.get(position), "options", known)
    }
}

fn options<'a>(value: Option<&'a Value>, name: &str, known: &[&str]) -> Result<Options<'a>, Failure> {
    let Some(value) = value else { return Ok(Options(None)) };
    let map = value.as_object().ok_or_else(|| expected(name, "an object"))?;
    match map.keys().find(|key| !known.contains(&key.as_str())) {
        Some(key) => Err(Failure::new(format!("there is no option {key:?}; there are: {}", known.join(", ")))),
        None => Ok(Options(Some(map))),
    }
}

impl<'a> Options<'a> {
    pub(super) fn get(&self, name: &str) -> Option<&'a Value> {
        self.0?.get(name).filter(|value| !value.is_null())
    }

    /// Options within the options.
    pub(super) fn options(&self, name: &str, known: &[&str]) -> Result<Self, Failure> {
        options(self.get(name), name, known)
    }

    pub(super) fn text(&self, name: &str) -> Result<Option<&'a str>, Failure> {
        self.get(name).map(|value| value.as_str().ok_or_else(|| expected(name, "a string"))).transpose()
    }

    pub(super) fn flag(&self, name: &str) -> Result<bool, Failure> {
        self.get(name).map_or(Ok(false), |value| value.as_bool().ok_or_else(|| expected(name, "true or false")))
    }

    pub(super) fn count(&self, name: &str) -> Result<Option<usize>, Failure> {
        let whole = |value: &Value| value.as_u64().and_then(|n| usize::try_from(n).ok());
        self.get(name).map(|value| whole(value).ok_or_else(|| expected(name, "a whole number"))).transpose()
    }

    /// One of some words, or the first when the option is absent.
    pub(super) fn choice<T: Copy>(&self, name: &str, words: &[(&str, T)]) -> Result<T, Failure> {
        let all = || words.iter().map(|(word, _)| *word).collect::<Vec<_>>().join(", ");
        let Some(value) = self.get(name) else {
            return words.first().map(|(_, value)| *value).ok_or_else(|| Failure::new("no choice"));
        };
        let found = words.iter().find(|(word, _)| value.as_str() == Some(word)).map(|(_, value)| *value);
        found.ok_or_else(|| expected(name, &format!("one of {}", all())))
    }
}

/// The sentence for a value of the wrong type.
pub(super) fn expected(name: &str, what: &str) -> Failure {
    Failure::new(format!("`{name}` must be {what}"))
}
