//! A dual simplex with bounded variables on a dense table, in floats: it proposes prices for rows and fractions for variables, which [`super::bound`] and [`super::round`]
//! turn into proofs and picks. It maximises `c·z` subject to `Az ≤ b`, `lower ≤ z ≤ upper`.
//!
//! Every variable but the slacks has two finite bounds, so any basis is dual feasible once each nonbasic variable stands at the bound that its reduced cost asks for.
//! Moving from one node of a search to another therefore only moves bounds; the table stays. The ratio test flips variables between their bounds as
//! long as that brings the leaving row nearer (the "long step" rule; Maros, Computational Techniques of the Simplex Method, §10.2.3).

/// What is below this is zero.
const ZERO: f64 = 1e-9;
/// Above this, weights say nothing any more and start anew.
const STEEPNESS_MAX: f64 = 1e7;
/// What is below this was left by rounding.
const DUST: f64 = 1e-13;
/// A pivot below this is not taken while there is another.
const PIVOT_MIN: f64 = 1e-7;

/// The table. Variables `0..columns` are structural, those above are slacks, one per row.
#[derive(Debug, Clone)]
pub(super) struct Simplex {
    rows: usize,
    columns: usize,
    /// `rows × columns`, one column per nonbasic variable.
    table: Vec<f64>,
    right: Vec<f64>,
    reduced: Vec<f64>,
    basic: Vec<usize>,
    nonbasic: Vec<usize>,
    at_upper: Vec<bool>,
    lower: Vec<f64>,
    upper: Vec<f64>,
    /// Values of basic variables.
    value: Vec<f64>,
    /// Per row, how steep the objective is along it: the reference weights of the dual Devex rule (Forrest and Goldfarb 1992).
    steepness: Vec<f64>,
}

/// A row leaves: which, and whether it is above its upper bound or below its lower one.
struct Leaving {
    row: usize,
    above: bool,
    excess: f64,
}

impl Simplex {
    /// A table from dense rows `(coefficients as pairs, right side)`, with all variables between 0 and 1.
    pub(super) fn new(objective: Vec<f64>, rows: &[(Vec<(usize, f64)>, f64)]) -> Self {
        let (m, n) = (rows.len(), objective.len());
        let mut table = vec![0.0; m * n];
        for (row, (coefficients, _)) in rows.iter().enumerate() {
            for (column, coefficient) in coefficients {
                table[row * n + column] = *coefficient;
            }
        }
        let right: Vec<f64> = rows.iter().map(|(_, right)| *right).collect();
        Self {
            rows: m,
            columns: n,
            table,
            value: right.clone(),
            right,
            reduced: objective,
            basic: (n..n + m).collect(),
            steepness: vec![1.0; m],
            nonbasic: (0..n).collect(),
            at_upper: vec![false; n],
            lower: vec![0.0; n + m],
            upper: (0..n + m).map(|variable| if variable < n { 1.0 } else { f64::INFINITY }).collect(),
        }
    }

    /// Adds a row `Σ coefficient·z ≤ right`; its slack is basic, so the table stays dual feasible.
    pub(super) fn add_row(&mut self, coefficients: &[(usize, f64)], right: f64) {
        let mut dense = vec![0.0; self.columns];
        coefficients.iter().for_each(|(variable, coefficient)| dense[*variable] = *coefficient);
        let mut right = right;
        let mut new: Vec<f64> =
            self.nonbasic.iter().map(|variable| dense.get(*variable).copied().unwrap_or(0.0)).collect();
        for row in 0..self.rows {
            let factor = dense.get(self.basic[row]).copied().unwrap_or(0.0);
            if factor != 0.0 {
                eliminate(&mut new, &self.table[row * self.columns..(row + 1) * self.columns], factor);
                right -= factor * self.right[row];
            }
        }
        self.table.extend(new);
        self.right.push(right);
        self.value.push(right);
        self.basic.push(self.upper.len());
        self.steepness.push(1.0);
        self.lower.push(0.0);
        self.upper.push(f64::INFINITY);
        self.rows += 1;
    }

