//! The functions that the docker command adds to templates (`docker/cli`, `templates/templates.go`), and those it uses for a table's header row.

use super::call::CallError;
use super::json::encode;
use super::value::{Data, Value};
use super::{FunctionSet, Options};
use crate::golang::case::{lower_char, upper_char};
use crate::golang::printf::{Arg, sprint};

/// Runs a docker function. Arguments have been checked against its signature.
pub(super) fn call<'a>(options: &Options, name: &str, args: &[Value<'a>]) -> Result<Value<'a>, CallError> {
    let limit = options.max_output;
    let Some(first) = args.first() else {
        return Ok(Value::INVALID);
    };
    if options.functions == FunctionSet::DockerHeader && name != "pad" {
        return Ok(first.clone());
    }
    let int = |i: usize| match args.get(i).map(|value| &value.data) {
        Some(Data::Int(n, _)) => *n,
        _ => 0,
    };
    match name {
        "json" if matches!(first.data, Data::Complex(..)) => {
            return Err("json: unsupported type: complex128".into());
        }
        "json" => return Ok(Value::string(encode(first, options.key_order))),
        "join" => return join(options, first, text(args.get(1))).map(Value::string),
        _ => {}
    }
    let subject = text(Some(first));
    let result = match name {
        "split" => return Ok(Data::Strings(split(subject, text(args.get(1)))).into()),
        "title" => title(subject),
        "lower" => map_chars(subject, lower_char),
        "upper" => map_chars(subject, upper_char),
        "pad" if subject.is_empty() => Vec::new(),
        "pad" => {
            let spaces = |n: i64| usize::try_from(n).map_err(|_| CallError::from("strings: negative Repeat count"));
            let (before, after) = (spaces(int(1))?, spaces(int(2))?);
            if before.saturating_add(after).saturating_add(subject.len()) > limit {
                return Err(CallError::TooLong);
            }
            [vec![b' '; before].as_slice(), subject, vec![b' '; after].as_slice()].concat()
        }
        // `truncate` counts bytes.
        _ => match usize::try_from(int(1)) {
            Ok(length) => subject[..length.min(subject.len())].to_vec(),
            Err(_) => {
                return Err(format!("runtime error: slice bounds out of range [:{}]", int(1)).into());
            }
        },
    };
    Ok(Value::string(result))
}

fn text<'v>(value: Option<&'v Value<'_>>) -> &'v [u8] {
    match value.map(|value| &value.data) {
        Some(Data::Bytes(text)) => text,
        _ => &[],
    }
}

/// `strings.Split`.
fn split(text: &[u8], separator: &[u8]) -> std::rc::Rc<[std::rc::Rc<[u8]>]> {
    if separator.is_empty() {
        let mut parts = Vec::new();
        let mut rest = text;
        while !rest.is_empty() {
            let (part, after) = rest.split_at(crate::golang::printf::decode(rest).1);
            parts.push(part.into());
            rest = after;
        }
        return parts.into();
    }
    let mut parts: Vec<std::rc::Rc<[u8]>> = Vec::new();
    let (mut from, mut at) = (0, 0);
    while at + separator.len() <= text.len() {
        if text[at..].starts_with(separator) {
            parts.push(text[from..at].into());
            at += separator.len();
            from = at;
        } else {
            at += 1;
        }
    }
    parts.push(text[from..].into());
    parts.into()
}

fn join(options: &Options, value: &Value<'_>, separator: &[u8]) -> Result<Vec<u8>, CallError> {
    let limit = options.max_output;
    let parts: Vec<Vec<u8>> = match value.to_arg(options) {
        Arg::Nil => Vec::new(),
        Arg::Slice(elements, _) => {
            elements.iter().map(|element| sprint(std::slice::from_ref(element), limit)).collect::<Result<_, _>>()?
        }
        Arg::Map(entries) => {
            let mut parts = entries
                .iter()
                .map(|(_, element)| sprint(std::slice::from_ref(element), limit))
                .collect::<Result<Vec<_>, _>>()?;
            crate::order::sort(&mut parts);
            parts
        }
        other => return Err(format!("expected slice, got {}", other.type_name()).into()),
    };
    let size = parts.iter().map(Vec::len).sum::<usize>() + separator.len() * parts.len();
    if size > limit.saturating_add(separator.len()) { Err(CallError::TooLong) } else { Ok(parts.join(separator)) }
}

/// Applies a change of case character by character; bytes that are no UTF-8 become U+FFFD, as in Go.
fn map_chars(text: &[u8], change: impl Fn(char) -> char) -> Vec<u8> {
    String::from_utf8_lossy(text).chars().map(change).collect::<String>().into_bytes()
}

/// `strings.Title`: a letter is changed where it does not follow a letter, digit or underscore.
fn title(text: &[u8]) -> Vec<u8> {
    let mut before = ' ';
    map_titles(text, |c| {
        let separated = if before.is_ascii() {
            !(before.is_ascii_alphanumeric() || before == '_')
        } else {
            !before.is_alphanumeric() && before.is_whitespace()
        };
        before = c;
        if separated { upper_char(c) } else { c }
    })
}

fn map_titles(text: &[u8], change: impl FnMut(char) -> char) -> Vec<u8> {
    String::from_utf8_lossy(text).chars().map(change).collect::<String>().into_bytes()
}
