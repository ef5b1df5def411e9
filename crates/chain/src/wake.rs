//! A WebSocket subscription to new blocks. It only wakes whoever reads by polling: nothing that arrives on it is believed, and when it is
//! gone, or silent, or floods, reading goes on as if there were none.

use std::sync::Arc;
use std::time::Duration;

use rand_core::{OsRng, RngCore};
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsConnector;
use url::Url;

use crate::endpoint::Endpoint;
use crate::error::{RpcError, RpcFailure};
use crate::transport::tls;
use crate::websocket::{Heard, WebSocket, WebSocketError as Error};

/// Time to connect and to subscribe.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(20);
/// A connection that says nothing for so long is taken for broken.
const SILENCE_MAX: Duration = Duration::from_secs(120);
/// Shortest time between two wakes.
const WAKE_GAP: Duration = Duration::from_millis(20);
/// First and longest pause before a new connection.
const PAUSES: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(60));
/// What is asked for.
const SUBSCRIBE: &str = r#"{"jsonrpc":"2.0","id":1,"method":"eth_subscribe","params":["newHeads"]}"#;

/// Wakes readers when a new block is announced; cheap to clone. The connection ends with the last clone.
#[derive(Debug, Clone)]
pub struct HeadWatch {
    announced: watch::Receiver<u64>,
    _task: Arc<Task>,
}

/// Ends with its handle.
#[derive(Debug)]
struct Task(JoinHandle<()>);

impl Drop for Task {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl HeadWatch {
    /// Connects to a `ws` or `wss` URL in the background, and again whenever the connection breaks.
    ///
    /// # Errors
    /// [`RpcFailure::Scheme`] for another URL.
    pub fn start(url: Url) -> Result<Self, RpcError> {
        let endpoint = Endpoint::from(&url);
        if !matches!(url.scheme(), "ws" | "wss") {
            return Err(RpcError { endpoint, failure: RpcFailure::WebSocketScheme(url.scheme().to_owned()) });
        }
        let (wake, announced) = watch::channel(0);
        let task = tokio::spawn(async move { listen(&url, &endpoint, &wake).await });
        Ok(Self { announced, _task: Arc::new(Task(task)) })
    }

    /// Waits for the next announcement. One that came since the last call ends it at once.
    pub async fn next(&mut self) {
        if self.announced.changed().await.is_err() {
            // The task lives as long as this does, unless it panicked; then there are no announcements.
            std::future::pending::<()>().await;
        }
    }

    /// Waits for the next announcement, and for `interval` at most.
    pub async fn rest(&mut self, interval: Duration) {
        // Either way it is time to look.
        let _ = timeout(interval, self.next()).await;
    }
}

async fn listen(url: &Url, endpoint: &Endpoint, wake: &watch::Sender<u64>) {
    let mut pause = PAUSES.0;
    loop {
        match follow(url, wake).await {
            Ok(heard) => {
                tracing::info!(%endpoint, heard, "the subscription to new blocks ended; polling goes on");
                pause = if heard > 0 { PAUSES.0 } else { (pause * 2).min(PAUSES.1) };
            }
            Err(error) => {
                let error = endpoint.scrub(&error.to_string());
                tracing::warn!(%endpoint, %error, "cannot subscribe to new blocks; polling goes on");
                pause = (pause * 2).min(PAUSES.1);
            }
        }
        sleep(pause.mul_f64(0.5 + f64::from(OsRng.next_u32()) / f64::from(u32::MAX) / 2.0)).await;
    }
}

/// Follows one connection to its end; how often it announced something.
async fn follow(url: &Url, wake: &watch::Sender<u64>) -> Result<u64, Error> {
    match timeout(CONNECT_TIMEOUT, connect(url)).await {
        Ok(stream) => relay(stream?, wake).await,
        Err(_) => Err(Error::Io(std::io::ErrorKind::TimedOut.into())),
    }
}

async fn connect(url: &Url) -> Result<WebSocket<Box<dyn Stream>>, Error> {
    let invalid = |text: &'static str| Error::Io(std::io::Error::new(std::io::ErrorKind::InvalidInput, text));
    let host = url.host_str().ok_or_else(|| invalid("the URL has no host"))?;
    let port = url.port_or_known_default().ok_or_else(|| invalid("the URL has no port"))?;
    let bare = host.trim_start_matches('[').trim_end_matches(']').to_owned();
    let tcp = TcpStream::connect((bare.as_str(), port)).await?;
    let stream: Box<dyn Stream> = if url.scheme() == "wss" {
        let config = tls().map_err(|_| invalid("TLS could not be set up"))?;
        let name = ServerName::try_from(bare).map_err(|_| invalid("the host has no valid name"))?;
        Box::new(TlsConnector::from(Arc::new(config)).connect(name, tcp).await?)
    } else {
        Box::new(tcp)
    };
    let mut socket = WebSocket::open(url, stream).await?;
    socket.say(SUBSCRIBE).await?;
    Ok(socket)
}

/// What a connection is made of.
trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

async fn relay(mut socket: WebSocket<Box<dyn Stream>>, wake: &watch::Sender<u64>) -> Result<u64, Error> {
    let mut heard = 0;
    while let Ok(frame) = timeout(SILENCE_MAX, socket.hear()).await {
        match frame? {
            Heard::Message => {
                heard += 1;
                wake.send_modify(|announced| *announced += 1);
                sleep(WAKE_GAP).await;
            }
            Heard::Control => {}
            Heard::Close => break,
        }
    }
    Ok(heard)
}
