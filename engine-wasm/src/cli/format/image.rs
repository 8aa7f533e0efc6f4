//! `docker images` and `docker history`.

use super::{Kind, Row, text, write};
use crate::reference;
use crate::units;
use serde_json::Value;

/// The placeholders of `docker images`.
pub static KIND: Kind = Kind {
    go_type: "*formatter.imageContext",
    headings: &[
        ("ID", "IMAGE ID"),
        ("Repository", "REPOSITORY"),
        ("Tag", "TAG"),
        ("Digest", "DIGEST"),
        ("CreatedSince", "CREATED"),
        ("CreatedAt", "CREATED AT"),
        ("Size", "SIZE"),
        ("Containers", "CONTAINERS"),
        ("VirtualSize", "SIZE"),
        ("SharedSize", "SHARED SIZE"),
        ("UniqueSize", "UNIQUE SIZE"),
    ],
};

static HISTORY: Kind = Kind {
    go_type: "*image.historyContext",
    headings: &[
        ("ID", "IMAGE"),
        ("CreatedSince", "CREATED"),
        ("CreatedAt", "CREATED AT"),
        ("CreatedBy", "CREATED BY"),
        ("Size", "SIZE"),
        ("Comment", "COMMENT"),
    ],
};

/// The template for a format word of `docker images`, or the format itself.
pub fn template(format: &str, quiet: bool, digests: bool) -> String {
    let mut out = match (format, quiet) {
        ("table" | "", true) => "{{.ID}}",
        ("table" | "", false) if digests => {
            "table {{.Repository}}\t{{.Tag}}\t{{.Digest}}\t{{.ID}}\t{{if .CreatedSince }}{{.CreatedSince}}{{else}}N/A{{end}}\t{{.Size}}"
        }
        ("table" | "", false) => "table {{.Repository}}\t{{.Tag}}\t{{.ID}}\t{{if .CreatedSince }}{{.CreatedSince}}{{else}}N/A{{end}}\t{{.Size}}",
        ("raw", true) => "image_id: {{.ID}}",
        ("raw", false) if digests => {
            "repository: {{ .Repository }}\ntag: {{.Tag}}\ndigest: {{.Digest}}\nimage_id: {{.ID}}\ncreated_at: {{.CreatedAt}}\nvirtual_size: {{.Size}}\n"
        }
        ("raw", false) => "repository: {{ .Repository }}\ntag: {{.Tag}}\nimage_id: {{.ID}}\ncreated_at: {{.CreatedAt}}\nvirtual_size: {{.Size}}\n",
        (other, _) => other,
    }
    .to_owned();
    if out.starts_with("table") && digests && !out.contains("{{.Digest}}") {
        out += "\t{{.Digest}}";
    }
    // What the conditional says is never empty here, so the plain placeholder gives the same text without a template engine.
    out.replace("{{if .CreatedSince }}{{.CreatedSince}}{{else}}N/A{{end}}", "{{.CreatedSince}}")
        .replace("{{ .Repository }}", "{{.Repository}}")
}

/// The listing of `GET /images/json`. `now` is in seconds since 1970.
///
/// # Errors
/// Go's text for a bad template.
pub fn list(format: &str, images: &Value, digests: bool, trunc: bool, now: i64) -> Result<String, String> {
    let need = digests || format.contains("{{.Digest}}");
    let mut rows = Vec::new();
    for image in images.as_array().into_iter().flatten() {
        for (repository, tag, digest) in names(image, digests, need) {
            rows.push(row(image, &repository, &tag, &digest, trunc, now));
        }
    }
    write(format, &KIND, rows)
}

fn strings<'a>(value: &'a Value, key: &str) -> Vec<&'a str> {
    value[key].as_array().into_iter().flatten().filter_map(Value::as_str).collect()
}

const NONE: &str = "<none>";

fn dangling(image: &Value) -> bool {
    let (tags, digests) = (strings(image, "RepoTags"), strings(image, "RepoDigests"));
    (tags.is_empty() && digests.is_empty()) || (tags == ["<none>:<none>"] && digests == ["<none>@<none>"])
}

