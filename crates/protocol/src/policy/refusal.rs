//! Why stake is not enough, with the exact values, and as a sentence. Percentages are rounded down, so that a share which falls short
//! never reads as its threshold.

use std::fmt;

use tandem_types::{Bps, Token, U256, Weight};

/// Why a policy or a requirement refuses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// A token that has to reach its threshold does not.
    #[error(transparent)]
    Token(#[from] Shortfall),
    /// One of the tokens has to reach its threshold, and none does.
    #[error("{native} and {external}")]
    Neither {
        /// What the native token lacks.
        native: Shortfall,
        /// What the external token lacks.
        external: Shortfall,
    },
    /// The combined value does not reach its threshold.
    #[error(transparent)]
    Value(#[from] ValueShortfall),
    /// Without the token's price there is no combined value.
    #[error("price of the {token} token is not known")]
    PriceUnknown {
        /// The token.
        token: Token,
    },
    /// A combined value is demanded of a service that counts its tokens apart.
    #[error("a combined value of {threshold} is demanded, and the policy combines none")]
    NotCombined {
        /// What is demanded.
        threshold: Bps,
    },
}

/// One token whose signed weight is below its threshold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub struct Shortfall {
    /// The token.
    pub token: Token,
    /// Weight that signed.
    pub signed: Weight,
    /// Weight of the whole table.
    pub total: Weight,
    /// The share that is needed.
    pub threshold: Bps,
}

impl fmt::Display for Shortfall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { token, signed, total, threshold } = self;
        if *total == Weight::ZERO {
            return write!(f, "{token} has no stake, needs {threshold}");
        }
        let share = Floored::of(U256::from(signed.units()), U256::from(total.units()));
        write!(f, "{token} {share} < {threshold} ({signed} of {total})")
    }
}

/// A combined value below its threshold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub struct ValueShortfall {
    /// Value that signed, in the unit of `total`.
    pub signed: U256,
    /// The whole value; the unit depends on whether the cap of the native token binds.
    pub total: U256,
    /// The share that is needed.
    pub threshold: Bps,
}

impl fmt::Display for ValueShortfall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { signed, total, threshold } = self;
        if total.is_zero() {
            return write!(f, "combined value is zero, needs {threshold}");
        }
        write!(f, "combined value {} < {threshold}", Floored::of(*signed, *total))
    }
}

/// A share in hundredths of a percent, rounded down.
struct Floored(U256);

impl Floored {
    /// The share of `signed` in `total`, which is not zero; both are below 2^240.
    fn of(signed: U256, total: U256) -> Self {
        Self(signed * U256::from(Bps::WHOLE) / total)
    }
}

impl fmt::Display for Floored {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hundred = U256::from(100);
        write!(f, "{}.{:0>2} %", self.0 / hundred, (self.0 % hundred).to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shortfall(token: Token, signed: u64, total: u64) -> Shortfall {
        Shortfall { token, signed: Weight::from(signed), total: Weight::from(total), threshold: Bps::TWO_THIRDS }
    }

    #[test]
    fn refusals_read_as_sentences() {
        let native = shortfall(Token::Native, 2, 3);
        let external = shortfall(Token::External, 0, 0);
        let value = |signed: u64, total: u64| {
            let threshold = Bps::TWO_THIRDS;
            Refusal::Value(ValueShortfall { signed: U256::from(signed), total: U256::from(total), threshold })
        };
        let sentences = [
            (Refusal::Token(native), "native 66.66 % < 66.67 % (2 of 3)"),
            (Refusal::Token(external), "external has no stake, needs 66.67 %"),
            (
                Refusal::Neither { native, external },
                "native 66.66 % < 66.67 % (2 of 3) and external has no stake, needs 66.67 %",
            ),
            (value(6_005, 10_000), "combined value 60.05 % < 66.67 %"),
            (value(0, 0), "combined value is zero, needs 66.67 %"),
            (Refusal::PriceUnknown { token: Token::Native }, "price of the native token is not known"),
            (
                Refusal::NotCombined { threshold: Bps::TWO_THIRDS },
                "a combined value of 66.67 % is demanded, and the policy combines none",
            ),
        ];
        for (refusal, sentence) in sentences {
            assert_eq!(refusal.to_string(), sentence);
        }
    }
}
