//! Why a contract refused: its custom error by name, with values, from the ABIs of all our contracts. Errors of contracts that
//! are not ours are shown by their selector only.

use std::fmt;

use alloy::primitives::Selector;
use alloy::sol_types::{ContractError, SolInterface};

use crate::abi::{self, Field, Value, harmless, separated};

/// Longest reason that is kept, in bytes.
const REASON_BYTES_MAX: usize = 200;

/// An error that a contract reverted with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Revert {
    /// Name of the error, such as `QuorumNotReached`; `Error` and `Panic` are Solidity's own; `0x` and the selector when no ABI
    /// knows it; empty when the contract gave no reason.
    pub name: String,
    /// Its values, in order.
    pub values: Vec<Field>,
}

impl Revert {
    /// Reads what a contract reverted with.
    pub fn decode(data: &[u8]) -> Self {
        let Some((selector, _)) = data.split_first_chunk::<4>() else {
            return Self { name: String::new(), values: Vec::new() };
        };
        let selector = Selector::from(*selector);
        custom(selector, data)
            .or_else(|| builtin(data))
            .unwrap_or_else(|| Self { name: selector.to_string(), values: Vec::new() })
    }

    /// The value of that name.
    pub fn value(&self, name: &str) -> Option<&Value> {
        self.values.iter().find(|field| field.name == name).map(|field| &field.value)
    }
}

fn custom(selector: Selector, data: &[u8]) -> Option<Revert> {
    abi::error(selector, data).map(|(name, values)| Revert { name, values })
}

/// `Error(string)` and `Panic(uint256)`.
fn builtin(data: &[u8]) -> Option<Revert> {
    let (name, reason) = match ContractError::<std::convert::Infallible>::abi_decode(data).ok()? {
        ContractError::Revert(revert) => ("Error", harmless(&revert.reason, REASON_BYTES_MAX)),
        ContractError::Panic(panic) => ("Panic", panic.to_string()),
        ContractError::CustomError(never) => match never {},
    };
    let reason = Field { name: "reason".to_owned(), kind: "string".to_owned(), value: Value::Text(reason) };
    Some(Revert { name: name.to_owned(), values: vec![reason] })
}

impl fmt::Display for Revert {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.name.is_empty() {
            return f.write_str("no reason given");
        }
        write!(f, "{}(", self.name)?;
        separated(f, &self.values, |f, field| write!(f, "{field}"))?;
        f.write_str(")")
    }
}

#[cfg(test)]
mod tests {
    use alloy::primitives::Uint;
    use alloy::sol_types::{Panic, PanicKind, Revert as Reason, SolError};

    use super::*;
    use crate::bindings::ServiceManager;

    #[test]
    fn every_artifact_names_its_errors() {
        for name in ["QuorumNotReached", "InvalidPossession", "NotService", "LeverageCapExceeded", "NotMature"] {
            assert!(abi::error_names().any(|known| known == name), "{name}");
        }
    }

    #[test]
    fn custom_error_is_shown_with_names_and_values() {
        let error =
            ServiceManager::QuorumNotReached { token: 1, signed: Uint::from(5), total: Uint::from(10), bps: 6_667 };
        let revert = Revert::decode(&error.abi_encode());
        assert_eq!(revert.to_string(), "QuorumNotReached(token: 1, signed: 5, total: 10, bps: 6667)");
        assert_eq!(revert.value("total").and_then(Value::number), Some(Uint::from(10)));
    }

    #[test]
    fn builtin_errors_are_shown() {
        let reason = Reason { reason: "too late".to_owned() };
        assert_eq!(Revert::decode(&reason.abi_encode()).to_string(), "Error(reason: too late)");
        let panic = Panic::from(PanicKind::UnderOverflow);
        assert_eq!(Revert::decode(&panic.abi_encode()).name, "Panic");
    }

    #[test]
    fn foreign_and_malformed_errors_are_shown_by_selector() {
        assert_eq!(Revert::decode(&[1, 2, 3, 4, 5]).name, "0x01020304");
        assert_eq!(Revert::decode(&[1]).to_string(), "no reason given");
        let cut_short = &ServiceManager::InvalidSignature { digest: Default::default() }.abi_encode()[..20];
        assert!(Revert::decode(cut_short).name.starts_with("0x"));
    }
}
