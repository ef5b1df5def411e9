//! Upper bounds that are proofs: for any prices `μ ≥ 0` per unit of a row, no value exceeds
//! `Σ goals max(0, max over ways (prize − Σ need·μ)) + Σ items max(0, Σ weight·μ − cost)`, the Lagrangian relaxation of all rows. Good prices come from a
//! simplex in floats; the sum is done here in whole numbers, so a bad price makes a weak bound and never a wrong one.

use num_bigint::BigInt;
use num_integer::Integer;
use num_traits::{FromPrimitive, Signed, Zero};

use super::{Program, whole_part};

/// What a node of the search has decided about a variable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fixed {
    /// Nothing.
    Open,
    /// It is 0.
    Out,
    /// It is 1.
    In,
}

impl Fixed {
    /// Whether `fraction` is not what was decided.
    pub(super) fn is_against(self, fraction: f64) -> bool {
        self == Self::In && fraction < 1.0 - 1e-7 || self == Self::Out && fraction > 1e-7
    }
}

/// Prices as whole numbers over a common power of two.
pub(super) struct Prices {
    /// Per row, in `2^-shift` units of value per unit of the row.
    price: Vec<BigInt>,
    shift: u64,
}

/// A bound, and what the choice of each variable is worth in it.
pub(super) struct Bound {
    /// In `2^-shift` units.
    value: BigInt,
    shift: u64,
    /// Per way, then per item: what it adds when it is 1, in the same units.
    gains: Vec<BigInt>,
}

impl Prices {
    /// Takes `per_need`, the price of a row's whole need in multiples of `scale` units.
    pub(super) fn new(program: &Program, per_need: &[f64], scale: &BigInt) -> Self {
        let widest = program.rows.iter().map(|row| row.need.bits()).max().unwrap_or(0);
        let shift = (widest + 60).saturating_sub(scale.bits());
        let fine = BigInt::from(1u64 << 60);
        let price = |(row, price): (&super::Row, &f64)| {
            let mantissa = BigInt::from_f64((price * (1u64 << 60) as f64).round()).unwrap_or_default();
            // Rounded up: what a prize is laid on whole stays covered whole.
            ((mantissa * scale) << shift).div_ceil(&(&row.need * &fine))
        };
        Self { price: program.rows.iter().zip(per_need).map(price).collect(), shift }
    }

    /// The bound under these prices when variables are `fixed`: ways in order of goals, then items.
    pub(super) fn bound(&self, program: &Program, fixed: &[Fixed]) -> Bound {
        let ways: usize = program.goals.iter().map(|goal| goal.ways.len()).sum();
        let mut gains = Vec::with_capacity(fixed.len());
        let mut value = BigInt::zero();
        for goal in &program.goals {
            let first = gains.len();
            for way in &goal.ways {
                let price: BigInt = way.iter().map(|row| &program.rows[*row].need * &self.price[*row]).sum();
                gains.push((&goal.prize << self.shift) - price);
            }
            value += best_way(goal.demanded, &gains[first..], &fixed[first..gains.len()]);
        }
        gains.extend(program.costs.iter().map(|cost| -(cost << self.shift)));
        for (row, price) in program.rows.iter().zip(&self.price).filter(|(_, price)| !price.is_zero()) {
            for (item, weight) in &row.items {
                gains[ways + item] += weight * price;
            }
        }
        for (gain, fixed) in gains[ways..].iter().zip(&fixed[ways..]) {
            if *fixed == Fixed::In || *fixed == Fixed::Open && gain.is_positive() {
                value += gain;
            }
        }
        Bound { value, shift: self.shift, gains }
    }
}

/// The most that a goal adds: its best way that is not out, or nothing unless a way is in or the goal demanded.
fn best_way(demanded: bool, gains: &[BigInt], fixed: &[Fixed]) -> BigInt {
    let ways = || gains.iter().zip(fixed);
    if let Some((gain, _)) = ways().find(|(_, fixed)| **fixed == Fixed::In) {
        return gain.clone();
    }
    let best = ways().filter(|(_, fixed)| **fixed == Fixed::Open).map(|(gain, _)| gain).max();
    let best = best.cloned().unwrap_or_default();
    if demanded || best.is_positive() { best } else { BigInt::zero() }
}

impl Bound {
    /// No value is above it, in units.
    pub(super) fn units(&self) -> BigInt {
        whole_part(&self.value, &(BigInt::from(1) << self.shift))
    }

    /// Decides open variables whose other choice can not beat `found`: each such choice costs its gain. `alone` says of a way whether its goal has no other.
    pub(super) fn tighten(&self, found: &BigInt, fixed: &mut [Fixed], alone: &[bool]) {
        let least = (found + 1u8) << self.shift;
        let spare = &self.value - least;
        for (position, (fixed, gain)) in fixed.iter_mut().zip(&self.gains).enumerate() {
            if *fixed == Fixed::Open
                && alone.get(position).copied().unwrap_or(true)
                && gain.magnitude() > spare.magnitude()
            {
                *fixed = if gain.is_positive() { Fixed::In } else { Fixed::Out };
            }
        }
    }
}
