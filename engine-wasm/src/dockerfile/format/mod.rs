//! A formatter that changes how a Dockerfile looks and never what it means: [`same_meaning`] holds between what goes in and what comes out.
//! The text of shell commands stays byte for byte unless [`Options::shell_indent`] asks otherwise, so a build after formatting still finds its cache.
//! Line breaks that the author chose stay; an instruction that cannot be laid out safely is left as it stands.

mod layout;
mod pieces;
#[cfg(test)]
pub(in crate::dockerfile) mod random;
mod same;
#[cfg(test)]
mod tests;

use std::ops::Range;

pub use same::same_meaning;

use super::directive::Watcher;
use super::{Dockerfile, Error, Node, parse};

/// How instructions' names, and `AS`, are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Case {
    /// `FROM`.
    #[default]
    Upper,
    /// `from`.
    Lower,
    /// As they stand.
    Keep,
}

/// What the result looks like.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Options {
    /// The case of instructions' names and of `AS`.
    pub case: Case,
    /// Spaces before what continues an instruction on its own line; at most [`MAX_INDENT`] are written.
    pub indent: usize,
    /// So many blank lines in a row are kept between instructions.
    pub blank_lines: usize,
    /// Also indents the continued lines of shell commands, where the space is outside quotes. This changes the command's text, though not what a shell does with it,
    /// and so invalidates the build cache.
    pub shell_indent: bool,
}

/// The widest indentation.
pub const MAX_INDENT: usize = 32;

impl Default for Options {
    fn default() -> Self {
        Self { case: Case::Upper, indent: 4, blank_lines: 1, shell_indent: false }
    }
}

/// Lays out a Dockerfile anew. Line ends become those of the first line that is not blank, except in here-documents, whose content never changes.
///
/// # Errors
/// The errors of [`parse`], when there are any: a file that cannot be read is not touched.
pub fn format(text: &str, options: &Options) -> Result<String, Vec<Error>> {
    let file = parse(text);
    if !file.errors.is_empty() {
        return Err(file.errors);
    }
    // Blank lines at the top are dropped, so that they cannot tell.
    let mut lines = text.strip_prefix('\u{feff}').unwrap_or(text).split_inclusive('\n');
    let first = lines.find(|line| !line.trim_end().is_empty());
    let eol = if first.is_some_and(|line| line.ends_with("\r\n")) { "\r\n" } else { "\n" };
    let writer = Writer { text, file: &file, options, eol, out: String::with_capacity(text.len() + 64), blanks: 0 };
    let out = writer.run();
    let after = parse(&out);
    // Each instruction was compared already; this is for what only shows in the whole, such as a line that grew too long.
    let same = after.errors.is_empty() && same::files(&file, &after, options.shell_indent);
    Ok(if same { out } else { text.to_owned() })
}

struct Writer<'a> {
    text: &'a str,
    file: &'a Dockerfile,
    options: &'a Options,
    eol: &'static str,
    out: String,
    /// Blank lines passed since the last line written.
    blanks: usize,
}

impl Writer<'_> {
    fn run(mut self) -> String {
        let bom = if self.text.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 };
        self.out.push_str(&self.text[..bom]);
        let mut at = bom;
        for node in &self.file.nodes {
            // The instruction's own indentation goes.
            let line_start = self.text[..node.span.start].rfind('\n').map_or(bom, |end| end + 1);
            self.between(at..line_start.max(at));
            self.spacing(false);
            if self.out.is_empty() && self.text[node.span.start..].starts_with('\u{feff}') {
                // At the very beginning it would be the mark of the byte order, which is no part of the file.
                self.out.push(' ');
            }
            self.instruction(node);
            at = self.line_end(node.span.end);
        }
        self.between(at..self.text.len());
        self.out
    }

    /// The beginning of the line after the one that `at` is on.
    fn line_end(&self, at: usize) -> usize {
        self.text[at..].find('\n').map_or(self.text.len(), |end| at + end + 1)
    }

    /// Comments and blank lines.
    fn between(&mut self, range: Range<usize>) {
        let mut at = range.start;
        for line in self.text[range].split_inclusive('\n') {
            let place = at;
            at += line.len();
            let line = line.trim_end();
            if line.is_empty() {
                self.blanks += 1;
                continue;
            }
            let directive = self.file.directives.iter().find(|directive| (place..at).contains(&directive.span.start));
            match directive {
                Some(directive) if directive.value.trim().is_empty() => self.out.push_str(&self.text[place..at]),
                Some(directive) => {
                    let text = format!("# {}={}", directive.name, directive.value);
                    self.out.push_str(&text);
                    self.out.push_str(self.eol);
                }
                None => {
                    self.spacing(would_be_directive(line));
                    // BuildKit reads an indented comment differently: the indentation stays.
                    self.out.push_str(line);
                    self.out.push_str(self.eol);
                }
            }
            self.blanks = 0;
        }
    }

    /// Writes the blank lines that are to stay. At the top none do, unless one keeps a comment from becoming a directive.
    fn spacing(&mut self, guard: bool) {
        let top = self.out.is_empty() || self.out == "\u{feff}";
        // Among directives a blank line ends them, so one stays there in any case.
        let least = usize::from(guard && self.blanks > 0);
        let most = if top { 0 } else { self.options.blank_lines };
        for _ in 0..self.blanks.min(most).max(least) {
            self.out.push_str(self.eol);
        }
        self.blanks = 0;
    }

    fn instruction(&mut self, node: &Node) {
        let head_end = node.heredocs.first().map_or(node.span.end, |heredoc| heredoc.span.start);
        let head = node.span.start..head_end;
        let written = layout::head(self.text, node, head.clone(), self.file.escape, self.options, self.eol)
            .filter(|written| self.unchanged(node, head.clone(), written));
        match &written {
            Some(written) => self.out.push_str(written),
            None => self.out.push_str(self.text[head].trim_end_matches(['\r', '\n'])),
        }
        self.out.push_str(self.eol);
        if !node.heredocs.is_empty() {
            self.out.push_str(&self.text[head_end..node.span.end]);
            self.out.push_str(self.eol);
        }
    }

    /// Whether the instruction's head, read on its own, is what it was, and leaves the next line alone.
    fn unchanged(&self, node: &Node, head: Range<usize>, written: &str) -> bool {
        let rest = &self.text[head.end..node.span.end];
        let directive = if self.file.escape == '`' { "# escape=`\n" } else { "# end of directives\n#\n" };
        let read = |head: &str| parse(&format!("{directive}{head}\n{rest}\nNEXT"));
        let (before, after) = (read(self.text[head].trim_end_matches(['\r', '\n'])), read(written));
        after.errors.is_empty() && before.errors.is_empty() && same::files(&before, &after, self.options.shell_indent)
    }
}

/// Whether a comment would be a directive if it stood at the top.
fn would_be_directive(line: &str) -> bool {
    matches!(Watcher::default().line(line.trim_start()), Ok(Some(_)))
}
