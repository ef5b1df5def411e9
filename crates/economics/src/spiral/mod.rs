//! Death spirals: the native token's price falls, stake is worth less, users leave, fees fall, the price falls further; and how external stake stops that.
//!
//! The model is the minimal one of the research on death spirals, §3.2. It is a model: its parameters are plausible and not calibrated, and its answers are
//! floats. What a policy protects enters by its exact closed form, [`crate::policy::costs`].
//!
//! With the native price `p` and the external price `q`, both 1 at the start, and stake of which the share `β` is external:
//!
//! - **cover** `h(p, q) = h0 · C((1 − β)·p, β·q) / C(1 − β, β)`, with `C` the policy's cost of forgery and `h0` the cover at the start,
//! - **users**: secured value over that at the start is `H(h)/H(h0)`, `H(x) = x^m/(1 + x^m)`, with nervousness `m`,
//! - **fundamental** `F(p, q) = (1 − w) + w·H(h)/H(h0)`, with `w` the part of the token's value that comes from secured value,
//! - **price** `p ← p + k·(F(p, q) − p)` per day.

mod grid;
mod model;
mod monte_carlo;
mod roots;
mod tally;
mod trajectory;

pub use grid::{GridRow, drawdown_grid, linear_limit, research_rows};
pub use model::{Model, Oracle, Parameters};
pub use monte_carlo::{Simulation, Weather};
pub use roots::{Drawdown, FixedPoint};
pub use tally::{Band, Tally};
pub use trajectory::{DAYS_MAX, Day, Jump, Scenario, jump_scenarios};
