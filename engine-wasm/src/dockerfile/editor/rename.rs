//! Giving a stage or a variable another name, everywhere at once and without changing what anything else means.

#[cfg(test)]
mod tests;

use std::ops::Range;

use super::model::Model;
use super::navigate::{Named, named, places};
use super::values::is_predefined;
use super::variables::{Quoting, find, is_name, is_valid_name};
use crate::dockerfile::expand::{Globals, Options};
use crate::dockerfile::instructions::{Command, Onbuild, program};
use crate::dockerfile::lint::TextEdit;

/// Why something is not renamed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RenameError {
    /// The place is not on a stage's or variable's name.
    #[error("there is no name to change here")]
    NoName,
    /// The builder itself gives this variable its meaning.
    #[error("{0} is set by the builder and keeps its name")]
    Predefined(String),
    /// A variable that this file does not define.
    #[error("{0} is not defined in this file")]
    Undefined(String),
    /// A stage that has no name, only a number.
    #[error("stage {0} has no name")]
    Unnamed(usize),
    /// Not a stage's name: a letter, then letters, digits, `-`, `_` and `.`, and no reserved word.
    #[error("{0:?} is no name for a stage")]
    StageName(String),
    /// Not a variable's name: letters, digits and `_`, with no digit first.
    #[error("{0:?} is no name for a variable")]
    VariableName(String),
    /// Something else has this name already, or means another thing by it, such as an image.
    #[error("{0:?} is taken")]
    Taken(String),
    /// A line names this in a way that is not followed: a command or a here-document that may mean a variable of its shell's, or plain text
    /// (an assignment, `${#name}`, a quoted word); a name that is quoted, broken over lines, or comes out of a variable.
    #[error("line {line} names {name} in a way that is not followed here: change that line by hand first")]
    Unclear {
        /// The line, from 1.
        line: usize,
        /// The old or the new name.
        name: String,
    },
}

/// The name at a place, if it can be renamed.
///
/// # Errors
/// [`RenameError::NoName`], [`RenameError::Predefined`], [`RenameError::Undefined`], [`RenameError::Unnamed`].
pub fn rename_range(text: &str, offset: usize) -> Result<Range<usize>, RenameError> {
    let model = Model::new(text);
    target(&model, offset).map(|(_, span)| span)
}

/// The edits, in order, that give the name at a place another one.
///
/// # Errors
/// As [`rename_range`], and when the new name is none or taken.
pub fn rename(text: &str, offset: usize, new: &str) -> Result<Vec<TextEdit>, RenameError> {
    let model = Model::new(text);
    let (target, _) = target(&model, offset)?;
    match &target {
        Named::Stage(stage) => stage_name(&model, *stage, new)?,
        Named::Variable(name, stages) => variable_name(&model, name, stages, new)?,
    }
    let places = places(&model, &target);
    match &target {
        Named::Stage(stage) => other_uses(&model, *stage, &places, new)?,
        Named::Variable(name, stages) if name != new => {
            split_names(&model, stages, name)?;
            shell_names(&model, &places, stages, &[name, new])?;
        }
        Named::Variable(..) => {}
    }
    let numbers = |span: &Range<usize>| {
        // `--from=0` goes on meaning the same stage.
        matches!(target, Named::Stage(_)) && model.text[span.clone()].bytes().all(|b| b.is_ascii_digit())
    };
    let edits = places.into_iter().filter(|span| !numbers(span));
    let mut edits: Vec<TextEdit> = edits.map(|span| TextEdit { span, text: new.to_owned() }).collect();
    // The comment that describes a stage calls it by its name in lower case.
    let told = if matches!(target, Named::Stage(_)) { new.to_ascii_lowercase() } else { new.to_owned() };
    edits.extend(descriptions(&model, &target).into_iter().map(|span| TextEdit { span, text: told.clone() }));
    edits.sort_by_key(|edit| edit.span.start);
    Ok(edits)
}

/// The name in the comments that describe it: `# name …` above its `FROM` or `ARG`.
fn descriptions(model: &Model<'_>, target: &Named) -> Vec<Range<usize>> {
    let (nodes, name): (Vec<usize>, String) = match target {
        Named::Stage(stage) => {
            let stage = &model.stages[*stage];
            (
                vec![stage.nodes.start],
                stage.name.as_ref().map(|name| name.text.to_ascii_lowercase()).unwrap_or_default(),
            )
        }
        Named::Variable(name, stages) => {
            let args = model.variables.iter().filter(|v| !v.env && v.name.text == *name && stages.contains(&v.stage));
            (args.map(|variable| variable.node).collect(), name.clone())
        }
    };
    let mut out: Vec<Range<usize>> = Vec::new();
    for node in nodes.iter().filter_map(|node| model.file.nodes.get(*node)) {
        let above = model.text.get(..node.span.start).unwrap_or_default();
        let mut end = above.rfind('\n').map_or(0, |end| end + 1);
        // Of several comments the first counts.
        let mut found = None;
        let mut left = node.comments.len();
        while left > 0 && end > 0 {
            let start = above[..end - 1].rfind('\n').map_or(0, |end| end + 1);
            let line = &above[start..end];
            end = start;
            let Some(comment) = line.strip_prefix('#') else {
                left -= usize::from(line.trim_start().starts_with('#'));
                continue;
            };
            left -= 1;
            let begin = start + 1 + (comment.len() - comment.trim_start().len());
            if above[begin..].strip_prefix(name.as_str()).is_some_and(|rest| rest.starts_with(' ')) {
                found = Some(begin..begin + name.len());
            }
        }
        out.extend(found.filter(|span| !out.contains(span)));
    }
    out
}

