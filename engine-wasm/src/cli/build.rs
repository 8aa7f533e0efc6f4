//! What `docker build` asks of the engine, and what it shows of a Dockerfile: the request's query, the lines around a fault, and the
//! report of `--check`. Files and the terminal are the caller's.

use serde_json::{Map, Value};

use super::check;
use super::parse::Parsed;
use crate::dockerfile::lint::Report;
use crate::reference;
use crate::units;

/// A request's query, name by name; a name can come several times.
///
/// # Errors
/// docker's text for a flag's value that is none; with it, the exit code.
pub fn query(
    parsed: &Parsed,
    dockerfile: &str,
    remote: &str,
    env: &dyn Fn(&str) -> Option<String>,
) -> Result<Vec<(&'static str, String)>, (String, u8)> {
    let mut out: Vec<(&'static str, String)> = Vec::new();
    for tag in parsed.list("tag") {
        let wrong = |e: &dyn std::fmt::Display| {
            let usage =
                "Usage:  docker build [OPTIONS] PATH | URL | -\n\nRun 'docker build --help' for more information";
            (format!("invalid argument \"{tag}\" for \"-t, --tag\" flag: {e}\n\n{usage}"), 125)
        };
        reference::parse_normalized(tag).map_err(|e| wrong(&e))?;
        out.push(("t", tag.to_owned()));
    }
    let mut text = |name: &'static str, value: &str| {
        if !value.is_empty() {
            out.push((name, value.to_owned()));
        }
    };
    text("dockerfile", dockerfile);
    text("remote", remote);
    text("target", parsed.text_or_empty("target"));
    text("platform", parsed.text_or_empty("platform"));
    text("networkmode", parsed.text("network").unwrap_or("default"));
    text("cgroupparent", parsed.text_or_empty("cgroup-parent"));
    text("cpusetcpus", parsed.text_or_empty("cpuset-cpus"));
    text("cpusetmems", parsed.text_or_empty("cpuset-mems"));
    text("isolation", parsed.text_or_empty("isolation"));
    for (flag, name) in [
        ("cpu-period", "cpuperiod"),
        ("cpu-quota", "cpuquota"),
        ("cpu-shares", "cpushares"),
        ("memory", "memory"),
        ("memory-swap", "memswap"),
        ("shm-size", "shmsize"),
    ] {
        match parsed.int(flag) {
            None | Some(0) => {}
            Some(number) => text(name, &number.to_string()),
        }
    }
    for (flag, name) in [("quiet", "q"), ("no-cache", "nocache"), ("pull", "pull"), ("squash", "squash")] {
        if parsed.switch(flag) {
            text(name, "1");
        }
    }
    if parsed.switch("force-rm") {
        text("forcerm", "1");
    }
    text("rm", if parsed.switch_or("rm", true) { "1" } else { "0" });
    for host in parsed.list("add-host") {
        text("extrahosts", host);
    }
    for option in parsed.list("security-opt") {
        text("securityopt", option);
    }
    // A name alone takes the value that it has here; without one the engine is told the name only.
    let mut args = Map::new();
    for arg in parsed.list("build-arg") {
        let (name, value) = match arg.split_once('=') {
            Some((name, value)) => (name, Some(value.to_owned())),
            None => (arg, env(arg)),
        };
        args.insert(name.to_owned(), json!(value));
    }
    text("buildargs", &Value::Object(args).to_string());
    let labels: Map<String, Value> = parsed
        .list("label")
        .into_iter()
        .map(|label| label.split_once('=').unwrap_or((label, "")))
        .map(|(name, value)| (name.to_owned(), json!(value)))
        .collect();
    text("labels", &Value::Object(labels).to_string());
    let sources = parsed.list("cache-from");
    if !sources.is_empty() {
        text("cachefrom", &json!(sources).to_string());
    }
    let ulimits = parsed.list("ulimit").into_iter().map(check::ulimit).collect::<Result<Vec<_>, _>>();
    let ulimits = ulimits.map_err(|e| (e, 125))?;
    if !ulimits.is_empty() {
        let list: Vec<Value> =
            ulimits.iter().map(|(name, soft, hard)| json!({"Name": name, "Soft": soft, "Hard": hard})).collect();
        text("ulimits", &json!(list).to_string());
    }
    text("version", "1");
    Ok(out)
}

/// `Sending build context to Docker daemon  2.048kB`, without an end.
pub fn sending(bytes: u64) -> String {
    #[allow(clippy::cast_precision_loss)] // four digits are shown
    let size = units::human_size(bytes as f64);
    format!("Sending build context to Docker daemon {size:>8}")
}

