//! Reads an expression. None stands for Go's errors: nothing here needs to tell them apart.

use super::class::{Class, perl, posix};
use super::{Assertion, Node};

/// Times a `{n,m}` may ask for.
const MAX_REPEAT: i64 = 1000;

/// The whole expression as a tree.
pub(super) fn parse(text: &str) -> Option<Node> {
    let mut parser = Parser { rest: text };
    let node = parser.alternation(true)?;
    parser.rest.is_empty().then_some(node)
}

struct Parser<'a> {
    rest: &'a str,
}

impl<'a> Parser<'a> {
    fn next(&mut self) -> Option<char> {
        let c = self.rest.chars().next()?;
        self.rest = self.rest.get(c.len_utf8()..)?;
        Some(c)
    }

    fn eat(&mut self, prefix: &str) -> bool {
        self.rest.strip_prefix(prefix).inspect(|rest| self.rest = rest).is_some()
    }

    /// Alternatives up to the end or, in a group, its `)`. Patterns make groups of one level only.
    fn alternation(&mut self, top: bool) -> Option<Node> {
        let mut alternatives = Vec::new();
        let mut sequence: Vec<Node> = Vec::new();
        let mut after_repeat = false;
        loop {
            if !top && self.rest.starts_with(')') {
                break;
            }
            let before = self.rest;
            let Some(c) = self.next() else { break };
            let mut repeat = None;
            match c {
                '|' => alternatives.push(Node::Concat(std::mem::take(&mut sequence))),
                '(' if top => {
                    let group = self.alternation(false)?;
                    if !self.eat(")") {
                        return None;
                    }
                    sequence.push(group);
                }
                '(' | ')' => return None,
                '^' => sequence.push(Node::Assert(Assertion::Begin)),
                '$' => sequence.push(Node::Assert(Assertion::End)),
                '.' => {
                    sequence.push(Node::Class(Class { negated: true, ranges: vec![('\n', '\n')], ..Class::default() }));
                }
                '[' => sequence.push(Node::Class(self.class()?)),
                '*' => repeat = Some((0, None)),
                '+' => repeat = Some((1, None)),
                '?' => repeat = Some((0, Some(1))),
                '{' => {
                    self.rest = before;
                    match self.counts() {
                        Some((min, max)) => {
                            let most = max.unwrap_or(min);
                            if !(0..=MAX_REPEAT).contains(&min) || most > MAX_REPEAT || most < min {
                                return None;
                            }
                            repeat = Some((min, max));
                        }
                        None => {
                            self.rest = before.get(1..)?;
                            sequence.push(Node::Char('{'));
                        }
                    }
                }
                '\\' => self.escape(&mut sequence)?,
                c => sequence.push(Node::Char(c)),
            }
            if let Some((min, max)) = repeat {
                self.eat("?");
                if after_repeat {
                    return None;
                }
                let node = Box::new(sequence.pop()?);
                let max = max.and_then(|max| usize::try_from(max).ok());
                sequence.push(Node::Repeat { node, min: usize::try_from(min).ok()?, max });
            }
            after_repeat = repeat.is_some();
        }
        alternatives.push(Node::Concat(sequence));
        Some(Node::Alternate(alternatives))
    }

    /// What a backslash stands for outside a class.
    fn escape(&mut self, sequence: &mut Vec<Node>) -> Option<()> {
        let before = self.rest;
        match self.next()? {
            'A' => sequence.push(Node::Assert(Assertion::Begin)),
            'z' => sequence.push(Node::Assert(Assertion::End)),
            'b' => sequence.push(Node::Assert(Assertion::WordBoundary)),
            'B' => sequence.push(Node::Assert(Assertion::NoWordBoundary)),
            'Q' => {
                let (literal, rest) = self.rest.split_once("\\E").unwrap_or((self.rest, ""));
                sequence.extend(literal.chars().map(Node::Char));
                self.rest = rest;
            }
            c => match perl(c) {
                Some((ranges, negated)) => {
                    let mut class = Class::default();
                    class.add(ranges, negated);
                    sequence.push(Node::Class(class));
                }
                None => {
                    self.rest = before;
                    sequence.push(Node::Char(self.escaped_char()?));
                }
            },
        }
        Some(())
    }

