//! `docker inspect` and its kin: indented JSON, JSON on one line, or a template for each object.

mod container;
mod others;

use super::engine::Template;
use super::typed::{Kind, Struct};
use super::{go_json, text};
use serde::Serialize;
use serde_json::Value;
use serde_json::ser::{PrettyFormatter, Serializer};

/// How objects are shown.
#[derive(Debug)]
pub enum Format {
    /// An indented array.
    Indented,
    /// An array on one line.
    Json,
    /// A template, once an object.
    Template(Template),
}

impl Format {
    /// Reads `--format`.
    ///
    /// # Errors
    /// Go's text for a template that cannot be parsed (docker exits with 64 then).
    pub fn new(format: &str) -> Result<Self, String> {
        match format {
            "" => Ok(Self::Indented),
            "json" => Ok(Self::Json),
            other => Template::parse("", &text::unescape(other))
                .map(Self::Template)
                .map_err(|e| format!("template parsing error: {e}")),
        }
    }

    /// [`Self::show`] for `docker volume inspect`.
    pub fn show_volumes(&self, volumes: &[Value]) -> (String, Vec<String>) {
        match self {
            Self::Template(_) => {
                self.show(&volumes.iter().map(|volume| others::VOLUME.see(volume)).collect::<Vec<_>>())
            }
            Self::Indented | Self::Json => self.show(volumes),
        }
    }

    /// The text for all objects found, and the errors of those that the template does not fit.
    pub fn show(&self, objects: &[Value]) -> (String, Vec<String>) {
        match self {
            _ if objects.is_empty() => {
                (if matches!(self, Self::Template(_)) { "\n" } else { "[]\n" }.into(), Vec::new())
            }
            Self::Indented => (indented(&Value::from(objects.to_vec())) + "\n", Vec::new()),
            Self::Json => (go_json(&Value::from(objects.to_vec()), false) + "\n", Vec::new()),
            Self::Template(template) => {
                let (mut out, mut errors) = (String::new(), Vec::new());
                for object in objects {
                    match render(template, object) {
                        Ok(text) => {
                            out += &text;
                            out.push('\n');
                        }
                        Err(e) => errors.push(format!("template parsing error: {e}")),
                    }
                }
                if out.is_empty() {
                    out.push('\n');
                }
                (out, errors)
            }
        }
    }
}

static GRAPH_DRIVER: Struct =
    Struct { name: "storage.DriverData", fields: &[("Data", "Data", Kind::Map), ("Name", "Name", Kind::Text)] };

static HEALTHCHECK: Struct = Struct {
    name: "v1.HealthcheckConfig",
    fields: &[
        ("Test", "Test", Kind::List),
        ("Interval", "Interval", Kind::Duration),
        ("Timeout", "Timeout", Kind::Duration),
        ("StartPeriod", "StartPeriod", Kind::Duration),
        ("StartInterval", "StartInterval", Kind::Duration),
        ("Retries", "Retries", Kind::Number),
    ],
};

/// What an object is, told by what only its kind has.
fn kind_of(object: &Value) -> Option<&'static Struct> {
    let kinds = [("HostConfig", &container::CONTAINER), ("RootFS", &others::IMAGE), ("IPAM", &others::NETWORK)];
    kinds.into_iter().find(|(field, _)| object.get(field).is_some()).map(|(_, kind)| kind)
}

/// Renders what docker has decoded the answer into; where the template does not fit that, the answer's JSON as it is.
fn render(template: &Template, object: &Value) -> Result<String, crate::template::Error> {
    if let Some(text) = kind_of(object).and_then(|kind| template.render(&others::see(kind, object)).ok()) {
        return Ok(text);
    }
    template.render_strict(object)
}

fn indented(value: &Value) -> String {
    let mut out = Vec::new();
    let mut serializer = Serializer::with_formatter(&mut out, PrettyFormatter::with_indent(b"    "));
    // Writing JSON to memory cannot fail.
    let _ = value.serialize(&mut serializer);
    String::from_utf8(out).unwrap_or_default()
}
