//! The functions every Go template has, beside the comparisons (`text/template/funcs.go`): `index`, `slice`, `len`, `print…`, the escapers.

use std::borrow::Cow;

use super::call::CallError;
use super::escape;
use super::value::{Data, Value, sorted};
use super::{MAP_KEY, MAP_ZERO, Options};
use crate::golang::printf::{Arg, sprint, sprintf, sprintln};

type Result<T> = std::result::Result<T, CallError>;

/// `call`: JSON holds no functions, so this only finds the right complaint.
pub(super) fn call<'a>(name: Option<String>, args: &[Value<'a>]) -> Result<Value<'a>> {
    match args.first() {
        None => Err("call of nil".into()),
        Some(value) if matches!(value.data, Data::Nil) => Err("call of nil".into()),
        Some(value) => {
            // A callee that was piped in has no name; Go shows what `reflect.Value.String` gives.
            let name = name.unwrap_or_else(|| match &value.data {
                Data::Bytes(text) => String::from_utf8_lossy(text).into_owned(),
                _ => format!("<{} Value>", value.inner_type()),
            });
            Err(format!("non-function {name} of type {}", value.inner_type()).into())
        }
    }
}

/// Runs a builtin.
pub(super) fn run<'a>(options: &Options, name: &str, args: &[Value<'a>]) -> Result<Value<'a>> {
    let limit = options.max_output;
    let plain = |args: &[Value<'a>]| -> Result<Vec<u8>> {
        if let [Value { data: Data::Bytes(text), .. }] = args {
            return Ok(text.to_vec());
        }
        // What is nil is shown as an action would show it, and as a string.
        let shown: Vec<Arg<'_>> = args
            .iter()
            .map(|value| match value.data {
                Data::Nil => Arg::Str(Cow::Borrowed(b"<no value>"), "string"),
                _ => value.to_arg(options),
            })
            .collect();
        Ok(sprint(&shown, limit)?)
    };
    let printed: Vec<Arg<'_>> =
        if name.starts_with("print") { args.iter().map(|value| value.to_arg(options)).collect() } else { Vec::new() };
    let text = match (name, args) {
        ("index", [item, indexes @ ..]) => {
            return index(options, item.clone().unwrapped(), indexes);
        }
        ("slice", [item, indexes @ ..]) => return slice(item.clone().unwrapped(), indexes),
        ("len", [item]) => return length(item).map(Value::int),
        ("not", [value]) => return Ok(Value::bool(!value.truth())),
        ("print", _) => sprint(&printed, limit)?,
        ("println", _) => sprintln(&printed, limit)?,
        ("printf", _) => match printed.split_first() {
            Some((Arg::Str(format, _), rest)) => sprintf(format, rest, limit)?,
            _ => Vec::new(),
        },
        ("html", _) => escape::html(&plain(args)?),
        ("js", _) => escape::js(&plain(args)?),
        ("urlquery", _) => escape::url_query(&plain(args)?),
        _ => return Err(format!("{name} is not a defined function").into()),
    };
    if text.len() > limit { Err(CallError::TooLong) } else { Ok(Value::string(text)) }
}

/// An index into something of this length; the length itself passes here, as in Go, and fails where it is used.
fn position(index: &Value<'_>, length: usize) -> Result<usize> {
    let x = match &index.data {
        Data::Int(n, _) => *n,
        Data::Uint(n, _) => *n as i64,
        Data::Nil => return Err("cannot index slice/array with nil".into()),
        _ => {
            return Err(format!("cannot index slice/array with type {}", index.inner_type()).into());
        }
    };
    match usize::try_from(x) {
        Ok(x) if x <= length => Ok(x),
        _ => Err(format!("index out of range: {x}").into()),
    }
}

