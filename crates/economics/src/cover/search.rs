//! Branch and bound over [`super::Program`]: the simplex proposes, whole numbers decide. Best bound first, with dives; the same program and effort
//! give the same outcome.

mod cuts;
mod picks;

use std::cmp::Ordering;
use std::collections::BinaryHeap;

use num_bigint::BigInt;
use num_traits::{Signed, ToPrimitive, Zero};

use super::bound::{Fixed, Prices};
use super::round::Scaled;
use super::simplex::Simplex;
use super::{Best, Effort, Program, Progress};
use crate::number::Ratio;

/// Entries of the simplex table above which there is none: 64 MB.
const TABLE_MAX: usize = 8_000_000;
/// Most pivots at one node; what they leave open is a weaker bound.
const PIVOTS_MAX: usize = 5_000;
/// Nodes between two tries to make picks of the fractions.
const ROUND_EVERY: u64 = 16;
/// How much greater prizes are in the table than in the program. Prices that cover these leave room for rounding on both sides: half of it over the true prizes, half under the
/// costs. So where nothing pays, the bound in whole numbers is 0 and not a little above it.
const PRIZE_MARGIN: f64 = 2e-9;
/// A fraction this near to 0 or 1 is whole.
const WHOLE: f64 = 1e-7;

/// A node that is still to be visited.
struct Node {
    fixed: Vec<Fixed>,
    /// No value below it is above this, in units.
    upper: BigInt,
}

impl PartialEq for Node {
    fn eq(&self, other: &Self) -> bool {
        self.upper == other.upper
    }
}

impl Eq for Node {}

impl Ord for Node {
    fn cmp(&self, other: &Self) -> Ordering {
        self.upper.cmp(&other.upper)
    }
}

impl PartialOrd for Node {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// The best picks so far.
struct Incumbent {
    picked: Vec<bool>,
    goals: Vec<usize>,
    value: BigInt,
}

/// A search under way.
pub(super) struct Search<'a> {
    /// As given: what incumbents are valued by.
    given: &'a Program,
    /// With the cuts, which no whole solution violates: what bounds are made of.
    program: Program,
    scaled: Scaled,
    scale: BigInt,
    table: Option<Simplex>,
    /// Rows of the table, as rows of the program.
    table_rows: Vec<usize>,
    /// Rows of the table before the cuts.
    table_height: usize,
    /// Rows of the program that are cuts, in the order of the table's last rows.
    cut_rows: Vec<usize>,
    /// For each way in order, its goal and its place among the goal's ways.
    ways: Vec<(usize, usize)>,
    alone: Vec<bool>,
    demanded: Vec<bool>,
    incumbent: Incumbent,
    /// Bounds of nodes that were given up with less than rounding open.
    given_up: Option<BigInt>,
    nodes: u64,
}

impl<'a> Search<'a> {
    pub(super) fn new(program: &'a Program) -> Self {
        let largest = program.costs.iter().chain(program.goals.iter().map(|goal| &goal.prize)).max();
        let scale = largest.filter(|largest| largest.is_positive()).cloned().unwrap_or_else(|| 1.into());
        let scaled = Scaled::new(program, scale.to_f64().unwrap_or(f64::MAX));
        let of = |(goal, ways): (usize, usize)| (0..ways).map(move |way| (goal, way));
        let ways = program.goals.iter().map(|goal| goal.ways.len()).enumerate().flat_map(of).collect::<Vec<_>>();
        let alone = |(goal, _): &(usize, usize)| program.goals[*goal].ways.len() == 1 && !program.goals[*goal].demanded;
        let mut search = Self {
            alone: ways.iter().map(alone).collect(),
            demanded: program.goals.iter().map(|goal| goal.demanded).collect(),
            incumbent: Incumbent { picked: Vec::new(), goals: Vec::new(), value: BigInt::zero() },
            given: program,
            program: program.clone(),
            scaled,
            scale,
            table: None,
            table_rows: Vec::new(),
            table_height: 0,
            cut_rows: Vec::new(),
            ways,
            given_up: None,
            nodes: 0,
        };
        search.build_table();
        search.start();
        search
    }

    /// `x of the way − Σ share·y ≤ 0` per row, and at most one way per goal.
    fn build_table(&mut self) {
        let first_item = self.ways.len();
        let mut rows = Vec::new();
        for (position, (goal, way)) in self.ways.iter().enumerate() {
            for row in &self.given.goals[*goal].ways[*way] {
                let items = self.scaled.rows[*row].iter().map(|(item, share)| (first_item + item, -share));
                rows.push((std::iter::once((position, 1.0)).chain(items).collect(), 0.0));
                self.table_rows.push(*row);
            }
        }
        for goal in (0..self.demanded.len()).filter(|goal| self.program.goals[*goal].ways.len() > 1) {
            let of = self.ways.iter().enumerate().filter(|(_, (of, _))| *of == goal);
            rows.push((of.map(|(position, _)| (position, 1.0)).collect(), 1.0));
        }
        let prizes = self.ways.iter().map(|(goal, _)| self.scaled.prizes[*goal] * (1.0 + PRIZE_MARGIN));
        let objective: Vec<f64> = prizes.chain(self.scaled.costs.iter().map(|cost| -cost)).collect();
        if rows.len() * objective.len() <= TABLE_MAX {
            let mut table = Simplex::new(objective, &rows);
            let demanded = self.ways.iter().enumerate().filter(|(_, (goal, _))| self.demanded[*goal]);
            demanded.for_each(|(position, _)| table.bound(position, 1.0, 1.0));
            self.table_height = rows.len();
            self.table = Some(table);
        }
    }

