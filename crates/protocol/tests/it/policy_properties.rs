//! What holds of every policy, whatever the numbers: compared with fractions, and with itself.

use num_rational::BigRational;
use num_traits::{One, Zero};
use proptest::prelude::*;
use tandem_protocol::policy::{Conditions, Rule, Stake, Verdict, stops};
use tandem_types::{BothOrFallback, Bps, PerToken, Policy, Requirement, Token, Weight};

fn bps() -> impl Strategy<Value = Bps> {
    (1..=10_000u16).prop_map(|bps| Bps::new(bps).expect("in range"))
}

fn fallback() -> impl Strategy<Value = BothOrFallback> {
    (bps(), 1..10_000u16, 1..=10_000u16).prop_filter_map("fallback is above", |(native, external, fallback)| {
        BothOrFallback::new(native, Bps::new(external).ok()?, Bps::new(fallback).ok()?).ok()
    })
}

fn policy() -> impl Strategy<Value = Policy> {
    let veto_seconds = 1.try_into().expect("not zero");
    prop_oneof![
        (bps(), bps()).prop_map(|(native, external)| Policy::Both { native, external }),
        (bps(), bps()).prop_map(|(threshold, native_cap)| Policy::Combined { threshold, native_cap }),
        (bps(), bps()).prop_map(move |(native, veto)| Policy::Veto { native, veto, veto_seconds }),
        fallback().prop_map(Policy::BothOrFallback),
        (bps(), bps()).prop_map(|(native, external)| Policy::Either { native, external }),
        (any::<bool>(), bps()).prop_map(|(native, threshold)| {
            let token = if native { Token::Native } else { Token::External };
            Policy::Single { token, threshold }
        }),
    ]
}

fn requirement() -> impl Strategy<Value = Requirement> {
    let field = || prop_oneof![3 => Just(0u16), 1 => 1..=10_000u16];
    (field(), field(), field())
        .prop_map(|(native, external, combined)| Requirement::new(native, external, combined).expect("in range"))
}

fn conditions() -> impl Strategy<Value = Conditions> {
    let price = || prop_oneof![1 => Just(0u128), 4 => 1..10u128, 4 => any::<u128>()];
    let prices = (price(), price()).prop_map(|(native, external)| PerToken { native, external });
    (prop::option::weighted(0.9, prices), any::<bool>()).prop_map(|(prices, fallback)| Conditions { prices, fallback })
}

/// Signed, and a little more signed, of a total: small numbers, where boundaries are hit, and the largest.
fn weight() -> impl Strategy<Value = [u128; 3]> {
    let total = prop_oneof![1 => Just(0u128), 6 => 1..40u128, 3 => 0..=Weight::MAX.units()];
    total
        .prop_flat_map(|total| (0..=total, 0..=total, Just(total)))
        .prop_map(|(a, b, total)| [a.min(b), a.max(b), total])
}

/// Less and more signed, of the same totals.
fn stakes() -> impl Strategy<Value = (Stake, Stake)> {
    (weight(), weight()).prop_map(|(native, external)| {
        let at = |index: usize| {
            PerToken { native: native[index], external: external[index] }
                .map(|units| Weight::new(units).expect("fits 96 bits"))
        };
        (Stake { signed: at(0), total: at(2) }, Stake { signed: at(1), total: at(2) })
    })
}

fn rule() -> impl Strategy<Value = Rule> {
    (policy(), requirement(), conditions()).prop_map(|(policy, requirement, conditions)| Rule {
        policy,
        requirement,
        conditions,
    })
}

fn rank(verdict: Verdict) -> u8 {
    match verdict {
        Verdict::Refused(_) => 0,
        Verdict::Pending => 1,
        Verdict::Final => 2,
    }
}

fn number(value: u128) -> BigRational {
    BigRational::from_integer(value.into())
}

fn share(bps: Bps) -> BigRational {
    number(bps.get().into()) / number(10_000)
}

fn signed_share(stake: &Stake, token: Token) -> Option<BigRational> {
    let (signed, total) = (stake.signed.get(token).units(), stake.total.get(token).units());
    (total > 0).then(|| number(signed) / number(total))
}

/// The definition in words, in fractions: each token counts by its value, the native one for at most its cap of the whole.
fn combined_share(stake: &Stake, cap: Bps, conditions: &Conditions) -> Option<BigRational> {
    let prices = conditions.prices.filter(|prices| prices.native > 0 && prices.external > 0)?;
    let value = |token| number(stake.total.get(token).units()) * number(*prices.get(token));
    let (native, external) = (value(Token::Native), value(Token::External));
    let cap = share(cap);
    let most = if cap.is_one() { native.clone() } else { cap.clone() / (BigRational::one() - cap) * external.clone() };
    let counted = native.min(most);
    let whole = counted.clone() + external.clone();
    let part = |token, value| signed_share(stake, token).map_or_else(BigRational::zero, |share| share * value);
    (!whole.is_zero()).then(|| (part(Token::Native, counted) + part(Token::External, external)) / whole)
}

