//! JSON text as Go's `encoding/json` writes it with HTML escaping off: docker's `json` function and `--format json`.

use serde_json::Value as Json;

use super::NIL;
use super::value::{Data, Value, hidden, is_nil, sorted};
use crate::golang::float::format_float;
use crate::golang::printf::decode;

/// Data nested deeper than this is written as null; no JSON text that a parser accepts is.
const MAX_DEPTH: usize = 500;

/// How the entries of objects are ordered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum KeyOrder {
    /// As they stand in the data: what docker prints for its structs, whose fields come in their own order.
    #[default]
    AsGiven,
    /// By name: what docker prints for maps, and for data it does not know.
    Sorted,
}

/// A document as docker's `json` function prints it.
pub fn to_json(json: &Json, order: KeyOrder) -> String {
    let mut out = Vec::new();
    write_json(&mut out, json, order, 0);
    String::from_utf8_lossy(&out).into_owned()
}

/// The `json` function.
pub(super) fn encode(value: &Value<'_>, order: KeyOrder) -> Vec<u8> {
    let mut out = Vec::new();
    match &value.data {
        Data::Nil | Data::Pointer => out.extend_from_slice(b"null"),
        Data::Bool(b) => out.extend_from_slice(b.to_string().as_bytes()),
        Data::Int(n, _) => out.extend_from_slice(n.to_string().as_bytes()),
        Data::Uint(n, _) => out.extend_from_slice(n.to_string().as_bytes()),
        Data::Float(f) => out.extend_from_slice(float(*f).as_bytes()),
        // encoding/json has no complex numbers; the caller has refused them.
        Data::Complex(..) => out.extend_from_slice(b"null"),
        Data::Bytes(text) => string(&mut out, text),
        Data::NumberText(text) => out.extend_from_slice(text.as_bytes()),
        Data::List(list) if is_nil(list) => out.extend_from_slice(b"null"),
        Data::List(list) => array(&mut out, list, order, 0),
        Data::Strings(list) => {
            out.push(b'[');
            for (i, text) in list.iter().enumerate() {
                if i > 0 {
                    out.push(b',');
                }
                string(&mut out, text);
            }
            out.push(b']');
        }
        Data::Map(map) => object(&mut out, map, order, 0),
    }
    out
}

fn write_json(out: &mut Vec<u8>, json: &Json, order: KeyOrder, depth: usize) {
    match json {
        Json::Null => out.extend_from_slice(b"null"),
        Json::Bool(b) => out.extend_from_slice(b.to_string().as_bytes()),
        Json::Number(n) if n.is_f64() => out.extend_from_slice(float(n.as_f64().unwrap_or(0.0)).as_bytes()),
        Json::Number(n) => out.extend_from_slice(n.to_string().as_bytes()),
        Json::String(text) => string(out, text.as_bytes()),
        Json::Array(_) | Json::Object(_) if depth > MAX_DEPTH => out.extend_from_slice(b"null"),
        Json::Array(list) => array(out, list, order, depth),
        Json::Object(map) => object(out, map, order, depth),
    }
}

fn array(out: &mut Vec<u8>, list: &[Json], order: KeyOrder, depth: usize) {
    out.push(b'[');
    for (i, json) in list.iter().enumerate() {
        if i > 0 {
            out.push(b',');
        }
        write_json(out, json, order, depth + 1);
    }
    out.push(b']');
}

fn object(out: &mut Vec<u8>, map: &serde_json::Map<String, Json>, order: KeyOrder, depth: usize) {
    if map.contains_key(NIL) {
        return out.extend_from_slice(b"null");
    }
    let entries = match order {
        KeyOrder::AsGiven => {
            map.iter().filter(|(key, _)| !hidden(key)).map(|(key, json)| (key.as_str(), json)).collect()
        }
        KeyOrder::Sorted => sorted(map),
    };
    out.push(b'{');
    for (i, (key, json)) in entries.into_iter().enumerate() {
        if i > 0 {
            out.push(b',');
        }
        string(out, key.as_bytes());
        out.push(b':');
        write_json(out, json, order, depth + 1);
    }
    out.push(b'}');
}

fn string(out: &mut Vec<u8>, text: &[u8]) {
    out.push(b'"');
    let mut at = 0;
    while let Some(&byte) = text.get(at) {
        let mut used = 1;
        match byte {
            b'"' | b'\\' => out.extend_from_slice(&[b'\\', byte]),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            0x08 => out.extend_from_slice(b"\\b"),
            0x0c => out.extend_from_slice(b"\\f"),
            byte if byte < b' ' => out.extend_from_slice(format!("\\u{byte:04x}").as_bytes()),
            byte if byte < 0x80 => out.push(byte),
            _ => {
                let (c, size) = decode(&text[at..]);
                used = size;
                match c {
                    '\u{2028}' => out.extend_from_slice(b"\\u2028"),
                    '\u{2029}' => out.extend_from_slice(b"\\u2029"),
                    char::REPLACEMENT_CHARACTER if size == 1 => out.extend_from_slice(b"\\ufffd"),
                    _ => out.extend_from_slice(&text[at..at + size]),
                }
            }
        }
        at += used;
    }
    out.push(b'"');
}

/// Numbers as ECMAScript writes them.
fn float(value: f64) -> String {
    let size = value.abs();
    if size != 0.0 && !(1e-6..1e21).contains(&size) {
        let text = format_float(value, 'e', None);
        return text.replace("e-0", "e-");
    }
    format_float(value, 'f', None)
}
