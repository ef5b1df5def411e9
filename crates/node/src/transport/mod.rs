//! Messages between operators: QUIC, encrypted, both ends known by the Ed25519 keys that the chain names.
//!
//! Every node dials every peer, sends on the connections that it dialled and receives on those that it accepted; so no two ends
//! ever have to agree on which connection is the one, and one direction can fail without the other (ADR 2 has the price). A
//! message is one unidirectional stream. It leaves the queue for good when the other end has acknowledged all of it; what was not
//! acknowledged when a connection broke goes out again on the next. So a message arrives at least once while its peer stays
//! reachable and the queue does not overflow, and messages may come twice or in another order.
//!
//! What it refuses to do:
//! * **Talk to strangers.** The handshake fails for a key that is not a current peer's, in both directions; handshakes in
//!   progress are limited, and under load an address must first prove itself. Sessions are never resumed, so a removed peer cannot
//!   come back on an old ticket.
//! * **Wait for a slow peer.** [`Transport::send`] never blocks: each peer has a bounded queue, and the oldest message of a full one
//!   is dropped and counted.
//! * **Buffer what it was not asked to.** A message of more than [`MESSAGE_BYTES_MAX`] is cut off while it arrives; a peer may have
//!   only so many messages that the node has not taken yet, and is slowed down beyond.
//! * **Understand.** Messages are bytes here; who may say what is the protocol's business.

mod accept;
mod dial;
mod key;
mod peers;
mod queue;
mod stats;
mod tls;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use quinn::{Endpoint, TokioRuntime};
use tandem_types::OperatorId;
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;

pub use accept::Place;
pub use key::{PeerKey, TransportKey};
use peers::Directory;
pub use peers::Peer;
use stats::Counters;
pub use stats::{PeerStats, TransportStats};

/// Largest message, in bytes.
pub const MESSAGE_BYTES_MAX: usize = 64 * 1024;

/// How long [`Transport::shutdown`] waits for the last packets to leave.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(2);

/// The bounds of a transport. The defaults suit a node on the internet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TransportLimits {
    /// Messages that wait for one peer before the oldest is dropped.
    pub queue_messages: usize,
    /// Messages of one peer that the node has not taken yet, before that peer is slowed down.
    pub inbox_messages: u32,
    /// Handshakes of others in progress. From a quarter of it on, an address must prove itself first.
    pub handshakes: usize,
    /// Time for a handshake, and for looking up a name.
    pub handshake_timeout: Duration,
    /// Silence after which a connection is given up.
    pub idle_timeout: Duration,
    /// Silence after which the dialling side asks whether the other is still there.
    pub keep_alive: Duration,
    /// First pause before dialling again; it doubles, with jitter of up to itself, and ends when the peer connects by itself.
    pub redial_min: Duration,
    /// Longest pause before dialling again, without jitter.
    pub redial_max: Duration,
}

impl Default for TransportLimits {
    fn default() -> Self {
        Self {
            queue_messages: 1024,
            inbox_messages: 64,
            handshakes: 256,
            handshake_timeout: Duration::from_secs(5),
            idle_timeout: Duration::from_secs(15),
            keep_alive: Duration::from_secs(4),
            redial_min: Duration::from_millis(100),
            redial_max: Duration::from_secs(5),
        }
    }
}

/// The transport cannot listen.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen for other operators on UDP {address}")]
pub struct BindError {
    /// Where it was to listen.
    pub address: SocketAddr,
    /// What the system says.
    pub source: io::Error,
}

/// Why a message was not even queued.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// The operator is not among the current peers.
    #[error("operator {0} is not a peer")]
    UnknownPeer(OperatorId),
    /// Above [`MESSAGE_BYTES_MAX`], or empty.
    #[error("a message of {0} bytes; 1 to {MESSAGE_BYTES_MAX} are allowed")]
    Size(usize),
}

/// What the tasks of a transport share.
struct Shared {
    endpoint: Endpoint,
    key: TransportKey,
    limits: TransportLimits,
    peers: Arc<Directory>,
    counters: Arc<Counters>,
    stop: CancellationToken,
    tasks: TaskTracker,
}

/// The sending half, and the one that knows the peers. Clones share it; when the last is gone, all connections close.
#[derive(Clone)]
pub struct Transport {
    shared: Arc<Shared>,
    runtime: Handle,
    _guard: Arc<DropGuard>,
}

