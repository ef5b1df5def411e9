//! Vectors of the research on dual staking.

use proptest::prelude::*;
use tandem_economics::number::{Fraction, Ratio, rounded};
use tandem_economics::policy::{
    ConverterQuote, Costs, Judgement, Latency, Policy, SecurityParameters, Valuation, cap_worst_case, combined_share,
    compare, costs, exact_costs, external_stake_for, judge, obligation_weights, price_table, reaches,
    shortfall_of_counted_value, standard_policies,
};
use tandem_economics::{Effort, Operator, Operators, Prices};
use tandem_types::{PerToken, Token};

use crate::{r, s};

fn both() -> Policy {
    Policy::Both { native: s("2/3"), external: s("2/3") }
}

fn either() -> Policy {
    Policy::Either { native: s("2/3"), external: s("2/3") }
}

fn native_only() -> Policy {
    Policy::Single { token: Token::Native, threshold: s("2/3") }
}

fn combined(cap: &str) -> Policy {
    Policy::Combined { threshold: s("2/3"), native_cap: s(cap) }
}

fn veto() -> Policy {
    Policy::Veto { native: s("2/3"), veto: s("1/3"), veto_seconds: 600 }
}

fn fallback() -> Policy {
    Policy::both_or_fallback(s("2/3"), s("2/3"), s("0.85")).expect("the fallback is dearer")
}

fn pair(native: &str, external: &str) -> PerToken<Ratio> {
    PerToken { native: r(native), external: r(external) }
}

fn fair(policy: &Policy, native: &str, external: &str) -> Costs {
    costs(&policy.in_ratios(), &Valuation::fair(r(native), r(external)))
}

fn assert_costs(policy: &Policy, at: [&str; 2], forgery: &str, liveness: &str) {
    let costs = fair(policy, at[0], at[1]);
    assert_eq!((costs.forgery, costs.liveness), (r(forgery), r(liveness)), "{policy} at {at:?}");
}

/// §1.4, truth table at A = 30, B = 100.
#[test]
fn the_truth_table_holds() {
    use Judgement::{Final, Pending, Refused};
    let value = pair("30", "100");
    for (n, e, of_both, of_either, of_combined, share, of_veto) in [
        ("1", "0", Refused, Final, Refused, "3/13", Pending),
        ("0", "1", Refused, Final, Final, "10/13", Refused),
        ("0.7", "0.6", Refused, Final, Refused, "81/130", Pending),
        ("0.7", "0.7", Final, Final, Final, "0.7", Final),
        ("0.5", "0.72", Refused, Final, Final, "87/130", Refused),
    ] {
        let signed = pair(n, e);
        let say = |policy: Policy| judge(&policy.in_ratios(), &signed, &value, false);
        assert_eq!(say(both()), of_both, "{n} {e}");
        assert_eq!(say(either()), of_either, "{n} {e}");
        assert_eq!(say(combined("1")), of_combined, "{n} {e}");
        assert_eq!(say(veto()), of_veto, "{n} {e}");
        assert_eq!(say(fallback()), of_both, "{n} {e}");
        assert_eq!(combined_share(&r("1"), &signed, &value), Some(r(share)), "{n} {e}");
    }
}

#[test]
fn printed_shares_of_the_truth_table_are_those_of_the_research() {
    let value = pair("30", "100");
    for (n, e, printed) in
        [("1", "0", "0.2308"), ("0", "1", "0.7692"), ("0.7", "0.6", "0.6231"), ("0.5", "0.72", "0.6692")]
    {
        let share = combined_share(&r("1"), &pair(n, e), &value).expect("there is value");
        assert_eq!(rounded(&share, 4), printed);
    }
}

/// §1.4, costs in millions for A = 30·λ, B = 100·μ.
#[test]
fn costs_at_three_native_prices_are_those_of_the_research() {
    for (native, rows) in [
        ("30", [("20", "10"), ("260/3", "10"), ("20", "130/3"), ("260/3", "130/3"), ("260/3", "10"), ("260/3", "15")]),
        ("15", [("10", "5"), ("230/3", "5"), ("10", "115/3"), ("230/3", "115/3"), ("230/3", "5"), ("230/3", "15")]),
        (
            "0.3",
            [
                ("0.2", "0.1"),
                ("200.6/3", "0.1"),
                ("0.2", "100.3/3"),
                ("200.6/3", "100.3/3"),
                ("200.6/3", "0.1"),
                ("200.6/3", "15"),
            ],
        ),
    ] {
        let policies = [native_only(), both(), either(), combined("1"), veto(), fallback()];
        for (policy, (forgery, liveness)) in policies.iter().zip(rows) {
            assert_costs(policy, [native, "100"], forgery, liveness);
        }
    }
    assert_eq!(rounded(&r("200.6/3"), 2), "66.87");
    assert_eq!(rounded(&r("100.3/3"), 2), "33.43");
}

