//! Measuring: medians of repeated runs, and a table of ours against a peer's. Pure but for the clock.

use std::time::{Duration, Instant};

use anyhow::Result;

/// Times several peers in turns, so that what else happens on the machine meets all of them; one round before warms up.
/// `work` gets the peer's number and the round; the result holds each peer's times in milliseconds.
pub(super) fn interleaved(
    times: usize,
    peers: usize,
    mut work: impl FnMut(usize, usize) -> Result<()>,
) -> Result<Vec<Vec<f64>>> {
    let mut taken = vec![Vec::with_capacity(times); peers];
    for round in 0..=times {
        for (peer, taken) in taken.iter_mut().enumerate() {
            let begun = Instant::now();
            work(peer, round)?;
            if round > 0 {
                taken.push(millis(begun.elapsed()));
            }
        }
    }
    Ok(taken)
}

/// Runs something `times` times after one run to warm up, and gives the median in milliseconds.
pub(super) fn median_ms(times: usize, mut work: impl FnMut(usize) -> Result<()>) -> Result<f64> {
    let taken = interleaved(times, 1, |_, round| work(round))?;
    Ok(median(taken.concat()))
}

/// The middle value; of an even number, the mean of the middle two.
pub(super) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.len() {
        0 => f64::NAN,
        n if n % 2 == 1 => values[middle],
        _ => (values[middle - 1] + values[middle]) / 2.0,
    }
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

/// One line of the result.
#[derive(Debug)]
pub(super) struct Row {
    /// What was measured.
    pub(super) what: &'static str,
    /// Ours.
    pub(super) ours: f64,
    /// The peer's name and value, when it is on this machine.
    pub(super) peer: Option<(String, f64)>,
    /// Unit of both.
    pub(super) unit: &'static str,
    /// What was promised, for the eye; a bench does not fail.
    pub(super) promise: &'static str,
}

impl Row {
    /// The line as printed: the ratio is how many times the peer's value is ours.
    pub(super) fn shown(&self) -> String {
        let Self { what, ours, unit, promise, .. } = self;
        let (peer, ratio) = match &self.peer {
            Some((name, value)) => (format!("{name} {value:.1} {unit}"), format!("{:.1} x", value / ours)),
            None => ("-".to_owned(), "-".to_owned()),
        };
        format!("{what:<46} {:>12} {peer:>24} {ratio:>8}   {promise}", format!("{ours:.1} {unit}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_middle_and_not_moved_by_one_slow_run() {
        assert_eq!(median(vec![3.0, 1000.0, 1.0]), 3.0);
        assert_eq!(median(vec![4.0, 1.0, 2.0, 9.0]), 3.0);
    }

    #[test]
    fn a_row_shows_how_many_times_the_peer_is_ours() {
        let row = Row { what: "start", ours: 10.0, peer: Some(("crun".into(), 25.0)), unit: "ms", promise: "" };
        assert!(row.shown().contains("2.5 x"), "{}", row.shown());
    }
}
