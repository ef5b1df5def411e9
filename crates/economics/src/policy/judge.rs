//! The predicates at signed fractions of stake, for truth tables; certificates are judged by `tandem_protocol::policy` in whole units.

use num_traits::Zero;
use tandem_types::PerToken;

use super::{Policy, counted};
use crate::number::{Ratio, Scalar};

/// What a policy says of signed fractions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Judgement {
    /// Not enough signed.
    Refused,
    /// Enough signed, and a veto may still come.
    Pending,
    /// Enough signed, and nothing can stop it.
    Final,
}

impl Judgement {
    fn of(accepted: bool) -> Self {
        if accepted { Self::Final } else { Self::Refused }
    }

    /// Whether the result stands if nobody vetoes.
    pub fn is_accepted(self) -> bool {
        self != Self::Refused
    }
}

/// Judges signed fractions of both tokens; `counted` is the value of all stake at the oracle's prices, `fallback` whether the fallback is active.
///
/// Comparisons are `≥` for quorums and `>` for what leaves too few to veto, as in `docs/reference/policies.md`.
pub fn judge<T: Scalar>(policy: &Policy<T>, signed: &PerToken<T>, counted: &PerToken<T>, fallback: bool) -> Judgement {
    let PerToken { native: n, external: e } = signed;
    match policy {
        Policy::Both { native, external } => Judgement::of(n >= native && e >= external),
        Policy::Either { native, external } => Judgement::of(n >= native || e >= external),
        Policy::Single { token, threshold } => Judgement::of(signed.get(*token) >= threshold),
        Policy::Combined { threshold, native_cap } => {
            Judgement::of(combined_share(native_cap, signed, counted).is_some_and(|share| share >= *threshold))
        }
        Policy::Veto { native, .. } if n < native => Judgement::Refused,
        Policy::Veto { veto, .. } if e.clone() > T::one() - veto.clone() => Judgement::Final,
        Policy::Veto { .. } => Judgement::Pending,
        Policy::BothOrFallback { native, external, fallback: alone } => {
            Judgement::of(n >= native && e >= external || fallback && e >= alone)
        }
    }
}

/// The signed share of the combined value, `(n·A′ + e·B)/(A′ + B)`; none when nothing counts.
pub fn combined_share<T: Scalar>(native_cap: &T, signed: &PerToken<T>, value: &PerToken<T>) -> Option<T> {
    let of = counted(native_cap, value);
    let total = of.native.clone() + of.external.clone();
    let part = signed.native.clone() * of.native + signed.external.clone() * of.external;
    (total > T::zero()).then(|| part / total)
}

/// `signed ≥ threshold · total`, and never for a token without stake. Dividing first would round the threshold down: with a total of 3 and 66.67 % two would
/// pass, as in EigenLayer's `BN254CertificateVerifier` (research on dual staking, §1.1, rules 2 and 3).
pub fn reaches(signed: &Ratio, total: &Ratio, threshold: &Ratio) -> bool {
    *total > Ratio::zero() && *signed >= total * threshold
}
