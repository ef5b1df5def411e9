//! From fractions to picks: which goals to go for, the cheapest cover by greed, without what turns out redundant. In floats; every outcome is valued in whole numbers
//! by [`super::Program::value_of`] before it counts.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

use num_traits::ToPrimitive;

use super::Program;

/// Slack for rounding in sums of shares; what it lets through wrongly fails the exact check.
const SLACK: f64 = 1e-12;

/// An item with its score, ordered by score, then the lower position first.
#[derive(PartialEq)]
struct Scored(f64, usize);

impl Eq for Scored {}

impl Ord for Scored {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.total_cmp(&other.0).then(other.1.cmp(&self.1))
    }
}

impl PartialOrd for Scored {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// The program in floats: row needs are 1, costs and prizes are shares of the largest of them.
#[derive(Debug, Clone)]
pub(super) struct Scaled {
    pub(super) costs: Vec<f64>,
    pub(super) prizes: Vec<f64>,
    pub(super) rows: Vec<Vec<(usize, f64)>>,
    /// Per item, its rows and shares of their need.
    of_item: Vec<Vec<(usize, f64)>>,
    /// Per goal, its ways.
    goals: Vec<Vec<Vec<usize>>>,
}

impl Scaled {
    pub(super) fn new(program: &Program, scale: f64) -> Self {
        let share = |units: &num_bigint::BigInt| units.to_f64().unwrap_or(f64::MAX) / scale;
        let mut of_item = vec![Vec::new(); program.costs.len()];
        let mut rows = Vec::with_capacity(program.rows.len());
        for (position, row) in program.rows.iter().enumerate() {
            let need = row.need.to_f64().unwrap_or(f64::MAX);
            let items: Vec<_> =
                row.items.iter().map(|(item, weight)| (*item, weight.to_f64().unwrap_or(0.0) / need)).collect();
            for (item, share) in &items {
                of_item[*item].push((position, *share));
            }
            rows.push(items);
        }
        Self {
            costs: program.costs.iter().map(share).collect(),
            prizes: program.goals.iter().map(|goal| share(&goal.prize)).collect(),
            rows,
            of_item,
            goals: program.goals.iter().map(|goal| goal.ways.clone()).collect(),
        }
    }

    /// Picks for the chosen rows (all must be reached), preferring items with a large `hint`; `barred` items are not picked.
    pub(super) fn cover(&self, rows: &[usize], hint: &[f64], barred: &[bool]) -> Option<Vec<bool>> {
        let mut missing = vec![0.0; self.rows.len()];
        rows.iter().for_each(|row| missing[*row] = 1.0);
        let mut picked = vec![false; self.costs.len()];
        for item in (0..hint.len()).filter(|item| hint[*item] > 1.0 - 1e-6 && !barred[*item]) {
            self.pick(item, &mut picked, &mut missing);
        }
        self.fill(hint, barred, &mut picked, &mut missing)?;
        self.prune(&mut picked, rows);
        Some(picked)
    }

    /// Picks the most useful item until no need is missing. Usefulness only falls, so a score that is still the highest when it is computed anew is the best.
    fn fill(&self, hint: &[f64], barred: &[bool], picked: &mut [bool], missing: &mut [f64]) -> Option<()> {
        let mut open = missing.iter().filter(|missing| **missing > SLACK).count();
        let score = |item: usize, missing: &[f64]| self.usefulness(item, missing) * (0.05 + hint[item]);
        let free = (0..hint.len()).filter(|item| !picked[*item] && !barred[*item]);
        let mut heap: BinaryHeap<Scored> = free.map(|item| Scored(score(item, missing), item)).collect();
        while open > 0 {
            let Scored(_, item) = heap.pop()?;
            let now = score(item, missing);
            if now <= 0.0 {
                continue;
            }
            if heap.peek().is_some_and(|next| next.0 > now) {
                heap.push(Scored(now, item));
                continue;
            }
            self.pick(item, picked, missing);
            open = missing.iter().filter(|missing| **missing > SLACK).count();
        }
        Some(())
    }

    fn pick(&self, item: usize, picked: &mut [bool], missing: &mut [f64]) {
        picked[item] = true;
        for (row, share) in &self.of_item[item] {
            missing[*row] -= share;
        }
    }

    /// Shares of needs that an item would still fill, per cost.
    fn usefulness(&self, item: usize, missing: &[f64]) -> f64 {
        let filled: f64 = self.of_item[item].iter().map(|(row, share)| share.min(missing[*row].max(0.0))).sum();
        if filled <= 0.0 { 0.0 } else { filled / self.costs[item].max(1e-300) }
    }

    /// Drops picked items that no chosen row needs, the dearest first.
    fn prune(&self, picked: &mut [bool], rows: &[usize]) {
        let mut chosen = vec![false; self.rows.len()];
        rows.iter().for_each(|row| chosen[*row] = true);
        let mut sums = self.sums(picked);
        let mut order: Vec<usize> = (0..picked.len()).filter(|item| picked[*item]).collect();
        order.sort_by(|a, b| self.costs[*b].total_cmp(&self.costs[*a]).then(a.cmp(b)));
        for item in order {
            let needed = self.of_item[item].iter().any(|(row, share)| chosen[*row] && sums[*row] - share < 1.0 - SLACK);
            if !needed {
                picked[item] = false;
                self.of_item[item].iter().for_each(|(row, share)| sums[*row] -= share);
            }
        }
    }

