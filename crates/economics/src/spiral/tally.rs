//! What many paths have in common, in whole numbers only: counts, which can be added in any order. So the outcome does not depend on how paths were spread
//! over threads, and partial results are results of the paths done.

/// Bins per octave; a bin is at most 1.6 % wide.
const FINE: u32 = 6;
/// Values are counted from `2^-40` …
const LOWEST: i32 = -40;
/// … to `2^12`; what is outside counts in the first or last bin.
const HIGHEST: i32 = 12;
const BINS: usize = ((HIGHEST - LOWEST) as usize) << FINE;

/// Quantiles of a quantity on one day, over all paths, to 1.6 %.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Band {
    /// 5 % of paths are below.
    pub p5: f64,
    /// A quarter is below.
    pub p25: f64,
    /// Half is below.
    pub p50: f64,
    /// Three quarters are below.
    pub p75: f64,
    /// 95 % are below.
    pub p95: f64,
}

/// Counts of one quantity, per day and bin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Histogram(Vec<u32>);

impl Histogram {
    fn new(days: usize) -> Self {
        Self(vec![0; days * BINS])
    }

    /// Counts `value` on `day`. A bin is the exponent and the first bits of the significand: no logarithm is taken.
    pub(super) fn count(&mut self, day: usize, value: f64) {
        let lowest = ((1023 + LOWEST) as u64) << FINE;
        let bin = (value.max(0.0).to_bits() >> (52 - FINE)).saturating_sub(lowest).min(BINS as u64 - 1);
        self.0[day * BINS + bin as usize] += 1;
    }

    fn add(&mut self, other: &Self) {
        self.0.iter_mut().zip(&other.0).for_each(|(ours, theirs)| *ours += theirs);
    }

    /// The middle of the bin that holds the path at `share` of all.
    fn quantile(&self, day: usize, share: f64) -> f64 {
        let bins = &self.0[day * BINS..(day + 1) * BINS];
        let total: u64 = bins.iter().map(|count| u64::from(*count)).sum();
        let wanted = (share * total as f64) as u64;
        let mut seen = 0;
        let bin = bins.iter().position(|count| {
            seen += u64::from(*count);
            seen > wanted
        });
        let edge = |bin: u64| f64::from_bits((bin + (((1023 + LOWEST) as u64) << FINE)) << (52 - FINE));
        let bin = bin.unwrap_or(0) as u64;
        if bin == 0 { 0.0 } else { (edge(bin) + edge(bin + 1)) / 2.0 }
    }

    fn band(&self, day: usize) -> Band {
        let at = |share| self.quantile(day, share);
        Band { p5: at(0.05), p25: at(0.25), p50: at(0.5), p75: at(0.75), p95: at(0.95) }
    }
}

/// What simulated paths came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tally {
    /// Paths counted.
    pub paths: u64,
    /// Paths at whose end less than half of the value of the start is secured.
    pub collapsed: u64,
    /// Paths with at least one day on which forgery cost less than the value that users want secured.
    pub ever_exposed: u64,
    /// `exposed_days[n]`: paths with `n` such days.
    pub exposed_days: Vec<u64>,
    /// `exposed_on[day]`: paths exposed on that day.
    pub exposed_on: Vec<u64>,
    pub(super) native: Histogram,
    pub(super) cover: Histogram,
    pub(super) secured: Histogram,
}

impl Tally {
    /// Nothing yet, for `days` days after the start.
    pub fn new(days: u32) -> Self {
        let days = days as usize + 1;
        Self {
            paths: 0,
            collapsed: 0,
            ever_exposed: 0,
            exposed_days: vec![0; days + 1],
            exposed_on: vec![0; days],
            native: Histogram::new(days),
            cover: Histogram::new(days),
            secured: Histogram::new(days),
        }
    }

    /// Days counted, the start included.
    pub fn days(&self) -> usize {
        self.exposed_on.len()
    }

    /// Adds the paths of another tally over the same days; of other days it takes nothing and says so.
    pub fn merge(&mut self, other: &Self) -> bool {
        if self.days() != other.days() {
            return false;
        }
        self.paths += other.paths;
        self.collapsed += other.collapsed;
        self.ever_exposed += other.ever_exposed;
        let sum =
            |ours: &mut [u64], theirs: &[u64]| ours.iter_mut().zip(theirs).for_each(|(ours, theirs)| *ours += theirs);
        sum(&mut self.exposed_days, &other.exposed_days);
        sum(&mut self.exposed_on, &other.exposed_on);
        self.native.add(&other.native);
        self.cover.add(&other.cover);
        self.secured.add(&other.secured);
        true
    }

    /// Counts a path's end: how many days it was exposed, and what was secured on the last.
    pub(super) fn end_path(&mut self, exposed_days: usize, secured: f64) {
        self.paths += 1;
        self.exposed_days[exposed_days] += 1;
        self.ever_exposed += u64::from(exposed_days > 0);
        self.collapsed += u64::from(secured < 0.5);
    }

    /// Bands of the native price over that at the start, per day.
    pub fn native_bands(&self) -> Vec<Band> {
        (0..self.days()).map(|day| self.native.band(day)).collect()
    }

    /// Bands of the cover, per day.
    pub fn cover_bands(&self) -> Vec<Band> {
        (0..self.days()).map(|day| self.cover.band(day)).collect()
    }

    /// Bands of the secured value over that at the start, per day.
    pub fn secured_bands(&self) -> Vec<Band> {
        (0..self.days()).map(|day| self.secured.band(day)).collect()
    }

    /// Exposed days per path on average; 0 without paths.
    pub fn mean_exposed_days(&self) -> f64 {
        let days: u64 = self.exposed_on.iter().sum();
        if self.paths == 0 { 0.0 } else { days as f64 / self.paths as f64 }
    }
}
