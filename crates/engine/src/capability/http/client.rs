//! Sends one admitted request over a connection of its own, within its time. Resolves the name once and connects to an address that passed the check;
//! never follows a redirect, never uses a proxy.

use std::collections::BTreeMap;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use ::http::uri::Scheme;
use ::http::{Request, Response, Uri};
use http_body_util::BodyExt;
use hyper::client::conn::http1;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Instant, timeout_at};
use tokio_rustls::TlsConnector;
use url::{Host, Url};
use wasmtime_wasi_http::io::TokioIo;
use wasmtime_wasi_http::{Error, RequestOptions};

use super::meter::{Direction, Metered, Timed};
use super::{Body, Driver, Meter, allow};
use crate::share::Share;
use crate::{Grants, Refusal};

/// Largest head of a response, in bytes.
const HEAD_BYTES_MAX: usize = 64 << 10;

/// Where a request goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Target {
    pub(super) tls: bool,
    pub(super) host: Host,
    pub(super) port: u16,
}

impl Target {
    /// None when the destination is more or less than a host and perhaps a port, or the scheme is not HTTP's.
    pub(super) fn from_uri(uri: &Uri) -> Option<Self> {
        let tls = match uri.scheme() {
            Some(scheme) if *scheme == Scheme::HTTPS => true,
            Some(scheme) if *scheme == Scheme::HTTP => false,
            _ => return None,
        };
        let (host, port) = allow::split(uri.authority()?.as_str())?;
        Some(Self { tls, host, port: port.unwrap_or_else(|| default_port(tls)) })
    }

    pub(super) fn from_url(url: &Url) -> Option<Self> {
        Self::from_uri(&url.as_str().parse().ok()?)
    }

    pub(super) fn default_port(&self) -> u16 {
        default_port(self.tls)
    }

    fn server_name(&self) -> Result<ServerName<'static>, Error> {
        Ok(match &self.host {
            Host::Domain(name) => ServerName::try_from(name.clone()).map_err(|_| Error::HttpRequestUriInvalid)?,
            Host::Ipv4(address) => IpAddr::from(*address).into(),
            Host::Ipv6(address) => IpAddr::from(*address).into(),
        })
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.port == self.default_port() {
            write!(f, "{}", self.host)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

fn default_port(tls: bool) -> u16 {
    if tls { 443 } else { 80 }
}

/// What one request needs to know besides itself.
pub(super) struct Call {
    pub(super) target: Target,
    pub(super) options: RequestOptions,
    pub(super) grants: Arc<Grants>,
    pub(super) meter: Meter,
}

/// Addresses of names that are not looked up.
type KnownHosts = BTreeMap<String, Vec<IpAddr>>;

/// Makes connections; one per engine.
pub(crate) struct Client {
    tls: TlsConnector,
    hosts: Arc<KnownHosts>,
}

/// The client as the components of one service have it, who share its connections.
#[derive(Clone)]
pub(crate) struct ServiceClient {
    tls: TlsConnector,
    hosts: Arc<KnownHosts>,
    share: Arc<Share>,
}

impl Client {
    pub(crate) fn new(hosts: KnownHosts) -> Result<Self, rustls::Error> {
        let roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
        let mut config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self { tls: TlsConnector::from(Arc::new(config)), hosts: Arc::new(hosts) })
    }

    pub(crate) fn of(&self, share: &Arc<Share>) -> ServiceClient {
        ServiceClient { tls: self.tls.clone(), hosts: Arc::clone(&self.hosts), share: Arc::clone(share) }
    }
}

impl ServiceClient {
    pub(super) async fn send(&self, call: Call, request: Request<Body>) -> Result<(Response<Body>, Driver), Error> {
        let deadline = Instant::now() + call.grants.limits.http_time;
        match timeout_at(deadline, self.exchange(&call, request, deadline)).await {
            Ok(outcome) => outcome,
            Err(_) => Err(call.meter.out_of_time()),
        }
    }

    async fn exchange(
        &self,
        call: &Call,
        request: Request<Body>,
        deadline: Instant,
    ) -> Result<(Response<Body>, Driver), Error> {
        call.meter.count_head(Direction::Sent, request.headers())?;
        let place = Arc::clone(&self.share.connections).acquire_owned().await.expect("connections are never closed");
        let stream =
            within(call.options.connect_timeout, Error::ConnectionTimeout, self.connect(call, deadline)).await?;
        let (mut sender, connection) =
            http1::Builder::new().max_buf_size(HEAD_BYTES_MAX).handshake(TokioIo::new(stream)).await?;
        let driver = tokio::spawn(connection);
        // The driver must end when the component loses interest, also before there is a response.
        let driver = Connection { driver, _place: place };
        let request = origin_form(request, &call.meter);
        let answer = async { sender.send_request(request).await.map_err(Error::from) };
        let response = within(call.options.first_byte_timeout, Error::ConnectionReadTimeout, answer).await?;
        call.meter.count_head(Direction::Received, response.headers())?;
        let response = response.map(|body| {
            let metered = Metered::new(body, call.meter.clone(), Direction::Received);
            Timed::new(metered, call.meter.clone(), deadline, call.options.between_bytes_timeout).boxed_unsync()
        });
        Ok((response, Box::new(driver.finish())))
    }

    async fn connect(&self, call: &Call, deadline: Instant) -> Result<Box<dyn Stream>, Error> {
        let stream = dial(&self.resolve(call).await?, deadline).await.map_err(Error::Connect)?;
        // Requests are small and wait for their answer: nothing is gained by collecting bytes.
        stream.set_nodelay(true).map_err(Error::Connect)?;
        if !call.target.tls {
            return Ok(Box::new(stream));
        }
        let stream = self.tls.connect(call.target.server_name()?, stream).await.map_err(Error::Tls)?;
        Ok(Box::new(stream))
    }

