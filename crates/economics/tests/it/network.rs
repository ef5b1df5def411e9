//! Vectors and properties of the research on restaking networks.

use proptest::prelude::*;
use tandem_economics::network::{
    Attack, Basis, Method, Network, Rule, Service, Verdict, analyse, best_attack, cascade_bound, cascade_bound_bps,
    certify, free_attacks, greedy_shock, least_attack_on, operator_table, random_shock, service_table, simulate,
    true_slack, worst_cascade,
};
use tandem_economics::number::Ratio;
use tandem_economics::policy::Policy;
use tandem_economics::random::Dice;
use tandem_economics::{Effort, Operator, Operators, Prices};
use tandem_types::{PerToken, Token};

use crate::{r, s};

/// A network from services `(prize, threshold, operators)` and operators' stakes.
fn network(stakes: &[&str], services: &[(&str, &str, &[usize])]) -> Network {
    let name = |position: &usize| format!("v{position}");
    let operators = stakes.iter().enumerate().map(|(position, stake)| Operator::with_stake(name(&position), r(stake)));
    let service = |(position, (prize, threshold, of)): (usize, &(&str, &str, &[usize]))| Service {
        id: format!("s{position}"),
        prize: r(prize),
        rule: Rule::Fraction(s(threshold)),
        operators: of.iter().map(name).collect(),
    };
    let operators = Operators::new(operators.collect()).expect("valid operators");
    Network::new(operators, services.iter().enumerate().map(service).collect(), Prices::ones())
        .expect("a valid network")
}

fn slack(network: &Network) -> Option<Ratio> {
    certify(network).slack
}

fn gamma(network: &Network) -> Option<Ratio> {
    let found = true_slack(network, &Effort::default(), &mut |_| true);
    assert!(found.is_exact);
    found.at_least
}

fn best(network: &Network) -> Attack {
    let found = best_attack(network, &Effort::default(), &mut |_| true);
    assert!(found.is_exact());
    found.attack
}

fn verdict(network: &Network, declared: &str) -> Verdict {
    analyse(network, &r(declared), &Effort::default(), &mut |_| true).verdict
}

/// §2.2, vector 1: Theorem 2.
#[test]
fn vector_1_without_slack_a_small_shock_takes_all() {
    let network = network(&["1/100", "99/100"], &[("1", "1", &[0, 1])]);
    assert_eq!((slack(&network), gamma(&network)), (Some(r("0")), Some(r("0"))));
    assert_eq!(best(&network).profit(), r("0"));
    assert_eq!(verdict(&network, "0"), Verdict::Thin(Basis::Certificate));
    let loss = |shock| worst_cascade(&network, &s(shock)).expect("two operators").loss;
    assert_eq!((loss("1/100"), loss("1/200")), (r("1"), r("1/200")));
}

/// §2.2, vector 2: Theorem 3, the bound is tight.
#[test]
fn vector_2_the_bound_on_cascades_is_tight() {
    let network = network(&["1", "9.99", "989.01"], &[("10.99/1.1", "1", &[0, 1])]);
    assert_eq!(slack(&network), Some(r("1/10")));
    let worst = worst_cascade(&network, &s("1/1000")).expect("three operators");
    assert_eq!((worst.loss.clone(), worst.shock), (r("0.01099"), vec![0]));
    let bound = cascade_bound(&r("1/10"), &r("1/1000")).expect("there is slack");
    assert_eq!(bound, r("0.011"));
    assert!(worst.loss < bound);
    assert_eq!(verdict(&network, "1/10"), Verdict::Secure(Basis::Certificate));
}

/// §2.2, vector 3.
#[test]
fn vector_3_an_attack_is_found_and_named() {
    let network = network(&["100", "1", "99"], &[("1", "1", &[0]), ("101", "1", &[1, 2])]);
    assert_eq!((slack(&network), gamma(&network)), (Some(r("-1/101")), Some(r("-1/101"))));
    let Verdict::Insecure(attack) = verdict(&network, "0") else { panic!("the attack exists") };
    assert_eq!((attack.services.clone(), attack.operators.clone(), attack.profit()), (vec![1], vec![1, 2], r("1")));
}

