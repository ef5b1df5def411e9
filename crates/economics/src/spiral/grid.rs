//! The grid of critical drawdowns over the share of external stake and the cover, and the linear case.

use super::{Drawdown, Model, Oracle, Parameters};
use crate::number::NumberError;
use crate::policy::Policy;

/// A row of the grid: parameters without a share of external stake, and the drawdown at each share.
#[derive(Debug, Clone, PartialEq)]
pub struct GridRow {
    /// The parameters; `external_share` is that of the last column.
    pub parameters: Parameters,
    /// Per share, the critical drawdown; none where forgery costs nothing from the start.
    pub drawdowns: Vec<Option<Drawdown>>,
}

/// The critical drawdown of `policy` for each of `rows` at each share of external stake (research on death spirals, §3.2).
///
/// # Errors
/// [`NumberError::OutOfRange`] for parameters or shares outside their ranges.
pub fn drawdown_grid(
    policy: &Policy,
    oracle: Oracle,
    rows: &[Parameters],
    shares: &[f64],
) -> Result<Vec<GridRow>, NumberError> {
    let cell =
        |row: &Parameters, share: f64| match Model::new(policy, Parameters { external_share: share, ..*row }, oracle) {
            Ok(model) => Ok(Some(model.critical_drawdown())),
            Err(NumberError::OutOfRange { what: "cost of forgery at the start", .. }) => Ok(None),
            Err(error) => Err(error),
        };
    let row = |row: &Parameters| {
        let drawdowns = shares.iter().map(|share| cell(row, *share)).collect::<Result<_, _>>()?;
        Ok(GridRow { parameters: *row, drawdowns })
    };
    rows.iter().map(row).collect()
}

/// The rows `(h0, w, m)` of the research's grid.
pub fn research_rows() -> Vec<Parameters> {
    let rows = [
        (1.2, 0.80, 4.0),
        (1.2, 0.90, 4.0),
        (1.2, 0.95, 8.0),
        (1.5, 0.80, 4.0),
        (1.5, 0.90, 4.0),
        (1.5, 0.95, 8.0),
        (2.0, 0.90, 4.0),
        (2.0, 0.95, 8.0),
        (3.0, 0.90, 4.0),
        (3.0, 0.95, 8.0),
    ];
    let row = |(cover, fee_share, nervousness)| Parameters { cover, fee_share, nervousness, ..Parameters::default() };
    rows.into_iter().map(row).collect()
}

/// Where the price ends when secured value is bound by security and the price follows it in proportion: `g_B/(1 − g)`, the part that external stake funds times the
/// multiplier of the loop's gain `g`; 0 without external stake. None for `g ≥ 1`, where there is no limit (research on death spirals, §3.2, linear case).
pub fn linear_limit(gain: f64, external_gain: f64) -> Option<f64> {
    (gain < 1.0).then(|| external_gain / (1.0 - gain))
}
