//! What a price move does to the cost of breaking a policy, with prices that follow at once and with prices that stand still.

use tandem_types::PerToken;

use super::{Costs, Policy, Valuation, costs};
use crate::number::Ratio;

/// Multipliers of both tokens' prices: `λ` of the native one and `μ` of the external one.
pub type PriceMove = PerToken<Ratio>;

/// A row of the price table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PriceRow {
    /// The move.
    pub at: PriceMove,
    /// Costs when the oracle follows at once.
    pub live: Costs,
    /// Costs while the oracle still says the prices from before; differs from `live` only for policies that take prices.
    pub frozen: Costs,
}

/// The costs of `policy` after each of `moves`, for stake that is worth `value` before.
///
/// Frozen costs are those of a wrong oracle (research on dual staking, §1.2 (c)): real values move, counted ones do not. A pump of the oracle alone is
/// a [`Valuation`] with only `counted` moved.
pub fn price_table(policy: &Policy, value: &PerToken<Ratio>, moves: &[PriceMove]) -> Vec<PriceRow> {
    let policy = policy.in_ratios();
    let row = |at: &PriceMove| {
        let real = value.clone().zip_with(at.clone(), |value, by| value * by);
        let live = costs(&policy, &Valuation { real: real.clone(), counted: real.clone() });
        let frozen = costs(&policy, &Valuation { real, counted: value.clone() });
        PriceRow { at: at.clone(), live, frozen }
    };
    moves.iter().map(row).collect()
}
