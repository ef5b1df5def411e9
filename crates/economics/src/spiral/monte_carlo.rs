//! Many paths by chance: both prices move at random and together, jump now and then, and stake that leaves in a panic is sold when it is free.
//!
//! Per day, after the jumps of the scenario (research on death spirals, §3.2):
//!
//! - `ln p` gets `σ_n·Z1 − σ_n²/2` and `ln q` gets `σ_e·Z2 − σ_e²/2`, `corr(Z1, Z2) = ρ` (geometric Brownian motion), and momentum adds `μ·ln(p_t/p_{t−1})`,
//! - with probability `λ` both jump by given factors,
//! - where the native price fell by more than a panic's threshold since the day before, a part of the stake starts to leave; when it is free, a part `s` of that, `u` of the
//!   supply, is sold on a constant-product book of depth `X`, which moves `ln p` by `−2·ln(1 + u/X)`, the rest returns, and what is missing is staked anew at a rate per day,
//! - then the price steps towards its fundamental, as without chance.

use std::collections::VecDeque;
use std::num::NonZeroUsize;
use std::ops::Range;

use super::model::within;
use super::tally::Tally;
use super::trajectory::is_exposed;
use super::{Model, Scenario};
use crate::number::NumberError;
use crate::random::Dice;

/// What chance does; [`Simulation::new`] checks it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Weather {
    /// `σ_n`: daily volatility of the native price.
    pub native_volatility: f64,
    /// `σ_e`: daily volatility of the external price.
    pub external_volatility: f64,
    /// `ρ`: correlation of the two.
    pub correlation: f64,
    /// `λ`: probability of a jump on a day.
    pub jump_probability: f64,
    /// What a jump multiplies the native price by.
    pub native_jump: f64,
    /// What a jump multiplies the external price by.
    pub external_jump: f64,
    /// `μ`: part of the last day's move that is repeated.
    pub momentum: f64,
    /// A fall of the native price in a day above this part of it is a panic.
    pub panic_fall: f64,
    /// Part of the native stake that starts to leave in a panic.
    pub panic_exit: f64,
    /// Days until leaving stake is free.
    pub unbonding_days: u32,
    /// `s`: part of freed stake that is sold.
    pub sold: f64,
    /// Staked part of the native supply at the start.
    pub staked_supply: f64,
    /// `X`: depth of the book, as part of the supply.
    pub book_depth: f64,
    /// Part of missing stake that is staked anew in a day.
    pub restaking: f64,
}

impl Default for Weather {
    /// The research's defaults where it has any: volatilities of 6 and 3.5 % a day, correlation 0.6, 14 days of unbonding, half of it sold, a book of 0.2 of the supply; a jump of
    /// −30 % once a year, panic above a fall of 15 % in which 10 % of the stake leaves, half of the supply staked, 2 % of missing stake replaced a day.
    fn default() -> Self {
        Self {
            native_volatility: 0.06,
            external_volatility: 0.035,
            correlation: 0.6,
            jump_probability: 1.0 / 365.0,
            native_jump: 0.7,
            external_jump: 1.0,
            momentum: 0.0,
            panic_fall: 0.15,
            panic_exit: 0.1,
            unbonding_days: 14,
            sold: 0.5,
            staked_supply: 0.5,
            book_depth: 0.2,
            restaking: 0.02,
        }
    }
}

/// A model in a scenario under weather: everything but the paths' numbers.
#[derive(Debug, Clone, PartialEq)]
pub struct Simulation {
    model: Model,
    scenario: Scenario,
    weather: Weather,
}

/// A path under way.
struct Path {
    dice: Dice,
    native: f64,
    external: f64,
    before: f64,
    /// Part of the native stake of the start that is staked.
    staked: f64,
    /// Parts that leave, by day.
    leaving: VecDeque<f64>,
}

impl Simulation {
    /// # Errors
    /// [`NumberError::OutOfRange`] for weather outside its ranges or not a number.
    pub fn new(model: Model, scenario: Scenario, weather: Weather) -> Result<Self, NumberError> {
        let part = |what, value| within(what, value, 0.0..=1.0, "0 to 1");
        within("native volatility", weather.native_volatility, 0.0..=2.0, "0 to 2")?;
        within("external volatility", weather.external_volatility, 0.0..=2.0, "0 to 2")?;
        within("correlation", weather.correlation, -1.0..=1.0, "-1 to 1")?;
        part("jump probability", weather.jump_probability)?;
        within("native jump", weather.native_jump, 0.0..=1e3, "0 to 1000")?;
        within("external jump", weather.external_jump, 0.0..=1e3, "0 to 1000")?;
        within("momentum", weather.momentum, -0.9..=0.9, "-0.9 to 0.9")?;
        part("panic fall", weather.panic_fall)?;
        part("panic exit", weather.panic_exit)?;
        within("unbonding days", weather.unbonding_days.into(), 0.0..=365.0, "0 to 365")?;
        part("sold part", weather.sold)?;
        part("staked part of the supply", weather.staked_supply)?;
        within("book depth", weather.book_depth, 1e-6..=1e6, "more than 0, at most 1e6")?;
        part("restaking", weather.restaking)?;
        Ok(Self { model, scenario, weather })
    }

