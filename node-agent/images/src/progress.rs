//! Progress messages as Docker's API streams them (moby `jsonmessage.JSONMessage`), one JSON object a line.

use serde_json::{Map, Value, json};

/// One message of a pull or a load.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Progress {
    /// What it is about: a tag, or a layer's short digest.
    pub id: Option<String>,
    /// What goes on.
    pub text: Text,
    /// How far it is, in bytes: done and in all. In all is 0 when that is not known.
    pub detail: Option<(u64, u64)>,
}

/// The words of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Text {
    /// The state of something, shown in place on a terminal.
    Status(String),
    /// Plain output.
    Stream(String),
    /// For programs: what was pushed.
    Aux(Value),
}

impl Progress {
    /// A line by itself.
    pub fn status(text: impl Into<String>) -> Self {
        Self { id: None, text: Text::Status(text.into()), detail: None }
    }

    /// Plain output, with its line end.
    pub fn stream(text: impl Into<String>) -> Self {
        Self { id: None, text: Text::Stream(text.into()), detail: None }
    }

    /// The state of one layer.
    pub fn layer(id: impl Into<String>, text: &str, detail: Option<(u64, u64)>) -> Self {
        Self { id: Some(id.into()), text: Text::Status(text.to_owned()), detail }
    }

    /// A headline with an id, which is not about a layer and has no detail: `Pulling from …`.
    pub fn headline(id: impl Into<String>, text: impl Into<String>) -> Self {
        Self { id: Some(id.into()), text: Text::Status(text.into()), detail: None }
    }

    /// The message as Docker writes it.
    pub fn to_json(&self) -> Value {
        let mut message = Map::new();
        match &self.text {
            Text::Aux(value) => {
                message.insert("progressDetail".into(), json!({}));
                message.insert("aux".into(), value.clone());
            }
            Text::Stream(text) => {
                message.insert("stream".into(), json!(text));
            }
            Text::Status(text) => {
                message.insert("status".into(), json!(text));
            }
        }
        let about_a_layer =
            self.id.is_some() && !matches!(&self.text, Text::Status(t) if t.starts_with("Pulling from"));
        match self.detail {
            Some((current, 0)) => {
                message.insert("progressDetail".into(), json!({"current": current}));
                message.insert("progress".into(), json!(bar(current, 0)));
            }
            Some((current, total)) => {
                message.insert("progressDetail".into(), json!({"current": current, "total": total}));
                message.insert("progress".into(), json!(bar(current, total)));
            }
            None if about_a_layer => {
                message.insert("progressDetail".into(), json!({}));
            }
            None => {}
        }
        if let Some(id) = &self.id {
            message.insert("id".into(), json!(id));
        }
        Value::Object(message)
    }
}

/// The bar that Docker's daemon draws for clients that cannot.
fn bar(current: u64, total: u64) -> String {
    if total == 0 {
        return format!("{:>8}", human_size(current));
    }
    let done = usize::try_from(u128::from(current) * 100 / u128::from(total) / 2).unwrap_or(50).min(50);
    let numbers = match current > total {
        true => format!("{:>8}", human_size(current)),
        false => format!("{:>8}/{}", human_size(current), human_size(total)),
    };
    format!("[{}>{}] {numbers}", "=".repeat(done), " ".repeat(50 - done))
}

/// Four significant digits and a decimal unit, as docker/go-units does.
fn human_size(bytes: u64) -> String {
    let units = ["B", "kB", "MB", "GB", "TB", "PB", "EB"];
    #[expect(clippy::cast_precision_loss, reason = "four digits are shown")]
    let mut size = bytes as f64;
    let mut unit = 0;
    while size >= 1000.0 && unit + 1 < units.len() {
        size /= 1000.0;
        unit += 1;
    }
    let digits = if size >= 1000.0 {
        0
    } else if size >= 100.0 {
        1
    } else if size >= 10.0 {
        2
    } else {
        3
    };
    let text = format!("{size:.digits$}");
    let text = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
    format!("{text}{}", units[unit])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_dockers() {
        let message = Progress::layer("0a1b", "Downloading", Some((1_234_567, 2_000_000))).to_json();
        let progress = format!("[{}>{}]  1.235MB/2MB", "=".repeat(30), " ".repeat(20));
        let expected = json!({"status": "Downloading", "progressDetail": {"current": 1_234_567, "total": 2_000_000},
            "progress": progress, "id": "0a1b"});
        assert_eq!(message.to_string(), expected.to_string());
        assert_eq!(
            Progress::headline("latest", "Pulling from library/ubuntu").to_json().to_string(),
            r#"{"status":"Pulling from library/ubuntu","id":"latest"}"#
        );
        assert_eq!(
            Progress::layer("0a1b", "Pull complete", None).to_json().to_string(),
            r#"{"status":"Pull complete","progressDetail":{},"id":"0a1b"}"#
        );
    }

    #[test]
    fn sizes_have_four_digits() {
        for (bytes, text) in
            [(0, "0B"), (999, "999B"), (1000, "1kB"), (29_540_000, "29.54MB"), (104_857_600, "104.9MB")]
        {
            assert_eq!(human_size(bytes), text);
        }
    }
}
