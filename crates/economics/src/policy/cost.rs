//! Closed forms: what it costs to break a policy, given the value of stake alone. They are lower bounds where operators are few, because stake is
//! not divisible between an operator's hands; `exact` has the figures over a list of operators.
//!
//! Sources: EigenLayer, "Dual Staking: secure a PoS network with two tokens" (the three options), Omni's security model (combined), EigenDA
//! (both); the sums are derived from the predicates in the research on dual staking, §1.2 and §1.3.

use tandem_types::{PerToken, Token};

use super::{Policy, counted};
use crate::number::{Ratio, Scalar, at_least_zero, greatest, least};

/// The value of all stake: what it is worth, and what the oracle says it is worth. They differ when the oracle is late or deceived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Valuation<T = Ratio> {
    /// What an attacker pays for all stake of each token.
    pub real: PerToken<T>,
    /// What the policy counts it as.
    pub counted: PerToken<T>,
}

impl<T: Scalar> Valuation<T> {
    /// Stake whose price the oracle knows.
    pub fn fair(native: T, external: T) -> Self {
        let real = PerToken { native, external };
        Self { counted: real.clone(), real }
    }
}

/// What it costs to break a policy, in the unit of the valuation.
///
/// The cost is stake that an attacker must control; that it is also lost holds for forgery and equivocation where the service slashes for them, and for
/// liveness nowhere: withholding is not slashed, so that stake is bought, not burnt. With delegated stake an operator's own loss is less.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Costs<T = Ratio> {
    /// Stake that must sign falsely for a false certificate.
    pub forgery: T,
    /// Stake that must sign twice for two conflicting certificates, all others being honest and split as the attacker wants.
    pub equivocation: T,
    /// Stake that must withhold, or veto, to stop all certificates. Where there is a fallback, after it is active.
    pub liveness: T,
    /// Stake that stops certificates until the fallback is active, of a policy with one.
    pub liveness_before_fallback: Option<T>,
}

/// The closed forms for `policy` at `value`.
///
/// With fair prices, from the predicates (research on dual staking, §1.2; `docs/reference/policies.md`, "Cost to attack"):
///
/// | policy | forgery | liveness |
/// |---|---|---|
/// | both | `θn·A + θe·B` | `min((1 − θn)·A, (1 − θe)·B)` |
/// | either | `min(θn·A, θe·B)` | `(1 − θn)·A + (1 − θe)·B` |
/// | single | `θ` of the one token | `1 − θ` of it |
/// | combined | `θ·(A + B)` | `(1 − θ)·(A + B)` |
/// | veto | `θn·A + (1 − ν)·B` | `min((1 − θn)·A, ν·B)` |
/// | both-or-fallback | `min(θn·A + θe·B, (1 − θn)·A + θe′·B)` | `max(min((1 − θn)·A, (1 − θe)·B), (1 − θe′)·B)` |
///
/// **Equivocation** replaces `θ` by `2θ − 1` (two quorums overlap in so much), never below zero; `1 − ν` becomes `1 − 2ν`; a regular and a fallback certificate
/// overlap in `θe + θe′ − 1` of the external stake; `either` has one certificate per token and needs no double signer.
///
/// **Combined with prices that are not fair** is a fractional knapsack: the attacker takes the token that costs least per counted value first.
pub fn costs<T: Scalar>(policy: &Policy<T>, value: &Valuation<T>) -> Costs<T> {
    let PerToken { native: a, external: b } = value.real.clone();
    let rest = |share: &T| T::one() - share.clone();
    let overlap = |one: &T, other: &T| at_least_zero(one.clone() + other.clone() - T::one());
    let plain =
        |forgery, equivocation, liveness| Costs { forgery, equivocation, liveness, liveness_before_fallback: None };
    match policy {
        Policy::Both { native, external } => plain(
            native.clone() * a.clone() + external.clone() * b.clone(),
            overlap(native, native) * a.clone() + overlap(external, external) * b.clone(),
            least(rest(native) * a, rest(external) * b),
        ),
        Policy::Either { native, external } => plain(
            least(native.clone() * a.clone(), external.clone() * b.clone()),
            T::zero(),
            rest(native) * a + rest(external) * b,
        ),
        Policy::Single { token, threshold } => {
            let stake = value.real.get(*token).clone();
            let twice = overlap(threshold, threshold) * stake.clone();
            plain(threshold.clone() * stake.clone(), twice, rest(threshold) * stake)
        }
        Policy::Combined { threshold, native_cap } => {
            let at = |share: T| knapsack(share, &value.real, &counted(native_cap, &value.counted));
            plain(at(threshold.clone()), at(overlap(threshold, threshold)), at(rest(threshold)))
        }
        Policy::Veto { native, veto, .. } => {
            let unstopped = rest(veto);
            plain(
                native.clone() * a.clone() + unstopped.clone() * b.clone(),
                overlap(native, native) * a.clone() + overlap(&unstopped, &unstopped) * b.clone(),
                least(rest(native) * a, veto.clone() * b),
            )
        }
        Policy::BothOrFallback { native, external, fallback } => {
            let regular = native.clone() * a.clone() + external.clone() * b.clone();
            let forced = rest(native) * a.clone() + fallback.clone() * b.clone();
            let twice = overlap(native, native) * a.clone() + overlap(external, external) * b.clone();
            let before = least(rest(native) * a, rest(external) * b.clone());
            Costs {
                forgery: least(regular, forced),
                equivocation: least(twice, overlap(external, fallback) * b.clone()),
                liveness: greatest(before.clone(), rest(fallback) * b),
                liveness_before_fallback: Some(before),
            }
        }
    }
}

/// The least real value whose counted value is `share` of the whole: the cheaper token per counted value first (research, §1.2 (c)).
fn knapsack<T: Scalar>(share: T, real: &PerToken<T>, counted: &PerToken<T>) -> T {
    let mut missing = share * (counted.native.clone() + counted.external.clone());
    let mut cost = T::zero();
    let native_first = real.native.clone() * counted.external.clone() <= real.external.clone() * counted.native.clone();
    for token in if native_first { Token::ALL } else { [Token::External, Token::Native] } {
        let (price, most) = (real.get(token).clone(), counted.get(token).clone());
        if most <= T::zero() || missing <= T::zero() {
            continue;
        }
        let taken = least(missing.clone(), most.clone());
        cost = cost + price * taken.clone() / most;
        missing = missing - taken;
    }
    cost
}
