//! Every set of items, one after the other, for programs of few: what the search is compared with, and what knows the least ratio of cost to prize.

use num_bigint::BigInt;
use num_traits::{ToPrimitive, Zero};

use super::{Best, Program};
use crate::number::Ratio;

/// Most items that are enumerated: a million sets.
pub(crate) const ITEMS_MAX: usize = 20;

/// Bits of sums that are added up in machine words.
const NARROW_BITS: u64 = 120;

/// What every set of items was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Every {
    /// The best set, and the reached goals. Its bound is its value.
    pub(crate) best: Best,
    /// The set with the least cost per prize, among those that reach a prize at all, and that ratio.
    pub(crate) cheapest: Option<(Vec<usize>, Ratio)>,
    /// The set with the greatest cost among those that are worth more than they cost.
    pub(crate) dearest: Option<Vec<usize>>,
}

impl Program {
    /// Enumerates all sets of items; none for more than [`ITEMS_MAX`] of them, or if a demanded goal can not be reached.
    pub(crate) fn exhaust(&self) -> Option<Every> {
        if self.costs.len() > ITEMS_MAX {
            return None;
        }
        let bits = |n: BigInt| n.bits();
        let costs = bits(self.costs.iter().sum()).max(bits(self.goals.iter().map(|goal| &goal.prize).sum()));
        let rows =
            self.rows.iter().map(|row| bits(row.items.iter().map(|(_, weight)| weight).sum())).max().unwrap_or(0);
        // A ratio's comparison multiplies a cost by a prize.
        let Found { best, cheapest, dearest } = if (2 * costs).max(rows) < NARROW_BITS {
            Walk::<i128>::new(self)?.run()
        } else {
            Walk::<BigInt>::new(self)?.run()
        };
        let items = items_of(best?);
        let picked: Vec<bool> = (0..self.costs.len()).map(|item| items.contains(&item)).collect();
        let (goals, value) = self.value_of(&picked)?;
        let best = Best { items, goals, upper: value.clone(), value, nodes: 1 << self.costs.len() };
        let cheapest = cheapest.map(|set| (items_of(set), self.cost_per_prize(set)));
        Some(Every { best, cheapest, dearest: dearest.map(items_of) })
    }

    fn cost_per_prize(&self, set: u32) -> Ratio {
        let picked: Vec<bool> = (0..self.costs.len()).map(|item| set >> item & 1 == 1).collect();
        let cost: BigInt = self.costs.iter().zip(&picked).filter(|(_, picked)| **picked).map(|(cost, _)| cost).sum();
        let prize = self.value_of(&picked).map(|(_, value)| value + &cost).unwrap_or_default();
        Ratio::new(cost, prize)
    }
}

fn items_of(set: u32) -> Vec<usize> {
    (0..ITEMS_MAX).filter(|item| set >> item & 1 == 1).collect()
}

/// Whole numbers that sums are kept in.
trait Whole: Clone + Ord + Zero {
    fn of(value: &BigInt) -> Self;
    fn plus(&mut self, value: &Self);
    fn minus(&mut self, value: &Self);
    fn times(&self, value: &Self) -> Self;
}

impl Whole for i128 {
    fn of(value: &BigInt) -> Self {
        value.to_i128().unwrap_or(Self::MAX)
    }
    fn plus(&mut self, value: &Self) {
        *self += value;
    }
    fn minus(&mut self, value: &Self) {
        *self -= value;
    }
    fn times(&self, value: &Self) -> Self {
        self * value
    }
}

impl Whole for BigInt {
    fn of(value: &BigInt) -> Self {
        value.clone()
    }
    fn plus(&mut self, value: &Self) {
        *self += value;
    }
    fn minus(&mut self, value: &Self) {
        *self -= value;
    }
    fn times(&self, value: &Self) -> Self {
        self * value
    }
}

/// The sets that [`Every`] names, as bits.
struct Found {
    best: Option<u32>,
    cheapest: Option<u32>,
    dearest: Option<u32>,
}

/// A walk over all sets in Gray code order: each differs from the one before by one item.
struct Walk<T> {
    costs: Vec<T>,
    needs: Vec<T>,
    of_item: Vec<Vec<(usize, T)>>,
    goals: Vec<(T, bool, Vec<Vec<usize>>)>,
}

impl<T: Whole> Walk<T> {
    fn new(program: &Program) -> Option<Self> {
        let mut of_item = vec![Vec::new(); program.costs.len()];
        for (position, row) in program.rows.iter().enumerate() {
            row.items.iter().for_each(|(item, weight)| of_item[*item].push((position, T::of(weight))));
        }
        Some(Self {
            costs: program.costs.iter().map(T::of).collect(),
            needs: program.rows.iter().map(|row| T::of(&row.need)).collect(),
            of_item,
            goals: program.goals.iter().map(|goal| (T::of(&goal.prize), goal.demanded, goal.ways.clone())).collect(),
        })
    }

    fn run(&self) -> Found {
        let mut sums = vec![T::zero(); self.needs.len()];
        let mut cost = T::zero();
        let mut best: Option<(T, u32)> = None;
        let mut cheapest: Option<(T, T, u32)> = None;
        let mut dearest: Option<(T, u32)> = None;
        let mut set = 0u32;
        for step in 0..1u32 << self.costs.len() {
            if step > 0 {
                let item = step.trailing_zeros() as usize;
                set ^= 1 << item;
                self.toggle(item, set >> item & 1 == 1, &mut sums, &mut cost);
            }
            let Some(prize) = self.prize(&sums) else { continue };
            if prize > cost && dearest.as_ref().is_none_or(|(most, _)| cost > *most) {
                dearest = Some((cost.clone(), set));
            }
            let mut value = prize.clone();
            value.minus(&cost);
            if best
                .as_ref()
                .is_none_or(|(most, of)| value > *most || value == *most && set.count_ones() < of.count_ones())
            {
                best = Some((value, set));
            }
            let less = |(least, of, _): &(T, T, u32)| cost.times(of) < least.times(&prize);
            if prize > T::zero() && cheapest.as_ref().is_none_or(less) {
                cheapest = Some((cost.clone(), prize, set));
            }
        }
        Found {
            best: best.map(|(_, set)| set),
            cheapest: cheapest.map(|(_, _, set)| set),
            dearest: dearest.map(|(_, set)| set),
        }
    }

    fn toggle(&self, item: usize, picked: bool, sums: &mut [T], cost: &mut T) {
        for (row, weight) in &self.of_item[item] {
            if picked { sums[*row].plus(weight) } else { sums[*row].minus(weight) }
        }
        if picked { cost.plus(&self.costs[item]) } else { cost.minus(&self.costs[item]) }
    }

    /// Prizes of the reached goals; none if a demanded one is missing.
    fn prize(&self, sums: &[T]) -> Option<T> {
        let mut total = T::zero();
        for (prize, demanded, ways) in &self.goals {
            if ways.iter().any(|way| way.iter().all(|row| sums[*row] >= self.needs[*row])) {
                total.plus(prize);
            } else if *demanded {
                return None;
            }
        }
        Some(total)
    }
}