/// §1.3, the summary table: what a crash of the native token leaves, per policy.
#[test]
fn a_crash_leaves_what_the_summary_table_says() {
    let rows = compare(&standard_policies(600), &pair("30", "100"));
    let found: Vec<_> =
        rows.iter().map(|row| (row.policy.name(), row.crashed.forgery.clone(), row.crashed.liveness.clone())).collect();
    let expected = [
        ("single", "0", "0"),
        ("both", "200/3", "0"),
        ("either", "0", "100/3"),
        ("combined", "200/3", "100/3"),
        ("combined", "200/3", "100/3"),
        ("both-or-fallback", "200/3", "15"),
        ("veto", "200/3", "0"),
    ];
    assert_eq!(found, expected.map(|(name, forgery, liveness)| (name, r(forgery), r(liveness))));
    let capped = &rows[4].crashed_unnoticed;
    let worst = cap_worst_case(&s("2/3"), &s("0.25")).expect("the cap binds");
    assert!(capped.forgery >= &worst.forgery * r("100") && capped.liveness >= &worst.liveness * r("100"));
    assert_eq!(rows[6].latency, Latency::VetoWindow { seconds: 600 });
    assert_eq!(
        rows.iter().map(|row| row.needs_prices).collect::<Vec<_>>(),
        [false, false, false, true, true, false, false]
    );
}

/// §1.2 (d), floors under a cap.
#[test]
fn floors_under_caps_are_those_of_the_research() {
    for (cap, forgery, liveness, printed) in [
        ("0.1", "17/27", "7/27", ("0.6296", "0.2593")),
        ("0.2", "7/12", "1/6", ("0.5833", "0.1667")),
        ("0.25", "5/9", "1/9", ("0.5556", "0.1111")),
        ("0.3", "11/21", "1/21", ("0.5238", "0.0476")),
        ("1/3", "1/2", "0", ("0.5", "0")),
        ("0.5", "1/3", "0", ("0.3333", "0")),
    ] {
        let worst = cap_worst_case(&s("2/3"), &s(cap)).expect("below 1");
        assert_eq!((worst.forgery.clone(), worst.liveness.clone()), (r(forgery), r(liveness)), "{cap}");
        assert_eq!((rounded(&worst.forgery, 4).as_str(), rounded(&worst.liveness, 4).as_str()), printed);
    }
    assert_eq!(cap_worst_case(&s("2/3"), &s("1")), None);
}

/// A native token that is worth nothing, and counted at the cap, leaves exactly the floor of §1.2 (d).
#[test]
fn the_floor_under_a_cap_is_the_cost_with_a_worthless_native_token_at_the_cap() {
    let value = Valuation { real: pair("0", "100"), counted: pair("1000000", "100") };
    let found = costs(&combined("0.25").in_ratios(), &value);
    assert_eq!((found.forgery, found.liveness), (r("500/9"), r("100/9")));
}

/// §1.4, frozen weights.
#[test]
fn frozen_prices_cost_security() {
    let moves = ["0.5", "0.1", "0.01"].map(|native| pair(native, "1"));
    let rows = price_table(&combined("1"), &pair("30", "100"), &moves);
    for (row, (frozen, live)) in rows.iter().zip([("71.67", "76.67"), ("59.67", "68.67"), ("56.97", "66.87")]) {
        assert_eq!((rounded(&row.frozen.forgery, 2).as_str(), rounded(&row.live.forgery, 2).as_str()), (frozen, live));
    }
    let exact = ["215/3", "179/3", "170.9/3"].map(r);
    assert_eq!(rows.iter().map(|row| row.frozen.forgery.clone()).collect::<Vec<_>>(), exact);
    let unpriced = price_table(&both(), &pair("30", "100"), &moves);
    assert!(unpriced.iter().all(|row| row.frozen == row.live));
}

