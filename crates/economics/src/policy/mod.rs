//! Quorum policies as an economist sees them: what is accepted, what it costs to break, what a price move does. The policies are those of
//! `docs/reference/policies.md`, with thresholds that are exact ratios, so that two thirds is two thirds. Nothing here judges a certificate; that is
//! `tandem_protocol::policy`.
//!
//! Notation, after the research on dual staking: `A`, `B` are the values of native and external stake; `n`, `e` the signed fractions of
//! each; `θn`, `θe`, `θ` thresholds; `ν` the veto threshold; `θe′` the external threshold in fallback; `c` the cap on the native token's counted share.

mod compare;
mod cost;
mod exact;
mod judge;
mod known;
mod prices;
mod rows;

use std::fmt;

use tandem_types::{PerToken, Token};

use crate::number::{Fraction, NumberError, Ratio, Scalar, ratio};

pub use compare::{Comparison, compare, external_stake_for, standard_policies};
pub use cost::{Costs, Valuation, costs};
pub use exact::{ExactCost, ExactCosts, exact_costs};
pub use judge::{Judgement, combined_share, judge, reaches};
pub use known::{
    ConverterQuote, SecurityParameters, WorstCase, cap_worst_case, obligation_weights, shortfall_of_counted_value,
};
pub use prices::{PriceMove, PriceRow, price_table};
pub(crate) use rows::{Clause, Whole, forgery_ways};

/// How signed stake makes a certificate acceptable, with thresholds of type `T`: exact [`Fraction`]s, or floats in simulations.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Policy<T = Fraction> {
    /// Each token reaches its threshold ("modular" dual staking).
    Both {
        /// Threshold of the native token.
        native: T,
        /// Threshold of the external token.
        external: T,
    },
    /// One token, whichever, reaches its threshold.
    Either {
        /// Threshold of the native token.
        native: T,
        /// Threshold of the external token.
        external: T,
    },
    /// One named token reaches its threshold; the other has no say.
    Single {
        /// The token.
        token: Token,
        /// Its threshold.
        threshold: T,
    },
    /// One sum at oracle prices reaches a threshold ("native" dual staking).
    Combined {
        /// Threshold of the combined value.
        threshold: T,
        /// Most that the native token counts for in the whole; 1 never binds.
        native_cap: T,
    },
    /// The native token certifies; then the external token may veto ("veto" dual staking).
    Veto {
        /// Threshold of the native token.
        native: T,
        /// Fraction of the external token that stops a result.
        veto: T,
        /// How long a result waits for a veto.
        veto_seconds: u32,
    },
    /// As `Both`; where the native token has failed, the external one alone at a higher threshold is enough too.
    BothOrFallback {
        /// Threshold of the native token.
        native: T,
        /// Threshold of the external token beside the native one.
        external: T,
        /// Threshold of the external token alone; above `external`, or the fallback is the cheaper way.
        fallback: T,
    },
}

impl<T> Policy<T> {
    /// The same policy with every threshold passed through `f`.
    pub fn map<U>(&self, mut f: impl FnMut(&T) -> U) -> Policy<U> {
        match self {
            Self::Both { native, external } => Policy::Both { native: f(native), external: f(external) },
            Self::Either { native, external } => Policy::Either { native: f(native), external: f(external) },
            Self::Single { token, threshold } => Policy::Single { token: *token, threshold: f(threshold) },
            Self::Combined { threshold, native_cap } => {
                Policy::Combined { threshold: f(threshold), native_cap: f(native_cap) }
            }
            Self::Veto { native, veto, veto_seconds } => {
                Policy::Veto { native: f(native), veto: f(veto), veto_seconds: *veto_seconds }
            }
            Self::BothOrFallback { native, external, fallback } => {
                Policy::BothOrFallback { native: f(native), external: f(external), fallback: f(fallback) }
            }
        }
    }

    /// The policy's name, as in manifests.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Both { .. } => "both",
            Self::Either { .. } => "either",
            Self::Single { .. } => "single",
            Self::Combined { .. } => "combined",
            Self::Veto { .. } => "veto",
            Self::BothOrFallback { .. } => "both-or-fallback",
        }
    }

    /// Whether judging by the policy takes an oracle's prices.
    pub fn needs_prices(&self) -> bool {
        matches!(self, Self::Combined { .. })
    }

    /// How long after enough stake has signed a result is final.
    pub fn latency(&self) -> Latency {
        match self {
            Self::Veto { veto_seconds, .. } => Latency::VetoWindow { seconds: *veto_seconds },
            Self::BothOrFallback { .. } => Latency::FallbackCondition,
            _ => Latency::None,
        }
    }
}

impl Policy {
    /// `BothOrFallback` whose fallback is no cheaper way.
    ///
    /// # Errors
    /// [`NumberError::OutOfRange`] unless `fallback` is above `external`.
    pub fn both_or_fallback(native: Fraction, external: Fraction, fallback: Fraction) -> Result<Self, NumberError> {
        if fallback > external {
            return Ok(Self::BothOrFallback { native, external, fallback });
        }
        let expected = "more than the external token's threshold";
        Err(NumberError::OutOfRange { what: "fallback threshold", value: fallback.to_string(), expected })
    }

    /// The thresholds as ratios, for the exact formulas.
    pub fn in_ratios(&self) -> Policy<Ratio> {
        self.map(|share| share.get().clone())
    }

