//! What can be said of a chain's endpoints at a moment, for status pages and metrics. Holds no credentials.

use serde::Serialize;

use super::health::EndpointState;

/// One endpoint.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct EndpointStatus {
    /// Scheme, host and port of its URL.
    pub url: String,
    /// What it is good for.
    pub state: EndpointState,
    /// Number of its latest block, as it last said.
    pub head: Option<u64>,
    /// Blocks that it is behind the foremost endpoint.
    pub lag_blocks: Option<u64>,
    /// Time that it takes for an answer, on average, in milliseconds.
    pub latency_ms: Option<f64>,
    /// Requests since the start.
    pub requests: u64,
    /// How many of them failed.
    pub failures: u64,
    /// How often it said something else than other endpoints about a block or logs.
    pub contradictions: u64,
    /// The last failure, in words.
    pub last_error: Option<String>,
    /// How long that is ago, in seconds.
    pub last_error_age_s: Option<u64>,
}

/// All endpoints of one chain.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct EndpointsStatus {
    /// EIP-155 id of the chain.
    pub chain_id: u64,
    /// How many endpoints must say the same.
    pub witnesses: usize,
    /// The endpoints, in the order of the configuration.
    pub endpoints: Vec<EndpointStatus>,
}

impl EndpointsStatus {
    /// Whether any endpoint is not healthy.
    pub fn is_degraded(&self) -> bool {
        self.endpoints.iter().any(|endpoint| endpoint.state != EndpointState::Healthy)
    }

    /// Whether fewer endpoints answer than must say the same: nothing new is believed.
    pub fn is_down(&self) -> bool {
        let answers = |endpoint: &&EndpointStatus| endpoint.state < EndpointState::Unknown;
        self.endpoints.iter().filter(answers).count() < self.witnesses
    }
}
