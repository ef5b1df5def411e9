//! As much of WebSockets (RFC 6455) as it takes to hear that something was said: the handshake, frames with their lengths, pings answered.
//! Reads no message's meaning, and therefore checks neither the server's handshake key nor its text.

use rand_core::{OsRng, RngCore};
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufStream};
use url::Url;

/// Longest head of the server's answer, in bytes.
const HEAD_BYTES_MAX: u64 = 16 << 10;
/// Largest frame that is read: a block's header has about a kilobyte.
const FRAME_BYTES_MAX: u64 = 64 << 10;
/// Largest payload of a ping.
const PING_BYTES_MAX: u64 = 125;

/// Why there is no connection any more. Holds nothing of the URL.
#[derive(Debug, thiserror::Error)]
pub(crate) enum WebSocketError {
    /// The connection failed.
    #[error(transparent)]
    Io(#[from] std::io::Error),
    /// The server does not switch to WebSockets.
    #[error("the server answered the WebSocket handshake with: {0}")]
    Handshake(String),
    /// A frame is larger than is read.
    #[error("a frame of {0} bytes is too large")]
    TooLarge(u64),
}

/// What kinds of frames are told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Heard {
    /// A message, or a part of one.
    Message,
    /// Something about the connection.
    Control,
    /// The server is done.
    Close,
}

/// A connection over any stream.
#[derive(Debug)]
pub(crate) struct WebSocket<S> {
    stream: BufStream<S>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> WebSocket<S> {
    /// Asks the server to speak WebSockets.
    pub(crate) async fn open(url: &Url, stream: S) -> Result<Self, WebSocketError> {
        let mut stream = BufStream::new(stream);
        stream.write_all(handshake(url).as_bytes()).await?;
        stream.flush().await?;
        let mut head = (&mut stream).take(HEAD_BYTES_MAX);
        let mut status = String::new();
        head.read_line(&mut status).await?;
        let mut line = String::new();
        while head.read_line(&mut line).await? > 0 && !line.trim().is_empty() {
            line.clear();
        }
        match status.split_ascii_whitespace().nth(1) {
            Some("101") => Ok(Self { stream }),
            _ => Err(WebSocketError::Handshake(status.trim().chars().take(100).collect())),
        }
    }

    /// Sends a text of at most 125 bytes.
    pub(crate) async fn say(&mut self, text: &str) -> Result<(), WebSocketError> {
        self.send(0x1, text.as_bytes()).await
    }

    /// Waits for a frame, answers it if it is a ping, and forgets what is in it.
    pub(crate) async fn hear(&mut self) -> Result<Heard, WebSocketError> {
        let opcode = self.stream.read_u8().await? & 0x0f;
        let length = match self.stream.read_u8().await? & 0x7f {
            126 => u64::from(self.stream.read_u16().await?),
            127 => self.stream.read_u64().await?,
            short => u64::from(short),
        };
        if length > FRAME_BYTES_MAX || opcode >= 0x8 && length > PING_BYTES_MAX {
            return Err(WebSocketError::TooLarge(length));
        }
        let mut payload = vec![0; usize::try_from(length).unwrap_or_default()];
        self.stream.read_exact(&mut payload).await?;
        Ok(match opcode {
            0x0..=0x7 => Heard::Message,
            0x8 => Heard::Close,
            0x9 => {
                self.send(0xa, &payload).await?;
                Heard::Control
            }
            _ => Heard::Control,
        })
    }

    /// A final frame, masked as clients must.
    async fn send(&mut self, opcode: u8, payload: &[u8]) -> Result<(), WebSocketError> {
        let length = u8::try_from(payload.len()).ok().filter(|length| u64::from(*length) <= PING_BYTES_MAX);
        let length = length.ok_or(WebSocketError::TooLarge(payload.len() as u64))?;
        let mask = OsRng.next_u32().to_be_bytes();
        let mut frame = vec![0x80 | opcode, 0x80 | length];
        frame.extend(mask);
        frame.extend(payload.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask));
        self.stream.write_all(&frame).await?;
        Ok(self.stream.flush().await?)
    }
}

