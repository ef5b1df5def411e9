//! Counts for metrics. They only ever describe: nothing decides by them.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use tandem_types::OperatorId;
use tokio::sync::Notify;

use crate::clock;

/// How a transport does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TransportStats {
    /// Every current peer, ascending by operator.
    pub peers: Vec<PeerStats>,
    /// Handshakes of others that failed: strangers, other versions, timeouts.
    pub handshakes_failed: u64,
    /// Connection attempts turned away because too many were in progress.
    pub handshakes_refused: u64,
}

/// How the exchange with one peer does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PeerStats {
    /// The peer.
    pub operator: OperatorId,
    /// Whether this node can send to it now.
    pub connected: bool,
    /// Whether it can send to this node now.
    pub accepted: bool,
    /// Messages that wait for it.
    pub queued: u64,
    /// Messages that it acknowledged.
    pub sent: u64,
    /// Messages that came from it.
    pub received: u64,
    /// Messages dropped because its queue was full.
    pub dropped: u64,
    /// Messages that it would not take.
    pub refused: u64,
    /// Messages from it that were cut off for their size.
    pub oversized: u64,
    /// Attempts to dial it that failed.
    pub dials_failed: u64,
    /// When it was connected, or stopped being so, in Unix seconds; 0 when it never was.
    pub changed_at: u64,
    /// When its last message came, in Unix seconds; 0 when none did.
    pub received_at: u64,
}

#[derive(Default)]
pub(super) struct Count(AtomicU64);

impl Count {
    pub(super) fn add(&self, n: u64) {
        self.0.fetch_add(n, Ordering::Relaxed);
    }

    pub(super) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Counts that belong to no peer.
#[derive(Default)]
pub(super) struct Counters {
    pub(super) handshakes_failed: Count,
    pub(super) handshakes_refused: Count,
    /// Told of every change, so that tests can wait for one.
    pub(super) changed: Notify,
}

/// Counts of one peer.
#[derive(Default)]
pub(super) struct PeerCounters {
    pub(super) connected: AtomicBool,
    pub(super) sent: Count,
    pub(super) received: Count,
    pub(super) dropped: Count,
    pub(super) refused: Count,
    pub(super) oversized: Count,
    pub(super) dials_failed: Count,
    pub(super) changed_at: AtomicU64,
    pub(super) received_at: AtomicU64,
}

impl PeerCounters {
    pub(super) fn set_connected(&self, connected: bool) {
        if self.connected.swap(connected, Ordering::Relaxed) != connected {
            self.changed_at.store(clock::unix_seconds(), Ordering::Relaxed);
        }
    }

    pub(super) fn count_received(&self) {
        self.received.add(1);
        self.received_at.store(clock::unix_seconds(), Ordering::Relaxed);
    }
}
