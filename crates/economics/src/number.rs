//! Exact numbers and how they are read and shown. No verdict of this crate passes through a float: stakes, prizes, prices and thresholds are ratios
//! of whole numbers, and what does not fit a stated size is refused where it is read.

use std::fmt;
use std::str::FromStr;

use num_bigint::BigInt;
use num_integer::Integer;
use num_rational::BigRational;
use num_traits::{Num, One, Signed, ToPrimitive, Zero};
use tandem_types::Bps;

/// A ratio of whole numbers of any size, in lowest terms.
pub type Ratio = BigRational;

/// Bits that a numerator or denominator may have where a number enters the crate; sums and products inside it may be larger.
pub const BITS_MAX: u64 = 256;

/// Most decimal places that are read or shown.
const PLACES_MAX: usize = 77;

/// Why a number is not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NumberError {
    /// Not written as a whole number, a decimal, a fraction or a percentage; `NaN` and infinities are none either.
    #[error("`{0}` is no number: expected digits such as 12, 12.5, 2/3 or 66.7%")]
    NotANumber(String),
    /// Below zero, where that means nothing.
    #[error("{0} is negative")]
    Negative(Ratio),
    /// More digits than [`BITS_MAX`] bits hold.
    #[error("the number has {bits} bits, more than {BITS_MAX}")]
    TooLarge {
        /// Bits of its numerator or denominator.
        bits: u64,
    },
    /// A share outside the interval it must lie in.
    #[error("{value} is no {what}: expected more than 0 and at most 1")]
    NotAFraction {
        /// What the share is.
        what: &'static str,
        /// The number given.
        value: Ratio,
    },
    /// A floating-point parameter outside its range.
    #[error("{what} is {value}: expected {expected}")]
    OutOfRange {
        /// The parameter's name.
        what: &'static str,
        /// The number given, as text: it may be `NaN`.
        value: String,
        /// The range in words.
        expected: &'static str,
    },
}

/// The whole number `n` as a ratio.
pub fn whole(n: i64) -> Ratio {
    Ratio::from_integer(BigInt::from(n))
}

/// `numerator / denominator`; none when the denominator is zero.
pub fn ratio(numerator: i64, denominator: i64) -> Option<Ratio> {
    (denominator != 0).then(|| Ratio::new(numerator.into(), denominator.into()))
}

/// Reads a number that is not negative: `12`, `12.5`, `1_000`, `2/3`, `66.7%`.
///
/// # Errors
/// [`NumberError`] for anything else, and above [`BITS_MAX`].
pub fn parse(text: &str) -> Result<Ratio, NumberError> {
    let strange = || NumberError::NotANumber(text.chars().take(40).collect());
    let plain: String = text.trim().chars().filter(|c| *c != '_').collect();
    let (plain, hundredth) = match plain.strip_suffix('%') {
        Some(rest) => (rest.trim_end().to_owned(), true),
        None => (plain, false),
    };
    if plain.len() > 4 * PLACES_MAX {
        return Err(NumberError::TooLarge { bits: (plain.len() as u64).saturating_mul(3) });
    }
    let value = match plain.split_once('/') {
        Some((numerator, denominator)) => {
            let denominator = decimal(denominator.trim()).ok_or_else(strange)?;
            let numerator = decimal(numerator.trim()).ok_or_else(strange)?;
            if denominator.is_zero() {
                return Err(strange());
            }
            numerator / denominator
        }
        None => decimal(&plain).ok_or_else(strange)?,
    };
    amount(if hundredth { value / whole(100) } else { value })
}

/// Digits with at most one point and a sign.
fn decimal(text: &str) -> Option<Ratio> {
    let (sign, digits) = text.strip_prefix('-').map_or((1, text), |rest| (-1, rest));
    let (left, right) = digits.split_once('.').unwrap_or((digits, ""));
    let all_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if left.is_empty() && right.is_empty() || !all_digits(left) || !all_digits(right) {
        return None;
    }
    let numerator = BigInt::from_str_radix(&format!("{left}{right}"), 10).ok()?;
    Some(Ratio::new(numerator * sign, BigInt::from(10).pow(right.len() as u32)))
}

/// Takes `value` as an amount: not negative, and of at most [`BITS_MAX`] bits.
///
/// # Errors
/// [`NumberError`] otherwise.
pub fn amount(value: Ratio) -> Result<Ratio, NumberError> {
    let bits = value.numer().bits().max(value.denom().bits());
    if bits > BITS_MAX {
        Err(NumberError::TooLarge { bits })
    } else if value.is_negative() {
        Err(NumberError::Negative(value))
    } else {
        Ok(value)
    }
}

/// `value` with at most `places` decimals, rounded half away from zero, without trailing zeros: for tables, never for verdicts.
pub fn rounded(value: &Ratio, places: usize) -> String {
    let places = places.min(PLACES_MAX);
    let scale = BigInt::from(10).pow(places as u32);
    let scaled = (value.abs() * Ratio::from_integer(scale.clone())).round().to_integer();
    let (left, right) = scaled.div_rem(&scale);
    let sign = if value.is_negative() && !scaled.is_zero() { "-" } else { "" };
    if places == 0 || right.is_zero() {
        return format!("{sign}{left}");
    }
    let digits = format!("{:0>places$}", right.to_string());
    format!("{sign}{left}.{}", digits.trim_end_matches('0'))
}

/// The float nearest to `value`, for pictures and searches whose outcome is checked exactly; infinite above the floats' range.
pub fn to_f64(value: &Ratio) -> f64 {
    value.to_f64().unwrap_or(f64::INFINITY)
}

/// The ratio that `value` is.
///
/// # Errors
/// [`NumberError::NotANumber`] for `NaN` and infinities, and as [`amount`].
pub fn from_f64(value: f64) -> Result<Ratio, NumberError> {
    amount(Ratio::from_float(value).ok_or_else(|| NumberError::NotANumber(value.to_string()))?)
}