/// §1.4, a pumped oracle.
#[test]
fn a_pumped_oracle_makes_the_native_token_a_cheap_way_in_unless_it_is_capped() {
    for (pump, open, capped) in [("60", "230/3", "770/9"), ("300", "80/3", "770/9")] {
        let value = Valuation { real: pair("30", "100"), counted: pair(pump, "100") };
        assert_eq!(costs(&combined("1").in_ratios(), &value).forgery, r(open));
        assert_eq!(costs(&combined("0.25").in_ratios(), &value).forgery, r(capped));
    }
    assert_eq!(["230/3", "80/3", "770/9"].map(|x| rounded(&r(x), 2)), ["76.67", "26.67", "85.56"]);
}

/// §1.1, rule 7.
#[test]
fn equivocation_is_the_overlap_of_two_quorums() {
    for (policy, cost) in [
        (native_only(), "10"),
        (both(), "130/3"),
        (either(), "0"),
        (combined("1"), "130/3"),
        (veto(), "130/3"),
        (fallback(), "130/3"),
    ] {
        assert_eq!(fair(&policy, "30", "100").equivocation, r(cost), "{policy}");
    }
    let half = Policy::Both { native: s("1/2"), external: s("0.4") };
    assert_eq!(fair(&half, "30", "100").equivocation, r("0"));
}

/// §1.2 (e): withholding native stake must not be the cheap way.
#[test]
fn a_fallback_is_forced_where_that_is_cheaper() {
    let low = Policy::both_or_fallback(s("0.9"), s("0.8"), s("0.85")).expect("the fallback is dearer");
    assert_eq!(fair(&low, "100", "100").forgery, r("95"));
    assert_eq!(fair(&low, "100", "100").liveness_before_fallback, Some(r("10")));
    assert!(Policy::both_or_fallback(s("2/3"), s("0.85"), s("0.85")).is_err());
}

/// §1.1, rules 2 and 3: total 3, two sign, 66.67 %.
#[test]
fn thresholds_are_not_rounded_down_and_empty_quorums_are_not_reached() {
    assert!(!reaches(&r("2"), &r("3"), &r("0.6667")));
    assert!(reaches(&r("2"), &r("3"), &r("2/3")));
    assert!(!reaches(&r("0"), &r("0"), &r("2/3")));
}

/// §1.2 (a): EigenDA's rows.
#[test]
fn security_parameters_of_eigenda_are_consistent() {
    let parameters = |confirmation, safety, liveness| SecurityParameters {
        confirmation: r(confirmation),
        safety: r(safety),
        liveness: r(liveness),
        reconstruction: r("22%"),
    };
    for (confirmation, safety, liveness) in [("55%", "33%", "45%"), ("60%", "38%", "40%"), ("65%", "43%", "35%")] {
        assert!(parameters(confirmation, safety, liveness).are_consistent(), "{confirmation}");
    }
    assert!(!parameters("55%", "34%", "45%").are_consistent());
    assert!(!parameters("55%", "33%", "46%").are_consistent());
}

/// §1.2 (c): Mesh Security's example, and a 60 % fall at a 40 % discount.
#[test]
fn the_converter_of_mesh_security_weighs_as_its_documentation_says() {
    assert_eq!(ConverterQuote { price: r("18"), discount: r("0.4") }.weight(&r("100")), r("1080"));
    assert_eq!(shortfall_of_counted_value(&r("0.4"), &r("0.6")), Some(r("2/3")));
    assert_eq!(shortfall_of_counted_value(&r("1"), &r("0.6")), None);
}

/// §1.2 (i): the appendix of SSV's based applications.
#[test]
fn obligations_weigh_as_in_the_appendix_of_based_applications() {
    let (constant, weights) = obligation_weights(2.0, &[(10.0, 0.01), (20.0, 1.0), (30.0, 2.0)]).expect("valid");
    assert_eq!(format!("{constant:.2}"), "13.02");
    assert_eq!(
        weights.iter().map(|weight| format!("{:.1}", weight * 100.0)).collect::<Vec<_>>(),
        ["29.4", "58.7", "11.9"]
    );
    assert!(obligation_weights(2.0, &[(0.0, 1.0)]).is_err());
    assert!(obligation_weights(f64::NAN, &[(1.0, 1.0)]).is_err());
    assert!(obligation_weights(2.0, &[(-1.0, 1.0)]).is_err());
}