    fn sums(&self, picked: &[bool]) -> Vec<f64> {
        let sum = |row: &Vec<(usize, f64)>| row.iter().filter(|(item, _)| picked[*item]).map(|(_, share)| share).sum();
        self.rows.iter().map(sum).collect()
    }

    /// Drops goals that cost more than they are worth: for each reached goal, items that only it needs are let go when they cost more than its prize.
    pub(super) fn drop_poor_goals(&self, picked: &mut Vec<bool>, demanded: &[bool]) {
        for _ in 0..3 {
            let mut changed = false;
            let mut reached = self.reached(picked);
            for goal in 0..self.goals.len() {
                let Some(way) = reached[goal] else { continue };
                if demanded[goal] {
                    continue;
                }
                reached[goal] = None;
                let mut fewer = picked.clone();
                self.prune(&mut fewer, &self.rows_of(&reached));
                let kept = self.reached(&fewer);
                if self.value(&fewer, &kept) > self.value(picked, &self.reached(picked)) + SLACK {
                    *picked = fewer;
                    reached = kept;
                    changed = true;
                } else {
                    reached[goal] = Some(way);
                }
            }
            if !changed {
                return;
            }
        }
    }

    fn value(&self, picked: &[bool], reached: &[Option<usize>]) -> f64 {
        let prizes: f64 =
            self.prizes.iter().zip(reached).filter(|(_, way)| way.is_some()).map(|(prize, _)| prize).sum();
        let costs: f64 = self.costs.iter().zip(picked).filter(|(_, picked)| **picked).map(|(cost, _)| cost).sum();
        prizes - costs
    }

    /// Per goal, the first way that the picked items reach.
    fn reached(&self, picked: &[bool]) -> Vec<Option<usize>> {
        let sums = self.sums(picked);
        let holds = |way: &Vec<usize>| way.iter().all(|row| sums[*row] >= 1.0 - SLACK);
        self.goals.iter().map(|ways| ways.iter().position(holds)).collect()
    }

    /// The rows of chosen ways.
    pub(super) fn rows_of(&self, chosen: &[Option<usize>]) -> Vec<usize> {
        let of = |(goal, way): (usize, &Option<usize>)| way.map(|way| self.goals[goal][way].clone());
        chosen.iter().enumerate().filter_map(of).flatten().collect()
    }
}

/// Prices per need at which every way's rows together cost its prize, in equal parts: those of the certificate of `crate::network`. They are improved by steps
/// against the subgradient of the bound (Held, Wolfe and Crowder 1974), which keeps the best.
pub(super) fn natural_prices(scaled: &Scaled, program: &Program, ways: &[(usize, usize)]) -> Vec<f64> {
    let mut prices = vec![0.0; scaled.rows.len()];
    for (goal, way) in ways {
        let rows = &program.goals[*goal].ways[*way];
        rows.iter().for_each(|row| prices[*row] = scaled.prizes[*goal] / rows.len() as f64);
    }
    let (mut best, mut least) = (prices.clone(), f64::INFINITY);
    for step in 0..SUBGRADIENT_STEPS {
        let (value, slope) = scaled.relaxed(&prices, ways);
        if value < least {
            (best, least) = (prices.clone(), value);
        }
        let steepness: f64 = slope.iter().map(|slope| slope * slope).sum();
        if steepness == 0.0 {
            break;
        }
        let length = value.max(0.0) / steepness / (1.0 + f64::from(step) / 20.0);
        prices.iter_mut().zip(&slope).for_each(|(price, slope)| *price = (*price - length * slope).max(0.0));
    }
    best
}

const SUBGRADIENT_STEPS: u32 = 200;

impl Scaled {
    /// The Lagrangian bound at these prices, and its slope per row.
    fn relaxed(&self, prices: &[f64], ways: &[(usize, usize)]) -> (f64, Vec<f64>) {
        let mut slope = vec![0.0; prices.len()];
        let mut value = 0.0;
        let mut best: Vec<(f64, Option<usize>)> = vec![(0.0, None); self.goals.len()];
        for (goal, way) in ways {
            let gain = self.prizes[*goal] - self.goals[*goal][*way].iter().map(|row| prices[*row]).sum::<f64>();
            if gain > best[*goal].0 {
                best[*goal] = (gain, Some(*way));
            }
        }
        for (goal, (gain, way)) in best.iter().enumerate() {
            value += gain;
            way.iter().flat_map(|way| &self.goals[goal][*way]).for_each(|row| slope[*row] -= 1.0);
        }
        for (item, rows) in self.of_item.iter().enumerate() {
            let gain = rows.iter().map(|(row, share)| share * prices[*row]).sum::<f64>() - self.costs[item];
            if gain > 0.0 {
                value += gain;
                rows.iter().for_each(|(row, share)| slope[*row] += share);
            }
        }
        (value, slope)
    }
}
