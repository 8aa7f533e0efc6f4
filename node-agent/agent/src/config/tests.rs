use std::time::Duration;

use slipway_images::registry::Source;

use super::{Config, Limits, file::File};

#[test]
fn an_empty_file_gives_the_documented_defaults() {
    let config = Config::default();
    assert_eq!(config.limits, Limits { memory: 1 << 30, pids: 2048, cpus: 2.0, disk: 4 << 30 });
    assert_eq!(config.sessions.lifetime, Duration::from_secs(4 * 3600));
    assert_eq!(config.network.subnet.to_string(), "10.213.0.0/16");
}

#[test]
fn values_are_read_with_their_units() {
    let config = Config::parse("[limits]\nmemory = \"512 MiB\"\ncpus = 0.5\n[sessions]\nlifetime = \"45m\"\n", "c")
        .expect("good");
    assert_eq!((config.limits.memory, config.limits.cpus), (512 << 20, 0.5));
    assert_eq!(config.sessions.lifetime, Duration::from_secs(2700));
}

#[test]
fn an_upstream_registry_can_be_switched_off() {
    let upstream = |text: &str| Config::parse(text, "c").expect("good").registry.upstream;
    assert_eq!(upstream(""), Some(Source::Tls("registry-1.docker.io:443".into())));
    assert_eq!(upstream("[registry]\nupstream = \"\""), None);
    assert_eq!(upstream("[registry]\nupstream = \"http://mirror:5000\""), Some(Source::Tcp("mirror:5000".into())));
}

#[test]
fn a_bad_value_is_refused_with_file_key_and_remedy() {
    for (text, key) in [
        ("[limits]\nmemory = \"much\"", "limits.memory"),
        ("[limits]\nmemory = \"1k\"", "limits.memory"),
        ("[limits]\ncpus = 0.0", "limits.cpus"),
        ("[sessions]\nlifetime = \"soon\"", "sessions.lifetime"),
        ("[sessions]\nmax_lifetime = \"1s\"", "sessions.max_lifetime"),
        ("[network]\nsubnet = \"10.0.0.0\"", "network.subnet"),
        ("[network]\nbridge = \"a b\"", "network.bridge"),
        ("[registry]\nupstream = \"docker.io\"", "registry.upstream"),
        ("[registry]\nupstream = \"http://127.0.0.1:5000\"", "registry.upstream"),
        ("[registry]\nupstream = \"https://localhost\"", "registry.upstream"),
        ("[registry]\nupstream = \"http://[::1]:5000\"", "registry.upstream"),
        ("[registry]\ncache = \"none\"", "registry.cache"),
        ("first_id = 0", "first_id"),
    ] {
        let error = Config::parse(text, "slipway.toml").expect_err(text).to_string();
        assert!(error.starts_with("slipway.toml: ") && error.contains(key) && error.contains("write"), "{error}");
    }
}

#[test]
fn an_unknown_key_is_refused_with_its_line() {
    let error = Config::parse("[limits]\nmemoryy = \"1GiB\"\n", "slipway.toml").expect_err("typo").to_string();
    assert!(error.contains("line 2") && error.contains("memoryy") && error.contains("memory"), "{error}");
}

/// Every key with its default as TOML writes it, tables as `table.key`.
fn keys() -> Vec<(String, String)> {
    let defaults = serde_json::to_value(File::default()).expect("plain data");
    let mut keys = Vec::new();
    for (name, value) in defaults.as_object().expect("a table") {
        match value.as_object() {
            Some(table) => keys.extend(table.iter().map(|(key, value)| (format!("{name}.{key}"), value.to_string()))),
            None => keys.push((name.clone(), value.to_string())),
        }
    }
    keys
}

#[test]
fn the_reference_lists_every_key_with_its_default_and_no_other() {
    let reference = include_str!("../../CONFIGURATION.md");
    let rows = reference.lines().filter(|line| line.starts_with("| `"));
    let mut listed: Vec<(String, String)> = rows
        .map(|row| {
            let cells: Vec<&str> = row.split('|').map(str::trim).collect();
            assert!(
                cells.len() == 6 && cells[3].len() > 3 && cells[4].len() > 10,
                "key, default, unit, meaning: {row}"
            );
            let default = if cells[2] == "none" { "null" } else { cells[2].trim_matches('`') };
            (cells[1].trim_matches('`').to_owned(), default.to_owned())
        })
        .collect();
    let mut keys = keys();
    keys.sort();
    listed.sort();
    assert_eq!(listed, keys);
}

#[test]
fn the_references_example_is_a_good_configuration() {
    let reference = include_str!("../../CONFIGURATION.md");
    let example = reference.split("```toml\n").nth(1).and_then(|rest| rest.split("```").next()).expect("an example");
    let config = Config::parse(example, "CONFIGURATION.md").expect("good");
    assert_ne!(config, Config::default(), "it shows something");
}
