//! Policies as a ServiceManager keeps them, and what they depend on besides stake, as its oracle says it now. Judges nothing.

use std::num::NonZeroU32;

use tandem_types::{Address, BothOrFallback, Bps, PerToken, Policy, Token};

use crate::bindings::{ConversionError, ServiceManager};
use crate::client::ChainClient;
use crate::error::{RpcError, RpcFailure};

mod oracle {
    alloy::sol! {
        interface IPriceSource {
            function prices() external view returns (uint128 native, uint128 ext);
        }

        interface IFallbackCondition {
            function active() external view returns (bool);
        }
    }
}

use oracle::{IFallbackCondition, IPriceSource};

/// The kinds, in the contract's order.
const BOTH: u8 = 0;
const COMBINED: u8 = 1;
const VETO: u8 = 2;
const BOTH_OR_FALLBACK: u8 = 3;
const EITHER: u8 = 4;
const SINGLE: u8 = 5;

/// What a policy depends on besides stake. What is not needed by the policy, or not known, is none and false.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Conditions {
    /// What one smallest unit of each token is worth; 0 where it is not known.
    pub prices: Option<PerToken<u128>>,
    /// Whether the native token is said to have failed.
    pub fallback: bool,
}

/// A service's policy, and the contract that says the rest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Judged {
    pub(crate) policy: Policy,
    pub(crate) oracle: Address,
}

impl TryFrom<ServiceManager::Policy> for Judged {
    type Error = ConversionError;

    fn try_from(of: ServiceManager::Policy) -> Result<Self, ConversionError> {
        let both = || Ok::<_, ConversionError>((Bps::new(of.nativeBps)?, Bps::new(of.externalBps)?));
        let policy = match of.kind {
            BOTH => both().map(|(native, external)| Policy::Both { native, external })?,
            EITHER => both().map(|(native, external)| Policy::Either { native, external })?,
            COMBINED => {
                Policy::Combined { threshold: Bps::new(of.combinedBps)?, native_cap: Bps::new(of.nativeCapBps)? }
            }
            VETO => Policy::Veto {
                native: Bps::new(of.nativeBps)?,
                veto: Bps::new(of.vetoBps)?,
                veto_seconds: NonZeroU32::new(of.vetoSeconds).ok_or(ConversionError::NoVetoWindow)?,
            },
            BOTH_OR_FALLBACK => {
                let (native, external) = both()?;
                Policy::BothOrFallback(BothOrFallback::new(native, external, Bps::new(of.fallbackBps)?)?)
            }
            SINGLE => single(of.nativeBps, of.externalBps)?,
            kind => return Err(ConversionError::PolicyKind(kind)),
        };
        Ok(Self { policy, oracle: of.oracle })
    }
}

fn single(native: u16, external: u16) -> Result<Policy, ConversionError> {
    let (token, bps) = match (native, external) {
        (bps, 0) => (Token::Native, bps),
        (0, bps) => (Token::External, bps),
        _ => return Err(ConversionError::NotOneToken { native, external }),
    };
    Ok(Policy::Single { token, threshold: Bps::new(bps)? })
}

impl Judged {
    /// What the oracle says in the latest block. An oracle that reverts or is none says nothing.
    pub(crate) async fn conditions(&self, client: &ChainClient) -> Result<Conditions, RpcError> {
        if self.policy.needs_prices() {
            let prices = known(client.call(self.oracle, &IPriceSource::pricesCall {}).await)?;
            let prices = prices.map(|of| PerToken { native: of.native, external: of.ext });
            return Ok(Conditions { prices, fallback: false });
        }
        let mut conditions = Conditions::default();
        if self.policy.needs_fallback() {
            let active = client.call(self.oracle, &IFallbackCondition::activeCall {}).await;
            conditions.fallback = known(active)?.unwrap_or(false);
        }
        Ok(conditions)
    }
}

