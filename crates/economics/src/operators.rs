//! Operators with stake of two tokens, and what the tokens are worth. Stake is in any unit of the token, prices in any currency per unit.

use std::collections::HashMap;

use num_traits::{One, Zero};
use tandem_types::PerToken;

use crate::error::InputError;
use crate::number::{Ratio, amount};

/// Most operators of a list.
pub const OPERATORS_MAX: usize = 16_384;

/// An operator and its stake, in units of each token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Operator {
    /// Its name, unique in the list.
    pub id: String,
    /// Its stake.
    pub stake: PerToken<Ratio>,
}

impl Operator {
    /// An operator with stake of both tokens.
    pub fn new(id: impl Into<String>, native: Ratio, external: Ratio) -> Self {
        Self { id: id.into(), stake: PerToken { native, external } }
    }

    /// An operator of a network with one token, kept as the external one.
    pub fn with_stake(id: impl Into<String>, stake: Ratio) -> Self {
        Self::new(id, Ratio::zero(), stake)
    }

    /// What its stake is worth.
    pub fn value(&self, prices: &PerToken<Ratio>) -> Ratio {
        &self.stake.native * &prices.native + &self.stake.external * &prices.external
    }
}

/// Operators with distinct ids and stake that is not negative; at least one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Operators(Vec<Operator>);

impl Operators {
    /// # Errors
    /// [`InputError`] for an empty or too long list, a bad or repeated id, and stake that is negative or too large.
    pub fn new(list: Vec<Operator>) -> Result<Self, InputError> {
        if list.is_empty() {
            return Err(InputError::Empty { what: "operator" });
        }
        if list.len() > OPERATORS_MAX {
            return Err(InputError::TooMany { what: "operators", count: list.len(), max: OPERATORS_MAX });
        }
        distinct("operator", list.iter().map(|operator| operator.id.as_str()))?;
        for operator in &list {
            for stake in [&operator.stake.native, &operator.stake.external] {
                amount(stake.clone()).map_err(InputError::number("stake", &operator.id))?;
            }
        }
        Ok(Self(list))
    }

    /// The operators, in the order given.
    pub fn list(&self) -> &[Operator] {
        &self.0
    }

    /// Stake of all operators.
    pub fn total(&self) -> PerToken<Ratio> {
        sum_of(self.0.iter().map(|operator| &operator.stake))
    }
}

/// Ids to positions.
///
/// # Errors
/// [`InputError::Id`], [`InputError::Duplicate`].
pub(crate) fn distinct<'a>(
    what: &'static str,
    ids: impl Iterator<Item = &'a str>,
) -> Result<HashMap<&'a str, usize>, InputError> {
    let mut positions = HashMap::new();
    for (position, id) in ids.enumerate() {
        InputError::check_id(id)?;
        if positions.insert(id, position).is_some() {
            return Err(InputError::Duplicate { what, id: id.to_owned() });
        }
    }
    Ok(positions)
}

pub(crate) fn sum_of<'a>(stakes: impl Iterator<Item = &'a PerToken<Ratio>>) -> PerToken<Ratio> {
    let zero = PerToken { native: Ratio::zero(), external: Ratio::zero() };
    stakes.fold(zero, |total, stake| PerToken {
        native: total.native + &stake.native,
        external: total.external + &stake.external,
    })
}

/// What one unit of each token is worth, and what the oracle says: they differ when the oracle is late or deceived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prices {
    /// What an attacker pays.
    pub real: PerToken<Ratio>,
    /// What policies count.
    pub counted: PerToken<Ratio>,
}

impl Prices {
    /// Prices that the oracle knows.
    ///
    /// # Errors
    /// [`InputError::Number`] for negative or too large prices.
    pub fn fair(native: Ratio, external: Ratio) -> Result<Self, InputError> {
        let real = PerToken { native, external };
        Self::new(real.clone(), real)
    }

    /// Real prices, and those that the oracle says.
    ///
    /// # Errors
    /// [`InputError::Number`] for negative or too large prices.
    pub fn new(real: PerToken<Ratio>, counted: PerToken<Ratio>) -> Result<Self, InputError> {
        for prices in [&real, &counted] {
            amount(prices.native.clone()).map_err(InputError::number("price", "native"))?;
            amount(prices.external.clone()).map_err(InputError::number("price", "external"))?;
        }
        Ok(Self { real, counted })
    }

    /// Stake is given by its value already.
    pub fn ones() -> Self {
        let real = PerToken { native: Ratio::one(), external: Ratio::one() };
        Self { counted: real.clone(), real }
    }

    /// Both prices moved, real and counted.
    pub fn moved(&self, by: &PerToken<Ratio>) -> Self {
        let times = |price: Ratio, by: Ratio| price * by;
        Self {
            real: self.real.clone().zip_with(by.clone(), times),
            counted: self.counted.clone().zip_with(by.clone(), times),
        }
    }

    /// The real prices moved; the oracle does not follow.
    pub fn moved_unnoticed(&self, by: &PerToken<Ratio>) -> Self {
        let real = self.real.clone().zip_with(by.clone(), |price, by| price * by);
        Self { real, counted: self.counted.clone() }
    }
}
