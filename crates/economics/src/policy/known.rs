//! Formulas of published designs beside Tandem's own policies: caps at their worst, EigenDA's security parameters, Mesh Security's converter, and the weights of
//! SSV's based applications. They are here to compare with; no policy of Tandem's judges by them.

use num_traits::{One, Zero};

use crate::number::{Fraction, NumberError, Ratio, at_least_zero};

/// Floors under a capped combined value, per unit of external value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorstCase {
    /// `max(0, θ − c)/(1 − c)`.
    pub forgery: Ratio,
    /// `max(0, 1 − θ − c)/(1 − c)`; positive only for a cap below `1 − θ`.
    pub liveness: Ratio,
}

/// What is left when the native token is worth nothing and still counts up to its cap `c` (research on dual staking, §1.2 (d)). None for `c = 1`.
pub fn cap_worst_case(threshold: &Fraction, cap: &Fraction) -> Option<WorstCase> {
    let (threshold, cap) = (threshold.get(), cap.get());
    let rest = Ratio::one() - cap;
    let floor = |share: Ratio| at_least_zero(share - cap) / &rest;
    (!rest.is_zero())
        .then(|| WorstCase { forgery: floor(threshold.clone()), liveness: floor(Ratio::one() - threshold) })
}

/// Thresholds of a blob's certificate in EigenDA, as shares of stake.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecurityParameters {
    /// Fraction that must sign.
    pub confirmation: Ratio,
    /// Fraction up to which adversaries can not forge availability.
    pub safety: Ratio,
    /// Fraction up to which absence does not stop.
    pub liveness: Ratio,
    /// Fraction whose chunks suffice to reconstruct; 22 % in EigenDA.
    pub reconstruction: Ratio,
}

impl SecurityParameters {
    /// Whether `confirmation − safety ≥ reconstruction` and `confirmation ≤ 1 − liveness` (EigenDA's specification, security parameters).
    pub fn are_consistent(&self) -> bool {
        &self.confirmation - &self.safety >= self.reconstruction && self.confirmation <= Ratio::one() - &self.liveness
    }
}

/// Stake of a provider chain converted to weight on a consumer chain, as Mesh Security does (`docs/consumer/Converter.md`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConverterQuote {
    /// Price of the provider's token in the consumer's.
    pub price: Ratio,
    /// Haircut against price falls between updates.
    pub discount: Ratio,
}

impl ConverterQuote {
    /// `tokens · price · (1 − discount)`.
    pub fn weight(&self, tokens: &Ratio) -> Ratio {
        tokens * &self.price * (Ratio::one() - &self.discount)
    }
}

/// Real value over counted value when the price fell by `fall` since a quote with `discount`: `(1 − fall)/(1 − discount)`; below 1 the collateral no longer
/// covers its voting power. None for a discount of 1.
pub fn shortfall_of_counted_value(discount: &Ratio, fall: &Ratio) -> Option<Ratio> {
    let counted = Ratio::one() - discount;
    (!counted.is_zero()).then(|| (Ratio::one() - fall) / counted)
}

/// Weights of operators by obligated stake and over-use, normalised to 1: `W_k ∝ (O_k/ΣO)·e^(−β·max(1, r_k))` (SSV, based applications, "strategy weights"),
/// with the normalising constant. `obligations` are pairs of obligated stake and risk `r_k`.
///
/// # Errors
/// [`NumberError::OutOfRange`] when a number is negative or not finite, or no obligation is positive.
pub fn obligation_weights(beta: f64, obligations: &[(f64, f64)]) -> Result<(f64, Vec<f64>), NumberError> {
    let valid = |x: f64| x.is_finite() && (0.0..=1e6).contains(&x);
    let strange = |what, value: f64, expected| NumberError::OutOfRange { what, value: value.to_string(), expected };
    for &value in obligations.iter().flat_map(|(stake, risk)| [stake, risk]).chain([&beta]) {
        if !valid(value) {
            return Err(strange("obligation, risk or β", value, "a number from 0 to 1,000,000"));
        }
    }
    let total: f64 = obligations.iter().map(|(stake, _)| stake).sum();
    let raw = obligations.iter().map(|(stake, risk)| stake / total * libm::exp(-beta * risk.max(1.0)));
    let raw: Vec<f64> = raw.collect();
    let sum: f64 = raw.iter().sum();
    if sum.is_nan() || sum <= 0.0 {
        return Err(strange("sum of obligations", total, "more than 0"));
    }
    Ok((1.0 / sum, raw.into_iter().map(|weight| weight / sum).collect()))
}