fn handshake(url: &Url) -> String {
    let target = match url.query() {
        Some(query) => format!("{}?{query}", url.path()),
        None => url.path().to_owned(),
    };
    let host = url.host_str().unwrap_or_default();
    let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
    let key = base64(&OsRng.next_u64().to_be_bytes().repeat(2));
    let authorization = match (url.username(), url.password()) {
        ("", None) => String::new(),
        (user, password) => {
            let both = format!("{user}:{}", password.unwrap_or_default());
            format!("Authorization: Basic {}\r\n", base64(both.as_bytes()))
        }
    };
    format!(
        "GET {target} HTTP/1.1\r\nHost: {host}{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Key: {key}\r\n{authorization}\r\n"
    )
}

fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let word = chunk.iter().chain([&0, &0]).take(3).fold(0_u32, |word, byte| word << 8 | u32::from(*byte));
        for at in 0..4 {
            let digit = char::from(DIGITS[(word >> (18 - 6 * at) & 0x3f) as usize]);
            text.push(if at <= chunk.len() { digit } else { '=' });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use tokio::io::DuplexStream;

    use super::*;

    const WELCOME: &[u8] = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n";

    fn url(text: &str) -> Url {
        Url::parse(text).expect("it is a URL")
    }

    /// A connection, and the server's end of it after the handshake.
    async fn connected() -> (WebSocket<DuplexStream>, DuplexStream) {
        let (client, mut server) = tokio::io::duplex(1 << 20);
        server.write_all(WELCOME).await.expect("there is room");
        let socket = WebSocket::open(&url("ws://node"), client).await.expect("the server switches");
        let mut request = vec![0; 4_096];
        let length = server.read(&mut request).await.expect("the request was sent");
        assert!(request[..length].starts_with(b"GET / HTTP/1.1\r\nHost: node\r\n"));
        (socket, server)
    }

    #[test]
    fn base64_is_that_of_the_rfc() {
        for (text, expected) in [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foobar", "Zm9vYmFy")] {
            assert_eq!(base64(text.as_bytes()), expected);
        }
    }

    #[test]
    fn handshake_names_path_port_and_credentials() {
        let text = handshake(&url("wss://user:pass@node:8546/v3/KEY?a=b"));
        assert!(text.starts_with("GET /v3/KEY?a=b HTTP/1.1\r\nHost: node:8546\r\n"), "{text}");
        assert!(text.contains("\r\nAuthorization: Basic dXNlcjpwYXNz\r\n") && text.ends_with("\r\n\r\n"), "{text}");
    }

    #[tokio::test]
    async fn messages_are_heard_and_pings_are_answered() {
        let (mut socket, mut server) = connected().await;
        server.write_all(&[0x81, 2, b'h', b'i', 0x89, 1, b'x', 0x82, 126, 0, 200]).await.expect("there is room");
        server.write_all(&[0; 200]).await.expect("there is room");
        server.write_all(&[0x88, 0]).await.expect("there is room");
        for expected in [Heard::Message, Heard::Control, Heard::Message, Heard::Close] {
            assert_eq!(socket.hear().await.expect("the frame is whole"), expected);
        }
        let mut pong = [0; 7];
        server.read_exact(&mut pong).await.expect("there is a pong");
        assert_eq!((pong[0], pong[1], pong[6] ^ pong[2]), (0x8a, 0x81, b'x'));
    }

    #[tokio::test]
    async fn large_frames_are_refused_unread() {
        for frame in [vec![0x81, 127, 0, 0, 0, 0, 0, 1, 0, 1], vec![0x89, 126, 0, 126]] {
            let (mut socket, mut server) = connected().await;
            server.write_all(&frame).await.expect("there is room");
            assert!(matches!(socket.hear().await, Err(WebSocketError::TooLarge(_))));
        }
    }

    #[tokio::test]
    async fn server_that_does_not_switch_is_an_error() {
        for answer in [&b"HTTP/1.1 403 Forbidden\r\n\r\n"[..], b"nonsense", b""] {
            let (client, mut server) = tokio::io::duplex(1 << 16);
            server.write_all(answer).await.expect("there is room");
            server.shutdown().await.expect("it is open");
            assert!(matches!(WebSocket::open(&url("ws://node"), client).await, Err(WebSocketError::Handshake(_))));
        }
    }

    #[tokio::test]
    async fn endless_head_is_read_no_further_than_allowed() {
        let (client, mut server) = tokio::io::duplex(1 << 20);
        server.write_all(b"HTTP/1.1 200 OK\r\n").await.expect("there is room");
        server.write_all(&vec![b'x'; 1 << 18]).await.expect("there is room");
        assert!(matches!(WebSocket::open(&url("ws://node"), client).await, Err(WebSocketError::Handshake(_))));
    }
}
