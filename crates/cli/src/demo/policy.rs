//! The demo's policies and spreads of stake: one of each kind, with round figures.

use std::num::NonZeroU32;

use clap::ValueEnum;
use tandem_types::{BothOrFallback, Bps, PerToken, Policy, Token};

use crate::local::TOKEN;

/// How long a result waits for vetoes, in seconds.
const VETO_SECONDS: u32 = 3;

/// A kind of policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Kind {
    /// Two thirds of each token
    Both,
    /// Two thirds of the tokens' value together, at oracle prices; native counts for at most a half
    Combined,
    /// Two thirds of the native token, and a third of the other may veto for 3 seconds
    Veto,
    /// Two thirds of each token; three quarters of ETH alone while the native token has failed
    BothOrFallback,
    /// Two thirds of one token, whichever
    Either,
    /// Two thirds of ETH; the native token has no say
    Single,
}

impl Kind {
    pub(super) fn policy(self) -> Policy {
        let (native, external) = (Bps::TWO_THIRDS, Bps::TWO_THIRDS);
        let bps = |bps| Bps::new(bps).expect("the literal is in range");
        match self {
            Self::Both => Policy::Both { native, external },
            Self::Combined => Policy::Combined { threshold: Bps::TWO_THIRDS, native_cap: bps(5_000) },
            Self::Veto => {
                let veto_seconds = NonZeroU32::new(VETO_SECONDS).expect("the literal is not zero");
                Policy::Veto { native, veto: bps(3_334), veto_seconds }
            }
            Self::BothOrFallback => {
                let thresholds = BothOrFallback::new(native, external, bps(7_500));
                Policy::BothOrFallback(thresholds.expect("three quarters are above two thirds"))
            }
            Self::Either => Policy::Either { native, external },
            Self::Single => Policy::Single { token: Token::External, threshold: external },
        }
    }
}

/// How the stake is spread over the operators.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Stakes {
    /// All operators stake the same
    Equal,
    /// The more native stake an operator has, the less of the other
    Mixed,
    /// Operator 1 has more than half of the native stake, and little ETH
    NativeFirst,
    /// Operator 1 has more than half of the ETH, and little of the native token
    ExternalFirst,
}

impl Stakes {
    /// The stake of each of `operators`.
    pub(super) fn spread(self, operators: u32) -> Vec<PerToken<u128>> {
        let others = u128::from(operators.saturating_sub(1)).max(1);
        let stake = |index: u32| {
            let (native, external) = match self {
                Self::Equal => (250_000, 32),
                Self::Mixed => (50_000 * u128::from(4 + operators - index), 4 * u128::from(5 + index)),
                Self::NativeFirst if index == 0 => (150_000 * others, 8),
                Self::NativeFirst => (100_000, 32),
                Self::ExternalFirst if index == 0 => (50_000, 48 * others),
                Self::ExternalFirst => (250_000, 32),
            };
            PerToken { native: native * TOKEN, external: external * TOKEN }
        };
        (0..operators).map(stake).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Percent of each token that the first operator has among four.
    fn first(stakes: Stakes) -> PerToken<u128> {
        let spread = stakes.spread(4);
        let total =
            spread.iter().fold(PerToken::default(), |sum: PerToken<u128>, stake| sum.zip_with(*stake, |a, b| a + b));
        spread[0].zip_with(total, |first, total| first * 100 / total)
    }

    #[test]
    fn spreads_are_what_their_names_say() {
        assert_eq!(first(Stakes::Equal), PerToken { native: 25, external: 25 });
        assert_eq!(first(Stakes::NativeFirst), PerToken { native: 60, external: 7 });
        assert_eq!(first(Stakes::ExternalFirst), PerToken { native: 6, external: 60 });
    }

    #[test]
    fn no_kind_is_told_as_another() {
        let kinds = Kind::value_variants();
        let told: std::collections::BTreeSet<_> = kinds.iter().map(|kind| kind.policy().to_string()).collect();
        assert_eq!(told.len(), kinds.len());
        assert!(told.iter().all(|words| words.chars().count() <= 90));
    }
}
