//! One request at a time, to where the rules allow, with bounds on time and bytes. Every redirect is a new request under the same rules. Connects to the
//! addresses that were checked and never resolves a name twice; uses no proxy, which would resolve it again.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::header::{HeaderMap, LOCATION};
use reqwest::{Client, Method, Response, StatusCode, redirect};
use rustls::pki_types::CertificateDer;
use rustls::{ClientConfig, RootCertStore};
use tandem_engine::COMPONENT_BYTES_MAX;
use url::Url;
use zeroize::Zeroizing;

use super::rules::host_of;
use super::{FetchError, Rules};

/// Most redirects in a row.
const REDIRECTS_MAX: usize = 5;

/// Bounds of one fetch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FetchLimits {
    /// Largest component, in bytes.
    pub bytes: u64,
    /// Longest time for all requests together.
    pub time: Duration,
    /// Longest time without a byte.
    pub stall: Duration,
}

impl Default for FetchLimits {
    fn default() -> Self {
        Self { bytes: COMPONENT_BYTES_MAX, time: Duration::from_secs(300), stall: Duration::from_secs(20) }
    }
}

/// What a request shows to the server.
#[derive(Clone)]
pub(super) enum Authorization {
    Bearer(Zeroizing<String>),
    Basic { username: String, password: Zeroizing<String> },
}

/// A request that can be sent again.
#[derive(Clone)]
pub(super) struct Request {
    pub(super) method: Method,
    pub(super) url: Url,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
    pub(super) authorization: Option<Authorization>,
}

impl Request {
    pub(super) fn new(method: Method, url: Url) -> Self {
        Self { method, url, headers: HeaderMap::new(), body: Bytes::new(), authorization: None }
    }

    /// The same for another place. Another server has no business with what the first was shown.
    fn redirected(mut self, url: Url) -> Self {
        if self.url.origin() != url.origin() {
            self.authorization = None;
        }
        Self { url, ..self }
    }
}

/// The head of an answer, and a body that is still to be read.
pub(super) struct Answer {
    pub(super) url: Url,
    response: Response,
}

impl Answer {
    pub(super) fn host(&self) -> String {
        host_of(&self.url)
    }

    pub(super) fn status(&self) -> StatusCode {
        self.response.status()
    }

    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.response.headers().get(name)?.to_str().ok()
    }

    /// Itself, if the server did what it was asked.
    pub(super) fn success(self) -> Result<Self, FetchError> {
        let host = self.host();
        match self.status() {
            status if status.is_success() => Ok(self),
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Err(FetchError::Unauthorized { host }),
            status => Err(FetchError::Status { host, status: status.as_u16() }),
        }
    }

    /// The body, of which no more than `limit` bytes are ever held.
    pub(super) async fn read(mut self, limit: u64) -> Result<Vec<u8>, FetchError> {
        let host = self.host();
        let too_large = || FetchError::TooLarge { host: host.clone(), limit };
        if self.response.content_length().is_some_and(|announced| announced > limit) {
            return Err(too_large());
        }
        let mut body = Vec::new();
        while let Some(chunk) = self.response.chunk().await.map_err(|error| broken(&host, error))? {
            if (body.len() + chunk.len()) as u64 > limit {
                return Err(too_large());
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body)
    }
}

/// Sends requests.
pub(super) struct Http {
    rules: Rules,
    limits: FetchLimits,
    tls: ClientConfig,
}

impl Http {
    /// With the roots that come with the node, and `roots` of the operator's own.
    pub(super) fn new(
        rules: Rules,
        limits: FetchLimits,
        roots: Vec<CertificateDer<'static>>,
    ) -> Result<Self, rustls::Error> {
        let mut trusted = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
        roots.into_iter().try_for_each(|root| trusted.add(root))?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let tls = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_root_certificates(trusted)
            .with_no_client_auth();
        Ok(Self { rules, limits, tls })
    }

    pub(super) fn rules(&self) -> &Rules {
        &self.rules
    }

    pub(super) fn limits(&self) -> FetchLimits {
        self.limits
    }

    /// The last of the answers to a request, whatever its status.
    pub(super) async fn send(&self, mut request: Request) -> Result<Answer, FetchError> {
        for _ in 0..=REDIRECTS_MAX {
            let response = self.exchange(&request).await?;
            match next(&request, &response)? {
                Some(url) => request = request.redirected(url),
                None => return Ok(Answer { url: request.url, response }),
            }
        }
        Err(FetchError::Redirects { host: host_of(&request.url) })
    }

    async fn exchange(&self, request: &Request) -> Result<Response, FetchError> {
        self.rules.admit(&request.url)?;
        let host = host_of(&request.url);
        let lookup = tokio::time::timeout(self.limits.stall, self.rules.resolve(&request.url));
        let addresses = lookup.await.map_err(|_| FetchError::Late { host: host.clone() })??;
        let client = self.client(addresses).map_err(|error| broken(&host, error))?;
        let builder = client.request(request.method.clone(), request.url.clone()).headers(request.headers.clone());
        let builder = match &request.authorization {
            Some(Authorization::Bearer(token)) => builder.bearer_auth(token.as_str()),
            Some(Authorization::Basic { username, password }) => builder.basic_auth(username, Some(password.as_str())),
            None => builder,
        };
        builder.body(request.body.clone()).send().await.map_err(|error| broken(&host, error))
    }

    /// A client for one exchange, which knows no addresses but those.
    fn client(&self, addresses: Vec<SocketAddr>) -> reqwest::Result<Client> {
        Client::builder()
            .tls_backend_preconfigured(self.tls.clone())
            .dns_resolver(Arc::new(Resolved(addresses)))
            .redirect(redirect::Policy::none())
            .no_proxy()
            .referer(false)
            .connect_timeout(self.limits.stall)
            .read_timeout(self.limits.stall)
            .user_agent(concat!("tandem/", env!("CARGO_PKG_VERSION")))
            .build()
    }
}

/// Answers every question with the addresses that were found admissible.
struct Resolved(Vec<SocketAddr>);

impl Resolve for Resolved {
    fn resolve(&self, _name: Name) -> Resolving {
        let addresses: Addrs = Box::new(self.0.clone().into_iter());
        Box::pin(std::future::ready(Ok(addresses)))
    }
}

/// Where a redirect leads; none when the answer is no redirect. Only what changes nothing is asked again elsewhere.
fn next(request: &Request, response: &Response) -> Result<Option<Url>, FetchError> {
    let is_redirect = matches!(response.status().as_u16(), 301 | 302 | 303 | 307 | 308);
    if !is_redirect || !matches!(request.method, Method::GET | Method::HEAD) {
        return Ok(None);
    }
    let host = host_of(&request.url);
    let target = response.headers().get(LOCATION).and_then(|location| location.to_str().ok());
    let url = target.and_then(|target| request.url.join(target).ok());
    match url {
        Some(url) if request.url.scheme() == "https" && url.scheme() == "http" => Err(FetchError::Downgrade { host }),
        Some(url) => Ok(Some(url)),
        None => Err(FetchError::Redirects { host }),
    }
}

/// The innermost cause: the outer ones say only that sending failed, and to which URL.
fn broken(host: &str, error: reqwest::Error) -> FetchError {
    let host = host.to_owned();
    if error.is_timeout() {
        return FetchError::Late { host };
    }
    let error = error.without_url();
    let mut cause: &dyn std::error::Error = &error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    FetchError::Unreachable { host, reason: cause.to_string() }
}
