//! Floating-point numbers as text, as Go's `strconv.FormatFloat` writes them (`ftoa.go`).
//! The digits come from the Rust library, which rounds to nearest even on exact ties as Go does; here they are laid out.

/// Decimal places behind which every number has zeros only: the smallest has 1074. The Rust library takes no precision beyond 65535.
const EXACT: usize = 1100;

/// Decimal digits without trailing zeros and the position of the point before the first digit: `0.d₁d₂… × 10^point`.
struct Digits {
    digits: Vec<u8>,
    point: i32,
}

/// Digits of a finite number; `count` significant ones, or as few as tell the number apart.
fn digits(value: f64, count: Option<usize>) -> Digits {
    let text = match count {
        Some(n) => format!("{:.*e}", n.saturating_sub(1).min(EXACT), value.abs()),
        None => format!("{:e}", value.abs()),
    };
    from_scientific(&text)
}

fn from_scientific(text: &str) -> Digits {
    let (mantissa, exponent) = text.split_once('e').unwrap_or((text, "0"));
    let mut digits: Vec<u8> = mantissa.bytes().filter(u8::is_ascii_digit).collect();
    while digits.last() == Some(&b'0') {
        digits.pop();
    }
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let point = if digits.is_empty() { 0 } else { exponent + 1 };
    Digits { digits, point }
}

/// `strconv.FormatFloat(value, verb, precision, 64)` for the verbs `e E f g G b x X`; `None` is Go's precision −1, the shortest form.
pub(crate) fn format_float(value: f64, verb: char, precision: Option<usize>) -> String {
    if value.is_nan() {
        return "NaN".to_owned();
    }
    let sign = if value.is_sign_negative() { "-" } else { "" };
    if value.is_infinite() {
        return if sign.is_empty() { "+Inf".to_owned() } else { "-Inf".to_owned() };
    }
    let body = match verb {
        'e' | 'E' => {
            let digits = digits(value, precision.map(|p| p.saturating_add(1)));
            let places = precision.unwrap_or(digits.digits.len().saturating_sub(1));
            scientific(&digits, places, verb)
        }
        'g' | 'G' => general(value, verb, precision),
        'b' => binary(value),
        'x' | 'X' => hexadecimal(value, verb, precision),
        _ => match precision {
            Some(p) => {
                let mut text = format!("{:.*}", p.min(EXACT), value.abs());
                text.extend(std::iter::repeat_n('0', p.saturating_sub(EXACT)));
                text
            }
            None => {
                let digits = digits(value, None);
                let places = usize::try_from(digits.digits.len() as i64 - i64::from(digits.point)).unwrap_or(0);
                positional(&digits, places)
            }
        },
    };
    format!("{sign}{body}")
}

fn general(value: f64, verb: char, precision: Option<usize>) -> String {
    let wanted = precision.map(|p| p.max(1));
    let digits = digits(value, wanted);
    let count = digits.digits.len();
    let mut limit = wanted.unwrap_or(6);
    if precision.is_some() && limit > count && count as i64 >= i64::from(digits.point) {
        limit = count;
    }
    let exponent = digits.point - 1;
    if exponent < -4 || i64::from(exponent) >= limit as i64 {
        return scientific(&digits, count.saturating_sub(1), if verb == 'g' { 'e' } else { 'E' });
    }
    let places = usize::try_from(count as i64 - i64::from(digits.point)).unwrap_or(0);
    positional(&digits, places)
}

fn scientific(digits: &Digits, places: usize, verb: char) -> String {
    let mut out = String::new();
    out.push(char::from(digits.digits.first().copied().unwrap_or(b'0')));
    if places > 0 {
        out.push('.');
        out.extend((1..=places).map(|i| char::from(digits.digits.get(i).copied().unwrap_or(b'0'))));
    }
    let exponent = if digits.digits.is_empty() { 0 } else { digits.point - 1 };
    out.push_str(&exponent_text(exponent, verb));
    out
}

fn exponent_text(exponent: i32, verb: char) -> String {
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{verb}{sign}{:02}", exponent.unsigned_abs())
}

