//! A failed request on its way from an endpoint to the caller: where it failed, and what the endpoint said, before anyone knows what that means.

use std::time::Duration;

use alloy::rpc::json_rpc::ErrorPayload;

use crate::endpoint::Endpoint;
use crate::error::{RpcError, RpcFailure};
use crate::revert::Revert;

/// A failed request.
#[derive(Debug, thiserror::Error)]
#[error("{endpoint}: {kind:?}")]
pub(crate) struct Fault {
    pub(crate) endpoint: Endpoint,
    pub(crate) kind: FaultKind,
}

/// How it failed.
#[derive(Debug)]
pub(crate) enum FaultKind {
    /// There was no answer.
    Broken { failure: RpcFailure, retry_after: Option<Duration> },
    /// The answer was a JSON-RPC error.
    Refused(ErrorPayload),
}

impl Fault {
    pub(crate) fn new(endpoint: Endpoint, failure: RpcFailure) -> Self {
        Self { endpoint, kind: FaultKind::Broken { failure, retry_after: None } }
    }

    /// The JSON-RPC error, if that was the answer.
    pub(crate) fn refusal(&self) -> Option<&ErrorPayload> {
        match &self.kind {
            FaultKind::Refused(payload) => Some(payload),
            FaultKind::Broken { .. } => None,
        }
    }

    /// Whether the endpoint does not have the block yet.
    pub(crate) fn is_lacking(&self) -> bool {
        matches!(&self.kind, FaultKind::Broken { failure: RpcFailure::Behind { .. }, .. })
    }

    /// Whether the endpoint does not serve requests now: any request, not only this one.
    pub(crate) fn is_outage(&self) -> bool {
        match &self.kind {
            FaultKind::Broken { failure, .. } => {
                !matches!(failure, RpcFailure::TooLarge { .. } | RpcFailure::Throttled(_) | RpcFailure::Behind { .. })
            }
            FaultKind::Refused(payload) => crate::error::is_overload(payload.code, &payload.message),
        }
    }

    /// Whether another endpoint may do better.
    pub(crate) fn is_elsewhere(&self) -> bool {
        self.is_outage()
            || self.is_lacking()
            || matches!(&self.kind, FaultKind::Broken { failure: RpcFailure::Throttled(_), .. })
            || self.refusal().is_some() && self.clone_error().is_unknown_state()
    }

    /// As callers see it.
    pub(crate) fn into_error(self) -> RpcError {
        let failure = match self.kind {
            FaultKind::Broken { failure, .. } => failure,
            FaultKind::Refused(payload) => refusal(&self.endpoint, &payload),
        };
        RpcError { endpoint: self.endpoint, failure }
    }

    /// The same, without giving the fault up.
    pub(crate) fn clone_error(&self) -> RpcError {
        let failure = match &self.kind {
            FaultKind::Broken { failure, .. } => failure.clone(),
            FaultKind::Refused(payload) => refusal(&self.endpoint, payload),
        };
        RpcError { endpoint: self.endpoint.clone(), failure }
    }
}

/// Nodes send a revert's data beside code 3 or a message with that word.
fn refusal(endpoint: &Endpoint, payload: &ErrorPayload) -> RpcFailure {
    let data: Option<alloy::primitives::Bytes> = payload.as_revert_data();
    if data.is_some() || payload.code == 3 || payload.message.contains("execution reverted") {
        return RpcFailure::Reverted(Revert::decode(&data.unwrap_or_default()));
    }
    refused(endpoint, payload)
}

/// An error of the endpoint's own.
pub(crate) fn refused(endpoint: &Endpoint, payload: &ErrorPayload) -> RpcFailure {
    RpcFailure::Refused { code: payload.code, message: endpoint.scrub(&payload.message) }
}
