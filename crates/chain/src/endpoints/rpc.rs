//! JSON-RPC as text: a request, and what an endpoint's answer holds. Sends nothing.

use std::sync::atomic::{AtomicU64, Ordering};

use alloy::rpc::json_rpc::{ErrorPayload, Id, Request, Response, ResponsePayload, SerializedRequest};
use reqwest::StatusCode;
use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};

use crate::error::RpcFailure;

/// Ids only have to differ from each other.
static NEXT_ID: AtomicU64 = AtomicU64::new(1);

/// A request with an id of its own.
pub(super) fn request(method: &'static str, params: impl Serialize) -> serde_json::Result<SerializedRequest> {
    let id = Id::Number(NEXT_ID.fetch_add(1, Ordering::Relaxed));
    Request::new(method, id, to_raw_value(&params)?).serialize()
}

/// The result, or the error, in an answer's body.
pub(super) fn parse(status: StatusCode, body: &[u8]) -> Result<Result<Box<RawValue>, ErrorPayload>, RpcFailure> {
    match serde_json::from_slice::<Response>(body) {
        Ok(Response { payload: ResponsePayload::Success(value), .. }) => Ok(Ok(value)),
        Ok(Response { payload: ResponsePayload::Failure(error), .. }) => Ok(Err(error)),
        Err(error) if status.is_success() => Err(RpcFailure::Malformed(error.to_string())),
        Err(_) => Err(RpcFailure::Status(status.as_u16())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_and_errors_are_told_apart_whatever_the_status() {
        let result = br#"{"jsonrpc":"2.0","id":1,"result":"0x5"}"#;
        let error = br#"{"jsonrpc":"2.0","id":1,"error":{"code":-32000,"message":"no"}}"#;
        let parsed = parse(StatusCode::OK, result).expect("it is an answer").expect("it is a result");
        assert_eq!(parsed.get(), "\"0x5\"");
        for status in [StatusCode::OK, StatusCode::BAD_REQUEST] {
            let parsed = parse(status, error).expect("it is an answer").expect_err("it is an error");
            assert_eq!(parsed.code, -32000);
        }
    }

    #[test]
    fn what_is_no_answer_is_named_by_its_status_or_its_fault() {
        assert!(matches!(parse(StatusCode::BAD_GATEWAY, b"<html>"), Err(RpcFailure::Status(502))));
        assert!(matches!(parse(StatusCode::OK, b"<html>"), Err(RpcFailure::Malformed(_))));
    }
}
