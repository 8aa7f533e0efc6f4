//! The engine's progress messages (pull, load, import) as docker shows them: one line a layer that is rewritten in place on a terminal, plain lines elsewhere.

use crate::golang::duration::duration;
use crate::units;
use serde_json::Value;

/// Turns messages into text, one at a time.
#[derive(Debug)]
pub struct Progress {
    /// Columns, where the text goes to a terminal.
    terminal: Option<u16>,
    lines: Vec<String>,
}

impl Progress {
    /// `terminal` is the number of columns of the terminal that will show the text, `None` where there is none.
    pub fn new(terminal: Option<u16>) -> Self {
        Self { terminal, lines: Vec::new() }
    }

    /// The text for one message. `now` is in seconds since 1970 and serves the estimate of the time left.
    ///
    /// # Errors
    /// The engine's message, where it reports that the work has failed; the text up to there is the second part.
    pub fn push(&mut self, message: &Value, now: i64) -> Result<String, (String, String)> {
        let mut out = String::new();
        if message.get("aux").is_some_and(|a| !a.is_null()) {
            return Ok(out);
        }
        let text = |key: &str| message.get(key).and_then(Value::as_str).unwrap_or_default();
        let id = text("id");
        let detail = message.get("progressDetail").filter(|d| d.is_object());
        let on_terminal = self.terminal.is_some();
        let mut up = 0;
        if !id.is_empty() && (detail.is_some() || !text("progress").is_empty()) {
            let line = match self.lines.iter().position(|l| l == id) {
                Some(line) => line,
                None => {
                    self.lines.push(id.to_owned());
                    if on_terminal {
                        out.push('\n');
                    }
                    self.lines.len() - 1
                }
            };
            up = self.lines.len() - line;
            if on_terminal {
                out += &format!("\x1b[{up}A");
            }
        } else {
            self.lines.clear();
        }
        if let Some(error) =
            message.get("errorDetail").and_then(|e| e["message"].as_str()).or_else(|| message.get("error")?.as_str())
        {
            if !id.is_empty() && on_terminal && up > 0 {
                out += &format!("\x1b[{up}B");
            }
            return Err((error.to_owned(), out));
        }
        out += &self.display(message, detail, now);
        if !id.is_empty() && on_terminal && up > 0 {
            out += &format!("\x1b[{up}B");
        }
        Ok(out)
    }

    fn display(&self, message: &Value, detail: Option<&Value>, now: i64) -> String {
        let text = |key: &str| message.get(key).and_then(Value::as_str).unwrap_or_default();
        let (id, from, status, stream, old) =
            (text("id"), text("from"), text("status"), text("stream"), text("progress"));
        let bar = detail.map(|d| bar(d, self.terminal.unwrap_or(200), now));
        let mut out = String::new();
        let mut end = "";
        if self.terminal.is_some() && stream.is_empty() && bar.is_some() {
            out += "\x1b[2K\r";
            end = "\r";
        } else if bar.as_deref().is_some_and(|b| !b.is_empty()) {
            return String::new();
        }
        if !id.is_empty() {
            out += &format!("{id}: ");
        }
        if !from.is_empty() {
            out += &format!("(from {from}) ");
        }
        match bar {
            Some(bar) if self.terminal.is_some() => out += &format!("{status} {bar}{end}"),
            _ if !old.is_empty() => out += &format!("{status} {old}{end}"),
            _ if !stream.is_empty() => out += &format!("{stream}{end}"),
            _ => out += &format!("{status}{end}\n"),
        }
        out
    }
}

fn bar(detail: &Value, width: u16, now: i64) -> String {
    let number = |key: &str| detail.get(key).and_then(Value::as_i64).unwrap_or_default();
    let (current, total, start) = (number("current"), number("total"), number("start"));
    let units = detail.get("units").and_then(Value::as_str).unwrap_or_default();
    #[allow(clippy::cast_precision_loss)] // sizes for people
    let human = |n: i64| units::human_size(n as f64);
    if current <= 0 && total <= 0 {
        return String::new();
    }
    if total <= 0 {
        return if units.is_empty() { format!("{:>8}", human(current)) } else { format!("{current} {units}") };
    }
    #[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation)] // at most 50
    let filled = (((current as f64 / total as f64) * 100.0) as i64 / 2).clamp(0, 50);
    let mut out = String::new();
    if width > 110 {
        let filled = usize::try_from(filled).unwrap_or_default();
        out += &format!("[{}>{}] ", "=".repeat(filled), " ".repeat(50 - filled));
    }
    let hidden = detail.get("hidecounts").and_then(Value::as_bool).unwrap_or_default();
    out += &match () {
        () if hidden => String::new(),
        () if units.is_empty() && current > total => format!("{:>8}", human(current)),
        () if units.is_empty() => format!("{:>8}/{}", human(current), human(total)),
        () if current > total => format!("{current} {units}"),
        () => format!("{current}/{total} {units}"),
    };
    if current > 0 && start > 0 && filled < 50 && width > 50 {
        let left = i128::from(total - current) * i128::from(now - start) / i128::from(current);
        out += &format!(" {}", duration(i64::try_from(left).unwrap_or_default().saturating_mul(1_000_000_000)));
    }
    out
}
