//! Cuts at the root of a search, which every node then has.

use num_bigint::BigInt;
use num_traits::ToPrimitive;

use super::{Fixed, PIVOTS_MAX, Search, TABLE_MAX};
use crate::cover::{Progress, Row, cut};

/// Most rounds of cuts.
const CUT_ROUNDS_MAX: usize = 40;
/// Cuts go on while a round leaves at most this part of what was open.
const CUT_GAIN: f64 = 0.98;

impl Search<'_> {
    /// Adds cuts at the root as long as they lower the bound: then every node has them.
    pub(super) fn cut(&mut self, fixed: &[Fixed], watch: &mut dyn FnMut(&Progress) -> bool) {
        let (first_item, kept) = (self.ways.len(), self.table_height);
        let mut before = f64::INFINITY;
        for _ in 0..CUT_ROUNDS_MAX {
            let Some(table) = self.table.as_mut() else { return };
            table.solve(PIVOTS_MAX);
            table.drop_loose_rows(kept);
            let (fractions, size) = (table.fractions(), table.size());
            let (_, upper) = self.bound(fixed);
            let open = (&upper - &self.incumbent.value).to_f64().unwrap_or(f64::MAX);
            if open <= 0.0 || open > before * CUT_GAIN || size > TABLE_MAX / 2 || !self.report(&upper, watch) {
                return;
            }
            before = open;
            let mut found = Vec::new();
            for (position, (goal, way)) in self.ways.iter().enumerate() {
                for row in &self.given.goals[*goal].ways[*way] {
                    let shares = &self.scaled.rows[*row];
                    let cut = cut::violated(self.given, *row, shares, fractions[position], &fractions[first_item..]);
                    found.extend(cut.map(|cut| (position, cut)));
                }
            }
            if found.is_empty() {
                return;
            }
            found.into_iter().for_each(|(position, cut)| self.add_cut(position, cut));
        }
    }

    fn add_cut(&mut self, position: usize, cut: Row) {
        let Some(table) = self.table.as_mut() else { return };
        let need = cut.need.to_f64().unwrap_or(f64::MAX);
        let share = |weight: &BigInt| weight.to_f64().unwrap_or(0.0) / need;
        let items = cut.items.iter().map(|(item, weight)| (self.ways.len() + item, -share(weight)));
        let coefficients: Vec<(usize, f64)> = std::iter::once((position, 1.0)).chain(items).collect();
        table.add_row(&coefficients, 0.0);
        let (goal, way) = self.ways[position];
        self.program.rows.push(cut);
        self.program.goals[goal].ways[way].push(self.program.rows.len() - 1);
        self.cut_rows.push(self.program.rows.len() - 1);
    }
}
