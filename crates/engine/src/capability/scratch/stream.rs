//! Files as streams: always ready, since there is no disk to wait for.

use std::sync::Arc;

use bytes::Bytes;
use wasmtime_wasi::p2::{InputStream, OutputStream, Pollable, StreamError, StreamResult};

use super::file::File;

/// Most bytes of one read or write.
pub(super) const CHUNK_BYTES: usize = 64 << 10;

/// Reads on from an offset.
pub(super) struct Reader {
    pub(super) file: Arc<File>,
    pub(super) offset: u64,
}

impl InputStream for Reader {
    fn read(&mut self, size: usize) -> StreamResult<Bytes> {
        let bytes = self.file.read(self.offset, size.min(CHUNK_BYTES));
        if bytes.is_empty() && size > 0 {
            return Err(StreamError::Closed);
        }
        self.offset += bytes.len() as u64;
        Ok(bytes.into())
    }
}

#[wasmtime_wasi::async_trait]
impl Pollable for Reader {
    async fn ready(&mut self) {}
}

/// Writes on from an offset, or at the end when there is none.
pub(super) struct Writer {
    pub(super) file: Arc<File>,
    pub(super) offset: Option<u64>,
}

impl OutputStream for Writer {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        let written = match self.offset {
            Some(offset) => self.file.write(offset, &bytes),
            None => self.file.append(&bytes),
        };
        written.map_err(|error| StreamError::LastOperationFailed(error.into()))?;
        self.offset = self.offset.map(|offset| offset + bytes.len() as u64);
        Ok(())
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        Ok(CHUNK_BYTES)
    }
}

#[wasmtime_wasi::async_trait]
impl Pollable for Writer {
    async fn ready(&mut self) {}
}
