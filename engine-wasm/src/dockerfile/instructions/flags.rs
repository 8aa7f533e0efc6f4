//! `--flags` of an instruction (`instructions/bflag.go`).

use std::ops::Range;

use super::super::Word;
use super::fault::Fault;
use super::go::lower;
use super::suggest::closest;

/// How a flag is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// `--flag`, `--flag=true`, `--flag=false`.
    Switch,
    /// `--flag=value`, once.
    Text,
    /// `--flag=value`, as often as one likes.
    List,
}

/// The flags of an instruction: names in alphabetical order.
pub(super) type Known = &'static [(&'static str, Kind)];

/// Flags given. Where one has several values that are one, the first counts.
pub(super) struct Flags {
    given: Vec<(&'static str, Word)>,
}

impl Flags {
    /// Reads what is given; every fault is noted.
    pub(super) fn read(words: &[Word], known: Known, faults: &mut Vec<(Fault, Range<usize>)>) -> Self {
        let mut given: Vec<(&'static str, Word)> = Vec::new();
        for word in words {
            if word.text == "--" {
                break;
            }
            match flag(word, known, &given) {
                Ok(flag) => given.push(flag),
                Err(fault) => faults.push((fault, word.span.clone())),
            }
        }
        Self { given }
    }

    pub(super) fn text(&mut self, name: &str) -> Option<Word> {
        let at = self.given.iter().position(|(given, _)| *given == name)?;
        Some(self.given.remove(at).1)
    }

    pub(super) fn list(&mut self, name: &str) -> Vec<Word> {
        let (list, rest) = std::mem::take(&mut self.given).into_iter().partition(|(given, _)| *given == name);
        self.given = rest;
        let list: Vec<(&str, Word)> = list;
        list.into_iter().map(|(_, value)| value).collect()
    }

    pub(super) fn switch(&self, name: &str) -> Option<bool> {
        self.given.iter().find(|(given, _)| *given == name).map(|(_, value)| value.text == "true")
    }
}

fn flag(word: &Word, known: Known, given: &[(&'static str, Word)]) -> Result<(&'static str, Word), Fault> {
    let Some(body) = word.text.strip_prefix("--") else {
        return Err(Fault::NotAFlag(word.text.clone()));
    };
    let (name, value) = body.split_once('=').map_or((body, None), |(name, value)| (name, Some(value)));
    let written = || format!("--{name}");
    let Some((name, kind)) = known.iter().find(|(known, _)| *known == name) else {
        let suggestion = closest(name, known.iter().map(|(name, _)| *name)).map(str::to_owned);
        return Err(Fault::UnknownFlag { flag: written(), suggestion });
    };
    if *kind != Kind::List && given.iter().any(|(given, _)| given == name) {
        return Err(Fault::DuplicateFlag(written()));
    }
    let text = match (kind, value) {
        (Kind::Switch, None) => "true".to_owned(),
        (Kind::Switch, Some("")) | (Kind::Text | Kind::List, None) => return Err(Fault::FlagValue(written())),
        (Kind::Switch, Some(value)) => match lower(value) {
            value if value == "true" || value == "false" => value,
            _ => return Err(Fault::FlagBoolean { flag: written(), value: value.to_owned() }),
        },
        (Kind::Text | Kind::List, Some(value)) => value.to_owned(),
    };
    // With quotes or a continuation inside, only the place of the whole flag is known.
    let span = match value {
        Some(value) if word.span.len() == word.text.len() => word.span.end - value.len()..word.span.end,
        _ => word.span.clone(),
    };
    Ok((name, Word { text, span }))
}
