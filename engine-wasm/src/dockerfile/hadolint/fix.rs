//! Ways to mend what the build checks (`docker build --check`) find, where one is safe.
//! A fix never changes what a build does: where the file alone does not tell, there is none. Without one are those that need a decision (which version, which path, which name) or knowledge of the base image (its shell, its `ENTRYPOINT`): `JSONArgsRecommended`, `DuplicateStageName`, `ReservedStageName`,
//! `UndefinedArgInFrom`, `UndefinedVar`, `WorkdirRelativePath`, `SecretsUsedInArgOrEnv`, `InvalidDefaultArgInFrom`, `InvalidBaseImagePlatform`, `FromPlatformFlagConstDisallowed`,
//! `CopyIgnoredFile`, `InvalidDefinitionDescription`.

#[cfg(test)]
mod tests;

use std::ops::Range;

use crate::dockerfile::editor::rename;
use crate::dockerfile::lint::{Diagnostic, Fix, TextEdit};
use crate::dockerfile::{Dockerfile, Node, Word, parse};

/// The rules of the build checks that can have a fix.
pub const FIXABLE: [&str; 9] = [
    "ConsistentInstructionCasing",
    "ExposeInvalidFormat",
    "ExposeProtoCasing",
    "FromAsCasing",
    "LegacyKeyValueFormat",
    "MaintainerDeprecated",
    "NoEmptyContinuation",
    "RedundantTargetPlatform",
    "StageNameCasing",
];

/// Fixes for a finding of the build checks.
pub fn fixes(text: &str, diagnostic: &Diagnostic) -> Vec<Fix> {
    fixes_in(text, &parse(text), diagnostic)
}

/// As [`fixes`], for a text that was parsed already.
pub fn fixes_in(text: &str, file: &Dockerfile, diagnostic: &Diagnostic) -> Vec<Fix> {
    let on_lines = |node: &&Node| node.lines.0 <= diagnostic.lines.1 && diagnostic.lines.0 <= node.lines.1;
    let nodes = || file.nodes.iter().filter(on_lines);
    let found = match diagnostic.rule {
        "NoEmptyContinuation" => nodes().find_map(|node| blank_lines(text, node)),
        rule => nodes().find_map(|node| {
            let inner = innermost(node);
            match rule {
                "ConsistentInstructionCasing" => casing(text, node, &diagnostic.message),
                "ExposeInvalidFormat" | "ExposeProtoCasing" => ports(text, inner, rule),
                "FromAsCasing" => keyword(text, node),
                "LegacyKeyValueFormat" => key_value(text, inner),
                "MaintainerDeprecated" => maintainer(text, node),
                "RedundantTargetPlatform" => platform(text, node),
                "StageNameCasing" => stage_name(text, node),
                _ => None,
            }
        }),
    };
    found.into_iter().collect()
}

fn innermost(node: &Node) -> &Node {
    let mut node = node;
    while let Some(child) = &node.child {
        node = child;
    }
    node
}

fn replace(title: String, span: Range<usize>, text: String) -> Fix {
    Fix { title, edits: vec![TextEdit { span, text }] }
}

/// Whether a word stands in the text as it is read: in one piece.
fn is_plain(text: &str, word: &Word) -> bool {
    text.get(word.span.clone()) == Some(word.text.as_str())
}

fn casing(text: &str, node: &Node, message: &str) -> Option<Fix> {
    let mut name = node;
    let lower = message.contains("lowercase");
    let wanted = |word: &str| if lower { word.to_ascii_lowercase() } else { word.to_ascii_uppercase() };
    // After `ONBUILD` stands another name.
    loop {
        let to = wanted(&name.name.text);
        if to != name.name.text && is_plain(text, &name.name) {
            return Some(replace(format!("Change to `{to}`"), name.name.span.clone(), to));
        }
        name = name.child.as_deref()?;
    }
}

fn keyword(text: &str, node: &Node) -> Option<Fix> {
    let keyword = node.args.get(1).filter(|word| word.text.eq_ignore_ascii_case("as") && is_plain(text, word))?;
    let upper = node.name.text.chars().all(|c| c.is_ascii_uppercase());
    let to = if upper { "AS" } else { "as" };
    (keyword.text != to).then(|| replace(format!("Change to `{to}`"), keyword.span.clone(), to.to_owned()))
}

