//! Shell patterns in `${x#p}`, `${x%p}`, `${x/p/r}` (`shell/lex.go`, `convertShellPatternToRegex`).
//! `*` and `?` are the only wildcards, and neither passes a line end. Time is pattern × text, whatever the pattern.

enum Token {
    Star,
    Any,
    Literal(char),
}

/// A compiled pattern.
pub(super) struct Pattern {
    tokens: Vec<Token>,
    greedy: bool,
}

impl Pattern {
    /// Compiles; the error is BuildKit's text.
    pub(super) fn new(pattern: &str, greedy: bool) -> Result<Self, String> {
        let mut tokens = Vec::new();
        let mut chars = pattern.chars().peekable();
        while let Some(c) = chars.next() {
            tokens.push(match c {
                '*' => Token::Star,
                '?' => Token::Any,
                '\\' if matches!(chars.peek(), Some('}' | '/')) => continue,
                '\\' => match chars.next() {
                    Some(c @ ('*' | '?' | '\\')) => Token::Literal(c),
                    c => {
                        return Err(format!("invalid escape '\\{}'", c.unwrap_or(char::REPLACEMENT_CHARACTER)));
                    }
                },
                c => Token::Literal(c),
            });
        }
        Ok(Self { tokens, greedy })
    }

    /// For every place in the text, where the match that begins there ends.
    fn ends(&self, text: &[char]) -> Vec<Option<usize>> {
        let mut ends: Vec<Option<usize>> = (0..=text.len()).map(Some).collect();
        for token in self.tokens.iter().rev() {
            let mut row = vec![None; text.len() + 1];
            for at in (0..=text.len()).rev() {
                let next = text.get(at).copied();
                row[at] = match token {
                    Token::Star => {
                        let more = if next.is_some_and(|c| c != '\n') { row[at + 1] } else { None };
                        if self.greedy { more.or(ends[at]) } else { ends[at].or(more) }
                    }
                    Token::Any if next.is_some_and(|c| c != '\n') => ends[at + 1],
                    Token::Literal(c) if next == Some(*c) => ends[at + 1],
                    _ => None,
                };
            }
            ends = row;
        }
        ends
    }

    /// The text without what the pattern matches at its beginning.
    pub(super) fn trim_prefix(&self, text: &[char]) -> Vec<char> {
        let end = self.ends(text).first().copied().flatten().unwrap_or(0);
        text[end..].to_vec()
    }

    /// The text with the first match, or every one, replaced; `None` when that comes to more than `most` bytes.
    pub(super) fn replace(&self, text: &str, replacement: &str, all: bool, most: usize) -> Option<String> {
        let text: Vec<char> = text.chars().collect();
        let ends = self.ends(&text);
        let mut out = String::new();
        let mut copied = 0;
        let mut at = 0;
        let mut last_end = None;
        while at <= text.len() {
            // An empty match right after another match does not count.
            let Some(end) = ends[at].filter(|end| *end > at || last_end != Some(at)) else {
                at += 1;
                continue;
            };
            out.extend(&text[copied..at]);
            if all {
                let matched: String = text[at..end].iter().collect();
                expand(&mut out, replacement, &matched);
            } else {
                out.push_str(replacement);
            }
            if out.len() > most {
                return None;
            }
            copied = end;
            last_end = Some(end);
            at = end.max(at + 1);
            if !all {
                break;
            }
            if end < at {
                // An empty match: its place is copied with what follows.
                continue;
            }
        }
        out.extend(&text[copied..]);
        (out.len() <= most).then_some(out)
    }
}

/// A replacement as Go's regular expressions expand it: `$0` is the match, any other group is empty, `$$` a dollar.
fn expand(out: &mut String, template: &str, matched: &str) {
    let mut rest = template;
    while let Some(at) = rest.find('$') {
        out.push_str(&rest[..at]);
        let after = &rest[at + 1..];
        let word = |s: &str| s.find(|c: char| !(c == '_' || c.is_alphanumeric())).unwrap_or(s.len());
        let (name, used) = if let Some(tail) = after.strip_prefix('$') {
            out.push('$');
            rest = tail;
            continue;
        } else if let Some(braced) = after.strip_prefix('{') {
            let end = word(braced);
            if end == 0 || !braced[end..].starts_with('}') {
                out.push('$');
                rest = after;
                continue;
            }
            (&braced[..end], end + 2)
        } else {
            let end = word(after);
            if end == 0 {
                out.push('$');
                rest = after;
                continue;
            }
            (&after[..end], end)
        };
        if name.bytes().all(|b| b == b'0') && name.len() == 1 {
            out.push_str(matched);
        }
        rest = &after[used..];
    }
    out.push_str(rest);
}

/// A pattern read backwards, escapes kept before what they escape.
pub(super) fn reverse(pattern: &str) -> String {
    let chars: Vec<char> = pattern.chars().collect();
    let mut pieces = Vec::new();
    let mut at = 0;
    while at < chars.len() {
        let size = if chars[at] == '\\' && at + 1 < chars.len() { 2 } else { 1 };
        pieces.push(&chars[at..at + size]);
        at += size;
    }
    pieces.into_iter().rev().flatten().collect()
}
