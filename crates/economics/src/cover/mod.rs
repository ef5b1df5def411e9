//! The one problem behind every attack: which items (operators) to pay for, so that goals (services, aims) are reached that are worth more.
//!
//! A goal is reached by one of several ways, each of which needs every one of its rows; a row needs weights of picked items to sum to at least a whole number. With
//! `x` for ways, `y` for items: maximise `Σ prize·x − Σ cost·y` subject to `Σ weight·y ≥ need·x` per row and at most one way per goal, all 0 or 1
//! (research on restaking, §2.1, derived structure 1, with more than one row per goal for policies over two tokens).
//!
//! Everything that decides is in whole numbers: [`Program::value_of`] checks what was found, [`bound`] proves what can not be beaten. The simplex in between works in
//! floats and can only cost time, never truth.

mod bound;
mod cut;
mod exhaustive;
mod round;
mod search;
mod simplex;

#[cfg(test)]
mod tests;

pub(crate) use exhaustive::ITEMS_MAX as EXHAUSTIVE_ITEMS_MAX;

use num_bigint::BigInt;
use num_integer::Integer;
use num_traits::{One, Signed, Zero};
use tandem_types::PerToken;

use crate::number::{Ratio, common_denominator, in_units};
use crate::operators::Operator;
use crate::policy::Clause;

/// How long a search may take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Effort {
    /// Most nodes of the search tree.
    pub nodes: u64,
    /// The search ends when what is found is proven to be within this share of the optimum; 0 for the optimum itself.
    pub gap: Ratio,
}

impl Default for Effort {
    /// 20,000 nodes, no gap.
    fn default() -> Self {
        Self { nodes: 20_000, gap: Ratio::zero() }
    }
}

/// How far a search is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Progress {
    /// Nodes visited.
    pub nodes: u64,
    /// The best value found: profit, or minus the cost.
    pub found: Ratio,
    /// No value is above this.
    pub at_most: Ratio,
}

/// A row that can be reached and is not reached already. Weights are above zero and at most `need`.
#[derive(Debug, Clone)]
pub(crate) struct Row {
    need: BigInt,
    items: Vec<(usize, BigInt)>,
}

/// What became of a clause.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Built {
    /// It holds with no item at all.
    Holds,
    /// It does not hold with all items.
    Impossible,
    /// It is this row.
    Row(usize),
}

/// A goal with the ways to reach it that are possible, as lists of rows.
#[derive(Debug, Clone)]
struct Goal {
    prize: BigInt,
    /// Nothing but its being reached counts.
    demanded: bool,
    ways: Vec<Vec<usize>>,
}

/// The problem.
#[derive(Debug, Clone)]
pub(crate) struct Program {
    /// Costs and prizes are multiples of `1 / unit`.
    unit: BigInt,
    costs: Vec<BigInt>,
    rows: Vec<Row>,
    goals: Vec<Goal>,
}

/// What a search found, and what it proved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Best {
    /// Picked items, ascending.
    pub(crate) items: Vec<usize>,
    /// Reached goals, ascending.
    pub(crate) goals: Vec<usize>,
    /// Prizes minus costs, in units.
    pub(crate) value: BigInt,
    /// No value is above it, in units.
    pub(crate) upper: BigInt,
    /// Nodes visited.
    pub(crate) nodes: u64,
}

