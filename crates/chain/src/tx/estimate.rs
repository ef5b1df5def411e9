//! What calls would cost, without a key and without sending anything.

use alloy::network::TransactionBuilder;
use alloy::providers::Provider;
use serde::Deserialize;
use serde_json::json;
use tandem_types::{Address, U256};

use super::{Call, SendError, TRANSACTION_GAS_MAX};
use crate::client::ChainClient;
use crate::error::{RpcError, RpcFailure};
use crate::revert::Revert;

/// What a call costs before its own gas, at most; the ServiceManager counts with as much.
const CALL_GAS: u64 = 6_000;

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
        let mut estimates = vec![Some(self.searched_gas(sender, first).await.map_err(refused)?)];
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
        calls.map(|call| call.gas().map(Some).map_err(SendError::Reverted)).collect()
    }

    /// Gas that is enough for a call whose last inner call is promised so much: by one run, or by the endpoint's search where it cannot simulate.
    pub(crate) async fn gas_with_promise(&self, sender: Address, call: &Call, promised: u64) -> Result<u64, RpcError> {
        let request = call.request(sender).with_gas_limit(TRANSACTION_GAS_MAX);
        let params = json!([{ "blockStateCalls": [{ "calls": [request] }], "validation": false }, "latest"]);
        let simulated: Vec<SimulatedBlock> = match self.request("eth_simulateV1", params).await {
            Err(error) if lacks_method(&error) => return self.searched_gas(sender, call).await,
            simulated => simulated?,
        };
        let run = simulated.into_iter().flat_map(|block| block.calls).next();
        let run = run.ok_or_else(|| self.failure(RpcFailure::Malformed("the simulation has no call".to_owned())))?;
        let used = run.gas().map_err(|revert| self.failure(RpcFailure::Reverted(revert)))?;
        // At most a fifth of what a transaction uses is refunded (EIP-3529), and a call gets at most 63 of 64 parts of what is left (EIP-150).
        Ok(used + used / 4 + promised + promised / 63 + CALL_GAS)
    }

    /// The least gas that is enough, as the endpoint finds it.
    pub(crate) async fn searched_gas(&self, sender: Address, call: &Call) -> Result<u64, RpcError> {
        self.provider().estimate_gas(call.request(sender)).await.map_err(|error| self.error(error))
    }
}

impl SimulatedCall {
    fn gas(self) -> Result<u64, Revert> {
        if self.status.is_zero() {
            let data = self.error.and_then(|error| error.data).unwrap_or(self.return_data);
            return Err(Revert::decode(&data));
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
