//! The two tokens behind a service, and quantities kept per token. Amounts are whole units of the token; prices have no place here.

use std::fmt;
use std::iter::Sum;

use serde::{Deserialize, Serialize};

/// One of the two tokens that operators stake.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Token {
    /// The network's own token.
    Native,
    /// The token from outside, such as staked ETH.
    External,
}

impl Token {
    /// Both tokens, in the order of every encoding.
    pub const ALL: [Self; 2] = [Self::Native, Self::External];
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Native => "native",
            Self::External => "external",
        })
    }
}

/// A value for each token.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct PerToken<T> {
    /// For the network's own token.
    pub native: T,
    /// For the token from outside.
    pub external: T,
}

impl<T> PerToken<T> {
    /// The value for `token`.
    pub fn get(&self, token: Token) -> &T {
        match token {
            Token::Native => &self.native,
            Token::External => &self.external,
        }
    }

    /// Applies `f` to both values.
    pub fn map<U>(self, mut f: impl FnMut(T) -> U) -> PerToken<U> {
        PerToken { native: f(self.native), external: f(self.external) }
    }

    /// Joins two pairs token by token.
    pub fn zip_with<U, V>(self, other: PerToken<U>, mut f: impl FnMut(T, U) -> V) -> PerToken<V> {
        PerToken { native: f(self.native, other.native), external: f(self.external, other.external) }
    }
}

/// Stake of one token in its smallest unit, below 2^96.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Weight(u128);

/// A weight that does not fit 96 bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("weight {0} does not fit 96 bits")]
pub struct WeightError(pub u128);

impl Weight {
    /// The largest weight, 2^96 − 1.
    pub const MAX: Self = Self((1 << 96) - 1);
    /// No stake.
    pub const ZERO: Self = Self(0);

    /// # Errors
    /// [`WeightError`] above 2^96 − 1.
    pub fn new(units: u128) -> Result<Self, WeightError> {
        if units <= Self::MAX.0 { Ok(Self(units)) } else { Err(WeightError(units)) }
    }

    /// Smallest units of the token.
    pub fn units(self) -> u128 {
        self.0
    }

    /// The sum, unless it does not fit.
    pub fn checked_add(self, other: Self) -> Option<Self> {
        Self::new(self.0 + other.0).ok()
    }
}

impl Sum for Weight {
    /// Sums weights of distinct operators of one table, whose total fits by the table's own rule.
    fn sum<I: Iterator<Item = Self>>(weights: I) -> Self {
        weights.fold(Self::ZERO, |total, weight| {
            total.checked_add(weight).expect("the total of a table fits 96 bits, and so does any part of it")
        })
    }
}

impl From<u64> for Weight {
    fn from(units: u64) -> Self {
        Self(units.into())
    }
}

impl fmt::Display for Weight {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl Serialize for Weight {
    /// A decimal string: JSON numbers do not hold 96 bits.
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Weight {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let units = String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)?;
        Self::new(units).map_err(serde::de::Error::custom)
    }
}

/// A share in basis points, 1 to 10 000: a threshold of zero would accept nobody's signature and cannot be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct Bps(u16);

/// A threshold outside 1 to 10 000 basis points.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0} is no threshold: expected 1 to 10000 basis points")]
pub struct BpsError(pub u16);

impl Bps {
    /// Two thirds, rounded up: 66.67 %.
    pub const TWO_THIRDS: Self = Self(6_667);
    /// Basis points in a whole.
    pub const WHOLE: u16 = 10_000;

    /// # Errors
    /// [`BpsError`] for 0 and above 10 000.
    pub fn new(bps: u16) -> Result<Self, BpsError> {
        if (1..=Self::WHOLE).contains(&bps) { Ok(Self(bps)) } else { Err(BpsError(bps)) }
    }

    /// Basis points.
    pub fn get(self) -> u16 {
        self.0
    }
}

impl fmt::Display for Bps {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:02} %", self.0 / 100, self.0 % 100)
    }
}

impl<'de> Deserialize<'de> for Bps {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::new(u16::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

/// What is demanded of a share, 0 to 10 000 basis points. Zero demands nothing, not even that there is stake.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct Demand(u16);

/// A demand above 10 000 basis points.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0} cannot be demanded: expected 0 to 10000 basis points")]
pub struct DemandError(pub u16);

impl Demand {
    /// Demands nothing.
    pub const NOTHING: Self = Self(0);

    /// # Errors
    /// [`DemandError`] above 10 000.
    pub fn new(bps: u16) -> Result<Self, DemandError> {
        if bps <= Bps::WHOLE { Ok(Self(bps)) } else { Err(DemandError(bps)) }
    }

    /// Basis points, 0 for nothing.
    pub fn get(self) -> u16 {
        self.0
    }

    /// The threshold that it sets, if it sets one.
    pub fn threshold(self) -> Option<Bps> {
        Bps::new(self.0).ok()
    }
}

impl From<Bps> for Demand {
    fn from(threshold: Bps) -> Self {
        Self(threshold.0)
    }
}

impl<'de> Deserialize<'de> for Demand {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::new(u16::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_stop_at_96_bits() {
        assert_eq!(Weight::new((1 << 96) - 1), Ok(Weight::MAX));
        assert_eq!(Weight::new(1 << 96), Err(WeightError(1 << 96)));
        assert_eq!(Weight::MAX.checked_add(Weight::from(1)), None);
    }

    #[test]
    fn thresholds_are_one_to_ten_thousand() {
        assert_eq!(Bps::new(0), Err(BpsError(0)));
        assert_eq!(Bps::new(10_001), Err(BpsError(10_001)));
        assert_eq!(Bps::new(6_667), Ok(Bps::TWO_THIRDS));
        assert_eq!(Bps::TWO_THIRDS.to_string(), "66.67 %");
        assert!(serde_json::from_str::<Bps>("0").is_err());
    }

    #[test]
    fn demands_are_zero_to_ten_thousand() {
        assert_eq!(Demand::new(10_001), Err(DemandError(10_001)));
        assert_eq!(Demand::NOTHING.threshold(), None);
        assert_eq!(Demand::from(Bps::TWO_THIRDS).threshold(), Some(Bps::TWO_THIRDS));
        assert!(serde_json::from_str::<Demand>("10001").is_err());
    }

    #[test]
    fn weights_are_strings_in_json() {
        assert_eq!(serde_json::to_string(&Weight::MAX).expect("serialises"), "\"79228162514264337593543950335\"");
        assert!(serde_json::from_str::<Weight>("\"79228162514264337593543950336\"").is_err());
    }
}
