//! Takes out of a command's output what must differ between two runs: ids, times, spans of time, addresses, and the name of the twin that ran it.

/// The names that the two clients use for their own things; of one length, so that tables keep their columns.
pub(crate) const TWINS: [&str; 2] = ["aleph", "gimel"];

/// The text with everything taken out that two runs may differ in. `loose` takes out all numbers and the widths of columns too.
pub(crate) fn normal(bytes: &[u8], loose: bool) -> String {
    let text = String::from_utf8_lossy(bytes).replace(TWINS[1], TWINS[0]).replace('\r', "\\r");
    let text = words(&text, |word| {
        let address =
            word.starts_with("172.17.0.") || (word.len() == 17 && word.bytes().filter(|b| *b == b':').count() == 5);
        if address {
            return Some("ADDRESS".to_owned());
        }
        let id = word.strip_prefix("sha256:").unwrap_or(word);
        if [12, 25, 64].contains(&id.len()) && id.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Some("#".repeat(word.len()));
        }
        let time = word.len() >= 19 && word.as_bytes()[4] == b'-' && word.contains('T') && word.contains(':');
        time.then(|| "TIME".to_owned())
    });
    let mut lines: Vec<String> = Vec::new();
    for line in text.split('\n') {
        let line = spans(line);
        let aligned = line.contains("SPAN") || line.contains("CREATED") || line.contains("STATUS") || loose;
        let line = if aligned { line.split_whitespace().collect::<Vec<_>>().join(" ") } else { line };
        lines.push(if loose { digits(&line) } else { line });
    }
    let lines = lines.join("\n");
    // Only in the table of `stats`: what is counted between the two commands turns `0B` into `1.2kB`, and `1020KiB` into `1MiB`.
    if loose && lines.contains("NET I/O") { sizes(&lines) } else { lines }
}

/// Replaces the sizes of a loose text, whose digits are `0` and whose columns stand one blank apart.
fn sizes(text: &str) -> String {
    let is_size = |word: &str| {
        let unit = word.strip_prefix("0.0").or_else(|| word.strip_prefix('0'));
        unit.is_some_and(|unit| ["B", "kB", "MB", "GB", "KiB", "MiB", "GiB"].contains(&unit))
    };
    let line = |line: &str| {
        line.split(' ').map(|word| if is_size(word) { "SIZE" } else { word }).collect::<Vec<_>>().join(" ")
    };
    text.split('\n').map(line).collect::<Vec<_>>().join("\n")
}

/// Replaces words (runs of the characters that ids, times and addresses are made of).
fn words(text: &str, replace: impl Fn(&str) -> Option<String>) -> String {
    let mut out = String::new();
    let mut rest = text;
    while !rest.is_empty() {
        let end = rest.find(|c: char| !(c.is_ascii_alphanumeric() || ":.-+".contains(c))).unwrap_or(rest.len());
        let (word, tail) = rest.split_at(end);
        // Punctuation after a word is none of it.
        let bare = word.trim_end_matches(['.', ':', '-', '+']);
        match replace(bare) {
            Some(new) if !bare.is_empty() => out += &new,
            _ => out += bare,
        }
        out += &word[bare.len()..];
        let mut chars = tail.chars();
        out.extend(chars.next());
        rest = chars.as_str();
    }
    out
}

/// Replaces spans such as `3 seconds` and `About a minute`.
fn spans(line: &str) -> String {
    let mut line = line.to_owned();
    for span in ["Less than a second", "About a minute", "About an hour"] {
        line = line.replace(span, "SPAN");
    }
    for unit in [" seconds", " second", " minutes", " minute", " hours", " hour"] {
        while let Some(end) = line.find(unit) {
            let start = line[..end].rfind(|c: char| !c.is_ascii_digit()).map_or(0, |i| i + 1);
            if start == end {
                break;
            }
            line.replace_range(start..end + unit.len(), "SPAN");
        }
    }
    line
}

fn digits(line: &str) -> String {
    let mut out = String::new();
    for c in line.chars() {
        if !c.is_ascii_digit() {
            out.push(c);
        } else if !out.ends_with('0') {
            out.push('0');
        }
    }
    out
}
