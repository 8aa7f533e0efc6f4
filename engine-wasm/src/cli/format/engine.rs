//! The templates of `--format`: text with placeholders (`{{.Name}}`, `{{.State.Status}}`) and their JSON (`{{json .Config}}`).

use serde_json::Value;

/// A parsed template.
#[derive(Debug)]
pub struct Template(Vec<Part>);

#[derive(Debug)]
enum Part {
    Text(String),
    Path {
        path: Vec<String>,
        json: bool,
        column: usize,
        shown: String,
    },
}

impl Template {
    /// Parses a template.
    pub fn parse(_name: &str, text: &str) -> Result<Self, String> {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("{{") {
            parts.push(Part::Text(before.to_owned()));
            let (action, tail) = after
                .split_once("}}")
                .ok_or("template: :1: unclosed action")?;
            let trimmed = action.trim();
            let (json, path) = match trimmed.strip_prefix("json ") {
                Some(path) => (true, path.trim()),
                None => (false, trimmed),
            };
            let path = path
                .strip_prefix('.')
                .ok_or_else(|| format!("template: :1: unexpected {trimmed:?} in command"))?;
            let column = text.len() - after.len() + action.find('.').unwrap_or_default();
            parts.push(Part::Path {
                path: path
                    .split('.')
                    .filter(|p| !p.is_empty())
                    .map(str::to_owned)
                    .collect(),
                json,
                column,
                shown: format!(".{path}"),
            });
            rest = tail;
        }
        parts.push(Part::Text(rest.to_owned()));
        Ok(Self(parts))
    }

    /// Renders; what is missing is `<no value>`.
    pub fn render(&self, value: &Value) -> Result<String, String> {
        self.run(value, false, false)
    }

    /// Renders; what is missing is an error.
    pub fn render_strict(&self, value: &Value) -> Result<String, String> {
        self.run(value, true, false)
    }

    /// Renders the headings: functions do nothing.
    pub fn render_header(&self, value: &Value) -> Result<String, String> {
        self.run(value, false, true)
    }

    fn run(&self, value: &Value, strict: bool, header: bool) -> Result<String, String> {
        let mut out = String::new();
        for part in &self.0 {
            match part {
                Part::Text(text) => out += text,
                Part::Path {
                    path,
                    json,
                    column,
                    shown,
                } => {
                    let mut at = Some(value);
                    for name in path {
                        let next = at.and_then(|v| v.get(name));
                        if next.is_none() && strict {
                            return Err(format!(
                                "template: :1:{column}: executing \"\" at <{shown}>: map has no entry for key {name:?}"
                            ));
                        }
                        at = next;
                    }
                    match at {
                        Some(v) if *json && !header => out += &super::go_json(v, false),
                        Some(Value::String(s)) => out += s,
                        Some(Value::Null) | None => out += "<no value>",
                        Some(other) => out += &other.to_string(),
                    }
                }
            }
        }
        Ok(out)
    }
}
