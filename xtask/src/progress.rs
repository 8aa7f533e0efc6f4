//! What a person sees while set-up works: a line when a step begins, a line with its time when it has ended.

use std::time::{Duration, Instant};

use anyhow::Result;

/// Runs a step between its two lines. The step's own output, if any, stands between them.
pub fn step<T>(title: &str, work: impl FnOnce() -> Result<T>) -> Result<T> {
    eprintln!("==> {title}");
    let begun = Instant::now();
    let value = work()?;
    eprintln!("    done in {}", human(begun.elapsed()));
    Ok(value)
}

fn human(time: Duration) -> String {
    let seconds = time.as_secs();
    match seconds {
        0..10 => format!("{:.1} s", time.as_secs_f64()),
        10..100 => format!("{seconds} s"),
        _ => format!("{} min {:02} s", seconds / 60, seconds % 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_as_exact_as_a_person_cares_for() {
        assert_eq!(human(Duration::from_millis(1234)), "1.2 s");
        assert_eq!(human(Duration::from_millis(16_900)), "16 s");
        assert_eq!(human(Duration::from_secs(125)), "2 min 05 s");
    }
}
