//! Which rules are looked at: `# check=skip=A,B;experimental=C;error=true` (`frontend/dockerfile/linter/linter.go`).

use std::collections::BTreeSet;

use super::super::directive;
use super::rules::Rule;
use crate::golang::quote::quote;

/// The rules to look at, and whether a finding is an error.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Config {
    /// `skip=all`
    pub skip_all: bool,
    /// `skip=…`
    pub skip: BTreeSet<String>,
    /// `experimental=all`
    pub experimental_all: bool,
    /// `experimental=…`
    pub experimental: BTreeSet<String>,
    /// `error=true`
    pub error: bool,
}

impl Config {
    /// Reads the value of `# check=` or of the build argument `BUILDKIT_DOCKERFILE_CHECK`.
    ///
    /// # Errors
    /// BuildKit's text.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut out = Self::default();
        let text = text.trim();
        if text.is_empty() {
            return Ok(out);
        }
        let names = |value: &str| value.split(',').map(|name| name.trim().to_owned()).collect();
        for option in text.splitn(3, ';') {
            let (key, value) =
                option.split_once('=').ok_or_else(|| format!("invalid check option {}", quote(option)))?;
            let value = value.trim();
            match key.trim() {
                // A second option of the same name replaces the list, but not `all`.
                "skip" if value == "all" => out.skip_all = true,
                "skip" => out.skip = names(value),
                "experimental" if value == "all" => out.experimental_all = true,
                "experimental" => out.experimental = names(value),
                "error" => {
                    out.error = match value {
                        "1" | "t" | "T" | "TRUE" | "true" | "True" => true,
                        "0" | "f" | "F" | "FALSE" | "false" | "False" => false,
                        _ => {
                            return Err(format!(
                                "failed to parse check option {}: strconv.ParseBool: parsing {}: invalid syntax",
                                quote(option),
                                quote(value)
                            ));
                        }
                    };
                }
                key => return Err(format!("invalid check option {}", quote(key))),
            }
        }
        Ok(out)
    }

    /// The value of the `# check=` directive at the top of a Dockerfile, up to a space.
    pub fn directive(text: &str) -> Option<&str> {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let text = if text.starts_with("#!") { text.split_once('\n').map_or("", |(_, rest)| rest) } else { text };
        let mut seen = Vec::new();
        for line in text.lines() {
            let (name, value) = directive::split(line.strip_prefix('#')?)?;
            if seen.contains(&name) {
                return None;
            }
            if name == "check" {
                let at = line.find(&value)?;
                return line[at..at + value.len()].split(' ').next();
            }
            seen.push(name);
        }
        None
    }

    /// With what comments above an instruction add for it alone. An option that cannot be read adds nothing.
    pub(super) fn with_comments<'a>(&'a self, comments: &[String]) -> std::borrow::Cow<'a, Self> {
        use std::borrow::Cow;
        // Nearly no comment has one.
        let value = comments.iter().filter(|comment| comment.contains('=')).find_map(|comment| {
            let (name, value) = directive::split(comment)?;
            (name == "check").then_some(value)
        });
        let Some(value) = value else { return Cow::Borrowed(self) };
        let Ok(more) = Self::parse(value.split(' ').next().unwrap_or_default()) else { return Cow::Borrowed(self) };
        let mut out = self.clone();
        out.skip_all |= more.skip_all;
        out.experimental_all |= more.experimental_all;
        out.skip.extend(more.skip);
        out.experimental.extend(more.experimental);
        Cow::Owned(out)
    }

    /// Whether a rule is looked at.
    pub fn wants(&self, rule: &Rule) -> bool {
        if rule.experimental {
            self.experimental_all || self.experimental.contains(rule.name)
        } else {
            !self.skip_all && !self.skip.contains(rule.name)
        }
    }
}