/// §2.2, vector 4: the last is secure and not certified.
#[test]
fn vector_4_secure_networks_need_not_be_certified() {
    let cases = [("300", "1/2", "2"), ("205", "1/40", "21/20"), ("200", "0", "1"), ("150", "-1/4", "1/2")];
    for (stake, certified, exact) in cases {
        let network = network(&[stake], &[("100", "1/2", &[0])]);
        assert_eq!((slack(&network), gamma(&network)), (Some(r(certified)), Some(r(exact))), "{stake}");
    }
    let last = network(&["150"], &[("100", "1/2", &[0])]);
    assert_eq!(verdict(&last, "0"), Verdict::Secure(Basis::Search));
    assert_eq!(verdict(&last, "0.6"), Verdict::Thin(Basis::Search));
}

/// §2.2, vector 6.
#[test]
fn vector_6_with_many_equal_operators_the_certificate_is_exact() {
    let everyone: Vec<usize> = (0..10).collect();
    let network = network(&["30"; 10], &[("100", "1/2", &everyone)]);
    assert_eq!((slack(&network), gamma(&network)), (Some(r("1/2")), Some(r("1/2"))));
}

/// §2.2, vector 10.
#[test]
fn vector_10_the_bound_in_basis_points() {
    assert_eq!(cascade_bound_bps(&r("1/10"), 10), Some(110));
    assert_eq!(cascade_bound_bps(&r("1/100"), 10), Some(1_010));
    assert_eq!(cascade_bound_bps(&r("1/10000"), 10), Some(10_000));
    assert_eq!(cascade_bound_bps(&r("0"), 10), None);
    assert_eq!(cascade_bound(&r("1/10000"), &r("1/1000")), Some(r("1")));
    // The abstract of Robust Restaking Networks: a 10 % buffer, a shock of 0.1 %.
    assert_eq!(cascade_bound(&r("10%"), &r("0.1%")), Some(r("1.1%")));
}

/// §2.2, vector 11: floats fail here.
#[test]
fn vector_11_large_whole_numbers_are_exact() {
    let network = network(&["18014398509481987"], &[("1", "1", &[0])]);
    assert_eq!(slack(&network), Some(r("18014398509481986")));
}

/// §2.5: more stake is not always safer.
#[test]
fn more_stake_can_make_a_network_insecure() {
    let before = network(&["40", "100"], &[("99", "1/3", &[0, 1])]);
    assert_eq!(gamma(&before), Some(r("1/99")));
    let after = network(&["50", "100"], &[("99", "1/3", &[0, 1])]);
    assert_eq!((best(&after).profit(), best(&after).operators), (r("49"), vec![0]));
    assert_eq!(slack(&after), Some(r("-49/99")));
}

#[test]
fn a_prize_without_stake_is_free() {
    let network = network(&["0", "5"], &[("7", "1/2", &[0]), ("0", "1/2", &[]), ("1", "1/2", &[1])]);
    assert_eq!(free_attacks(&network), [0]);
    assert_eq!(slack(&network), Some(r("-1")));
    let Verdict::Insecure(attack) = verdict(&network, "0") else { panic!("it is free") };
    assert_eq!((attack.operators.clone(), attack.profit()), (vec![], r("7")));
}

#[test]
fn without_prizes_there_is_nothing_to_steal() {
    let network = network(&["5"], &[("0", "1/2", &[0])]);
    assert_eq!((slack(&network), gamma(&network)), (None, None));
    assert_eq!(verdict(&network, "10"), Verdict::Secure(Basis::Certificate));
}

