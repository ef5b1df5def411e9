//! What one service has of the engine, so that none can take all of it. Two things run short: slots, which an execution holds until it ends, and
//! processors, which it can be made to leave at any pause.
//!
//! *Slots*: half of them are reserved in equal parts for the services that are loaded; the other half is for whoever comes, the services in turn. A service that
//! fills all it can get leaves every other its part, at once and not only when something ends.
//!
//! *Processors*: of each service, as many executions are runnable as there are processors. The others wait for their turn, so that a thread finds few of a
//! service that has many, and gets round to the others as often.
//!
//! What it refuses: to let a service count the executions of another as its own, or to keep anything of a service whose components are gone.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use tandem_types::ServiceId;
use tokio::sync::{Semaphore, oneshot};

/// Name lookups of one service at a time. Each takes a thread of the system's resolver for as long as that likes.
const LOOKUPS_MAX: usize = 32;

/// A service of the engine; none is nobody's, and one more.
type Key = Option<ServiceId>;

/// The engine's slots, and who has them.
pub(crate) struct Shares {
    slots: usize,
    threads: usize,
    connections: usize,
    /// How many services there are, to be read without the lock.
    services: AtomicUsize,
    table: Mutex<Table>,
}

#[derive(Default)]
struct Table {
    taken: usize,
    /// Slots that must stay free for services that have less than their part.
    reserved: usize,
    part: usize,
    accounts: HashMap<Key, Account>,
    /// Services with executions that wait, whose turn is next first.
    queue: VecDeque<Key>,
}

/// What a service holds and waits for.
#[derive(Default)]
struct Account {
    share: Weak<Share>,
    running: usize,
    waiting: VecDeque<oneshot::Sender<Slot>>,
}

/// One service's part in the engine. Held by its components.
pub(crate) struct Share {
    key: Key,
    shares: Arc<Shares>,
    /// One per execution that may be runnable.
    pub(crate) turns: Arc<Semaphore>,
    /// One per HTTP connection.
    pub(crate) connections: Arc<Semaphore>,
    /// One per name lookup.
    pub(crate) lookups: Arc<Semaphore>,
}

/// Room for one execution, until it is dropped.
pub(crate) struct Slot(Arc<Share>);

impl Shares {
    pub(crate) fn new(slots: usize, threads: usize, connections: usize) -> Arc<Self> {
        Arc::new(Self { slots, threads, connections, services: AtomicUsize::new(0), table: Mutex::default() })
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The share of a service, the same for all of its components.
    pub(crate) fn of(self: &Arc<Self>, key: Key) -> Arc<Share> {
        let mut table = self.table();
        if let Some(share) = table.accounts.get(&key).and_then(|account| account.share.upgrade()) {
            return share;
        }
        let share = Arc::new(Share {
            key,
            shares: Arc::clone(self),
            turns: Arc::new(Semaphore::new(self.threads)),
            connections: Arc::new(Semaphore::new(self.connections)),
            lookups: Arc::new(Semaphore::new(LOOKUPS_MAX)),
        });
        table.accounts.entry(key).or_default().share = Arc::downgrade(&share);
        self.divide(&mut table);
        share
    }

    /// Divides half of the slots among the services anew. Those without components have nothing left.
    fn divide(&self, table: &mut Table) {
        table.accounts.retain(|_, account| account.share.strong_count() > 0);
        table.part = self.slots / (2 * table.accounts.len().max(1));
        table.reserved = table.accounts.values().map(|account| table.part.saturating_sub(account.running)).sum();
        self.services.store(table.accounts.len(), Ordering::Relaxed);
    }
}

impl Table {
    fn account(&mut self, key: Key) -> &mut Account {
        self.accounts.entry(key).or_default()
    }

    /// Whether a slot is free for `key` that is not reserved for another.
    fn admits(&mut self, key: Key, slots: usize) -> bool {
        let own = self.part.saturating_sub(self.account(key).running);
        self.taken < slots && (slots - self.taken > self.reserved - own || own > 0)
    }

    fn take(&mut self, key: Key) {
        self.taken += 1;
        let part = self.part;
        let account = self.account(key);
        account.running += 1;
        self.reserved -= usize::from(account.running <= part);
    }

    fn give_back(&mut self, key: Key) {
        self.taken -= 1;
        let part = self.part;
        let account = self.account(key);
        account.running -= 1;
        self.reserved += usize::from(account.running < part);
    }

    /// The next service in turn that may have a slot, with the one of its executions that waits longest.
    fn next(&mut self, slots: usize) -> Option<(Arc<Share>, oneshot::Sender<Slot>)> {
        for _ in 0..self.queue.len() {
            let key = self.queue.pop_front()?;
            if !self.admits(key, slots) {
                self.queue.push_back(key);
                continue;
            }
            let Some(account) = self.accounts.get_mut(&key) else { continue };
            let (share, waiting) = (account.share.upgrade(), account.waiting.pop_front());
            if !account.waiting.is_empty() {
                self.queue.push_back(key);
            }
            if let (Some(share), Some(waiting)) = (share, waiting) {
                return Some((share, waiting));
            }
        }
        None
    }
}

impl Share {
    /// Whether there is no other service to be considerate of.
    pub(crate) fn is_alone(&self) -> bool {
        self.shares.services.load(Ordering::Relaxed) < 2
    }

