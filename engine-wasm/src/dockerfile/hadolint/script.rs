//! The commands in a shell script, as far as the rules need them: names, arguments and pipes, with their places.
//! No shell parser: what it cannot follow (an open quote, an open parenthesis) holds no commands, as in hadolint, where such a script does not parse either.

mod parser;
#[cfg(test)]
mod tests;

use std::ops::Range;

use parser::Parser;

/// Command substitutions nested deeper than this are not followed.
const MAX_DEPTH: usize = 30;

/// What a script does.
#[derive(Debug, Clone, Default)]
pub(super) struct Script {
    /// The text.
    pub(super) text: String,
    /// Its commands; one before those in its arguments.
    pub(super) commands: Vec<Cmd>,
    /// Whether there is a pipe.
    pub(super) pipes: bool,
    /// Whether commands are joined by `&&` only, so that another can be put at the end.
    pub(super) chain: bool,
}

/// A simple command.
#[derive(Debug, Clone, Default)]
pub(super) struct Cmd {
    /// The program.
    pub(super) name: String,
    /// The arguments, flags included, without quotes; `$x` is `${x}`.
    pub(super) args: Vec<Arg>,
    /// Bytes of the Dockerfile: the program's name.
    pub(super) span: Range<usize>,
}

/// An argument.
#[derive(Debug, Clone, Default)]
pub(super) struct Arg {
    pub(super) text: String,
    /// Bytes of the Dockerfile.
    pub(super) span: Range<usize>,
}

/// Text with the way back to where its pieces stand in the Dockerfile.
#[derive(Debug, Clone, Default)]
pub(super) struct Source {
    pub(super) text: String,
    pieces: Vec<(usize, usize)>,
}

impl Source {
    /// Adds a piece that begins at a byte of the Dockerfile.
    pub(super) fn push(&mut self, piece: &str, at: usize) {
        self.pieces.push((self.text.len(), at));
        self.text.push_str(piece);
    }

    fn at(&self, offset: usize) -> usize {
        let piece = self.pieces.partition_point(|(begin, _)| *begin <= offset).saturating_sub(1);
        self.pieces.get(piece).map_or(0, |(begin, source)| source + offset.saturating_sub(*begin))
    }

    fn span(&self, range: Range<usize>) -> Range<usize> {
        let start = self.at(range.start);
        if range.is_empty() { start..start } else { start..self.at(range.end - 1) + 1 }
    }
}

impl Script {
    /// Reads a script.
    pub(super) fn new(source: Source) -> Self {
        let (done, mut out) = Parser::read(&source);
        if !done {
            (out.commands, out.pipes, out.chain) = (Vec::new(), false, false);
        }
        out.text = source.text;
        out
    }
}

impl Cmd {
    /// Whether it is a call of `name` with one of these arguments.
    pub(super) fn is(&self, name: &str, any: &[&str]) -> bool {
        self.name == name && self.has(any)
    }

    pub(super) fn has(&self, any: &[&str]) -> bool {
        self.args.iter().any(|arg| any.contains(&arg.text.as_str()))
    }

    /// The flags, and which argument each is in: `-yq` is two, `--x=1` is `x`.
    fn flags(&self) -> impl Iterator<Item = (&str, usize)> {
        self.args.iter().enumerate().flat_map(|(index, arg)| {
            let text = arg.text.as_str();
            let long = text.strip_prefix("--").filter(|rest| !rest.is_empty());
            let short = text.strip_prefix('-').filter(|rest| long.is_none() && !rest.is_empty() && *rest != "-");
            let long = long.map(|long| long.split('=').next().unwrap_or(long));
            let short = short
                .into_iter()
                .flat_map(|short| short.char_indices().map(move |(at, c)| &short[at..at + c.len_utf8()]));
            long.into_iter().chain(short).map(move |flag| (flag, index))
        })
    }

    pub(super) fn count_flag(&self, name: &str) -> usize {
        self.flags().filter(|(flag, _)| *flag == name).count()
    }

    pub(super) fn has_flag(&self, any: &[&str]) -> bool {
        self.flags().any(|(flag, _)| any.contains(&flag))
    }

    /// The arguments that are no flags, without those that belong to a flag of `values`.
    pub(super) fn plain(&self, values: &[&str]) -> Vec<&Arg> {
        let dropped: Vec<usize> = self
            .flags()
            .filter(|(flag, index)| values.contains(flag) && !self.args[*index].text.contains('='))
            .map(|(_, index)| index + 1)
            .collect();
        let flags: Vec<usize> = self.flags().map(|(_, index)| index).collect();
        let kept = self.args.iter().enumerate().filter(|(index, _)| !dropped.contains(index) && !flags.contains(index));
        kept.map(|(_, arg)| arg).collect()
    }

    /// The arguments right after a flag.
    pub(super) fn values(&self, name: &str) -> Vec<&str> {
        let indices = self.flags().filter(|(flag, _)| *flag == name).map(|(_, index)| index + 1);
        indices.filter_map(|index| self.args.get(index)).map(|arg| arg.text.as_str()).collect()
    }

    /// Whether the arguments hold these in a row.
    pub(super) fn sequence(&self, words: &[&str]) -> bool {
        self.args.windows(words.len()).any(|window| window.iter().zip(words).all(|(arg, word)| arg.text == *word))
    }
}
