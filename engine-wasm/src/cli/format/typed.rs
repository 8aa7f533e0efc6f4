//! Answers of the engine as the Go structures that docker decodes them into, for templates: a field is found by its Go name, one that the
//! structure does not have is an error with the structure's name, and one that the answer left out has its zero value.
//! Entries that are maps in Go stay what they are.

use super::text;
use crate::golang::duration::duration;
use crate::template::{MAP_KEY, MAP_ZERO, NIL, STRUCT_FIELDS, STRUCT_TYPE};
use serde_json::{Map, Value};

/// A Go structure.
#[derive(Debug)]
pub(super) struct Struct {
    /// Its type as Go's messages write it.
    pub(super) name: &'static str,
    /// Its fields: name in Go, name in JSON, type.
    pub(super) fields: &'static [(&'static str, &'static str, Kind)],
}

impl Struct {
    /// The JSON of such a structure that leaves out what is empty, and has no other fields.
    pub(super) fn full(&self, json: &Value) -> Value {
        let full = |value: &Value| match value {
            Value::Null | Value::Bool(false) => false,
            Value::String(text) => !text.is_empty(),
            Value::Array(list) => !list.is_empty(),
            Value::Object(map) => !map.is_empty(),
            Value::Number(number) => number.as_f64() != Some(0.0),
            Value::Bool(true) => true,
        };
        let fields = self.fields.iter().map(|(_, name, _)| (*name, &json[*name]));
        let fields = fields.filter(|(_, value)| full(value)).map(|(name, value)| (name.to_owned(), value.clone()));
        Value::Object(fields.collect())
    }
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
    /// A map of strings.
    Map,
    /// A map of anything.
    Open,
    /// A set: a map of empty structures.
    Sets,
    /// A map of ports to slices of structures.
    Ports(&'static Struct),
    /// A set of ports.
    PortSet,
    /// A number of nanoseconds, which is printed as Go prints a duration.
    Duration,
    /// A slice of ulimits, which Docker gives a text of their own.
    Ulimits,
    /// A map of structures.
    Entries(&'static Struct),
    /// A map of pointers to structures.
    Table(&'static Struct),
    /// A time, which is printed as Go prints it.
    Time,
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
            (Self::Many(_) | Self::List | Self::Ulimits, Value::Null) => json!({ NIL: true }),
            (Self::Many(kind), _) => json.as_array().into_iter().flatten().map(|one| kind.see(one)).collect(),
            (Self::Text, Value::Null) => "".into(),
            (Self::Bool, Value::Null) => false.into(),
            (Self::Number, Value::Null) => 0.into(),
            (Self::Open, Value::Null) => json!({}),
            (Self::Time, Value::Null) => text::go_time_of("0001-01-01T00:00:00Z").into(),
            (Self::Time, Value::String(time)) => text::go_time_of(time).into(),
            (Self::Map, _) => map(json, &"".into(), Value::clone),
            (Self::Sets, _) => map(json, &EMPTY.see(&Value::Null), |one| EMPTY.see(one)),
            (Self::Ports(kind), _) => ports(map(json, &Value::Null, |list| Self::Many(kind).see(list))),
            (Self::PortSet, _) => ports(Self::Sets.see(json)),
            (Self::Duration, _) => duration(json.as_i64().unwrap_or_default()).into(),
            (Self::Ulimits, Value::Array(list)) => list.iter().map(ulimit).collect(),
            (Self::Entries(kind), _) => map(json, &kind.see(&Value::Null), |one| kind.see(one)),
            (Self::Table(kind), _) => map(json, &Value::Null, |one| Self::To(kind).see(one)),
            (_, json) => json.clone(),
        }
    }
}

/// The fields of what `docker version` and `docker info` say of the client: those of one command, those that both have, and more of one.
macro_rules! client_fields {
    ([$($before:expr),*], [$($after:expr),*]) => {
        &[
            $($before,)*
            ("GitCommit", "GitCommit", Kind::Text),
            ("GoVersion", "GoVersion", Kind::Text),
            ("Os", "Os", Kind::Text),
            ("Arch", "Arch", Kind::Text),
            ("BuildTime", "BuildTime", Kind::Text),
            ("Context", "Context", Kind::Text),
            $($after,)*
        ]
    };
}
pub(super) use client_fields;

static EMPTY: Struct = Struct { name: "struct {}", fields: &[] };

/// A map with what `index` gives for a key that it does not have.
fn map(json: &Value, zero: &Value, see: impl Fn(&Value) -> Value) -> Value {
    let mut seen: Map<_, _> =
        json.as_object().into_iter().flatten().map(|(key, value)| (key.clone(), see(value))).collect();
    seen.insert(MAP_ZERO.into(), zero.clone());
    if json.is_null() {
        seen.insert(NIL.into(), true.into());
    }
    seen.into()
}

/// A map whose keys are ports.
fn ports(mut map: Value) -> Value {
    map[MAP_KEY] = "nat.Port".into();
    map
}

/// `nofile=1024:2048`, soft and hard.
fn ulimit(json: &Value) -> Value {
    format!("{}={}:{}", json["Name"].as_str().unwrap_or_default(), json["Soft"], json["Hard"]).into()
}
