//! Picks made of fractions, or by greed where there are none.

use std::collections::BinaryHeap;

use super::{Fixed, Incumbent, Node, Prices, Search};
use crate::cover::round;

impl Search<'_> {
    /// Goes for the goals whose ways have at least `threshold` of a fraction, and keeps the outcome if it is better.
    pub(super) fn round(&mut self, fractions: &[f64], threshold: f64, fixed: &[Fixed]) {
        let first_item = self.ways.len();
        let mut chosen = vec![None; self.demanded.len()];
        let mut most = vec![threshold; self.demanded.len()];
        for (position, (goal, way)) in self.ways.iter().enumerate() {
            if self.demanded[*goal] || fractions[position] >= most[*goal] {
                chosen[*goal] = Some(*way);
                most[*goal] = fractions[position];
            }
        }
        let barred: Vec<bool> = fixed[first_item..].iter().map(|fixed| *fixed == Fixed::Out).collect();
        self.try_goals(&chosen, &fractions[first_item..], &barred);
    }

    fn try_goals(&mut self, chosen: &[Option<usize>], hint: &[f64], barred: &[bool]) {
        let rows = self.scaled.rows_of(chosen);
        let Some(mut picked) = self.scaled.cover(&rows, hint, barred) else { return };
        self.keep(&picked);
        self.scaled.drop_poor_goals(&mut picked, &self.demanded);
        self.keep(&picked);
    }

    fn keep(&mut self, picked: &[bool]) {
        if let Some((goals, value)) = self.given.value_of(picked)
            && value > self.incumbent.value
        {
            self.incumbent = Incumbent { picked: picked.to_vec(), goals, value };
        }
    }

    /// For programs too large for a table: greed from single goals and from all that pay, and a bound by natural prices.
    pub(super) fn without_table(&mut self, root: &[Fixed], open: &mut BinaryHeap<Node>) {
        let (first_item, items) = (self.ways.len(), self.program.costs.len());
        let per_need = round::natural_prices(&self.scaled, self.given, &self.ways);
        let bound = Prices::new(self.given, &per_need, &self.scale).bound(self.given, root);
        let (hint, barred) = (vec![0.0; items], vec![false; items]);
        let all: Vec<Option<usize>> =
            self.program.goals.iter().map(|goal| (!goal.ways.is_empty()).then_some(0)).collect();
        self.try_goals(&all, &hint, &barred);
        let mut order: Vec<usize> = (0..first_item).collect();
        order.sort_by(|a, b| self.scaled.prizes[self.ways[*b].0].total_cmp(&self.scaled.prizes[self.ways[*a].0]));
        for (goal, way) in order.into_iter().take(32).map(|position| self.ways[position]).collect::<Vec<_>>() {
            let mut chosen = vec![None; self.demanded.len()];
            chosen[goal] = Some(way);
            self.try_goals(&chosen, &hint, &barred);
        }
        let upper = bound.units();
        if upper > self.incumbent.value {
            self.given_up = Some(upper);
        }
        open.clear();
    }
}