impl Program {
    /// A problem with items of these costs, and goals that will have `prizes`; none of either is negative.
    pub(crate) fn new<'a>(costs: &'a [Ratio], prizes: impl IntoIterator<Item = &'a Ratio>) -> Self {
        let unit = common_denominator(costs.iter().chain(prizes));
        let costs = costs.iter().map(|cost| in_units(cost, &unit)).collect();
        Self { unit, costs, rows: Vec::new(), goals: Vec::new() }
    }

    /// Adds a clause over some operators, each with its position among the items.
    pub(crate) fn clause<'a>(
        &mut self,
        clause: &Clause,
        operators: impl Iterator<Item = (usize, &'a Operator)>,
    ) -> Built {
        let PerToken { native, external } = &clause.weight;
        let weigh = |(item, of): (usize, &Operator)| (item, native * &of.stake.native + external * &of.stake.external);
        let weights: Vec<(usize, Ratio)> = operators.map(weigh).filter(|(_, weight)| weight.is_positive()).collect();
        self.row(&weights, &clause.need, clause.more)
    }

    /// Adds `Σ weight ≥ need`, or `>` when `more`: in whole units of the weights, the least whole number that satisfies it.
    pub(crate) fn row(&mut self, weights: &[(usize, Ratio)], need: &Ratio, more: bool) -> Built {
        let unit = common_denominator(weights.iter().map(|(_, weight)| weight));
        let scaled = need * Ratio::from_integer(unit.clone());
        let need = if more { scaled.floor().to_integer() + BigInt::one() } else { scaled.ceil().to_integer() };
        if !need.is_positive() {
            return Built::Holds;
        }
        let items: Vec<_> =
            weights.iter().map(|(item, weight)| (*item, in_units(weight, &unit).min(need.clone()))).collect();
        let most: BigInt = weights.iter().map(|(_, weight)| in_units(weight, &unit)).sum();
        if most < need {
            return Built::Impossible;
        }
        self.rows.push(Row { need, items });
        Built::Row(self.rows.len() - 1)
    }

    /// Adds a goal worth `prize`, reached when all clauses of one of `ways` are.
    pub(crate) fn goal(&mut self, prize: &Ratio, ways: Vec<Vec<Built>>) {
        let prize = in_units(prize, &self.unit);
        self.goals.push(Goal { prize, demanded: false, ways: possible(ways) });
    }

    /// Adds a goal worth `prize` that must be reached, for enumeration.
    pub(crate) fn demanded_goal(&mut self, prize: &Ratio, ways: Vec<Vec<Built>>) {
        let prize = in_units(prize, &self.unit);
        self.goals.push(Goal { prize, demanded: true, ways: possible(ways) });
    }

    /// Adds a goal that must be reached, in one way.
    pub(crate) fn demand(&mut self, way: Vec<Built>) {
        self.goals.push(Goal { prize: BigInt::zero(), demanded: true, ways: possible(vec![way]) });
    }

    /// The same problem with prizes and costs multiplied: what it maximises is `prize factor · prizes − cost factor · costs`.
    pub(crate) fn weighed(&self, prize_factor: &BigInt, cost_factor: &BigInt) -> Self {
        let mut weighed = self.clone();
        weighed.goals.iter_mut().for_each(|goal| goal.prize *= prize_factor);
        weighed.costs.iter_mut().for_each(|cost| *cost *= cost_factor);
        weighed
    }

    /// `units` as a value.
    pub(crate) fn to_ratio(&self, units: BigInt) -> Ratio {
        Ratio::new(units, self.unit.clone())
    }

    /// All goals that the picked items reach, and prizes minus costs; none if a demanded goal is not among them.
    pub(crate) fn value_of(&self, picked: &[bool]) -> Option<(Vec<usize>, BigInt)> {
        let held: Vec<bool> = self.rows.iter().map(|row| row.holds(picked)).collect();
        let mut value =
            -self.costs.iter().zip(picked).filter(|(_, picked)| **picked).map(|(cost, _)| cost).sum::<BigInt>();
        let mut reached = Vec::new();
        for (position, goal) in self.goals.iter().enumerate() {
            if goal.ways.iter().any(|way| way.iter().all(|row| held[*row])) {
                reached.push(position);
                value += &goal.prize;
            } else if goal.demanded {
                return None;
            }
        }
        Some((reached, value))
    }

    /// The best picks that `effort` finds, with a proven bound; none if a demanded goal can not be reached.
    pub(crate) fn solve(&self, effort: &Effort, watch: &mut dyn FnMut(&Progress) -> bool) -> Option<Best> {
        if self.goals.iter().any(|goal| goal.demanded && goal.ways.is_empty()) {
            return None;
        }
        Some(search::Search::new(self).run(effort, watch))
    }
}

impl Row {
    fn holds(&self, picked: &[bool]) -> bool {
        let sum: BigInt = self.items.iter().filter(|(item, _)| picked[*item]).map(|(_, weight)| weight).sum();
        sum >= self.need
    }
}

/// The ways without an impossible clause, with the rows of those clauses that do not hold already; if one needs nothing, it alone.
fn possible(ways: Vec<Vec<Built>>) -> Vec<Vec<usize>> {
    let rows = |way: Vec<Built>| {
        let open = way.into_iter().filter(|clause| *clause != Built::Holds);
        open.map(|clause| if let Built::Row(row) = clause { Some(row) } else { None }).collect::<Option<Vec<_>>>()
    };
    let ways: Vec<Vec<usize>> = ways.into_iter().filter_map(rows).collect();
    if ways.iter().any(Vec::is_empty) { vec![Vec::new()] } else { ways }
}

/// The greatest whole number that is at most the fraction: values are whole, so that is all a bound can say.
pub(crate) fn whole_part(numerator: &BigInt, denominator: &BigInt) -> BigInt {
    numerator.div_floor(denominator)
}
