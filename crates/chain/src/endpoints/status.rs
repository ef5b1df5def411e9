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
    /// Number of the latest block that as many endpoints have as must say the same, as they last said; none before they did.
    pub fn head(&self) -> Option<u64> {
        let mut heads: Vec<_> = self.endpoints.iter().filter_map(|endpoint| endpoint.head).collect();
        heads.sort_unstable_by(|a, b| b.cmp(a));
        heads.get(self.witnesses.saturating_sub(1)).copied()
    }

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

#[cfg(test)]
mod tests {
    use super::*;

    fn endpoint(head: Option<u64>) -> EndpointStatus {
        EndpointStatus {
            url: "http://rpc.example".to_owned(),
            state: EndpointState::Healthy,
            head,
            lag_blocks: None,
            latency_ms: None,
            requests: 0,
            failures: 0,
            contradictions: 0,
            last_error: None,
            last_error_age_s: None,
        }
    }

    #[test]
    fn head_is_what_enough_endpoints_have() {
        let endpoints = [Some(7), None, Some(9), Some(8)].map(endpoint).to_vec();
        let status = |witnesses| EndpointsStatus { chain_id: 1, witnesses, endpoints: endpoints.clone() };
        assert_eq!([1, 2, 3, 4].map(|witnesses| status(witnesses).head()), [Some(9), Some(8), Some(7), None]);
    }
}
