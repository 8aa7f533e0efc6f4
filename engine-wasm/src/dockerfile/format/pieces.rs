//! An instruction cut into what may be moved: words that stay as they are and the space between them.

use std::ops::Range;

use crate::dockerfile::Node;

/// A part of an instruction that is written as it stands, apart from the exceptions named here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Piece {
    /// An instruction's name, or `AS`, whose case may change.
    Name(Range<usize>),
    /// A word.
    Word(Range<usize>),
    /// The strings of a JSON array; brackets and commas stand in the space around them.
    Array(Vec<Range<usize>>),
    /// Text whose space counts, up to the instruction's end.
    Raw(Range<usize>),
}

/// The pieces in order; `None` for what is no instruction.
pub(super) fn pieces(node: &Node) -> Option<Vec<Piece>> {
    let mut out = Vec::new();
    collect(node, &mut out).then_some(out)
}

fn collect(node: &Node, out: &mut Vec<Piece>) -> bool {
    out.push(Piece::Name(node.name.span.clone()));
    out.extend(node.flags.iter().map(|flag| Piece::Word(flag.span.clone())));
    if let Some(child) = &node.child {
        // The image keeps the trigger's text.
        out.push(Piece::Raw(child.span.clone()));
        return true;
    }
    let words = |from: usize| node.args.iter().skip(from).map(|word| word.span.clone()).filter(|span| !span.is_empty());
    let name = node.name.text.to_ascii_lowercase();
    let keyword = usize::from(name == "healthcheck");
    out.extend(words(0).take(keyword).map(Piece::Word));
    if node.json {
        out.push(Piece::Array(words(keyword).collect()));
        return true;
    }
    match name.as_str() {
        "from" => out.extend(node.args.iter().enumerate().map(|(index, word)| match index {
            _ if node.is_keyword(index) => Piece::Name(word.span.clone()),
            _ => Piece::Word(word.span.clone()),
        })),
        "add" | "copy" | "volume" | "expose" | "arg" => out.extend(words(0).map(Piece::Word)),
        "env" | "label" => {
            for pair in node.args.chunks(3) {
                let [name, value, equals] = pair else { return false };
                if equals.text.is_empty() {
                    out.push(Piece::Word(name.span.clone()));
                    out.push(Piece::Raw(value.span.clone()));
                } else {
                    let end = if value.span.is_empty() { equals.span.end } else { value.span.end };
                    // `=x`, which the build refuses, has no name to begin at.
                    let start = if name.span.is_empty() { equals.span.start } else { name.span.start };
                    out.push(Piece::Word(start..end));
                }
            }
        }
        "run" | "cmd" | "entrypoint" | "shell" | "maintainer" | "stopsignal" | "user" | "workdir" | "healthcheck" => {
            out.extend(words(keyword).map(Piece::Raw));
        }
        "onbuild" => {}
        _ => return false,
    }
    true
}
