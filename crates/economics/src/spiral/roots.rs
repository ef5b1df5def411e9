//! Fixed points of the fundamental, and the largest fall that still recovers.
//!
//! `F` never falls as `p` rises, because no policy costs less to break when stake is worth more. So on an interval `[a, b]` with `F(a) > b` or `F(b) < a` there is no fixed
//! point, and halving the intervals that are left encloses all of them; none is missed between samples.

use super::Model;

/// Width below which an interval is a point.
const WIDTH: f64 = 1e-11;
/// How near to the start a fixed point is the start.
const NEAR_START: f64 = 1e-6;

/// A price that stays.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FixedPoint {
    /// The price over that at the start.
    pub price: f64,
    /// Whether prices nearby move to it.
    pub is_stable: bool,
}

/// The largest instantaneous fall of the native price that still recovers: `d* = 1 − p_u`, with `p_u` the highest unstable fixed point below the start.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Drawdown {
    /// None: the start itself is unstable, the slope of `F` there is above 1.
    Unstable,
    /// Falls up to this part of the price recover, greater ones do not.
    Critical(f64),
    /// Every fall recovers.
    Any,
}

impl Drawdown {
    /// As a number: 0 when unstable, 1 when every fall recovers.
    pub fn value(self) -> f64 {
        match self {
            Self::Unstable => 0.0,
            Self::Critical(fall) => fall,
            Self::Any => 1.0,
        }
    }
}

impl std::fmt::Display for Drawdown {
    /// As in the research's grid: `0*` when unstable.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Unstable => f.write_str("0*"),
            Self::Critical(fall) => write!(f, "{fall:.2}"),
            Self::Any => f.write_str("1"),
        }
    }
}

impl Model {
    /// All fixed points of `F` at the external price of the start, ascending.
    pub fn fixed_points(&self) -> Vec<FixedPoint> {
        let highest = self.fundamental_at(1e9, 1.0).max(1.0) + 1e-3;
        let mut points = Vec::new();
        self.enclose(0.0, highest, &mut points);
        let clusters = merge(points);
        clusters.into_iter().map(|(low, high)| self.classify(low, high)).collect()
    }

    /// The largest fall that recovers.
    pub fn critical_drawdown(&self) -> Drawdown {
        let below = 1.0 - NEAR_START;
        if self.fundamental_at(below, 1.0) < below {
            return Drawdown::Unstable;
        }
        let mut points = Vec::new();
        self.enclose(0.0, below, &mut points);
        match points.last() {
            Some((_, high)) if *high > 1e-9 => Drawdown::Critical(1.0 - high),
            _ => Drawdown::Any,
        }
    }

    /// Appends the intervals within `[low, high]` that may hold a fixed point, ascending.
    fn enclose(&self, low: f64, high: f64, points: &mut Vec<(f64, f64)>) {
        if self.fundamental_at(low, 1.0) > high || self.fundamental_at(high, 1.0) < low {
            return;
        }
        if high - low < WIDTH {
            points.push((low, high));
            return;
        }
        let middle = low + (high - low) / 2.0;
        self.enclose(low, middle, points);
        self.enclose(middle, high, points);
    }

    /// A fixed point is stable when the price moves towards it from both sides.
    fn classify(&self, low: f64, high: f64) -> FixedPoint {
        let (below, above) = ((low - 1e-7).max(0.0), high + 1e-7);
        let rises_below = below == 0.0 || self.fundamental_at(below, 1.0) > below;
        let falls_above = self.fundamental_at(above, 1.0) < above;
        FixedPoint { price: low + (high - low) / 2.0, is_stable: rises_below && falls_above }
    }
}

/// Joins intervals that touch.
fn merge(points: Vec<(f64, f64)>) -> Vec<(f64, f64)> {
    let mut clusters: Vec<(f64, f64)> = Vec::new();
    for (low, high) in points {
        match clusters.last_mut() {
            Some((_, end)) if low - *end < 10.0 * WIDTH => *end = high,
            _ => clusters.push((low, high)),
        }
    }
    clusters
}