    /// The character that an escape names; the backslash is read already.
    fn escaped_char(&mut self) -> Option<char> {
        let octal = |rest: &str| rest.chars().next().and_then(|c| c.to_digit(8));
        match self.next()? {
            c @ '0'..='7' => {
                if c != '0' && octal(self.rest).is_none() {
                    return None;
                }
                let mut value = c.to_digit(8)?;
                for _ in 0..2 {
                    let Some(digit) = octal(self.rest) else { break };
                    value = value * 8 + digit;
                    self.next();
                }
                char::from_u32(value)
            }
            'x' if self.eat("{") => {
                let (digits, rest) = self.rest.split_once('}')?;
                self.rest = rest;
                let digits = digits.trim_start_matches('0').len().le(&6).then_some(digits)?;
                hex(digits)
            }
            'x' => {
                let digits = self.rest.get(..2)?;
                self.rest = self.rest.get(2..)?;
                hex(digits)
            }
            'a' => Some('\x07'),
            'f' => Some('\x0C'),
            'n' => Some('\n'),
            'r' => Some('\r'),
            't' => Some('\t'),
            'v' => Some('\x0B'),
            c => (c.is_ascii() && !c.is_ascii_alphanumeric()).then_some(c),
        }
    }

    /// A class; its `[` is read already.
    fn class(&mut self) -> Option<Class> {
        let mut class = Class { negated: self.eat("^"), ..Class::default() };
        let mut first = true;
        while first || !self.rest.starts_with(']') {
            first = false;
            if let Some((name, rest)) = self.rest.strip_prefix("[:").and_then(|rest| rest.split_once(":]")) {
                class.add(posix(name.strip_prefix('^').unwrap_or(name))?, name.starts_with('^'));
                self.rest = rest;
                continue;
            }
            let set = self.rest.strip_prefix('\\').and_then(|rest| perl(rest.chars().next()?));
            if let Some((ranges, negated)) = set {
                class.add(ranges, negated);
                self.rest = self.rest.get(2..)?;
                continue;
            }
            let lo = self.class_char()?;
            let mut hi = lo;
            if self.rest.len() >= 2 && self.rest.starts_with('-') && !self.rest.starts_with("-]") {
                self.next();
                hi = self.class_char()?;
            }
            if hi < lo {
                return None;
            }
            class.ranges.push((lo, hi));
        }
        self.next();
        Some(class)
    }

    fn class_char(&mut self) -> Option<char> {
        match self.next()? {
            '\\' => self.escaped_char(),
            c => Some(c),
        }
    }

    /// `{n}`, `{n,}` or `{n,m}`; None where a brace stands for itself.
    fn counts(&mut self) -> Option<(i64, Option<i64>)> {
        let (inside, rest) = self.rest.strip_prefix('{')?.split_once('}')?;
        let number = |text: &str| -> Option<i64> {
            let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
            let leading_zero = text.len() > 1 && text.starts_with('0');
            // What has too many digits is too large, whatever it is.
            (digits && !leading_zero).then(|| text.parse().unwrap_or(i64::MAX))
        };
        let counts = match inside.split_once(',') {
            None => {
                let times = number(inside)?;
                (times, Some(times))
            }
            Some((min, "")) => (number(min)?, None),
            Some((min, max)) => (number(min)?, Some(number(max)?)),
        };
        self.rest = rest;
        Some(counts)
    }
}

fn hex(digits: &str) -> Option<char> {
    let all = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_hexdigit());
    all.then(|| u32::from_str_radix(digits, 16).ok()).flatten().and_then(char::from_u32)
}
