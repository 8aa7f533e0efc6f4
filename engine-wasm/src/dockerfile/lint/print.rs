//! Reports as `docker build --check` prints them, and as the `lint` subrequest's JSON (`frontend/subrequests/lint`, `solver/errdefs/source.go`).

use serde_json::Value;

use super::rules::rule;
use super::{Problem, Report};

impl Report {
    /// The text that `docker build --check` writes to standard output; `name` is the Dockerfile's name.
    pub fn to_text(&self, text: &str, name: &str) -> String {
        let mut out = match (self.warnings.len(), self.errors.is_empty()) {
            (0, true) => return "Check complete, no warnings found.\n".to_owned(),
            (0, false) => String::new(),
            (1, _) => "Check complete, 1 warning has been found!\n".to_owned(),
            (count, _) => format!("Check complete, {count} warnings have been found!\n"),
        };
        let lines: Vec<&str> = text.split('\n').collect();
        let mut warnings: Vec<_> = self.warnings.iter().collect();
        crate::order::sort_by_key(&mut warnings, |warning| warning.lines.0);
        for warning in warnings {
            out.push_str(&format!("\nWARNING: {}", warning.rule));
            if !warning.url.is_empty() {
                out.push_str(&format!(" - {}", warning.url));
            }
            out.push_str(&format!("\n{}\n", warning.message));
            excerpt(&mut out, &lines, name, &[warning.lines]);
        }
        if !self.warnings.is_empty() && !self.errors.is_empty() {
            out.push('\n');
        }
        out
    }

    /// The text of the errors, each with its place in the file.
    pub fn errors_text(&self, text: &str, name: &str) -> String {
        let lines: Vec<&str> = text.split('\n').collect();
        let mut out = String::new();
        for problem in &self.errors {
            out.push_str(&format!("{}\n", problem.message));
            excerpt(&mut out, &lines, name, &problem.ranges());
        }
        out
    }

    /// The JSON of the `lint` subrequest. Of several errors it holds the first.
    pub fn to_json(&self, text: &str, name: &str) -> Value {
        use base64::Engine as _;
        let ranges = |ranges: &[(usize, usize)]| -> Vec<Value> {
            let lines = ranges.iter().flat_map(|(first, last)| *first..=*last.max(first));
            lines.map(|line| json!({"start": {"line": line}, "end": {"line": line}})).collect()
        };
        let warnings: Vec<Value> = self
            .warnings
            .iter()
            .map(|warning| {
                let mut value = json!({"ruleName": warning.rule});
                if let Some(rule) = rule(warning.rule) {
                    value["description"] = json!(rule.description);
                }
                if !warning.url.is_empty() {
                    value["url"] = json!(warning.url);
                }
                value["detail"] = json!(warning.message);
                value["location"] = json!({"ranges": ranges(&[warning.lines])});
                value
            })
            .collect();
        let warnings = if warnings.is_empty() { Value::Null } else { Value::Array(warnings) };
        let mut source = json!({"filename": name, "language": "Dockerfile"});
        if !text.is_empty() {
            source["data"] = json!(base64::engine::general_purpose::STANDARD.encode(text));
        }
        let mut out = json!({"warnings": warnings, "sources": [source]});
        if let Some(problem) = self.errors.first() {
            let place = ranges(&problem.ranges());
            let place = if place.is_empty() { json!({}) } else { json!({"ranges": place}) };
            out["buildError"] = json!({"message": problem.message, "location": place});
        }
        out
    }
}

impl Problem {
    /// The lines that are meant.
    fn ranges(&self) -> Vec<(usize, usize)> {
        if self.parts.is_empty() { self.lines.into_iter().collect() } else { self.parts.clone() }
    }
}

/// The lines, with a few around them.
fn excerpt(out: &mut String, lines: &[&str], name: &str, ranges: &[(usize, usize)]) {
    let Some(first) = ranges.iter().map(|range| range.0).min() else { return };
    let last_marked = ranges.iter().map(|range| range.1.max(range.0)).max().unwrap_or(first);
    if first < 1 || first > lines.len() {
        return;
    }
    let (mut start, mut end) = (first, last_marked.min(lines.len()));
    let wanted = if end == start { 4 } else { 2 };
    let mut padded = 0;
    while padded < wanted {
        if start > 1 {
            start -= 1;
            padded += 1;
        }
        if end != lines.len() {
            end += 1;
            padded += 1;
        }
        padded += 1;
    }
    out.push_str(&format!("{name}:{first}\n--------------------\n"));
    for number in start..=end {
        let mark =
            if ranges.iter().any(|range| (range.0..=range.1.max(range.0)).contains(&number)) { ">>>" } else { "   " };
        out.push_str(&format!(" {number:3} | {mark} {}\n", lines[number - 1]));
    }
    out.push_str("--------------------\n");
}
