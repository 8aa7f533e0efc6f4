//! `docker system df`.

mod verbose;

use super::{Kind, Row, write};
use crate::units;
use serde_json::Value;
pub use verbose::verbose;

static KIND: Kind = Kind {
    go_type: "*formatter.diskUsageImagesContext",
    headings: &[
        ("Type", "TYPE"),
        ("TotalCount", "TOTAL"),
        ("Active", "ACTIVE"),
        ("Size", "SIZE"),
        ("Reclaimable", "RECLAIMABLE"),
    ],
};

fn list<'a>(usage: &'a Value, key: &str) -> &'a [Value] {
    usage[key].as_array().map(Vec::as_slice).unwrap_or_default()
}

fn number(value: &Value, key: &str) -> i64 {
    value[key].as_i64().unwrap_or_default()
}

#[allow(clippy::cast_precision_loss)] // sizes for people
fn human(bytes: i64) -> String {
    units::human_size(bytes as f64)
}

fn share(reclaimable: i64, total: i64) -> String {
    if total > 0 { format!("{} ({}%)", human(reclaimable), reclaimable * 100 / total) } else { human(reclaimable) }
}

/// The summary of `GET /system/df`, in `format`.
///
/// # Errors
/// Go's text for a bad template.
pub fn summary(format: &str, usage: &Value) -> Result<String, String> {
    let template = match format {
        "table" | "" => "table {{.Type}}\t{{.TotalCount}}\t{{.Active}}\t{{.Size}}\t{{.Reclaimable}}",
        "raw" => {
            "type: {{.Type}}\ntotal: {{.TotalCount}}\nactive: {{.Active}}\nsize: {{.Size}}\nreclaimable: {{.Reclaimable}}\n"
        }
        other => other,
    };
    let row = |kind: &str, total: usize, active: usize, bytes: i64, reclaimable: String| {
        Row::new([
            ("Type", kind.to_owned()),
            ("TotalCount", total.to_string()),
            ("Active", active.to_string()),
            ("Size", human(bytes)),
            ("Reclaimable", reclaimable),
        ])
    };
    let images = list(usage, "Images");
    let layers = number(usage, "LayersSize");
    let used: i64 = images
        .iter()
        .filter(|i| number(i, "Containers") != 0 && number(i, "Size") != -1 && number(i, "SharedSize") != -1)
        .map(|i| number(i, "Size") - number(i, "SharedSize"))
        .sum();
    let containers = list(usage, "Containers");
    let running = |c: &&Value| matches!(c["State"].as_str(), Some("running" | "paused" | "restarting"));
    let written: i64 = containers.iter().map(|c| number(c, "SizeRw")).sum();
    let idle: i64 = containers.iter().filter(|c| !running(c)).map(|c| number(c, "SizeRw")).sum();
    let volumes = list(usage, "Volumes");
    let volume_size = |v: &Value| number(&v["UsageData"], "Size").max(0);
    let linked = |v: &&Value| number(&v["UsageData"], "RefCount") > 0;
    let volume_total: i64 = volumes.iter().filter(|v| number(&v["UsageData"], "Size") != -1).map(volume_size).sum();
    let volume_free: i64 = volumes.iter().filter(|v| number(&v["UsageData"], "RefCount") == 0).map(volume_size).sum();
    let cache = list(usage, "BuildCache");
    let own = |c: &&Value| c["Shared"] != true;
    let cache_size: i64 = cache.iter().filter(own).map(|c| number(c, "Size")).sum();
    let cache_used: i64 = cache.iter().filter(own).filter(|c| c["InUse"] == true).map(|c| number(c, "Size")).sum();
    let rows = [
        row(
            "Images",
            images.len(),
            images.iter().filter(|i| number(i, "Containers") > 0).count(),
            layers,
            share(layers - used, layers),
        ),
        row("Containers", containers.len(), containers.iter().filter(running).count(), written, share(idle, written)),
        row(
            "Local Volumes",
            volumes.len(),
            volumes.iter().filter(linked).count(),
            volume_total,
            share(volume_free, volume_total),
        ),
        row(
            "Build Cache",
            cache.len(),
            cache.iter().filter(|c| c["InUse"] == true).count(),
            cache_size,
            human(cache_size - cache_used),
        ),
    ];
    write(template, &KIND, rows.into())
}
