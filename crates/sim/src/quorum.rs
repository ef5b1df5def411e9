//! Whether signed stake is enough, written from `docs/reference/policies.md` and from nothing else: the protocol's own arithmetic is on
//! trial here, so none of it is used. Weights and prices of a run are small, so 128 bits hold every product.

use tandem_types::{Bps, PerToken, Policy, Requirement, Token};

/// What a certificate is judged by, besides its signers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Conditions {
    pub(crate) prices: Option<PerToken<u128>>,
    pub(crate) fallback: bool,
}

/// Signed stake and all stake.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stake {
    pub(crate) signed: PerToken<u128>,
    pub(crate) total: PerToken<u128>,
}

/// What becomes of a certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ruling {
    Refused,
    Pending,
    Final,
}

const WHOLE: u128 = 10_000;

/// Judges stake by the policy and by what the tasks require beside it.
pub(crate) fn ruling(policy: &Policy, requirement: Requirement, conditions: Conditions, stake: &Stake) -> Ruling {
    if !meets(policy, requirement, conditions, stake) {
        return Ruling::Refused;
    }
    let has = |token, bps: Bps| share(stake, token) >= Share::of(bps);
    let final_if = |holds| if holds { Ruling::Final } else { Ruling::Refused };
    match *policy {
        Policy::Both { native, external } => final_if(has(Token::Native, native) && has(Token::External, external)),
        Policy::Either { native, external } => final_if(has(Token::Native, native) || has(Token::External, external)),
        Policy::Single { token, threshold } => final_if(has(token, threshold)),
        Policy::Combined { threshold, native_cap } => {
            final_if(is_worth(stake, conditions, native_cap, threshold.get()))
        }
        Policy::Veto { native, veto, .. } if has(Token::Native, native) => {
            let left = stake.total.external - stake.signed.external;
            let can_be_vetoed = left * WHOLE >= stake.total.external * u128::from(veto.get());
            if stake.total.external > 0 && !can_be_vetoed { Ruling::Final } else { Ruling::Pending }
        }
        Policy::Veto { .. } => Ruling::Refused,
        Policy::BothOrFallback(of) => {
            let both = has(Token::Native, of.native()) && has(Token::External, of.external());
            final_if(both || (conditions.fallback && has(Token::External, of.fallback())))
        }
    }
}

/// Whether a veto with this stake stops a result.
pub(crate) fn vetoes(policy: &Policy, stake: &Stake) -> bool {
    matches!(policy, Policy::Veto { veto, .. } if share(stake, Token::External) >= Share::of(*veto))
}

fn meets(policy: &Policy, requirement: Requirement, conditions: Conditions, stake: &Stake) -> bool {
    let holds = |token, demand: Option<Bps>| demand.is_none_or(|bps| share(stake, token) >= Share::of(bps));
    let combined = requirement.combined.threshold().is_none_or(|bps| match policy {
        Policy::Combined { native_cap, .. } => is_worth(stake, conditions, *native_cap, bps.get()),
        _ => false,
    });
    holds(Token::Native, requirement.native.threshold())
        && holds(Token::External, requirement.external.threshold())
        && combined
}

/// A share of a token, as a fraction; nothing of nothing is less than any share.
#[derive(Debug, Clone, Copy)]
struct Share {
    part: u128,
    whole: u128,
}

impl Share {
    fn of(bps: Bps) -> Self {
        Self { part: bps.get().into(), whole: WHOLE }
    }
}

impl PartialEq for Share {
    fn eq(&self, other: &Self) -> bool {
        self.partial_cmp(other) == Some(std::cmp::Ordering::Equal)
    }
}

impl PartialOrd for Share {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        if self.whole == 0 || other.whole == 0 {
            return None;
        }
        (self.part * other.whole).partial_cmp(&(other.part * self.whole))
    }
}

fn share(stake: &Stake, token: Token) -> Share {
    Share { part: *stake.signed.get(token), whole: *stake.total.get(token) }
}