#[test]
fn a_search_that_is_cut_short_says_unknown_with_a_bound() {
    let network = random_network(&mut Dice::new(11, 0), 60, 12, 4);
    let certificate = certify(&network);
    let cut = analyse(&network, &r("0"), &Effort { nodes: 1, gap: r("0") }, &mut |_| false);
    match cut.verdict {
        Verdict::Unknown { profit_at_most } => assert!(profit_at_most > r("0")),
        Verdict::Insecure(attack) => assert!(Attack::of(&network, &attack.operators).profit() > r("0")),
        Verdict::Secure(_) | Verdict::Thin(_) => assert!(certificate.is_secure()),
    }
}

#[test]
fn tables_show_load_headroom_and_cover() {
    let network = network(&["100", "50"], &[("40", "1/2", &[0, 1]), ("20", "1", &[1])]);
    let rows = operator_table(&network, &r("0"));
    // 40/75 and 40/75 + 20/50.
    assert_eq!(rows.iter().map(|row| row.load.clone().expect("bounded")).collect::<Vec<_>>(), [r("8/15"), r("14/15")]);
    assert_eq!(rows[1].headroom, Some(r("1/15")));
    assert_eq!(rows[1].spare_prize, r("10/3"));
    assert_eq!(rows.iter().map(|row| row.is_binding).collect::<Vec<_>>(), [false, true]);
    let rows = service_table(&network, &Effort::default(), &mut |_| true);
    assert_eq!((rows[0].stake.clone(), rows[0].cover.clone()), (r("150"), Some(r("75/40"))));
    let attack = rows[0].attack.clone().expect("it can be corrupted");
    assert_eq!((attack.cost.clone(), attack.operators.clone()), (r("100"), vec![0]));
    assert_eq!(rows[0].cost_at_least, Some(r("100")));
    // Alone 100/40; both services together 150/60.
    assert_eq!(rows[0].slack, Some(r("3/2")));
    assert_eq!(rows[1].slack, Some(r("3/2")));
}

#[test]
fn a_cascade_is_played_in_rounds() {
    // Without v0, v1 alone corrupts s0; its stake gone, v2 alone corrupts s1.
    let network = network(&["10", "20", "30"], &[("25", "1", &[0, 1]), ("45", "1", &[1, 2])]);
    assert_eq!(best(&network).profit(), r("10"));
    let safe = super::network::network(&["10", "20", "30"], &[("25", "1", &[0, 1]), ("35", "1", &[1, 2])]);
    assert_eq!(best(&safe).operators, Vec::<usize>::new());
    let cascade = simulate(&safe, &[0], &Effort::default(), &mut |_| true);
    assert_eq!(cascade.rounds.iter().map(|round| round.attack.services.clone()).collect::<Vec<_>>(), [vec![0, 1]]);
    assert_eq!(cascade.loss, Some(r("1")));
    assert!(simulate(&safe, &[], &Effort::default(), &mut |_| true).rounds.is_empty());
}

#[test]
fn shocks_stay_within_their_share() {
    let network = network(&["10", "20", "30", "40"], &[("25", "1", &[0, 1]), ("15", "1", &[3])]);
    assert_eq!(greedy_shock(&network, &s("35%")), [0, 1]);
    for seed in 0..20 {
        let shock = random_shock(&network, &s("50%"), seed);
        assert_eq!(shock, random_shock(&network, &s("50%"), seed));
        assert!(shock.iter().map(|operator| &network.values()[*operator]).sum::<Ratio>() <= r("50"));
    }
}

fn dual(stakes: &[(&str, &str)], prize: &str, policy: Policy, prices: Prices) -> Network {
    let name = |position: usize| format!("v{position}");
    let operator =
        |(position, (native, external)): (usize, &(&str, &str))| Operator::new(name(position), r(native), r(external));
    let operators = Operators::new(stakes.iter().enumerate().map(operator).collect()).expect("valid operators");
    let service = Service {
        id: "s".into(),
        prize: r(prize),
        rule: Rule::Policy(policy),
        operators: (0..stakes.len()).map(name).collect(),
    };
    Network::new(operators, vec![service], prices).expect("a valid network")
}

