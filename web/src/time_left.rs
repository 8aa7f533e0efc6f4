//! Time left, in words short enough for the header.

/// What is left of a session, for the eye: `2 h 05 min`, `58 min`, `4:31`, `0:00`.
#[must_use]
pub fn short(milliseconds: f64) -> String {
    let seconds = (milliseconds / 1000.0).max(0.0) as u64;
    let (hours, minutes) = (seconds / 3600, seconds / 60 % 60);
    match (hours, minutes) {
        (0, 0..10) => format!("{minutes}:{:02}", seconds % 60),
        (0, _) => format!("{minutes} min"),
        _ => format!("{hours} h {minutes:02} min"),
    }
}

#[cfg(test)]
mod tests {
    use super::short;

    #[test]
    fn seconds_are_shown_only_when_they_matter() {
        let minute = 60_000.0;
        assert_eq!(short(125.0 * minute), "2 h 05 min");
        assert_eq!(short(58.9 * minute), "58 min");
        assert_eq!(short(10.0 * minute), "10 min");
        assert_eq!(short(4.0 * minute + 31_000.0), "4:31");
        assert_eq!(short(-5.0), "0:00");
    }
}
