//! One chain behind one HTTP endpoint: blocks, logs, calls and raw transactions. Checks at connection which chain it talks to;
//! believes the endpoint otherwise, and tries nothing again.

use std::time::Duration;

use alloy::consensus::BlockHeader as _;
use alloy::eips::{BlockId, BlockNumberOrTag};
use alloy::network::TransactionBuilder;
use alloy::primitives::Bytes;
use alloy::providers::{Provider, RootProvider};
use alloy::rpc::client::RpcClient;
use alloy::rpc::json_rpc::{ErrorPayload, RpcError as Rejected};
use alloy::rpc::types::TransactionRequest;
use alloy::sol_types::SolCall;
use alloy::transports::{TransportError, TransportErrorKind};
use serde::de::DeserializeOwned;
use tandem_types::{Address, B256, Tag, U256};
use url::Url;

use crate::endpoint::Endpoint;
use crate::error::{RpcError, RpcFailure};
use crate::log::{LogFilter, LogRecord};
use crate::revert::Revert;
use crate::transport::Transport;

/// How an endpoint is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClientConfig {
    /// Time for one request, connection included.
    pub request_timeout: Duration,
    /// Largest answer that is read, in bytes.
    pub answer_bytes_max: usize,
}

impl Default for ClientConfig {
    fn default() -> Self {
        Self { request_timeout: Duration::from_secs(20), answer_bytes_max: 32 << 20 }
    }
}

/// A block, as far as readers need it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BlockHeader {
    /// Its number.
    pub number: u64,
    /// Its hash.
    pub hash: B256,
    /// Its time, in Unix seconds.
    pub timestamp: u64,
}

/// A chain, reached through one endpoint; cheap to clone.
#[derive(Debug, Clone)]
pub struct ChainClient {
    provider: RootProvider,
    endpoint: Endpoint,
    chain_id: u64,
}

impl ChainClient {
    /// Connects with the default limits.
    ///
    /// # Errors
    /// As [`connect_with`](Self::connect_with).
    pub async fn connect(rpc: Url, expected_chain_id: u64) -> Result<Self, RpcError> {
        Self::connect_with(rpc, expected_chain_id, ClientConfig::default()).await
    }

    /// Asks the endpoint for its chain id once, so that a wrong URL shows at start.
    ///
    /// # Errors
    /// [`RpcFailure::WrongChain`] for another chain, [`RpcFailure::Unreachable`] and others when it does not answer as it should.
    pub async fn connect_with(rpc: Url, expected_chain_id: u64, config: ClientConfig) -> Result<Self, RpcError> {
        let client = Self::connect_any(rpc, config).await?;
        match client.chain_id {
            found if found == expected_chain_id => Ok(client),
            found => Err(client.failure(RpcFailure::WrongChain { expected: expected_chain_id, found })),
        }
    }

    /// Connects to whatever chain the endpoint serves.
    ///
    /// # Errors
    /// [`RpcFailure::Unreachable`] and others when it does not answer as it should.
    pub async fn connect_any(rpc: Url, config: ClientConfig) -> Result<Self, RpcError> {
        let endpoint = Endpoint::from(&rpc);
        let transport = Transport::new(rpc, config.request_timeout, config.answer_bytes_max)
            .map_err(|failure| RpcError { endpoint: endpoint.clone(), failure })?;
        // The flag only chooses how often alloy's own watchers poll, and none is used.
        let provider = RootProvider::new(RpcClient::new(transport, true));
        let client = Self { provider, endpoint, chain_id: 0 };
        let chain_id = client.provider.get_chain_id().await.map_err(|error| client.error(error))?;
        Ok(Self { chain_id, ..client })
    }

    /// EIP-155 id of the chain.
    pub fn chain_id(&self) -> u64 {
        self.chain_id
    }

    /// Where it is reached, without credentials.
    pub fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// Number of the latest block.
    ///
    /// # Errors
    /// [`RpcError`].
    pub async fn block_number(&self) -> Result<u64, RpcError> {
        self.provider.get_block_number().await.map_err(|error| self.error(error))
    }

    /// The canonical block of that number; none when the chain does not reach it.
    ///
    /// # Errors
    /// [`RpcError`].
    pub async fn block(&self, number: u64) -> Result<Option<BlockHeader>, RpcError> {
        self.header(BlockNumberOrTag::Number(number)).await
    }

    /// The latest block.
    ///
    /// # Errors
    /// [`RpcError`].
    pub async fn latest_block(&self) -> Result<BlockHeader, RpcError> {
        let latest = self.header(BlockNumberOrTag::Latest).await?;
        latest.ok_or_else(|| self.failure(RpcFailure::Malformed("there is no latest block".to_owned())))
    }

