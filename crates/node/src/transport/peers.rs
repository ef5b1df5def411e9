//! Who the peers are, and which connections are theirs. One short lock; no work and no waiting under it.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use quinn::Connection;
use tandem_types::{B256, OperatorId};
use tokio::sync::{Notify, Semaphore};
use tokio_util::sync::CancellationToken;

use super::queue::SendQueue;
use super::stats::PeerCounters;
use super::{PeerKey, PeerStats, TransportLimits};

/// An operator's node, as the chain names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Peer {
    /// The operator.
    pub operator: OperatorId,
    /// The key of its node.
    pub key: PeerKey,
    /// The key that it had before, while that is honoured: it may still speak with it.
    pub previous_key: Option<PeerKey>,
    /// Where it listens, `host:port`. A name is looked up whenever it is dialled; one that cannot be is tried again.
    pub address: String,
}

impl Peer {
    /// The keys by which it is known.
    pub(super) fn keys(&self) -> impl Iterator<Item = PeerKey> {
        let previous = self.previous_key.filter(|previous| *previous != self.key && previous.0 != B256::ZERO);
        [Some(self.key), previous].into_iter().flatten()
    }
}

/// What leads to one peer.
pub(super) struct Link {
    pub(super) peer: Peer,
    pub(super) queue: Arc<SendQueue>,
    pub(super) counters: Arc<PeerCounters>,
    /// Told when the peer has connected to this node.
    pub(super) heard: Notify,
    /// Cancelled when the peer is removed or changes.
    pub(super) stop: CancellationToken,
}

/// What comes from the holder of one key.
struct Inbound {
    links: Vec<Arc<Link>>,
    inbox: Arc<Semaphore>,
    connection: Option<Connection>,
}

#[derive(Default)]
struct State {
    links: BTreeMap<OperatorId, Arc<Link>>,
    inbound: HashMap<PeerKey, Inbound>,
}

pub(super) struct Directory {
    own: PeerKey,
    limits: TransportLimits,
    state: Mutex<State>,
}

impl Directory {
    pub(super) fn new(own: PeerKey, limits: TransportLimits) -> Self {
        Self { own, limits, state: Mutex::default() }
    }

    pub(super) fn knows(&self, key: PeerKey) -> bool {
        self.lock().inbound.contains_key(&key)
    }

    pub(super) fn link(&self, operator: OperatorId) -> Option<Arc<Link>> {
        self.lock().links.get(&operator).cloned()
    }

    /// Every operator that the holder of `key` speaks for.
    pub(super) fn speakers(&self, key: PeerKey) -> Vec<Arc<Link>> {
        self.lock().inbound.get(&key).map(|inbound| inbound.links.clone()).unwrap_or_default()
    }

    /// Replaces the peers, cuts what is no longer theirs, and returns the links that are to be dialled.
    pub(super) fn replace(&self, peers: Vec<Peer>, stop: &CancellationToken) -> Vec<Arc<Link>> {
        let wanted = peers.into_iter().filter(|peer| peer.key != self.own && peer.key.0 != B256::ZERO);
        let wanted: BTreeMap<_, _> = wanted.map(|peer| (peer.operator, peer)).collect();
        let mut state = self.lock();
        let before = std::mem::take(&mut state.links);
        let mut fresh = Vec::new();
        for (operator, peer) in wanted {
            let link = match before.get(&operator) {
                Some(link) if link.peer == peer => Arc::clone(link),
                old => {
                    let link = Arc::new(self.new_link(peer, old, stop));
                    fresh.push(Arc::clone(&link));
                    link
                }
            };
            state.links.insert(operator, link);
        }
        for (operator, old) in &before {
            if !state.links.get(operator).is_some_and(|link| Arc::ptr_eq(link, old)) {
                old.stop.cancel();
            }
        }
        self.rebuild_inbound(&mut state);
        fresh
    }

