//! Dockerfiles: every place is in the text, nodes follow each other, and equal texts give equal trees.

use engine_wasm::dockerfile::{Node, parse};

use super::within;

/// Reads the input as a Dockerfile.
pub fn parser(data: &[u8]) {
    let text = &*String::from_utf8_lossy(data);
    let file = parse(text);
    let lines = text.split('\n').count();
    let mut end = 0;
    for found in &file.nodes {
        node(found, text);
        assert!(found.span.start >= end, "instructions overlap at {:?}", found.span);
        end = found.span.end;
        let (first, last) = found.lines;
        assert!(1 <= first && first <= last && last <= lines, "lines {first} to {last} of {lines}");
    }
    for directive in &file.directives {
        within(&directive.span, text, "directive");
    }
    for error in &file.errors {
        within(&error.span, text, "error");
        assert!(error.lines.0 <= error.lines.1 && error.lines.1 <= lines, "error on {:?} of {lines}", error.lines);
        assert!(!error.to_string().is_empty());
    }
    for warning in &file.warnings {
        assert!(warning.line <= lines, "warning on line {} of {lines}", warning.line);
    }
    assert!(!file.nodes.is_empty() || !file.errors.is_empty(), "neither instructions nor an error");
    assert!(matches!(file.escape, '\\' | '`'));

    let again = parse(text);
    assert_eq!(file.dump(), again.dump());
    assert_eq!(file.errors, again.errors);
    // A line end more at the end changes nothing that was read.
    if file.errors.is_empty() && text.ends_with('\n') {
        assert_eq!(file.dump(), parse(&format!("{text}\n")).dump());
    }
}

fn node(node: &Node, text: &str) {
    within(&node.span, text, "instruction");
    for word in node.flags.iter().chain(&node.args).chain([&node.name]) {
        within(&word.span, text, &word.text);
        // What is not written (the separator of `ENV name value`) stands nowhere in particular.
        if !word.span.is_empty() {
            assert!(
                node.span.start <= word.span.start && word.span.end <= node.span.end,
                "{word:?} outside of its instruction {:?}",
                node.span
            );
        }
    }
    let written = &text[node.name.span.clone()];
    if !written.contains('\n') {
        assert_eq!(written, node.name.text);
    }
    for heredoc in &node.heredocs {
        within(&heredoc.span, text, &heredoc.name);
        assert!(heredoc.chomped().len() <= heredoc.content.len());
    }
    if let Some(child) = &node.child {
        self::node(child, text);
    }
}