/// §2.5, item 9: policies over both tokens in place of one threshold.
#[test]
fn services_with_policies_are_attacked_through_both_tokens() {
    let stakes = [("10", "0"), ("10", "0"), ("10", "0"), ("0", "40"), ("0", "30"), ("0", "30")];
    let both = Policy::Both { native: s("2/3"), external: s("2/3") };
    let at = |prize, policy: &Policy| dual(&stakes, prize, policy.clone(), Prices::ones());
    assert_eq!(best(&at("91", &both)).profit(), r("1"));
    assert_eq!(verdict(&at("90", &both), "0"), Verdict::Thin(Basis::Search));
    // The certificate divides stake: 86.67 is what it takes.
    assert_eq!(slack(&at("260/3", &both)), Some(r("0")));
    let either = Policy::Either { native: s("2/3"), external: s("2/3") };
    assert_eq!(best(&at("21", &either)).operators.len(), 2);
}

#[test]
fn a_price_shock_of_the_native_token_is_a_network_at_other_prices() {
    let stakes = [("30", "0"), ("0", "100")];
    let fall = PerToken { native: r("0.1"), external: r("1") };
    let single = Policy::Single { token: Token::Native, threshold: s("2/3") };
    let network = dual(&stakes, "20", single, Prices::ones());
    assert!(!verdict(&network, "0").is_insecure());
    assert!(verdict(&network.at_prices(network.prices().moved(&fall)), "0").is_insecure());
    let both = dual(&stakes, "20", Policy::Both { native: s("2/3"), external: s("2/3") }, Prices::ones());
    assert!(!verdict(&both.at_prices(both.prices().moved(&fall)), "0").is_insecure());
    // A frozen oracle counts the native token as before, so it is a cheap way in.
    let stakes = [("300", "0"), ("0", "100")];
    let combined = Policy::Combined { threshold: s("2/3"), native_cap: s("1") };
    let combined = dual(&stakes, "60", combined, Prices::ones());
    assert!(verdict(&combined.at_prices(combined.prices().moved_unnoticed(&fall)), "0").is_insecure());
    assert!(!verdict(&combined.at_prices(combined.prices().moved(&fall)), "0").is_insecure());
}

#[test]
fn unanimous_networks_are_exact_at_any_size() {
    let network = random_unanimous(&mut Dice::new(5, 0), 300, 200, 4);
    let found = best_attack(&network, &Effort::default(), &mut |_| true);
    assert_eq!(found.method, Method::MinimumCut);
    assert!(found.is_exact());
    assert_eq!(Attack::of(&network, &found.attack.operators), found.attack);
    let slack = true_slack(&network, &Effort::default(), &mut |_| true);
    assert!(slack.is_exact);
    assert_eq!(slack.at_least.expect("there are prizes").numer() < &0.into(), found.attack.profit() > r("0"));
}

fn random_unanimous(dice: &mut Dice, operators: usize, services: usize, of_each: usize) -> Network {
    build(dice, operators, services, of_each, &[(1, 1)])
}

fn random_network(dice: &mut Dice, operators: usize, services: usize, of_each: usize) -> Network {
    build(dice, operators, services, of_each, &[(1, 3), (1, 2), (2, 3), (1, 1)])
}

