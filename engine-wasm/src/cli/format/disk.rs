//! `docker system df`.

use super::{Kind, Row, container, image, volume, write};
use crate::reference;
use crate::units;
use serde_json::Value;

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

static CACHE: Kind = Kind {
    go_type: "*formatter.buildCacheContext",
    headings: &[
        ("ID", "CACHE ID"),
        ("CacheType", "CACHE TYPE"),
        ("Size", "SIZE"),
        ("CreatedSince", "CREATED"),
        ("LastUsedSince", "LAST USED"),
        ("UsageCount", "USAGE"),
        ("Shared", "SHARED"),
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
    write(template, &KIND, &rows)
}

/// The tables of `docker system df -v`.
///
/// # Errors
/// Go's text for a bad template.
pub fn verbose(usage: &Value, now: i64) -> Result<String, String> {
    let images: Vec<_> = list(usage, "Images")
        .iter()
        .map(|i| {
            let name = i["RepoTags"][0]
                .as_str()
                .filter(|t| *t != "<none>:<none>")
                .and_then(|t| reference::parse_normalized(t).ok());
            let (repository, tag) = match &name {
                Some(name) => (name.familiar_name(), name.tag().unwrap_or("<none>").to_owned()),
                None => ("<none>".into(), "<none>".into()),
            };
            image::row(i, &repository, &tag, "", true, now)
        })
        .collect();
    let mut out = String::from("Images space usage:\n\n");
    out += &write(
        "table {{.Repository}}\t{{.Tag}}\t{{.ID}}\t{{.CreatedSince}}\t{{.Size}}\t{{.SharedSize}}\t{{.UniqueSize}}\t{{.Containers}}",
        &image::KIND,
        &images,
    )?;
    out += "\nContainers space usage:\n\n";
    let containers: Vec<_> = list(usage, "Containers")
        .iter()
        .map(|c| {
            let mut c = c.clone();
            c["SizeRootFs"] = 0.into();
            container::row(&c, true, now)
        })
        .collect();
    out += &write(
        "table {{.ID}}\t{{.Image}}\t{{.Command}}\t{{.LocalVolumes}}\t{{.Size}}\t{{.RunningFor}}\t{{.Status}}\t{{.Names}}",
        &container::KIND,
        &containers,
    )?;
    out += "\nLocal Volumes space usage:\n\n";
    let volumes: Vec<_> = list(usage, "Volumes").iter().map(volume::row).collect();
    out += &write("table {{.Name}}\t{{.Links}}\t{{.Size}}", &volume::KIND, &volumes)?;
    let cache = list(usage, "BuildCache");
    let total: i64 = cache.iter().filter(|c| c["Shared"] != true).map(|c| number(c, "Size")).sum();
    out += &format!("\nBuild cache usage: {}\n\n", human(total));
    let since = |value: &Value| match value.as_str() {
        Some(time) if !time.is_empty() => {
            format!("{} ago", super::text::ago(now - super::text::epoch(time)))
        }
        _ => String::new(),
    };
    let cache: Vec<_> = cache
        .iter()
        .map(|c| {
            let id = c["ID"].as_str().unwrap_or_default();
            Row::new([
                ("ID", super::short_id(id).to_owned()),
                ("CacheType", c["Type"].as_str().unwrap_or_default().to_owned()),
                ("Size", human(number(c, "Size"))),
                ("CreatedSince", since(&c["CreatedAt"])),
                ("LastUsedSince", since(&c["LastUsedAt"])),
                ("UsageCount", number(c, "UsageCount").to_string()),
                ("Shared", (c["Shared"] == true).to_string()),
            ])
        })
        .collect();
    out += &write(
        "table {{.ID}}\t{{.CacheType}}\t{{.Size}}\t{{.CreatedSince}}\t{{.LastUsedSince}}\t{{.UsageCount}}\t{{.Shared}}",
        &CACHE,
        &cache,
    )?;
    Ok(out)
}
