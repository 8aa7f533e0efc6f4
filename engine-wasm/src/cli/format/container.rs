//! `docker ps` and `docker diff`.

use super::{Kind, Row, text, write};
use crate::cli::check::quote;
use crate::reference;
use crate::units;
use serde_json::Value;

/// The placeholders of `docker ps`.
pub static KIND: Kind = Kind {
    go_type: "*formatter.ContainerContext",
    headings: &[
        ("ID", "CONTAINER ID"),
        ("Names", "NAMES"),
        ("Image", "IMAGE"),
        ("Command", "COMMAND"),
        ("CreatedAt", "CREATED AT"),
        ("RunningFor", "CREATED"),
        ("Ports", "PORTS"),
        ("State", "STATE"),
        ("Status", "STATUS"),
        ("Size", "SIZE"),
        ("Labels", "LABELS"),
        ("Mounts", "MOUNTS"),
        ("LocalVolumes", "LOCAL VOLUMES"),
        ("Networks", "NETWORKS"),
        ("Platform", "PLATFORM"),
    ],
};

/// The template for a format word of `docker ps`, or the format itself.
pub fn template(format: &str, quiet: bool, size: bool) -> String {
    match (format, quiet) {
        ("raw", true) => "container_id: {{.ID}}".into(),
        ("raw", false) => {
            let mut out = "container_id: {{.ID}}\nimage: {{.Image}}\ncommand: {{.Command}}\ncreated_at: {{.CreatedAt}}\nstate: {{- pad .State 1 0}}\n\
                           status: {{- pad .Status 1 0}}\nnames: {{.Names}}\nlabels: {{- pad .Labels 1 0}}\nports: {{- pad .Ports 1 0}}\n"
                .to_owned();
            if size {
                out += "size: {{.Size}}\\n";
            }
            out
        }
        (_, true) => "{{.ID}}".into(),
        ("table" | "", false) => {
            let mut out =
                "table {{.ID}}\t{{.Image}}\t{{.Command}}\t{{.RunningFor}}\t{{.Status}}\t{{.Ports}}\t{{.Names}}"
                    .to_owned();
            if size {
                out += "\t{{.Size}}";
            }
            out
        }
        (other, false) => other.to_owned(),
    }
}

/// The listing of `GET /containers/json`. `now` is in seconds since 1970.
///
/// # Errors
/// Go's text for a bad template.
pub fn list(format: &str, containers: &Value, trunc: bool, now: i64) -> Result<String, String> {
    // Some placeholders take longer than all the rest of a row: those that the format cannot show are left out.
    let wanted: Vec<_> = KIND.headings.iter().map(|(name, _)| *name).filter(|name| shows(format, name)).collect();
    let rows: Vec<_> = containers.as_array().into_iter().flatten().map(|c| row_with(c, trunc, now, &wanted)).collect();
    write(format, &KIND, rows)
}

/// The fields of containers that a listing by this format does not look at: what only placeholders read that the format does not name.
/// An engine says far more of a container than a table shows, and passing that on takes longer than the table.
pub fn unread(format: &str) -> Vec<&'static str> {
    let format = &template(format, false, true);
    let readers: [(&str, &[&str]); 5] = [
        ("Command", &["Command"]),
        ("HostConfig", &[]),
        ("Labels", &["Label"]),
        ("Mounts", &["Mounts", "LocalVolumes"]),
        ("NetworkSettings", &["Networks"]),
    ];
    let unread = readers.into_iter().filter(|(_, names)| !names.iter().any(|name| shows(format, name)));
    unread.map(|(field, _)| field).collect()
}

fn shows(format: &str, placeholder: &str) -> bool {
    text::shows_whole(format) || format.contains(placeholder)
}

fn str_of<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_default()
}

/// The placeholders of one container.
pub fn row(c: &Value, trunc: bool, now: i64) -> Row {
    let all: Vec<_> = KIND.headings.iter().map(|(name, _)| *name).collect();
    row_with(c, trunc, now, &all)
}