    /// Takes out the rows added after the first `kept` whose slack is basic: they bind nothing. Their slacks keep their numbers, with a price of 0.
    pub(super) fn drop_loose_rows(&mut self, kept: usize) {
        let first = self.columns + kept;
        let mut row = 0;
        while row < self.rows {
            if self.basic[row] < first {
                row += 1;
                continue;
            }
            // The last row takes its place.
            let last = self.rows - 1;
            if row < last {
                let (front, back) = self.table.split_at_mut(last * self.columns);
                front[row * self.columns..(row + 1) * self.columns].copy_from_slice(&back[..self.columns]);
            }
            self.table.truncate(last * self.columns);
            self.right.swap_remove(row);
            self.value.swap_remove(row);
            self.basic.swap_remove(row);
            self.steepness.swap_remove(row);
            self.rows = last;
        }
    }

    /// Entries of the table.
    pub(super) fn size(&self) -> usize {
        self.table.len()
    }

    /// Sets the bounds of a structural variable; [`solve`](Self::solve) takes them in.
    pub(super) fn bound(&mut self, variable: usize, lower: f64, upper: f64) {
        (self.lower[variable], self.upper[variable]) = (lower, upper);
    }

    /// Pivots until no basic variable is out of bounds, or `pivots` are used up. Prices and fractions are usable in either case.
    pub(super) fn solve(&mut self, pivots: usize) -> bool {
        self.place();
        for _ in 0..pivots {
            let Some(leaving) = self.leaving() else { return true };
            if !self.step(&leaving) {
                return true;
            }
        }
        false
    }

    /// Puts every nonbasic variable at the bound that its reduced cost asks for, and computes the basic ones.
    fn place(&mut self) {
        for column in 0..self.columns {
            let variable = self.nonbasic[column];
            self.at_upper[column] = variable < self.columns && self.reduced[column] > 0.0;
        }
        self.recompute();
    }

    fn recompute(&mut self) {
        let at: Vec<f64> = (0..self.columns).map(|column| self.at(column)).collect();
        for row in 0..self.rows {
            let coefficients = &self.table[row * self.columns..(row + 1) * self.columns];
            let sum: f64 = coefficients.iter().zip(&at).map(|(a, x)| a * x).sum();
            self.value[row] = self.right[row] - sum;
        }
    }

    fn at(&self, column: usize) -> f64 {
        let variable = self.nonbasic[column];
        if self.at_upper[column] { self.upper[variable] } else { self.lower[variable] }
    }

    /// The row farthest out of bounds, measured by its steepness.
    fn leaving(&self) -> Option<Leaving> {
        let mut worst = Leaving { row: usize::MAX, above: false, excess: ZERO };
        let mut most = 0.0;
        for row in 0..self.rows {
            let variable = self.basic[row];
            let (below, above) = (self.lower[variable] - self.value[row], self.value[row] - self.upper[variable]);
            let excess = below.max(above);
            let score = excess * excess / self.steepness[row];
            if excess > ZERO && score > most {
                most = score;
                worst = Leaving { row, above: above > below, excess };
            }
        }
        (worst.row != usize::MAX).then_some(worst)
    }

    /// Weights after a pivot: no row is less steep than the leaving one makes it.
    fn steepen(&mut self, leaving: usize, entering: usize) {
        let pivot = self.table[leaving * self.columns + entering];
        let reference = self.steepness[leaving];
        for row in 0..self.rows {
            let ratio = self.table[row * self.columns + entering] / pivot;
            self.steepness[row] = self.steepness[row].max(ratio * ratio * reference);
        }
        self.steepness[leaving] = (reference / (pivot * pivot)).max(1.0);
        if self.steepness.iter().any(|steepness| *steepness > STEEPNESS_MAX) {
            self.steepness.fill(1.0);
        }
    }

    /// One iteration; false when the row can not be brought within bounds.
    fn step(&mut self, leaving: &Leaving) -> bool {
        let Some((entering, flips)) = self.ratio_test(leaving) else { return false };
        for column in flips {
            self.flip(column);
        }
        let variable = self.basic[leaving.row];
        let target = if leaving.above { self.upper[variable] } else { self.lower[variable] };
        let pivot = self.table[leaving.row * self.columns + entering];
        let by = (self.value[leaving.row] - target) / pivot;
        for row in 0..self.rows {
            self.value[row] -= self.table[row * self.columns + entering] * by;
        }
        let entered = self.at(entering) + by;
        self.steepen(leaving.row, entering);
        self.pivot(leaving.row, entering);
        self.value[leaving.row] = entered;
        self.at_upper[entering] = leaving.above;
        true
    }

