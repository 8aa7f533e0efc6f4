//! `$name`, `${name}` and its modifiers.

use super::super::super::pattern::{Pattern, reverse};
use super::super::MAX_EXPANSION;
use super::{Result, Run, too_long};

impl Run<'_> {
    fn get(&mut self, name: &str) -> Option<String> {
        let value = self.env.get(name);
        let names = if value.is_some() { &mut self.matched } else { &mut self.unmatched };
        names.insert(name.to_owned());
        value
    }

    /// A variable, from its `$`.
    pub(super) fn dollar(&mut self) -> Result<String> {
        self.chars.next();
        if self.peek() != Some('{') {
            let name = self.name();
            if name.is_empty() {
                return Ok("$".to_owned());
            }
            return Ok(match self.get(&name) {
                None if self.lexer.skip_unset_env => format!("${name}"),
                value => value.unwrap_or_default(),
            });
        }
        self.chars.next();
        match self.peek() {
            None => return Err("syntax error: missing '}'".to_owned()),
            Some('{' | '}' | ':') => return Err("syntax error: bad substitution".to_owned()),
            Some(_) => {}
        }
        let name = self.name();
        match self.chars.next() {
            Some('}') => Ok(match self.get(&name) {
                None if self.lexer.skip_unset_env => format!("${{{name}}}"),
                value => value.unwrap_or_default(),
            }),
            Some(':') => {
                let modifier = self.chars.next();
                self.modified(&name, modifier, true)
            }
            Some('/') => self.replaced(&name),
            modifier @ Some('+' | '-' | '?' | '#' | '%') => self.modified(&name, modifier, false),
            modifier => Err(unsupported("", modifier)),
        }
    }

    /// `${name:-word}` and its kin; `colon` makes an empty value count as none.
    fn modified(&mut self, name: &str, modifier: Option<char>, colon: bool) -> Result<String> {
        let prefix = if colon { ":" } else { "" };
        let trims = matches!(modifier, Some('#' | '%'));
        if colon && trims {
            return Err(unsupported(prefix, modifier));
        }
        let word = match self.until(Some('}'), trims) {
            Ok((word, _)) => word,
            Err(_) if self.peek().is_none() => return Err("syntax error: missing '}'".to_owned()),
            Err(message) => return Err(message),
        };
        let value = self.get(name);
        if self.lexer.skip_unset_env && value.is_none() {
            return Ok(format!("${{{name}{prefix}{}{word}}}", modifier.unwrap_or(char::REPLACEMENT_CHARACTER)));
        }
        let present = value.as_deref().is_some_and(|value| !(colon && value.is_empty()));
        match modifier {
            Some('-') => Ok(if present { value.unwrap_or_default() } else { word }),
            Some('+') => Ok(if present { word } else { String::new() }),
            Some('?') if present => Ok(value.unwrap_or_default()),
            Some('?') => {
                let default = if value.is_none() { "is not allowed to be unset" } else { "is not allowed to be empty" };
                Err(format!("{name}: {}", if word.is_empty() { default } else { &word }))
            }
            Some(mark @ ('#' | '%')) => {
                let (pattern, greedy) = match word.strip_prefix(mark) {
                    Some(rest) => (rest, true),
                    None => (word.as_str(), false),
                };
                let value = value.unwrap_or_default();
                self.spend(pattern, &value)?;
                let compile = |pattern: &str| {
                    Pattern::new(pattern, greedy)
                        .map_err(|error| format!("invalid pattern ({pattern}) in substitution: {error}"))
                };
                if mark == '#' {
                    return Ok(compile(pattern)?.trim_prefix(&value.chars().collect::<Vec<_>>()).into_iter().collect());
                }
                let backwards: Vec<char> = value.chars().rev().collect();
                Ok(compile(&reverse(pattern))?.trim_prefix(&backwards).into_iter().rev().collect())
            }
            modifier => Err(unsupported(prefix, modifier)),
        }
    }

    /// `${name/pattern/replacement}`, and with `//` for every match.
    fn replaced(&mut self, name: &str) -> Result<String> {
        let all = self.chars.next_if_eq(&'/').is_some();
        let mut part = |stop: char, missing: &str| match self.until(Some(stop), true) {
            Ok((part, _)) => Ok(part),
            Err(_) if self.peek().is_none() => Err(missing.to_owned()),
            Err(message) => Err(message),
        };
        let pattern = part('/', "syntax error: missing '/' in ${}")?;
        let replacement = part('}', "syntax error: missing '}'")?;
        let value = self.get(name);
        if self.lexer.skip_unset_env && value.is_none() {
            return Ok(format!("${{{name}/{pattern}/{replacement}}}"));
        }
        let compiled = Pattern::new(&pattern, true)
            .map_err(|error| format!("invalid pattern ({pattern}) in substitution: {error}"))?;
        let value = value.unwrap_or_default();
        self.spend(&pattern, &value)?;
        compiled.replace(&value, &replacement, all, MAX_EXPANSION).ok_or_else(too_long)
    }

    fn name(&mut self) -> String {
        let mut name = String::new();
        match self.peek() {
            Some(c) if c.is_numeric() => {
                while let Some(c) = self.chars.next_if(|c| c.is_numeric()) {
                    name.push(c);
                }
            }
            Some(c @ ('@' | '*' | '#' | '?' | '-' | '$' | '!')) => {
                self.chars.next();
                name.push(c);
            }
            _ => {
                while let Some(c) = self.chars.next_if(|c| c.is_alphanumeric() || *c == '_') {
                    name.push(c);
                }
            }
        }
        name
    }
}

fn unsupported(prefix: &str, modifier: Option<char>) -> String {
    format!("unsupported modifier ({prefix}{}) in substitution", modifier.unwrap_or(char::REPLACEMENT_CHARACTER))
}
