//! One word: quotes, escapes, expansions.

use super::{Parser, Word};

impl Parser<'_> {
    pub(super) fn word(&mut self, depth: usize) -> Option<Word> {
        let mut word = Word { literal: true, range: self.at..self.at, ..Word::default() };
        while let Some(c) = self.peek() {
            match c {
                ' ' | '\t' | '\r' | '\n' | ';' | '&' | '|' | '<' | '>' | '(' | ')' => break,
                '\'' => {
                    self.at += 1;
                    let end = self.rest().find('\'')?;
                    word.text.push_str(&self.source.text[self.at..self.at + end]);
                    self.at += end + 1;
                    word.quoted = true;
                }
                '"' => {
                    self.at += 1;
                    word.quoted = true;
                    self.double(&mut word, depth)?;
                }
                '\\' => {
                    self.at += 1;
                    match self.bump() {
                        Some('\n') | None => {}
                        Some(c) => word.text.push(c),
                    }
                    word.quoted = true;
                }
                '$' => self.dollar(&mut word, depth)?,
                '`' if self.ticked => break,
                '`' => self.backticks(&mut word, depth)?,
                '{' => self.brace(&mut word),
                c => {
                    self.at += c.len_utf8();
                    word.text.push(c);
                }
            }
        }
        word.range.end = self.at;
        Some(word)
    }

    fn double(&mut self, word: &mut Word, depth: usize) -> Option<()> {
        loop {
            match self.peek()? {
                '"' => {
                    self.at += 1;
                    return Some(());
                }
                '\\' => {
                    self.at += 1;
                    let c = self.bump()?;
                    match c {
                        '\n' => {}
                        '$' | '`' | '"' | '\\' => word.text.push(c),
                        c => word.text.extend(['\\', c]),
                    }
                }
                '$' => self.dollar(word, depth)?,
                '`' if self.ticked => return None,
                '`' => self.backticks(word, depth)?,
                c => {
                    self.at += c.len_utf8();
                    word.text.push(c);
                }
            }
        }
    }

    fn backticks(&mut self, word: &mut Word, depth: usize) -> Option<()> {
        self.at += 1;
        let before = std::mem::take(&mut self.out.chain);
        self.ticked = true;
        self.list(Some('`'), depth + 1)?;
        self.ticked = false;
        self.out.chain = before;
        word.literal = false;
        word.text.push_str("${VAR}");
        Some(())
    }

    fn dollar(&mut self, word: &mut Word, depth: usize) -> Option<()> {
        self.at += 1;
        if self.arithmetic() {
            word.text.push_str("${VAR}");
        } else if self.take("(") {
            let (chain, before) = (self.out.chain, self.out.commands.len());
            self.list(Some(')'), depth + 1)?;
            self.out.chain = chain;
            word.text.push_str("${");
            for command in self.out.commands.get(before..).unwrap_or_default() {
                word.text.push_str(&command.name);
                command.args.iter().for_each(|arg| word.text.push_str(&arg.text));
            }
            word.text.push('}');
        } else if self.take("{") {
            let start = self.at;
            let mut open = 1;
            while open > 0 {
                match self.bump()? {
                    '\\' => {
                        self.bump();
                    }
                    '{' => open += 1,
                    '}' => open -= 1,
                    _ => {}
                }
            }
            word.text.push_str("${");
            word.text.push_str(&self.source.text[start..self.at]);
        } else if word.text.is_empty() && self.take("'") {
            loop {
                match self.bump()? {
                    '\'' => break,
                    '\\' => word.text.extend(self.bump()),
                    c => word.text.push(c),
                }
            }
            word.quoted = true;
            return Some(());
        } else {
            let start = self.at;
            match self.peek() {
                Some(c) if c.is_ascii_alphabetic() || c == '_' => {
                    while self.peek().is_some_and(|c| c.is_ascii_alphanumeric() || c == '_') {
                        self.at += 1;
                    }
                }
                Some('0'..='9' | '@' | '*' | '#' | '?' | '-' | '$' | '!') => self.at += 1,
                _ => {
                    word.text.push('$');
                    return Some(());
                }
            }
            word.text.push_str("${");
            word.text.push_str(&self.source.text[start..self.at]);
            word.text.push('}');
        }
        word.literal = false;
        Some(())
    }

    /// `{a,b}` stands for several words; what they are is not looked at.
    fn brace(&mut self, word: &mut Word) {
        let end = self.rest().find(|c: char| c.is_whitespace() || c == '}');
        let inner = end.filter(|end| self.rest()[*end..].starts_with('}')).map(|end| &self.rest()[1..end]);
        if inner.is_some_and(|inner| inner.contains(',') || inner.contains("..")) {
            self.at += end.unwrap_or(0) + 1;
            word.literal = false;
        } else {
            self.at += 1;
            word.text.push('{');
        }
    }
}
