//! What one service has of the engine, so that none can take all of it. Two things run short: slots, which an execution holds until it ends, and
//! processors, which it can be made to leave at any pause.
//!
//! *Slots*: a run takes as many at once as there can be components in it that wait for each other. Of those that the largest run leaves, half are reserved in
//! equal parts for the services that are loaded; the rest is for whoever comes, the services in turn. A service that fills all it can get leaves every other
//! its part, at once and not only when something ends; and one that waits for many slots is not passed by those who want few.
//!
//! *Processors*: of each service, as many executions are runnable as there are processors. The others wait for their turn, so that a thread finds few of a
//! service that has many, and gets round to the others as often.
//!
//! What it refuses: to let a service count the executions of another as its own, or to keep anything of a service whose components are gone.

use std::collections::{BTreeMap, VecDeque};
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
    accounts: BTreeMap<Key, Account>,
    /// Services with executions that wait, whose turn is next first.
    queue: VecDeque<Key>,
}

/// What a service holds and waits for.
#[derive(Default)]
struct Account {
    share: Weak<Share>,
    taken: usize,
    /// Slots of its largest run. So many are reserved for nobody, or it could wait for ever.
    largest: usize,
    waiting: VecDeque<Waiting>,
}

/// A run that waits for its slots.
struct Waiting {
    slots: usize,
    told: oneshot::Sender<Slots>,
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

/// Room for a run, until it is dropped.
pub(crate) struct Slots {
    share: Arc<Share>,
    slots: usize,
}

impl Shares {
    pub(crate) fn new(slots: usize, threads: usize, connections: usize) -> Arc<Self> {
        Arc::new(Self { slots, threads, connections, services: AtomicUsize::new(0), table: Mutex::default() })
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The share of a service, the same for all of its components, of which one takes `slots` for a run.
    pub(crate) fn of(self: &Arc<Self>, key: Key, slots: usize) -> Arc<Share> {
        let mut table = self.table();
        let account = table.account(key);
        account.largest = account.largest.max(slots);
        let share = account.share.upgrade().unwrap_or_else(|| self.new_share(key));
        account.share = Arc::downgrade(&share);
        self.divide(&mut table);
        self.hand_out(table);
        share
    }

    fn new_share(self: &Arc<Self>, key: Key) -> Arc<Share> {
        Arc::new(Share {
            key,
            shares: Arc::clone(self),
            turns: Arc::new(Semaphore::new(self.threads)),
            connections: Arc::new(Semaphore::new(self.connections)),
            lookups: Arc::new(Semaphore::new(LOOKUPS_MAX)),
        })
    }

    /// Divides what is reserved among the services anew. Those without components have nothing left.
    fn divide(&self, table: &mut Table) {
        table.accounts.retain(|_, account| account.share.strong_count() > 0);
        let Table { accounts, queue, .. } = &mut *table;
        queue.retain(|key| accounts.contains_key(key));
        let largest = accounts.values().map(|account| account.largest).max().unwrap_or_default();
        table.part = self.slots.saturating_sub(largest) / (2 * table.accounts.len().max(1));
        table.reserved = table.accounts.values().map(|account| table.part.saturating_sub(account.taken)).sum();
        self.services.store(table.accounts.len(), Ordering::Relaxed);
    }

    /// Hands free slots to whoever is next, until nobody in line may have what is left. `table` is this one's own. Slots whose run has just stopped waiting come
    /// back when they are dropped, which hands them on.
    fn hand_out(&self, mut table: MutexGuard<'_, Table>) {
        let mut given = Vec::new();
        while let Some((share, Waiting { slots, told })) = table.next(self.slots) {
            table.take(share.key, slots);
            given.push((told, Slots { share, slots }));
        }
        drop(table);
        for (told, slots) in given {
            drop(told.send(slots));
        }
    }
}

impl Table {
    fn account(&mut self, key: Key) -> &mut Account {
        self.accounts.entry(key).or_default()
    }

    /// Whether `wanted` slots are free for `key`: of its own part, or else of what is reserved for nobody, unless another is before it in the `line` for that.
    fn admits(&mut self, key: Key, wanted: usize, slots: usize, line: bool) -> bool {
        let own = self.part.saturating_sub(self.account(key).taken);
        let free = slots - self.taken;
        wanted <= free && (wanted <= own || (!line && wanted + self.reserved <= free + own))
    }

    fn take(&mut self, key: Key, slots: usize) {
        self.taken += slots;
        self.change(key, |taken| taken + slots);
    }

    fn give_back(&mut self, key: Key, slots: usize) {
        self.taken -= slots;
        self.change(key, |taken| taken - slots);
    }

    /// Counts what a service has taken, and what is still reserved for it.
    fn change(&mut self, key: Key, change: impl FnOnce(usize) -> usize) {
        let part = self.part;
        let account = self.account(key);
        let before = part.saturating_sub(account.taken);
        account.taken = change(account.taken);
        let after = part.saturating_sub(account.taken);
        self.reserved = self.reserved - before + after;
    }

