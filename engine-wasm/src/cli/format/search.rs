//! `docker search`.

use super::{Kind, Row, text, write};
use serde_json::Value;

static KIND: Kind = Kind {
    go_type: "*registry.searchContext",
    headings: &[("Name", "NAME"), ("Description", "DESCRIPTION"), ("StarCount", "STARS"), ("IsOfficial", "OFFICIAL")],
};

/// The listing of `GET /images/search`.
///
/// # Errors
/// Go's text for a bad template.
pub fn list(format: &str, results: &Value, trunc: bool) -> Result<String, String> {
    let template = match format {
        "table" | "" => "table {{.Name}}\t{{.Description}}\t{{.StarCount}}\t{{.IsOfficial}}",
        other => other,
    };
    let json = format == "json" || format.replace(' ', "") == "{{json.}}";
    let rows: Vec<_> = results
        .as_array()
        .into_iter()
        .flatten()
        .map(|r| {
            let description = r["description"].as_str().unwrap_or_default().replace(['\n', '\r'], " ");
            let mark = |key: &str| match (r[key] == true, json) {
                (yes, true) => yes.to_string(),
                (true, false) => "[OK]".into(),
                (false, false) => String::new(),
            };
            Row::new([
                ("Name", r["name"].as_str().unwrap_or_default().to_owned()),
                ("Description", if trunc { text::ellipsis(&description, 45) } else { description }),
                ("StarCount", r["star_count"].as_i64().unwrap_or_default().to_string()),
                ("IsOfficial", mark("is_official")),
            ])
        })
        .collect();
    write(template, &KIND, rows)
}
