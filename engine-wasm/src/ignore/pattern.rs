//! One pattern, and what it matches: by comparison where it can, by the regular expression that moby makes of it where it must.

use super::BadPattern;
use super::regexp::Regexp;

/// A pattern of an ignore file.
#[derive(Debug, Clone)]
pub struct Pattern {
    text: String,
    exclusion: bool,
    kind: Kind,
}

#[derive(Debug, Clone)]
enum Kind {
    /// No wildcard.
    Exact,
    /// `**` at the end alone.
    Prefix,
    /// `**` at the beginning alone.
    Suffix,
    Regexp(Box<Regexp>),
    /// The regular expression is malformed although the pattern is not.
    Bad,
}

impl Pattern {
    pub(super) fn new(text: &str, exclusion: bool) -> Self {
        Self { text: text.to_owned(), exclusion, kind: compile(text) }
    }

    /// The pattern, cleaned, without `!`.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether it re-includes what it matches.
    pub fn exclusion(&self) -> bool {
        self.exclusion
    }

    /// Whether it matches this very path.
    pub(super) fn matches(&self, path: &str) -> Result<bool, BadPattern> {
        Ok(match &self.kind {
            Kind::Exact => path == self.text,
            Kind::Prefix => path.starts_with(self.text.strip_suffix("**").unwrap_or(&self.text)),
            Kind::Suffix => {
                let suffix = self.text.strip_prefix("**").unwrap_or(&self.text);
                path.ends_with(suffix) || suffix.strip_prefix('/').is_some_and(|rest| path == rest)
            }
            Kind::Regexp(regexp) => regexp.is_match(path),
            Kind::Bad => return Err(BadPattern),
        })
    }

    /// Whether it matches a directory above the path.
    pub(super) fn matches_parent(&self, path: &str) -> bool {
        let parent = super::path::dir(path);
        if parent == "." {
            return false;
        }
        let ends = parent.match_indices('/').map(|(at, _)| at).chain([parent.len()]);
        ends.into_iter().any(|end| parent.get(..end).is_some_and(|dir| self.matches(dir).unwrap_or(false)))
    }

    /// The pattern without `/**` and `/*` at its end: what a directory must begin with to hold a match.
    pub(super) fn without_trailing_glob(&self) -> &str {
        let text = self.text.strip_suffix("/**").unwrap_or(&self.text);
        text.strip_suffix("/*").unwrap_or(text)
    }
}

/// Translates as moby does, with its oddities: in a class, `*` and `?` are translated too, and `{`, `|`, `}` and `^` keep the meaning a regular expression gives them.
fn compile(text: &str) -> Kind {
    let mut kind = Kind::Exact;
    let mut regexp = String::from("^");
    let mut wild = false;
    // Go's scanner passes over a byte order mark.
    let mut chars = text.strip_prefix('\u{FEFF}').unwrap_or(text).chars().peekable();
    let mut first = true;
    while let Some(c) = chars.next() {
        match c {
            '*' if chars.next_if_eq(&'*').is_some() => {
                chars.next_if_eq(&'/');
                if chars.peek().is_none() {
                    if !wild && matches!(kind, Kind::Exact) {
                        kind = Kind::Prefix;
                    } else {
                        regexp.push_str(".*");
                        wild = true;
                    }
                } else {
                    regexp.push_str("(.*/)?");
                    wild = true;
                }
                if first {
                    kind = Kind::Suffix;
                    wild = false;
                }
            }
            '*' => {
                regexp.push_str("[^/]*");
                wild = true;
            }
            '?' => {
                regexp.push_str("[^/]");
                wild = true;
            }
            '.' | '+' | '(' | ')' | '$' => regexp.extend(['\\', c]),
            '\\' => {
                regexp.push('\\');
                if let Some(next) = chars.next() {
                    regexp.push(next);
                    wild = true;
                }
            }
            '[' | ']' => {
                regexp.push(c);
                wild = true;
            }
            c => regexp.push(c),
        }
        first = false;
    }
    if !wild {
        return kind;
    }
    regexp.push('$');
    Regexp::new(&regexp).map_or(Kind::Bad, |regexp| Kind::Regexp(Box::new(regexp)))
}
