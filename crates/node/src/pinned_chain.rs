//! The service's chain as its components read it: through the operator's own endpoints, after one block. What the endpoint does wrong is an error, never an
//! answer.

use std::time::Duration;

use tandem_chain::{CallOutcome, ChainClient, ClientConfig, PinnedCall, RpcError};
use tandem_engine::chain::{Answer, ChainError, ChainState, Pending, Query};
use tandem_types::{B256, TaskBlock};
use url::Url;

/// Time for one read. A component has its own limit for all of them.
const READ_TIMEOUT: Duration = Duration::from_secs(10);
/// Largest answer that is read. A call whose gas a manifest may set cannot return as much (3 MiB, in hexadecimal), so what is larger is the endpoint's fault.
const ANSWER_BYTES_MAX: usize = 8 << 20;

/// A chain behind an endpoint.
#[derive(Debug, Clone)]
pub struct PinnedChain(ChainClient);

impl PinnedChain {
    /// The same chain through the same endpoints.
    pub fn over(client: &ChainClient) -> Self {
        Self(client.limited(config(READ_TIMEOUT)))
    }

    /// Asks the endpoint for its chain id once.
    ///
    /// # Errors
    /// As [`ChainClient::connect`].
    pub async fn connect(rpc: Url, chain_id: u64) -> Result<Self, RpcError> {
        Ok(Self(ChainClient::connect_with(rpc, chain_id, config(READ_TIMEOUT)).await?))
    }

    /// Connects to whatever chain the endpoint serves.
    ///
    /// # Errors
    /// As [`ChainClient::connect_any`].
    pub async fn connect_any(rpc: Url) -> Result<Self, RpcError> {
        Ok(Self(ChainClient::connect_any(rpc, config(READ_TIMEOUT)).await?))
    }

    /// The canonical block of that number, or the latest; none when the chain does not reach it.
    ///
    /// # Errors
    /// [`RpcError`].
    pub async fn block(&self, number: Option<u64>) -> Result<Option<TaskBlock>, RpcError> {
        let header = match number {
            Some(number) => self.0.block(number).await?,
            None => Some(self.0.latest_block().await?),
        };
        Ok(header.map(|header| TaskBlock { number: header.number, hash: header.hash, time: header.timestamp }))
    }

    async fn answer(&self, block: B256, query: Query) -> Result<Answer, RpcError> {
        Ok(match query {
            Query::Call { to, data, gas } => match self.0.call_at(block, &PinnedCall { to, data, gas }).await? {
                CallOutcome::Returned(data) => Answer::Returned(data),
                CallOutcome::Reverted(data) => Answer::Reverted(data),
            },
            Query::Balance(account) => Answer::Word(self.0.balance_at(block, account).await?),
            Query::Storage { contract, slot } => Answer::Word(self.0.storage_at(block, contract, slot).await?),
        })
    }
}

fn config(request_timeout: Duration) -> ClientConfig {
    ClientConfig { request_timeout, answer_bytes_max: ANSWER_BYTES_MAX }
}

impl ChainState for PinnedChain {
    fn chain_id(&self) -> u64 {
        self.0.chain_id()
    }

    fn read(&self, block: B256, query: Query) -> Pending<'_> {
        Box::pin(async move {
            self.answer(block, query).await.map_err(|error| match error.is_unknown_state() {
                true => ChainError::UnknownBlock { block, reason: error.to_string() },
                false => ChainError::Failed(error.to_string()),
            })
        })
    }
}

#[cfg(test)]
#[path = "pinned_chain_tests.rs"]
mod tests;