fn target(model: &Model<'_>, offset: usize) -> Result<(Named, Range<usize>), RenameError> {
    let (found, span) = named(model, offset).ok_or(RenameError::NoName)?;
    match &found {
        Named::Stage(stage) if model.stages[*stage].name.is_none() => return Err(RenameError::Unnamed(*stage)),
        Named::Stage(_) => {}
        Named::Variable(name, _) if is_predefined(name) => return Err(RenameError::Predefined(name.clone())),
        // A name in quotes or with other letters is nothing that `$name` could mean.
        Named::Variable(name, _) if !is_valid_name(name) => return Err(RenameError::NoName),
        Named::Variable(name, stages) => {
            if !model.variables.iter().any(|v| v.name.text == *name && stages.contains(&v.stage)) {
                return Err(RenameError::Undefined(name.clone()));
            }
        }
    }
    Ok((found, span))
}

/// Whether a stage can have this name (`frontend/dockerfile/instructions/parse.go`, `parseBuildStageName`).
pub(super) fn is_stage_name(name: &str) -> bool {
    let rest = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let reserved = ["scratch", "context"].iter().any(|word| name.eq_ignore_ascii_case(word));
    name.starts_with(|c: char| c.is_ascii_alphabetic()) && name.chars().all(rest) && !reserved
}

fn stage_name(model: &Model<'_>, stage: usize, new: &str) -> Result<(), RenameError> {
    if !is_stage_name(new) {
        return Err(RenameError::StageName(new.to_owned()));
    }
    let other = model.stages.iter().enumerate().any(|(index, other)| {
        index != stage && other.name.as_ref().is_some_and(|name| name.text.eq_ignore_ascii_case(new))
    });
    // An image of that name would become this stage.
    let captured =
        model.stage_uses.iter().any(|used| used.stage != Some(stage) && used.word.text.eq_ignore_ascii_case(new));
    if other || captured { Err(RenameError::Taken(new.to_owned())) } else { Ok(()) }
}

fn variable_name(model: &Model<'_>, old: &str, stages: &[Option<usize>], new: &str) -> Result<(), RenameError> {
    if !is_valid_name(new) {
        return Err(RenameError::VariableName(new.to_owned()));
    }
    let defined = model.variables.iter().any(|v| v.name.text == new && stages.contains(&v.stage));
    let captured = model.uses.iter().any(|used| model.text[used.name.clone()] == *new && stages.contains(&used.stage));
    // A stage's `ARG` takes the value of the one before the first `FROM`, whatever it was called when it was written.
    let global = |stage: &Option<usize>| stage.is_none();
    let linked =
        model.variables.iter().any(|v| v.name.text == new && !v.env && (global(&v.stage) || stages.iter().any(global)));
    let captured = captured || linked;
    if new != old && (defined || captured || is_predefined(new)) {
        return Err(RenameError::Taken(new.to_owned()));
    }
    Ok(())
}

/// Refuses uses of a stage that the builder sees and the text does not show (in quotes, from a variable), and those that would become its uses.
fn other_uses(model: &Model<'_>, stage: usize, known: &[Range<usize>], new: &str) -> Result<(), RenameError> {
    let Some(name) = &model.stages[stage].name else { return Ok(()) };
    let program = program(&model.file);
    let globals = Globals::new(&program, model.file.escape, &Options::default()).ok();
    let check = |found: &str, span: &Range<usize>| {
        let shown = known.iter().any(|place| span.start <= place.start && place.end <= span.end);
        match () {
            () if shown => Ok(()),
            () if found.eq_ignore_ascii_case(&name.text) => Err(unclear(model, span.start, &name.text)),
            () if found.eq_ignore_ascii_case(new) => Err(RenameError::Taken(new.to_owned())),
            () => Ok(()),
        }
    };
    // Its value may be the name of the stage whose time counts.
    for arg in model.variables.iter().filter(|v| v.name.text == "SOURCE_DATE_EPOCH") {
        arg.value.iter().try_for_each(|value| check(&value.text, &value.span))?;
    }
    for (index, other) in program.stages.iter().enumerate() {
        if index > stage
            && let Some(base) = globals.as_ref().and_then(|globals| globals.base_name(other).ok())
        {
            check(&base, &other.base.span)?;
            // `FROM` takes a name in capitals for a wrong one of an image.
            if base.eq_ignore_ascii_case(&name.text) && new.bytes().any(|b| b.is_ascii_uppercase()) {
                return Err(RenameError::StageName(new.to_owned()));
            }
        }
        for found in &other.commands {
            let mut command = &found.command;
            while let Command::Onbuild(Onbuild { trigger: Some(trigger), .. }) = command {
                command = trigger;
            }
            match command {
                Command::Copy(copy) => copy.from.iter().try_for_each(|from| check(&from.text, &found.span))?,
                Command::Run(run) => {
                    for field in run.mounts.iter().flat_map(|mount| &mount.fields) {
                        if let Some((key, from)) = field.text.split_once('=')
                            && key.eq_ignore_ascii_case("from")
                        {
                            check(from, &found.span)?;
                        }
                    }
                }
                _ => {}
            }
        }
    }
    Ok(())
}

