//! Servers that guests talk to: each sends what it sends, whoever asks, over plain TCP, so that no library keeps it from misbehaving.

use std::net::SocketAddr;
use std::time::Duration;

use serde::Deserialize;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;

/// Ways to behave.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum ServerKind {
    /// Says hello.
    Hello,
    /// Sends back the head of the request.
    Echo,
    /// Never ends its answer.
    Endless,
    /// Sends its answer a byte at a time.
    SlowLoris,
    /// Sends its head a byte at a time.
    SlowHead,
    /// Reads the head of a request, and answers nothing.
    Silent,
    /// Reads all there is, and answers nothing.
    Patient,
    /// Answers with 10,000 headers.
    TenThousandHeaders,
    /// Answers with a head of 20 KiB and no body.
    LargeHead,
    /// Says two lengths of one body.
    TwoLengths,
    /// Leads to where clouds keep credentials.
    Redirect,
}

/// A server on 127.0.0.1 that stops when it is dropped.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    _runtime: Runtime,
}

impl Server {
    pub(crate) fn start(kind: ServerKind) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .expect("a thread starts");
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).expect("there is a free port");
        let address = listener.local_addr().expect("the listener is bound");
        runtime.spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(answer(kind, stream));
            }
        });
        Self { address, _runtime: runtime }
    }
}

async fn answer(kind: ServerKind, mut stream: TcpStream) {
    let Some(request) = head(&mut stream).await else { return };
    // Whoever asked may be gone; that is the point of most guests.
    let _ = send(kind, &request, &mut stream).await;
}

/// Reads to the end of the request's head.
async fn head(stream: &mut TcpStream) -> Option<Vec<u8>> {
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        request.push(stream.read_u8().await.ok()?);
    }
    Some(request)
}

async fn send(kind: ServerKind, request: &[u8], stream: &mut TcpStream) -> std::io::Result<()> {
    let padding = "x".repeat(2000);
    match kind {
        ServerKind::Hello => whole(stream, "", b"hello").await,
        ServerKind::Echo => whole(stream, "", request).await,
        ServerKind::Redirect => {
            let location =
                "HTTP/1.1 302 Found\r\nLocation: http://169.254.169.254/latest/meta-data/\r\nContent-Length: 0\r\n\r\n";
            stream.write_all(location.as_bytes()).await
        }
        ServerKind::LargeHead => {
            let headers: String = (0..10).map(|number| format!("x-{number}: {padding}\r\n")).collect();
            whole(stream, &headers, b"").await
        }
        ServerKind::TenThousandHeaders => {
            let headers: String = (0..10_000).map(|number| format!("x{number}: 1\r\n")).collect();
            whole(stream, &headers, b"hello").await
        }
        ServerKind::TwoLengths => whole(stream, "Content-Length: 500\r\n", b"hello").await,
        ServerKind::Endless => {
            stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await?;
            loop {
                stream.write_all(padding.as_bytes()).await?;
            }
        }
        ServerKind::SlowLoris => {
            stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n").await?;
            drip(stream).await
        }
        ServerKind::SlowHead => {
            stream.write_all(b"HTTP/1.1 200 OK\r\nX-Slow: ").await?;
            drip(stream).await
        }
        ServerKind::Silent => std::future::pending().await,
        ServerKind::Patient => loop {
            if stream.read(&mut [0; 4096]).await? == 0 {
                return Ok(());
            }
        },
    }
}

async fn whole(stream: &mut TcpStream, headers: &str, body: &[u8]) -> std::io::Result<()> {
    let head = format!("HTTP/1.1 200 OK\r\n{headers}Content-Length: {}\r\nConnection: close\r\n\r\n", body.len());
    stream.write_all(&[head.as_bytes(), body].concat()).await
}

/// A server that is slow has to wait: that is no wait of the test's.
async fn drip(stream: &mut TcpStream) -> std::io::Result<()> {
    loop {
        stream.write_all(b"x").await?;
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