/// Repository, tag and digest of each line that an image gets.
fn names(image: &Value, digests: bool, need: bool) -> Vec<(String, String, String)> {
    if dangling(image) {
        return vec![(NONE.into(), NONE.into(), NONE.into())];
    }
    let parsed = |key: &str| {
        strings(image, key).into_iter().filter_map(|s| reference::parse_normalized(s).ok()).collect::<Vec<_>>()
    };
    let (tagged, digested) = (parsed("RepoTags"), parsed("RepoDigests"));
    let mut out = Vec::new();
    for reference in &tagged {
        let Some(tag) = reference.tag() else { continue };
        let name = reference.familiar_name();
        let known: Vec<_> =
            digested.iter().filter(|d| need && d.familiar_name() == name).filter_map(|d| d.digest()).collect();
        if known.is_empty() {
            out.push((name, tag.to_owned(), NONE.into()));
        } else {
            out.extend(known.into_iter().map(|d| (name.clone(), tag.to_owned(), d.to_owned())));
        }
    }
    let mut shown: Vec<String> = Vec::new();
    for reference in &digested {
        let name = reference.familiar_name();
        if tagged.iter().any(|t| t.familiar_name() == name) {
            continue;
        }
        if digests {
            out.push((name, NONE.into(), reference.digest().unwrap_or_default().to_owned()));
        } else if !shown.contains(&name) {
            shown.push(name.clone());
            out.push((name, NONE.into(), String::new()));
        }
    }
    out
}

/// The placeholders of one line.
pub fn row(image: &Value, repository: &str, tag: &str, digest: &str, trunc: bool, now: i64) -> Row {
    let number = |key: &str| image[key].as_i64().unwrap_or(-1);
    let id = image["Id"].as_str().unwrap_or_default();
    let created = number("Created");
    let (total, shared) = (number("Size"), number("SharedSize"));
    #[allow(clippy::cast_precision_loss)] // sizes for people
    let human = |n: i64| units::human_size(n as f64);
    #[allow(clippy::cast_precision_loss)]
    let short = units::human_size_with_precision(total as f64, 3);
    Row::new([
        ("ID", if trunc { text::short_id(id) } else { id }.to_owned()),
        ("Repository", repository.to_owned()),
        ("Tag", tag.to_owned()),
        ("Digest", digest.to_owned()),
        ("CreatedSince", format!("{} ago", text::ago(now - created))),
        ("CreatedAt", text::go_time(created)),
        ("Size", short),
        ("VirtualSize", human(total)),
        ("Containers", if number("Containers") == -1 { "N/A".into() } else { number("Containers").to_string() }),
        ("SharedSize", if shared == -1 { "N/A".into() } else { human(shared) }),
        ("UniqueSize", if total == -1 || shared == -1 { "N/A".into() } else { human(total - shared) }),
    ])
}

/// The listing of `GET /images/{name}/history`.
///
/// # Errors
/// Go's text for a bad template.
pub fn history(
    format: &str,
    history: &Value,
    quiet: bool,
    human: bool,
    trunc: bool,
    now: i64,
) -> Result<String, String> {
    let template = match format {
        "table" | "" if quiet => "{{.ID}}",
        "table" | "" if human => "table {{.ID}}\t{{.CreatedSince}}\t{{.CreatedBy}}\t{{.Size}}\t{{.Comment}}",
        "table" | "" => "table {{.ID}}\t{{.CreatedAt}}\t{{.CreatedBy}}\t{{.Size}}\t{{.Comment}}",
        other => other,
    };
    let rows: Vec<_> = history
        .as_array()
        .into_iter()
        .flatten()
        .map(|h| {
            let text_of = |key: &str| h[key].as_str().unwrap_or_default();
            let (id, by) = (text_of("Id"), text_of("CreatedBy").replace('\t', " "));
            let created = h["Created"].as_i64().unwrap_or_default();
            // Times up to the year 2000 mean that none was recorded.
            let since = match created {
                _ if !human => text::rfc3339(created),
                c if c <= 946_684_800 => "N/A".into(),
                c => format!("{} ago", text::ago(now - c)),
            };
            #[allow(clippy::cast_precision_loss)] // sizes for people
            let shown = match h["Size"].as_i64() {
                // An engine always knows it; of an archive a layer may be missing.
                None => "N/A".into(),
                Some(bytes) if human => units::human_size_with_precision(bytes as f64, 3),
                Some(bytes) => bytes.to_string(),
            };
            Row::new([
                ("ID", if trunc { text::short_id(id) } else { id }.to_owned()),
                ("CreatedAt", text::rfc3339(created)),
                ("CreatedSince", since),
                ("CreatedBy", if trunc { text::ellipsis(&by, 45) } else { by }),
                ("Size", shown),
                ("Comment", text_of("Comment").to_owned()),
            ])
        })
        .collect();
    write(template, &HISTORY, rows)
}