/// Stakes from 1 to 40, prizes up to about what is behind each service.
fn build(dice: &mut Dice, operators: usize, services: usize, of_each: usize, thresholds: &[(u32, u32)]) -> Network {
    let name = |position: usize| format!("v{position}");
    let stakes: Vec<u64> = (0..operators).map(|_| dice.below(41)).collect();
    let list = stakes
        .iter()
        .enumerate()
        .map(|(position, stake)| Operator::with_stake(name(position), Ratio::from_integer((*stake).into())));
    let mut of_service = Vec::new();
    for position in 0..services {
        let mut of: Vec<usize> = (0..operators).filter(|_| dice.below(operators as u64) < of_each as u64).collect();
        of.truncate(2 * of_each);
        let behind: u64 = of.iter().map(|operator| stakes[*operator]).sum();
        let (numerator, denominator) = thresholds[dice.below(thresholds.len() as u64) as usize];
        of_service.push(Service {
            id: format!("s{position}"),
            prize: Ratio::from_integer(dice.below(behind * 3 / 4 + 3).into()),
            rule: Rule::Fraction(tandem_economics::number::Fraction::of(numerator, denominator).expect("a share")),
            operators: of.into_iter().map(name).collect(),
        });
    }
    Network::new(Operators::new(list.collect()).expect("valid"), of_service, Prices::ones()).expect("valid")
}

/// The definition, with nothing shared with the library but the network: in whole numbers, over all sets of operators.
struct ByBruteForce {
    profit: i64,
    /// Cost and prize of the coalition with the least slack.
    least: Option<(i64, i64)>,
}

fn brute_force(network: &Network) -> ByBruteForce {
    let number = |ratio: &Ratio| i64::try_from(ratio.to_integer()).expect("small");
    let values: Vec<i64> = network.values().iter().map(number).collect();
    let services: Vec<(i64, i64, i64, u32)> = network
        .services()
        .iter()
        .enumerate()
        .map(|(position, service)| {
            let Rule::Fraction(share) = &service.rule else { panic!("thresholds only") };
            let set = network.members(position).iter().fold(0u32, |set, operator| set | 1 << operator);
            (
                number(&service.prize),
                i64::try_from(share.get().numer()).expect("small"),
                i64::try_from(share.get().denom()).expect("small"),
                set,
            )
        })
        .collect();
    let weigh = |set: u32| (0..values.len()).filter(|i| set >> i & 1 == 1).map(|i| values[i]).sum::<i64>();
    let mut found = ByBruteForce { profit: 0, least: None };
    for set in 0u32..1 << values.len() {
        let cost = weigh(set);
        let fallen = services.iter().filter(|(_, n, d, of)| weigh(set & of) * d >= n * weigh(*of));
        let prize: i64 = fallen.map(|(prize, ..)| prize).sum();
        found.profit = found.profit.max(prize - cost);
        if prize > 0 && found.least.is_none_or(|(c, p)| cost * p < c * prize) {
            found.least = Some((cost, prize));
        }
    }
    found
}

/// The differential test: 10,000 small networks, enumeration, minimum cut and branch and bound against the definition.
#[test]
fn ten_thousand_small_networks_agree_with_brute_force() {
    let (mut insecure, mut certified, mut secure_only) = (0, 0, 0);
    for seed in 0..10_000 {
        let mut dice = Dice::new(seed, 1);
        let (operators, services) = (1 + dice.below(8) as usize, 1 + dice.below(6) as usize);
        let network = if seed % 4 == 0 {
            random_unanimous(&mut dice, operators, services, 3)
        } else {
            random_network(&mut dice, operators, services, 3)
        };
        let expected = brute_force(&network);
        let found = best_attack(&network, &Effort::default(), &mut |_| true);
        assert!(found.is_exact(), "seed {seed}");
        assert_eq!(found.attack.profit(), Ratio::from_integer(expected.profit.into()), "seed {seed}");
        assert_eq!(Attack::of(&network, &found.attack.operators), found.attack, "seed {seed}");
        let gamma = gamma(&network);
        let least = expected.least.map(|(cost, prize)| Ratio::new(cost.into(), prize.into()) - r("1"));
        assert_eq!(gamma, least, "seed {seed}");
        let certificate = certify(&network);
        assert!(
            gamma.is_none() || certificate.slack.as_ref().is_some_and(|slack| Some(slack) <= gamma.as_ref()),
            "seed {seed}"
        );
        let by_verdict = verdict(&network, "0").is_insecure();
        assert_eq!(by_verdict, expected.profit > 0, "seed {seed}");
        insecure += u32::from(by_verdict);
        certified += u32::from(certificate.is_secure());
        secure_only += u32::from(!by_verdict && !certificate.is_secure());
    }
    assert!(insecure > 1_000 && certified > 1_000 && secure_only > 500, "{insecure} {certified} {secure_only}");
}

