//! One file: bytes in memory, and zeros behind them that take no time until something is written there.

use std::sync::Mutex;

use super::account::{Place, lock};
use super::tree::TreeError;

/// One file.
#[derive(Debug)]
pub(crate) struct File {
    pub(super) place: Place,
    content: Mutex<Content>,
}

/// The file's bytes up to `len`, all of which are paid for; those that are not `stored` are zeros.
#[derive(Debug, Default)]
struct Content {
    stored: Vec<u8>,
    len: usize,
}

impl File {
    pub(super) fn new(place: Place) -> Self {
        Self { place, content: Mutex::default() }
    }

    pub(super) fn len(&self) -> u64 {
        lock(&self.content).len as u64
    }

    /// Up to `len` bytes from `offset`; nothing at the end.
    pub(super) fn read(&self, offset: u64, len: usize) -> Vec<u8> {
        let content = lock(&self.content);
        let start = usize::try_from(offset).unwrap_or(usize::MAX).min(content.len);
        let end = start.saturating_add(len).min(content.len);
        let stored = |at: usize| at.min(content.stored.len());
        self.place.account.work.bytes(end - start);
        let mut bytes = Vec::with_capacity(end - start);
        bytes.extend_from_slice(&content.stored[stored(start)..stored(end)]);
        bytes.resize(end - start, 0);
        bytes
    }

    /// Writes all of `bytes`, or nothing. A gap before `offset` is filled with zeros.
    pub(super) fn write(&self, offset: u64, bytes: &[u8]) -> Result<(), TreeError> {
        if bytes.is_empty() {
            return Ok(());
        }
        let end = offset.checked_add(bytes.len() as u64).ok_or(TreeError::Invalid)?;
        let mut content = lock(&self.content);
        if end > content.len as u64 {
            self.resize(&mut content, end)?;
        }
        let start = usize::try_from(offset).map_err(|_| TreeError::Invalid)?;
        self.store(&mut content.stored, start, bytes);
        Ok(())
    }

    pub(super) fn append(&self, bytes: &[u8]) -> Result<(), TreeError> {
        self.write(self.len(), bytes)
    }

    pub(super) fn set_len(&self, len: u64) -> Result<(), TreeError> {
        self.resize(&mut lock(&self.content), len)
    }

    #[cfg(test)]
    pub(super) fn capacity(&self) -> usize {
        lock(&self.content).stored.capacity()
    }

    /// The limit comes first: what is above it is never allocated.
    fn resize(&self, content: &mut Content, len: u64) -> Result<(), TreeError> {
        let before = content.len as u64;
        let after = usize::try_from(len).unwrap_or(usize::MAX);
        self.place.account.take_bytes(len.saturating_sub(before))?;
        self.place.account.give_bytes(before.saturating_sub(len));
        content.len = after;
        content.stored.truncate(after);
        if content.stored.capacity() / 2 > content.stored.len() {
            self.place.account.work.bytes(content.stored.len());
            content.stored.shrink_to_fit();
        }
        Ok(())
    }

    fn store(&self, stored: &mut Vec<u8>, start: usize, bytes: &[u8]) {
        let end = start + bytes.len();
        self.place.account.work.bytes(end - start.min(stored.len()));
        self.reserve(stored, end);
        if start > stored.len() {
            stored.resize(start, 0);
        }
        let (over, beyond) = bytes.split_at(bytes.len().min(stored.len() - start));
        stored[start..start + over.len()].copy_from_slice(over);
        stored.extend_from_slice(beyond);
    }

    /// Makes room for `len` bytes: half as much again as there was, so that many small writes do not copy the file each time.
    fn reserve(&self, stored: &mut Vec<u8>, len: usize) {
        let capacity = stored.capacity();
        if len > capacity {
            self.place.account.work.bytes(stored.len());
            stored.reserve_exact(len.max(capacity + capacity / 2) - stored.len());
        }
    }
}

impl Drop for File {
    fn drop(&mut self) {
        self.place.account.give_bytes(self.len());
    }
}
