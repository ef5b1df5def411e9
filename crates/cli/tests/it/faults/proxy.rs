//! What stands between operators and their chain, and fails when it is told to.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio_util::task::AbortOnDropHandle;
use url::Url;

/// What becomes of requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// They are answered.
    Pass,
    /// They get no answer.
    Stall,
    /// They get an HTTP error.
    Fail,
}

/// A proxy on a free port of 127.0.0.1. A change of its mode cuts all connections, in the middle of answers too.
pub(crate) struct Proxy {
    address: SocketAddr,
    upstream: Arc<watch::Sender<Option<SocketAddr>>>,
    mode: watch::Sender<Mode>,
    _serving: AbortOnDropHandle<()>,
}

impl Proxy {
    /// Starts without an upstream: connections wait for it.
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("there is a port");
        let address = listener.local_addr().expect("it listens");
        let (upstream, mode) = (Arc::new(watch::Sender::new(None)), watch::Sender::new(Mode::Pass));
        let serving = accept(listener, Arc::clone(&upstream), mode.clone());
        Self { address, upstream, mode, _serving: AbortOnDropHandle::new(tokio::spawn(serving)) }
    }

    pub(crate) fn url(&self) -> Url {
        format!("http://{}/", self.address).parse().expect("it is a URL")
    }

    /// Where requests go from now on.
    pub(crate) fn lead_to(&self, url: &Url) {
        let address = url.socket_addrs(|| None).expect("it is an address").remove(0);
        self.upstream.send_replace(Some(address));
    }

    pub(crate) fn set(&self, mode: Mode) {
        self.mode.send_replace(mode);
    }
}

async fn accept(listener: TcpListener, upstream: Arc<watch::Sender<Option<SocketAddr>>>, mode: watch::Sender<Mode>) {
    while let Ok((client, _)) = listener.accept().await {
        let (mut upstream, mode) = (upstream.subscribe(), mode.subscribe());
        tokio::spawn(async move {
            let upstream = upstream.wait_for(Option::is_some).await.ok().and_then(|address| *address);
            if let Some(upstream) = upstream {
                // Whether the client or the server ended it is nothing to a proxy.
                let _ = serve(client, upstream, mode).await;
            }
        });
    }
}

async fn serve(mut client: TcpStream, upstream: SocketAddr, mut mode: watch::Receiver<Mode>) -> std::io::Result<()> {
    let now = *mode.borrow_and_update();
    match now {
        Mode::Pass => {
            let mut server = TcpStream::connect(upstream).await?;
            tokio::select! {
                ended = copy_bidirectional(&mut client, &mut server) => ended.map(drop),
                _ = mode.changed() => Ok(()),
            }
        }
        Mode::Stall => {
            let _ = mode.changed().await;
            Ok(())
        }
        Mode::Fail => {
            let _ = client.read(&mut [0; 4096]).await?;
            client
                .write_all(b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
                .await
        }
    }
}