    /// The run that waits longest of the next service in turn that may have what it wants. The first in line, if that is none, waits on, and nobody passes it.
    fn next(&mut self, slots: usize) -> Option<(Arc<Share>, Waiting)> {
        self.forget_who_left();
        for place in 0..self.queue.len() {
            let key = self.queue[place];
            let wanted = self.account(key).waiting.front().map_or(0, |waiting| waiting.slots);
            if !self.admits(key, wanted, slots, place > 0) {
                continue;
            }
            let account = self.account(key);
            // Gone in this moment, and about to be told so: its runs have nobody to wait for them.
            let Some(share) = account.share.upgrade() else { continue };
            let waiting = account.waiting.pop_front()?;
            let has_more = !account.waiting.is_empty();
            self.queue.remove(place);
            if has_more {
                self.queue.push_back(key);
            }
            return Some((share, waiting));
        }
        None
    }

    /// Takes out of the line who has stopped waiting, wherever a service's turn would come to it.
    fn forget_who_left(&mut self) {
        let accounts = &mut self.accounts;
        self.queue.retain(|key| {
            let Some(account) = accounts.get_mut(key) else { return false };
            while account.waiting.front().is_some_and(|waiting| waiting.told.is_closed()) {
                account.waiting.pop_front();
            }
            !account.waiting.is_empty()
        });
    }
}

impl Share {
    /// Whether there is no other service to be considerate of.
    pub(crate) fn is_alone(&self) -> bool {
        self.shares.services.load(Ordering::Relaxed) < 2
    }

    /// So many slots, when it is this service's turn. They must not be more than the [`Shares::of`] that made the share was told.
    pub(crate) async fn slots(self: &Arc<Self>, wanted: usize) -> Slots {
        match self.take_or_wait(wanted) {
            Ok(slots) => slots,
            Err(turn) => {
                // Left after the turn is given up, and so closed.
                let _line = Line(self);
                turn.await.expect("whoever waits is told, as long as the share is there")
            }
        }
    }

    fn take_or_wait(self: &Arc<Self>, wanted: usize) -> Result<Slots, oneshot::Receiver<Slots>> {
        let mut table = self.shares.table();
        table.forget_who_left();
        let line = !table.queue.is_empty();
        if table.account(self.key).waiting.is_empty() && table.admits(self.key, wanted, self.shares.slots, line) {
            table.take(self.key, wanted);
            return Ok(Slots { share: Arc::clone(self), slots: wanted });
        }
        let (told, turn) = oneshot::channel();
        let account = table.account(self.key);
        account.waiting.push_back(Waiting { slots: wanted, told });
        if account.waiting.len() == 1 {
            table.queue.push_back(self.key);
        }
        Err(turn)
    }
}

impl Drop for Share {
    /// What was reserved for the service is for the others.
    fn drop(&mut self) {
        let mut table = self.shares.table();
        self.shares.divide(&mut table);
        self.shares.hand_out(table);
    }
}

/// A place in line. Who leaves it, served or not, may have been what the others waited behind.
struct Line<'a>(&'a Share);

impl Drop for Line<'_> {
    fn drop(&mut self) {
        self.0.shares.hand_out(self.0.shares.table());
    }
}

