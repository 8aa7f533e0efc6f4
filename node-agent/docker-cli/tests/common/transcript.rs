//! Cases of a shell script and what each printed, as a terminal shows it: the commands, their output, and `[code]` behind those
//! that fail. What two runs may differ in is taken out.

/// The cases of a script or of a recording: `## name`, then the body.
pub(crate) fn cases(text: &str) -> impl Iterator<Item = (&str, &str)> {
    let parts = text.strip_prefix("## ").unwrap_or(text).split("\n## ");
    parts.map(|part| part.split_once('\n').unwrap_or((part, "")))
}

/// Takes out ids, times, spans of time, sizes that depend on the machine's busybox, the blanks of columns, and the client's log.
pub(crate) fn normal(text: &str) -> Vec<String> {
    let lines = text.replace('\r', "");
    let lines = lines.lines().filter(|line| !line.starts_with("time=\"")).map(line);
    lines.filter(|line| !line.is_empty()).collect()
}

fn line(line: &str) -> String {
    let line = spans(&words(line));
    if let Some((before, _)) = line.split_once("\"DockerVersion\": ") {
        return format!("{before}\"DockerVersion\": N,");
    }
    for key in ["\"Size\": ", "\"VirtualSize\": "] {
        if let Some((before, rest)) = line.split_once(key) {
            let number = rest.trim_end_matches(',');
            if number == "N" || number.len() >= 5 && number.bytes().all(|b| b.is_ascii_digit()) {
                return format!("{before}{key}N,");
            }
        }
    }
    let aligned = ["SPAN", "CREATED", "SIZEMB", "SIZE", "STATUS"].iter().any(|word| line.contains(word));
    if aligned { line.split_whitespace().collect::<Vec<_>>().join(" ") } else { line }
}

/// Replaces words: runs of letters, digits and the marks that ids, times and sizes are written with.
fn words(line: &str) -> String {
    let mut out = String::new();
    let mut rest = line;
    while !rest.is_empty() {
        let end = rest.find(|c: char| !(c.is_ascii_alphanumeric() || ":.-+".contains(c))).unwrap_or(rest.len());
        let (word, tail) = rest.split_at(end);
        out += &self::word(word);
        let mut chars = tail.chars();
        out.extend(chars.next());
        rest = chars.as_str();
    }
    out
}

fn word(word: &str) -> String {
    let bytes = word.as_bytes();
    if bytes.len() >= 19 && bytes[4] == b'-' && word.contains('T') && word.contains(':') {
        return "TIME".into();
    }
    let hex = |part: &str| part.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
    let part = |part: &str| match part.len() {
        12 if hex(part) => "ID12".to_owned(),
        64 if hex(part) => "ID64".to_owned(),
        69 if hex(&part[..64]) && part.ends_with("-init") => "ID64-init".to_owned(),
        _ => match part.strip_suffix("MB") {
            Some(number) if number.parse::<f64>().is_ok() => "SIZEMB".to_owned(),
            _ => part.to_owned(),
        },
    };
    word.split(':').map(part).collect::<Vec<_>>().join(":")
}

/// Replaces spans such as `3 seconds ago` and `About a minute`.
fn spans(line: &str) -> String {
    let mut line = line.replace("Less than a second", "SPAN").replace("About a minute", "SPAN");
    for unit in [" seconds", " second", " minutes", " minute"] {
        while let Some(end) = line.find(unit) {
            let start = line[..end].rfind(|c: char| !c.is_ascii_digit()).map_or(0, |i| i + 1);
            if start == end {
                break;
            }
            line.replace_range(start..end + unit.len(), "SPAN");
        }
    }
    line.replace("SPAN ago", "SPAN")
}