fn stage_name(text: &str, node: &Node) -> Option<Fix> {
    let name = node.args.get(2)?;
    let lower = crate::golang::case::lower(&name.text);
    let edits = rename(text, name.span.start, &lower).ok()?;
    Some(Fix { title: format!("Rename the stage to `{lower}`"), edits })
}

/// Nothing in the place of `--platform=$TARGETPLATFORM`, unless the file gives that another value.
pub(super) fn platform(text: &str, node: &Node) -> Option<Fix> {
    let flag = node.flags.iter().find(|flag| flag.text.starts_with("--platform="))?;
    let rest = &text[flag.span.end..];
    let blanks = rest.len() - rest.trim_start_matches([' ', '\t']).len();
    let span = flag.span.start..flag.span.end + blanks;
    (blanks > 0 && !text.contains("TARGETPLATFORM="))
        .then(|| replace("Remove `--platform`".to_owned(), span, String::new()))
}

fn ports(text: &str, node: &Node, rule: &str) -> Option<Fix> {
    let edits: Vec<TextEdit> = node
        .args
        .iter()
        .filter(|word| is_plain(text, word) && !word.text.contains('$'))
        .filter_map(|word| {
            let to = match rule {
                "ExposeProtoCasing" => word.text.to_ascii_lowercase(),
                _ => word.text.rsplit(':').next().unwrap_or_default().to_owned(),
            };
            (to != word.text && !to.is_empty()).then(|| TextEdit { span: word.span.clone(), text: to })
        })
        .collect();
    let title =
        if rule == "ExposeProtoCasing" { "Write the protocol in lower case" } else { "Keep only the container's port" };
    (!edits.is_empty()).then(|| Fix { title: title.to_owned(), edits })
}

fn key_value(text: &str, node: &Node) -> Option<Fix> {
    let [name, value, equals] = node.args.as_slice() else { return None };
    if !equals.text.is_empty() || !is_plain(text, value) || !is_plain(text, name) {
        return None;
    }
    // Quotes and escapes mean something else once there are quotes around them.
    let special = |word: &Word| word.text.is_empty() || word.text.contains(['"', '\'', '\\', '`', '\n']);
    if special(name) || special(value) {
        return None;
    }
    let plain = value.text.chars().all(|c| c.is_ascii_alphanumeric() || "._-/:@%+,$".contains(c));
    let quote = if plain { "" } else { "\"" };
    let to = format!("={quote}{}{quote}", value.text);
    Some(replace("Use `name=value`".to_owned(), name.span.end..value.span.end, to))
}

fn blank_lines(text: &str, node: &Node) -> Option<Fix> {
    let end = node.heredocs.first().map_or(node.span.end, |heredoc| heredoc.span.start);
    let mut edits = Vec::new();
    let mut at = node.span.start;
    for line in text[at..end].split_inclusive('\n') {
        if line.trim().is_empty() && line.ends_with('\n') {
            edits.push(TextEdit { span: at..at + line.len(), text: String::new() });
        }
        at += line.len();
    }
    // Lines one below the other go as one edit.
    edits.dedup_by(|next, last| {
        let joined = last.span.end == next.span.start;
        if joined {
            last.span.end = next.span.end;
        }
        joined
    });
    (!edits.is_empty()).then(|| Fix { title: "Remove the blank lines".to_owned(), edits })
}

/// `LABEL` in the place of `MAINTAINER`.
pub(super) fn maintainer(text: &str, node: &Node) -> Option<Fix> {
    let name = node.args.first().filter(|word| is_plain(text, word))?;
    let inner = name.text.strip_prefix('"').and_then(|text| text.strip_suffix('"')).unwrap_or(&name.text);
    let label = if node.name.text.chars().all(|c| c.is_ascii_lowercase()) { "label" } else { "LABEL" };
    // A label that is there already would be lost.
    let labelled = text.contains("image.authors");
    let simple = !labelled && !inner.is_empty() && !inner.contains(['"', '\\', '`', '$', '\n', '\r']);
    simple.then(|| {
        let to = format!("{label} org.opencontainers.image.authors=\"{inner}\"");
        replace("Use a label".to_owned(), node.span.start..name.span.end, to)
    })
}
