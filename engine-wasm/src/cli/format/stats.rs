//! `docker stats`: one sample of the engine's counters as percentages and sizes.

use super::{Kind, Row, text, write};
use crate::units;
use serde_json::Value;

static KIND: Kind = Kind {
    go_type: "*container.statsContext",
    headings: &[
        ("Container", "CONTAINER"),
        ("Name", "NAME"),
        ("ID", "CONTAINER ID"),
        ("CPUPerc", "CPU %"),
        ("MemUsage", "MEM USAGE / LIMIT"),
        ("MemPerc", "MEM %"),
        ("NetIO", "NET I/O"),
        ("BlockIO", "BLOCK I/O"),
        ("PIDs", "PIDS"),
    ],
};

/// A table of samples: the name or id that was asked for, and the answer of `GET /containers/{id}/stats` (`None` while there is none).
///
/// # Errors
/// Go's text for a bad template.
pub fn list(format: &str, samples: &[(String, Option<Value>)], trunc: bool) -> Result<String, String> {
    let template = match format {
        "table" | "" => {
            "table {{.ID}}\t{{.Name}}\t{{.CPUPerc}}\t{{.MemUsage}}\t{{.MemPerc}}\t{{.NetIO}}\t{{.BlockIO}}\t{{.PIDs}}"
        }
        other => other,
    };
    let rows: Vec<_> = samples.iter().map(|(asked, sample)| row(asked, sample.as_ref(), trunc)).collect();
    write(template, &KIND, rows)
}

fn row(asked: &str, sample: Option<&Value>, trunc: bool) -> Row {
    let Some(s) = sample else {
        let none = || "--".to_owned();
        return Row::new([
            ("Container", asked.to_owned()),
            ("Name", none()),
            ("ID", String::new()),
            ("CPUPerc", none()),
            ("MemUsage", "-- / --".into()),
            ("MemPerc", none()),
            ("NetIO", none()),
            ("BlockIO", none()),
            ("PIDs", none()),
        ]);
    };
    let number = |path: &str| s.pointer(path).and_then(Value::as_f64).unwrap_or_default();
    let id = s["id"].as_str().unwrap_or_default();
    let name = s["name"].as_str().unwrap_or_default();
    let (used, limit) = (memory(s), number("/memory_stats/limit"));
    let percent = if limit == 0.0 { 0.0 } else { used / limit * 100.0 };
    let networks: Vec<_> = s["networks"].as_object().into_iter().flatten().map(|(_, v)| v).collect();
    let sum = |key: &str| networks.iter().filter_map(|n| n[key].as_f64()).fold(0.0, |a, b| a + b);
    let block = |letter: char| -> f64 {
        s["blkio_stats"]["io_service_bytes_recursive"]
            .as_array()
            .into_iter()
            .flatten()
            .filter(|e| e["op"].as_str().is_some_and(|op| crate::golang::case::lower(op).starts_with(letter)))
            .filter_map(|e| e["value"].as_f64())
            .fold(0.0, |a, b| a + b)
    };
    let pair = |a: f64, b: f64| {
        format!("{} / {}", units::human_size_with_precision(a, 3), units::human_size_with_precision(b, 3))
    };
    Row::new([
        ("Container", asked.to_owned()),
        ("Name", name.strip_prefix('/').unwrap_or(name).to_owned()),
        ("ID", if trunc { text::short_id(id) } else { id }.to_owned()),
        ("CPUPerc", format!("{:.2}%", processor(s))),
        ("MemUsage", format!("{} / {}", units::bytes_size(used), units::bytes_size(limit))),
        ("MemPerc", format!("{percent:.2}%")),
        ("NetIO", pair(sum("rx_bytes"), sum("tx_bytes"))),
        ("BlockIO", pair(block('r'), block('w'))),
        ("PIDs", s["pids_stats"]["current"].as_u64().unwrap_or_default().to_string()),
    ])
}

/// Memory without the page cache that can be dropped.
fn memory(s: &Value) -> f64 {
    let usage = s["memory_stats"]["usage"].as_f64().unwrap_or_default();
    let stats = &s["memory_stats"]["stats"];
    for key in ["total_inactive_file", "inactive_file"] {
        if let Some(cache) = stats[key].as_f64().filter(|c| *c < usage) {
            return usage - cache;
        }
    }
    usage
}

fn processor(s: &Value) -> f64 {
    let number = |path: &str| s.pointer(path).and_then(Value::as_f64).unwrap_or_default();
    let used = number("/cpu_stats/cpu_usage/total_usage") - number("/precpu_stats/cpu_usage/total_usage");
    let system = number("/cpu_stats/system_cpu_usage") - number("/precpu_stats/system_cpu_usage");
    let mut cpus = number("/cpu_stats/online_cpus");
    if cpus == 0.0 {
        let each = s.pointer("/cpu_stats/cpu_usage/percpu_usage").and_then(Value::as_array).map_or(0, Vec::len);
        cpus = f64::from(u32::try_from(each).unwrap_or_default());
    }
    if system > 0.0 && used > 0.0 { used / system * cpus * 100.0 } else { 0.0 }
}
