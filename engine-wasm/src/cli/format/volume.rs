//! `docker volume ls`.

use super::{Kind, Row, text, write};
use crate::units;
use serde_json::Value;

/// The placeholders of `docker volume ls`.
pub static KIND: Kind = Kind {
    go_type: "*formatter.volumeContext",
    headings: &[
        ("Name", "VOLUME NAME"),
        ("Group", "GROUP"),
        ("Driver", "DRIVER"),
        ("Scope", "SCOPE"),
        ("Availability", "AVAILABILITY"),
        ("Mountpoint", "MOUNTPOINT"),
        ("Labels", "LABELS"),
        ("Links", "LINKS"),
        ("Size", "SIZE"),
        ("Status", "STATUS"),
    ],
};

/// The format of `docker volume ls --cluster`.
pub const CLUSTER: &str = "table {{.Name}}\t{{.Group}}\t{{.Driver}}\t{{.Availability}}\t{{.Status}}";

/// The listing of a list of volumes, sorted by name.
///
/// # Errors
/// Go's text for a bad template.
pub fn list(format: &str, volumes: &Value, quiet: bool) -> Result<String, String> {
    let template = match (format, quiet) {
        ("table" | "", true) => "{{.Name}}",
        ("table" | "", false) => "table {{.Driver}}\t{{.Name}}",
        ("raw", true) => "name: {{.Name}}",
        ("raw", false) => "name: {{.Name}}\\ndriver: {{.Driver}}\\n",
        (other, _) => other,
    };
    let mut volumes: Vec<_> = volumes.as_array().into_iter().flatten().collect();
    crate::order::sort_by_key(&mut volumes, |v| text::natural(v["Name"].as_str().unwrap_or_default()));
    let rows: Vec<_> = volumes.into_iter().map(row).collect();
    write(template, &KIND, rows)
}

/// The placeholders of one volume.
pub fn row(v: &Value) -> Row {
    let text_of = |key: &str| v[key].as_str().unwrap_or_default().to_owned();
    let usage = &v["UsageData"];
    let unknown = || "N/A".to_owned();
    #[allow(clippy::cast_precision_loss)] // sizes for people
    let bytes = usage["Size"].as_i64().map(|n| units::human_size(n as f64));
    Row::new([
        ("Name", text_of("Name")),
        ("Driver", text_of("Driver")),
        ("Scope", text_of("Scope")),
        ("Mountpoint", text_of("Mountpoint")),
        ("Labels", text::labels(&v["Labels"])),
        ("Links", usage["RefCount"].as_i64().map_or_else(unknown, |n| n.to_string())),
        ("Size", bytes.unwrap_or_else(unknown)),
        ("Group", unknown()),
        ("Availability", unknown()),
        ("Status", unknown()),
    ])
    .with_labels(&v["Labels"])
}
