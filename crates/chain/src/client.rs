//! One chain: blocks, logs, calls and raw transactions. Checks at connection which chain it talks to. Blocks and logs are believed when as many
//! endpoints say the same as the configuration asks for; everything else is one endpoint's word.

use std::task::{Context, Poll};
use std::time::Duration;

use alloy::eips::{BlockId, BlockNumberOrTag};
use alloy::network::TransactionBuilder;
use alloy::primitives::U64;
use alloy::providers::{Provider, RootProvider};
use alloy::rpc::client::RpcClient;
use alloy::rpc::json_rpc::{
    RequestPacket, Response, ResponsePacket, ResponsePayload, RpcError as Rejected, SerializedRequest,
};
use alloy::rpc::types::{Log as RpcLog, TransactionRequest};
use alloy::sol_types::SolCall;
use alloy::transports::{TransportError, TransportErrorKind, TransportFut};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::json;
use tandem_types::{Address, B256, BlockTag, U256};
use tower_service::Service;
use url::Url;

use crate::endpoint::Endpoint;
use crate::endpoints::{Endpoints, EndpointsConfig, EndpointsStatus, Fault, Subject, Witnessed, Witnesses};
use crate::error::{RpcError, RpcFailure};
use crate::log::{LogFilter, LogRecord};

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
    /// Hash of the block before.
    pub parent_hash: B256,
    /// Its time, in Unix seconds.
    pub timestamp: u64,
}

/// A header as endpoints send it.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawHeader {
    number: U64,
    hash: B256,
    parent_hash: B256,
    timestamp: U64,
}

impl From<RawHeader> for BlockHeader {
    fn from(header: RawHeader) -> Self {
        let RawHeader { number, hash, parent_hash, timestamp } = header;
        Self { number: number.to(), hash, parent_hash, timestamp: timestamp.to() }
    }
}

/// A chain, reached through its endpoints; cheap to clone.
#[derive(Debug, Clone)]
pub struct ChainClient {
    provider: RootProvider,
    endpoints: Endpoints,
}

