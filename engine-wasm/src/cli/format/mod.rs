//! What the engine's JSON looks like to a person: docker's tables, its `--format` templates with their placeholders and headings, its JSON lines.
//! JSON and the present time in, text out.

pub mod container;
pub mod disk;
mod engine;
pub mod events;
pub mod image;
pub mod info;
pub mod inspect;
pub mod network;
pub mod search;
pub mod stats;
#[cfg(test)]
mod tests;
mod text;
mod typed;
pub mod version;
pub mod volume;

use crate::tabwriter::TabWriter;
use crate::template::{LABELS, STRUCT_TYPE};
use engine::Template;
use serde_json::{Map, Value};

pub(in crate::cli) use text::epoch;
pub use text::{ellipsis, go_json, short_id};

/// Why a format could not be shown.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum Wrong {
    /// It is no template.
    #[error("{0}")]
    Template(String),
    /// It asks for what is not there.
    #[error("{0}")]
    Field(String),
}

/// The placeholders of one kind of object: their headings, and the name that Go's errors give the kind.
#[derive(Clone, Copy, Debug)]
pub struct Kind {
    /// Placeholder and heading.
    pub headings: &'static [(&'static str, &'static str)],
    /// Such as `*formatter.ContainerContext`.
    pub go_type: &'static str,
}

/// One object: placeholder names and values, sorted by name, and its labels for `.Label "name"`.
#[derive(Clone, Debug, Default)]
pub struct Row {
    /// The placeholders.
    pub fields: Map<String, Value>,
    /// What `.Label` looks up; not every kind has it.
    pub labels: Option<Map<String, Value>>,
}

impl Row {
    /// A row of these placeholders; they are put in order.
    pub fn new(fields: impl IntoIterator<Item = (&'static str, String)>) -> Self {
        Self::of(fields.into_iter().map(|(k, v)| (k, Value::String(v))))
    }

    /// A row of placeholders that need not be strings.
    pub fn of(fields: impl IntoIterator<Item = (&'static str, Value)>) -> Self {
        let mut fields: Vec<_> = fields.into_iter().map(|(k, v)| (k.to_owned(), v)).collect();
        crate::order::sort_by(&mut fields, |a, b| a.0.cmp(&b.0));
        Self { fields: fields.into_iter().collect(), labels: None }
    }

    /// The same row with labels.
    #[must_use]
    pub fn with_labels(mut self, labels: &Value) -> Self {
        self.labels = Some(labels.as_object().cloned().unwrap_or_default());
        self
    }
}

/// Writes rows by a format: `table …`, `json`, or a template. The format words of a command (`table`, `raw`) must have been replaced by their templates.
///
/// # Errors
/// Go's text for a template that cannot be parsed or executed.
pub fn write(format: &str, kind: &Kind, rows: Vec<Row>) -> Result<String, String> {
    let table = format.strip_prefix("table");
    let body = text::unescape(table.unwrap_or(format).trim_matches(' '));
    let json = format == "json" || (table.is_none() && matches!(body.replace(' ', "").as_str(), "{{json.}}"));
    if json {
        return Ok(rows.into_iter().map(|r| go_json(&Value::Object(r.fields), true) + "\n").collect());
    }
    let labels = rows.iter().all(|row| row.labels.is_some());
    let pieces = text::simple(&body, labels);
    let plain = pieces.as_ref().is_some_and(|all| !all.iter().any(|piece| matches!(piece, text::Piece::Label(_))));
    let template = if plain { None } else { Some(prepare(&body)?) };
    let mut out = String::new();
    for row in rows {
        match (&pieces, &template) {
            (Some(pieces), _) => out += &fill(pieces, &row, kind)?,
            (None, Some(template)) => {
                let mut value = row.fields;
                value.insert(STRUCT_TYPE.into(), kind.go_type.into());
                if let Some(labels) = row.labels {
                    value.insert(LABELS.into(), labels.into());
                }
                out += &template.render(&value.into()).map_err(|e| format!("template parsing error: {e}"))?;
            }
            (None, None) => {}
        }
        out.push('\n');
    }
    if table.is_none() {
        return Ok(out);
    }
    let headings: Map<_, _> = kind.headings.iter().map(|(k, v)| ((*k).to_owned(), Value::from(*v))).collect();
    let heading = match (&pieces, &template) {
        (_, Some(template)) => {
            let mut value = headings;
            value.insert(LABELS.into(), true.into());
            template.render_header(&value.into()).unwrap_or_default()
        }
        (pieces, None) => pieces
            .iter()
            .flatten()
            .map(|p| match p {
                text::Piece::Field(f) => headings.get(*f).and_then(Value::as_str).unwrap_or("<no value>"),
                text::Piece::Text(t) | text::Piece::Label(t) => t,
            })
            .collect(),
    };
    Ok(TabWriter::docker_table().format(&format!("{heading}\n{out}")))
}

fn fill(pieces: &[text::Piece<'_>], row: &Row, kind: &Kind) -> Result<String, String> {
    let mut out = String::new();
    let mut at = 0;
    for piece in pieces {
        match piece {
            text::Piece::Text(t) => {
                out += t;
                at += t.len();
            }
            text::Piece::Field(name) => {
                match row.fields.get(*name) {
                    Some(Value::String(s)) => out += s,
                    Some(Value::Null) => out += "<nil>",
                    Some(other) => out += &other.to_string(),
                    None => return Err(no_field(name, at + 2, kind)),
                }
                at += name.len() + 5;
            }
            text::Piece::Label(name) => {
                let label = row.labels.as_ref().and_then(|labels| labels.get(*name));
                out += label.and_then(Value::as_str).unwrap_or_default();
                at += name.len() + 13;
            }
        }
    }
    Ok(out)
}

fn no_field(name: &str, column: usize, kind: &Kind) -> String {
    format!(
        "template parsing error: template: :1:{column}: executing \"\" at <.{name}>: can't evaluate field {name} in type {}",
        kind.go_type
    )
}

fn prepare(body: &str) -> Result<Template, String> {
    Template::parse("", body).map_err(|e| format!("template parsing error: {e}"))
}

/// Whether a format uses a placeholder.
pub fn uses(format: &str, placeholder: &str) -> bool {
    // The JSON of the whole object uses all of them.
    format.replace(' ', "").contains("{{json.}}") || text::placeholders(format).any(|(_, name)| name == placeholder)
}

/// Checks a format as `docker ps` does before it asks the engine.
///
/// # Errors
/// Go's text, in ps's frame.
pub fn validate(format: &str, kind: &Kind, sample: &Row) -> Result<(), String> {
    let body = text::unescape(format.strip_prefix("table").unwrap_or(format).trim_matches(' '));
    if matches!(format, "json" | "table" | "raw") {
        return Ok(());
    }
    prepare(&body).map_err(|e| e.replacen("template parsing error:", "failed to parse template:", 1))?;
    write(format, kind, vec![sample.clone()]).map(|_| ()).map_err(|e| {
        let shift = format.strip_prefix("table").map_or(0, |rest| format.len() - rest.trim_start_matches(' ').len());
        text::shift_column(&e.replacen("template parsing error:", "failed to execute template:", 1), shift)
    })
}

/// Seconds since 1970 as Go prints a time in UTC: `1970-01-01 00:00:00 +0000 UTC`.
pub(crate) fn utc(seconds: i64) -> String {
    text::go_time(seconds)
}

/// Seconds since 1970 of an RFC 3339 time; 0 for what is none.
pub(crate) fn seconds(rfc: &str) -> i64 {
    text::epoch(rfc)
}