    /// Queue and counts outlive a change of key or address.
    fn new_link(&self, peer: Peer, old: Option<&Arc<Link>>, stop: &CancellationToken) -> Link {
        let (queue, counters) = match old {
            Some(old) => (Arc::clone(&old.queue), Arc::clone(&old.counters)),
            None => (Arc::new(SendQueue::new(self.limits.queue_messages)), Arc::default()),
        };
        Link { peer, queue, counters, heard: Notify::new(), stop: stop.child_token() }
    }

    fn rebuild_inbound(&self, state: &mut State) {
        let mut before = std::mem::take(&mut state.inbound);
        for (link, key) in state.links.values().flat_map(|link| link.peer.keys().map(move |key| (link, key))) {
            let inbound = state.inbound.entry(key).or_insert_with(|| match before.remove(&key) {
                Some(inbound) => Inbound { links: Vec::new(), ..inbound },
                None => Inbound {
                    links: Vec::new(),
                    inbox: Arc::new(Semaphore::new(self.limits.inbox_messages.max(1) as usize)),
                    connection: None,
                },
            });
            inbound.links.push(Arc::clone(link));
        }
        for connection in before.into_values().filter_map(|inbound| inbound.connection) {
            connection.close(Close::NotAPeer.code(), b"no longer a peer");
        }
    }

    /// Takes an accepted connection as the one of `key`, and closes the one before it: its dialler has given that up. Returns
    /// the permits for what comes in, or `None` when the key is no peer's any more.
    pub(super) fn adopt(&self, key: PeerKey, connection: &Connection) -> Option<Arc<Semaphore>> {
        let mut state = self.lock();
        let inbound = state.inbound.get_mut(&key)?;
        if let Some(old) = inbound.connection.replace(connection.clone()) {
            old.close(Close::Replaced.code(), b"replaced by a newer connection");
        }
        inbound.links.iter().for_each(|link| link.heard.notify_one());
        Some(Arc::clone(&inbound.inbox))
    }

    /// Forgets an accepted connection that has ended.
    pub(super) fn release(&self, key: PeerKey, connection: &Connection) {
        if let Some(inbound) = self.lock().inbound.get_mut(&key) {
            inbound.connection.take_if(|current| current.stable_id() == connection.stable_id());
        }
    }

    /// Where each peer listens, as the chain says.
    pub(super) fn addresses(&self) -> BTreeMap<OperatorId, String> {
        self.lock().links.iter().map(|(operator, link)| (*operator, link.peer.address.clone())).collect()
    }

    pub(super) fn stats(&self) -> Vec<PeerStats> {
        let state = self.lock();
        let speaks = |key: PeerKey| state.inbound.get(&key).is_some_and(|from| from.connection.is_some());
        let accepted = |link: &Link| link.peer.keys().any(speaks);
        let links = state.links.values();
        links.map(|link| stats_of(link, accepted(link))).collect()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn stats_of(link: &Link, accepted: bool) -> PeerStats {
    let PeerCounters { connected, sent, received, dropped, refused, oversized, dials_failed, changed_at, received_at } =
        &*link.counters;
    PeerStats {
        operator: link.peer.operator,
        connected: connected.load(Ordering::Relaxed),
        accepted,
        queued: link.queue.len() as u64,
        sent: sent.get(),
        received: received.get(),
        dropped: dropped.get(),
        refused: refused.get(),
        oversized: oversized.get(),
        dials_failed: dials_failed.get(),
        changed_at: changed_at.load(Ordering::Relaxed),
        received_at: received_at.load(Ordering::Relaxed),
    }
}

/// Why a connection is closed, as the other end is told.
#[derive(Debug, Clone, Copy)]
pub(super) enum Close {
    Shutdown = 0,
    NotAPeer = 1,
    Replaced = 2,
}

impl Close {
    pub(super) fn code(self) -> quinn::VarInt {
        quinn::VarInt::from_u32(self as u32)
    }
}
