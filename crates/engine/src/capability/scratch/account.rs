//! What a tree may take, and what it has taken.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::tree::TreeError;
use crate::work::Work;
use crate::{LimitBreach, LimitKind, ScratchLimits};

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What is in use, and the first limit that was met.
#[derive(Debug)]
pub(super) struct Account {
    limits: ScratchLimits,
    bytes: AtomicU64,
    files: AtomicU64,
    serial: AtomicU64,
    breach: Mutex<Option<LimitBreach>>,
    pub(super) work: Work,
}

impl Account {
    /// The account of an empty tree, and the place of its root, which is not the component's.
    pub(super) fn open(limits: ScratchLimits, work: Work) -> Place {
        let (bytes, files, serial) = Default::default();
        let account = Arc::new(Self { limits, bytes, files, serial, breach: Mutex::default(), work });
        Place { serial: account.next_serial(), counts: false, account }
    }

    fn next_serial(&self) -> u64 {
        self.serial.fetch_add(1, Ordering::Relaxed)
    }

    fn take(&self, used: &AtomicU64, amount: u64, breach: LimitBreach) -> Result<(), TreeError> {
        let after = used.load(Ordering::Relaxed).saturating_add(amount);
        if after > breach.limit {
            lock(&self.breach).get_or_insert(breach);
            return Err(TreeError::Full);
        }
        used.store(after, Ordering::Relaxed);
        Ok(())
    }

    pub(super) fn take_bytes(&self, amount: u64) -> Result<(), TreeError> {
        self.take(&self.bytes, amount, LimitBreach { kind: LimitKind::ScratchBytes, limit: self.limits.bytes })
    }

    pub(super) fn give_bytes(&self, amount: u64) {
        self.bytes.fetch_sub(amount, Ordering::Relaxed);
    }

    pub(super) fn place(self: &Arc<Self>) -> Result<Place, TreeError> {
        self.take(&self.files, 1, LimitBreach { kind: LimitKind::ScratchFiles, limit: self.limits.files })?;
        Ok(Place { serial: self.next_serial(), counts: true, account: Arc::clone(self) })
    }

    /// Takes the bytes of a name.
    pub(super) fn charge(self: &Arc<Self>, name: &str) -> Result<Charge, TreeError> {
        let mut charge = Charge { bytes: 0, account: Arc::clone(self) };
        charge.fit(name)?;
        Ok(charge)
    }

    /// The first limit that was met.
    pub(super) fn breach(&self) -> Option<LimitBreach> {
        *lock(&self.breach)
    }

    /// Bytes and files in use.
    #[cfg(test)]
    pub(super) fn used(&self) -> (u64, u64) {
        (self.bytes.load(Ordering::Relaxed), self.files.load(Ordering::Relaxed))
    }
}

/// The place of one file or directory; given back with it.
#[derive(Debug)]
pub(super) struct Place {
    pub(super) serial: u64,
    /// All but the root.
    counts: bool,
    pub(super) account: Arc<Account>,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.account.files.fetch_sub(u64::from(self.counts), Ordering::Relaxed);
    }
}

/// The bytes of one entry's name; given back with the entry.
#[derive(Debug)]
pub(super) struct Charge {
    bytes: u64,
    account: Arc<Account>,
}

impl Charge {
    /// Takes or gives back what another name is longer or shorter.
    pub(super) fn fit(&mut self, name: &str) -> Result<(), TreeError> {
        let bytes = name.len() as u64;
        self.account.take_bytes(bytes.saturating_sub(self.bytes))?;
        self.account.give_bytes(self.bytes.saturating_sub(bytes));
        self.bytes = bytes;
        Ok(())
    }
}

impl Drop for Charge {
    fn drop(&mut self) {
        self.account.give_bytes(self.bytes);
    }
}
