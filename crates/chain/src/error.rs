//! What can go wrong between a request and its answer. Says whether trying again may help, and what a person can do; tries nothing
//! again itself.

use std::time::Duration;

use crate::endpoint::Endpoint;
use crate::endpoints::Contradiction;
use crate::excess::{Excess, excess, is_rate_limit};
use crate::revert::Revert;

/// A request to an endpoint that did not bring the answer asked for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{endpoint}: {failure}")]
pub struct RpcError {
    /// The endpoint, without credentials.
    pub endpoint: Endpoint,
    /// What went wrong.
    pub failure: RpcFailure,
}

/// What went wrong with a request. Texts from outside are cut to a bearable length.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RpcFailure {
    /// The URL is not HTTP's.
    #[error("scheme `{0}` is not supported, use http or https")]
    Scheme(String),
    /// The URL is not a WebSocket's.
    #[error("scheme `{0}` is not supported for the WebSocket, use ws or wss")]
    WebSocketScheme(String),
    /// TLS could not be set up.
    #[error("TLS could not be set up: {0}")]
    Tls(String),
    /// No connection, or it broke.
    #[error("cannot be reached: {0}")]
    Unreachable(String),
    /// No answer in time.
    #[error("no answer within {0:?}")]
    Timeout(Duration),
    /// An HTTP status that is no success, without a JSON-RPC answer.
    #[error("HTTP status {0}")]
    Status(u16),
    /// The answer is larger than allowed.
    #[error("the answer exceeds {limit} bytes")]
    TooLarge {
        /// Bytes allowed.
        limit: usize,
    },
    /// One block holds more logs than are read at once.
    #[error("{found} logs, {limit} are read at once")]
    TooManyLogs {
        /// Logs that there were.
        found: usize,
        /// Logs allowed.
        limit: usize,
    },
    /// The answer is not what the method returns.
    #[error("malformed answer: {0}")]
    Malformed(String),
    /// The endpoint answered with an error.
    #[error("{message} (code {code})")]
    Refused {
        /// JSON-RPC error code.
        code: i64,
        /// The endpoint's words.
        message: String,
    },
    /// The contract reverted.
    #[error("reverted: {0}")]
    Reverted(Revert),
    /// Endpoints say different things of a block or of logs; none of it is believed.
    #[error("{0}")]
    Contradiction(Contradiction),
    /// Fewer endpoints answered than must say the same.
    #[error("{found} endpoints answered, {needed} must say the same")]
    TooFewWitnesses {
        /// Endpoints that answered.
        found: usize,
        /// Endpoints that must.
        needed: usize,
    },
    /// The endpoint does not have that block yet.
    #[error("does not have block {block} yet")]
    Behind {
        /// Number of the block.
        block: u64,
    },
    /// So many requests wait for their turn at the endpoint that this one was not sent.
    #[error("no request could be sent within {0:?} without exceeding the configured limits")]
    Throttled(Duration),
    /// There are no endpoints, or too many.
    #[error("{0} endpoints are configured")]
    Endpoints(usize),
    /// The endpoint serves another chain.
    #[error("serves chain {found}, expected chain {expected}")]
    WrongChain {
        /// Chain that was asked for.
        expected: u64,
        /// Chain that the endpoint says it serves.
        found: u64,
    },
}

impl RpcError {
    /// Whether the same request may succeed later.
    pub fn is_retryable(&self) -> bool {
        match &self.failure {
            RpcFailure::Unreachable(_) | RpcFailure::Timeout(_) | RpcFailure::Throttled(_) => true,
            RpcFailure::Contradiction(_) | RpcFailure::TooFewWitnesses { .. } | RpcFailure::Behind { .. } => true,
            RpcFailure::Status(status) => matches!(status, 408 | 425 | 429 | 500..=599),
            RpcFailure::Refused { code, message } => is_passing(*code, message),
            _ => false,
        }
    }

    /// Whether the endpoint does not have the state that was asked for: it is behind, has pruned it, or its block is not canonical.
    pub fn is_unknown_state(&self) -> bool {
        const WORDS: [&str; 10] = [
            "header not found",
            "unknown block",
            "block not found",
            "could not find block",
            "missing trie node",
            "not canonical",
            "not currently canonical",
            "pruned",
            "historical state",
            "state not available",
        ];
        match &self.failure {
            // EIP-1474: resource not found.
            RpcFailure::Refused { code: -32001, .. } => true,
            RpcFailure::Refused { message, .. } => {
                let message = message.to_lowercase();
                WORDS.iter().any(|words| message.contains(words))
                    || message.contains("state") && message.contains("not available")
            }
            _ => false,
        }
    }

    /// The contract's error, when one was the reason.
    pub fn revert(&self) -> Option<&Revert> {
        match &self.failure {
            RpcFailure::Reverted(revert) => Some(revert),
            _ => None,
        }
    }