/// A share above 0 and at most 1: a threshold, a cap, a shock. A threshold of zero would accept nobody's signature and cannot be written.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fraction(Ratio);

impl Fraction {
    /// # Errors
    /// [`NumberError::NotAFraction`] unless above 0 and at most 1; [`NumberError::TooLarge`].
    pub fn new(value: Ratio) -> Result<Self, NumberError> {
        if !value.is_positive() || value > Ratio::one() {
            return Err(NumberError::NotAFraction { what: "share", value });
        }
        amount(value).map(Self)
    }

    /// `numerator / denominator`.
    ///
    /// # Errors
    /// As [`Fraction::new`].
    pub fn of(numerator: u32, denominator: u32) -> Result<Self, NumberError> {
        let value = ratio(numerator.into(), denominator.into());
        Self::new(value.ok_or_else(|| NumberError::NotANumber(format!("{numerator}/{denominator}")))?)
    }

    /// All of it.
    pub fn whole() -> Self {
        Self(Ratio::one())
    }

    /// The share as a ratio.
    pub fn get(&self) -> &Ratio {
        &self.0
    }

    /// The share as a float, for pictures and simulations.
    pub fn to_f64(&self) -> f64 {
        to_f64(&self.0)
    }
}

impl From<Bps> for Fraction {
    fn from(bps: Bps) -> Self {
        Self(Ratio::new(bps.get().into(), Bps::WHOLE.into()))
    }
}

impl FromStr for Fraction {
    type Err = NumberError;

    fn from_str(text: &str) -> Result<Self, NumberError> {
        Self::new(parse(text)?)
    }
}

impl fmt::Display for Fraction {
    /// In percent, exactly when two decimals hold it, else as a fraction.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let percent = &self.0 * whole(100);
        let shown = rounded(&percent, 2);
        if decimal(&shown).as_ref() == Some(&percent) { write!(f, "{shown} %") } else { write!(f, "{}", self.0) }
    }
}

/// What the formulas of policies need of a number: exact ratios in verdicts, floats in simulations, by the same code.
pub trait Scalar: Clone + PartialOrd + Num {}

impl<T: Clone + PartialOrd + Num> Scalar for T {}

/// The lesser of two; the first when they do not compare.
pub(crate) fn least<T: Scalar>(a: T, b: T) -> T {
    if b < a { b } else { a }
}

/// The greater of two; the first when they do not compare.
pub(crate) fn greatest<T: Scalar>(a: T, b: T) -> T {
    if b > a { b } else { a }
}

/// `value`, or zero below it.
pub(crate) fn at_least_zero<T: Scalar>(value: T) -> T {
    greatest(value, T::zero())
}

/// The least common multiple of all denominators: the unit in which all of `values` are whole.
pub(crate) fn common_denominator<'a>(values: impl IntoIterator<Item = &'a Ratio>) -> BigInt {
    values
        .into_iter()
        .fold(BigInt::one(), |unit, value| if value.is_integer() { unit } else { unit.lcm(value.denom()) })
}

/// `value · unit`, which must be whole.
pub(crate) fn in_units(value: &Ratio, unit: &BigInt) -> BigInt {
    value.numer() * (unit / value.denom())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn r(numerator: i64, denominator: i64) -> Ratio {
        ratio(numerator, denominator).expect("no zero denominator")
    }

    #[test]
    fn numbers_are_read_exactly() {
        for (text, value) in [
            ("12", whole(12)),
            ("12.50", r(25, 2)),
            (".5", r(1, 2)),
            ("2/3", r(2, 3)),
            ("0.5 / 1.5", r(1, 3)),
            ("66.7%", r(667, 1000)),
            ("1_000", whole(1000)),
            ("18014398509481987", whole(18_014_398_509_481_987)),
        ] {
            assert_eq!(parse(text), Ok(value), "{text}");
        }
    }

    #[test]
    fn what_is_no_amount_is_refused() {
        for text in ["", ".", "NaN", "inf", "1e400", "1/0", "1/2/3", "0x10", "12,5", "--1", "½"] {
            assert!(matches!(parse(text), Err(NumberError::NotANumber(_))), "{text}");
        }
        assert_eq!(parse("-1"), Err(NumberError::Negative(whole(-1))));
        assert!(matches!(parse(&"9".repeat(78)), Err(NumberError::TooLarge { bits: 260 })));
        assert!(matches!(parse(&"9".repeat(1_000_000)), Err(NumberError::TooLarge { .. })));
        assert!(from_f64(f64::NAN).is_err() && from_f64(f64::INFINITY).is_err() && from_f64(-0.5).is_err());
    }

    #[test]
    fn shares_lie_above_zero_and_up_to_one() {
        assert!(Fraction::of(0, 1).is_err() && Fraction::of(10_001, 10_000).is_err() && Fraction::of(1, 0).is_err());
        assert_eq!(Fraction::of(2, 3).expect("a share").to_string(), "2/3");
        assert_eq!("66.67%".parse::<Fraction>().expect("a share").to_string(), "66.67 %");
        assert_eq!(Fraction::from(Bps::TWO_THIRDS).get(), &r(6667, 10_000));
    }

    #[test]
    fn rounding_is_half_away_from_zero_and_drops_zeros() {
        for (value, places, text) in [
            (r(2, 3), 4, "0.6667"),
            (r(5, 2), 0, "3"),
            (whole(7), 3, "7"),
            (r(-1, 3), 2, "-0.33"),
            (r(1, 50), 3, "0.02"),
            (r(-1, 1000), 2, "0"),
        ] {
            assert_eq!(rounded(&value, places), text);
        }
    }
}