    /// The latest block that the chain calls so; none when it has none yet.
    pub(crate) async fn tagged_block(&self, tag: Tag) -> Result<Option<BlockHeader>, RpcError> {
        let tag = match tag {
            Tag::Safe => BlockNumberOrTag::Safe,
            Tag::Finalized => BlockNumberOrTag::Finalized,
        };
        self.header(tag).await
    }

    async fn header(&self, block: BlockNumberOrTag) -> Result<Option<BlockHeader>, RpcError> {
        let block = self.provider.get_block_by_number(block).await.map_err(|error| self.error(error))?;
        Ok(block.map(|block| BlockHeader {
            number: block.header.number(),
            hash: block.header.hash,
            timestamp: block.header.timestamp(),
        }))
    }

    /// Balance of an account, in wei.
    ///
    /// # Errors
    /// [`RpcError`].
    pub async fn balance(&self, account: Address) -> Result<U256, RpcError> {
        self.provider.get_balance(account).await.map_err(|error| self.error(error))
    }

    /// Code of a contract; empty when there is none.
    ///
    /// # Errors
    /// [`RpcError`].
    pub async fn code(&self, contract: Address) -> Result<Vec<u8>, RpcError> {
        self.provider.get_code_at(contract).await.map(Into::into).map_err(|error| self.error(error))
    }

    /// Number of mined transactions of an account: its next nonce.
    pub(crate) async fn transaction_count(&self, account: Address) -> Result<u64, RpcError> {
        self.provider.get_transaction_count(account).await.map_err(|error| self.error(error))
    }

    /// Logs that match the filter, as the endpoint returns them.
    pub(crate) async fn logs(&self, filter: &LogFilter) -> Result<Vec<LogRecord>, RpcError> {
        let logs = self.provider.get_logs(&filter.to_rpc()).await.map_err(|error| self.error(error))?;
        let pending = || self.failure(RpcFailure::Malformed("a log has no block".to_owned()));
        logs.into_iter().map(|log| LogRecord::from_rpc(log).ok_or_else(pending)).collect()
    }

    /// A read-only call, decoded.
    pub(crate) async fn call<C: SolCall + Sync>(&self, contract: Address, call: &C) -> Result<C::Return, RpcError> {
        let request = TransactionRequest::default().with_to(contract).with_input(call.abi_encode());
        let answer = self.simulate(request).await?;
        C::abi_decode_returns(&answer)
            .map_err(|error| self.failure(RpcFailure::Malformed(format!("{}: {error}", C::SIGNATURE))))
    }

    /// Executes a transaction without sending it.
    pub(crate) async fn simulate(&self, request: TransactionRequest) -> Result<Vec<u8>, RpcError> {
        let latest = BlockId::Number(BlockNumberOrTag::Latest);
        self.provider.call(request).block(latest).await.map(Into::into).map_err(|error| self.error(error))
    }

    /// Any method, for what has no function of its own.
    pub(crate) async fn request<R>(&self, method: &'static str, params: serde_json::Value) -> Result<R, RpcError>
    where
        R: DeserializeOwned + Clone + std::fmt::Debug + Send + Sync + Unpin + 'static,
    {
        self.provider.raw_request(method.into(), params).await.map_err(|error| self.error(error))
    }

    pub(crate) fn provider(&self) -> &RootProvider {
        &self.provider
    }

    pub(crate) fn failure(&self, failure: RpcFailure) -> RpcError {
        RpcError { endpoint: self.endpoint.clone(), failure }
    }

    pub(crate) fn error(&self, error: TransportError) -> RpcError {
        let malformed = |text: String| RpcFailure::Malformed(self.endpoint.scrub(&text));
        self.failure(match error {
            Rejected::ErrorResp(payload) => self.refusal(&payload),
            Rejected::Transport(TransportErrorKind::Custom(error)) => match error.downcast::<RpcFailure>() {
                Ok(failure) => *failure,
                Err(error) => malformed(error.to_string()),
            },
            Rejected::NullResp => malformed("null".to_owned()),
            Rejected::DeserError { err, .. } => malformed(err.to_string()),
            other => malformed(other.to_string()),
        })
    }

    /// Nodes send a revert's data beside code 3 or a message with that word.
    fn refusal(&self, payload: &ErrorPayload) -> RpcFailure {
        let data: Option<Bytes> = payload.as_revert_data();
        if data.is_some() || payload.code == 3 || payload.message.contains("execution reverted") {
            return RpcFailure::Reverted(Revert::decode(&data.unwrap_or_default()));
        }
        self.refused(payload)
    }

    /// An error of the endpoint's own.
    pub(crate) fn refused(&self, payload: &ErrorPayload) -> RpcFailure {
        RpcFailure::Refused { code: payload.code, message: self.endpoint.scrub(&payload.message) }
    }
}
