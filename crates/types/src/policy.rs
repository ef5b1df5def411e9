//! Policies and requirements: what signed stake of two tokens a certificate must carry. Only the rules' parameters are here, and none that
//! break the rules can be written; `tandem_protocol::policy` judges by them, and `docs/reference/policies.md` has the arithmetic.

use std::fmt;
use std::num::NonZeroU32;

use serde::{Deserialize, Serialize};

use crate::{Bps, Demand, DemandError, Token};

/// How signed stake makes a certificate acceptable. A service chooses one at deployment, for good.
///
/// In JSON and TOML it is an object with its `kind` and thresholds in basis points, such as
/// `{"kind": "both-or-fallback", "native": 6667, "external": 6667, "fallback": 8500}`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", rename_all_fields = "kebab-case", deny_unknown_fields)]
pub enum Policy {
    /// Each token reaches its threshold.
    Both {
        /// Threshold of the native token.
        native: Bps,
        /// Threshold of the external token.
        external: Bps,
    },
    /// One sum at oracle prices reaches a threshold.
    Combined {
        /// Threshold of the combined value.
        threshold: Bps,
        /// Most that the native token counts for in the whole; 100 % never binds.
        native_cap: Bps,
    },
    /// The native token certifies; then the external token may veto for a while, or wave the result through at once.
    Veto {
        /// Threshold of the native token.
        native: Bps,
        /// Share of the external token that stops a result.
        veto: Bps,
        /// How long a result waits for a veto.
        veto_seconds: NonZeroU32,
    },
    /// As `Both`; while the chain says that the native token failed, the external one alone at a higher threshold is enough too.
    BothOrFallback(BothOrFallback),
    /// One token, whichever, reaches its threshold.
    Either {
        /// Threshold of the native token.
        native: Bps,
        /// Threshold of the external token.
        external: Bps,
    },
    /// One named token reaches its threshold; the other has no say.
    Single {
        /// The token.
        token: Token,
        /// Its threshold.
        threshold: Bps,
    },
}

impl Policy {
    /// Share of the external token that stops a result, of a policy with vetoes.
    pub fn veto_threshold(&self) -> Option<Bps> {
        match self {
            Self::Veto { veto, .. } => Some(*veto),
            _ => None,
        }
    }

    /// Whether judging by this policy takes the tokens' prices.
    pub fn needs_prices(&self) -> bool {
        matches!(self, Self::Combined { .. })
    }

    /// Whether judging by this policy takes the fallback flag.
    pub fn needs_fallback(&self) -> bool {
        matches!(self, Self::BothOrFallback(_))
    }
}

impl fmt::Display for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Both { native, external } => write!(f, "both: native ≥ {native}, external ≥ {external}"),
            Self::Combined { threshold, native_cap } => {
                write!(f, "combined: value ≥ {threshold}, native counts for at most {native_cap}")
            }
            Self::Veto { native, veto, veto_seconds } => {
                write!(f, "veto: native ≥ {native}, external may veto with {veto} for {veto_seconds} s")
            }
            Self::BothOrFallback(of) => {
                let BothOrFallback { native, external, fallback } = of;
                write!(
                    f,
                    "both-or-fallback: native ≥ {native}, external ≥ {external}; external ≥ {fallback} in fallback"
                )
            }
            Self::Either { native, external } => write!(f, "either: native ≥ {native} or external ≥ {external}"),
            Self::Single { token, threshold } => write!(f, "single: {token} ≥ {threshold}"),
        }
    }
}

/// The thresholds of [`Policy::BothOrFallback`]: the one in fallback is above that of the external token otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "Thresholds")]
pub struct BothOrFallback {
    native: Bps,
    external: Bps,
    fallback: Bps,
}

/// A fallback that would be the cheaper way: its threshold is not above the external token's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("fallback threshold {fallback} is not above the external token's {external}")]
pub struct FallbackError {
    /// Threshold of the external token beside the native one.
    pub external: Bps,
    /// Threshold of the external token alone.
    pub fallback: Bps,
}

impl BothOrFallback {
    /// # Errors
    /// [`FallbackError`] unless `fallback` is above `external`.
    pub fn new(native: Bps, external: Bps, fallback: Bps) -> Result<Self, FallbackError> {
        if fallback > external {
            Ok(Self { native, external, fallback })
        } else {
            Err(FallbackError { external, fallback })
        }
    }

    /// Threshold of the native token.
    pub fn native(&self) -> Bps {
        self.native
    }

    /// Threshold of the external token beside the native one.
    pub fn external(&self) -> Bps {
        self.external
    }

    /// Threshold of the external token alone, while the fallback is active.
    pub fn fallback(&self) -> Bps {
        self.fallback
    }
}

/// [`BothOrFallback`] before it is checked.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Thresholds {
    native: Bps,
    external: Bps,
    fallback: Bps,
}

impl TryFrom<Thresholds> for BothOrFallback {
    type Error = FallbackError;

    fn try_from(of: Thresholds) -> Result<Self, FallbackError> {
        Self::new(of.native, of.external, of.fallback)
    }
}

/// What a consumer demands beside the service's policy: it only tightens.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Requirement {
    /// Of the native token's stake.
    pub native: Demand,
    /// Of the external token's stake.
    pub external: Demand,
    /// Of the combined value; only services with [`Policy::Combined`] can satisfy it.
    pub combined: Demand,
}