    /// The first incumbent: nothing at all, or whatever reaches what is demanded.
    fn start(&mut self) {
        let nothing = vec![false; self.program.costs.len()];
        if let Some((goals, value)) = self.given.value_of(&nothing) {
            self.incumbent = Incumbent { picked: nothing, goals, value };
            return;
        }
        let everything = vec![true; self.program.costs.len()];
        if let Some((goals, value)) = self.given.value_of(&everything) {
            self.incumbent = Incumbent { picked: everything, goals, value };
        }
        let zeros = vec![0.0; self.ways.len() + self.program.costs.len()];
        self.round(&zeros, 0.5, &vec![Fixed::Open; zeros.len()]);
    }

    pub(super) fn run(mut self, effort: &Effort, watch: &mut dyn FnMut(&Progress) -> bool) -> Best {
        let root = vec![Fixed::Open; self.ways.len() + self.program.costs.len()];
        let mut open = BinaryHeap::new();
        self.cut(&root, watch);
        match self.visit(root.clone()) {
            _ if self.table.is_none() => self.without_table(&root, &mut open),
            Some(children) => open.extend(children),
            None => {}
        }
        while let Some(node) = open.pop() {
            if node.upper <= self.incumbent.value {
                open.clear();
                break;
            }
            if self.nodes >= effort.nodes.max(1)
                || self.is_near(&node.upper, &effort.gap)
                || !self.report(&node.upper, watch)
            {
                open.push(node);
                break;
            }
            self.dive(node, &mut open, effort, watch);
        }
        self.finish(open)
    }

    /// Visits a node, then its likelier child, and so on until one is closed.
    fn dive(
        &mut self,
        node: Node,
        open: &mut BinaryHeap<Node>,
        effort: &Effort,
        watch: &mut dyn FnMut(&Progress) -> bool,
    ) {
        let highest = node.upper.clone();
        let mut next = Some(node);
        while let Some(node) = next.take() {
            if node.upper <= self.incumbent.value {
                continue;
            }
            if self.nodes >= effort.nodes.max(1) || !self.report(&highest, watch) {
                open.push(node);
                return;
            }
            if let Some([likely, other]) = self.visit(node.fixed) {
                open.push(other);
                next = Some(likely);
            }
        }
    }

    /// Bounds a node, tries to round it, and splits it; nothing to split when it is closed.
    fn visit(&mut self, mut fixed: Vec<Fixed>) -> Option<[Node; 2]> {
        self.nodes += 1;
        if !self.is_possible(&fixed) {
            return None;
        }
        let table = self.table.as_mut()?;
        for (variable, fixed) in fixed.iter().enumerate() {
            let (lower, upper) = match fixed {
                Fixed::Open => (0.0, 1.0),
                Fixed::Out => (0.0, 0.0),
                Fixed::In => (1.0, 1.0),
            };
            table.bound(variable, lower, upper);
        }
        for (position, (goal, _)) in self.ways.iter().enumerate().filter(|(_, (goal, _))| self.demanded[*goal]) {
            debug_assert_eq!(self.program.goals[*goal].ways.len(), 1, "what is demanded has one way");
            table.bound(position, 1.0, 1.0);
        }
        table.solve(PIVOTS_MAX);
        let (fractions, upper) = (table.fractions(), self.bound(&fixed));
        if self.nodes == 1 || self.nodes.is_multiple_of(ROUND_EVERY) {
            let tries: &[f64] = if self.nodes == 1 { &[0.999, 0.5, 0.05] } else { &[0.5] };
            tries.iter().for_each(|threshold| self.round(&fractions, *threshold, &fixed));
        }
        let (bound, upper) = upper;
        if upper <= self.incumbent.value {
            return None;
        }
        let before = fixed.clone();
        bound.tighten(&self.incumbent.value, &mut fixed, &self.alone);
        // What was decided just now against its fraction changes the fractions: the node is not what was solved. Each such turn decides more, so they end.
        let mut decided = fixed.iter().zip(&before).zip(&fractions).filter(|((now, before), _)| now != before);
        if decided.any(|((now, _), fraction)| now.is_against(*fraction)) {
            return self.visit(fixed);
        }
        self.split(fixed, &fractions, upper)
    }

