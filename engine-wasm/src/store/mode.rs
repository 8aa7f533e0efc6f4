//! `--chmod`: octal or symbolic, as chmod(1) has it without a umask (`u+rwX,go-w`, `g=u`).

/// A change of a mode.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mode {
    /// The mode itself: also that of directories which have to be made.
    Octal(u32),
    /// Clauses to apply.
    Symbolic(Vec<Clause>),
}

/// `ugo` `=+-` `rwxXst` or `ugo`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Clause {
    /// Bits that may change; 0 when nobody is named, which is everybody.
    who: u32,
    operator: u8,
    what: What,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum What {
    Bits {
        bits: u32,
        /// `X`: execution where it is a directory or somebody may execute it.
        search: bool,
    },
    /// The bits of user (6), group (3) or others (0).
    Copy(u32),
}

/// Why a `--chmod` was not understood.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ModeError {
    /// It looks like a number but is none that can be a mode.
    #[error("invalid chmod parameter: '{0}'. it should be octal string and between 0 and 07777")]
    Octal(String),
    /// It is no clause.
    #[error("invalid syntax")]
    Syntax,
}

impl Mode {
    /// Reads the value of `--chmod`.
    ///
    /// # Errors
    /// [`ModeError`], with BuildKit's texts.
    pub fn parse(text: &str) -> Result<Self, ModeError> {
        if text.starts_with(|c: char| c.is_ascii_digit()) {
            let octal = text.bytes().all(|b| matches!(b, b'0'..=b'7'));
            let mode = if octal { u32::from_str_radix(text, 8).ok() } else { None };
            return mode.filter(|m| *m <= 0o7777).map(Self::Octal).ok_or_else(|| ModeError::Octal(text.to_owned()));
        }
        let mut clauses = Vec::new();
        for part in text.split(',') {
            let rest = part.trim_start_matches(['u', 'g', 'o', 'a']);
            let who = part.get(..part.len() - rest.len()).unwrap_or_default();
            let who = who.bytes().fold(0, |bits, b| {
                bits | match b {
                    b'u' => 0o4700,
                    b'g' => 0o2070,
                    b'o' => 0o0007,
                    _ => 0o6777,
                }
            });
            let mut rest = rest.as_bytes();
            if rest.is_empty() {
                return Err(ModeError::Syntax);
            }
            while let Some((&operator, after)) = rest.split_first() {
                if !matches!(operator, b'+' | b'-' | b'=') {
                    return Err(ModeError::Syntax);
                }
                let length = after.iter().take_while(|b| !matches!(b, b'+' | b'-' | b'=')).count();
                let (letters, next) = after.split_at(length);
                rest = next;
                clause(&mut clauses, who, operator, letters)?;
            }
        }
        Ok(Self::Symbolic(clauses))
    }

    /// The mode of something that has `mode`.
    pub fn apply(&self, mode: u32, is_dir: bool) -> u32 {
        let clauses = match self {
            Self::Octal(mode) => return *mode,
            Self::Symbolic(clauses) => clauses,
        };
        let mut new = mode;
        for clause in clauses {
            let who = if clause.who == 0 { 0o7777 } else { clause.who };
            let bits = match &clause.what {
                What::Bits { bits, search } => {
                    let search = *search && (is_dir || mode & 0o111 != 0 || clause.operator == b'-');
                    (bits | if search { 0o111 } else { 0 }) & (who | bits & 0o1000)
                }
                What::Copy(shift) => (((new >> shift) & 7) * 0o111) & who,
            };
            match clause.operator {
                b'+' => new |= bits,
                b'-' => new &= !bits,
                // Everybody's `=` leaves the sticky bit unless it is named.
                _ => new = new & !(if clause.who == 0 { 0o6777 } else { clause.who } | bits & 0o1000) | bits,
            }
        }
        new & 0o7777
    }
}

fn clause(clauses: &mut Vec<Clause>, who: u32, operator: u8, letters: &[u8]) -> Result<(), ModeError> {
    let (mut bits, mut search, mut copies) = (0, false, Vec::new());
    for letter in letters {
        match letter {
            b'r' => bits |= 0o444,
            b'w' => bits |= 0o222,
            b'x' => bits |= 0o111,
            b'X' => search = true,
            // Set-id and sticky bits mean nothing for others alone.
            b's' if who == 0 || who & !0o0007 != 0 => bits |= 0o6000,
            b't' if who == 0 || who & !0o0007 != 0 => bits |= 0o1000,
            b's' | b't' => {}
            b'u' => copies.push(6),
            b'g' => copies.push(3),
            b'o' => copies.push(0),
            _ => return Err(ModeError::Syntax),
        }
    }
    if bits != 0 || search || copies.is_empty() {
        clauses.push(Clause { who, operator, what: What::Bits { bits, search } });
    }
    for (i, shift) in copies.into_iter().enumerate() {
        let again = operator == b'=' && (i > 0 || bits != 0 || search);
        clauses.push(Clause { who, operator: if again { b'+' } else { operator }, what: What::Copy(shift) });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modes_change_as_chmod_changes_them() {
        for (text, from, dir, to) in [
            ("755", 0o644, false, 0o755),
            ("04755", 0o644, false, 0o4755),
            ("u+x", 0o644, false, 0o744),
            ("+x", 0o644, false, 0o755),
            ("a=r", 0o777, false, 0o444),
            ("go-rwx", 0o777, false, 0o700),
            ("u=rwX,go=rX", 0o600, false, 0o644),
            ("u=rwX,go=rX", 0o600, true, 0o755),
            ("u=rwX,go=rX", 0o700, false, 0o755),
            ("g=u", 0o640, false, 0o660),
            ("o+g", 0o750, false, 0o755),
            ("g+s", 0o755, true, 0o2755),
            ("u+s,g-w", 0o775, false, 0o4755),
            ("+t", 0o777, true, 0o1777),
            ("=", 0o777, false, 0),
            ("u-w+x", 0o644, false, 0o544),
            ("o+s", 0o644, false, 0o644),
        ] {
            assert_eq!(Mode::parse(text).unwrap().apply(from, dir), to, "{text} on {from:o}");
        }
    }

    #[test]
    fn what_is_no_mode_is_refused() {
        assert_eq!(
            Mode::parse("10000").unwrap_err().to_string(),
            "invalid chmod parameter: '10000'. it should be octal string and between 0 and 07777"
        );
        assert!(matches!(Mode::parse("9"), Err(ModeError::Octal(_))));
        for text in ["u", "u~x", "u+q", "z", ",", "u+x,"] {
            assert_eq!(Mode::parse(text), Err(ModeError::Syntax), "{text}");
        }
    }
}