    /// What a person can do about it.
    pub fn hint(&self) -> Option<&'static str> {
        Some(match &self.failure {
            RpcFailure::Unreachable(_) | RpcFailure::Timeout(_) => "check the RPC URL and that the node is running",
            RpcFailure::WrongChain { .. } => "check the RPC URL and the chain id in the configuration",
            RpcFailure::Status(401 | 403) => "check the key in the RPC URL",
            RpcFailure::Status(429) => "the provider limits requests: use another endpoint or poll less often",
            RpcFailure::Status(_) | RpcFailure::Malformed(_) => {
                "check that the RPC URL is that of an EVM JSON-RPC endpoint"
            }
            RpcFailure::Contradiction(_) => {
                "one of the endpoints is wrong, on a fork, or behind: find out which, and configure another one in its place"
            }
            RpcFailure::TooFewWitnesses { .. } => "configure more endpoints, or check those that do not answer",
            RpcFailure::Throttled(_) => "allow the endpoint more requests, or configure another one beside it",
            RpcFailure::Endpoints(_) => "configure 1 to 16 endpoints for a chain",
            RpcFailure::Scheme(_) => "only the HTTP endpoint is needed, not the WebSocket",
            _ => return None,
        })
    }

    /// Whether a request for fewer logs may be answered: endpoints have many words for "too many", and some have none.
    pub(crate) fn may_be_too_much(&self) -> bool {
        match &self.failure {
            RpcFailure::Timeout(_) | RpcFailure::TooLarge { .. } | RpcFailure::TooManyLogs { .. } => true,
            RpcFailure::Refused { code: -32_601, .. } => false,
            RpcFailure::Refused { code, message } => !is_overload(*code, message) && !self.is_unknown_state(),
            RpcFailure::Status(status) => matches!(status, 400 | 408 | 413 | 422 | 500..=599),
            _ => false,
        }
    }

    /// What was too much of the logs that were asked for, if the endpoint says so.
    pub(crate) fn excess(&self) -> Option<Excess> {
        match &self.failure {
            RpcFailure::Refused { code, message } => excess(*code, message),
            RpcFailure::Timeout(_) => Some(Excess::Time),
            RpcFailure::TooLarge { .. } => Some(Excess::Size(None)),
            RpcFailure::TooManyLogs { .. } => Some(Excess::Count(None)),
            _ => None,
        }
    }
}

/// Whether an endpoint's error says that it serves nothing at the moment, or not to us.
pub(crate) fn is_overload(code: i64, message: &str) -> bool {
    const WORDS: [&str; 4] = ["try again", "overloaded", "service unavailable", "unauthorized"];
    let text = message.to_lowercase();
    let is_limit = matches!(code, 429 | -32_005 | -32_055) && excess(code, message).is_none();
    is_limit || is_rate_limit(&text) || WORDS.iter().any(|words| text.contains(words))
}

/// Rate limits, overload and nodes that lag behind each other; the codes are those of the large providers.
fn is_passing(code: i64, message: &str) -> bool {
    const WORDS: [&str; 9] = [
        "rate limit",
        "too many requests",
        "request limit",
        "limit exceeded",
        "credits",
        "timeout",
        "timed out",
        "try again",
        "header not found",
    ];
    let message = message.to_lowercase();
    matches!(code, 429 | -32005 | -32055) || WORDS.iter().any(|words| message.contains(words))
}

#[cfg(test)]
mod tests {
    use url::Url;

    use super::*;

    fn error(failure: RpcFailure) -> RpcError {
        let url = Url::parse("https://rpc.example/v3/KEY").expect("the literal is a URL");
        RpcError { endpoint: Endpoint::from(&url), failure }
    }

    fn refused(code: i64, message: &str) -> RpcFailure {
        RpcFailure::Refused { code, message: message.to_owned() }
    }

    #[test]
    fn passing_failures_are_retryable_and_others_not() {
        let passing = [
            RpcFailure::Unreachable("connection refused".to_owned()),
            RpcFailure::Timeout(Duration::from_secs(1)),
            RpcFailure::Status(503),
            RpcFailure::Status(429),
            refused(-32005, "daily limit"),
            refused(-32000, "Rate limit reached"),
        ];
        let lasting = [
            RpcFailure::Status(401),
            RpcFailure::WrongChain { expected: 1, found: 2 },
            RpcFailure::Malformed("not JSON".to_owned()),
            refused(-32601, "method not found"),
        ];
        assert!(passing.into_iter().all(|failure| error(failure).is_retryable()));
        assert!(!lasting.into_iter().any(|failure| error(failure).is_retryable()));
    }

    #[test]
    fn overload_is_told_from_requests_for_too_many_logs() {
        for (code, message, expected) in [
            (-32_005, "daily request count exceeded, request rate limited", true),
            (-32_005, "limit exceeded", true),
            (429, "slow down", true),
            (-32_000, "Too Many Requests", true),
            (-32_005, "query returned more than 10000 results", false),
            (-32_000, "Block range limit exceeded", false),
            (-32_000, "nonce too low", false),
        ] {
            assert_eq!(is_overload(code, message), expected, "{message}");
            assert!(!(expected && error(refused(code, message)).may_be_too_much()), "{message}");
        }
    }

    #[test]
    fn missing_state_is_told_from_other_failures_in_the_words_of_the_clients() {
        let missing = [
            refused(-32001, "Resource not found"),
            refused(-32000, "header not found"),
            refused(-32000, "missing trie node 5f1d (path )"),
            refused(-32000, "hash 5f1d is not currently canonical"),
            refused(4444, "pruned history unavailable"),
            refused(-32000, "required historical state unavailable (reexec=128)"),
            refused(-32000, "state at block #5 is not available"),
        ];
        let others = [refused(-32000, "out of gas"), refused(-32005, "rate limit"), RpcFailure::Status(404)];
        assert!(missing.into_iter().all(|failure| error(failure).is_unknown_state()));
        assert!(!others.into_iter().any(|failure| error(failure).is_unknown_state()));
    }

    #[test]
    fn error_names_the_endpoint_without_its_key() {
        let text = error(RpcFailure::WrongChain { expected: 1, found: 31_337 }).to_string();
        assert_eq!(text, "https://rpc.example: serves chain 31337, expected chain 1");
    }
}