/// Whether the signed value is `threshold` basis points of the whole, the native token counting for at most `cap` of it.
fn is_worth(stake: &Stake, conditions: Conditions, cap: Bps, threshold: u16) -> bool {
    let Some(prices) = conditions.prices.filter(|prices| prices.native > 0 && prices.external > 0) else {
        return false;
    };
    let (cap, threshold) = (u128::from(cap.get()), u128::from(threshold));
    let (whole_native, whole_external) = (stake.total.native * prices.native, stake.total.external * prices.external);
    let (native, external) = (stake.signed.native * prices.native, stake.signed.external * prices.external);
    if whole_native * (WHOLE - cap) <= whole_external * cap {
        return whole_native + whole_external > 0
            && (native + external) * WHOLE >= (whole_native + whole_external) * threshold;
    }
    // Capped, the native token is worth c of the whole and the external token the rest, so each counts by its share.
    if stake.total.external == 0 || stake.total.native == 0 {
        return false;
    }
    let by_native = stake.signed.native * stake.total.external * cap;
    let by_external = stake.signed.external * stake.total.native * (WHOLE - cap);
    by_native + by_external >= stake.total.native * stake.total.external * threshold
}

#[cfg(test)]
mod tests {
    use super::*;

    const THIRDS: Policy = Policy::Both { native: Bps::TWO_THIRDS, external: Bps::TWO_THIRDS };

    fn stake(signed: (u128, u128), total: (u128, u128)) -> Stake {
        let pair = |(native, external)| PerToken { native, external };
        Stake { signed: pair(signed), total: pair(total) }
    }

    fn bps(bps: u16) -> Bps {
        Bps::new(bps).expect("in range")
    }

    #[test]
    fn both_needs_both_to_the_unit() {
        let rules =
            |signed| ruling(&THIRDS, Requirement::NONE, Conditions::default(), &stake(signed, (10_000, 10_000)));
        assert_eq!(rules((6_667, 6_667)), Ruling::Final);
        assert_eq!(rules((6_666, 10_000)), Ruling::Refused);
        assert_eq!(rules((10_000, 6_666)), Ruling::Refused);
        let without = stake((0, 1), (0, 1));
        assert_eq!(ruling(&THIRDS, Requirement::NONE, Conditions::default(), &without), Ruling::Refused);
    }

    #[test]
    fn veto_is_final_once_too_few_are_left() {
        let policy: Policy =
            serde_json::from_str(r#"{"kind":"veto","native":6667,"veto":3334,"veto-seconds":10}"#).expect("a policy");
        let rules =
            |signed| ruling(&policy, Requirement::NONE, Conditions::default(), &stake(signed, (10_000, 10_000)));
        assert_eq!(rules((6_667, 0)), Ruling::Pending);
        assert_eq!(rules((6_667, 6_666)), Ruling::Pending);
        assert_eq!(rules((6_667, 6_667)), Ruling::Final);
        assert_eq!(rules((6_666, 10_000)), Ruling::Refused);
        assert!(vetoes(&policy, &stake((0, 3_334), (1, 10_000))) && !vetoes(&policy, &stake((0, 3_333), (1, 10_000))));
    }

    #[test]
    fn combined_value_counts_prices_and_the_cap() {
        let policy = |cap| Policy::Combined { threshold: bps(6_667), native_cap: bps(cap) };
        let at = |prices| Conditions { prices: Some(PerToken { native: prices, external: 1 }), fallback: false };
        let rules =
            |cap, conditions, signed| ruling(&policy(cap), Requirement::NONE, conditions, &stake(signed, (100, 100)));
        assert_eq!(rules(10_000, at(9), (70, 50)), Ruling::Final);
        assert_eq!(rules(10_000, at(9), (50, 100)), Ruling::Refused);
        assert_eq!(rules(5_000, at(9), (50, 100)), Ruling::Final);
        assert_eq!(rules(5_000, Conditions::default(), (100, 100)), Ruling::Refused);
    }

    #[test]
    fn requirement_only_tightens() {
        let strict = Requirement::new(10_000, 0, 0).expect("in range");
        let rules = |requirement, signed| ruling(&THIRDS, requirement, Conditions::default(), &stake(signed, (9, 9)));
        assert_eq!(rules(strict, (8, 9)), Ruling::Refused);
        assert_eq!(rules(strict, (9, 9)), Ruling::Final);
        assert_eq!(rules(Requirement::new(0, 0, 1).expect("in range"), (9, 9)), Ruling::Refused);
    }
}