fn index<'a>(options: &Options, mut item: Value<'a>, indexes: &[Value<'a>]) -> Result<Value<'a>> {
    if !item.is_valid() {
        return Err("index of untyped nil".into());
    }
    for key in indexes {
        item = match &item.data {
            Data::Nil | Data::Pointer => return Err("index of nil pointer".into()),
            Data::List(list) => {
                let json = list.get(position(key, list.len())?).ok_or("reflect: slice index out of range")?;
                Value::element(json, options)
            }
            Data::Strings(list) => {
                let text = list.get(position(key, list.len())?).ok_or("reflect: slice index out of range")?;
                Value::string(text.to_vec())
            }
            Data::Bytes(text) => {
                let byte = *text.get(position(key, text.len())?).ok_or("reflect: string index out of range")?;
                Data::Uint(u64::from(byte), "uint8").into()
            }
            Data::NumberText(text) => {
                let byte =
                    *text.as_bytes().get(position(key, text.len())?).ok_or("reflect: string index out of range")?;
                Data::Uint(u64::from(byte), "uint8").into()
            }
            Data::Map(map) => {
                let name = match &key.data {
                    Data::Bytes(name) => name,
                    Data::Nil => return Err("value is nil; should be of type string".into()),
                    _ => {
                        return Err(format!("value has type {}; should be string", key.inner_type()).into());
                    }
                };
                if let Some(kind) = map.get(MAP_KEY).and_then(serde_json::Value::as_str) {
                    return Err(format!("value has type string; should be {kind}").into());
                }
                let entry = std::str::from_utf8(name).ok().and_then(|name| map.get(name));
                match (entry, map.get(MAP_ZERO)) {
                    (None, Some(serde_json::Value::Null)) => Data::Pointer.into(),
                    (entry, zero) => entry.or(zero).map_or(Value::NIL, |json| Value::element(json, options)),
                }
            }
            _ => return Err(format!("can't index item of type {}", item.inner_type()).into()),
        };
    }
    Ok(item)
}

fn slice<'a>(item: Value<'a>, indexes: &[Value<'a>]) -> Result<Value<'a>> {
    if !item.is_valid() {
        return Err("slice of untyped nil".into());
    }
    if indexes.len() > 3 {
        return Err(format!("too many slice indexes: {}", indexes.len()).into());
    }
    let length = match &item.data {
        Data::Bytes(_) | Data::NumberText(_) if indexes.len() == 3 => {
            return Err("cannot 3-index slice a string".into());
        }
        Data::Bytes(text) => text.len(),
        Data::NumberText(text) => text.len(),
        Data::List(list) => list.len(),
        Data::Strings(list) => list.len(),
        _ => return Err(format!("can't slice item of type {}", item.inner_type()).into()),
    };
    let mut bounds = [0, length, length];
    for (bound, index) in bounds.iter_mut().zip(indexes) {
        if index.in_interface {
            // Go's `slice`, unlike `index`, does not look into the interface.
            return Err("cannot index slice/array with type interface {}".into());
        }
        *bound = position(index, length)?;
    }
    let [from, to, cap] = bounds;
    if from > to {
        return Err(format!("invalid slice index: {from} > {to}").into());
    }
    if to > cap {
        return Err(format!("invalid slice index: {to} > {cap}").into());
    }
    // Both bounds are within the length, by `position`.
    Ok(match item.data {
        Data::Bytes(Cow::Borrowed(text)) => Data::Bytes(Cow::Borrowed(&text[from..to])).into(),
        Data::Bytes(Cow::Owned(text)) => Value::string(&text[from..to]),
        Data::NumberText(text) => Value::string(&text.as_bytes()[from..to]),
        Data::List(list) => Data::List(&list[from..to]).into(),
        Data::Strings(list) => Data::Strings(list[from..to].into()).into(),
        data => data.into(),
    })
}

fn length(item: &Value<'_>) -> Result<i64> {
    let length = match &item.data {
        Data::Pointer => return Err("len of nil pointer".into()),
        Data::Nil if item.in_interface => return Err("len of nil pointer".into()),
        Data::Nil => return Err("reflect: call of reflect.Value.Type on zero Value".into()),
        Data::Bytes(text) => text.len(),
        Data::NumberText(text) => text.len(),
        Data::List(list) => list.len(),
        Data::Strings(list) => list.len(),
        Data::Map(map) => sorted(map).len(),
        _ => return Err(format!("len of type {}", item.inner_type()).into()),
    };
    Ok(i64::try_from(length).unwrap_or(i64::MAX))
}