    /// A slot, when it is this service's turn.
    pub(crate) async fn slot(self: &Arc<Self>) -> Slot {
        match self.take_or_wait() {
            Ok(slot) => slot,
            Err(turn) => turn.await.expect("whoever waits is told, as long as the share is there"),
        }
    }

    fn take_or_wait(self: &Arc<Self>) -> Result<Slot, oneshot::Receiver<Slot>> {
        let mut table = self.shares.table();
        if table.account(self.key).waiting.is_empty() && table.admits(self.key, self.shares.slots) {
            table.take(self.key);
            return Ok(Slot(Arc::clone(self)));
        }
        let (waiting, turn) = oneshot::channel();
        let account = table.account(self.key);
        account.waiting.push_back(waiting);
        if account.waiting.len() == 1 {
            table.queue.push_back(self.key);
        }
        Err(turn)
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.shares.divide(&mut self.shares.table());
    }
}

impl Drop for Slot {
    /// Hands the slot to whoever is next. One that has stopped waiting drops it again, which hands it on.
    fn drop(&mut self) {
        let Share { key, shares, .. } = &*self.0;
        let mut table = shares.table();
        table.give_back(*key);
        let mut given = Vec::new();
        while let Some((share, waiting)) = table.next(shares.slots) {
            table.take(share.key);
            given.push((waiting, Self(share)));
        }
        drop(table);
        for (waiting, slot) in given {
            // What comes back is dropped, outside of the lock.
            drop(waiting.send(slot));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::task::Poll;

    use tandem_types::Address;

    use super::*;

    fn service(number: u8) -> Key {
        Some(ServiceId { chain_id: 1, manager: Address::repeat_byte(number) })
    }

    /// Slots that are there at once.
    fn taken(share: &Arc<Share>, wanted: usize) -> Vec<Slot> {
        (0..wanted).map_while(|_| share.take_or_wait().ok()).collect()
    }

    #[test]
    fn service_by_itself_has_all_slots() {
        let shares = Shares::new(8, 2, 1);
        let share = shares.of(service(1));
        assert!(share.is_alone());
        let slots = taken(&share, 9);
        assert_eq!(slots.len(), 8);
        drop(slots);
        assert_eq!(taken(&share, 9).len(), 8);
    }

    #[test]
    fn greedy_service_leaves_the_others_their_part() {
        let shares = Shares::new(16, 2, 1);
        let [greedy, one, other] = [1, 2, 3].map(|number| shares.of(service(number)));
        let all = taken(&greedy, 100);
        assert_eq!(all.len(), 12);
        assert_eq!(taken(&one, 2).len(), 2);
        let held = taken(&one, 2);
        assert_eq!((held.len(), taken(&other, 5).len()), (2, 2));
    }

    #[test]
    fn part_of_a_service_that_is_gone_is_free() {
        let shares = Shares::new(16, 2, 1);
        let share = shares.of(service(1));
        drop(shares.of(service(2)));
        assert_eq!(taken(&share, 100).len(), 16);
    }

    #[test]
    fn services_get_free_slots_in_turn() {
        let shares = Shares::new(1, 2, 1);
        let [one, other] = [1, 2].map(|number| shares.of(service(number)));
        let slot = one.take_or_wait().ok().expect("it is free");
        let mut turns: Vec<_> = (0..3).map(|_| one.take_or_wait().err().expect("it is taken")).collect();
        let mut late = other.take_or_wait().err().expect("it is taken");
        drop(slot);
        drop(turns.remove(0).try_recv().expect("the first of the first service"));
        drop(late.try_recv().expect("then the other service"));
        drop(turns.remove(0).try_recv().expect("then the first again"));
    }

    #[test]
    fn slot_of_who_stopped_waiting_goes_on() {
        let shares = Shares::new(1, 2, 1);
        let share = shares.of(None);
        let slot = share.take_or_wait().ok().expect("it is free");
        let gone = share.take_or_wait().err().expect("it is taken");
        let mut next = share.take_or_wait().err().expect("it is taken");
        drop(gone);
        drop(slot);
        assert!(next.try_recv().is_ok());
        assert!(share.take_or_wait().is_ok() && share.shares.table().taken == 0);
    }

    #[tokio::test]
    async fn whoever_waits_is_served() {
        let shares = Shares::new(1, 2, 1);
        let share = shares.of(None);
        let slot = share.slot().await;
        let mut waiting = Box::pin(share.slot());
        assert!(std::future::poll_fn(|cx| Poll::Ready(waiting.as_mut().poll(cx).is_pending())).await);
        drop(slot);
        drop(waiting.await);
    }
}