/// The answer of a contract that need not have one: a revert, or an answer of another type, is none.
pub(crate) fn known<T>(answer: Result<T, RpcError>) -> Result<Option<T>, RpcError> {
    match answer {
        Ok(answer) => Ok(Some(answer)),
        Err(error) if matches!(error.failure, RpcFailure::Reverted(_) | RpcFailure::Malformed(_)) => Ok(None),
        Err(error) => Err(error),
    }
}

/// The policy as the ServiceManager's constructor takes it. `oracle` is its price source or fallback condition, zero where it needs none.
pub(crate) fn to_chain(policy: &Policy, oracle: Address) -> ServiceManager::Policy {
    let mut of = ServiceManager::Policy {
        kind: BOTH,
        nativeBps: 0,
        externalBps: 0,
        combinedBps: 0,
        nativeCapBps: 0,
        fallbackBps: 0,
        vetoBps: 0,
        vetoSeconds: 0,
        oracle,
    };
    match *policy {
        Policy::Both { native, external } => (of.nativeBps, of.externalBps) = (native.get(), external.get()),
        Policy::Either { native, external } => {
            (of.kind, of.nativeBps, of.externalBps) = (EITHER, native.get(), external.get());
        }
        Policy::Combined { threshold, native_cap } => {
            (of.kind, of.combinedBps, of.nativeCapBps) = (COMBINED, threshold.get(), native_cap.get());
        }
        Policy::Veto { native, veto, veto_seconds } => {
            (of.kind, of.nativeBps, of.vetoBps, of.vetoSeconds) = (VETO, native.get(), veto.get(), veto_seconds.get());
        }
        Policy::BothOrFallback(thresholds) => {
            (of.kind, of.nativeBps) = (BOTH_OR_FALLBACK, thresholds.native().get());
            (of.externalBps, of.fallbackBps) = (thresholds.external().get(), thresholds.fallback().get());
        }
        Policy::Single { token, threshold } => {
            of.kind = SINGLE;
            match token {
                Token::Native => of.nativeBps = threshold.get(),
                Token::External => of.externalBps = threshold.get(),
            }
        }
    }
    of
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bps(bps: u16) -> Bps {
        Bps::new(bps).expect("in range")
    }

    fn policies() -> Vec<Policy> {
        let (native, external) = (bps(6_667), bps(7_500));
        let fallback = BothOrFallback::new(native, external, bps(8_500)).expect("above the external threshold");
        let veto_seconds = NonZeroU32::new(3).expect("not zero");
        vec![
            Policy::Both { native, external },
            Policy::Either { native, external },
            Policy::Combined { threshold: native, native_cap: bps(2_500) },
            Policy::Veto { native, veto: bps(3_334), veto_seconds },
            Policy::BothOrFallback(fallback),
            Policy::Single { token: Token::Native, threshold: native },
            Policy::Single { token: Token::External, threshold: native },
        ]
    }

    #[test]
    fn policies_survive_the_contracts_form() {
        let oracle = Address::repeat_byte(7);
        for policy in policies() {
            assert_eq!(Judged::try_from(to_chain(&policy, oracle)), Ok(Judged { policy, oracle }));
        }
    }

    #[test]
    fn policies_that_break_the_rules_are_refused() {
        let of = |policy: usize| to_chain(&policies()[policy], Address::ZERO);
        let cases = [
            (ServiceManager::Policy { kind: 6, ..of(0) }, ConversionError::PolicyKind(6)),
            (ServiceManager::Policy { nativeBps: 0, ..of(0) }, Bps::new(0).expect_err("none").into()),
            (ServiceManager::Policy { vetoSeconds: 0, ..of(3) }, ConversionError::NoVetoWindow),
            (
                ServiceManager::Policy { externalBps: 1, ..of(5) },
                ConversionError::NotOneToken { native: 6_667, external: 1 },
            ),
            (
                ServiceManager::Policy { fallbackBps: 7_500, ..of(4) },
                BothOrFallback::new(bps(1), bps(7_500), bps(7_500)).expect_err("not above").into(),
            ),
        ];
        for (policy, error) in cases {
            assert_eq!(Judged::try_from(policy), Err(error));
        }
    }
}
