//! How a chain is reached and read, beyond one URL: the table `access` of `chain` and of each of `watched-chains` in `operator.toml`. Everything in it has a default, with which one
//! endpoint is one witness. Holds URLs, and shows none of what they keep secret.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tandem_chain::{
    ChainClient, ClientConfig, Depth, ENDPOINTS_MAX, Endpoint, EndpointConfig, EndpointsConfig, EventReader, HeadWatch,
    ReaderConfig, RpcError, ServiceReader,
};
use tandem_types::BlockTag;
use url::Url;

use crate::config::{ChainConfig, WatchedChain};

/// A URL that may hold a key; shown without it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SecretUrl(pub Url);

impl fmt::Debug for SecretUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&Endpoint::from(&self.0), f)
    }
}

/// How a chain is reached and read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct AccessConfig {
    /// Most requests per second to `chain.rpc`; none is no limit.
    pub requests_per_s: Option<u32>,
    /// Most requests at once to `chain.rpc`. Half of them may be for logs.
    pub concurrency: usize,
    /// More endpoints of the same chain, asked in this order when those before fail.
    pub more: Vec<MoreEndpoint>,
    /// How many endpoints must say the same before a block's hash or a log is believed.
    pub witnesses: usize,
    /// Blocks that an endpoint may be behind the foremost before the others are preferred.
    pub lag_blocks_max: u64,
    /// Whether the node may start while an endpoint cannot be reached, as long as there are enough witnesses.
    pub start_degraded: bool,
    /// Milliseconds for one request.
    pub request_timeout_ms: u64,
    /// Largest answer that is read, in MiB.
    pub answer_mib_max: u64,
    /// What the chain must call a block, or one above it, before it is read, besides its confirmations.
    pub tag: Option<BlockTag>,
    /// A WebSocket of the chain, `ws` or `wss`, that wakes the node when there is a new block. Nothing that it says is believed.
    pub websocket: Option<SecretUrl>,
    /// Most blocks whose logs are asked for at once; fewer when an endpoint does not bear as many.
    pub range_blocks_max: u64,
    /// Ranges that are read while earlier ones are worked on, after a long stop.
    pub ranges_ahead: usize,
    /// The deepest reorganisation that loses nothing, in blocks.
    pub rewind_blocks: u64,
}

/// One more endpoint.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct MoreEndpoint {
    /// Its URL.
    pub rpc: SecretUrl,
    /// Most requests per second; none is no limit.
    #[serde(default)]
    pub requests_per_s: Option<u32>,
    /// Most requests at once.
    #[serde(default = "concurrency")]
    pub concurrency: usize,
}

fn concurrency() -> usize {
    16
}

impl Default for AccessConfig {
    fn default() -> Self {
        let ReaderConfig { range_blocks_max, ranges_ahead, rewind_blocks, .. } = ReaderConfig::default();
        Self {
            requests_per_s: None,
            concurrency: concurrency(),
            more: Vec::new(),
            witnesses: 1,
            lag_blocks_max: 5,
            start_degraded: false,
            request_timeout_ms: 20_000,
            answer_mib_max: 32,
            tag: None,
            websocket: None,
            range_blocks_max,
            ranges_ahead,
            rewind_blocks,
        }
    }
}

impl AccessConfig {
    /// The numbers, with the least and the most that work; `table` is where this one is.
    pub(crate) fn bounds(&self, table: &str) -> Vec<(String, u64, u64, u64)> {
        let number = |number: usize| u64::try_from(number).unwrap_or(u64::MAX);
        let endpoints = number(1 + self.more.len());
        let mut bounds = vec![
            ("more", number(self.more.len()), 0, number(ENDPOINTS_MAX - 1)),
            ("witnesses", number(self.witnesses), 1, endpoints),
            ("lag-blocks-max", self.lag_blocks_max, 0, 100_000),
            ("request-timeout-ms", self.request_timeout_ms, 100, 600_000),
            ("answer-mib-max", self.answer_mib_max, 1, 1_024),
            ("range-blocks-max", self.range_blocks_max, 1, 1_000_000),
            ("ranges-ahead", number(self.ranges_ahead), 0, 64),
            ("rewind-blocks", self.rewind_blocks, 1, 100_000),
            ("concurrency", number(self.concurrency), 1, 1_024),
        ];
        let rate = |rate: Option<u32>| rate.map(|rate| ("requests-per-s", rate.into(), 1, 1_000_000));
        bounds.extend(rate(self.requests_per_s));
        for more in &self.more {
            bounds.push(("more.concurrency", number(more.concurrency), 1, 1_024));
            bounds.extend(rate(more.requests_per_s));
        }
        let named = |(key, found, least, most)| (format!("{table}.access.{key}"), found, least, most);
        bounds.into_iter().map(named).collect()
    }

    /// How a service's events are read.
    pub(crate) fn reader(&self, confirmations: u64) -> ReaderConfig {
        ReaderConfig {
            confirmations,
            tag: self.tag,
            range_blocks_max: self.range_blocks_max,
            ranges_ahead: self.ranges_ahead,
            rewind_blocks: self.rewind_blocks,
            ..ReaderConfig::default()
        }
    }

    /// What wakes the reader, if anything but its interval does.
    pub(crate) fn heads(&self) -> Result<Option<HeadWatch>, RpcError> {
        self.websocket.as_ref().map(|url| HeadWatch::start(url.0.clone())).transpose()
    }