impl Drop for Slots {
    fn drop(&mut self) {
        let Share { key, shares, .. } = &*self.share;
        let mut table = shares.table();
        table.give_back(*key, self.slots);
        shares.hand_out(table);
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
    fn taken(share: &Arc<Share>, wanted: usize) -> Vec<Slots> {
        (0..wanted).map_while(|_| share.take_or_wait(1).ok()).collect()
    }

    #[test]
    fn service_by_itself_has_all_slots() {
        let shares = Shares::new(8, 2, 1);
        let share = shares.of(service(1), 1);
        assert!(share.is_alone());
        let slots = taken(&share, 9);
        assert_eq!(slots.len(), 8);
        drop(slots);
        assert_eq!(taken(&share, 9).len(), 8);
    }

    #[test]
    fn greedy_service_leaves_the_others_their_part() {
        let shares = Shares::new(16, 2, 1);
        let [greedy, one, other] = [1, 2, 3].map(|number| shares.of(service(number), 1));
        let all = taken(&greedy, 100);
        assert_eq!(all.len(), 12);
        assert_eq!(taken(&one, 2).len(), 2);
        let held = taken(&one, 2);
        assert_eq!((held.len(), taken(&other, 5).len()), (2, 2));
    }

    #[test]
    fn part_of_a_service_that_is_gone_is_free() {
        let shares = Shares::new(16, 2, 1);
        let share = shares.of(service(1), 1);
        drop(shares.of(service(2), 1));
        assert_eq!(taken(&share, 100).len(), 16);
    }

    #[test]
    fn services_get_free_slots_in_turn() {
        let shares = Shares::new(1, 2, 1);
        let [one, other] = [1, 2].map(|number| shares.of(service(number), 1));
        let slot = one.take_or_wait(1).ok().expect("it is free");
        let mut turns: Vec<_> = (0..3).map(|_| one.take_or_wait(1).err().expect("it is taken")).collect();
        let mut late = other.take_or_wait(1).err().expect("it is taken");
        drop(slot);
        drop(turns.remove(0).try_recv().expect("the first of the first service"));
        drop(late.try_recv().expect("then the other service"));
        drop(turns.remove(0).try_recv().expect("then the first again"));
    }

    #[test]
    fn slot_of_who_stopped_waiting_goes_on() {
        let shares = Shares::new(1, 2, 1);
        let share = shares.of(None, 1);
        let slot = share.take_or_wait(1).ok().expect("it is free");
        let gone = share.take_or_wait(1).err().expect("it is taken");
        let mut next = share.take_or_wait(1).err().expect("it is taken");
        drop(gone);
        drop(slot);
        assert!(next.try_recv().is_ok());
        assert!(share.take_or_wait(1).is_ok() && share.shares.table().taken == 0);
    }

    #[test]
    fn run_of_many_slots_is_not_passed_by_runs_of_few() {
        let shares = Shares::new(8, 2, 1);
        let (large, small) = (shares.of(service(1), 6), shares.of(service(2), 1));
        let mut held = taken(&small, 5);
        let mut waiting = large.take_or_wait(6).err().expect("there are not as many");
        held.extend(taken(&small, 8));
        assert_eq!(held.len(), 5, "the line is for all");
        let mut few: Vec<_> = (0..8).map(|_| small.take_or_wait(1).err().expect("another is before it")).collect();
        while waiting.try_recv().is_err() {
            assert!(few.iter_mut().all(|turn| turn.try_recv().is_err()));
            drop(held.pop().expect("it comes before all are free"));
        }
        assert_eq!(held.len(), 2);
    }

    #[test]
    fn part_of_a_service_is_there_whoever_waits() {
        let shares = Shares::new(8, 2, 1);
        let (large, small) = (shares.of(service(1), 4), shares.of(service(2), 1));
        let held: Vec<_> = [4, 1].map(|slots| large.take_or_wait(slots)).into_iter().collect();
        assert!(held.iter().all(Result::is_ok));
        let _waiting = large.take_or_wait(4).err().expect("there are not as many");
        assert_eq!(taken(&small, 8).len(), 1);
    }

    #[test]
    fn who_has_left_the_line_holds_up_nobody() {
        let shares = Shares::new(4, 2, 1);
        let (large, small) = (shares.of(service(1), 4), shares.of(service(2), 1));
        let mut held = taken(&small, 4);
        drop(large.take_or_wait(4).err().expect("all are taken"));
        let mut turn = small.take_or_wait(1).err().expect("all are taken");
        drop(held.pop());
        assert!(turn.try_recv().is_ok());
    }

    #[test]
    fn what_a_service_that_is_gone_needed_is_reserved_again() {
        let shares = Shares::new(8, 2, 1);
        let small = shares.of(service(1), 1);
        drop(shares.of(service(2), 8));
        let greedy = shares.of(service(3), 1);
        let held = taken(&greedy, 8);
        assert_eq!((held.len(), taken(&small, 8).len()), (7, 1));
    }

    #[test]
    fn slots_of_a_service_that_is_gone_are_handed_on() {
        let shares = Shares::new(4, 2, 1);
        let (one, other) = (shares.of(service(1), 1), shares.of(service(2), 1));
        let held = taken(&one, 4);
        assert_eq!(held.len(), 4, "no part is left of so few");
        let mut turn = other.take_or_wait(1).err().expect("all are taken");
        drop((held, one));
        assert!(turn.try_recv().is_ok());
    }

    #[tokio::test]
    async fn who_stops_waiting_lets_the_others_pass() {
        let shares = Shares::new(4, 2, 1);
        let (large, small) = (shares.of(service(1), 4), shares.of(service(2), 1));
        let _held = taken(&small, 2);
        let mut waiting = Box::pin(large.slots(4));
        assert!(std::future::poll_fn(|cx| Poll::Ready(waiting.as_mut().poll(cx).is_pending())).await);
        let mut turn = small.take_or_wait(1).err().expect("another is before it");
        drop(waiting);
        assert!(turn.try_recv().is_ok());
    }

    #[tokio::test]
    async fn whoever_waits_is_served() {
        let shares = Shares::new(1, 2, 1);
        let share = shares.of(None, 1);
        let slot = share.slots(1).await;
        let mut waiting = Box::pin(share.slots(1));
        assert!(std::future::poll_fn(|cx| Poll::Ready(waiting.as_mut().poll(cx).is_pending())).await);
        drop(slot);
        drop(waiting.await);
    }
}
