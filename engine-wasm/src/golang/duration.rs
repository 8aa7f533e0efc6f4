//! `time.Duration.String`.

/// So many nanoseconds as text: `1h0m30s`, `1.5s`, `250ms`.
pub(crate) fn duration(nanoseconds: i64) -> String {
    let sign = if nanoseconds < 0 { "-" } else { "" };
    let total = nanoseconds.unsigned_abs();
    let decimal = |unit: u64| {
        let text = format!("{}.{:0width$}", total / unit, total % unit, width = unit.ilog10() as usize);
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    };
    let body = match total {
        0 => return "0s".to_owned(),
        1..1_000 => format!("{total}ns"),
        1_000..1_000_000 => format!("{}µs", decimal(1_000)),
        1_000_000..1_000_000_000 => format!("{}ms", decimal(1_000_000)),
        _ => {
            let minutes = total / 60_000_000_000;
            let rest = total % 60_000_000_000;
            let seconds = format!("{}.{:09}", rest / 1_000_000_000, rest % 1_000_000_000);
            let seconds = seconds.trim_end_matches('0').trim_end_matches('.');
            match (minutes / 60, minutes % 60) {
                (0, 0) => format!("{seconds}s"),
                (0, m) => format!("{m}m{seconds}s"),
                (h, m) => format!("{h}h{m}m{seconds}s"),
            }
        }
    };
    format!("{sign}{body}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_written_in_their_largest_units() {
        for (nanoseconds, text) in [
            (0, "0s"),
            (7, "7ns"),
            (1_500, "1.5µs"),
            (20_000_000, "20ms"),
            (250_000_000, "250ms"),
            (1_000_000_000, "1s"),
            (1_500_000_000, "1.5s"),
            (90_000_000_000, "1m30s"),
            (3_600_000_000_000, "1h0m0s"),
            (-3_601_000_000_000, "-1h0m1s"),
            (5_400_000_000_000, "1h30m0s"),
        ] {
            assert_eq!(duration(nanoseconds), text);
        }
    }
}
