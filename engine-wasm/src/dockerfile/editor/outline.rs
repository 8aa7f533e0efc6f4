//! A file's shape: what folds, its outline, and what a selection grows to.

use std::ops::Range;

use super::model::Model;
use crate::dockerfile::Node;

/// Why lines fold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FoldKind {
    /// A build stage.
    Stage,
    /// An instruction of several lines.
    Instruction,
    /// A here-document.
    Heredoc,
    /// Comments, one below the other.
    Comment,
}

/// Lines that fold into the first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fold {
    /// First and last line, from 1.
    pub lines: (usize, usize),
    /// What they are.
    pub kind: FoldKind,
}

/// What folds, by first line, outer before inner.
pub fn folds(text: &str) -> Vec<Fold> {
    let model = Model::new(text);
    let nodes = &model.file.nodes;
    let mut out = Vec::new();
    let mut add = |lines: (usize, usize), kind| {
        if lines.1 > lines.0 {
            out.push(Fold { lines, kind });
        }
    };
    for stage in &model.stages {
        if let (Some(first), Some(last)) = (nodes.get(stage.nodes.start), nodes.get(stage.nodes.end - 1)) {
            add((first.lines.0, last.lines.1), FoldKind::Stage);
        }
    }
    for node in nodes {
        add(node.lines, FoldKind::Instruction);
        // From the line above the content to the delimiter's.
        let mut end = node.lines.1;
        for heredoc in node.heredocs.iter().rev() {
            let first = end.saturating_sub(heredoc.content.lines().count() + 1);
            add((first, end), FoldKind::Heredoc);
            end = first;
        }
    }
    let mut comments: Option<(usize, usize)> = None;
    let in_heredoc = |offset: usize| nodes.iter().any(|node| node.heredocs.iter().any(|h| h.span.contains(&offset)));
    let mut at = 0;
    for (number, line) in text.split_inclusive('\n').enumerate() {
        let number = number + 1;
        let is_comment = line.trim_start().starts_with('#') && !in_heredoc(at);
        at += line.len();
        comments = match (comments, is_comment) {
            (Some((first, _)), true) => Some((first, number)),
            (None, true) => Some((number, number)),
            (found, false) => {
                found.into_iter().for_each(|lines| add(lines, FoldKind::Comment));
                None
            }
        };
    }
    comments.into_iter().for_each(|lines| add(lines, FoldKind::Comment));
    crate::order::sort_by_key(&mut out, |fold| (fold.lines.0, std::cmp::Reverse(fold.lines.1)));
    out.dedup_by(|a, b| a.lines == b.lines);
    out
}

/// What an entry of the outline is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SymbolKind {
    /// A build stage.
    Stage,
    /// An instruction.
    Instruction,
}

/// An entry of the outline.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Symbol {
    /// A stage's name, or its image; an instruction's name.
    pub name: String,
    /// The rest in one line.
    pub detail: String,
    /// What it is.
    pub kind: SymbolKind,
    /// All of it.
    pub span: Range<usize>,
    /// What to select when it is chosen.
    pub selection: Range<usize>,
    /// A stage's instructions.
    pub children: Vec<Symbol>,
}

/// The outline: what stands before the first stage, then the stages with their instructions.
pub fn symbols(text: &str) -> Vec<Symbol> {
    let model = Model::new(text);
    let nodes = &model.file.nodes;
    let first = model.stages.first().map_or(nodes.len(), |stage| stage.nodes.start);
    let mut out: Vec<Symbol> = nodes[..first].iter().map(instruction).collect();
    for stage in &model.stages {
        let from = &nodes[stage.nodes.start];
        let base = stage.base.as_ref().map_or("", |base| base.text.as_str());
        let named = stage.name.as_ref();
        out.push(Symbol {
            name: named.map_or(base, |name| name.text.as_str()).to_owned(),
            detail: named.map_or(String::new(), |_| format!("from {base}")),
            kind: SymbolKind::Stage,
            span: stage.span.clone(),
            selection: named.or(stage.base.as_ref()).map_or(from.name.span.clone(), |word| word.span.clone()),
            children: nodes[stage.nodes.start + 1..stage.nodes.end].iter().map(instruction).collect(),
        });
    }
    out
}

fn instruction(node: &Node) -> Symbol {
    let rest = node.original.get(node.name.text.len()..).unwrap_or_default();
    Symbol {
        name: crate::golang::case::upper(&node.name.text),
        detail: rest.split_whitespace().collect::<Vec<_>>().join(" "),
        kind: SymbolKind::Instruction,
        span: node.span.clone(),
        selection: node.name.span.clone(),
        children: Vec::new(),
    }
}

/// What a selection at a place grows to, step by step: the word, the instruction, the stage, the file. Each holds the one before.
pub fn selection(text: &str, offset: usize) -> Vec<Range<usize>> {
    let model = Model::new(text);
    let offset = offset.min(text.len());
    let mut out: Vec<Range<usize>> = Vec::new();
    let holds = |span: &Range<usize>| span.start <= offset && offset <= span.end && !span.is_empty();
    let mut node = model.file.nodes.iter().find(|node| holds(&node.span));
    let mut spans: Vec<Range<usize>> = Vec::new();
    spans.extend(model.uses.iter().map(|used| used.span.clone()));
    spans.extend(model.stages.iter().map(|stage| stage.span.clone()));
    while let Some(found) = node {
        spans.push(found.span.clone());
        spans.push(found.name.span.clone());
        spans.extend(found.flags.iter().chain(&found.args).map(|word| word.span.clone()));
        spans.extend(found.heredocs.iter().map(|heredoc| heredoc.span.clone()));
        node = found.child.as_deref();
    }
    spans.push(0..text.len());
    spans.retain(holds);
    crate::order::sort_by_key(&mut spans, |span| (span.len(), span.start));
    for span in spans {
        if out.last().is_none_or(|last| span.start <= last.start && last.end <= span.end && span != *last) {
            out.push(span);
        }
    }
    out
}

/// The instruction that a line (from 1) belongs to, here-documents included.
pub fn at_line(text: &str, line: usize) -> Option<Range<usize>> {
    let model = Model::new(text);
    model.file.nodes.iter().find(|node| node.lines.0 <= line && line <= node.lines.1).map(|node| node.span.clone())
}