    /// The thresholds as floats, for simulations.
    pub fn in_floats(&self) -> Policy<f64> {
        self.map(Fraction::to_f64)
    }

    /// The predicate as a formula over the signed fractions `n` and `e`, and the values `A` and `B`.
    pub fn formula(&self) -> String {
        match self {
            Self::Both { native, external } => format!("n ≥ {native} ∧ e ≥ {external}"),
            Self::Either { native, external } => format!("n ≥ {native} ∨ e ≥ {external}"),
            Self::Single { token: Token::Native, threshold } => format!("n ≥ {threshold}"),
            Self::Single { token: Token::External, threshold } => format!("e ≥ {threshold}"),
            Self::Combined { threshold, native_cap } if *native_cap == Fraction::whole() => {
                format!("n·A + e·B ≥ {threshold} · (A + B)")
            }
            Self::Combined { threshold, native_cap: c } => {
                format!("n·A′ + e·B ≥ {threshold} · (A′ + B), A′ = min(A, c/(1 − c)·B), c = {c}")
            }
            Self::Veto { native, veto, veto_seconds } => {
                format!("n ≥ {native} ∧ (no veto by ≥ {veto} of e within {veto_seconds} s ∨ e > 1 − {veto})")
            }
            Self::BothOrFallback { native, external, fallback } => {
                format!("(n ≥ {native} ∧ e ≥ {external}) ∨ (F ∧ e ≥ {fallback})")
            }
        }
    }
}

impl fmt::Display for Policy {
    /// The predicate in words.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Both { native, external } => {
                write!(
                    f,
                    "at least {native} of the native stake and at least {external} of the external stake have signed"
                )
            }
            Self::Either { native, external } => {
                write!(
                    f,
                    "at least {native} of the native stake or at least {external} of the external stake has signed"
                )
            }
            Self::Single { token, threshold } => write!(f, "at least {threshold} of the {token} stake has signed"),
            Self::Combined { threshold, native_cap } => {
                write!(f, "at least {threshold} of the combined value has signed")?;
                let capped = *native_cap != Fraction::whole();
                if capped { write!(f, "; the native token counts for at most {native_cap} of it") } else { Ok(()) }
            }
            Self::Veto { native, veto, veto_seconds } => write!(
                f,
                "at least {native} of the native stake has signed, and less than {veto} of the external stake vetoes within {veto_seconds} s"
            ),
            Self::BothOrFallback { native, external, fallback } => write!(
                f,
                "at least {native} of the native stake and {external} of the external stake have signed; in fallback, {fallback} of the external stake is enough"
            ),
        }
    }
}

impl From<&tandem_types::Policy> for Policy {
    /// A service's policy, as its manifest and its contract have it.
    fn from(policy: &tandem_types::Policy) -> Self {
        use tandem_types::Policy as Of;
        match *policy {
            Of::Both { native, external } => Self::Both { native: native.into(), external: external.into() },
            Of::Either { native, external } => Self::Either { native: native.into(), external: external.into() },
            Of::Single { token, threshold } => Self::Single { token, threshold: threshold.into() },
            Of::Combined { threshold, native_cap } => {
                Self::Combined { threshold: threshold.into(), native_cap: native_cap.into() }
            }
            Of::Veto { native, veto, veto_seconds } => {
                Self::Veto { native: native.into(), veto: veto.into(), veto_seconds: veto_seconds.get() }
            }
            Of::BothOrFallback(of) => Self::BothOrFallback {
                native: of.native().into(),
                external: of.external().into(),
                fallback: of.fallback().into(),
            },
        }
    }
}

/// What a policy adds to the time from enough signatures to a final result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Latency {
    /// Nothing.
    None,
    /// The window for vetoes, unless more than `1 − ν` of the external stake waves the result through.
    VetoWindow {
        /// Length of the window.
        seconds: u32,
    },
    /// Nothing while both tokens sign; where the native one fails, the time until the fallback condition holds.
    FallbackCondition,
}

impl fmt::Display for Latency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("none"),
            Self::VetoWindow { seconds } => write!(f, "{seconds} s, or none if waved through"),
            Self::FallbackCondition => f.write_str("none; until the fallback condition holds if native fails"),
        }
    }
}

/// The most that the native token may count for, `c/(1 − c)·B`; none when `c = 1` never binds. Research on dual staking, §1.2 (d).
fn capped_native<T: Scalar>(cap: &T, external: &T) -> Option<T> {
    let rest = T::one() - cap.clone();
    (rest > T::zero()).then(|| cap.clone() * external.clone() / rest)
}

/// What each token counts for in the combined value: the native one up to its cap.
fn counted<T: Scalar>(cap: &T, value: &PerToken<T>) -> PerToken<T> {
    let native = match capped_native(cap, &value.external) {
        Some(most) => crate::number::least(value.native.clone(), most),
        None => value.native.clone(),
    };
    PerToken { native, external: value.external.clone() }
}

/// A quarter, a third, two thirds and the like, in tests and standard policies.
fn share(numerator: u32, denominator: u32) -> Fraction {
    let value =
        ratio(numerator.into(), denominator.into()).expect("the denominators of this crate's own shares are not zero");
    Fraction::new(value).expect("this crate's own shares lie between 0 and 1")
}
