use super::*;

#[test]
fn sizes_have_four_digits_and_drop_zeros() {
    // Recorded from go-units under Go 1.27.
    for (bytes, text) in [
        (0.0, "0B"),
        (999.0, "999B"),
        (1000.0, "1kB"),
        (1024.0, "1.024kB"),
        (1_087_000.0, "1.087MB"),
        (999_950.0, "1000kB"),
        (3.42e9, "3.42GB"),
        (1e27, "1000YB"),
    ] {
        assert_eq!(human_size(bytes), text);
    }
    assert_eq!(human_size_with_precision(77_872_123.0, 3), "77.9MB");
    for (bytes, text) in [(1024.0, "1KiB"), (8_132_000_000.0, "7.574GiB"), (1.5 * 1024.0, "1.5KiB"), (1023.0, "1023B")]
    {
        assert_eq!(bytes_size(bytes), text);
    }
}

#[test]
fn durations_are_in_words() {
    for (seconds, text) in [
        (0.45, "Less than a second"),
        (1.0, "1 second"),
        (59.9, "59 seconds"),
        (60.0, "About a minute"),
        (119.0, "About a minute"),
        (120.0, "2 minutes"),
        (3599.0, "59 minutes"),
        (3600.0, "About an hour"),
        (5400.0, "2 hours"),
        (47.0 * 3600.0, "47 hours"),
        (48.0 * 3600.0, "2 days"),
        (14.0 * 86400.0, "2 weeks"),
        (60.0 * 86400.0, "2 months"),
        (2.0 * 365.0 * 86400.0, "2 years"),
    ] {
        assert_eq!(human_duration(seconds), text);
    }
}

#[test]
fn sizes_are_read_with_any_unit() {
    for (text, bytes) in [
        ("32", 32),
        ("32b", 32),
        ("32k", 32 << 10),
        ("32K", 32 << 10),
        ("32kb", 32 << 10),
        ("32 MiB", 32 << 20),
        ("1.5g", 3 << 29),
        (".5t", 1 << 39),
        ("1p", 1 << 50),
    ] {
        assert_eq!(ram_in_bytes(text), Ok(bytes), "{text}");
    }
    assert_eq!(from_human_size("44kB"), Ok(44_000));
}

#[test]
fn bad_sizes_are_explained_as_go_units_does() {
    for (text, error) in [
        ("", "invalid size: ''"),
        ("hello", "invalid size: 'hello'"),
        ("-32", "invalid size: '-32'"),
        (" 32 ", "strconv.ParseFloat: parsing \"\": invalid syntax"),
        ("32m b", "strconv.ParseFloat: parsing \"32m\": invalid syntax"),
        ("32bm", "invalid suffix: 'bm'"),
        ("32x", "invalid suffix: 'x'"),
        ("32kbi", "invalid suffix: 'kbi'"),
        ("32.3.4", "strconv.ParseFloat: parsing \"32.3.4\": invalid syntax"),
        ("1 ☃", "invalid suffix: '☃'"),
    ] {
        assert_eq!(ram_in_bytes(text).unwrap_err().to_string(), error, "{text}");
    }
}
