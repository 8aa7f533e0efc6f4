//! Sets of characters: `[a-z]`, `\d`, `[[:alpha:]]`, `.`.

/// Ranges, or all but them.
#[derive(Debug, Clone, Default)]
pub(super) struct Class {
    pub(super) negated: bool,
    pub(super) ranges: Vec<(char, char)>,
    /// Ranges of which everything else belongs to the class: `[\D]`, `[[:^alpha:]]`.
    pub(super) complements: Vec<&'static [(char, char)]>,
}

impl Class {
    pub(super) fn contains(&self, c: char) -> bool {
        let within = |ranges: &[(char, char)]| ranges.iter().any(|(lo, hi)| (*lo..=*hi).contains(&c));
        (within(&self.ranges) || self.complements.iter().any(|ranges| !within(ranges))) != self.negated
    }

    /// Adds a named set or what is not in it.
    pub(super) fn add(&mut self, ranges: &'static [(char, char)], negated: bool) {
        if negated {
            self.complements.push(ranges);
        } else {
            self.ranges.extend_from_slice(ranges);
        }
    }
}

const DIGIT: &[(char, char)] = &[('0', '9')];
const SPACE: &[(char, char)] = &[('\t', '\n'), ('\x0C', '\r'), (' ', ' ')];
const WORD: &[(char, char)] = &[('0', '9'), ('A', 'Z'), ('_', '_'), ('a', 'z')];

/// `\d`, `\S` and the like: the set, and whether its complement is meant.
pub(super) fn perl(letter: char) -> Option<(&'static [(char, char)], bool)> {
    let ranges = match letter.to_ascii_lowercase() {
        'd' => DIGIT,
        's' => SPACE,
        'w' => WORD,
        _ => return None,
    };
    Some((ranges, letter.is_ascii_uppercase()))
}

/// The set of `[:name:]`.
pub(super) fn posix(name: &str) -> Option<&'static [(char, char)]> {
    Some(match name {
        "alnum" => &[('0', '9'), ('A', 'Z'), ('a', 'z')],
        "alpha" => &[('A', 'Z'), ('a', 'z')],
        "ascii" => &[('\0', '\x7F')],
        "blank" => &[('\t', '\t'), (' ', ' ')],
        "cntrl" => &[('\0', '\x1F'), ('\x7F', '\x7F')],
        "digit" => DIGIT,
        "graph" => &[('!', '~')],
        "lower" => &[('a', 'z')],
        "print" => &[(' ', '~')],
        "punct" => &[('!', '/'), (':', '@'), ('[', '`'), ('{', '~')],
        "space" => &[('\t', '\r'), (' ', ' ')],
        "upper" => &[('A', 'Z')],
        "word" => WORD,
        "xdigit" => &[('0', '9'), ('A', 'F'), ('a', 'f')],
        _ => return None,
    })
}
