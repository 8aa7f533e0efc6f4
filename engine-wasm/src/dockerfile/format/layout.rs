//! The new layout of one instruction, here-documents aside.

use std::ops::Range;

use super::pieces::{Piece, pieces};
use super::same::Quotes;
use super::{Case, MAX_INDENT, Options};
use crate::dockerfile::Node;

/// Writes an instruction's head anew, without a line end; `None` when something stands between its pieces that this does not know.
pub(super) fn head(
    text: &str,
    node: &Node,
    head: Range<usize>,
    escape: char,
    options: &Options,
    eol: &'static str,
) -> Option<String> {
    let layout = Layout { text, escape, options, eol };
    let mut out = String::new();
    let mut at = head.start;
    for piece in pieces(node)? {
        match piece {
            Piece::Name(span) => {
                layout.gap(&mut out, at..span.start, "")?;
                let name = text.get(span.clone())?;
                match options.case {
                    // A name broken over two lines is left alone.
                    _ if name.contains('\n') => out.push_str(name),
                    Case::Upper => out.push_str(&name.to_ascii_uppercase()),
                    Case::Lower => out.push_str(&name.to_ascii_lowercase()),
                    Case::Keep => out.push_str(name),
                }
                at = span.end;
            }
            Piece::Word(span) => {
                layout.gap(&mut out, at..span.start, "")?;
                out.push_str(text.get(span.clone())?);
                at = span.end;
            }
            Piece::Array(strings) => at = layout.array(&mut out, at, &strings, head.end)?,
            Piece::Raw(span) => {
                layout.gap(&mut out, at..span.start, "")?;
                layout.raw(&mut out, span.clone(), node)?;
                at = span.end;
            }
        }
    }
    let tail = text.get(at..head.end)?;
    tail.chars().all(|c| matches!(c, ' ' | '\t' | '\r' | '\n')).then_some(out)
}

struct Layout<'a> {
    text: &'a str,
    escape: char,
    options: &'a Options,
    eol: &'static str,
}

/// What stands between two pieces.
struct Gap<'a> {
    /// Whether the line was broken.
    broken: bool,
    comments: Vec<&'a str>,
}

impl<'a> Layout<'a> {
    fn indent(&self) -> String {
        " ".repeat(self.options.indent.min(MAX_INDENT))
    }

    /// Reads the space between pieces, which must hold each of `marks` once, in this order, and nothing else that counts.
    fn read(&self, range: Range<usize>, marks: &str) -> Option<Gap<'a>> {
        let mut marks = marks.chars();
        let mut gap = Gap { broken: false, comments: Vec::new() };
        let text = self.text.get(range)?;
        let lines = text.split('\n').count();
        for (number, line) in text.split('\n').enumerate() {
            let line = line.trim_matches([' ', '\t', '\r']);
            let ends = number + 1 < lines;
            if number > 0 && line.starts_with('#') && ends {
                gap.comments.push(line);
                continue;
            }
            if number > 0 && line.is_empty() && ends {
                continue;
            }
            let line = if ends { line.strip_suffix(self.escape)? } else { line };
            for c in line.chars().filter(|c| !matches!(c, ' ' | '\t')) {
                (marks.next() == Some(c)).then_some(())?;
            }
            gap.broken |= ends;
        }
        marks.next().is_none().then_some(gap)
    }

    /// A break, with the comments that stood there.
    fn line_break(&self, out: &mut String, gap: &Gap<'_>) {
        if !out.is_empty() && !out.ends_with(' ') {
            out.push(' ');
        }
        out.push(self.escape);
        out.push_str(self.eol);
        for comment in &gap.comments {
            out.push_str(&self.indent());
            out.push_str(comment);
            out.push_str(self.eol);
        }
        out.push_str(&self.indent());
    }

    /// Writes the space before a piece.
    fn gap(&self, out: &mut String, range: Range<usize>, marks: &str) -> Option<()> {
        if range.is_empty() && out.is_empty() {
            return Some(());
        }
        let gap = self.read(range, marks)?;
        if gap.broken {
            self.line_break(out, &gap);
        } else {
            out.push(' ');
        }
        Some(())
    }

    /// Writes `["a", "b"]`; gives where it ends.
    fn array(&self, out: &mut String, at: usize, strings: &[Range<usize>], end: usize) -> Option<usize> {
        let open = self.find(at..end, '[')?;
        self.gap(out, at..open, "")?;
        out.push('[');
        let mut at = open + 1;
        for (number, string) in strings.iter().enumerate() {
            let comma = if number == 0 { "" } else { "," };
            let gap = self.read(at..string.start, comma)?;
            out.push_str(comma);
            if gap.broken {
                self.line_break(out, &gap);
            } else if number > 0 {
                out.push(' ');
            }
            out.push_str(self.text.get(string.clone())?);
            at = string.end;
        }
        let close = self.find(at..end, ']')?;
        let gap = self.read(at..close, "")?;
        if gap.broken {
            self.line_break(out, &gap);
        }
        out.push(']');
        Some(close + 1)
    }

    /// The first place of a bracket outside comments.
    fn find(&self, range: Range<usize>, mark: char) -> Option<usize> {
        let mut at = range.start;
        for (number, line) in self.text.get(range)?.split_inclusive('\n').enumerate() {
            let comment = number > 0 && line.trim_start().starts_with('#');
            if let Some(found) = line.find(mark).filter(|_| !comment) {
                return Some(at + found);
            }
            at += line.len();
        }
        None
    }

    /// Writes text whose space counts: only blanks after an escape at a line's end and blank lines go.
    fn raw(&self, out: &mut String, span: Range<usize>, node: &Node) -> Option<()> {
        let text = self.text.get(span)?;
        // Quoting that needs a shell's parser to follow is not indented.
        let nested = text.contains("$(") && text.contains('"');
        let plain = !(nested || text.contains("$'") || text.contains('`'));
        let indent = self.options.shell_indent && node.is_shell_command() && node.heredocs.is_empty() && plain;
        let mut quotes = Quotes::default();
        let lines: Vec<&str> = text.split('\n').collect();
        for (number, line) in lines.iter().enumerate() {
            let last = number + 1 == lines.len();
            let comment = number > 0 && line.trim_start().starts_with('#');
            let line = match () {
                () if last => line,
                () if comment => line.trim_end_matches([' ', '\t', '\r']),
                () => line.trim_end_matches('\r').trim_end_matches([' ', '\t']),
            };
            if number > 0 {
                if line.trim().is_empty() {
                    // The text's last line is never blank.
                    continue;
                }
                out.push_str(self.eol);
            }
            let free = quotes.is_free();
            let line = match line.trim_start_matches([' ', '\t']) {
                rest if indent && number > 0 && free && (rest.len() < line.len() || comment || out_has_blank(out)) => {
                    out.push_str(&self.indent());
                    rest
                }
                _ => line,
            };
            out.push_str(line);
            if !comment {
                let content = if last { line } else { line.strip_suffix(self.escape)? };
                content.chars().for_each(|c| quotes.push(c));
            }
        }
        Some(())
    }
}

/// Whether the line written last leaves a blank before its escape, so that another after the break changes no word.
fn out_has_blank(out: &str) -> bool {
    let line = out.trim_end_matches(['\r', '\n']);
    let mut chars = line.chars().rev();
    chars.next();
    chars.next().is_some_and(|c| matches!(c, ' ' | '\t'))
}
