//! `docker network ls`.

use super::{Kind, Row, text, write};
use serde_json::Value;

static KIND: Kind = Kind {
    go_type: "*network.networkContext",
    headings: &[
        ("ID", "NETWORK ID"),
        ("Name", "NAME"),
        ("Driver", "DRIVER"),
        ("Scope", "SCOPE"),
        ("IPv4", "IPV4"),
        ("IPv6", "IPV6"),
        ("Internal", "INTERNAL"),
        ("Labels", "LABELS"),
        ("CreatedAt", "CREATED AT"),
    ],
};

/// The listing of `GET /networks`, sorted by name.
///
/// # Errors
/// Go's text for a bad template.
pub fn list(format: &str, networks: &Value, quiet: bool, trunc: bool) -> Result<String, String> {
    let template = match (format, quiet) {
        ("table" | "", true) => "{{.ID}}",
        ("table" | "", false) => "table {{.ID}}\t{{.Name}}\t{{.Driver}}\t{{.Scope}}",
        ("raw", true) => "network_id: {{.ID}}",
        ("raw", false) => "network_id: {{.ID}}\\nname: {{.Name}}\\ndriver: {{.Driver}}\\nscope: {{.Scope}}\\n",
        (other, _) => other,
    };
    let mut networks: Vec<_> = networks.as_array().into_iter().flatten().collect();
    crate::order::sort_by_key(&mut networks, |n| text::natural(n["Name"].as_str().unwrap_or_default()));
    let rows: Vec<_> = networks
        .into_iter()
        .map(|n| {
            let text_of = |key: &str| n[key].as_str().unwrap_or_default();
            let yes = |key: &str| (n[key] == true).to_string();
            let id = text_of("Id");
            Row::new([
                ("ID", if trunc { text::short_id(id) } else { id }.to_owned()),
                ("Name", text_of("Name").to_owned()),
                ("Driver", text_of("Driver").to_owned()),
                ("Scope", text_of("Scope").to_owned()),
                ("IPv4", yes("EnableIPv4")),
                ("IPv6", yes("EnableIPv6")),
                ("Internal", yes("Internal")),
                ("Labels", text::labels(&n["Labels"])),
                ("CreatedAt", text::go_time_of(text_of("Created"))),
            ])
            .with_labels(&n["Labels"])
        })
        .collect();
    write(template, &KIND, rows)
}
