//! What calls would cost, without a key and without sending anything.

use alloy::providers::Provider;
use serde::Deserialize;
use serde_json::json;
use tandem_types::{Address, U256};

use super::{Call, SendError};
use crate::client::ChainClient;
use crate::error::{RpcError, RpcFailure};
use crate::revert::Revert;

/// The part of an `eth_simulateV1` answer that matters.
#[derive(Debug, Clone, Deserialize)]
struct SimulatedBlock {
    calls: Vec<SimulatedCall>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
struct SimulatedCall {
    status: U256,
    gas_used: U256,
    #[serde(default)]
    return_data: alloy::primitives::Bytes,
    #[serde(default)]
    error: Option<SimulatedError>,
}

#[derive(Debug, Clone, Deserialize)]
struct SimulatedError {
    #[serde(default)]
    data: Option<alloy::primitives::Bytes>,
}

impl ChainClient {
    /// Gas that the calls of `sender` would need, one after the other. The first is estimated by the endpoint; those after it depend on what the
    /// earlier ones change, and are none where the endpoint cannot simulate sequences (`eth_simulateV1`).
    ///
    /// # Errors
    /// [`SendError::Reverted`] when one of them would revert, [`SendError::Rpc`].
    pub async fn estimate(&self, sender: Address, calls: &[&Call]) -> Result<Vec<Option<u64>>, SendError> {
        let Some((first, later)) = calls.split_first() else {
            return Ok(Vec::new());
        };
        let gas = self.provider().estimate_gas(first.request(sender)).await.map_err(|error| self.error(error));
        let mut estimates = vec![Some(gas.map_err(refused)?)];
        if !later.is_empty() {
            estimates.extend(self.estimate_later(sender, calls).await?);
        }
        Ok(estimates)
    }

    /// All but the first of the calls.
    async fn estimate_later(&self, sender: Address, calls: &[&Call]) -> Result<Vec<Option<u64>>, SendError> {
        let requests: Vec<_> = calls.iter().map(|call| call.request(sender)).collect();
        let params = json!([{ "blockStateCalls": [{ "calls": requests }], "validation": false }, "latest"]);
        let simulated: Vec<SimulatedBlock> = match self.request("eth_simulateV1", params).await {
            Ok(blocks) => blocks,
            Err(error) if lacks_method(&error) => return Ok(vec![None; calls.len() - 1]),
            Err(error) => return Err(refused(error)),
        };
        let calls = simulated.into_iter().flat_map(|block| block.calls).skip(1);
        calls.map(|call| call.gas().map(Some)).collect()
    }
}

impl SimulatedCall {
    fn gas(self) -> Result<u64, SendError> {
        if self.status.is_zero() {
            let data = self.error.and_then(|error| error.data).unwrap_or(self.return_data);
            return Err(SendError::Reverted(Revert::decode(&data)));
        }
        Ok(self.gas_used.saturating_to())
    }
}

fn refused(error: RpcError) -> SendError {
    match error.revert() {
        Some(revert) => SendError::Reverted(revert.clone()),
        None => SendError::Rpc(error),
    }
}

/// The codes for unknown methods and for parameters that an older endpoint does not understand.
fn lacks_method(error: &RpcError) -> bool {
    match &error.failure {
        RpcFailure::Refused { code, .. } => matches!(code, -32601 | -32602 | -32004),
        RpcFailure::Malformed(_) => true,
        _ => false,
    }
}