    /// The addresses of the target that may be connected to.
    async fn resolve(&self, call: &Call) -> Result<Vec<SocketAddr>, Error> {
        let port = call.target.port;
        let found = match &call.target.host {
            Host::Ipv4(address) => vec![(*address, port).into()],
            Host::Ipv6(address) => vec![(*address, port).into()],
            Host::Domain(name) => match self.hosts.get(name) {
                Some(addresses) => addresses.iter().map(|address| (*address, port).into()).collect(),
                None => self.look_up(name, port).await?,
            },
        };
        admitted(call, found)
    }

    /// Asks the system's resolver, which cannot be told to stop: so a lookup holds its place until it has ended, whether or not anybody waits.
    async fn look_up(&self, name: &str, port: u16) -> Result<Vec<SocketAddr>, Error> {
        let place = Arc::clone(&self.share.lookups).acquire_owned().await.expect("lookups are never closed");
        let name = name.to_owned();
        let lookup = tokio::spawn(async move {
            let _place = place;
            tokio::net::lookup_host((name, port)).await.map(Iterator::collect)
        });
        lookup.await.map_err(|_| unknown_name())?.map_err(|_| unknown_name())
    }
}

trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// A name may have addresses of both kinds; those that are not admitted are not tried.
fn admitted(call: &Call, found: Vec<SocketAddr>) -> Result<Vec<SocketAddr>, Error> {
    let (admitted, refused): (Vec<_>, Vec<_>) =
        found.into_iter().partition(|address| call.grants.http_hosts.admits_address(&call.target, address.ip()));
    match (admitted.is_empty(), refused.first()) {
        (false, _) => Ok(admitted),
        (true, Some(address)) => {
            Err(call.meter.stop(Refusal::HttpAddress { host: call.target.to_string(), address: address.ip() }))
        }
        (true, None) => Err(unknown_name()),
    }
}

fn unknown_name() -> Error {
    Error::DnsError { rcode: Some("address not available".to_owned()), info_code: None }
}

/// Tries one address after the other, each for its share of the time that is left.
async fn dial(addresses: &[SocketAddr], deadline: Instant) -> std::io::Result<TcpStream> {
    let mut failure = std::io::Error::from(std::io::ErrorKind::TimedOut);
    for (tried, address) in addresses.iter().enumerate() {
        let left = deadline.saturating_duration_since(Instant::now());
        let share = left / u32::try_from(addresses.len() - tried).unwrap_or(u32::MAX);
        match tokio::time::timeout(share, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => return Ok(stream),
            Ok(Err(error)) => failure = error,
            Err(_) => {}
        }
    }
    Err(failure)
}

/// A request line carries only path and query, unless it is for a proxy.
fn origin_form(request: Request<Body>, meter: &Meter) -> Request<Metered<Body>> {
    let (mut parts, body) = request.into_parts();
    let path = parts.uri.path_and_query().cloned().unwrap_or_else(|| ::http::uri::PathAndQuery::from_static("/"));
    parts.uri = Uri::from(path);
    Request::from_parts(parts, Metered::new(body, meter.clone(), Direction::Sent))
}

async fn within<T>(
    limit: Option<Duration>,
    late: Error,
    work: impl Future<Output = Result<T, Error>>,
) -> Result<T, Error> {
    match limit {
        Some(limit) => tokio::time::timeout(limit, work).await.unwrap_or(Err(late)),
        None => work.await,
    }
}

/// The task that moves a connection's bytes, and the place that it takes.
struct Connection {
    driver: tokio::task::JoinHandle<hyper::Result<()>>,
    _place: OwnedSemaphorePermit,
}

impl Connection {
    async fn finish(mut self) -> Result<(), Error> {
        match (&mut self.driver).await {
            Ok(outcome) => outcome.map_err(Error::from),
            Err(_) => Err(Error::ConnectionTerminated),
        }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

#[cfg(test)]
mod tests {
    use super::super::Stop;
    use super::*;

    fn call(host: &str) -> Call {
        let grants = Grants { http_hosts: [host.parse().expect("the host is valid")].into(), ..Grants::default() };
        let uri = format!("https://{host}/").parse().expect("the URL is valid");
        let target = Target::from_uri(&uri).expect("the URL has a plain destination");
        Call { target, options: RequestOptions::default(), meter: Meter::new(&grants.limits), grants: Arc::new(grants) }
    }

    fn addresses(list: &[&str]) -> Vec<SocketAddr> {
        list.iter().map(|address| SocketAddr::new(address.parse().expect("the address is valid"), 443)).collect()
    }

    #[test]
    fn name_that_leads_inside_is_refused() {
        for address in ["127.0.0.1", "10.0.0.1", "169.254.169.254", "::1", "fd00::1", "::ffff:10.0.0.1"] {
            let call = call("api.example.com");
            assert!(admitted(&call, addresses(&[address])).is_err(), "{address}");
            let refusal = Refusal::HttpAddress {
                host: "api.example.com".to_owned(),
                address: address.parse().expect("the address is valid"),
            };
            assert_eq!(call.meter.stopped(), Some(Stop::Refused(refusal)));
        }
    }

    #[test]
    fn only_admitted_addresses_are_tried() {
        let call = call("api.example.com");
        let found = admitted(&call, addresses(&["10.0.0.1", "8.8.8.8"])).expect("one address is public");
        assert_eq!(found, addresses(&["8.8.8.8"]));
    }

    #[test]
    fn name_without_address_is_no_refusal() {
        let call = call("api.example.com");
        assert!(matches!(admitted(&call, Vec::new()), Err(Error::DnsError { .. })));
        assert_eq!(call.meter.stopped(), None);
    }
}
