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
