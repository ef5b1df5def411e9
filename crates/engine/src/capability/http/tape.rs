//! HTTP exchanges on tape, for authors' tests: recorded from the network once, and played back without it. The allow-list and the limits hold either
//! way. Secrets do not get onto a tape: where one was sent or echoed, the tape has its name.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ::http::header::CONTENT_TYPE;
use ::http::{Request, Response, request};
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use wasmtime_wasi_http::Error;

use super::client::Call;
use super::meter::{Direction, Metered};
use super::{Body, Driver, ServiceClient};
use crate::secrets::Redactor;
use crate::{LimitKind, Secrets};

/// A request and its response, without secrets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpExchange {
    /// The method, in capital letters.
    pub method: String,
    /// The URL; a secret in it is written `[secret NAME]`.
    pub url: String,
    /// What was sent.
    pub sent: Vec<u8>,
    /// The response's status.
    pub status: u16,
    /// The response's `content-type`, if it had one. Other headers are not kept: they may hold what is nobody's business.
    pub content_type: Option<String>,
    /// What was received.
    pub received: Vec<u8>,
}

/// A recorder or player of exchanges. A handle: clones share the tape.
#[derive(Clone)]
pub struct HttpTape(Arc<Inner>);

struct Inner {
    recording: bool,
    redactor: Redactor,
    reel: Mutex<Reel>,
}

#[derive(Default)]
struct Reel {
    exchanges: Vec<HttpExchange>,
    /// Which of them were played, one for one.
    played: Vec<bool>,
    /// Requests for which there was no answer left.
    unanswered: Vec<String>,
}

impl HttpTape {
    /// A tape that lets requests through and keeps what comes back, without `secrets`.
    pub fn record(secrets: &Secrets) -> Self {
        Self::new(true, Vec::new(), secrets)
    }

    /// A tape that answers requests from `exchanges`, each once, those of one request in their order. Nothing reaches the network.
    pub fn replay(exchanges: Vec<HttpExchange>, secrets: &Secrets) -> Self {
        Self::new(false, exchanges, secrets)
    }

    fn new(recording: bool, exchanges: Vec<HttpExchange>, secrets: &Secrets) -> Self {
        let reel = Reel { played: vec![recording; exchanges.len()], exchanges, unanswered: Vec::new() };
        Self(Arc::new(Inner { recording, redactor: Redactor::new(secrets), reel: Mutex::new(reel) }))
    }

    /// What is on the tape, in the order of the requests' ends.
    pub fn exchanges(&self) -> Vec<HttpExchange> {
        self.reel().exchanges.clone()
    }

    /// Requests that the tape had no answer for, as method and URL.
    pub fn unanswered(&self) -> Vec<String> {
        self.reel().unanswered.clone()
    }

    /// Exchanges that nobody asked for, as method and URL.
    pub fn unplayed(&self) -> Vec<String> {
        let reel = self.reel();
        let unplayed = reel.exchanges.iter().zip(&reel.played).filter(|(_, played)| !**played);
        unplayed.map(|(exchange, _)| format!("{} {}", exchange.method, exchange.url)).collect()
    }

    fn reel(&self) -> MutexGuard<'_, Reel> {
        self.0.reel.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Answers `request`, which was admitted.
    pub(super) async fn exchange(
        &self,
        client: &ServiceClient,
        call: Call,
        request: Request<Body>,
    ) -> Result<(Response<Body>, Driver), Error> {
        if self.0.recording { self.listen(client, call, request).await } else { self.play(call, request).await }
    }

    async fn listen(
        &self,
        client: &ServiceClient,
        call: Call,
        request: Request<Body>,
    ) -> Result<(Response<Body>, Driver), Error> {
        let (parts, body) = request.into_parts();
        let bytes_max = usize::try_from(call.grants.limits.http_request_bytes).unwrap_or(usize::MAX);
        let too_large = || call.meter.stop(call.grants.limits.breach(LimitKind::HttpRequestBytes));
        let sent = Limited::new(body, bytes_max).collect().await.map_err(|_| too_large())?.to_bytes();
        let mut exchange = self.asked(&parts, &sent);
        let (response, driver) = client.send(call, Request::from_parts(parts, full(sent))).await?;
        let (parts, body) = response.into_parts();
        let received = body.collect().await?.to_bytes();
        exchange.status = parts.status.as_u16();
        let content_type = parts.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
        exchange.content_type = content_type.map(|text| self.0.redactor.blot(text));
        exchange.received = self.blot(&received);
        self.reel().exchanges.push(exchange);
        Ok((Response::from_parts(parts, full(received)), driver))
    }

