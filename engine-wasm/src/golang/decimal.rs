//! Decimal numbers as floats, rounded once to nearest even, by plain long arithmetic: the standard library is faster by a table of ten kilobytes,
//! which would be in a browser's download.

use super::parse::scale;

/// Digits that are looked at one by one; no two floats differ so late. Later ones only say whether there is anything.
const MOST_DIGITS: usize = 800;

/// `12.5e-3`: digits with a point somewhere or not, and an exponent or not. Infinity for what is too large; `None` for anything else.
pub(crate) fn parse(text: &str) -> Option<f64> {
    let (number, exponent) = match text.split_once(['e', 'E']) {
        Some((number, exponent)) => (number, parse_exponent(exponent)?),
        None => (text, 0),
    };
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if whole.len() + fraction.len() == 0 || !whole.bytes().chain(fraction.bytes()).all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let mut digits =
        whole.bytes().chain(fraction.bytes()).map(|byte| u32::from(byte - b'0')).skip_while(|digit| *digit == 0);
    let mut big = Big::default();
    let mut count = 0_i64;
    for digit in digits.by_ref().take(MOST_DIGITS) {
        big.multiply(10, digit);
        count += 1;
    }
    let mut rest = 0_i64;
    let mut sticky = false;
    for digit in digits {
        rest += 1;
        sticky |= digit != 0;
    }
    let exponent = exponent - fraction.len() as i64 + rest;
    if count == 0 || count + exponent < -330 {
        return Some(0.0);
    }
    if count + exponent > 310 {
        return Some(f64::INFINITY);
    }
    let mut twos = 0;
    if exponent >= 0 {
        powers(exponent, |power| big.multiply(power, 0));
    } else {
        // Enough bits in front of the division that it leaves more than a float has.
        twos = (68 - exponent * 10 / 3 - big.bits()).max(0);
        big.shift(twos as usize);
        powers(-exponent, |power| sticky |= big.divide(power) != 0);
    }
    let (top, above) = big.top(&mut sticky);
    Some(scale(top | u64::from(sticky), above - twos))
}

fn parse_exponent(text: &str) -> Option<i64> {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let number = digits.parse().unwrap_or(i64::MAX).min(1 << 40);
    Some(if text.starts_with('-') { -number } else { number })
}

/// Ten to so many, in factors of at most 10⁹.
fn powers(mut exponent: i64, mut work: impl FnMut(u32)) {
    while exponent > 0 {
        let step = exponent.min(9) as u32;
        work(10_u32.pow(step));
        exponent -= i64::from(step);
    }
}

/// A natural number, its lowest 32 bits first, without zeros at the end.
#[derive(Default)]
struct Big(Vec<u32>);

impl Big {
    fn multiply(&mut self, factor: u32, add: u32) {
        let mut carry = u64::from(add);
        for limb in &mut self.0 {
            carry += u64::from(*limb) * u64::from(factor);
            *limb = carry as u32;
            carry >>= 32;
        }
        if carry > 0 {
            self.0.push(carry as u32);
        }
    }

    /// Divides; gives what is left over.
    fn divide(&mut self, by: u32) -> u32 {
        let mut rest = 0_u64;
        for limb in self.0.iter_mut().rev() {
            rest = rest << 32 | u64::from(*limb);
            *limb = (rest / u64::from(by)) as u32;
            rest %= u64::from(by);
        }
        while self.0.last() == Some(&0) {
            self.0.pop();
        }
        rest as u32
    }

    fn shift(&mut self, bits: usize) {
        self.multiply(1 << (bits % 32), 0);
        self.0.splice(0..0, std::iter::repeat_n(0, bits / 32));
    }

    fn bits(&self) -> i64 {
        let last = self.0.last().map_or(0, |last| i64::from(last.leading_zeros()));
        self.0.len() as i64 * 32 - last
    }

    /// The highest 64 bits, and how many are below; sets the flag where any of those is.
    fn top(&self, sticky: &mut bool) -> (u64, i64) {
        let below = (self.bits() - 64).max(0);
        let (limbs, bits) = ((below / 32) as usize, below % 32);
        *sticky |= self.0.iter().take(limbs).any(|limb| *limb != 0);
        let mut window = 0_u128;
        for (place, limb) in self.0.iter().skip(limbs).take(3).enumerate() {
            window |= u128::from(*limb) << (32 * place);
        }
        *sticky |= window & ((1 << bits) - 1) != 0;
        ((window >> bits) as u64, below)
    }
}

#[cfg(test)]
mod tests {
    use super::parse;

    fn same(text: &str) {
        assert_eq!(parse(text).map(f64::to_bits), text.parse().ok().map(f64::to_bits), "{text}");
    }

    #[test]
    fn it_reads_what_the_standard_library_reads() {
        for text in [
            "0",
            "0.0",
            "1",
            "1.",
            ".5",
            "00012",
            "0.1",
            "0.3",
            "123456789012345678901234567890",
            "9007199254740993",
            "9007199254740992.999",
            "9007199254740993.0000000000000000000000000000000000001",
            "1e308",
            "1.7976931348623157e308",
            "1.7976931348623158e308",
            "1.7976931348623159e308",
            "1.8e308",
            "1e309",
            "1e400",
            "1e99999999999999999999",
            "4.9e-324",
            "2.4703282292062327e-324",
            "2.4703282292062328e-324",
            "2.5e-324",
            "1e-400",
            "2.2250738585072011e-308",
            "2.2250738585072014e-308",
            "1e-99999999999999999999",
            "0e99999",
            "6.02214076e23",
            "1E+5",
            "1e-5",
            "5e-1",
        ] {
            same(text);
        }
        assert_eq!(
            [parse(""), parse("."), parse("1e"), parse("e5"), parse("1e+"), parse("-1"), parse("1x"), parse("1.2.3")],
            [None; 8]
        );
    }

    #[test]
    fn it_rounds_as_the_standard_library_does() {
        let mut state = 0x9e37_79b9_7f4a_7c15_u64;
        let mut next = || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state
        };
        for _ in 0..20_000 {
            let value = f64::from_bits(next());
            if value.is_finite() {
                same(&format!("{:e}", value.abs()));
                same(&format!("{:.25e}", value.abs()));
            }
            same(&format!("{}e{}", next(), (next() % 700) as i64 - 350));
            same(&format!("{}.{}", next() % 100_000, next()));
        }
        // Exactly between two, and a little more, far behind.
        let half = format!("{:.1100}", f64::from_bits(1) * 1.5);
        same(&half);
        same(&format!("9007199254740993.{}1", "0".repeat(1200)));
        same(&format!("9007199254740993.{}", "0".repeat(1200)));
        same(&format!("{}e-1000", "1".repeat(1100)));
    }
}
