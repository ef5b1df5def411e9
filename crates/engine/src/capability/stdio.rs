//! Standard output and error of components become log lines. Standard input is closed, and the host's own streams are never lent.

use bytes::Bytes;
use tokio::io::AsyncWrite;
use wasmtime_wasi::cli::{IsTerminal, StdoutStream};
use wasmtime_wasi::p2::{OutputStream, Pollable, StreamResult};

use super::logging::LogSink;
use crate::bindings::tandem::service::logging::Level;

/// Most bytes that the guest may write at once.
const PERMIT_BYTES: usize = 64 << 10;

/// One of the two output streams.
#[derive(Clone)]
pub(crate) struct GuestStream {
    pub(crate) sink: LogSink,
    pub(crate) level: Level,
}

impl IsTerminal for GuestStream {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for GuestStream {
    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(Lines { stream: self.clone(), pending: Vec::new() })
    }

    /// Only WASI 0.3 asks for this, which is not linked.
    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        Box::new(tokio::io::sink())
    }
}

/// Cuts a stream of bytes into lines, and leaves out empty ones; an unfinished line is written when the stream is closed.
struct Lines {
    stream: GuestStream,
    pending: Vec<u8>,
}

impl Lines {
    fn push(&mut self, bytes: &[u8]) {
        let room = self.stream.sink.lookahead().saturating_sub(self.pending.len());
        self.pending.extend_from_slice(&bytes[..bytes.len().min(room)]);
    }

    fn end_line(&mut self) {
        let line = std::mem::take(&mut self.pending);
        if line.is_empty() {
            return;
        }
        self.stream.sink.line(self.stream.level, &String::from_utf8_lossy(&line));
    }
}

impl OutputStream for Lines {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        self.stream.sink.work().bytes(bytes.len());
        let mut pieces = bytes.split(|&byte| byte == b'\n');
        self.push(pieces.next().unwrap_or_default());
        for piece in pieces {
            self.end_line();
            self.push(piece);
        }
        Ok(())
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        Ok(PERMIT_BYTES)
    }
}

#[wasmtime_wasi::async_trait]
impl Pollable for Lines {
    async fn ready(&mut self) {}
}

impl Drop for Lines {
    fn drop(&mut self) {
        self.end_line();
    }
}