impl Requirement {
    /// Demands nothing.
    pub const NONE: Self = Self { native: Demand::NOTHING, external: Demand::NOTHING, combined: Demand::NOTHING };

    /// The requirement with these basis points, 0 for nothing.
    ///
    /// # Errors
    /// [`DemandError`] above 10 000.
    pub fn new(native: u16, external: u16, combined: u16) -> Result<Self, DemandError> {
        Ok(Self { native: Demand::new(native)?, external: Demand::new(external)?, combined: Demand::new(combined)? })
    }

    /// What demands both: the greater of each field. A batch has to satisfy it for all of its tasks.
    pub fn max(self, other: Self) -> Self {
        Self {
            native: self.native.max(other.native),
            external: self.external.max(other.external),
            combined: self.combined.max(other.combined),
        }
    }

    /// Whether it demands nothing.
    pub fn is_none(&self) -> bool {
        *self == Self::NONE
    }
}

impl fmt::Display for Requirement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fields = [("native", self.native), ("external", self.external), ("combined", self.combined)];
        let demands = fields.into_iter().filter_map(|(name, demand)| Some(format!("{name} ≥ {}", demand.threshold()?)));
        let demands: Vec<_> = demands.collect();
        f.write_str(if demands.is_empty() { "nothing".into() } else { demands.join(", ") }.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bps(bps: u16) -> Bps {
        Bps::new(bps).expect("in range")
    }

    fn policies() -> Vec<(Policy, &'static str, &'static str)> {
        let (native, external) = (Bps::TWO_THIRDS, bps(7_500));
        let veto_seconds = NonZeroU32::new(600).expect("not zero");
        let fallback = BothOrFallback::new(native, external, bps(8_500)).expect("above the external threshold");
        vec![
            (
                Policy::Both { native, external },
                r#"{"kind":"both","native":6667,"external":7500}"#,
                "both: native ≥ 66.67 %, external ≥ 75.00 %",
            ),
            (
                Policy::Combined { threshold: native, native_cap: bps(2_500) },
                r#"{"kind":"combined","threshold":6667,"native-cap":2500}"#,
                "combined: value ≥ 66.67 %, native counts for at most 25.00 %",
            ),
            (
                Policy::Veto { native, veto: bps(3_334), veto_seconds },
                r#"{"kind":"veto","native":6667,"veto":3334,"veto-seconds":600}"#,
                "veto: native ≥ 66.67 %, external may veto with 33.34 % for 600 s",
            ),
            (
                Policy::BothOrFallback(fallback),
                r#"{"kind":"both-or-fallback","native":6667,"external":7500,"fallback":8500}"#,
                "both-or-fallback: native ≥ 66.67 %, external ≥ 75.00 %; external ≥ 85.00 % in fallback",
            ),
            (
                Policy::Either { native, external },
                r#"{"kind":"either","native":6667,"external":7500}"#,
                "either: native ≥ 66.67 % or external ≥ 75.00 %",
            ),
            (
                Policy::Single { token: Token::External, threshold: external },
                r#"{"kind":"single","token":"external","threshold":7500}"#,
                "single: external ≥ 75.00 %",
            ),
        ]
    }

    #[test]
    fn policies_survive_json_and_read_as_sentences() {
        for (policy, json, words) in policies() {
            assert_eq!(serde_json::to_string(&policy).expect("serialises"), json);
            assert_eq!(serde_json::from_str::<Policy>(json).expect("reads back"), policy);
            assert_eq!(policy.to_string(), words);
        }
    }

    #[test]
    fn policies_that_break_the_rules_cannot_be_read() {
        for json in [
            r#"{"kind":"both","native":0,"external":7500}"#,
            r#"{"kind":"both","native":6667}"#,
            r#"{"kind":"both","native":6667,"external":10001}"#,
            r#"{"kind":"both","native":6667,"external":7500,"fallback":8500}"#,
            r#"{"kind":"veto","native":6667,"veto":3334,"veto-seconds":0}"#,
            r#"{"kind":"both-or-fallback","native":6667,"external":7500,"fallback":7500}"#,
            r#"{"kind":"single","token":"both","threshold":7500}"#,
            r#"{"kind":"neither"}"#,
        ] {
            assert!(serde_json::from_str::<Policy>(json).is_err(), "{json}");
        }
    }

    #[test]
    fn a_fallback_is_never_the_cheaper_way() {
        let error = FallbackError { external: bps(7_500), fallback: bps(7_500) };
        assert_eq!(BothOrFallback::new(bps(1), bps(7_500), bps(7_500)), Err(error));
        assert!(BothOrFallback::new(bps(10_000), bps(7_500), bps(7_501)).is_ok());
    }

    #[test]
    fn requirements_join_field_by_field() {
        let new = |native, external, combined| Requirement::new(native, external, combined).expect("in range");
        assert_eq!(new(1, 9, 0).max(new(5, 2, 3)), new(5, 9, 3));
        assert_eq!(new(1, 9, 0).max(Requirement::NONE), new(1, 9, 0));
        assert!(Requirement::default().is_none());
        assert_eq!(Requirement::new(0, 0, 10_001), Err(DemandError(10_001)));
    }

    #[test]
    fn requirements_read_as_sentences() {
        let requirement = Requirement::new(6_667, 0, 10_000).expect("in range");
        assert_eq!(requirement.to_string(), "native ≥ 66.67 %, combined ≥ 100.00 %");
        assert_eq!(Requirement::NONE.to_string(), "nothing");
    }
}