/// Branch and bound on networks that enumeration can still check.
#[test]
fn branch_and_bound_agrees_with_enumeration_on_larger_networks() {
    for seed in 0..60 {
        let mut dice = Dice::new(seed, 2);
        let few = random_network(&mut dice, 16, 8, 5);
        // Four operators without services and without stake, and one more, turn enumeration off and change nothing.
        let idle = (0..5).map(|i| Operator::with_stake(format!("idle {i}"), r("0")));
        let operators = few.operators().list().iter().cloned().chain(idle).collect();
        let many = Network::new(Operators::new(operators).expect("valid"), few.services().to_vec(), Prices::ones())
            .expect("valid");
        let (by_enumeration, by_search) = (
            best_attack(&few, &Effort::default(), &mut |_| true),
            best_attack(&many, &Effort::default(), &mut |_| true),
        );
        if by_search.method == Method::MinimumCut {
            continue;
        }
        assert_eq!((by_enumeration.method, by_search.method), (Method::Enumeration, Method::BranchAndBound));
        assert!(by_search.is_exact(), "seed {seed}");
        assert_eq!(by_enumeration.attack.profit(), by_search.attack.profit(), "seed {seed}");
        assert_eq!(gamma(&few), gamma(&many), "seed {seed}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    /// `γ* ≥ 0` rules out attacks, and no coalition has less slack than certified.
    #[test]
    fn a_certificate_rules_out_attacks(seed in any::<u64>()) {
        let network = random_network(&mut Dice::new(seed, 3), 9, 6, 4);
        let certificate = certify(&network);
        if certificate.is_secure() {
            prop_assert_eq!(best(&network).profit(), r("0"));
        }
        match (&certificate.slack, gamma(&network)) {
            (Some(certified), Some(exact)) => prop_assert!(*certified <= exact),
            (None, exact) => prop_assert_eq!(exact, None),
            // Prizes whose service nobody can corrupt do not occur with thresholds.
            (Some(_), None) => prop_assert!(false, "there is something to steal"),
        }
    }

    /// Theorem 1: `R_ψ < (1 + 1/γ)·ψ`, or `ψ` when nothing follows.
    #[test]
    fn cascades_stay_below_the_bound(seed in any::<u64>(), percent in 1u32..60) {
        let network = random_network(&mut Dice::new(seed, 4), 6, 4, 3);
        let shock = tandem_economics::number::Fraction::of(percent, 100).expect("a share");
        let (Some(worst), Some(exact)) = (worst_cascade(&network, &shock), gamma(&network)) else { return Ok(()) };
        if exact > r("0") {
            let bound = (r("1") + exact.recip()) * shock.get();
            prop_assert!(worst.loss < bound || worst.loss == *shock.get(), "{} {}", worst.loss, bound);
        }
        let certified = certify(&network).slack.unwrap_or_else(|| r("0"));
        if let Some(bound) = cascade_bound(&certified, shock.get()) {
            prop_assert!(worst.loss <= bound || worst.loss == *shock.get());
        }
    }

    #[test]
    fn a_service_less_makes_no_attack(seed in any::<u64>(), removed in 0usize..4) {
        let network = random_network(&mut Dice::new(seed, 5), 8, 4, 3);
        let fewer = network.without_service(removed).expect("three are left");
        prop_assert!(best(&fewer).profit() <= best(&network).profit());
    }

    #[test]
    fn only_ratios_of_prizes_and_stakes_matter(seed in any::<u64>(), numerator in 1u32..1000, denominator in 1u32..1000) {
        let network = random_network(&mut Dice::new(seed, 6), 8, 5, 3);
        let factor = Ratio::new(numerator.into(), denominator.into());
        let operators = network.operators().list().iter().map(|of| Operator::with_stake(&of.id, &of.stake.external * &factor));
        let services = network.services().iter().cloned().map(|of| Service { prize: &of.prize * &factor, ..of });
        let scaled = Network::new(Operators::new(operators.collect()).expect("valid"), services.collect(), Prices::ones()).expect("valid");
        prop_assert_eq!(slack(&network), slack(&scaled));
        prop_assert_eq!(gamma(&network), gamma(&scaled));
        prop_assert_eq!(best(&network).profit() * factor, best(&scaled).profit());
    }

    #[test]
    fn the_least_attack_on_a_service_corrupts_it(seed in any::<u64>()) {
        let network = random_network(&mut Dice::new(seed, 7), 10, 4, 4);
        for service in 0..4 {
            let (attack, floor) = least_attack_on(&network, service, &Effort::default(), &mut |_| true).expect("thresholds can be reached");
            prop_assert!(attack.services.contains(&service));
            prop_assert_eq!(&attack.cost, &floor);
        }
    }

    /// Nothing that is put together at random makes the library panic.
    #[test]
    fn networks_over_both_tokens_are_judged_without_a_panic(
        stakes in prop::collection::vec((0u32..5, 0u32..5), 1..7),
        kinds in prop::collection::vec((0u8..6, 1u32..=4, 1u32..=4, 0u32..20), 1..4),
        native_price in 0u32..3,
    ) {
        let name = |position: usize| format!("v{position}");
        let number = |n: u32| Ratio::from_integer(n.into());
        let operators = stakes.iter().enumerate().map(|(i, (n, e))| Operator::new(name(i), number(*n), number(*e)));
        let share = |quarters| tandem_economics::number::Fraction::of(quarters, 4).expect("a share");
        let rule = |kind, one, other| match kind {
            0 => Policy::Both { native: share(one), external: share(other) },
            1 => Policy::Either { native: share(one), external: share(other) },
            2 => Policy::Single { token: Token::Native, threshold: share(one) },
            3 => Policy::Combined { threshold: share(one), native_cap: share(other) },
            4 => Policy::Veto { native: share(one), veto: share(other), veto_seconds: 1 },
            _ => Policy::BothOrFallback { native: share(one), external: share(1), fallback: share(other) },
        };
        let services = kinds.iter().enumerate().map(|(i, (kind, one, other, prize))| Service {
            id: format!("s{i}"),
            prize: number(*prize),
            rule: Rule::Policy(rule(*kind, *one, *other)),
            operators: (0..stakes.len()).filter(|v| (v + i) % 3 != 0).map(name).collect(),
        });
        let counted = PerToken { native: number(1), external: number(1) };
        let real = PerToken { native: number(native_price), external: number(1) };
        let prices = Prices::new(real, counted).expect("valid");
        let network = Network::new(Operators::new(operators.collect()).expect("valid"), services.collect(), prices).expect("valid");
        let found = best(&network);
        let certificate = certify(&network);
        if certificate.is_secure() {
            prop_assert!(found.profit() <= r("0"), "{certificate:?} {found:?}");
        }
        if let (Some(certified), Some(exact)) = (certificate.slack, gamma(&network)) {
            prop_assert!(certified <= exact);
        }
        let tables = (operator_table(&network, &r("0")), service_table(&network, &Effort::default(), &mut |_| true));
        prop_assert_eq!((tables.0.len(), tables.1.len()), (stakes.len(), kinds.len()));
        let _ = worst_cascade(&network, &s("0.3"));
    }
}
