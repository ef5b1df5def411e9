//! HTTP requests to the hosts that the manifest lists. Redirects are not followed; nothing that this module reports carries the URL, which may hold a key.

use std::fmt::{self, Write as _};

use serde::de::DeserializeOwned;

use crate::Error;
use crate::bindings::wasi::http::outgoing_handler::handle;
use crate::bindings::wasi::http::types::{ErrorCode, Fields, IncomingBody, IncomingResponse, OutgoingRequest, Scheme};
use crate::bindings::wasi::io::streams::StreamError;

/// Bytes to ask the host for at once.
const CHUNK_BYTES: u64 = 64 * 1024;

/// Why there is no response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HttpError {
    /// The URL is not `http://` or `https://` with a host.
    Url,
    /// The manifest does not grant the host, or the host leads to an address that is not granted.
    NotGranted,
    /// The name has no address.
    Dns,
    /// No connection.
    Connect,
    /// No valid TLS.
    Tls,
    /// A time limit was met.
    Timeout,
    /// A limit of requests or bytes was met.
    Limit,
    /// The server does not speak HTTP as it should.
    Protocol,
}

impl fmt::Display for HttpError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Url => "the URL is not valid",
            Self::NotGranted => "the host is not granted",
            Self::Dns => "the host's name has no address",
            Self::Connect => "no connection",
            Self::Tls => "no valid TLS",
            Self::Timeout => "it took too long",
            Self::Limit => "a limit of requests or bytes was met",
            Self::Protocol => "the answer is not valid HTTP",
        })
    }
}

impl std::error::Error for HttpError {}

impl From<HttpError> for Error {
    fn from(error: HttpError) -> Self {
        match error {
            HttpError::Url | HttpError::NotGranted | HttpError::Limit => Self::failed(error.to_string()),
            _ => Self::unavailable(error.to_string()),
        }
    }
}

impl From<ErrorCode> for HttpError {
    fn from(code: ErrorCode) -> Self {
        match code {
            ErrorCode::HttpRequestDenied | ErrorCode::DestinationIpProhibited => Self::NotGranted,
            ErrorCode::HttpRequestUriInvalid => Self::Url,
            ErrorCode::DnsError(_) | ErrorCode::DnsTimeout | ErrorCode::DestinationNotFound => Self::Dns,
            ErrorCode::TlsProtocolError | ErrorCode::TlsCertificateError | ErrorCode::TlsAlertReceived(_) => Self::Tls,
            ErrorCode::ConnectionTimeout
            | ErrorCode::ConnectionReadTimeout
            | ErrorCode::ConnectionWriteTimeout
            | ErrorCode::HttpResponseTimeout => Self::Timeout,
            ErrorCode::ConnectionLimitReached
            | ErrorCode::HttpRequestBodySize(_)
            | ErrorCode::HttpResponseBodySize(_) => Self::Limit,
            ErrorCode::ConnectionRefused
            | ErrorCode::ConnectionTerminated
            | ErrorCode::DestinationUnavailable
            | ErrorCode::DestinationIpUnroutable => Self::Connect,
            _ => Self::Protocol,
        }
    }
}

/// A response, whatever its status.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response {
    /// The status, 100 to 599.
    pub status: u16,
    /// The body.
    pub body: Vec<u8>,
}

impl Response {
    /// The body as JSON.
    ///
    /// # Errors
    /// When the body is not JSON, or not that of a `T`.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, serde_json::Error> {
        serde_json::from_slice(&self.body)
    }
}

/// Asks for `url` and reads the whole response.
///
/// # Errors
/// [`HttpError`] when there is no response. A status other than 200 is no error here.
pub fn get(url: &str) -> Result<Response, HttpError> {
    let (scheme, authority, path) = split(url).ok_or(HttpError::Url)?;
    let headers = Fields::new();
    // Compressed bodies would cost fuel, and servers compress differently from one moment to the next.
    headers.append("accept-encoding", b"identity").map_err(|_| HttpError::Protocol)?;
    headers.append("user-agent", b"tandem").map_err(|_| HttpError::Protocol)?;
    let request = OutgoingRequest::new(headers);
    request.set_scheme(Some(&scheme)).map_err(|()| HttpError::Url)?;
    request.set_authority(Some(authority)).map_err(|()| HttpError::Url)?;
    request.set_path_with_query(Some(path)).map_err(|()| HttpError::Url)?;
    receive(&send(request)?)
}

/// Scheme, host with port, path with query. The fragment is for browsers.
fn split(url: &str) -> Option<(Scheme, &str, &str)> {
    let (scheme, rest) = url.split_once("://")?;
    let scheme = match scheme {
        "https" => Scheme::Https,
        "http" => Scheme::Http,
        _ => return None,
    };
    let rest = rest.split('#').next().unwrap_or_default();
    let (authority, path) = match rest.find(['/', '?']) {
        Some(at) => rest.split_at(at),
        None => (rest, "/"),
    };
    if authority.is_empty() { None } else { Some((scheme, authority, path)) }
}

fn send(request: OutgoingRequest) -> Result<IncomingResponse, HttpError> {
    let pending = handle(request, None)?;
    pending.subscribe().block();
    match pending.get() {
        Some(Ok(response)) => Ok(response?),
        // Taken before, or not there after the wait: the host broke its word.
        _ => Err(HttpError::Protocol),
    }
}

fn receive(response: &IncomingResponse) -> Result<Response, HttpError> {
    let status = response.status();
    let body = response.consume().map_err(|()| HttpError::Protocol)?;
    let stream = body.stream().map_err(|()| HttpError::Protocol)?;
    let mut bytes = Vec::new();
    let outcome = loop {
        match stream.blocking_read(CHUNK_BYTES) {
            Ok(chunk) => bytes.extend(chunk),
            Err(StreamError::Closed) => break Ok(()),
            Err(StreamError::LastOperationFailed(error)) => {
                break Err(crate::bindings::wasi::http::types::http_error_code(&error)
                    .map_or(HttpError::Protocol, HttpError::from));
            }
        }
    };
    drop(stream);
    drop(IncomingBody::finish(body));
    outcome.map(|()| Response { status, body: bytes })
}

/// `text` for a path segment or a query value: everything but letters, digits and `-._~` becomes `%XX` (RFC 3986).
pub fn percent_encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => encoded.push(char::from(byte)),
            _ => write!(encoded, "%{byte:02X}").expect("a String takes all text"),
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_split_into_what_wasi_wants() {
        let parts =
            |url| split(url).map(|(scheme, authority, path)| (matches!(scheme, Scheme::Https), authority, path));
        assert_eq!(parts("https://a.b:1/c?d#e"), Some((true, "a.b:1", "/c?d")));
        assert_eq!(parts("http://a.b"), Some((false, "a.b", "/")));
        assert_eq!(parts("http://a.b?c"), Some((false, "a.b", "?c")));
        assert_eq!(parts("ftp://a.b/"), None);
        assert_eq!(parts("http:///c"), None);
        assert_eq!(parts("a.b/c"), None);
    }

    #[test]
    fn reserved_characters_are_encoded() {
        assert_eq!(percent_encode("a-1._~ /?&=%ü"), "a-1._~%20%2F%3F%26%3D%25%C3%BC");
    }
}