    fn flip(&mut self, column: usize) {
        let variable = self.nonbasic[column];
        let range = self.upper[variable] - self.lower[variable];
        let by = if self.at_upper[column] { -range } else { range };
        self.at_upper[column] = !self.at_upper[column];
        for row in 0..self.rows {
            self.value[row] -= self.table[row * self.columns + column] * by;
        }
    }

    /// The entering column, and those that flip before it: in order of `|reduced cost / coefficient|`, as long as flips do not overshoot.
    fn ratio_test(&self, leaving: &Leaving) -> Option<(usize, Vec<usize>)> {
        let coefficients = &self.table[leaving.row * self.columns..(leaving.row + 1) * self.columns];
        let mut candidates: Vec<(f64, f64, usize)> = Vec::new();
        for (column, coefficient) in coefficients.iter().enumerate() {
            let towards = if self.at_upper[column] == leaving.above { -coefficient } else { *coefficient };
            let variable = self.nonbasic[column];
            if towards > PIVOT_MIN && self.upper[variable] > self.lower[variable] {
                candidates.push((self.reduced[column].abs() / towards, towards, column));
            }
        }
        candidates.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(b.1.total_cmp(&a.1)).then(a.2.cmp(&b.2)));
        let mut missing = leaving.excess;
        let mut flips = Vec::new();
        for (_, towards, column) in candidates {
            let variable = self.nonbasic[column];
            missing -= towards * (self.upper[variable] - self.lower[variable]);
            if missing < ZERO {
                return Some((column, flips));
            }
            flips.push(column);
        }
        None
    }

    fn pivot(&mut self, leaving: usize, entering: usize) {
        let n = self.columns;
        let inverse = 1.0 / self.table[leaving * n + entering];
        for coefficient in &mut self.table[leaving * n..(leaving + 1) * n] {
            *coefficient *= inverse;
        }
        self.table[leaving * n + entering] = inverse;
        self.right[leaving] *= inverse;
        let pivot_row = self.table[leaving * n..(leaving + 1) * n].to_vec();
        let filled: Vec<usize> = (0..n).filter(|column| pivot_row[*column].abs() > DUST).collect();
        for row in (0..self.rows).filter(|row| *row != leaving) {
            let factor = self.table[row * n + entering];
            if factor.abs() <= DUST {
                self.table[row * n + entering] = 0.0;
                continue;
            }
            let target = &mut self.table[row * n..(row + 1) * n];
            eliminate_filled(target, &pivot_row, &filled, factor);
            target[entering] = -factor * inverse;
            self.right[row] -= factor * self.right[leaving];
        }
        let factor = self.reduced[entering];
        eliminate_filled(&mut self.reduced, &pivot_row, &filled, factor);
        self.reduced[entering] = -factor * inverse;
        std::mem::swap(&mut self.basic[leaving], &mut self.nonbasic[entering]);
    }

    /// Prices of the rows, none below zero: reduced costs of the slacks, with the sign turned.
    pub(super) fn prices(&self) -> Vec<f64> {
        let mut prices = vec![0.0; self.upper.len() - self.columns];
        for (column, variable) in self.nonbasic.iter().enumerate() {
            if *variable >= self.columns {
                prices[variable - self.columns] = (-self.reduced[column]).max(0.0);
            }
        }
        prices
    }

    /// Values of the structural variables, between 0 and 1.
    pub(super) fn fractions(&self) -> Vec<f64> {
        let mut fractions = vec![0.0; self.columns];
        for (column, variable) in self.nonbasic.iter().enumerate().filter(|(_, variable)| **variable < self.columns) {
            fractions[*variable] = self.at(column);
        }
        for (row, variable) in self.basic.iter().enumerate().filter(|(_, variable)| **variable < self.columns) {
            fractions[*variable] = self.value[row].clamp(0.0, 1.0);
        }
        fractions
    }
}

/// `target −= factor · source` in the columns that are filled: few of them as long as the table is sparse.
fn eliminate_filled(target: &mut [f64], source: &[f64], filled: &[usize], factor: f64) {
    if 3 * filled.len() > source.len() {
        return eliminate(target, source, factor);
    }
    for column in filled {
        target[*column] -= factor * source[*column];
    }
}

/// `target −= factor · source`.
fn eliminate(target: &mut [f64], source: &[f64], factor: f64) {
    for (target, source) in target.iter_mut().zip(source) {
        *target -= factor * source;
    }
}