    fn bound(&self, fixed: &[Fixed]) -> (super::bound::Bound, BigInt) {
        let bound = Prices::new(&self.program, &self.prices(), &self.scale).bound(&self.program, fixed);
        let units = bound.units();
        (bound, units)
    }

    /// The table's prices, per row of the program.
    fn prices(&self) -> Vec<f64> {
        let mut per_need = vec![0.0; self.program.rows.len()];
        let Some(table) = &self.table else { return per_need };
        let prices = table.prices();
        let cuts = self.cut_rows.iter().zip(&prices[prices.len() - self.cut_rows.len()..]);
        for (row, price) in self.table_rows.iter().zip(&prices).chain(cuts) {
            per_need[*row] = price / (1.0 + PRIZE_MARGIN / 2.0);
        }
        per_need
    }

    /// Whether every row of a way that is in can still be reached.
    fn is_possible(&self, fixed: &[Fixed]) -> bool {
        let first_item = self.ways.len();
        let reachable = |row: &usize| {
            let row = &self.given.rows[*row];
            let left = row.items.iter().filter(|(item, _)| fixed[first_item + item] != Fixed::Out);
            left.map(|(_, weight)| weight).sum::<BigInt>() >= row.need
        };
        let is_in =
            |(position, (goal, _)): &(usize, &(usize, usize))| fixed[*position] == Fixed::In || self.demanded[*goal];
        self.ways
            .iter()
            .enumerate()
            .filter(is_in)
            .all(|(_, (goal, way))| self.given.goals[*goal].ways[*way].iter().all(reachable))
    }

    /// Splits at the open variable whose being fractional matters most: ways first, as they decide which items matter.
    fn split(&mut self, fixed: Vec<Fixed>, fractions: &[f64], upper: BigInt) -> Option<[Node; 2]> {
        let weight = |variable: usize| match self.ways.get(variable) {
            Some((goal, _)) => self.scaled.prizes[*goal],
            None => self.scaled.costs[variable - self.ways.len()],
        };
        let matters = |variable: &usize| {
            let part = fractions[*variable].min(1.0 - fractions[*variable]);
            if fixed[*variable] == Fixed::Open && part > WHOLE { part * weight(*variable) } else { 0.0 }
        };
        let best_of = |range: std::ops::Range<usize>| {
            let best = range
                .map(|variable| (matters(&variable), variable))
                .max_by(|a, b| a.0.total_cmp(&b.0).then(b.1.cmp(&a.1)));
            best.filter(|(matters, _)| *matters > 0.0).map(|(_, variable)| variable)
        };
        let first_item = self.ways.len();
        let Some(variable) = best_of(0..first_item).or_else(|| best_of(first_item..fractions.len())) else {
            self.close(&fixed, fractions, upper);
            return None;
        };
        let child = |choice| {
            let mut fixed = fixed.clone();
            fixed[variable] = choice;
            self.exclude_other_ways(variable, &mut fixed);
            Node { fixed, upper: upper.clone() }
        };
        let up = fractions[variable] >= 0.5;
        Some(if up { [child(Fixed::In), child(Fixed::Out)] } else { [child(Fixed::Out), child(Fixed::In)] })
    }

    /// A goal whose way is in needs no other.
    fn exclude_other_ways(&self, variable: usize, fixed: &mut [Fixed]) {
        let Some((goal, _)) = self.ways.get(variable).filter(|_| fixed[variable] == Fixed::In) else { return };
        for (other, _) in self.ways.iter().enumerate().filter(|(other, (of, _))| of == goal && *other != variable) {
            fixed[other] = Fixed::Out;
        }
    }

    /// All fractions are whole: they are the node's best picks, up to rounding, and what rounding leaves open goes into the final bound.
    fn close(&mut self, fixed: &[Fixed], fractions: &[f64], upper: BigInt) {
        self.round(fractions, 0.5, fixed);
        if upper > self.incumbent.value {
            let worst = self.given_up.take().map_or(upper.clone(), |given_up| given_up.max(upper));
            self.given_up = Some(worst);
        }
    }

    fn is_near(&self, upper: &BigInt, gap: &Ratio) -> bool {
        let open = Ratio::from_integer(upper - &self.incumbent.value);
        open <= gap * Ratio::from_integer(self.incumbent.value.abs())
    }

    fn report(&self, upper: &BigInt, watch: &mut dyn FnMut(&Progress) -> bool) -> bool {
        let found = self.program.to_ratio(self.incumbent.value.clone());
        watch(&Progress { nodes: self.nodes, found, at_most: self.program.to_ratio(upper.clone()) })
    }

    fn finish(self, open: BinaryHeap<Node>) -> Best {
        let Incumbent { picked, goals, value } = self.incumbent;
        let left = open.into_iter().map(|node| node.upper).chain(self.given_up);
        let upper = left.fold(value.clone(), Ord::max);
        let items = (0..picked.len()).filter(|item| picked[*item]).collect();
        Best { items, goals, value, upper, nodes: self.nodes }
    }
}
