//! `--gpus`: a device request in docker's comma-separated notation.

use super::check::csv;
use serde_json::Value;

fn count(text: &str) -> Result<i64, String> {
    if text == "all" {
        return Ok(-1);
    }
    text.parse()
        .map_err(|_| format!("invalid count ({text}): value must be either \"all\" or an integer: invalid syntax"))
}

/// The `DeviceRequests` entry for one `--gpus` value.
///
/// # Errors
/// docker's reason.
pub(super) fn request(text: &str) -> Result<Value, String> {
    let (mut driver, mut number, mut ids, mut capabilities, mut options) =
        (String::new(), None, None, None, serde_json::Map::new());
    let mut seen: Vec<String> = Vec::new();
    for field in csv(text)? {
        let (key, value) = match field.split_once('=') {
            Some((key, value)) => (key, Some(value)),
            None => (field.as_str(), None),
        };
        if seen.iter().any(|s| s == key) {
            return Err(format!("gpu request key '{key}' can be specified only once"));
        }
        seen.push(key.to_owned());
        let list = |text: &str| text.split(',').map(str::to_owned).collect::<Vec<_>>();
        match (key, value) {
            (_, None) => {
                seen.push("count".into());
                number = Some(count(key)?);
            }
            ("driver", Some(value)) => driver = value.to_owned(),
            ("count", Some(value)) => number = Some(count(value)?),
            ("device", Some(value)) => ids = Some(list(value)),
            ("capabilities", Some(value)) => {
                let mut names = list(value);
                names.push("gpu".into());
                capabilities = Some(names);
            }
            ("options", Some(value)) => {
                for option in csv(value).map_err(|e| format!("failed to read gpu options: {e}"))? {
                    let (k, v) = option.split_once('=').unwrap_or((&option, ""));
                    options.insert(k.to_owned(), v.into());
                }
            }
            _ => return Err(format!("unexpected key '{key}' in '{field}'")),
        }
    }
    let number = number.unwrap_or(i64::from(ids.is_none()));
    Ok(json!({
        "Driver": driver,
        "Count": number,
        "DeviceIDs": ids,
        "Capabilities": [capabilities.unwrap_or_else(|| vec!["gpu".to_owned()])],
        "Options": options,
    }))
}
