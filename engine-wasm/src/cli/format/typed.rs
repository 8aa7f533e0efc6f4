//! Answers of the engine as the Go structures that docker decodes them into, for templates: a field is found by its Go name, one that the
//! structure does not have is an error with the structure's name, and one that the answer left out has its zero value.
//! Entries that are maps in Go stay what they are.

use crate::template::{STRUCT_FIELDS, STRUCT_TYPE};
use serde_json::{Map, Value};

/// A Go structure.
#[derive(Debug)]
pub(super) struct Struct {
    /// Its type as Go's messages write it.
    pub(super) name: &'static str,
    /// Its fields: name in Go, name in JSON, type.
    pub(super) fields: &'static [(&'static str, &'static str, Kind)],
}

/// A field's type, as far as its zero value and its own fields need it.
#[derive(Clone, Copy, Debug)]
pub(super) enum Kind {
    /// A string.
    Text,
    /// A bool.
    Bool,
    /// A number.
    Number,
    /// A slice.
    List,
    /// A map.
    Map,
    /// A pointer to something whose fields nobody asks for.
    Pointer,
    /// A structure.
    Of(&'static Struct),
    /// A pointer to a structure.
    To(&'static Struct),
    /// A slice of structures.
    Many(&'static Struct),
}

impl Struct {
    /// The JSON with what a template needs to see it as this structure.
    pub(super) fn see(&self, json: &Value) -> Value {
        let mut seen = json.as_object().cloned().unwrap_or_default();
        let fields: Map<_, _> =
            self.fields.iter().map(|(go, name, kind)| ((*go).to_owned(), kind.see(&json[*name]))).collect();
        seen.insert(STRUCT_TYPE.into(), self.name.into());
        seen.insert(STRUCT_FIELDS.into(), fields.into());
        seen.into()
    }
}

impl Kind {
    fn see(self, json: &Value) -> Value {
        match (self, json) {
            (Self::To(_), Value::Null) => Value::Null,
            (Self::Of(kind) | Self::To(kind), _) => kind.see(json),
            (Self::Many(kind), _) => json.as_array().into_iter().flatten().map(|one| kind.see(one)).collect(),
            (Self::Text, Value::Null) => "".into(),
            (Self::Bool, Value::Null) => false.into(),
            (Self::Number, Value::Null) => 0.into(),
            (Self::List, Value::Null) => json!([]),
            (Self::Map, Value::Null) => json!({}),
            (_, json) => json.clone(),
        }
    }
}
