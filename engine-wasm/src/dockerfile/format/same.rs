//! Whether two Dockerfiles say the same.

use crate::dockerfile::{Dockerfile, Node, Word};

/// Whether two files have the same directives and the same instructions: names and `AS` (in any case), flags, arguments to the byte, JSON or shell form, here-documents, triggers of `ONBUILD` to the byte (the image keeps their text), and the comments above them.
pub fn same_meaning(a: &Dockerfile, b: &Dockerfile) -> bool {
    files(a, b, false)
}

/// As [`same_meaning`]; `shell` lets runs of unquoted space in shell commands differ in length.
pub(super) fn files(a: &Dockerfile, b: &Dockerfile, shell: bool) -> bool {
    a.escape == b.escape
        && a.errors.len() == b.errors.len()
        && a.directives.len() == b.directives.len()
        && a.directives.iter().zip(&b.directives).all(|(a, b)| a.name == b.name && a.value == b.value)
        && a.nodes.len() == b.nodes.len()
        && a.nodes.iter().zip(&b.nodes).all(|(a, b)| nodes(a, b, shell))
}

fn nodes(a: &Node, b: &Node, shell: bool) -> bool {
    let loose = shell && a.is_shell_command();
    a.name.text.eq_ignore_ascii_case(&b.name.text)
        && a.flags.len() == b.flags.len()
        && a.flags.iter().zip(&b.flags).all(|(a, b)| same_word(a, b, false))
        && a.args.len() == b.args.len()
        && a.args
            .iter()
            .zip(&b.args)
            .enumerate()
            .all(|(index, (x, y))| same_word(x, y, loose) || (a.is_keyword(index) && b.is_keyword(index)))
        && a.json == b.json
        && a.comments == b.comments
        && match (&a.child, &b.child) {
            (Some(x), Some(y)) => {
                x.original == y.original && trailing(&a.original) == trailing(&b.original) && nodes(x, y, shell)
            }
            (None, None) => true,
            _ => false,
        }
        && a.heredocs.len() == b.heredocs.len()
        && a.heredocs.iter().zip(&b.heredocs).all(|(a, b)| {
            (&a.name, a.file_descriptor, a.expand, a.chomp, &a.content)
                == (&b.name, b.file_descriptor, b.expand, b.chomp, &b.content)
        })
}

/// The blanks at the end, which belong to a trigger's text.
fn trailing(original: &str) -> &str {
    &original[original.trim_end().len()..]
}

fn same_word(a: &Word, b: &Word, loose: bool) -> bool {
    a.text == b.text || (loose && squeezed(&a.text) == squeezed(&b.text))
}

/// A shell command with each run of unquoted blanks as one space.
fn squeezed(command: &str) -> String {
    let mut out = String::with_capacity(command.len());
    let mut quotes = Quotes::default();
    let mut blank = false;
    for c in command.chars() {
        let free = quotes.is_free();
        quotes.push(c);
        let is_blank = free && matches!(c, ' ' | '\t');
        if !(is_blank && blank) {
            out.push(if is_blank { ' ' } else { c });
        }
        blank = is_blank;
    }
    out
}

/// Follows a shell's quoting through a command, so far as to tell where blanks are free.
#[derive(Debug, Clone, Default)]
pub(super) struct Quotes {
    quote: Option<char>,
    escaped: bool,
}

impl Quotes {
    /// Whether a blank here only separates words.
    pub(super) fn is_free(&self) -> bool {
        self.quote.is_none() && !self.escaped
    }

    pub(super) fn push(&mut self, c: char) {
        if std::mem::take(&mut self.escaped) {
            return;
        }
        match self.quote {
            _ if c == '\\' && self.quote != Some('\'') => self.escaped = true,
            Some(quote) if c == quote => self.quote = None,
            None if matches!(c, '\'' | '"' | '`') => self.quote = Some(c),
            _ => {}
        }
    }
}

impl Node {
    /// Whether an argument is the word `AS` of `FROM image AS name`.
    pub(super) fn is_keyword(&self, index: usize) -> bool {
        index == 1
            && self.args.len() == 3
            && self.args[1].text.eq_ignore_ascii_case("as")
            && self.name.text.eq_ignore_ascii_case("from")
    }

    /// Whether the arguments are text for a shell.
    pub(super) fn is_shell_command(&self) -> bool {
        let name = &self.name.text;
        !self.json
            && ["run", "cmd", "entrypoint", "healthcheck"].iter().any(|command| name.eq_ignore_ascii_case(command))
    }
}