    fn limits(&self) -> ClientConfig {
        let answer_bytes_max = usize::try_from(self.answer_mib_max << 20).unwrap_or(usize::MAX);
        ClientConfig { request_timeout: Duration::from_millis(self.request_timeout_ms), answer_bytes_max }
    }

    /// The endpoints, the one at `rpc` first.
    pub(crate) fn endpoints(&self, rpc: &Url) -> EndpointsConfig {
        let Self { requests_per_s, concurrency, more, witnesses, lag_blocks_max, start_degraded, .. } = self;
        let first = EndpointConfig { url: rpc.clone(), requests_per_s: *requests_per_s, concurrency: *concurrency };
        let others = more.iter().map(|MoreEndpoint { rpc, requests_per_s, concurrency }| EndpointConfig {
            url: rpc.0.clone(),
            requests_per_s: *requests_per_s,
            concurrency: *concurrency,
        });
        EndpointsConfig {
            endpoints: std::iter::once(first).chain(others).collect(),
            witnesses: *witnesses,
            lag_blocks_max: *lag_blocks_max,
            start_degraded: *start_degraded,
            limits: self.limits(),
        }
    }

    /// When a block is believed.
    pub(crate) fn depth(&self, confirmations: u64) -> Depth {
        Depth { confirmations, tag: self.tag }
    }
}

impl ChainConfig {
    /// What reads a service's events.
    pub(crate) fn reader(&self, service: &ServiceReader, heads: Option<HeadWatch>) -> EventReader {
        let config = self.access.reader(self.confirmations);
        let reader = EventReader::new(service.client().clone(), service.id(), service.deployment_block(), config);
        match heads {
            Some(heads) => reader.woken_by(heads),
            None => reader,
        }
    }

    /// Connects to the chain's endpoints.
    ///
    /// # Errors
    /// As [`ChainClient::open`].
    pub async fn connect(&self, chain_id: u64) -> Result<ChainClient, RpcError> {
        ChainClient::open(self.access.endpoints(&self.rpc), chain_id).await
    }
}

impl WatchedChain {
    /// The numbers, with the least and the most that work.
    pub(crate) fn bounds(&self) -> Vec<(String, u64, u64, u64)> {
        let mut bounds = self.access.bounds("watched-chains");
        bounds.push(("watched-chains.confirmations".to_owned(), self.confirmations, 0, 10_000));
        // Firings wait for a block of the service's chain anyway: nothing has to be woken by another.
        bounds.push(("watched-chains.access.websocket".to_owned(), self.access.websocket.iter().len() as u64, 0, 0));
        bounds
    }

    /// Connects to the chain's endpoints.
    ///
    /// # Errors
    /// As [`ChainClient::open`].
    pub async fn connect(&self) -> Result<ChainClient, RpcError> {
        ChainClient::open(self.access.endpoints(&self.rpc), self.chain_id).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOML: &str = r#"
rpc = "https://a.example/hunter2"
confirmations = 3
[access]
witnesses = 2
requests-per-s = 25
tag = "finalized"
websocket = "wss://a.example/hunter2"
[[access.more]]
rpc = "https://user:hunter2@b.example"
concurrency = 4
"#;

    #[test]
    fn endpoints_come_in_order_with_their_limits() {
        let chain: ChainConfig = toml::from_str(TOML).expect("it is valid");
        let endpoints = chain.access.endpoints(&chain.rpc);
        let found: Vec<_> = endpoints
            .endpoints
            .iter()
            .map(|endpoint| (endpoint.url.host_str(), endpoint.requests_per_s, endpoint.concurrency))
            .collect();
        assert_eq!(found, [(Some("a.example"), Some(25), 16), (Some("b.example"), None, 4)]);
        assert_eq!((endpoints.witnesses, endpoints.start_degraded), (2, false));
        let reader = chain.access.reader(chain.confirmations);
        assert_eq!((reader.confirmations, reader.tag), (3, Some(BlockTag::Finalized)));
    }

    #[test]
    fn one_endpoint_alone_needs_nothing_else() {
        let chain: ChainConfig = toml::from_str("rpc = \"http://127.0.0.1:8545\"").expect("it is valid");
        assert_eq!(chain.access, AccessConfig::default());
        assert_eq!(chain.access.endpoints(&chain.rpc).endpoints.len(), 1);
        let is_inside = |(_, found, least, most): &(_, u64, u64, u64)| (least..=most).contains(&found);
        assert!(chain.access.bounds("chain").iter().all(is_inside));
    }

    #[test]
    fn more_witnesses_than_endpoints_are_out_of_bounds() {
        let access = AccessConfig { witnesses: 2, ..AccessConfig::default() };
        assert!(access.bounds("chain").contains(&("chain.access.witnesses".to_owned(), 2, 1, 1)));
    }

    #[test]
    fn configuration_is_shown_without_credentials() {
        let chain: ChainConfig = toml::from_str(TOML).expect("it is valid");
        assert!(!format!("{:?}", chain.access).contains("hunter2"));
    }

    #[test]
    fn unknown_keys_are_refused() {
        let error =
            toml::from_str::<ChainConfig>("rpc = \"http://a\"\n[access]\nwitness = 2").expect_err("no such key");
        assert!(error.to_string().contains("witness"), "{error}");
    }
}
