//! All policies side by side, at the same stake.

use num_traits::{One, Zero};
use tandem_types::{PerToken, Token};

use super::{Costs, Latency, Policy, Valuation, costs, share};
use crate::number::{Fraction, Ratio};

/// A policy's row in the comparison.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Comparison {
    /// The policy.
    pub policy: Policy,
    /// Costs at the stake given.
    pub now: Costs,
    /// Costs when the native token is worth nothing and the oracle knows: the floor under a crash.
    pub crashed: Costs,
    /// Costs when the native token is worth nothing and the oracle still says the price from before.
    pub crashed_unnoticed: Costs,
    /// What the policy adds to the time to a final result.
    pub latency: Latency,
    /// Whether prices are part of the judgement.
    pub needs_prices: bool,
}

/// Compares `policies` at stake worth `value` (research on dual staking, §1.3).
pub fn compare(policies: &[Policy], value: &PerToken<Ratio>) -> Vec<Comparison> {
    let row = |policy: &Policy| {
        let exact = policy.in_ratios();
        let at = |real: &PerToken<Ratio>, counted: &PerToken<Ratio>| {
            costs(&exact, &Valuation { real: real.clone(), counted: counted.clone() })
        };
        let crashed = PerToken { native: Ratio::zero(), external: value.external.clone() };
        Comparison {
            now: at(value, value),
            crashed: at(&crashed, &crashed),
            crashed_unnoticed: at(&crashed, value),
            latency: policy.latency(),
            needs_prices: policy.needs_prices(),
            policy: policy.clone(),
        }
    };
    policies.iter().map(row).collect()
}

/// The policies of the research's summary table: thresholds of two thirds, vetoes at a third, 85 % in fallback, a cap of a quarter.
pub fn standard_policies(veto_seconds: u32) -> Vec<Policy> {
    let two_thirds = || share(2, 3);
    vec![
        Policy::Single { token: Token::Native, threshold: two_thirds() },
        Policy::Both { native: two_thirds(), external: two_thirds() },
        Policy::Either { native: two_thirds(), external: two_thirds() },
        Policy::Combined { threshold: two_thirds(), native_cap: Fraction::whole() },
        Policy::Combined { threshold: two_thirds(), native_cap: share(1, 4) },
        Policy::BothOrFallback { native: two_thirds(), external: two_thirds(), fallback: share(17, 20) },
        Policy::Veto { native: two_thirds(), veto: share(1, 3), veto_seconds },
    ]
}

/// The least external stake at which forging costs at least `needed` even when the native token is worth nothing: `needed / φ`, with `φ` the floor of
/// [`Comparison::crashed`] per unit of external value. None when a crash leaves no floor.
pub fn external_stake_for(policy: &Policy, needed: &Ratio) -> Option<Ratio> {
    let floor = costs(&policy.in_ratios(), &Valuation::fair(Ratio::zero(), Ratio::one())).forgery;
    (floor > Ratio::zero()).then(|| needed / floor)
}
