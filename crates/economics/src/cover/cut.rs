//! Inequalities that every whole solution satisfies and fractions may not: knapsack covers (Carr, Fleischer, Leung and Phillips, "Strengthening integrality gaps for capacitated network
//! design and covering problems", 2000). Were all items of a set `S` picked for free, the others would still have to fill `r = need − weight(S)`:
//! `Σ_{v∉S} min(weight_v, r)·y_v ≥ r·x`. An item without which the rest can not reach the need gets `y_v ≥ x`, which makes unanimous rows whole by themselves.

use num_bigint::BigInt;
use num_traits::Signed;

use super::{Program, Row};

/// How much a fraction must violate an inequality, relative to its right side.
const VIOLATION_MIN: f64 = 1e-3;
/// Most items of `S`.
const SET_MAX: usize = 96;

/// The most violated cover of a row, given its way's fraction `x`, its items' shares of the need, and their fractions; none when fractions satisfy all that were tried: those
/// whose `S` are the items with the largest fractions.
pub(super) fn violated(program: &Program, row: usize, shares: &[(usize, f64)], x: f64, items: &[f64]) -> Option<Row> {
    if x <= VIOLATION_MIN {
        return None;
    }
    let mut order: Vec<usize> = (0..shares.len()).filter(|place| items[shares[*place].0] > 0.0).collect();
    let by_fraction = |place: &usize| (items[shares[*place].0], shares[*place].1);
    order.sort_by(|a, b| {
        let ((ya, wa), (yb, wb)) = (by_fraction(a), by_fraction(b));
        yb.total_cmp(&ya).then(wb.total_cmp(&wa))
    });
    let mut worst = (VIOLATION_MIN, 0);
    let mut rest = 1.0;
    for size in 1..=order.len().min(SET_MAX) {
        rest -= shares[order[size - 1]].1;
        if rest <= 1e-9 {
            break;
        }
        let filled: f64 = order[size..].iter().map(|place| shares[*place].1.min(rest) * items[shares[*place].0]).sum();
        let violation = x - filled / rest;
        if violation > worst.0 {
            worst = (violation, size);
        }
    }
    (worst.1 > 0).then(|| without(&program.rows[row], &order[..worst.1])).flatten()
}

/// The row with the items at `places` picked for free, in whole numbers.
fn without(row: &Row, places: &[usize]) -> Option<Row> {
    let free: BigInt = places.iter().map(|place| &row.items[*place].1).sum();
    let need = &row.need - free;
    if !need.is_positive() {
        return None;
    }
    let mut is_free = vec![false; row.items.len()];
    places.iter().for_each(|place| is_free[*place] = true);
    let left = row.items.iter().zip(&is_free).filter(|(_, is_free)| !**is_free);
    let items = left.map(|((item, weight), _)| (*item, weight.min(&need).clone())).collect();
    Some(Row { need, items })
}
