//! Which nonce comes next. Several transactions may be under way, each of which holds its own; a nonce whose transaction was given up is used again,
//! before any new one, with fees that replace what may still be waiting.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::fees::Fees;
use super::mempool::Signed;

/// Transactions that are remembered in case a reorganisation takes them back.
const RECENT_MAX: usize = 64;

/// The sequence of one key.
#[derive(Debug)]
pub(crate) struct NonceSequence(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    next: u64,
    /// Nonces that are held, or whose holder has given up.
    unsettled: BTreeMap<u64, Unsettled>,
    /// The last transactions that were mined.
    recent: BTreeMap<u64, Signed>,
}

#[derive(Debug, Default)]
struct Unsettled {
    is_held: bool,
    /// What a transaction offers that may be waiting.
    waiting: Option<Fees>,
}

/// A nonce that nobody else uses until this is dropped.
#[derive(Debug)]
pub(crate) struct Hold<'a> {
    sequence: &'a NonceSequence,
    pub(crate) nonce: u64,
    /// What a transaction offers that may be waiting under it.
    pub(crate) waiting: Option<Fees>,
}

impl NonceSequence {
    /// The sequence of a key that has so many mined transactions.
    pub(crate) fn after(mined: u64) -> Self {
        Self(Mutex::new(State { next: mined, ..State::default() }))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The lowest nonce that is free, given the number of mined transactions. An endpoint that lags behind does not take the sequence back.
    pub(crate) fn hold(&self, mined: u64) -> Hold<'_> {
        let mut state = self.state();
        state.unsettled.retain(|nonce, of| *nonce >= mined || of.is_held);
        let given_up = state.unsettled.iter().find(|(_, of)| !of.is_held).map(|(nonce, _)| *nonce);
        let nonce = given_up.unwrap_or(state.next.max(mined));
        state.next = state.next.max(nonce + 1);
        let of = state.unsettled.entry(nonce).or_default();
        of.is_held = true;
        Hold { sequence: self, nonce, waiting: of.waiting }
    }

    /// Transactions that were mined once, but are not when only `mined` are.
    pub(crate) fn taken_back(&self, mined: u64) -> Vec<Signed> {
        self.state().recent.range(mined..).map(|(_, signed)| signed.clone()).collect()
    }
}

impl Hold<'_> {
    /// Something is about to be sent under the nonce.
    pub(crate) fn offered(&self, fees: Fees) {
        let of = Unsettled { is_held: true, waiting: Some(fees) };
        self.sequence.state().unsettled.insert(self.nonce, of);
    }

    /// The chain holds a transaction under the nonce.
    pub(crate) fn settled(&self) {
        self.sequence.state().unsettled.remove(&self.nonce);
    }

    /// The chain holds this transaction of ours under the nonce.
    pub(crate) fn mined(&self, signed: Signed) {
        self.settled();
        let mut state = self.sequence.state();
        state.recent.insert(self.nonce, signed);
        if state.recent.len() > RECENT_MAX {
            state.recent.pop_first();
        }
    }
}

impl Drop for Hold<'_> {
    fn drop(&mut self) {
        if let Some(of) = self.sequence.state().unsettled.get_mut(&self.nonce) {
            of.is_held = false;
        }
    }
}

#[cfg(test)]
mod tests {
    use tandem_types::B256;

    use super::*;

    const FEES: Fees = Fees { max: 10, tip: 1 };

    fn signed(byte: u8) -> Signed {
        Signed { hash: B256::repeat_byte(byte), bytes: vec![byte] }
    }

    #[test]
    fn sequence_begins_where_the_chain_is_and_follows_it() {
        let nonces = NonceSequence::after(7);
        let first = nonces.hold(6);
        assert_eq!((first.nonce, first.waiting), (7, None), "the endpoint lags");
        assert_eq!(nonces.hold(20).nonce, 20, "somebody else uses the key");
    }

    #[test]
    fn those_that_are_held_at_once_differ() {
        let nonces = NonceSequence::after(7);
        let holds: Vec<_> = (0..3).map(|_| nonces.hold(7)).collect();
        assert_eq!(holds.iter().map(|hold| hold.nonce).collect::<Vec<_>>(), [7, 8, 9]);
    }

    #[test]
    fn settled_nonce_is_followed_by_the_next() {
        let nonces = NonceSequence::after(7);
        let hold = nonces.hold(7);
        hold.offered(FEES);
        hold.mined(signed(7));
        drop(hold);
        assert_eq!(nonces.hold(7).nonce, 8, "the endpoint lags");
    }

    #[test]
    fn nonce_that_was_given_up_is_used_first_unless_it_was_mined() {
        let nonces = NonceSequence::after(7);
        let (first, second) = (nonces.hold(7), nonces.hold(7));
        first.offered(FEES);
        drop(first);
        let again = nonces.hold(7);
        assert_eq!((again.nonce, again.waiting), (7, Some(FEES)));
        drop(again);
        assert_eq!(nonces.hold(8).nonce, 9);
        drop(second);
        let never_sent = nonces.hold(8);
        assert_eq!((never_sent.nonce, never_sent.waiting), (8, None));
    }

    #[test]
    fn taken_back_after_it_was_mined_it_is_held_on() {
        let nonces = NonceSequence::after(7);
        let hold = nonces.hold(7);
        hold.mined(signed(7));
        hold.offered(FEES);
        assert_eq!(nonces.hold(7).nonce, 8);
        drop(hold);
        assert_eq!(nonces.hold(7).nonce, 7);
    }

    #[test]
    fn recent_transactions_are_remembered_by_nonce_up_to_a_limit() {
        let nonces = NonceSequence::after(0);
        (0..100).for_each(|nonce| nonces.hold(nonce).mined(signed(nonce as u8)));
        assert_eq!(nonces.taken_back(0).len(), RECENT_MAX);
        assert_eq!(nonces.taken_back(98), [signed(98), signed(99)]);
    }
}
