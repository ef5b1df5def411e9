//! Why a contract refused: its custom error by name, with values, from the ABIs of all our contracts. Errors of contracts that
//! are not ours are shown by their selector only.

use std::collections::HashMap;
use std::fmt;
use std::sync::LazyLock;

use alloy::dyn_abi::{DynSolValue, ErrorExt};
use alloy::json_abi::{Error as AbiError, JsonAbi};
use alloy::primitives::Selector;
use alloy::sol_types::{ContractError, SolInterface};
use serde::Deserialize;

use crate::bindings::ARTIFACTS;

/// Longest value of an error that is kept, in bytes.
const VALUE_BYTES_MAX: usize = 200;

/// The part of an artifact that names errors.
#[derive(Deserialize)]
struct Artifact {
    abi: JsonAbi,
}

static ERRORS: LazyLock<HashMap<Selector, AbiError>> = LazyLock::new(|| {
    let abi =
        |text| serde_json::from_str::<Artifact>(text).expect("artifacts are compiler output, checked by a test").abi;
    let errors = ARTIFACTS.into_iter().map(abi).flat_map(|abi| abi.errors.into_values().flatten());
    errors.map(|error| (error.selector(), error)).collect()
});

/// An error that a contract reverted with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Revert {
    /// Name of the error, such as `QuorumNotReached`; `Error` and `Panic` are Solidity's own; `0x` and the selector when no ABI
    /// knows it; empty when the contract gave no reason.
    pub name: String,
    /// Its values, in order.
    pub values: Vec<RevertValue>,
}

/// One value of a [`Revert`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RevertValue {
    /// Name of the parameter.
    pub name: String,
    /// The value as text: numbers in decimal, bytes and addresses in hexadecimal.
    pub value: String,
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
    pub fn value(&self, name: &str) -> Option<&str> {
        self.values.iter().find(|value| value.name == name).map(|value| value.value.as_str())
    }
}

fn custom(selector: Selector, data: &[u8]) -> Option<Revert> {
    let error = ERRORS.get(&selector)?;
    let values = error.decode_error(data).ok()?.body;
    let named = |(parameter, value): (&alloy::json_abi::Param, &DynSolValue)| RevertValue {
        name: parameter.name.clone(),
        value: show(value),
    };
    Some(Revert { name: error.name.clone(), values: error.inputs.iter().zip(&values).map(named).collect() })
}

/// `Error(string)` and `Panic(uint256)`.
fn builtin(data: &[u8]) -> Option<Revert> {
    let (name, value) = match ContractError::<std::convert::Infallible>::abi_decode(data).ok()? {
        ContractError::Revert(revert) => ("Error", cut(revert.reason)),
        ContractError::Panic(panic) => ("Panic", panic.to_string()),
        ContractError::CustomError(never) => match never {},
    };
    Some(Revert { name: name.to_owned(), values: vec![RevertValue { name: "reason".to_owned(), value }] })
}

fn show(value: &DynSolValue) -> String {
    cut(match value {
        DynSolValue::Bool(value) => value.to_string(),
        DynSolValue::Uint(value, _) => value.to_string(),
        DynSolValue::Int(value, _) => value.to_string(),
        DynSolValue::Address(value) => value.to_string(),
        DynSolValue::FixedBytes(value, size) => alloy::hex::encode_prefixed(&value[..*size]),
        DynSolValue::Bytes(value) => alloy::hex::encode_prefixed(value),
        DynSolValue::String(value) => value.clone(),
        other => format!("{other:?}"),
    })
}

fn cut(mut text: String) -> String {
    let end = (0..=VALUE_BYTES_MAX.min(text.len())).rev().find(|&at| text.is_char_boundary(at)).unwrap_or(0);
    text.truncate(end);
    text
}

impl fmt::Display for Revert {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.name.is_empty() {
            return f.write_str("no reason given");
        }
        write!(f, "{}(", self.name)?;
        for (at, RevertValue { name, value }) in self.values.iter().enumerate() {
            let comma = if at == 0 { "" } else { ", " };
            if name.is_empty() { write!(f, "{comma}{value}")? } else { write!(f, "{comma}{name}: {value}")? }
        }
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
        assert!(ERRORS.values().any(|error| error.name == "QuorumNotReached"));
        assert!(ERRORS.values().any(|error| error.name == "InvalidPossession"));
        assert!(ERRORS.values().any(|error| error.name == "NotService"));
    }

    #[test]
    fn custom_error_is_shown_with_names_and_values() {
        let error =
            ServiceManager::QuorumNotReached { token: 1, signed: Uint::from(5), total: Uint::from(10), bps: 6_667 };
        let revert = Revert::decode(&error.abi_encode());
        assert_eq!(revert.to_string(), "QuorumNotReached(token: 1, signed: 5, total: 10, bps: 6667)");
        assert_eq!(revert.value("total"), Some("10"));
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
