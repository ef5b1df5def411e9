//! HTTP requests to the hosts that the manifest lists. Redirects are not followed; nothing that this module reports carries the URL, which may hold a key.
//!
//! ```no_run
//! # use tandem_sdk::{Error, http};
//! # use std::time::Duration;
//! # fn example() -> Result<(), Error> {
//! let prices: Vec<u64> = http::get("https://api.example/prices")?.ok()?.json()?;
//!
//! let answer = http::Request::post("https://api.example/search", br#"{"id":1}"#)
//!     .header("content-type", "application/json")
//!     .timeout(Duration::from_secs(2))
//!     .send()?;
//! # Ok(())
//! # }
//! ```

use std::fmt::{self, Write as _};
use std::time::Duration;

use serde::de::DeserializeOwned;

use crate::{Error, host};

#[cfg(target_arch = "wasm32")]
pub(crate) mod wire;

/// Why there is no response, or none that is of use. No variant carries the URL, which may hold a key.
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
    /// The response has another status than 200 to 299; only [`Response::ok`] says so.
    Status(u16),
}

impl fmt::Display for HttpError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Status(status) => return write!(f, "the server answered with HTTP {status}"),
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

/// What may pass by itself is [`unavailable`](Error::unavailable), a key that the server refuses among it, for the operator can mend that. Other
/// statuses will be the same next time: [`failed`](Error::failed).
impl From<HttpError> for Error {
    fn from(error: HttpError) -> Self {
        match error {
            HttpError::Url | HttpError::NotGranted | HttpError::Limit => Self::failed(error.to_string()),
            HttpError::Status(401 | 403 | 408 | 425 | 429 | 500..) => Self::unavailable(error.to_string()),
            HttpError::Status(_) => Self::failed(error.to_string()),
            _ => Self::unavailable(error.to_string()),
        }
    }
}

/// What a request asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// Read.
    Get,
    /// Send a body. Every operator sends it: the server gets it once from each.
    Post,
}

/// A request, to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use = "a request does nothing until it is sent"]
pub struct Request {
    method: Method,
    url: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
    timeout: Option<Duration>,
}

impl Request {
    /// A request that reads `url`.
    pub fn get(url: &str) -> Self {
        Self { method: Method::Get, url: url.to_owned(), headers: Vec::new(), body: Vec::new(), timeout: None }
    }

    /// A request that sends `body` to `url`.
    pub fn post(url: &str, body: impl Into<Vec<u8>>) -> Self {
        Self { method: Method::Post, body: body.into(), ..Self::get(url) }
    }

    /// Adds a header.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Longest wait for the connection, for the first byte, and between two pieces of the response: each of them, not their sum. The workflow's limits
    /// hold besides.
    pub fn timeout(mut self, time: Duration) -> Self {
        self.timeout = Some(time);
        self
    }

    /// What it asks for.
    pub fn method(&self) -> Method {
        self.method
    }

    /// Where it goes.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The headers that were added.
    pub fn headers(&self) -> &[(String, String)] {
        &self.headers
    }

    /// What it carries.
    pub fn body(&self) -> &[u8] {
        &self.body
    }

    /// Sends it and reads the whole response.
    ///
    /// # Errors
    /// [`HttpError`] when there is no response. The status is not looked at: see [`Response::ok`].
    pub fn send(&self) -> Result<Response, HttpError> {
        split(&self.url).ok_or(HttpError::Url)?;
        host::send(self)
    }
}

/// Asks for `url` and reads the whole response.
///
/// # Errors
/// [`HttpError`] when there is no response. The status is not looked at: see [`Response::ok`].
pub fn get(url: &str) -> Result<Response, HttpError> {
    Request::get(url).send()
}

/// Whether a URL asks for TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Scheme {
    Http,
    Https,
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
    /// This response, if its status is 200 to 299. Redirects are errors here, for they are not followed.
    ///
    /// # Errors
    /// [`HttpError::Status`] for every other status.
    pub fn ok(self) -> Result<Self, HttpError> {
        match self.status {
            200..=299 => Ok(self),
            status => Err(HttpError::Status(status)),
        }
    }

    /// The body as JSON. With `?`, a body that does not fit is [`unavailable`](Error::unavailable): the source did not answer as it should.
    ///
    /// # Errors
    /// [`BodyError`] when the body is not JSON, or not that of a `T`.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, BodyError> {
        serde_json::from_slice(&self.body).map_err(BodyError)
    }
}

/// A body that is not the JSON that was expected. Says where, and quotes nothing of the body but single characters and field names.
#[derive(Debug)]
pub struct BodyError(serde_json::Error);

impl fmt::Display for BodyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the response is not the expected JSON: {}", self.0)
    }
}

impl std::error::Error for BodyError {}

impl From<BodyError> for Error {
    fn from(error: BodyError) -> Self {
        Self::unavailable(error.to_string())
    }
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
    use crate::ErrorKind;

    #[test]
    fn urls_split_into_what_wasi_wants() {
        assert_eq!(split("https://a.b:1/c?d#e"), Some((Scheme::Https, "a.b:1", "/c?d")));
        assert_eq!(split("http://a.b"), Some((Scheme::Http, "a.b", "/")));
        assert_eq!(split("http://a.b?c"), Some((Scheme::Http, "a.b", "?c")));
        for url in ["ftp://a.b/", "http:///c", "a.b/c"] {
            assert_eq!(split(url), None, "{url}");
            assert_eq!(get(url), Err(HttpError::Url));
        }
    }

    #[test]
    fn statuses_are_errors_when_asked() {
        let response = |status| Response { status, body: Vec::new() };
        assert!(response(204).ok().is_ok());
        for (status, kind) in [
            (301, ErrorKind::Failed),
            (401, ErrorKind::Unavailable),
            (404, ErrorKind::Failed),
            (429, ErrorKind::Unavailable),
            (503, ErrorKind::Unavailable),
        ] {
            let error = response(status).ok().expect_err("it is no success");
            assert_eq!((error, Error::from(error).kind()), (HttpError::Status(status), kind));
        }
    }

    #[test]
    fn body_that_does_not_fit_is_said_so() {
        let response = Response { status: 200, body: b"[1, x]".to_vec() };
        let error = Error::from(response.json::<Vec<u64>>().expect_err("it is no JSON"));
        assert_eq!(error.kind(), ErrorKind::Unavailable);
        assert!(error.to_string().contains("not the expected JSON") && error.to_string().contains("column"), "{error}");
    }

    #[test]
    fn reserved_characters_are_encoded() {
        assert_eq!(percent_encode("a-1._~ /?&=%ü"), "a-1._~%20%2F%3F%26%3D%25%C3%BC");
    }
}
