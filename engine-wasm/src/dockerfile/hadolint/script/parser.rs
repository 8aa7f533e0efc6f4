//! Lists, pipes and compound commands, down to the simple commands in them.

mod word;

use std::ops::Range;

use super::{Arg, Cmd, MAX_DEPTH, Script, Source};

/// A word as it is read.
#[derive(Default)]
struct Word {
    text: String,
    /// It holds no expansion.
    literal: bool,
    quoted: bool,
    range: Range<usize>,
}

/// A script on the way through.
pub(super) struct Parser<'a> {
    source: &'a Source,
    at: usize,
    out: Script,
    /// Delimiters of here-documents whose content begins on the next line, and whether tabs before them go.
    heredocs: Vec<(String, bool)>,
    /// Inside backticks, where the next one ends them.
    ticked: bool,
}

/// The command being read.
#[derive(Default)]
struct Current {
    words: Vec<Word>,
    /// Where it goes among the commands.
    index: usize,
    /// Its words are no command: `for x in …`, `[ … ]`.
    dropped: bool,
    /// Its words are a pattern of `case`.
    pattern: bool,
}

impl<'a> Parser<'a> {
    /// Reads a script; says whether it came to its end.
    pub(super) fn read(source: &'a Source) -> (bool, Script) {
        let out = Script { chain: true, ..Script::default() };
        let mut parser = Self { source, at: 0, out, heredocs: Vec::new(), ticked: false };
        let done = parser.list(None, 0);
        (done.is_some(), parser.out)
    }

