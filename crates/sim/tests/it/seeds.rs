//! A few seeds of the many that `make sim` runs, and that a seed is all that a run depends on.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::rc::Rc;

use tandem_sim::{Power, Scale, run, run_all, run_aloud};

#[test]
fn first_seeds_break_nothing() {
    let (mut powers, mut crashes) = (BTreeSet::new(), 0);
    run_all(0..24, 2, (Scale::USUAL, None), |report| {
        assert_eq!(report.violations, [], "seed {}", report.seed);
        powers.insert(report.power.as_str());
        crashes += report.totals.crashes;
        true
    });
    let all = [Power::None, Power::Minority, Power::Beyond].map(Power::as_str);
    assert_eq!(powers, all.into(), "every strength of adversaries is among them");
    assert!(crashes > 24, "there were {crashes} crashes");
}

#[test]
fn same_seed_has_the_same_audit_hash() {
    let [first, second] = [1, 1].map(|seed| run(seed, Scale::USUAL, None));
    assert_eq!(first, second);
    assert_ne!(first.hash, run(2, Scale::USUAL, None).hash);
}

#[test]
fn listening_changes_nothing() {
    let lines = Rc::new(RefCell::new(0));
    let counted = lines.clone();
    let report = run_aloud(3, Scale::USUAL, None, Box::new(move |_| *counted.borrow_mut() += 1));
    assert_eq!(report, run(3, Scale::USUAL, None));
    assert_eq!(*lines.borrow(), report.lines);
}

#[test]
fn run_can_be_ended_early() {
    let mut reports = 0;
    run_all(0..1_000_000, 2, (Scale { tasks: 2, seconds: 2 }, None), |_| {
        reports += 1;
        reports < 3
    });
    assert_eq!(reports, 3);
}