/// The lines of a Dockerfile around those from the first to the second number (from 1), as BuildKit shows them.
///
/// ```
/// let shown = engine_wasm::cli::build::excerpt("Dockerfile", "FROM a\nRUN x", (2, 2));
/// assert_eq!(shown, "Dockerfile:2\n--------------------\n   1 |     FROM a\n   2 | >>> RUN x\n--------------------\n");
/// ```
pub fn excerpt(name: &str, text: &str, lines: (usize, usize)) -> String {
    let all: Vec<&str> = text.split('\n').collect();
    let (mut first, mut last) = (lines.0.max(1), lines.1.min(all.len()));
    if first > all.len() {
        return String::new();
    }
    let wanted = if first == last { 4 } else { 2 };
    let mut shown = 0;
    while shown < wanted {
        if first > 1 {
            first -= 1;
            shown += 1;
        }
        if last < all.len() {
            last += 1;
            shown += 1;
        }
        shown += 1;
    }
    let mut out = format!("{name}:{}\n--------------------\n", lines.0.max(1));
    for number in first..=last {
        let mark = if (lines.0..=lines.1).contains(&number) { ">>>" } else { "   " };
        let content = all.get(number - 1).map_or("", |line| line.trim_end_matches('\r'));
        out.push_str(&format!(" {number:3} | {mark} {content}\n"));
    }
    out.push_str("--------------------\n");
    out
}

/// The report of `docker build --check`, as buildx prints it.
pub fn check_report(report: &Report, name: &str, text: &str) -> String {
    let count = report.warnings.len();
    let mut out = match (count, report.errors.is_empty()) {
        (0, true) => return "Check complete, no warnings found.\n".to_owned(),
        (0, false) => String::new(),
        (1, _) => "Check complete, 1 warning has been found!\n".to_owned(),
        (n, _) => format!("Check complete, {n} warnings have been found!\n"),
    };
    for warning in &report.warnings {
        out.push_str(&format!("\nWARNING: {}", warning.rule));
        if !warning.url.is_empty() {
            out.push_str(&format!(" - {}", warning.url));
        }
        out.push_str(&format!("\n{}\n\n", warning.message));
        out.push_str(&excerpt(name, text, warning.lines));
    }
    for error in &report.errors {
        out.push('\n');
        if let Some(lines) = error.lines {
            out.push_str(&excerpt(name, text, lines));
        }
        out.push_str(&format!("ERROR: {}\n", error.message));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::super::parse::{Global, Invocation, Surroundings, parse};
    use super::*;
    use crate::dockerfile::lint;

    fn asked(line: &str) -> Result<Vec<(&'static str, String)>, (String, u8)> {
        let args: Vec<String> = line.split(' ').map(str::to_owned).collect();
        let around = Surroundings { width: None, config_dir: "/root/.docker", env: &|_| None };
        let Ok(Invocation::Run(parsed)) = parse(&args, &around, &mut Global::default()) else { panic!("{line}") };
        query(&parsed, "Dockerfile", "", &|name| (name == "SET").then(|| "here".to_owned()))
    }

    #[test]
    fn flags_become_the_query() {
        let query = asked(
            "build -t a:b -t c --rm=false --no-cache -m 64m --build-arg SET --build-arg UNSET --build-arg A=b=c --label l=1 .",
        );
        let query = query.unwrap();
        let value = |name: &str| query.iter().filter(|(n, _)| *n == name).map(|(_, v)| v.as_str()).collect::<Vec<_>>();
        assert_eq!(value("t"), ["a:b", "c"]);
        assert_eq!((value("rm"), value("nocache"), value("memory")), (vec!["0"], vec!["1"], vec!["67108864"]));
        assert_eq!(value("buildargs"), [r#"{"SET":"here","UNSET":null,"A":"b=c"}"#]);
        assert_eq!(value("labels"), [r#"{"l":"1"}"#]);
        assert!(value("pull").is_empty() && value("target").is_empty());
    }

    #[test]
    fn a_bad_tag_is_a_bad_flag() {
        let (message, code) = asked("build -t Bad .").unwrap_err();
        assert_eq!(code, 125);
        assert!(message.starts_with(
            "invalid argument \"Bad\" for \"-t, --tag\" flag: invalid reference format: repository name (library/Bad) must be lowercase\n\nUsage:"
        ));
    }

    #[test]
    fn checks_are_shown_with_their_lines() {
        let text = "FROM scratch AS Big\nCOPY a /\n";
        let report = check_report(&lint::check(text, &lint::Options::default()), "Dockerfile", text);
        assert!(
            report.starts_with("Check complete, 1 warning has been found!\n\nWARNING: StageNameCasing - https://"),
            "{report}"
        );
        assert!(report.contains(" | >>> FROM scratch AS Big\n"), "{report}");
        let clean = "FROM scratch\nCOPY a /\n";
        let report = check_report(&lint::check(clean, &lint::Options::default()), "Dockerfile", clean);
        assert_eq!(report, "Check complete, no warnings found.\n");
    }

    #[test]
    fn sizes_are_dockers() {
        assert_eq!(sending(2048), "Sending build context to Docker daemon  2.048kB");
        assert_eq!(sending(202), "Sending build context to Docker daemon     202B");
    }
}
