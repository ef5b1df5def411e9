//! The state after one block, named by its hash (EIP-1898). A block that a reorganisation took away is refused by the endpoint, so that no answer is of another
//! block than the one that was asked for.

use alloy::primitives::Bytes;
use alloy::providers::Provider;
use alloy::rpc::json_rpc::ErrorPayload;
use alloy::transports::TransportError;
use serde_json::{Value, json};
use tandem_types::{Address, B256, U256};

use crate::client::{ChainClient, fault};
use crate::endpoints::refused;
use crate::error::{RpcError, RpcFailure};

/// A read-only call, with all that endpoints would otherwise fill in, each in its own way. It comes from the zero address and carries no value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PinnedCall {
    /// The contract.
    pub to: Address,
    /// Its call data.
    pub data: Vec<u8>,
    /// Gas that it has.
    pub gas: u64,
}

/// What came of a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CallOutcome {
    /// What the contract returned; nothing, when there is no contract.
    Returned(Vec<u8>),
    /// What it reverted with.
    Reverted(Vec<u8>),
}

impl ChainClient {
    /// Calls a contract in the state after `block`.
    ///
    /// # Errors
    /// [`RpcError`]; a revert is none, a call that runs out of gas is.
    pub async fn call_at(&self, block: B256, call: &PinnedCall) -> Result<CallOutcome, RpcError> {
        let request = json!({
            "from": Address::ZERO,
            "to": call.to,
            "gas": format!("{:#x}", call.gas),
            "value": "0x0",
            "input": Bytes::copy_from_slice(&call.data),
        });
        match self.provider().raw_request::<_, Bytes>("eth_call".into(), (request, at(block))).await {
            Ok(bytes) => Ok(CallOutcome::Returned(bytes.into())),
            Err(error) => self.pinned_failure(error),
        }
    }

    /// A revert, or why there is no answer. Only a revert whose data is there counts as one.
    fn pinned_failure(&self, error: TransportError) -> Result<CallOutcome, RpcError> {
        let fault = match fault(error) {
            Ok(fault) => fault,
            Err(text) => return Err(self.failure(RpcFailure::Malformed(self.endpoint().scrub(&text)))),
        };
        let Some(payload) = fault.refusal() else {
            return Err(fault.into_error());
        };
        match revert_data(payload) {
            Some(data) => Ok(CallOutcome::Reverted(data)),
            None => Err(RpcError { failure: refused(&fault.endpoint, payload), endpoint: fault.endpoint }),
        }
    }

    /// Balance of an account after `block`, in wei.
    ///
    /// # Errors
    /// [`RpcError`].
    pub async fn balance_at(&self, block: B256, account: Address) -> Result<U256, RpcError> {
        self.request("eth_getBalance", json!([account, at(block)])).await
    }

    /// A slot of a contract's storage after `block`.
    ///
    /// # Errors
    /// [`RpcError`].
    pub async fn storage_at(&self, block: B256, contract: Address, slot: B256) -> Result<U256, RpcError> {
        self.request("eth_getStorageAt", json!([contract, slot, at(block)])).await
    }
}

fn at(block: B256) -> Value {
    json!({ "blockHash": block, "requireCanonical": true })
}

/// What a contract reverted with, if that is what the endpoint says. A revert with a reason in words but without its data is none: the endpoint keeps back what
/// others give.
fn revert_data(payload: &ErrorPayload) -> Option<Vec<u8>> {
    let message = payload.message.trim().to_ascii_lowercase();
    let data: Option<Value> = payload.data.as_ref().and_then(|data| serde_json::from_str(data.get()).ok());
    let text = match &data {
        Some(Value::String(text)) => Some(text.as_str()),
        Some(Value::Object(fields)) => fields.get("data").and_then(Value::as_str),
        _ => None,
    };
    // The older words of some clients.
    let (text, is_old) = match text.and_then(|text| text.strip_prefix("Reverted ")) {
        Some(rest) => (Some(rest), true),
        None => (text, false),
    };
    if !(is_old || payload.code == 3 || message.contains("revert")) {
        return None;
    }
    match text {
        Some(text) => text.parse::<Bytes>().ok().map(Into::into),
        None => (message == "execution reverted").then(Vec::new),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn payload(code: i64, message: &str, data: Option<Value>) -> ErrorPayload {
        let payload = json!({ "code": code, "message": message, "data": data });
        serde_json::from_value(payload).expect("it is an error")
    }

    #[test]
    fn reverts_are_told_from_failures_in_the_words_of_the_clients() {
        let data = || Some(json!("0x0102"));
        for (error, expected) in [
            (payload(3, "execution reverted: no", data()), Some(vec![1, 2])),
            (payload(3, "execution reverted", Some(json!("0x"))), Some(vec![])),
            (payload(-32000, "execution reverted", None), Some(vec![])),
            (payload(-32015, "VM execution error.", Some(json!("Reverted 0x0102"))), Some(vec![1, 2])),
            (payload(-32603, "reverted", Some(json!({ "data": "0x0102" }))), Some(vec![1, 2])),
            (payload(-32000, "execution reverted: the reason without its data", None), None),
            (payload(-32000, "out of gas", None), None),
            (payload(-32000, "invalid opcode: INVALID", data()), None),
            (payload(3, "execution reverted", Some(json!("0x012"))), None),
            (payload(3, "execution reverted", Some(json!("no hex"))), None),
            (payload(-32000, "header not found", None), None),
        ] {
            assert_eq!(revert_data(&error), expected, "{error}");
        }
    }
}