/// Those of them that are wanted.
fn row_with(c: &Value, trunc: bool, now: i64, wanted: &[&'static str]) -> Row {
    let number = |key: &str| c[key].as_i64().unwrap_or_default();
    let id = str_of(c, "Id");
    let command = str_of(c, "Command");
    let created = number("Created");
    let value = |name: &str| match name {
        "ID" => (if trunc { text::short_id(id) } else { id }).into(),
        "Names" => names(c, trunc).into(),
        "Image" => image(c, trunc).into(),
        "Command" => quote(&if trunc { text::ellipsis(command, 20) } else { command.to_owned() }).into(),
        "CreatedAt" => text::go_time(created).into(),
        "RunningFor" => format!("{} ago", text::ago(now - created)).into(),
        "Ports" => ports(&c["Ports"]).into(),
        "State" | "Status" => str_of(c, name).into(),
        "Size" => size(number("SizeRw"), number("SizeRootFs")).into(),
        "Labels" => text::labels(&c["Labels"]).into(),
        "Mounts" => mount_names(c, trunc).into(),
        "LocalVolumes" => mounts(c).iter().filter(|m| m["Driver"] == "local").count().to_string().into(),
        "Networks" => {
            let networks = c["NetworkSettings"]["Networks"].as_object().into_iter().flatten();
            networks.map(|(name, _)| name.as_str()).collect::<Vec<_>>().join(",").into()
        }
        _ => platform(&c["ImageManifestDescriptor"]["platform"]),
    };
    Row::of(wanted.iter().map(|name| (*name, value(name)))).with_labels(&c["Labels"])
}

fn size(written: i64, total: i64) -> String {
    #[allow(clippy::cast_precision_loss)] // sizes for people
    let human = |n: i64| units::human_size_with_precision(n as f64, 3);
    let mut shown = human(written);
    if total > 0 {
        shown += &format!(" (virtual {})", human(total));
    }
    shown
}

fn mounts(c: &Value) -> &[Value] {
    c["Mounts"].as_array().map(Vec::as_slice).unwrap_or_default()
}

fn mount_names(c: &Value, trunc: bool) -> String {
    let names = mounts(c)
        .iter()
        .map(|m| if str_of(m, "Name").is_empty() { str_of(m, "Source") } else { str_of(m, "Name") })
        .map(|name| if trunc { text::ellipsis(name, 15) } else { name.to_owned() });
    names.collect::<Vec<_>>().join(",")
}

/// `linux/arm64/v8`, or null where the engine does not say.
fn platform(platform: &Value) -> Value {
    let Value::Object(platform) = platform else { return Value::Null };
    let part = |key: &str| platform.get(key).and_then(Value::as_str).unwrap_or_default();
    let variant = part("variant");
    format!("{}/{}{}{variant}", part("os"), part("architecture"), if variant.is_empty() { "" } else { "/" }).into()
}

fn names(c: &Value, trunc: bool) -> String {
    let names: Vec<_> = c["Names"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .map(|n| n.strip_prefix('/').unwrap_or(n))
        .collect();
    if trunc { names.into_iter().find(|n| !n.contains('/')).unwrap_or_default().to_owned() } else { names.join(",") }
}

fn image(c: &Value, trunc: bool) -> String {
    let image = str_of(c, "Image");
    if image.is_empty() {
        return "<no image>".into();
    }
    if !trunc {
        return image.to_owned();
    }
    let short = text::short_id(str_of(c, "ImageID"));
    if short == text::short_id(image) {
        return short.to_owned();
    }
    // Familiar already, and most are.
    if !image.contains(['/', '@']) {
        return image.to_owned();
    }
    match reference::parse_normalized(image) {
        Ok(reference) if reference.digest().is_some() => match reference.tag() {
            Some(tag) => format!("{}:{tag}", reference.familiar_name()),
            None => reference.familiar_name(),
        },
        Ok(reference) => reference.familiar_string(),
        Err(_) => image.to_owned(),
    }
}

/// The ports column: consecutive ports are joined, published ones show where.
pub fn ports(list: &Value) -> String {
    struct Port<'a> {
        private: u64,
        public: u64,
        ip: &'a str,
        kind: &'a str,
    }
    let mut all: Vec<_> = list
        .as_array()
        .into_iter()
        .flatten()
        .map(|p| Port {
            private: p["PrivatePort"].as_u64().unwrap_or_default(),
            public: p["PublicPort"].as_u64().unwrap_or_default(),
            ip: str_of(p, "IP"),
            kind: str_of(p, "Type"),
        })
        .collect();
    crate::order::sort_by(&mut all, |a, b| {
        (a.private, a.ip, a.public, a.kind).cmp(&(b.private, b.ip, b.public, b.kind))
    });
    let joined = |ip: &str, port: &str| {
        if ip.contains(':') { format!("[{ip}]:{port}") } else { format!("{ip}:{port}") }
    };
    let group = |ip: &str, kind: &str, first: u64, last: u64| {
        let range = if first == last { first.to_string() } else { format!("{first}-{last}") };
        if ip.is_empty() { format!("{range}/{kind}") } else { format!("{}->{range}/{kind}", joined(ip, &range)) }
    };
    let (mut out, mut mapped) = (Vec::new(), Vec::new());
    let mut open: Vec<(&str, &str, u64, u64)> = Vec::new();
    for port in &all {
        if !port.ip.is_empty() && port.public != port.private {
            mapped.push(format!("{}->{}/{}", joined(port.ip, &port.public.to_string()), port.private, port.kind));
            continue;
        }
        match open.iter_mut().find(|g| (g.0, g.1) == (port.ip, port.kind)) {
            None => open.push((port.ip, port.kind, port.private, port.private)),
            Some(found) if found.3 + 1 == port.private => found.3 = port.private,
            Some(found) => {
                out.push(group(found.0, found.1, found.2, found.3));
                (found.2, found.3) = (port.private, port.private);
            }
        }
    }
    out.extend(open.into_iter().map(|(ip, kind, first, last)| group(ip, kind, first, last)));
    out.extend(mapped);
    out.join(", ")
}

/// The lines of `docker diff`.
pub fn diff(changes: &Value) -> String {
    let letter = |kind: Option<i64>| match kind {
        Some(0) => "C",
        Some(1) => "A",
        Some(2) => "D",
        _ => "",
    };
    changes
        .as_array()
        .into_iter()
        .flatten()
        .map(|c| format!("{} {}\n", letter(c["Kind"].as_i64()), str_of(c, "Path")))
        .collect()
}

/// The lines of `docker port`: all mappings of `GET /containers/{id}/json`, or those of one port (`80` or `80/tcp`).
pub fn port_lines(container: &Value, wanted: Option<&str>) -> Option<String> {
    let all = container["NetworkSettings"]["Ports"].as_object()?;
    let wanted = wanted.map(|w| if w.contains('/') { w.to_owned() } else { format!("{w}/tcp") });
    let address = |b: &Value| {
        let (ip, port) = (str_of(b, "HostIp"), str_of(b, "HostPort"));
        if ip.contains(':') { format!("[{ip}]:{port}") } else { format!("{ip}:{port}") }
    };
    let mut out: Vec<(u64, String)> = Vec::new();
    for (port, bindings) in all {
        if wanted.as_ref().is_some_and(|w| w != port) {
            continue;
        }
        for binding in bindings.as_array().into_iter().flatten() {
            let number = port.split('/').next().and_then(|p| p.parse().ok()).unwrap_or_default();
            out.push((
                number,
                if wanted.is_some() { address(binding) } else { format!("{port} -> {}", address(binding)) },
            ));
        }
    }
    crate::order::sort(&mut out);
    if wanted.is_some() && out.is_empty() {
        return None;
    }
    Some(out.into_iter().map(|(_, line)| line + "\n").collect())
}