/// The verdict by the definitions, in fractions.
fn reference(rule: &Rule, stake: &Stake) -> u8 {
    let Rule { policy, requirement, conditions } = rule;
    let reaches = |token, bps| signed_share(stake, token).is_some_and(|signed| signed >= share(bps));
    let combined = |cap, bps| combined_share(stake, cap, conditions).is_some_and(|signed| signed >= share(bps));
    let (native, external) = (Token::Native, Token::External);
    let verdict = match *policy {
        Policy::Both { native: n, external: e } => u8::from(reaches(native, n) && reaches(external, e)) * 2,
        Policy::Either { native: n, external: e } => u8::from(reaches(native, n) || reaches(external, e)) * 2,
        Policy::Single { token, threshold } => u8::from(reaches(token, threshold)) * 2,
        Policy::Combined { threshold, native_cap } => u8::from(combined(native_cap, threshold)) * 2,
        Policy::Veto { native: n, veto, .. } => {
            let left = signed_share(stake, external).map(|signed| BigRational::one() - signed);
            let waved = left.is_some_and(|left| left < share(veto));
            u8::from(reaches(native, n)) * if waved { 2 } else { 1 }
        }
        Policy::BothOrFallback(of) => {
            let regular = reaches(native, of.native()) && reaches(external, of.external());
            u8::from(regular || conditions.fallback && reaches(external, of.fallback())) * 2
        }
    };
    let cap = match *policy {
        Policy::Combined { native_cap, .. } => Some(native_cap),
        _ => None,
    };
    let satisfied = requirement.native.threshold().is_none_or(|bps| reaches(native, bps))
        && requirement.external.threshold().is_none_or(|bps| reaches(external, bps))
        && requirement.combined.threshold().is_none_or(|bps| cap.is_some_and(|cap| combined(cap, bps)));
    verdict * u8::from(satisfied)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_096))]

    #[test]
    fn verdicts_agree_with_fractions(rule in rule(), (less, more) in stakes()) {
        prop_assert_eq!(rank(rule.judge(&less)), reference(&rule, &less));
        prop_assert_eq!(rank(rule.judge(&more)), reference(&rule, &more));
    }

    #[test]
    fn more_signatures_never_worsen_the_verdict(rule in rule(), (less, more) in stakes()) {
        prop_assert!(rank(rule.judge(&less)) <= rank(rule.judge(&more)));
        prop_assert!(!stops(&rule.policy, &less) || stops(&rule.policy, &more));
    }

    #[test]
    fn a_requirement_never_loosens(rule in rule(), further in requirement(), (stake, _) in stakes()) {
        let tightened = Rule { requirement: rule.requirement.max(further), ..rule };
        prop_assert!(rank(tightened.judge(&stake)) <= rank(rule.judge(&stake)));
        // What satisfies the maximum satisfies each of what it was made of.
        let other = Rule { requirement: further, ..rule };
        prop_assert!(rank(tightened.judge(&stake)) <= rank(other.judge(&stake)));
    }

    #[test]
    fn both_is_each_and_either_is_one(native in bps(), external in bps(), (stake, _) in stakes(), conditions in conditions()) {
        let judge = |policy| {
            let rule = Rule { policy, requirement: Requirement::NONE, conditions };
            rule.judge(&stake).is_acceptable()
        };
        let alone = |token, threshold| judge(Policy::Single { token, threshold });
        let (n, e) = (alone(Token::Native, native), alone(Token::External, external));
        prop_assert_eq!(judge(Policy::Both { native, external }), n && e);
        prop_assert_eq!(judge(Policy::Either { native, external }), n || e);
    }

    #[test]
    fn what_is_final_leaves_too_few_to_veto(rule in rule(), (approving, _) in stakes()) {
        let rest = approving.total.zip_with(approving.signed, |total, signed| {
            Weight::new(total.units() - signed.units()).expect("a part of the total")
        });
        let vetoing = Stake { signed: rest, total: approving.total };
        if rule.judge(&approving) == Verdict::Final {
            prop_assert!(!stops(&rule.policy, &vetoing));
        }
    }

    #[test]
    fn what_some_conditions_accept_may_be_accepted(rule in rule(), other in conditions(), (stake, _) in stakes()) {
        if (Rule { conditions: other, ..rule }).judge(&stake).is_acceptable() {
            prop_assert!(rule.may_accept(&stake));
        }
    }

    #[test]
    fn nobody_satisfies_nothing(rule in rule(), (stake, _) in stakes()) {
        let nobody = Stake { signed: PerToken::default(), ..stake };
        prop_assert!(!rule.judge(&nobody).is_acceptable());
        prop_assert!(!stops(&rule.policy, &nobody));
    }
}
