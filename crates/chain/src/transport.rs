//! JSON-RPC over HTTP with a limit on time and on the size of an answer. Follows no redirect, and writes no URL to errors or logs.

use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use alloy::rpc::json_rpc::{RequestPacket, ResponsePacket};
use alloy::transports::{TransportError, TransportErrorKind, TransportFut};
use reqwest::header::{CONTENT_TYPE, HeaderValue};
use reqwest::{Client, Response, redirect};
use rustls::{ClientConfig, RootCertStore};
use tower_service::Service;
use url::{Host, Url};

use crate::error::RpcFailure;

/// Connects to one URL; cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Transport {
    http: Client,
    url: Url,
    timeout: Duration,
    answer_bytes_max: usize,
}

impl Transport {
    /// Connects to nothing yet.
    pub(crate) fn new(url: Url, timeout: Duration, answer_bytes_max: usize) -> Result<Self, RpcFailure> {
        if !matches!(url.scheme(), "http" | "https") {
            return Err(RpcFailure::Scheme(url.scheme().to_owned()));
        }
        let builder = Client::builder().timeout(timeout).redirect(redirect::Policy::none());
        let builder = if is_loopback(&url) { builder.no_proxy() } else { builder };
        let http = builder.tls_backend_preconfigured(tls()?).build().map_err(|error| RpcFailure::Tls(words(error)))?;
        Ok(Self { http, url, timeout, answer_bytes_max })
    }

    async fn exchange(self, request: RequestPacket) -> Result<ResponsePacket, RpcFailure> {
        let body = serde_json::to_vec(&request).map_err(|error| RpcFailure::Malformed(error.to_string()))?;
        let post = self.http.post(self.url.clone()).header(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        let response = post.body(body).send().await.map_err(|error| self.broken(error))?;
        let status = response.status();
        let answer = self.read(response).await?;
        serde_json::from_slice(&answer).map_err(|error| {
            if status.is_success() {
                RpcFailure::Malformed(error.to_string())
            } else {
                RpcFailure::Status(status.as_u16())
            }
        })
    }

    async fn read(&self, mut response: Response) -> Result<Vec<u8>, RpcFailure> {
        let limit = self.answer_bytes_max;
        let mut answer = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| self.broken(error))? {
            if answer.len() + chunk.len() > limit {
                return Err(RpcFailure::TooLarge { limit });
            }
            answer.extend_from_slice(&chunk);
        }
        Ok(answer)
    }

    fn broken(&self, error: reqwest::Error) -> RpcFailure {
        if error.is_timeout() { RpcFailure::Timeout(self.timeout) } else { RpcFailure::Unreachable(words(error)) }
    }
}

/// The innermost cause: the outer ones say only that sending failed, and to which URL.
fn words(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut cause: &dyn std::error::Error = &error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}

/// A proxy from the environment cannot see this machine's loopback interface.
fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

/// Bundled roots: a bare container has none of its own.
fn tls() -> Result<ClientConfig, RpcFailure> {
    let roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let builder = builder.map_err(|error| RpcFailure::Tls(error.to_string()))?;
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}

impl Service<RequestPacket> for Transport {
    type Response = ResponsePacket;
    type Error = TransportError;
    type Future = TransportFut<'static>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), TransportError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: RequestPacket) -> Self::Future {
        let exchange = self.clone().exchange(request);
        Box::pin(async { exchange.await.map_err(TransportErrorKind::custom) })
    }
}
