//! Parser directives: `# syntax=…`, `# escape=…`, `# check=…` in the first comments (`parser/directives.go`).

use std::ops::Range;

use super::ErrorKind;

/// A directive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Directive {
    /// `syntax`, `escape` or `check`, in lower case.
    pub name: String,
    /// The value without the space around it.
    pub value: String,
    /// Its line, from 1.
    pub line: usize,
    /// Bytes of the line.
    pub span: Range<usize>,
}

/// Watches the lines from the top until one is no directive.
#[derive(Debug, Default)]
pub(super) struct Watcher {
    seen: Vec<String>,
    done: bool,
}

impl Watcher {
    /// Looks at a line; gives name and value of a directive.
    pub(super) fn line(&mut self, line: &str) -> Result<Option<(String, String)>, ErrorKind> {
        if self.done {
            return Ok(None);
        }
        let Some((name, value)) = line.strip_prefix('#').and_then(split) else {
            self.done = true;
            return Ok(None);
        };
        if self.seen.contains(&name) {
            return Err(ErrorKind::RepeatedDirective(name));
        }
        self.seen.push(name.clone());
        Ok(Some((name, value)))
    }
}

/// `name = value`, for the names there are.
pub(super) fn split(text: &str) -> Option<(String, String)> {
    let regex_space = |c: char| matches!(c, ' ' | '\t' | '\n' | '\r' | '\u{c}');
    let text = text.trim_start();
    let (name, value) = text.split_once('=')?;
    let name = name.trim_end_matches(regex_space).to_ascii_lowercase();
    let value = match (value.trim_matches(regex_space), value.chars().next_back()) {
        // The expression wants one character at least, and takes a space where there is nothing else.
        ("", Some(space)) => &value[value.len() - space.len_utf8()..],
        (value, _) => value,
    };
    let known = matches!(name.as_str(), "syntax" | "escape" | "check");
    (known && !value.is_empty() && !value.contains('\n')).then(|| (name, value.to_owned()))
}
