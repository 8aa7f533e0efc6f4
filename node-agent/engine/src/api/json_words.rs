//! serde's complaints about JSON in the words of Go's `encoding/json`, which Docker's clients are used to.

use serde_json::{Error, Value};

/// What Go calls a value's type.
pub(super) fn kind(value: &Value) -> &'static str {
    match value {
        Value::Array(_) => "array",
        Value::String(_) => "string",
        Value::Number(_) => "number",
        Value::Bool(_) => "bool",
        Value::Object(_) => "object",
        Value::Null => "null",
    }
}

/// A syntax error.
pub(super) fn syntax(bytes: &[u8], e: &Error) -> String {
    if e.is_eof() {
        return "unexpected EOF".into();
    }
    // serde counts lines and columns from one; Go names the character.
    let line = bytes.split(|b| *b == b'\n').nth(e.line().saturating_sub(1)).unwrap_or_default();
    let text = e.to_string();
    if let Some(literal) =
        text.starts_with("expected ident").then(|| literal(line, e.column().saturating_sub(1))).flatten()
    {
        return literal;
    }
    let place = [
        ("expected `,` or `}`", "after object key:value pair"),
        ("expected `,` or `]`", "after array element"),
        ("expected `:`", "after object key"),
        ("key must be a string", "looking for beginning of object key string"),
        (
            "trailing comma",
            if line.get(e.column().saturating_sub(1)) == Some(&b'}') {
                "looking for beginning of object key string"
            } else {
                "looking for beginning of value"
            },
        ),
        ("expected value", "looking for beginning of value"),
    ];
    let place = place.iter().find(|(serde, _)| text.starts_with(serde)).map(|(_, go)| *go);
    match (place, line.get(e.column().saturating_sub(1))) {
        (Some(place), Some(c)) => format!("invalid character '{}' {place}", char::from(*c)),
        _ => text,
    }
}

/// What is wrong with the byte at `at` of a line, which should have gone on a `null`, `true` or `false`.
fn literal(line: &[u8], at: usize) -> Option<String> {
    let found = char::from(*line.get(at)?);
    let begun = |word: &&str, length: &usize| {
        at.checked_sub(*length).is_some_and(|from| line[from..at] == word.as_bytes()[..*length])
    };
    let (word, length) = ["null", "true", "false"]
        .iter()
        .flat_map(|word| (1..word.len()).rev().map(move |length| (*word, length)))
        .find(|(word, length)| begun(word, length))?;
    let expected = char::from(word.as_bytes()[length]);
    Some(format!("invalid character '{found}' in literal {word} (expecting '{expected}')"))
}

/// A value of another type than the field's.
pub(super) fn mismatch(e: &Error) -> String {
    let text = e.to_string();
    let Some((found, wanted)) = text.strip_prefix("invalid type: ").and_then(|t| t.split_once(", expected ")) else {
        return text;
    };
    let found = match found.split([' ', '`']).next() {
        Some("integer" | "floating") => "number",
        Some("boolean") => "bool",
        Some("sequence") => "array",
        Some("map") => "object",
        Some("null") => "null",
        _ => "string",
    };
    let wanted = match wanted {
        "a string" => "string",
        "a boolean" => "bool",
        "i64" => "int64",
        "a sequence" => "[]string",
        "a map" => "map[string]string",
        other => other,
    };
    format!("json: cannot unmarshal {found} into Go value of type {wanted}")
}
