//! `wasi:http/outgoing-handler` behind an allow-list.
//!
//! Every request is checked: its host and port against the list ([`allow`]), the addresses that the name resolves to against the ranges that lead into
//! the operator's own network ([`address`]), its number, bytes and time against the limits ([`meter`]). The connection goes to the address that was
//! checked, never to the name again ([`client`]), so a name that changes its answer gains nothing. Redirects are not followed: a component that follows
//! one makes a new request, which is checked like the first. TLS is verified against the Mozilla roots; there is no way to switch that off.

mod address;
mod allow;
mod client;
mod meter;
mod tape;

use std::sync::Arc;

use ::http::{Method, Request, Response, Uri};
use bytes::Bytes;
use http_body_util::combinators::UnsyncBoxBody;
use wasmtime_wasi_http::{Error, RequestOptions, WasiHttpHooks};

pub use allow::{HostError, HttpHost, HttpHosts};
use client::Target;
pub(crate) use client::{Client, ServiceClient};
pub(crate) use meter::{Meter, Stop};
pub use tape::{HttpExchange, HttpTape};

use crate::{Grants, LimitKind, Refusal};

/// The methods that components may use: those whose meaning everybody on the way agrees on.
const METHODS: [Method; 7] =
    [Method::GET, Method::HEAD, Method::POST, Method::PUT, Method::PATCH, Method::DELETE, Method::OPTIONS];

type Body = UnsyncBoxBody<Bytes, Error>;
type Driver = Box<dyn Future<Output = Result<(), Error>> + Send>;
type Exchange = Box<dyn Future<Output = Result<(Response<Body>, Driver), Error>> + Send>;

/// The gate through which all requests of one execution go.
pub(crate) struct Gate {
    client: ServiceClient,
    grants: Arc<Grants>,
    meter: Meter,
}

impl Gate {
    pub(crate) fn new(client: ServiceClient, grants: Arc<Grants>) -> Self {
        let meter = Meter::new(&grants.limits);
        Self { client, grants, meter }
    }

    /// Why requests were stopped, if any were: the first reason.
    pub(crate) fn stopped(&self) -> Option<Stop> {
        self.meter.stopped()
    }

    fn admit(&self, request: &Request<Body>) -> Result<Target, Stop> {
        self.meter.count_request()?;
        if request.method() == Method::CONNECT {
            return Err(Refusal::HttpTunnel.into());
        }
        if !METHODS.contains(request.method()) {
            return Err(Refusal::HttpMethod { method: request.method().to_string() }.into());
        }
        let target = destination(request.uri())?;
        if !self.grants.http_hosts.admits(&target) {
            return Err(Refusal::HttpHost { host: target.to_string() }.into());
        }
        Ok(target)
    }
}

fn destination(uri: &Uri) -> Result<Target, Stop> {
    Target::from_uri(uri).ok_or_else(|| {
        let authority = uri.authority().map_or("", ::http::uri::Authority::as_str);
        // What stands before an `@` may be a password.
        let host = authority.rsplit('@').next().unwrap_or_default();
        Refusal::HttpDestination { destination: host.to_owned() }.into()
    })
}

/// Bytes of a request's body that are written at once, and of a request's or response's headers. As many are in memory for each handle that a component
/// holds, sent or not.
pub(crate) const CHUNK_BYTES: usize = 16 << 10;

impl WasiHttpHooks for Gate {
    fn p2_outgoing_body_chunk_size(&mut self) -> usize {
        CHUNK_BYTES
    }

    fn send_request(
        &mut self,
        request: Request<Body>,
        options: Option<RequestOptions>,
        _processed: Box<dyn Future<Output = Result<(), Error>> + Send>,
    ) -> Exchange {
        let admitted = self.admit(&request);
        let (client, grants, meter) = (self.client.clone(), Arc::clone(&self.grants), self.meter.clone());
        Box::new(async move {
            let target = admitted.map_err(|stop| meter.stop(stop))?;
            let tape = grants.http_tape.clone();
            let call = client::Call { target, options: options.unwrap_or_default(), grants, meter };
            match tape {
                Some(tape) => tape.exchange(&client, call, request).await,
                None => client.send(call, request).await,
            }
        })
    }
}

impl From<Stop> for Error {
    fn from(stop: Stop) -> Self {
        match stop {
            Stop::Refused(Refusal::HttpAddress { .. }) => Self::DestinationIpProhibited,
            Stop::Refused(_) => Self::HttpRequestDenied,
            Stop::Limit(breach) => match breach.kind {
                LimitKind::HttpRequestBytes => Self::HttpRequestBodySize(Some(breach.limit)),
                LimitKind::HttpResponseBytes => Self::HttpResponseBodySize(Some(breach.limit)),
                LimitKind::HttpTime => Self::HttpResponseTimeout,
                _ => Self::ConnectionLimitReached,
            },
        }
    }
}
