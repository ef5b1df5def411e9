//! What stake of two tokens protects, and what breaks it: the mathematics below `tandem analyze` and `tandem simulate`.
//!
//! - [`policy`]: what each quorum policy accepts, and what it costs to forge, to equivocate and to halt, in closed form and exactly over a list of operators.
//! - [`network`]: whether a restaking network is secure, with a witness when it is not, how much slack it has, and how far an attack cascades.
//! - [`spiral`]: whether a fall of the native token's price feeds on itself, and how external stake stops it.
//!
//! Verdicts are exact: [`number::Ratio`] in, [`number::Ratio`] out. Floats appear where a model is a model ([`spiral`]), and inside searches whose
//! outcome is checked exactly. The crate does no I/O, reads no clock and draws no randomness but from a seed that is given; long computations take a
//! `watch` that may stop them, and then say what they know so far. Bad input is a typed error where it enters, never a panic later.
//!
//! Each formula names its source in its documentation.

pub mod error;
pub mod network;
pub mod number;
pub mod operators;
pub mod policy;
pub mod random;
pub mod spiral;

mod cover;

pub use cover::{Effort, Progress};
pub use error::InputError;
pub use operators::{Operator, Operators, Prices};
