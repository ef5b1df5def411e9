//! Which endpoints a chain has, and how hard each may be used.

use std::fmt;

use url::Url;

use crate::client::ClientConfig;
use crate::endpoint::Endpoint;

/// Most endpoints of one chain.
pub const ENDPOINTS_MAX: usize = 16;
/// Requests at once to an endpoint for which nothing else is said.
const CONCURRENCY: usize = 16;

/// One endpoint. Shown without what its URL keeps secret.
#[derive(Clone, PartialEq, Eq)]
pub struct EndpointConfig {
    /// Its URL, `http` or `https`.
    pub url: Url,
    /// Most requests per second, on average; none is no limit.
    pub requests_per_s: Option<u32>,
    /// Most requests at once, at least 1. Half of them, rounded up, may be for logs.
    pub concurrency: usize,
}

impl EndpointConfig {
    /// An endpoint that bears as much as it is asked.
    pub fn new(url: Url) -> Self {
        Self { url, requests_per_s: None, concurrency: CONCURRENCY }
    }
}

impl fmt::Debug for EndpointConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EndpointConfig")
            .field("url", &Endpoint::from(&self.url))
            .field("requests_per_s", &self.requests_per_s)
            .field("concurrency", &self.concurrency)
            .finish()
    }
}

/// The endpoints of one chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndpointsConfig {
    /// At least one and at most [`ENDPOINTS_MAX`], the preferred one first.
    pub endpoints: Vec<EndpointConfig>,
    /// How many of them must say the same before a block's hash or a log is believed, at least 1.
    pub witnesses: usize,
    /// Blocks that an endpoint may be behind the foremost before the others are preferred.
    pub lag_blocks_max: u64,
    /// Whether to begin while endpoints cannot be reached, as long as there are enough witnesses. An endpoint that serves another chain is an error
    /// either way.
    pub start_degraded: bool,
    /// Limits of every request.
    pub limits: ClientConfig,
}

impl EndpointsConfig {
    /// One endpoint, believed alone.
    pub fn one(url: Url, limits: ClientConfig) -> Self {
        Self::several(vec![EndpointConfig::new(url)], limits)
    }

    /// Several, each believed alone.
    pub fn several(endpoints: Vec<EndpointConfig>, limits: ClientConfig) -> Self {
        Self { endpoints, witnesses: 1, lag_blocks_max: 5, start_degraded: false, limits }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn configuration_is_shown_without_credentials() {
        let url = Url::parse("https://user:hunter2@rpc.example/v3/hunter2?key=hunter2").expect("it is a URL");
        let shown = format!("{:?}", EndpointsConfig::one(url, ClientConfig::default()));
        assert!(shown.contains("https://rpc.example") && !shown.contains("hunter2"), "{shown}");
    }
}