impl ChainClient {
    /// Connects to one endpoint with the default limits.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub async fn connect(rpc: Url, expected_chain_id: u64) -> Result<Self, RpcError> {
        Self::connect_with(rpc, expected_chain_id, ClientConfig::default()).await
    }

    /// Connects to one endpoint.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub async fn connect_with(rpc: Url, expected_chain_id: u64, config: ClientConfig) -> Result<Self, RpcError> {
        Self::open(EndpointsConfig::one(rpc, config), expected_chain_id).await
    }

    /// Connects to whatever chain an endpoint serves.
    ///
    /// # Errors
    /// [`RpcFailure::Unreachable`] and others when it does not answer as it should.
    pub async fn connect_any(rpc: Url, config: ClientConfig) -> Result<Self, RpcError> {
        Endpoints::connect(EndpointsConfig::one(rpc, config), None).await.map(Self::over)
    }

    /// Connects to all endpoints of a chain. Each is asked for its chain id once, so that a wrong URL shows at start.
    ///
    /// # Errors
    /// [`RpcFailure::WrongChain`] for another chain, [`RpcFailure::Unreachable`] and others when one does not answer as it should and
    /// [`EndpointsConfig::start_degraded`] does not allow it.
    pub async fn open(config: EndpointsConfig, expected_chain_id: u64) -> Result<Self, RpcError> {
        Endpoints::connect(config, Some(expected_chain_id)).await.map(Self::over)
    }

    fn over(endpoints: Endpoints) -> Self {
        // The flag only chooses how often alloy's own watchers poll, and none is used.
        Self { provider: RootProvider::new(RpcClient::new(Carrier(endpoints.clone()), true)), endpoints }
    }

    /// The same chain through the same endpoints, with other limits of a request.
    pub fn limited(&self, limits: ClientConfig) -> Self {
        Self::over(self.endpoints.limited(limits))
    }

    /// EIP-155 id of the chain.
    pub fn chain_id(&self) -> u64 {
        self.endpoints.chain_id()
    }

    /// The preferred endpoint, without credentials.
    pub fn endpoint(&self) -> &Endpoint {
        self.endpoints.first()
    }

    /// How the endpoints are doing.
    pub fn endpoints(&self) -> EndpointsStatus {
        self.endpoints.status()
    }

    /// Whether so many endpoints say enough.
    pub(crate) fn suffice(&self, by: Witnesses) -> bool {
        self.endpoints.suffice(by)
    }

    /// Number of the latest block, which as many endpoints have as must say the same.
    ///
    /// # Errors
    /// [`RpcError`].
    pub async fn block_number(&self) -> Result<u64, RpcError> {
        self.endpoints.head().await
    }

    /// Number of the block that the endpoints call so; none while there is no such block.
    ///
    /// # Errors
    /// [`RpcError`].
    pub async fn tagged_block_number(&self, tag: BlockTag) -> Result<Option<u64>, RpcError> {
        self.endpoints.tagged(tag.name()).await
    }

    /// The canonical block of that number; none when the chain does not reach it.
    ///
    /// # Errors
    /// [`RpcError`], such as [`RpcFailure::Contradiction`].
    pub async fn block(&self, number: u64) -> Result<Option<BlockHeader>, RpcError> {
        self.header(number).await.map(|header| header.value)
    }

    pub(crate) async fn header(&self, number: u64) -> Result<Witnessed<Option<BlockHeader>>, RpcError> {
        let params = json!([U64::from(number), false]);
        let header: Witnessed<Option<RawHeader>> =
            self.endpoints.witnessed(Subject::Block, params, Some(number)).await?;
        let value = header.value.map(BlockHeader::from);
        if value.is_some_and(|header| header.number != number) {
            return Err(self.failure(RpcFailure::Malformed(format!("the answer is not block {number}"))));
        }
        Ok(Witnessed { value, by: header.by })
    }

    /// The latest block.
    ///
    /// # Errors
    /// [`RpcError`].
    pub async fn latest_block(&self) -> Result<BlockHeader, RpcError> {
        let number = self.block_number().await?;
        let latest = self.block(number).await?;
        latest.ok_or_else(|| self.failure(RpcFailure::Malformed("there is no latest block".to_owned())))
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

    /// Logs that match the filter, as the endpoints return them.
    pub(crate) async fn logs(&self, filter: &LogFilter) -> Result<Witnessed<Vec<LogRecord>>, RpcError> {
        let params = [filter.to_rpc()];
        let logs: Witnessed<Vec<RpcLog>> = self.endpoints.witnessed(Subject::Logs, params, Some(filter.last)).await?;
        let pending = || self.failure(RpcFailure::Malformed("a log has no block".to_owned()));
        // The time that an endpoint sends along is no part of what the others confirm.
        let alone = self.endpoints.witnesses() == 1;
        let record =
            |log| LogRecord::from_rpc(log).map(|log| LogRecord { block_time: log.block_time.filter(|_| alone), ..log });
        let records = logs.value.into_iter().map(|log| record(log).ok_or_else(pending));
        Ok(Witnessed { value: records.collect::<Result<_, _>>()?, by: logs.by })
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
        RpcError { endpoint: self.endpoint().clone(), failure }
    }

    pub(crate) fn error(&self, error: TransportError) -> RpcError {
        match fault(error) {
            Ok(fault) => fault.into_error(),
            Err(text) => self.failure(RpcFailure::Malformed(self.endpoint().scrub(&text))),
        }
    }
}

/// What happened at an endpoint, or alloy's own words when it happened after that.
pub(crate) fn fault(error: TransportError) -> Result<Fault, String> {
    match error {
        Rejected::Transport(TransportErrorKind::Custom(error)) => match error.downcast::<Fault>() {
            Ok(fault) => Ok(*fault),
            Err(error) => Err(error.to_string()),
        },
        Rejected::NullResp => Err("null".to_owned()),
        Rejected::DeserError { err, .. } => Err(err.to_string()),
        other => Err(other.to_string()),
    }
}

/// Carries alloy's requests to the endpoints.
#[derive(Debug, Clone)]
struct Carrier(Endpoints);

impl Carrier {
    async fn carry(self, packet: RequestPacket) -> Result<ResponsePacket, TransportError> {
        let RequestPacket::Single(request) = packet else {
            return Err(TransportErrorKind::custom_str("requests are sent one by one"));
        };
        let id = request.id().clone();
        let answer = self.send(request).await.map_err(TransportErrorKind::custom)?;
        Ok(ResponsePacket::Single(Response { id, payload: ResponsePayload::Success(answer) }))
    }

    async fn send(self, request: SerializedRequest) -> Result<Box<serde_json::value::RawValue>, Fault> {
        match request.method() {
            "eth_sendRawTransaction" => self.0.tell_all(request).await,
            _ => self.0.ask(&request).await,
        }
    }
}

impl Service<RequestPacket> for Carrier {
    type Response = ResponsePacket;
    type Error = TransportError;
    type Future = TransportFut<'static>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), TransportError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, packet: RequestPacket) -> Self::Future {
        Box::pin(self.clone().carry(packet))
    }
}
