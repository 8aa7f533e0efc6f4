//! Ids and names: Docker's random `adjective_surname`, the rules for given names, and what a client may type to mean a container.

mod words;

use crate::error::{Error, Result};
use words::{ADJECTIVES, SURNAMES};

/// `len` random bytes as hexadecimal digits.
///
/// # Panics
/// When the kernel has no random numbers, which it always has once it has booted.
#[must_use]
pub fn random_hex(len: usize) -> String {
    let mut bytes = vec![0; len];
    getrandom::fill(&mut bytes).expect("the kernel provides random numbers");
    hex(&bytes)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

/// A container id: 64 hexadecimal digits whose first 12 are not all decimal, lest a hostname look like a number.
#[must_use]
pub fn new_id() -> String {
    loop {
        let id = random_hex(32);
        if id[..12].bytes().any(|b| b.is_ascii_alphabetic()) {
            return id;
        }
    }
}

/// A random `adjective_surname`; after some clashes a digit is added.
#[must_use]
pub fn random_name(attempt: usize) -> String {
    let mut bytes = [0u8; 4];
    getrandom::fill(&mut bytes).expect("the kernel provides random numbers");
    let pick = |list: &[&'static str], lo: u8, hi: u8| list[usize::from(u16::from_le_bytes([lo, hi])) % list.len()];
    let name = format!("{}_{}", pick(ADJECTIVES, bytes[0], bytes[1]), pick(SURNAMES, bytes[2], bytes[3]));
    if name == "boring_wozniak" {
        // Steve Wozniak is not boring.
        return random_name(attempt);
    }
    if attempt > 5 { format!("{name}{}", attempt % 10) } else { name }
}

/// Whether `name` follows `[a-zA-Z0-9][a-zA-Z0-9_.-]+`, without a leading slash.
#[must_use]
pub fn is_valid(name: &str) -> bool {
    name.len() > 1
        && name.as_bytes()[0].is_ascii_alphanumeric()
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"_.-".contains(&b))
}

/// Checks a name given by a client.
///
/// # Errors
/// Docker's sentence for an invalid name.
pub fn check(name: &str) -> Result<()> {
    if is_valid(name) {
        return Ok(());
    }
    Err(invalid(name))
}

/// Docker's sentence for a name that breaks the rule.
#[must_use]
pub fn invalid(name: &str) -> Error {
    Error::bad(format!("Invalid container name ({name}), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn generated_names_and_ids_are_valid() {
        for attempt in 0..200 {
            let name = random_name(attempt % 8);
            assert!(is_valid(&name), "{name}");
            let id = new_id();
            assert_eq!(id.len(), 64);
            assert!(id[..12].parse::<u64>().is_err());
        }
    }

    #[test]
    fn names_follow_dockers_rule() {
        for good in ["ab", "a.b", "0-_"] {
            assert!(check(good).is_ok(), "{good}");
        }
        for bad in ["", "a", "_a", "a/b", "ä1", "a b"] {
            let error = check(bad).unwrap_err().message;
            assert_eq!(error, format!("Invalid container name ({bad}), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed"));
        }
    }
}
