//! Ways to mend what the build checks find. Each keeps what the image will be, apart from [`maintainer`], which does what its rule asks for.

use super::super::instructions::Pair;
use super::super::{Node, Word};
use super::{Fix, TextEdit};

/// Another word in the place of one.
pub(super) fn replace(title: String, word: &Word, text: String) -> Fix {
    Fix { title, edits: vec![TextEdit { span: word.span.clone(), text }] }
}

/// Without the empty lines between the lines of an instruction.
pub(super) fn without_empty_lines(text: &str, node: &Node, message: &str) -> Vec<Fix> {
    let end = node.heredocs.first().map_or(node.span.end, |heredoc| heredoc.span.start.min(node.span.end));
    let Some(body) = text.get(node.span.start..end).filter(|_| message.starts_with("Empty continuation")) else {
        return Vec::new();
    };
    let mut at = node.span.start;
    let mut edits = Vec::new();
    for line in body.split_inclusive('\n') {
        if line.trim().is_empty() {
            edits.push(TextEdit { span: at..at + line.len(), text: String::new() });
        }
        at += line.len();
    }
    if edits.is_empty() { Vec::new() } else { vec![Fix { title: "Remove empty lines".to_owned(), edits }] }
}

/// `LABEL` in the place of `MAINTAINER`.
pub(super) fn maintainer(node: &Node) -> Vec<Fix> {
    let [name] = node.args.as_slice() else { return Vec::new() };
    // What `LABEL` would read in another way stays for a human.
    if name.text.contains(['"', '\'', '\\', '`', '$', '\n']) || name.span.len() != name.text.len() {
        return Vec::new();
    }
    let label = if node.name.text.starts_with('m') { "label" } else { "LABEL" };
    let text = format!("{label} org.opencontainers.image.authors=\"{}\"", name.text);
    vec![Fix {
        title: "Use a label".to_owned(),
        edits: vec![TextEdit { span: node.name.span.start..name.span.end, text }],
    }]
}

/// `name="value"` in the place of `name value`.
pub(super) fn key_value(pair: &Pair) -> Vec<Fix> {
    let (name, value) = (&pair.name, &pair.value);
    let exact = value.span.len() == value.text.len() && name.span.len() == name.text.len();
    if !exact || value.text.contains(['"', '\'', '\\', '`']) || name.span.end > value.span.start {
        return Vec::new();
    }
    let plain = !value.text.is_empty() && !value.text.contains(char::is_whitespace);
    let text = if plain { format!("={}", value.text) } else { format!("=\"{}\"", value.text) };
    vec![Fix {
        title: "Use name=value".to_owned(),
        edits: vec![TextEdit { span: name.span.end..value.span.end, text }],
    }]
}

/// Without a flag and the space behind it.
pub(super) fn without_flag(text: &str, node: &Node, prefix: &str) -> Vec<Fix> {
    let Some(flag) = node.flags.iter().find(|flag| flag.text.starts_with(prefix)) else { return Vec::new() };
    let rest = text.get(flag.span.end..).unwrap_or_default();
    let end = flag.span.end + (rest.len() - rest.trim_start_matches([' ', '\t']).len());
    vec![Fix {
        title: format!("Remove {}", flag.text),
        edits: vec![TextEdit { span: flag.span.start..end, text: String::new() }],
    }]
}

/// A port's protocol in lower case.
pub(super) fn protocol(word: &Word, port: &str) -> Vec<Fix> {
    if word.text != port || word.span.len() != word.text.len() {
        return Vec::new();
    }
    let Some((number, protocol)) = port.split_once('/') else { return Vec::new() };
    vec![replace(
        format!("Write {}", protocol.to_ascii_lowercase()),
        word,
        format!("{number}/{}", protocol.to_ascii_lowercase()),
    )]
}