/// Refuses a variable whose name is somewhere broken over lines, or quoted where it is defined.
fn split_names(model: &Model<'_>, stages: &[Option<usize>], name: &str) -> Result<(), RenameError> {
    for (index, node) in model.file.nodes.iter().enumerate() {
        if !stages.contains(&model.stage_at(node.span.start).filter(|_| !node.is("from"))) {
            continue;
        }
        let mut inner = node;
        while let Some(child) = &inner.child {
            inner = child;
        }
        if inner.json {
            continue;
        }
        // `ENV` has three words a pair: name, value, and what joins them.
        let each = match () {
            () if inner.is("env") => 3,
            () if inner.is("arg") => 1,
            () => 0,
        };
        let defined = inner.args.iter().step_by(each.max(1)).filter(|word| {
            let found = word.text.split('=').next().unwrap_or_default();
            found.chars().filter(|c| !matches!(c, '"' | '\'')).eq(name.chars())
        });
        let known = model.variables.iter().filter(|v| v.node == index && v.name.text == name);
        if each > 0 && defined.count() > known.count() {
            return Err(unclear(model, node.span.start, name));
        }
        let words = inner.args.iter().chain(&inner.flags);
        let joined = words.map(|word| {
            let found = find(&word.text, 0..word.text.len(), model.file.escape, Quoting::Words);
            found.into_iter().filter(|found| word.text[found.name.clone()] == *name).count()
        });
        let body = inner.heredocs.first().map_or(node.span.end, |heredoc| heredoc.span.start);
        let written = model
            .uses
            .iter()
            .filter(|used| used.node == index && used.name.start < body && model.text[used.name.clone()] == *name);
        if joined.sum::<usize>() > written.count() {
            return Err(unclear(model, node.span.start, name));
        }
    }
    Ok(())
}

fn unclear(model: &Model<'_>, at: usize, name: &str) -> RenameError {
    RenameError::Unclear { line: model.text[..at].matches('\n').count() + 1, name: name.to_owned() }
}

/// Refuses names in commands and here-documents at other places than those known: only a shell or another program knows what they mean.
fn shell_names(
    model: &Model<'_>,
    known: &[Range<usize>],
    stages: &[Option<usize>],
    names: &[&str],
) -> Result<(), RenameError> {
    for node in &model.file.nodes {
        if !stages.contains(&model.stage_at(node.span.start)) {
            continue;
        }
        let mut inner = node;
        while let Some(child) = &inner.child {
            inner = child;
        }
        let heredoc = node.heredocs.first().map_or(node.span.end, |heredoc| heredoc.span.start);
        let mut at = if inner.takes_command() { inner.name.span.end } else { heredoc };
        for line in model.text[at..node.span.end].split_inclusive('\n') {
            let start = at;
            at += line.len();
            if line.trim_start().starts_with('#') {
                continue;
            }
            for name in names {
                let found = line.match_indices(name).find(|(from, _)| {
                    let place = start + from..start + from + name.len();
                    stands_alone(line, *from, name.len())
                        && known.binary_search_by_key(&place.start, |p| p.start).is_err()
                });
                if let Some((from, _)) = found {
                    return Err(unclear(model, start + from, name));
                }
            }
        }
    }
    Ok(())
}

/// Whether a name in a line could be a variable's: not a part of a word, an option or a path.
fn stands_alone(line: &str, from: usize, length: usize) -> bool {
    let before = line[..from].bytes().next_back().unwrap_or(b' ');
    let after = line.as_bytes().get(from + length).copied().unwrap_or(b' ');
    // Where a shell computes, `-` and `/` are signs.
    let computes = ["((", "[", "let ", ":"].iter().any(|sign| line.contains(sign));
    let part = matches!(before, b'-' | b'/') || matches!(after, b'-' | b'/');
    !is_name(before) && !is_name(after) && (computes || !part)
}
