//! Values while a template runs: JSON with the Go types that docker's own decoding would have given it.
//! Go tells a value in an interface (an entry of a map or slice) from the value itself, and its messages show it; so does [`Value`].

use std::borrow::Cow;
use std::rc::Rc;

use serde_json::Value as Json;

use super::{LABELS, MAP_KEY, MAP_ZERO, NIL, Nulls, Numbers, Options, STRUCT_FIELDS, STRUCT_TYPE};
use crate::golang::printf::{Arg, MAP_TYPE, SLICE_TYPE};

type Object = serde_json::Map<String, Json>;

/// A value, and whether it stands in an interface.
#[derive(Debug, Clone)]
pub(super) struct Value<'a> {
    pub(super) in_interface: bool,
    pub(super) data: Data<'a>,
}

/// What a value is. Everything that is not borrowed from the input is shared.
#[derive(Debug, Clone)]
pub(super) enum Data<'a> {
    /// Go's zero `reflect.Value`, or `nil` in an interface.
    Nil,
    /// A nil pointer, in a structure.
    Pointer,
    Bool(bool),
    Int(i64, &'static str),
    Uint(u64, &'static str),
    Float(f64),
    Complex(f64, f64),
    Bytes(Cow<'a, [u8]>),
    /// A number kept as text (`json.Number`).
    NumberText(Rc<str>),
    List(&'a [Json]),
    Strings(Rc<[Rc<[u8]>]>),
    Map(&'a Object),
}

impl<'a> From<Data<'a>> for Value<'a> {
    fn from(data: Data<'a>) -> Self {
        Self { in_interface: false, data }
    }
}

impl<'a> Value<'a> {
    /// Go's zero `reflect.Value`: what a missing key gives.
    pub(super) const INVALID: Self = Value { in_interface: false, data: Data::Nil };
    /// A nil interface: what `null` in a map or list is.
    pub(super) const NIL: Self = Value { in_interface: true, data: Data::Nil };

    pub(super) fn string(text: impl Into<Vec<u8>>) -> Self {
        Data::Bytes(Cow::Owned(text.into())).into()
    }

    pub(super) fn int(n: i64) -> Self {
        Data::Int(n, "int").into()
    }

    pub(super) fn bool(b: bool) -> Self {
        Data::Bool(b).into()
    }

    /// The top of the data: no interface around it.
    pub(super) fn root(json: &'a Json, options: &Options) -> Self {
        Self::element(json, options).unwrapped()
    }

    /// An entry of a map or list.
    pub(super) fn element(json: &'a Json, options: &Options) -> Self {
        let data = match json {
            Json::Null => match options.nulls {
                Nulls::Untyped => Data::Nil,
                Nulls::EmptyList => Data::List(&[]),
            },
            Json::Bool(b) => Data::Bool(*b),
            Json::Number(n) => number(n, options.numbers),
            Json::String(s) => Data::Bytes(Cow::Borrowed(s.as_bytes())),
            Json::Array(list) => Data::List(list),
            Json::Object(map) if is_nil_list(map) => Data::List(&NIL_LIST[..0]),
            Json::Object(map) => Data::Map(map),
        };
        Self { in_interface: true, data }
    }

    /// What the interface holds; a nil interface becomes the invalid value.
    pub(super) fn unwrapped(mut self) -> Self {
        self.in_interface = false;
        self
    }

    pub(super) fn is_valid(&self) -> bool {
        self.in_interface || !matches!(self.data, Data::Nil)
    }

    /// The name of its type, seen from outside: `interface {}` for what stands in one.
    pub(super) fn type_name(&self) -> &'static str {
        if self.in_interface { "interface {}" } else { self.inner_type() }
    }

    /// The name of the type of the content.
    pub(super) fn inner_type(&self) -> &'static str {
        match &self.data {
            Data::Nil | Data::Pointer => "interface {}",
            Data::Bool(_) => "bool",
            Data::Int(_, name) | Data::Uint(_, name) => name,
            Data::Float(_) => "float64",
            Data::Complex(..) => "complex128",
            Data::Bytes(_) => "string",
            Data::NumberText(_) => "json.Number",
            Data::List(_) => SLICE_TYPE,
            Data::Strings(_) => "[]string",
            Data::Map(_) => MAP_TYPE,
        }
    }

    /// Go's truth: not zero and not empty.
    pub(super) fn truth(&self) -> bool {
        match &self.data {
            Data::Nil | Data::Pointer => false,
            Data::Bool(b) => *b,
            Data::Int(n, _) => *n != 0,
            Data::Uint(n, _) => *n != 0,
            Data::Float(f) => *f != 0.0,
            Data::Complex(re, im) => *re != 0.0 || *im != 0.0,
            Data::Bytes(s) => !s.is_empty(),
            Data::NumberText(s) => !s.is_empty(),
            Data::List(list) => !list.is_empty(),
            Data::Strings(list) => !list.is_empty(),
            Data::Map(map) => map.contains_key(STRUCT_TYPE) || map.keys().any(|key| !hidden(key)),
        }
    }

    /// The value as an argument of `fmt`'s functions.
    pub(super) fn to_arg(&self, options: &Options) -> Arg<'_> {
        match &self.data {
            Data::Nil | Data::Pointer => Arg::Nil,
            Data::Bool(b) => Arg::Bool(*b),
            Data::Int(n, name) => Arg::Int(*n, name),
            Data::Uint(n, name) => Arg::Uint(*n, name),
            Data::Float(f) => Arg::Float(*f),
            Data::Complex(re, im) => Arg::Complex(*re, *im),
            Data::Bytes(s) => Arg::Str(Cow::Borrowed(s), "string"),
            Data::NumberText(s) => Arg::Str(Cow::Borrowed(s.as_bytes()), "json.Number"),
            Data::List(list) => list_arg(list, options, 0),
            Data::Strings(list) => {
                Arg::Slice(list.iter().map(|s| Arg::Str(Cow::Borrowed(s), "string")).collect(), "[]string")
            }
            Data::Map(map) => map_arg(map, options, 0),
        }
    }
}