#[test]
fn policies_of_services_are_taken_over_with_their_thresholds() {
    let of = tandem_types::Policy::Combined {
        threshold: tandem_types::Bps::TWO_THIRDS,
        native_cap: tandem_types::Bps::new(2_500).expect("in range"),
    };
    let policy = Policy::from(&of);
    assert_eq!(policy, Policy::Combined { threshold: s("0.6667"), native_cap: s("0.25") });
    assert_eq!(policy.formula(), "n·A′ + e·B ≥ 66.67 % · (A′ + B), A′ = min(A, c/(1 − c)·B), c = 25 %");
    assert_eq!(
        policy.to_string(),
        "at least 66.67 % of the combined value has signed; the native token counts for at most 25 % of it"
    );
}

#[test]
fn external_stake_for_a_needed_cost_is_what_a_crash_leaves() {
    assert_eq!(external_stake_for(&both(), &r("200")), Some(r("300")));
    assert_eq!(external_stake_for(&either(), &r("200")), None);
    assert_eq!(external_stake_for(&native_only(), &r("200")), None);
}

fn list(stakes: &[(u32, u32)]) -> Operators {
    let operator = |(position, (native, external)): (usize, &(u32, u32))| {
        Operator::new(
            format!("operator {position}"),
            Ratio::from_integer((*native).into()),
            Ratio::from_integer((*external).into()),
        )
    };
    Operators::new(stakes.iter().enumerate().map(operator).collect()).expect("valid")
}

fn exact(policy: &Policy, operators: &Operators) -> [Option<Ratio>; 3] {
    let found = exact_costs(policy, operators, &Prices::ones(), &Effort::default(), &mut |_| true);
    [found.forgery, found.equivocation, found.liveness].map(|cost| {
        let cost = cost?;
        assert!(cost.is_exact(), "small lists are searched to the end");
        Some(cost.cost)
    })
}

#[test]
fn operators_with_both_tokens_are_corrupted_once() {
    let separate = list(&[(10, 0), (10, 0), (10, 0), (0, 40), (0, 30), (0, 30)]);
    assert_eq!(exact(&both(), &separate), [Some(r("90")), Some(r("50")), Some(r("20"))]);
    let shared = list(&[(10, 40), (10, 30), (10, 30)]);
    assert_eq!(exact(&both(), &shared), [Some(r("90")), Some(r("50")), Some(r("50"))]);
}

#[test]
fn a_token_that_nobody_stakes_is_never_reached_and_halts_what_needs_it() {
    let external = list(&[(0, 10), (0, 10), (0, 10)]);
    assert_eq!(exact(&both(), &external), [None, None, Some(r("0"))]);
    assert_eq!(exact(&either(), &external), [Some(r("20")), Some(r("10")), Some(r("20"))]);
    assert_eq!(exact(&veto(), &external), [None, None, Some(r("0"))]);
}

/// The cheapest set by enumeration, straight from the predicates.
fn by_enumeration(operators: &Operators, succeeds: impl Fn(&PerToken<Ratio>) -> bool) -> Option<Ratio> {
    let list = operators.list();
    let sets = (0u32..1 << list.len()).map(|set| (0..list.len()).filter(move |i| set >> i & 1 == 1));
    let sums = sets.map(|set| set.fold(pair("0", "0"), |sum, i| sum.zip_with(list[i].stake.clone(), |a, b| a + b)));
    sums.filter(succeeds).map(|sum| sum.native + sum.external).min()
}

fn any_share() -> impl Strategy<Value = Fraction> {
    (1u32..=20).prop_map(|twentieths| Fraction::of(twentieths, 20).expect("a share"))
}

