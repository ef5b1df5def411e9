//! Whether a chain's endpoints may be used at all: how many there are, which chain each serves, and which may be missing.

use std::sync::Arc;

use url::Url;

use super::config::{ENDPOINTS_MAX, EndpointsConfig};
use super::fault::Fault;
use super::member::Member;
use crate::endpoint::Endpoint;
use crate::error::{RpcError, RpcFailure};

/// The endpoints of a configuration that can be used.
pub(super) fn members(config: &EndpointsConfig) -> Result<Vec<Arc<Member>>, RpcError> {
    let count = config.endpoints.len();
    let Some(first) = config.endpoints.first().filter(|_| count <= ENDPOINTS_MAX) else {
        return Err(refused_count(config));
    };
    if config.witnesses == 0 || config.witnesses > count {
        let failure = RpcFailure::TooFewWitnesses { found: count, needed: config.witnesses };
        return Err(RpcError { endpoint: Endpoint::from(&first.url), failure });
    }
    config.endpoints.iter().enumerate().map(|(place, endpoint)| Member::new(place, endpoint).map(Arc::new)).collect()
}

/// The chain that the endpoints serve, if they may be used.
pub(super) fn judge(
    config: &EndpointsConfig,
    mut expected: Option<u64>,
    answers: Vec<(Arc<Member>, Result<u64, Fault>)>,
) -> Result<u64, RpcError> {
    let mut missing = Vec::new();
    for (member, answer) in answers {
        match answer {
            Ok(found) if expected.is_some_and(|expected| expected != found) => {
                let failure = RpcFailure::WrongChain { expected: expected.unwrap_or_default(), found };
                return Err(RpcError { endpoint: member.endpoint.clone(), failure });
            }
            Ok(found) => expected = Some(found),
            Err(fault) => missing.push(fault.into_error()),
        }
    }
    let answered = config.endpoints.len() - missing.len();
    let may_begin = config.start_degraded && answered >= config.witnesses;
    // What trying again will not mend comes first.
    missing.sort_by_key(RpcError::is_retryable);
    match missing.into_iter().next() {
        Some(error) if !may_begin || !error.is_retryable() => return Err(error),
        Some(error) => tracing::warn!(%error, "beginning without an endpoint"),
        None => {}
    }
    // Nobody answered, and nobody is missing: `members` refuses a chain without endpoints.
    expected.ok_or_else(|| refused_count(config))
}

fn refused_count(config: &EndpointsConfig) -> RpcError {
    let nowhere = || Url::parse("http://localhost").expect("the literal is a URL");
    let endpoint =
        config.endpoints.first().map_or_else(|| Endpoint::from(&nowhere()), |first| Endpoint::from(&first.url));
    RpcError { endpoint, failure: RpcFailure::Endpoints(config.endpoints.len()) }
}
