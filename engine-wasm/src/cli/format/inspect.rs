//! `docker inspect` and its kin: indented JSON, JSON on one line, or a template for each object.

use super::engine::Template;
use super::typed::{Kind, Struct};
use super::{go_json, text};
use crate::template::PLAIN_MAP;
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
            Self::Template(_) => self.show(&volumes.iter().map(|volume| VOLUME.see(volume)).collect::<Vec<_>>()),
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

/// What docker decodes a volume into. Unlike other objects, a volume is shown by that structure alone.
static VOLUME: Struct = Struct {
    name: "volume.Volume",
    fields: &[
        ("ClusterVolume", "ClusterVolume", Kind::Pointer),
        ("CreatedAt", "CreatedAt", Kind::Text),
        ("Driver", "Driver", Kind::Text),
        ("Labels", "Labels", Kind::Map),
        ("Mountpoint", "Mountpoint", Kind::Text),
        ("Name", "Name", Kind::Text),
        ("Options", "Options", Kind::Map),
        ("Scope", "Scope", Kind::Text),
        ("Status", "Status", Kind::Map),
        ("UsageData", "UsageData", Kind::Pointer),
    ],
};

/// Fields of inspected objects that are maps in Go: a key that they do not have is no error.
const MAPS: [&str; 14] = [
    "Annotations",
    "Containers",
    "Data",
    "ExposedPorts",
    "Labels",
    "Networks",
    "Options",
    "PortBindings",
    "Ports",
    "Status",
    "StorageOpt",
    "Sysctls",
    "Tmpfs",
    "Volumes",
];

fn mark_maps(value: &mut Value) {
    match value {
        Value::Object(map) => {
            for (name, value) in map.iter_mut() {
                if MAPS.contains(&name.as_str()) {
                    if value.is_null() {
                        *value = serde_json::json!({ PLAIN_MAP: true });
                    } else if let Value::Object(map) = value {
                        map.insert(PLAIN_MAP.into(), true.into());
                    }
                }
                mark_maps(value);
            }
        }
        Value::Array(list) => list.iter_mut().for_each(mark_maps),
        _ => {}
    }
}

/// Renders by the names in the JSON; where those do not fit, by the names that the fields have in Go (`.ID` for `Id`).
fn render(template: &Template, object: &Value) -> Result<String, crate::template::Error> {
    template
        .render_strict(object)
        .or_else(|error| {
            // Only where it failed: a map that was left out is null to those who print it.
            let mut marked = object.clone();
            mark_maps(&mut marked);
            template.render_strict(&marked).map_err(|_| error)
        })
        .or_else(|error| {
            let mut aliased = object.clone();
            if let Some(map) = aliased.as_object_mut() {
                for (json, go) in [("Id", "ID"), ("Os", "OS"), ("HostsPath", "HostsPath")] {
                    if let Some(value) = map.get(json).cloned() {
                        map.entry(go).or_insert(value);
                    }
                }
            }
            template.render_strict(&aliased).map_err(|_| error)
        })
}

fn indented(value: &Value) -> String {
    let mut out = Vec::new();
    let mut serializer = Serializer::with_formatter(&mut out, PrettyFormatter::with_indent(b"    "));
    // Writing JSON to memory cannot fail.
    let _ = value.serialize(&mut serializer);
    String::from_utf8(out).unwrap_or_default()
}