fn any_policy() -> impl Strategy<Value = Policy> {
    (0..6, any_share(), any_share(), 1u32..20).prop_map(|(kind, one, other, third)| match kind {
        0 => Policy::Both { native: one, external: other },
        1 => Policy::Either { native: one, external: other },
        2 => Policy::Single { token: Token::External, threshold: one },
        3 => Policy::Combined { threshold: one, native_cap: other },
        4 => Policy::Veto { native: one, veto: other, veto_seconds: 1 },
        _ => {
            let external = Fraction::of(third, 20).expect("a share");
            let fallback = Fraction::of(third + 1, 20).expect("a share");
            Policy::BothOrFallback { native: one, external, fallback }
        }
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    /// Attackers who sign what honest operators do not: the certificate is accepted, and nobody is left to veto it.
    #[test]
    fn exact_forgery_is_the_cheapest_accepted_set(policy in any_policy(), stakes in prop::collection::vec((0u32..20, 0u32..20), 1..8)) {
        let operators = list(&stakes);
        let total = operators.total();
        let rules = policy.in_ratios();
        let succeeds = |sum: &PerToken<Ratio>| {
            let share = |token: Token| if total.get(token) > &r("0") { sum.get(token) / total.get(token) } else { r("-1") };
            let signed = PerToken { native: share(Token::Native), external: share(Token::External) };
            match &rules {
                Policy::Veto { native, veto, .. } => {
                    let left = &total.external - &sum.external;
                    signed.native >= *native && (total.external == r("0") || left < veto * &total.external)
                }
                Policy::Combined { .. } => {
                    let signed = signed.map(|share| if share < r("0") { r("0") } else { share });
                    judge(&rules, &signed, &total, false).is_accepted()
                }
                Policy::BothOrFallback { native, fallback, .. } => {
                    let withheld = total.native == r("0") || &total.native - &sum.native < native * &total.native;
                    judge(&rules, &signed, &total, false).is_accepted() || withheld && signed.external >= *fallback
                }
                _ => judge(&rules, &signed, &total, false).is_accepted(),
            }
        };
        prop_assert_eq!(exact(&policy, &operators)[0].clone(), by_enumeration(&operators, succeeds));
    }

    /// Those who do not withhold can not make a certificate, or those who veto stop it.
    #[test]
    fn exact_liveness_is_the_cheapest_set_that_stops(policy in any_policy(), stakes in prop::collection::vec((0u32..20, 0u32..20), 1..8)) {
        prop_assume!(!matches!(policy, Policy::BothOrFallback { .. }));
        let operators = list(&stakes);
        let total = operators.total();
        let rules = policy.in_ratios();
        let stops = |sum: &PerToken<Ratio>| {
            let left = |token: Token| if total.get(token) > &r("0") { (total.get(token) - sum.get(token)) / total.get(token) } else { r("-1") };
            let signed = PerToken { native: left(Token::Native), external: left(Token::External) };
            let vetoed = match &rules {
                Policy::Veto { veto, .. } => reaches(&sum.external, &total.external, veto),
                _ => false,
            };
            let signed = match &rules {
                Policy::Combined { .. } => signed.map(|share| if share < r("0") { r("0") } else { share }),
                _ => signed,
            };
            vetoed || !judge(&rules, &signed, &total, false).is_accepted()
        };
        prop_assert_eq!(exact(&policy, &operators)[2].clone(), by_enumeration(&operators, stops));
    }

    #[test]
    fn exact_costs_are_never_below_the_closed_forms(policy in any_policy(), stakes in prop::collection::vec((1u32..20, 1u32..20), 1..8)) {
        let operators = list(&stakes);
        let total = operators.total();
        let closed = costs(&policy.in_ratios(), &Valuation { real: total.clone(), counted: total });
        let [forgery, equivocation, liveness] = exact(&policy, &operators);
        prop_assert!(forgery.is_some_and(|cost| cost >= closed.forgery));
        prop_assert!(equivocation.is_some_and(|cost| cost >= closed.equivocation));
        prop_assert!(liveness.is_none_or(|cost| cost >= closed.liveness));
    }

    /// What the formulas say in floats is what they say in ratios.
    #[test]
    fn floats_follow_ratios(policy in any_policy(), native in 1u32..1000, external in 1u32..1000) {
        let exact = costs(&policy.in_ratios(), &Valuation::fair(Ratio::from_integer(native.into()), Ratio::from_integer(external.into())));
        let float = costs(&policy.in_floats(), &Valuation::fair(f64::from(native), f64::from(external)));
        let near = |ratio: &Ratio, float: f64| (tandem_economics::number::to_f64(ratio) - float).abs() < 1e-6;
        prop_assert!(near(&exact.forgery, float.forgery) && near(&exact.liveness, float.liveness));
        prop_assert!(near(&exact.equivocation, float.equivocation));
    }
}
