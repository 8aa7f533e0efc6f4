//! Building JSON. The macro is used as `serde_json`'s of the same name, but a field costs the caller two calls instead of the code of a whole insertion:
//! there are hundreds of fields, and all of that code would be in a browser's download.

use serde_json::{Map, Value};

/// As `serde_json::json!`. Keys are texts.
macro_rules! json {
    (@object [$($done:tt)*]) => { $crate::json::object(vec![$($done)*]) };
    (@object [$($done:tt)*] $key:tt : { $($inner:tt)* } $(, $($rest:tt)*)?) => {
        json!(@object [$($done)* ($key, json!({ $($inner)* })),] $($($rest)*)?)
    };
    (@object [$($done:tt)*] $key:tt : [ $($inner:tt)* ] $(, $($rest:tt)*)?) => {
        json!(@object [$($done)* ($key, json!([ $($inner)* ])),] $($($rest)*)?)
    };
    (@object [$($done:tt)*] $key:tt : null $(, $($rest:tt)*)?) => {
        json!(@object [$($done)* ($key, ::serde_json::Value::Null),] $($($rest)*)?)
    };
    (@object [$($done:tt)*] $key:tt : $value:expr $(, $($rest:tt)*)?) => {
        json!(@object [$($done)* ($key, $crate::json::value(&$value)),] $($($rest)*)?)
    };
    (@array [$($done:tt)*]) => { ::serde_json::Value::Array(vec![$($done)*]) };
    (@array [$($done:tt)*] { $($inner:tt)* } $(, $($rest:tt)*)?) => {
        json!(@array [$($done)* json!({ $($inner)* }),] $($($rest)*)?)
    };
    (@array [$($done:tt)*] [ $($inner:tt)* ] $(, $($rest:tt)*)?) => {
        json!(@array [$($done)* json!([ $($inner)* ]),] $($($rest)*)?)
    };
    (@array [$($done:tt)*] null $(, $($rest:tt)*)?) => {
        json!(@array [$($done)* ::serde_json::Value::Null,] $($($rest)*)?)
    };
    (@array [$($done:tt)*] $value:expr $(, $($rest:tt)*)?) => {
        json!(@array [$($done)* $crate::json::value(&$value),] $($($rest)*)?)
    };
    (null) => { ::serde_json::Value::Null };
    ({ $($body:tt)* }) => { json!(@object [] $($body)*) };
    ([ $($body:tt)* ]) => { json!(@array [] $($body)*) };
    ($value:expr) => { $crate::json::value(&$value) };
}

/// An object of fields, in their order.
#[inline(never)]
pub(crate) fn object(fields: Vec<(&str, Value)>) -> Value {
    let mut map = Map::with_capacity(fields.len());
    for (key, value) in fields {
        map.insert(key.to_owned(), value);
    }
    Value::Object(map)
}

/// Anything as JSON; what JSON cannot hold is null.
#[inline(never)]
pub(crate) fn value<T: serde::Serialize + ?Sized>(value: &T) -> Value {
    serde_json::to_value(value).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    #[test]
    fn it_makes_what_serde_json_makes() {
        let (name, sizes) = ("b", vec![1_u64, 2]);
        let ours =
            json!({"a": null, "b": [], "c": {}, "d": [null, {"e": name}, [1.5]], "f": sizes, "g": {"h": false,},});
        let theirs = serde_json::json!({"a": null, "b": [], "c": {}, "d": [null, {"e": name}, [1.5]], "f": sizes, "g": {"h": false,},});
        assert_eq!(ours, theirs);
        assert_eq!(ours.to_string(), theirs.to_string());
        assert_eq!((json!(null), json!(name), json!([])), (serde_json::Value::Null, "b".into(), serde_json::json!([])));
    }
}