impl Transport {
    /// Listens on `listen` for peers, of which there are none yet. Call it on a tokio runtime; all tasks run there.
    ///
    /// # Errors
    /// [`BindError`] when the address cannot be used.
    pub fn bind(listen: SocketAddr, key: TransportKey, limits: TransportLimits) -> Result<(Self, Incoming), BindError> {
        let counters = Arc::<Counters>::default();
        let peers = Arc::new(Directory::new(key.public(), limits));
        let server = tls::server_config(&key, &peers, &limits);
        let endpoint = UdpSocket::bind(listen)
            .and_then(|socket| Endpoint::new(tls::endpoint_config(&key), Some(server), socket, Arc::new(TokioRuntime)))
            .map_err(|source| BindError { address: listen, source })?;
        let stop = CancellationToken::new();
        let guard = Arc::new(stop.clone().drop_guard());
        let shared = Arc::new(Shared { endpoint, key, limits, peers, counters, stop, tasks: TaskTracker::new() });
        // Bounded by the permits that travel with the messages: `inbox_messages` for each peer.
        let (inbox, messages) = mpsc::unbounded_channel();
        shared.tasks.spawn(accept::run(Arc::clone(&shared), inbox));
        Ok((Self { shared, runtime: Handle::current(), _guard: guard }, Incoming { messages }))
    }

    /// The address that it listens on, with the port that the system chose.
    ///
    /// # Errors
    /// What the system says.
    pub fn local_address(&self) -> io::Result<SocketAddr> {
        self.shared.endpoint.local_addr()
    }

    /// The key by which others know this node.
    pub fn public_key(&self) -> PeerKey {
        self.shared.key.public()
    }

    /// Replaces the peers. Connections of those that are gone are closed, those that changed are dialled again, and
    /// the queues of those that stay are kept. Entries with this node's own key or with an all-zero one are left out, and of several for
    /// one operator the last counts. Operators that share a key are all taken to speak when its holder does. A peer with a previous key is
    /// known by either.
    pub fn set_peers(&self, peers: Vec<Peer>) {
        for link in self.shared.peers.replace(peers, &self.shared.stop) {
            self.shared.tasks.spawn_on(dial::run(link, Arc::clone(&self.shared)), &self.runtime);
        }
        self.shared.counters.changed.notify_waiters();
    }

    /// Queues a message for a peer and returns at once. When the queue is full its oldest message is dropped.
    ///
    /// # Errors
    /// [`SendError`] when the operator is no peer or the message has a size that is not allowed.
    pub fn send(&self, operator: OperatorId, message: Bytes) -> Result<(), SendError> {
        if message.is_empty() || message.len() > MESSAGE_BYTES_MAX {
            return Err(SendError::Size(message.len()));
        }
        let link = self.shared.peers.link(operator).ok_or(SendError::UnknownPeer(operator))?;
        if link.queue.push(message) {
            link.counters.dropped.add(1);
            self.shared.counters.changed.notify_waiters();
        }
        Ok(())
    }

    /// Where each peer listens, as the chain says.
    pub fn addresses(&self) -> BTreeMap<OperatorId, String> {
        self.shared.peers.addresses()
    }

    /// What was sent and received so far, by peer. Counts of a peer begin anew when it comes back after a removal.
    pub fn stats(&self) -> TransportStats {
        TransportStats {
            peers: self.shared.peers.stats(),
            handshakes_failed: self.shared.counters.handshakes_failed.get(),
            handshakes_refused: self.shared.counters.handshakes_refused.get(),
        }
    }

    /// Closes all connections, tells the peers, and ends all tasks. What is still queued is dropped.
    pub async fn shutdown(&self) {
        self.shared.stop.cancel();
        self.shared.tasks.close();
        let quiet = async {
            self.shared.tasks.wait().await;
            self.shared.endpoint.wait_idle().await;
        };
        if tokio::time::timeout(SHUTDOWN_TIMEOUT, quiet).await.is_err() {
            tracing::debug!("some peers were not told that this node goes away");
        }
    }
}

/// The receiving half.
pub struct Incoming {
    messages: mpsc::UnboundedReceiver<accept::Message>,
}

impl Incoming {
    /// The next message, the operator that sent it, and its place, or `None` after a shutdown. Its sender may have only so many places
    /// taken at a time, so hold on to it until the message has been dealt with.
    pub async fn recv(&mut self) -> Option<(OperatorId, Bytes, Place)> {
        let message = self.messages.recv().await?;
        Some((message.operator, message.bytes, message.place))
    }
}
