//! Requests over HTTP with a limit on time and on the size of an answer. Follows no redirect, and writes no URL to errors or logs.

use std::sync::Arc;
use std::time::Duration;

use reqwest::header::{CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use reqwest::{Client, Response, StatusCode, redirect};
use rustls::{ClientConfig as TlsConfig, RootCertStore};
use url::{Host, Url};

use crate::client::ClientConfig;
use crate::error::RpcFailure;

/// Longest pause that an endpoint may ask for.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(300);

/// Connects to one URL; cheap to clone.
#[derive(Clone)]
pub(crate) struct Transport {
    http: Client,
    url: Url,
}

/// Why there is no answer, and how long the endpoint asks to be left alone.
#[derive(Debug)]
pub(crate) struct Broken {
    pub(crate) failure: RpcFailure,
    pub(crate) retry_after: Option<Duration>,
}

impl From<RpcFailure> for Broken {
    fn from(failure: RpcFailure) -> Self {
        Self { failure, retry_after: None }
    }
}

impl Transport {
    /// Connects to nothing yet.
    pub(crate) fn new(url: Url) -> Result<Self, RpcFailure> {
        if !matches!(url.scheme(), "http" | "https") {
            return Err(RpcFailure::Scheme(url.scheme().to_owned()));
        }
        let builder = Client::builder().redirect(redirect::Policy::none());
        let builder = if is_loopback(&url) { builder.no_proxy() } else { builder };
        let http = builder.tls_backend_preconfigured(tls()?).build().map_err(|error| RpcFailure::Tls(words(error)))?;
        Ok(Self { http, url })
    }

    /// Sends a request, and returns the answer's body when it may be one: of a success, or of a failure that may have a JSON-RPC error in it.
    pub(crate) async fn post(&self, body: Vec<u8>, limits: ClientConfig) -> Result<(StatusCode, Vec<u8>), Broken> {
        let broken = |error| broken(error, limits.request_timeout);
        let post = self.http.post(self.url.clone()).timeout(limits.request_timeout).body(body);
        let post = post.header(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        let response = post.send().await.map_err(broken)?;
        let status = response.status();
        if status == StatusCode::TOO_MANY_REQUESTS {
            let retry_after = retry_after(&response);
            return Err(Broken { failure: RpcFailure::Status(status.as_u16()), retry_after });
        }
        Ok((status, read(response, limits).await?))
    }
}

async fn read(mut response: Response, limits: ClientConfig) -> Result<Vec<u8>, RpcFailure> {
    let limit = limits.answer_bytes_max;
    let mut answer = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| broken(error, limits.request_timeout))? {
        if answer.len() + chunk.len() > limit {
            return Err(RpcFailure::TooLarge { limit });
        }
        answer.extend_from_slice(&chunk);
    }
    Ok(answer)
}

fn broken(error: reqwest::Error, timeout: Duration) -> RpcFailure {
    if error.is_timeout() { RpcFailure::Timeout(timeout) } else { RpcFailure::Unreachable(words(error)) }
}

/// In seconds; the form with a date is too rare to be read.
fn retry_after(response: &Response) -> Option<Duration> {
    let seconds: u64 = response.headers().get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds).min(RETRY_AFTER_MAX))
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
pub(crate) fn tls() -> Result<TlsConfig, RpcFailure> {
    let roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = TlsConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let builder = builder.map_err(|error| RpcFailure::Tls(error.to_string()))?;
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}