    fn rest(&self) -> &str {
        &self.source.text[self.at..]
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn take(&mut self, text: &str) -> bool {
        let found = self.rest().starts_with(text);
        if found {
            self.at += text.len();
        }
        found
    }

    fn bump(&mut self) -> Option<char> {
        let c = self.peek()?;
        self.at += c.len_utf8();
        Some(c)
    }

    /// Reads commands up to `stop` (consumed), or to the end.
    fn list(&mut self, stop: Option<char>, depth: usize) -> Option<()> {
        if depth > MAX_DEPTH {
            return None;
        }
        let mut current = Current { index: self.out.commands.len(), ..Current::default() };
        let mut cases = 0usize;
        loop {
            let Some(c) = self.peek() else {
                self.end(&mut current);
                return stop.is_none().then_some(());
            };
            if Some(c) == stop && !(c == ')' && current.pattern) {
                self.at += 1;
                self.end(&mut current);
                return Some(());
            }
            match c {
                '|' | '(' | '\n' if current.pattern => self.at += 1,
                ')' if current.pattern => {
                    self.at += 1;
                    current.pattern = false;
                }
                ' ' | '\t' | '\r' => self.at += 1,
                '\\' if self.rest().starts_with("\\\n") => self.at += 2,
                '\n' => {
                    self.at += 1;
                    self.end(&mut current);
                    self.skip_heredocs();
                    self.out.chain = false;
                }
                '#' => self.at += self.rest().find('\n').unwrap_or(self.rest().len()),
                '&' if self.take("&&") => self.end(&mut current),
                '&' if self.take("&>>") || self.take("&>") => {
                    self.redirected(depth)?;
                }
                '|' if self.take("||") => {
                    self.end(&mut current);
                    self.out.chain = false;
                }
                '|' => {
                    self.at += 1;
                    self.take("&");
                    self.out.pipes = true;
                    self.out.chain = false;
                    self.end(&mut current);
                }
                '&' | ';' => {
                    let next_case = cases > 0 && self.rest().starts_with(";;");
                    while matches!(self.peek(), Some('&' | ';')) {
                        self.at += 1;
                    }
                    self.out.chain = false;
                    self.end(&mut current);
                    current.pattern = next_case;
                }
                '(' if current.words.is_empty() && self.arithmetic() => self.out.chain = false,
                '(' => {
                    self.at += 1;
                    self.out.chain = false;
                    if current.words.len() == 1 && self.take(")") {
                        // A function's name.
                        current = Current { index: self.out.commands.len(), ..Current::default() };
                    } else if current.words.is_empty() {
                        self.list(Some(')'), depth + 1)?;
                    } else {
                        return None;
                    }
                }
                ')' => return None,
                '<' | '>' => self.redirection(depth, &mut current)?,
                _ => {
                    let word = self.word(depth)?;
                    // The number before a redirection belongs to it.
                    let number = !word.text.is_empty() && word.text.bytes().all(|b| b.is_ascii_digit());
                    if !(number && matches!(self.peek(), Some('<' | '>'))) {
                        self.add(&mut current, word, &mut cases, depth)?;
                    }
                }
            }
        }
    }

    fn add(&mut self, current: &mut Current, word: Word, cases: &mut usize, depth: usize) -> Option<()> {
        if current.pattern {
            if word.text == "esac" && !word.quoted {
                (current.pattern, *cases) = (false, cases.saturating_sub(1));
            }
            return Some(());
        }
        if current.dropped {
            if word.text == "in" && current.words.len() == 1 && !word.quoted {
                // `case word in`: what comes next is a pattern.
                *current = Current { index: self.out.commands.len(), pattern: true, ..Current::default() };
            }
            return Some(());
        }
        if current.words.is_empty() && self.assigns(&word) {
            let array = self.source.text[word.range.clone()].ends_with('=') && self.take("(");
            return if array { self.array(depth) } else { Some(()) };
        }
        if current.words.is_empty() && !word.quoted {
            match word.text.as_str() {
                "if" | "then" | "elif" | "else" | "while" | "until" | "do" | "!" | "time" | "{" | "}" | "fi"
                | "done" => {
                    self.out.chain = self.out.chain && matches!(word.text.as_str(), "!" | "time");
                    return Some(());
                }
                "function" => {
                    // Its name and perhaps `()`; what follows is a command as any.
                    self.out.chain = false;
                    self.blanks();
                    self.word(depth)?;
                    self.blanks();
                    self.take("()");
                    return Some(());
                }
                "for" | "select" | "[" => {
                    self.out.chain &= word.text == "[";
                    current.dropped = true;
                    return Some(());
                }
                "case" => {
                    self.out.chain = false;
                    *cases += 1;
                    current.dropped = true;
                    // Tells it from `for`.
                    current.words.push(Word::default());
                    return Some(());
                }
                "esac" => {
                    *cases = cases.saturating_sub(1);
                    return Some(());
                }
                "[[" => {
                    let end = self.rest().find("]]")?;
                    self.at += end + 2;
                    return Some(());
                }
                _ => {}
            }
        }
        current.words.push(word);
        Some(())
    }

    fn blanks(&mut self) {
        while self.take(" ") || self.take("\t") || self.take("\\\n") {}
    }

    /// The words of `name=(…)`, after the parenthesis: no commands, but there may be some in their substitutions.
    fn array(&mut self, depth: usize) -> Option<()> {
        loop {
            match self.peek()? {
                ')' => {
                    self.at += 1;
                    return Some(());
                }
                ' ' | '\t' | '\r' | '\n' => self.at += 1,
                '#' => self.at += self.rest().find('\n')?,
                ';' | '&' | '|' | '<' | '>' | '(' => return None,
                _ => {
                    self.word(depth)?;
                }
            }
        }
    }

    /// `name=…`, whose name is neither quoted nor expanded.
    fn assigns(&self, word: &Word) -> bool {
        let raw = &self.source.text[word.range.clone()];
        raw.split_once('=').is_some_and(|(name, _)| {
            let name = name.strip_suffix('+').unwrap_or(name);
            let name = name.split_once('[').filter(|(_, index)| index.ends_with(']')).map_or(name, |(name, _)| name);
            !name.is_empty()
                && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
                && !name.starts_with(|c: char| c.is_ascii_digit())
        })
    }

    fn end(&mut self, current: &mut Current) {
        let done = std::mem::replace(current, Current { index: 0, ..Current::default() });
        let mut words = done.words.into_iter();
        if let Some(first) = words.next().filter(|first| first.literal && !done.dropped) {
            let args: Vec<Word> = words.collect();
            let wrapper = matches!(first.text.as_str(), "busybox" | "builtin" | "command" | "run" | "exec");
            let inner = args.first().filter(|arg| wrapper && !arg.text.starts_with('-'));
            let named = match inner {
                Some(inner) if !inner.literal => None,
                Some(inner) => Some((inner.text.clone(), inner.range.clone())),
                None => Some((first.text, first.range)),
            };
            if let Some((name, range)) = named {
                let args =
                    args.into_iter().map(|arg| Arg { span: self.source.span(arg.range), text: arg.text }).collect();
                let index = done.index.min(self.out.commands.len());
                self.out.commands.insert(index, Cmd { name, args, span: self.source.span(range) });
            }
        }
        current.index = self.out.commands.len();
    }

    /// Goes past `((…))`. Where the inner parenthesis ends first, as in `((a) | b)`, it is none and nothing is taken.
    fn arithmetic(&mut self) -> bool {
        let Some(inside) = self.rest().strip_prefix("((") else { return false };
        let mut open = 1;
        for (at, byte) in inside.bytes().enumerate() {
            match byte {
                b'(' => open += 1,
                b')' => open -= 1,
                _ => continue,
            }
            if open == 0 {
                let ends = inside[at + 1..].starts_with(')');
                self.at += if ends { at + 4 } else { 0 };
                return ends;
            }
        }
        false
    }

    fn redirection(&mut self, depth: usize, current: &mut Current) -> Option<()> {
        let heredoc = self.rest().starts_with("<<") && !self.rest().starts_with("<<<");
        let process = self.rest().starts_with("<(") || self.rest().starts_with(">(");
        if process {
            let start = self.at;
            self.at += 2;
            self.list(Some(')'), depth + 1)?;
            current.words.push(Word { range: start..self.at, ..Word::default() });
            return Some(());
        }
        while self.peek().is_some_and(|c| matches!(c, '<' | '>' | '&' | '|')) {
            self.at += 1;
        }
        let chomp = heredoc && self.take("-");
        let word = self.redirected(depth)?;
        if heredoc {
            self.heredocs.push((word, chomp));
        }
        Some(())
    }

    /// The word after a redirection.
    fn redirected(&mut self, depth: usize) -> Option<String> {
        while matches!(self.peek(), Some(' ' | '\t')) {
            self.at += 1;
        }
        if self.rest().starts_with("<(") || self.rest().starts_with(">(") {
            self.at += 2;
            self.list(Some(')'), depth + 1)?;
            return Some(String::new());
        }
        self.word(depth).map(|word| word.text)
    }

    fn skip_heredocs(&mut self) {
        for (name, chomp) in std::mem::take(&mut self.heredocs) {
            while !self.rest().is_empty() {
                let line = self.rest().split_inclusive('\n').next().unwrap_or_default().to_owned();
                self.at += line.len();
                let line = line.trim_end_matches('\n');
                if (if chomp { line.trim_start_matches('\t') } else { line }) == name {
                    break;
                }
            }
        }
    }
}
