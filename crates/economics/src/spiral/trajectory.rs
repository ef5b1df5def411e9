//! One path without chance: a price that jumps on given days and otherwise follows its fundamental.

use super::Model;
use super::model::within;
use crate::number::NumberError;

/// Most days of a trajectory or simulation: ten years.
pub const DAYS_MAX: u32 = 3_653;

/// A jump of both prices on a day, before that day's step.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Jump {
    /// The day, from 0.
    pub day: u32,
    /// What the native price is multiplied by.
    pub native: f64,
    /// What the external price is multiplied by.
    pub external: f64,
}

/// Days and jumps that fit them.
#[derive(Debug, Clone, PartialEq)]
pub struct Scenario {
    days: u32,
    jumps: Vec<Jump>,
}

impl Scenario {
    /// # Errors
    /// [`NumberError::OutOfRange`] for more than [`DAYS_MAX`] days, a jump after the last day, or a factor that is not a number from 0 to 1,000.
    pub fn new(days: u32, jumps: Vec<Jump>) -> Result<Self, NumberError> {
        within("days", days.into(), 1.0..=DAYS_MAX.into(), "1 to 3653")?;
        for jump in &jumps {
            within("day of a jump", jump.day.into(), 0.0..=days.into(), "at most the number of days")?;
            within("native factor of a jump", jump.native, 0.0..=1e3, "0 to 1000")?;
            within("external factor of a jump", jump.external, 0.0..=1e3, "0 to 1000")?;
        }
        Ok(Self { days, jumps })
    }

    /// The days after the start.
    pub fn days(&self) -> u32 {
        self.days
    }

    /// What both prices are multiplied by on a day.
    pub(super) fn factors(&self, day: u32) -> (f64, f64) {
        let of_day = self.jumps.iter().filter(|jump| jump.day == day);
        of_day.fold((1.0, 1.0), |(native, external), jump| (native * jump.native, external * jump.external))
    }
}

/// The jumps that the research names: falls of the native token by 30, 60, 90 and 99.47 % (LUNA on 11 May 2022), of the external one by 0, 27, 36 and 36 %, on
/// `day`.
pub fn jump_scenarios(day: u32) -> [Jump; 4] {
    [(0.7, 1.0), (0.4, 0.73), (0.1, 0.64), (0.0053, 0.64)].map(|(native, external)| Jump { day, native, external })
}

/// A day of a trajectory, after its jumps and before its step.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Day {
    /// The day, from 0.
    pub day: u32,
    /// Native price over that at the start.
    pub native: f64,
    /// External price over that at the start.
    pub external: f64,
    /// Cost of forgery over what users want covered.
    pub cover: f64,
    /// Secured value over that at the start.
    pub secured: f64,
    /// Cost to stop certificates, per unit of all stake's value at the start.
    pub liveness: f64,
    /// Whether forgery costs less than the value that users want secured: a cover below 1.
    pub is_exposed: bool,
}

impl Model {
    /// The days `0..=days` of a scenario.
    pub fn trajectory(&self, scenario: &Scenario) -> Vec<Day> {
        let (mut native, mut external) = (1.0, 1.0);
        let mut days = Vec::with_capacity(scenario.days as usize + 1);
        for day in 0..=scenario.days {
            let (by_native, by_external) = scenario.factors(day);
            (native, external) = (native * by_native, external * by_external);
            let of = self.day(day, native, external);
            native = self.next_price(native, self.fundamental(of.secured));
            days.push(of);
        }
        days
    }

    fn day(&self, day: u32, native: f64, external: f64) -> Day {
        let costs = self.costs(native, external, 1.0);
        let cover = self.cover(native, external, 1.0);
        let secured = self.secured(cover);
        Day { day, native, external, cover, secured, liveness: costs.liveness, is_exposed: is_exposed(cover) }
    }
}

/// Whether forgery costs less than the value that users want secured: a cover below 1. Users who left for lack of cover do not make the rest covered, so the
/// yardstick is the demand of the start.
pub(super) fn is_exposed(cover: f64) -> bool {
    cover < 1.0
}
