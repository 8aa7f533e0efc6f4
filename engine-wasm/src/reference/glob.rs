//! Shell patterns as Go's `path.Match` reads them, for `--filter reference=…`.
//! `*` and `?` stop at `/`; a malformed pattern is an error as soon as it is reached.

/// The pattern is malformed: an open class, a range without end, a trailing backslash.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("syntax error in pattern")]
pub struct BadPattern;

/// Whether the whole of `name` matches `pattern`.
///
/// # Errors
/// [`BadPattern`] for a malformed pattern, also where the part before the fault already failed to match.
pub fn glob_match(pattern: &str, name: &str) -> Result<bool, BadPattern> {
    let tokens = compile(pattern)?;
    let name: Vec<char> = name.chars().collect();
    // Greedy with one way back: to the last star, one character further.
    let (mut token, mut at) = (0, 0);
    let mut back: Option<(usize, usize)> = None;
    loop {
        if let Some(Token::Star) = tokens.get(token) {
            back = Some((token, at));
            token += 1;
            continue;
        }
        let matched = match (tokens.get(token), name.get(at)) {
            (None, None) => return Ok(true),
            (Some(t), Some(c)) => t.matches(*c),
            _ => false,
        };
        if matched {
            token += 1;
            at += 1;
            continue;
        }
        match back {
            Some((star, from)) if name.get(from).is_some_and(|c| *c != '/') => {
                back = Some((star, from + 1));
                token = star + 1;
                at = from + 1;
            }
            _ => return Ok(false),
        }
    }
}

enum Token {
    Star,
    Any,
    Literal(char),
    Class { negated: bool, ranges: Vec<(char, char)> },
}

impl Token {
    fn matches(&self, c: char) -> bool {
        match self {
            Self::Star => false,
            Self::Any => c != '/',
            Self::Literal(l) => *l == c,
            Self::Class { negated, ranges } => ranges.iter().any(|(lo, hi)| (*lo..=*hi).contains(&c)) != *negated,
        }
    }
}

fn compile(pattern: &str) -> Result<Vec<Token>, BadPattern> {
    let mut tokens = Vec::new();
    let mut chars = pattern.chars().peekable();
    while let Some(c) = chars.next() {
        tokens.push(match c {
            '*' => Token::Star,
            '?' => Token::Any,
            '\\' => Token::Literal(chars.next().ok_or(BadPattern)?),
            '[' => {
                let negated = chars.next_if_eq(&'^').is_some();
                let mut ranges = Vec::new();
                loop {
                    if !ranges.is_empty() && chars.next_if_eq(&']').is_some() {
                        break;
                    }
                    let lo = class_char(&mut chars)?;
                    let hi = if chars.next_if_eq(&'-').is_some() { class_char(&mut chars)? } else { lo };
                    ranges.push((lo, hi));
                }
                Token::Class { negated, ranges }
            }
            c => Token::Literal(c),
        });
    }
    Ok(tokens)
}

fn class_char(chars: &mut std::iter::Peekable<std::str::Chars<'_>>) -> Result<char, BadPattern> {
    match chars.next() {
        None | Some('-' | ']') => Err(BadPattern),
        Some('\\') => chars.next().ok_or(BadPattern),
        Some(c) => Ok(c),
    }
}
