//! Every way to break what is simulated is noticed, by the property that is meant for it, within a few seeds.

use tandem_sim::{Sabotage, Scale, run};

/// Seeds until a property is broken by a sabotage; the same seeds break nothing without it.
fn caught(sabotage: Sabotage, property: &str, seeds: std::ops::Range<u64>) {
    let breaks = |seed: &u64| {
        let report = run(*seed, Scale::USUAL, Some(sabotage));
        report.violations.iter().any(|violation| violation.property() == property)
    };
    let seed = seeds.clone().find(breaks);
    let seed = seed.unwrap_or_else(|| panic!("no seed of {seeds:?} noticed {sabotage} by `{property}`"));
    assert_eq!(run(seed, Scale::USUAL, None).violations, [], "seed {seed} breaks nothing by itself");
}
