//! Every seed that ever found a bug, by the name of the bug.

use tandem_sim::{Scale, run};

fn breaks_nothing(seed: u64) {
    assert_eq!(run(seed, Scale::USUAL, None).violations, []);
}

/// A certificate whose table had expired stood in the way of all later ones over the same results.
#[test]
fn seed_165_certificate_under_an_expired_table_gives_way() {
    breaks_nothing(165);
}

/// Who passed on a certificate from before a revocation was shut out by those who knew of it.
#[test]
fn seed_364_certificate_from_before_a_revocation_is_no_fault() {
    breaks_nothing(364);
}

/// The same, by several operators at once.
#[test]
fn seed_436_certificate_from_before_a_revocation_is_no_fault() {
    breaks_nothing(436);
}

/// A delivery that a reorganisation took back stayed an end for those who had read it, and nobody delivered the task again.
#[test]
fn seeds_266_and_342_delivery_that_is_taken_back_comes_again() {
    breaks_nothing(266);
    breaks_nothing(342);
}

/// The auditor read a certificate under the wrong one of two tables of one epoch, which a reorganisation had left.
#[test]
fn seed_846_certificate_is_read_under_the_table_that_it_fits() {
    breaks_nothing(846);
}
