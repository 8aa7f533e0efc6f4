//! `docker events`.

use super::engine::Template;
use super::typed::{Kind, Struct};
use super::{go_json, text};
use serde_json::Value;

/// How events are shown.
#[derive(Debug)]
pub enum Format {
    /// docker's line.
    Pretty,
    /// One JSON object a line.
    Json,
    /// A template.
    Template(Template),
}

impl Format {
    /// Reads `--format`.
    ///
    /// # Errors
    /// Go's text for a template that cannot be parsed.
    pub fn new(format: &str) -> Result<Self, String> {
        match format {
            "" => Ok(Self::Pretty),
            "json" => Ok(Self::Json),
            other if other.replace(' ', "") == "{{json.}}" => Ok(Self::Json),
            other => Template::parse("", &text::unescape(other))
                // Tried on an event without anything before the first comes, as docker does.
                .and_then(|template| template.render(&MESSAGE.see(&Value::Null)).map(|_| Self::Template(template)))
                .map_err(|e| format!("Error parsing format: {e}")),
        }
    }

    /// The line of one event, with its newline.
    ///
    /// # Errors
    /// Go's text for a template that fails.
    pub fn line(&self, event: &Value) -> Result<String, String> {
        match self {
            Self::Pretty => Ok(pretty(event)),
            Self::Json => {
                let mut event = event.clone();
                if let Some(fields) = event.as_object_mut() {
                    fields.retain(|k, v| !(matches!(k.as_str(), "status" | "id" | "from") && v == ""));
                }
                Ok(go_json(&event, false) + "\n")
            }
            Self::Template(template) => {
                template.render(&MESSAGE.see(event)).map(|t| t + "\n").map_err(|e| e.to_string())
            }
        }
    }
}

static MESSAGE: Struct = Struct {
    name: "*events.Message",
    fields: &[
        ("Status", "status", Kind::Text),
        ("ID", "id", Kind::Text),
        ("From", "from", Kind::Text),
        ("Type", "Type", Kind::Text),
        ("Action", "Action", Kind::Text),
        ("Actor", "Actor", Kind::Of(&ACTOR)),
        ("Scope", "scope", Kind::Text),
        ("Time", "time", Kind::Number),
        ("TimeNano", "timeNano", Kind::Number),
    ],
};

static ACTOR: Struct =
    Struct { name: "events.Actor", fields: &[("ID", "ID", Kind::Text), ("Attributes", "Attributes", Kind::Map)] };

fn pretty(event: &Value) -> String {
    let text_of = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let mut out = String::new();
    let nanos = event["timeNano"].as_i64().unwrap_or_default();
    let seconds = event["time"].as_i64().unwrap_or_default();
    if nanos != 0 || seconds != 0 {
        out += &text::rfc3339_nanos(if nanos == 0 { seconds * 1_000_000_000 } else { nanos });
        out.push(' ');
    }
    out += &format!("{} {} {}", text_of(&event["Type"]), text_of(&event["Action"]), text_of(&event["Actor"]["ID"]));
    let mut attributes: Vec<_> = event["Actor"]["Attributes"]
        .as_object()
        .into_iter()
        .flatten()
        .map(|(k, v)| format!("{k}={}", text_of(v)))
        .collect();
    crate::order::sort(&mut attributes);
    if !attributes.is_empty() {
        out += &format!(" ({})", attributes.join(", "));
    }
    out.push('\n');
    out
}
