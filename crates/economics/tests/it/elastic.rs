//! Vectors of the research on elastic restaking networks, §2.3.

use proptest::prelude::*;
use tandem_economics::InputError;
use tandem_economics::network::elastic::{Elastic, ElasticOperator, ElasticService, Symmetric};
use tandem_economics::number::Ratio;

use crate::{r, s};

/// All operators with `stake`, each allocating `allocation` to every service; threshold one half, prizes 1.
fn alike(operators: usize, services: usize, stake: &str, allocation: &str) -> Elastic {
    let service = |j: usize| ElasticService { id: format!("s{j}"), prize: r("1"), threshold: s("1/2") };
    let operator = |i: usize| ElasticOperator {
        id: format!("v{i}"),
        stake: r(stake),
        allocations: (0..services).map(|j| (format!("s{j}"), r(allocation))).collect(),
    };
    Elastic::new((0..services).map(service).collect(), (0..operators).map(operator).collect()).expect("valid")
}

#[test]
fn profits_and_robustness_are_those_of_the_research() {
    for (services, stake, allocation, profit, robustness) in [
        (3, "2", "2", "-1", "1/3"),
        (1, "1", "1", "-0.5", "1"),
        (2, "2", "2", "-2", "1/2"),
        (2, "2", "1", "-0.5", "1"),
        (3, "1", "1", "1", "0"),
        (4, "2", "1", "0", "0"),
    ] {
        let network = alike(3, services, stake, allocation);
        let attack = network.best_attack(&[]).expect("there are services");
        assert_eq!((attack.profit.clone(), attack.at_most), (r(profit), r(profit)), "{services} services, {stake}");
        let (share, _) = network.robustness(&r("0"), &[]).expect("small");
        assert_eq!(share, r(robustness), "{services} services, {stake}");
        let threshold = s("1/2");
        let formula = Symmetric {
            operators: 3,
            services: services as u32,
            stake: r(stake),
            allocation: r(allocation),
            threshold,
            prize: r("1"),
        };
        assert_eq!(formula.best_attack().expect("there are services").0, r(profit), "{services} services, {stake}");
    }
}

/// The main example: all three fall for a cost of 4; one Byzantine service takes all stake, and the other two are free.
#[test]
fn a_byzantine_service_can_leave_the_others_free() {
    let network = alike(3, 3, "2", "2");
    let attack = network.best_attack(&[]).expect("there are services");
    assert_eq!(attack.services, [0, 1, 2]);
    let after = network.best_attack(&[0]).expect("two are left");
    assert_eq!((after.profit, after.services), (r("2"), vec![1, 2]));
    assert_eq!(network.best_attack(&[0, 1, 2]), None);
    assert_eq!(network.degree(0), Some(r("3")));
}

#[test]
fn a_base_service_does_not_turn() {
    let network = alike(3, 2, "2", "2");
    assert_eq!(network.robustness(&r("0"), &[0]), Some((r("1"), vec![1])));
    assert_eq!(network.robustness(&r("0"), &[0, 1]), Some((r("1"), vec![])));
    assert_eq!(network.robustness(&r("2"), &[]), Some((r("0"), vec![])));
}

#[test]
fn allocations_that_are_not_taken() {
    let service = ElasticService { id: "s".into(), prize: r("1"), threshold: s("1/2") };
    let with = |allocations: Vec<(String, Ratio)>| {
        Elastic::new(vec![service.clone()], vec![ElasticOperator { id: "v".into(), stake: r("1"), allocations }])
    };
    assert_eq!(
        with(vec![("s".into(), r("2"))]),
        Err(InputError::Overallocated { operator: "v".into(), service: "s".into() })
    );
    assert_eq!(
        with(vec![("t".into(), r("1"))]),
        Err(InputError::Unknown { what: "service", id: "t".into(), by: "v".into() })
    );
    assert!(matches!(with(vec![("s".into(), r("-1"))]), Err(InputError::Number { what: "allocation", .. })));
    assert!(matches!(with(vec![("s".into(), r("1")), ("s".into(), r("0"))]), Err(InputError::Duplicate { .. })));
    assert_eq!(Elastic::new(Vec::new(), Vec::new()), Err(InputError::Empty { what: "service" }));
    assert_eq!(Elastic::new(vec![service], Vec::new()), Err(InputError::Empty { what: "operator" }));
}

/// The profit by the definition, over attacks in halves of a unit: `Σ R_j − Σ min(σ_i, Σ_j x_ij)`.
fn by_definition(stakes: &[i64], allocated: &[Vec<i64>], prizes: &[i64]) -> i64 {
    let (n, m) = (stakes.len(), prizes.len());
    let choices: Vec<(usize, usize)> = (0..n).flat_map(|i| (0..m).map(move |j| (i, j))).collect();
    let mut used = vec![vec![0; m]; n];
    let mut best = i64::MIN;
    loop {
        let falls =
            |j: usize| 2 * (0..n).map(|i| used[i][j]).sum::<i64>() >= (0..n).map(|i| allocated[i][j]).sum::<i64>();
        let fallen: Vec<usize> = (0..m).filter(|j| falls(*j)).collect();
        if !fallen.is_empty() {
            let cost: i64 = (0..n).map(|i| stakes[i].min(used[i].iter().sum())).sum();
            best = best.max(fallen.iter().map(|j| prizes[*j]).sum::<i64>() - cost);
        }
        let Some((i, j)) = choices.iter().copied().find(|(i, j)| {
            if used[*i][*j] < allocated[*i][*j] {
                true
            } else {
                used[*i][*j] = 0;
                false
            }
        }) else {
            return best;
        };
        used[i][j] += 1;
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })]

    /// Numbers are even, so that halves of allocations are whole and the best attack uses whole units.
    #[test]
    fn the_best_attack_is_that_of_the_definition(
        stakes in prop::collection::vec(1i64..4, 1..4),
        cells in prop::collection::vec(0i64..4, 6),
        prizes in prop::collection::vec(0i64..8, 2),
    ) {
        let stakes: Vec<i64> = stakes.iter().map(|stake| 2 * stake).collect();
        let allocated: Vec<Vec<i64>> = (0..stakes.len()).map(|i| (0..2).map(|j| (2 * cells[2 * i + j]).min(stakes[i])).collect()).collect();
        let number = |n: i64| Ratio::from_integer(n.into());
        let services = (0..2).map(|j| ElasticService { id: format!("s{j}"), prize: number(prizes[j]), threshold: s("1/2") });
        let operators = (0..stakes.len()).map(|i| ElasticOperator {
            id: format!("v{i}"),
            stake: number(stakes[i]),
            allocations: (0..2).map(|j| (format!("s{j}"), number(allocated[i][j]))).collect(),
        });
        let network = Elastic::new(services.collect(), operators.collect()).expect("valid");
        let found = network.best_attack(&[]).expect("two services");
        prop_assert_eq!(found.profit, number(by_definition(&stakes, &allocated, &prizes)));
    }
}

/// Above the size that is tried exactly, what is found is an attack and the bound is one.
#[test]
fn large_elastic_networks_have_a_bound() {
    let network = alike(40, 5, "2", "1");
    let attack = network.best_attack(&[]).expect("there are services");
    let threshold = s("1/2");
    let formula = Symmetric { operators: 40, services: 5, stake: r("2"), allocation: r("1"), threshold, prize: r("1") };
    let (exact, _) = formula.best_attack().expect("there are services");
    assert!(attack.profit <= exact && exact <= attack.at_most, "{} {exact} {}", attack.profit, attack.at_most);
    assert_eq!(network.robustness(&r("0"), &[]), None);
}