/// Data nested deeper than this is printed as nil; no JSON text that a parser accepts is.
const MAX_DEPTH: usize = 500;

fn json_arg<'a>(json: &'a Json, options: &Options, depth: usize) -> Arg<'a> {
    match json {
        Json::Array(list) => list_arg(list, options, depth + 1),
        Json::Object(map) if is_nil_list(map) => Arg::Slice(Vec::new(), SLICE_TYPE),
        Json::Object(map) => map_arg(map, options, depth + 1),
        Json::Null if matches!(options.nulls, Nulls::EmptyList) => Arg::Slice(Vec::new(), SLICE_TYPE),
        Json::Null => Arg::Nil,
        Json::Bool(b) => Arg::Bool(*b),
        Json::String(s) => Arg::Str(Cow::Borrowed(s.as_bytes()), "string"),
        Json::Number(n) => match number(n, options.numbers) {
            Data::Int(n, name) => Arg::Int(n, name),
            Data::Uint(n, name) => Arg::Uint(n, name),
            Data::Float(f) => Arg::Float(f),
            _ => Arg::Str(Cow::Owned(n.to_string().into_bytes()), "json.Number"),
        },
    }
}

fn list_arg<'a>(list: &'a [Json], options: &Options, depth: usize) -> Arg<'a> {
    if depth > MAX_DEPTH {
        return Arg::Nil;
    }
    Arg::Slice(list.iter().map(|json| json_arg(json, options, depth)).collect(), SLICE_TYPE)
}

fn map_arg<'a>(map: &'a Object, options: &Options, depth: usize) -> Arg<'a> {
    if depth > MAX_DEPTH {
        return Arg::Nil;
    }
    if let Some(Json::Object(fields)) = map.get(STRUCT_FIELDS) {
        return struct_arg(fields, options, depth);
    }
    Arg::Map(sorted(map).into_iter().map(|(key, json)| (key, json_arg(json, options, depth))).collect())
}

/// A structure as `%v` prints it: its fields in braces.
fn struct_arg<'a>(fields: &Object, options: &Options, depth: usize) -> Arg<'a> {
    let mut text = Vec::from(b"{");
    for (i, json) in fields.values().enumerate() {
        if i > 0 {
            text.push(b' ');
        }
        // Longer than the output may be, it would not be printed either.
        text.extend(
            crate::golang::printf::sprintf(b"%v", &[json_arg(json, options, depth)], options.max_output)
                .unwrap_or_default(),
        );
    }
    text.push(b'}');
    Arg::Str(Cow::Owned(text), "struct")
}

/// Whether an entry is no part of the data, but says what the data is.
pub(super) fn hidden(key: &str) -> bool {
    matches!(key, STRUCT_TYPE | STRUCT_FIELDS | LABELS | MAP_ZERO | MAP_KEY | NIL)
}

/// A list that is nil is known by its place, as in Go.
static NIL_LIST: [Json; 1] = [Json::Null];

/// Whether a list is nil, which is empty but not the same to JSON.
pub(super) fn is_nil(list: &[Json]) -> bool {
    std::ptr::eq(list.as_ptr(), NIL_LIST.as_ptr())
}

fn is_nil_list(map: &Object) -> bool {
    map.len() == 1 && map.contains_key(NIL)
}

/// Entries in the order in which Go prints and ranges over a map.
pub(super) fn sorted(map: &Object) -> Vec<(&str, &Json)> {
    let mut entries: Vec<_> =
        map.iter().filter(|(key, _)| !hidden(key)).map(|(key, json)| (key.as_str(), json)).collect();
    crate::order::sort_by_key(&mut entries, |(key, _)| *key);
    entries
}

fn number<'a>(n: &serde_json::Number, numbers: Numbers) -> Data<'a> {
    match numbers {
        Numbers::Text => Data::NumberText(n.to_string().into()),
        Numbers::Float => Data::Float(n.as_f64().unwrap_or(f64::NAN)),
        Numbers::Integer => match (n.as_i64(), n.as_u64()) {
            (Some(n), _) => Data::Int(n, "int"),
            (None, Some(n)) => Data::Uint(n, "uint64"),
            _ => Data::Float(n.as_f64().unwrap_or(f64::NAN)),
        },
    }
}