    /// Simulates the paths with numbers in `paths`. Each is a function of the seed and its number alone, so ranges can be done anywhere, in any order, and merged; a caller
    /// that wants progress, or to stop, does one small range after the other.
    pub fn tally(&self, seed: u64, paths: Range<u64>) -> Tally {
        let mut tally = Tally::new(self.scenario.days());
        self.tally_into(seed, paths, &mut tally);
        tally
    }

    /// As [`tally`](Self::tally), added to a tally of the same days.
    pub fn tally_into(&self, seed: u64, paths: Range<u64>, tally: &mut Tally) {
        let jumps: Vec<(f64, f64)> = (0..=self.scenario.days()).map(|day| self.scenario.factors(day)).collect();
        if tally.days() == jumps.len() {
            paths.for_each(|number| self.path(Dice::new(seed, number), &jumps, tally));
        }
    }

    /// Simulates the paths `0..paths` on some threads; the outcome does not depend on how many.
    pub fn run(&self, seed: u64, paths: u64, threads: NonZeroUsize) -> Tally {
        let threads = threads.get() as u64;
        let part = |thread: u64| (u128::from(paths) * u128::from(thread) / u128::from(threads)) as u64;
        let mut tally = Tally::new(self.scenario.days());
        std::thread::scope(|scope| {
            let start = |thread| scope.spawn(move || self.tally(seed, part(thread)..part(thread + 1)));
            let others: Vec<_> = (1..threads).map(start).collect();
            self.tally_into(seed, part(0)..part(1), &mut tally);
            for other in others {
                match other.join() {
                    Ok(other) => assert!(tally.merge(&other), "all parts have the scenario's days"),
                    Err(panic) => std::panic::resume_unwind(panic),
                }
            }
        });
        tally
    }

    fn path(&self, dice: Dice, jumps: &[(f64, f64)], tally: &mut Tally) {
        let leaving = VecDeque::from(vec![0.0; self.weather.unbonding_days as usize]);
        let mut path = Path { dice, native: 1.0, external: 1.0, before: 1.0, staked: 1.0, leaving };
        let (mut exposed, mut last) = (0, 1.0);
        for (day, (native, external)) in jumps.iter().enumerate() {
            path.native *= native;
            path.external *= external;
            if day > 0 {
                self.chance(&mut path);
                self.stake(&mut path);
            }
            let cover = self.model.cover(path.native, path.external, path.staked);
            let secured = self.model.secured(cover);
            tally.native.count(day, path.native);
            tally.cover.count(day, cover);
            tally.secured.count(day, secured);
            if is_exposed(cover) {
                exposed += 1;
                tally.exposed_on[day] += 1;
            }
            path.before = path.native;
            path.native = self.model.next_price(path.native, self.model.fundamental(secured));
            last = secured;
        }
        tally.end_path(exposed, last);
    }

    /// Both prices move.
    fn chance(&self, path: &mut Path) {
        let Weather { native_volatility: of_native, external_volatility: of_external, correlation, .. } = self.weather;
        let (one, other) = path.dice.normals();
        let together = correlation * one + libm::sqrt(1.0 - correlation * correlation) * other;
        let mut native = of_native * one - of_native * of_native / 2.0;
        if self.weather.momentum != 0.0 && path.before > 0.0 && path.native > 0.0 {
            native += self.weather.momentum * libm::log(path.native / path.before);
        }
        path.native *= libm::exp(native);
        path.external *= libm::exp(of_external * together - of_external * of_external / 2.0);
        if path.dice.unit() < self.weather.jump_probability {
            path.native *= self.weather.native_jump;
            path.external *= self.weather.external_jump;
        }
    }

    /// Stake leaves in a panic, and what is free is sold or returns.
    fn stake(&self, path: &mut Path) {
        let weather = &self.weather;
        let panic = path.native < path.before * (1.0 - weather.panic_fall);
        let leaves = if panic { weather.panic_exit * path.staked } else { 0.0 };
        path.staked -= leaves;
        path.leaving.push_back(leaves);
        let free = path.leaving.pop_front().unwrap_or(0.0);
        if free > 0.0 {
            let sold = weather.sold * free * weather.staked_supply;
            let rest = 1.0 + sold / weather.book_depth;
            path.native /= rest * rest;
            path.staked += (1.0 - weather.sold) * free;
        }
        let away: f64 = path.leaving.iter().sum();
        path.staked += weather.restaking * (1.0 - path.staked - away).max(0.0);
    }
}
