//! Counting what test runners say: cargo's and node's closing lines, and the `SKIP:` lines of tests that could not run here; and keeping
//! what they say of failures. Pure.

use std::fmt;
use std::ops::{Add, AddAssign};

/// How many tests ended how.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Tally {
    /// Did what they promise.
    pub(super) passed: u64,
    /// Did not.
    pub(super) failed: u64,
    /// Could not run here.
    pub(super) skipped: u64,
}

/// Reads a runner's output line by line.
#[derive(Debug, Default)]
pub(super) struct Reader {
    tally: Tally,
    /// Tests that returned early after a `SKIP:` line. Their runner counts them as passed.
    gave_up: u64,
    /// The part of the output that tells of failures is being read.
    in_failures: bool,
    failures: Vec<String>,
}

impl Tally {
    /// One check that passed or failed.
    pub(super) fn of(passed: bool) -> Self {
        Self { passed: u64::from(passed), failed: u64::from(!passed), skipped: 0 }
    }

    /// One check that could not run.
    pub(super) fn skip() -> Self {
        Self { skipped: 1, ..Self::default() }
    }
}

impl Reader {
    /// What was read so far.
    pub(super) fn tally(&self) -> Tally {
        let Tally { passed, failed, skipped } = self.tally;
        Tally { passed: passed.saturating_sub(self.gave_up), failed, skipped: skipped + self.gave_up }
    }

    /// What the runner told of failed tests, by lines.
    pub(super) fn failures(self) -> Vec<String> {
        self.failures
    }

    /// Adds what a line of a runner's output says, if it says anything.
    pub(super) fn read_line(&mut self, line: &str) {
        self.keep(line);
        let line = line.trim();
        if let Some(counts) = line.strip_prefix("test result: ") {
            // "ok. 3 passed; 0 failed; 1 ignored; 0 measured; …"
            for count in counts.split(['.', ';']) {
                let mut words = count.split_whitespace();
                let (Some(number), Some(kind)) = (words.next().and_then(|n| n.parse::<u64>().ok()), words.next())
                else {
                    continue;
                };
                match kind {
                    "passed" => self.tally.passed += number,
                    "failed" => self.tally.failed += number,
                    "ignored" => self.tally.skipped += number,
                    _ => {}
                }
            }
        } else if line.starts_with("SKIP:") {
            self.gave_up += 1;
        } else if let Some(count) = line.strip_prefix("# ").or_else(|| line.strip_prefix("ℹ ")) {
            let mut words = count.split_whitespace();
            let (kind, number) = (words.next(), words.next().and_then(|n| n.parse::<u64>().ok()));
            let Some(number) = number.filter(|_| words.next().is_none()) else { return };
            match kind {
                Some("pass") => self.tally.passed += number,
                Some("fail" | "cancelled") => self.tally.failed += number,
                Some("skipped" | "todo") => self.tally.skipped += number,
                _ => {}
            }
        }
    }
}

impl Reader {
    /// Keeps a line that tells of a failure: cargo prints them between `failures:` and the closing line, node after `failing tests:`.
    fn keep(&mut self, line: &str) {
        let closing = line.starts_with("test result: ");
        if ["failures:", "✖ failing tests:"].contains(&line.trim_end()) {
            self.in_failures = true;
        } else if self.in_failures && !closing {
            self.failures.push(line.to_owned());
        }
        if closing {
            self.in_failures = false;
        }
    }
}

impl Add for Tally {
    type Output = Self;

    fn add(mut self, other: Self) -> Self {
        self += other;
        self
    }
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.skipped += other.skipped;
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} passed, {} failed, {} skipped", self.passed, self.failed, self.skipped)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tally(lines: &str) -> Tally {
        let mut reader = Reader::default();
        lines.lines().for_each(|line| reader.read_line(line));
        reader.tally()
    }

    #[test]
    fn cargos_closing_lines_are_added_up() {
        let lines = "test result: ok. 7 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.10s\n\
                     test result: FAILED. 2 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.10s";
        assert_eq!(tally(lines), Tally { passed: 9, failed: 1, skipped: 1 });
    }

    #[test]
    fn nodes_closing_lines_are_read_in_both_of_its_formats() {
        assert_eq!(
            tally("# tests 5\n# pass 3\n# fail 1\n# skipped 1\n# cancelled 0"),
            Tally { passed: 3, failed: 1, skipped: 1 }
        );
        assert_eq!(tally("ℹ pass 4\nℹ fail 0\nℹ cancelled 1"), Tally { passed: 4, failed: 1, skipped: 0 });
        assert_eq!(tally("# pass 3 of them by luck"), Tally::default());
    }

    #[test]
    fn what_is_said_of_failures_is_kept() {
        let lines = "test a ... ok\ntest b ... FAILED\n\nsuccesses:\n\n---- a stdout ----\nall is well\n\nsuccesses:\n    a\n\n\
                     failures:\n\n---- b stdout ----\nleft: 1\n\nfailures:\n    b\n\ntest result: FAILED. 1 passed; 1 failed\n\
                     Running other tests\n";
        let node = "ℹ fail 1\n✖ failing tests:\n\n✖ c (1.2ms)\n  AssertionError: no";
        let mut reader = Reader::default();
        lines.lines().chain(node.lines()).for_each(|line| reader.read_line(line));
        let kept: Vec<String> = reader.failures().into_iter().filter(|line| !line.is_empty()).collect();
        assert_eq!(
            kept,
            ["---- b stdout ----", "left: 1", "    b", "✖ c (1.2ms)", "  AssertionError: no"],
            "the runner's other lines are left out"
        );
    }

    #[test]
    fn a_test_that_skipped_itself_is_not_counted_as_passed() {
        // Its output comes before or after the runner's closing line.
        let before = "SKIP: no user namespaces here\n\ntest result: ok. 2 passed; 0 failed; 0 ignored; 0 measured";
        let after = "test result: ok. 2 passed; 0 failed; 0 ignored\nSKIP: no user namespaces here";
        for lines in [before, after] {
            assert_eq!(tally(lines), Tally { passed: 1, failed: 0, skipped: 1 });
        }
    }
}