fn positional(digits: &Digits, places: usize) -> String {
    let at = |i: i64| usize::try_from(i).ok().and_then(|i| digits.digits.get(i)).copied().map_or('0', char::from);
    let mut out = String::new();
    if digits.point > 0 {
        out.extend((0..i64::from(digits.point)).map(at));
    } else {
        out.push('0');
    }
    if places > 0 {
        out.push('.');
        out.extend((0..places as i64).map(|i| at(i64::from(digits.point) + i)));
    }
    out
}

/// Mantissa and exponent with `value = mantissa × 2^exponent`.
fn decompose(value: f64) -> (u64, i32) {
    let bits = value.to_bits();
    let exponent = ((bits >> 52) & 0x7ff) as i32;
    let mantissa = bits & ((1 << 52) - 1);
    if exponent == 0 { (mantissa, -1074) } else { (mantissa | 1 << 52, exponent - 1075) }
}

fn binary(value: f64) -> String {
    let (mantissa, exponent) = decompose(value);
    format!("{mantissa}p{exponent:+}")
}

fn hexadecimal(value: f64, verb: char, precision: Option<usize>) -> String {
    let (mut mantissa, mut exponent) = decompose(value);
    if mantissa == 0 {
        exponent = 0;
    } else {
        // One bit before the point, which stands above bit 60.
        let shift = mantissa.leading_zeros() as i32 - 3;
        mantissa <<= shift;
        exponent += 60 - shift;
    }
    if let Some(p) = precision.filter(|p| *p < 15) {
        let dropped = 60 - (p as u32) * 4;
        let extra = mantissa & ((1u64 << dropped) - 1);
        mantissa >>= dropped;
        let half = 1u64 << dropped >> 1;
        if extra > half || (extra == half && mantissa & 1 == 1) {
            mantissa += 1;
        }
        mantissa <<= dropped;
        if mantissa & (1 << 61) != 0 {
            mantissa >>= 1;
            exponent += 1;
        }
    }
    let lead = mantissa >> 60 & 1;
    let fraction = format!("{:015x}", mantissa & ((1 << 60) - 1));
    let fraction = match precision {
        Some(p) => fraction.chars().chain(std::iter::repeat('0')).take(p).collect::<String>(),
        None => fraction.trim_end_matches('0').to_owned(),
    };
    let point = if fraction.is_empty() { "" } else { "." };
    let sign = if exponent < 0 { '-' } else { '+' };
    let out = format!("0x{lead}{point}{fraction}p{sign}{:02}", exponent.unsigned_abs());
    if verb == 'X' { out.to_ascii_uppercase() } else { out }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layouts_are_gos() {
        // Recorded from Go 1.27's strconv.FormatFloat.
        for (value, verb, precision, text) in [
            (1e6, 'g', None, "1e+06"),
            (123456.0, 'g', None, "123456"),
            (1e20, 'f', None, "100000000000000000000"),
            (0.0001, 'g', None, "0.0001"),
            (0.00001, 'g', None, "1e-05"),
            (999.95, 'g', Some(4), "1000"),
            (999_999.0, 'g', Some(4), "1e+06"),
            (1.5, 'e', Some(3), "1.500e+00"),
            (2.5, 'f', Some(0), "2"),
            (-0.0, 'g', None, "-0"),
            (0.0, 'e', None, "0e+00"),
            (1.0, 'x', None, "0x1p+00"),
            (1.999, 'x', Some(1), "0x1.0p+01"),
            (3.0, 'b', None, "6755399441055744p-51"),
            (f64::INFINITY, 'g', None, "+Inf"),
        ] {
            assert_eq!(format_float(value, verb, precision), text, "{value} {verb} {precision:?}");
        }
    }

    #[test]
    fn a_precision_beyond_all_digits_gives_zeros() {
        let long = format_float(0.5, 'f', Some(70_000));
        assert_eq!((long.len(), &long[..4]), (70_002, "0.50"));
        assert!(format_float(1.5, 'e', Some(70_000)).ends_with("0e+00"));
        assert_eq!(format_float(0.5, 'g', Some(77_777)), "0.5");
        assert_eq!(format_float(1.0, 'x', Some(70_000)).len(), "0x1.p+00".len() + 70_000);
    }
}
