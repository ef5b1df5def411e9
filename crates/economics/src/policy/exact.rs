//! Costs over a list of operators, who are corrupted whole or not at all and may hold both tokens: the cheapest set of operators that satisfies every
//! clause of one way to attack, a covering problem with at most two constraints (research on dual staking, §1.1, rule 5). Never below the closed forms.

use super::Policy;
use super::rows::{self, Rows, Whole};
use crate::cover::{Effort, Program, Progress};
use crate::number::{Ratio, greatest};
use crate::operators::{Operators, Prices};

/// The cheapest set of operators found for one aim, and a proven floor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExactCost {
    /// Positions in the list, ascending.
    pub operators: Vec<usize>,
    /// What their stake is worth.
    pub cost: Ratio,
    /// No set costs less; equal to `cost` when the search ended by itself.
    pub at_least: Ratio,
}

impl ExactCost {
    /// Whether nothing cheaper exists.
    pub fn is_exact(&self) -> bool {
        self.cost == self.at_least
    }
}

/// Costs over a list of operators; an aim that no set of them reaches has none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExactCosts {
    /// The cheapest false certificate.
    pub forgery: Option<ExactCost>,
    /// The least stake that signs twice in any two conflicting certificates, however the others are split: a floor, as a split that reaches it need not exist.
    pub equivocation: Option<ExactCost>,
    /// The cheapest way to stop all certificates; with a fallback, the dearer of before and, native having failed, after.
    pub liveness: Option<ExactCost>,
}

/// Finds the cheapest attacks on `policy` among `operators`.
///
/// `watch` sees the search's progress and may stop it; then the costs are those found, with a proven floor.
pub fn exact_costs(
    policy: &Policy,
    operators: &Operators,
    prices: &Prices,
    effort: &Effort,
    watch: &mut dyn FnMut(&Progress) -> bool,
) -> ExactCosts {
    let (policy, total) = (policy.in_ratios(), operators.total());
    let whole = Whole { total: &total, counted: &prices.counted };
    let mut cheapest = |ways: &Rows| cheapest(ways, operators, prices, effort, watch);
    let before = cheapest(&rows::liveness_ways(&policy, &whole));
    let after = rows::fallback_liveness_ways(&policy, &whole).map(|ways| cheapest(&ways));
    ExactCosts {
        forgery: cheapest(&rows::forgery_ways(&policy, &whole)),
        equivocation: cheapest(&rows::equivocation_ways(&policy, &whole)),
        liveness: after.map_or(before.clone(), |after| dearer(before, after)),
    }
}

fn dearer(one: Option<ExactCost>, other: Option<ExactCost>) -> Option<ExactCost> {
    let (one, other) = (one?, other?);
    let at_least = greatest(one.at_least.clone(), other.at_least.clone());
    let dearer = if other.cost > one.cost { other } else { one };
    Some(ExactCost { at_least, ..dearer })
}

fn cheapest(
    ways: &Rows,
    operators: &Operators,
    prices: &Prices,
    effort: &Effort,
    watch: &mut dyn FnMut(&Progress) -> bool,
) -> Option<ExactCost> {
    let costs: Vec<Ratio> = operators.list().iter().map(|operator| operator.value(&prices.real)).collect();
    let mut one = |clauses: &Vec<super::Clause>| {
        let mut program = Program::new(&costs, []);
        let rows = clauses.iter().map(|clause| program.clause(clause, operators.list().iter().enumerate())).collect();
        program.demand(rows);
        let best = program.solve(effort, &mut *watch)?;
        let value = |units| program.to_ratio(units);
        Some(ExactCost { cost: value(-best.value), at_least: value(-best.upper), operators: best.items })
    };
    let found: Vec<ExactCost> = ways.iter().filter_map(&mut one).collect();
    let at_least = found.iter().map(|found| &found.at_least).min()?.clone();
    let cheapest = found.into_iter().min_by(|a, b| a.cost.cmp(&b.cost))?;
    Some(ExactCost { at_least, ..cheapest })
}
