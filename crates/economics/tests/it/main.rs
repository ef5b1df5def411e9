//! The vectors of the research that the formulas come from, and properties over random input, through the crate's public face.

mod elastic;
mod input;
mod network;
mod policy;
mod spiral;

use tandem_economics::number::{Fraction, Ratio, parse};

/// The number that `text` writes.
fn r(text: &str) -> Ratio {
    let (sign, digits) = text.strip_prefix('-').map_or((1, text), |digits| (-1, digits));
    parse(digits).expect("tests write numbers") * Ratio::from_integer(sign.into())
}

/// The share that `text` writes.
fn s(text: &str) -> Fraction {
    text.parse().expect("tests write shares")
}
