//! The model's parameters, checked once, and its functions.

use num_traits::Zero;
use tandem_types::PerToken;

use crate::number::NumberError;
use crate::policy::{Costs, Policy, Valuation, costs};

/// What the oracle of a policy that takes prices says after a move.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Oracle {
    /// The prices.
    Live,
    /// The prices of the start.
    Frozen,
}

/// Parameters of the model; [`Model::new`] checks them.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Parameters {
    /// `β`: external stake over all stake, by value at the start; 0 to 1.
    pub external_share: f64,
    /// `h0`: cost of forgery over what users want covered, at the start; above 0.
    pub cover: f64,
    /// `w`: part of the native token's value that comes from secured value; 0 to 1.
    pub fee_share: f64,
    /// `m`: how sharply users react to a lack of cover; above 0, 4 to 8 in the research.
    pub nervousness: f64,
    /// `k`: part of the way to its fundamental value that the price goes in a day; above 0, up to 1.
    pub speed: f64,
}

impl Default for Parameters {
    /// The research's defaults: `h0 = 1.5`, `w = 0.9`, `m = 4`, `k = 0.1`, without external stake.
    fn default() -> Self {
        Self { external_share: 0.0, cover: 1.5, fee_share: 0.9, nervousness: 4.0, speed: 0.1 }
    }
}

/// A policy with parameters under which the model is defined.
#[derive(Debug, Clone, PartialEq)]
pub struct Model {
    policy: Policy<f64>,
    parameters: Parameters,
    oracle: Oracle,
    /// Cost of forgery at the start, per unit of stake's value.
    cost: f64,
    /// `H(h0)`.
    users: f64,
    /// The nervousness, where it is a small whole number: powers are products then.
    whole_nervousness: Option<u32>,
}

impl Model {
    /// # Errors
    /// [`NumberError::OutOfRange`] for a parameter outside its range or not a number, and where forgery costs nothing at the start, so that there is no cover to
    /// lose: `either` with one token alone, `single` with none of its token.
    pub fn new(policy: &Policy, parameters: Parameters, oracle: Oracle) -> Result<Self, NumberError> {
        let Parameters { external_share, cover, fee_share, nervousness, speed } = parameters;
        within("external share", external_share, 0.0..=1.0, "0 to 1")?;
        within("cover", cover, 1e-9..=1e9, "more than 0, at most 1e9")?;
        within("fee share", fee_share, 0.0..=1.0, "0 to 1")?;
        within("nervousness", nervousness, 1e-3..=64.0, "0.001 to 64")?;
        within("speed", speed, 1e-9..=1.0, "more than 0, at most 1")?;
        let whole_nervousness = (nervousness.fract() == 0.0).then_some(nervousness as u32);
        let mut model =
            Self { policy: policy.in_floats(), parameters, oracle, cost: 1.0, users: 1.0, whole_nervousness };
        model.cost = model.costs(1.0, 1.0, 1.0).forgery;
        within("cost of forgery at the start", model.cost, 1e-9..=1e9, "more than 0")?;
        model.users = model.appetite(cover);
        Ok(model)
    }

    /// The parameters.
    pub fn parameters(&self) -> &Parameters {
        &self.parameters
    }

    /// Costs to attack at prices `p` and `q` when the part `staked` of the native stake of the start is left, per unit of all stake's value at the start.
    pub fn costs(&self, native: f64, external: f64, staked: f64) -> Costs<f64> {
        let share = self.parameters.external_share;
        let at = |p: f64, q: f64| PerToken { native: (1.0 - share) * staked * p, external: share * q };
        let counted = match self.oracle {
            Oracle::Live => at(native, external),
            Oracle::Frozen => at(1.0, 1.0),
        };
        costs(&self.policy, &Valuation { real: at(native, external), counted })
    }

    /// `h`: cost of forgery over what users want covered.
    pub fn cover(&self, native: f64, external: f64, staked: f64) -> f64 {
        self.parameters.cover * self.costs(native, external, staked).forgery / self.cost
    }

    /// `H(h)/H(h0)`: secured value over that at the start.
    pub fn secured(&self, cover: f64) -> f64 {
        self.appetite(cover) / self.users
    }

    /// `H(x) = x^m/(1 + x^m)`.
    fn appetite(&self, x: f64) -> f64 {
        if x <= f64::zero() {
            return 0.0;
        }
        let power = match self.whole_nervousness {
            Some(power) => whole_power(x, power),
            None => libm::pow(x, self.parameters.nervousness),
        };
        // Above the floats' range everyone is there.
        if power.is_infinite() { 1.0 } else { power / (1.0 + power) }
    }

    /// `F`: what the native token is worth at a secured value.
    pub fn fundamental(&self, secured: f64) -> f64 {
        1.0 - self.parameters.fee_share + self.parameters.fee_share * secured
    }

    /// `F(p)` at the external price `q`, with all stake in place.
    pub fn fundamental_at(&self, native: f64, external: f64) -> f64 {
        self.fundamental(self.secured(self.cover(native, external, 1.0)))
    }

    /// The price after a day: `p + k·(F − p)`.
    pub fn next_price(&self, native: f64, fundamental: f64) -> f64 {
        native + self.parameters.speed * (fundamental - native)
    }
}

fn whole_power(base: f64, mut power: u32) -> f64 {
    let (mut result, mut square) = (1.0, base);
    while power > 0 {
        if power & 1 == 1 {
            result *= square;
        }
        square *= square;
        power >>= 1;
    }
    result
}

/// Checks a parameter; `NaN` is in no range.
pub(super) fn within(
    what: &'static str,
    value: f64,
    range: std::ops::RangeInclusive<f64>,
    expected: &'static str,
) -> Result<(), NumberError> {
    let fits = range.contains(&value);
    if fits { Ok(()) } else { Err(NumberError::OutOfRange { what, value: value.to_string(), expected }) }
}
