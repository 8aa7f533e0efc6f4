//! `eq`, `ne`, `lt`, `le`, `gt`, `ge` with Go's rules: only like compares with like, signed and unsigned integers excepted (`text/template/funcs.go`).

use super::call::CallError;
use super::exec::{Exec, Stop};
use super::value::{Data, Value};

#[derive(PartialEq)]
enum Basic<'v> {
    Bool(bool),
    Complex(f64, f64),
    Float(f64),
    Int(i64),
    String(&'v [u8]),
    Uint(u64),
}

fn basic<'v>(value: &'v Value<'_>) -> Option<Basic<'v>> {
    Some(match &value.data {
        Data::Bool(b) => Basic::Bool(*b),
        Data::Int(n, _) => Basic::Int(*n),
        Data::Uint(n, _) => Basic::Uint(*n),
        Data::Float(f) => Basic::Float(*f),
        Data::Complex(re, im) => Basic::Complex(*re, *im),
        Data::Bytes(s) => Basic::String(s),
        Data::NumberText(s) => Basic::String(s.as_bytes()),
        Data::Nil | Data::Pointer | Data::List(_) | Data::Strings(_) | Data::Map(_) => return None,
    })
}

const BAD_TYPE: &str = "invalid type for comparison";

/// Calls one of the comparisons.
pub(super) fn call(exec: &Exec<'_>, name: &str, args: &[Value<'_>]) -> Result<bool, CallError> {
    let [first, rest @ ..] = args else {
        return Err("missing argument for comparison".into());
    };
    match (name, rest) {
        ("eq", _) => equal(exec, first, rest),
        ("ne", _) => equal(exec, first, rest).map(|equal| !equal),
        (_, [second, ..]) => match name {
            "lt" => less(first, second),
            "ge" => less(first, second).map(|less| !less),
            "le" => Ok(less(first, second)? || equal(exec, first, rest)?),
            _ => Ok(!(less(first, second)? || equal(exec, first, rest)?)),
        },
        _ => Err("missing argument for comparison".into()),
    }
}

fn incompatible(a: &Value<'_>, b: &Value<'_>) -> CallError {
    format!("incompatible types for comparison: {} and {}", a.inner_type(), b.inner_type()).into()
}

fn equal(exec: &Exec<'_>, first: &Value<'_>, rest: &[Value<'_>]) -> Result<bool, CallError> {
    if rest.is_empty() {
        return Err("missing argument for comparison".into());
    }
    let nil = |value: &Value<'_>| matches!(value.data, Data::Nil | Data::Pointer);
    for other in rest {
        let same = match (basic(first), basic(other)) {
            (Some(Basic::Int(a)), Some(Basic::Uint(b))) | (Some(Basic::Uint(b)), Some(Basic::Int(a))) => {
                u64::try_from(a) == Ok(b)
            }
            (Some(a), Some(b)) if std::mem::discriminant(&a) == std::mem::discriminant(&b) => a == b,
            (None, None) if nil(first) || nil(other) => nil(first) == nil(other),
            (None, None) => return Err(not_comparable(exec, first, other)),
            _ if nil(first) || nil(other) => false,
            _ => return Err(incompatible(first, other)),
        };
        if same {
            return Ok(true);
        }
    }
    Ok(false)
}

fn not_comparable(exec: &Exec<'_>, a: &Value<'_>, b: &Value<'_>) -> CallError {
    let shown = |value: &Value<'_>, format: &str| match crate::golang::printf::sprintf(
        format.as_bytes(),
        &[value.to_arg(exec.options)],
        exec.options.max_output,
    ) {
        Ok(text) => Ok(String::from_utf8_lossy(&text).into_owned()),
        Err(_) => Err(Stop::Break),
    };
    let is_map = |value: &Value<'_>| matches!(value.data, Data::Map(_));
    let message = if is_map(a) == is_map(b) {
        shown(b, "%s").map(|text| format!("non-comparable type {text}: {}", b.inner_type()))
    } else {
        shown(a, "%s").and_then(|left| {
            Ok(format!("non-comparable types {left}: {}, {}: {}", a.inner_type(), b.inner_type(), shown(b, "%v")?))
        })
    };
    message.map_or(CallError::TooLong, CallError::Message)
}

fn less(a: &Value<'_>, b: &Value<'_>) -> Result<bool, CallError> {
    let (Some(left), Some(right)) = (basic(a), basic(b)) else {
        return Err(BAD_TYPE.into());
    };
    match (left, right) {
        (Basic::Int(a), Basic::Int(b)) => Ok(a < b),
        (Basic::Uint(a), Basic::Uint(b)) => Ok(a < b),
        (Basic::Int(a), Basic::Uint(b)) => Ok(u64::try_from(a).map_or(true, |a| a < b)),
        (Basic::Uint(a), Basic::Int(b)) => Ok(u64::try_from(b).is_ok_and(|b| a < b)),
        (Basic::Float(a), Basic::Float(b)) => Ok(a < b),
        (Basic::String(a), Basic::String(b)) => Ok(a < b),
        (Basic::Bool(_), Basic::Bool(_)) | (Basic::Complex(..), Basic::Complex(..)) => Err(BAD_TYPE.into()),
        _ => Err(incompatible(a, b)),
    }
}