    async fn play(&self, call: Call, request: Request<Body>) -> Result<(Response<Body>, Driver), Error> {
        let (parts, body) = request.into_parts();
        let sent = Metered::new(body, call.meter.clone(), Direction::Sent).collect().await?.to_bytes();
        let exchange = self.take(&self.asked(&parts, &sent)).ok_or(Error::ConnectionRefused)?;
        let mut response = Response::builder().status(exchange.status);
        if let Some(content_type) = &exchange.content_type {
            response = response.header(CONTENT_TYPE, content_type);
        }
        let received = Metered::new(full(exchange.received.into()), call.meter, Direction::Received).boxed_unsync();
        // A tape that was written by hand may hold what HTTP has not.
        let response = response.body(received).map_err(|_| Error::HttpProtocolError)?;
        Ok((response, Box::new(async { Ok(()) })))
    }

    /// The next answer to a request.
    fn take(&self, asked: &HttpExchange) -> Option<HttpExchange> {
        let mut reel = self.reel();
        let fits = |exchange: &HttpExchange| {
            (&exchange.method, &exchange.url, &exchange.sent) == (&asked.method, &asked.url, &asked.sent)
        };
        let next = (0..reel.exchanges.len()).find(|&at| !reel.played[at] && fits(&reel.exchanges[at]));
        match next {
            Some(at) => reel.played[at] = true,
            None => reel.unanswered.push(format!("{} {}", asked.method, asked.url)),
        }
        next.map(|at| reel.exchanges[at].clone())
    }

    /// The request's half of an exchange.
    fn asked(&self, parts: &request::Parts, sent: &[u8]) -> HttpExchange {
        HttpExchange {
            method: parts.method.to_string(),
            url: self.0.redactor.blot(&parts.uri.to_string()),
            sent: self.blot(sent),
            status: 0,
            content_type: None,
            received: Vec::new(),
        }
    }

    /// Secrets are text: bytes that are none cannot hold one that anybody would recognise.
    fn blot(&self, bytes: &[u8]) -> Vec<u8> {
        match std::str::from_utf8(bytes) {
            Ok(text) => self.0.redactor.blot(text).into_bytes(),
            Err(_) => bytes.to_vec(),
        }
    }
}

fn full(bytes: Bytes) -> Body {
    Full::new(bytes).map_err(|never| match never {}).boxed_unsync()
}

impl fmt::Debug for HttpTape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpTape").field("recording", &self.0.recording).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use zeroize::Zeroizing;

    use super::*;

    fn secrets() -> Secrets {
        [("KEY".to_owned(), Zeroizing::new("hunter2".to_owned()))].into_iter().collect()
    }

    fn exchange(url: &str, received: &str) -> HttpExchange {
        HttpExchange {
            method: "GET".to_owned(),
            url: url.to_owned(),
            sent: Vec::new(),
            status: 200,
            content_type: None,
            received: received.as_bytes().to_vec(),
        }
    }

    #[test]
    fn answers_come_once_each_and_in_order() {
        let tape = HttpTape::replay(vec![exchange("a", "1"), exchange("b", "x"), exchange("a", "2")], &secrets());
        let take = |url| tape.take(&exchange(url, "")).map(|exchange| exchange.received);
        assert_eq!([take("a"), take("a"), take("a")], [Some(b"1".to_vec()), Some(b"2".to_vec()), None]);
        assert_eq!((tape.unanswered(), tape.unplayed()), (vec!["GET a".to_owned()], vec!["GET b".to_owned()]));
    }

    #[test]
    fn secrets_stay_off_the_tape() {
        let tape = HttpTape::record(&secrets());
        let request = Request::get("https://a.b/?key=hunter2").body(()).expect("the request is valid");
        let asked = tape.asked(&request.into_parts().0, b"{\"key\":\"hunter2\"}\n");
        assert_eq!(asked.url, "https://a.b/?key=[secret KEY]");
        assert_eq!(asked.sent, b"{\"key\":\"[secret KEY]\"}\n");
    }
}
