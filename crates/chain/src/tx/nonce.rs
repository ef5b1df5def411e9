//! Which nonce comes next. A nonce whose transaction was given up is used again, with fees that replace what may still be waiting.

use std::collections::VecDeque;

use super::fees::Fees;
use super::mempool::Signed;

/// Transactions that are remembered in case a reorganisation takes them back.
const RECENT_MAX: usize = 64;

/// The sequence of one key.
#[derive(Debug, Default)]
pub(crate) struct NonceSequence {
    next: u64,
    /// A nonce that may have a transaction waiting, and what that one offers.
    unsettled: Option<(u64, Fees)>,
    /// The last transactions that were mined, ascending by nonce.
    recent: VecDeque<(u64, Signed)>,
}

/// A nonce to use, and what a transaction that may be waiting under it offers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Turn {
    pub(crate) nonce: u64,
    pub(crate) waiting: Option<Fees>,
}

impl NonceSequence {
    /// The turn, given the number of mined transactions. An endpoint that lags behind does not take the sequence back.
    pub(crate) fn resume(&mut self, mined: u64) -> Turn {
        let nonce = match self.unsettled {
            Some((nonce, _)) => mined.max(nonce),
            None => mined.max(self.next),
        };
        self.unsettled = self.unsettled.filter(|&(waiting, _)| waiting == nonce);
        self.next = nonce;
        Turn { nonce, waiting: self.unsettled.map(|(_, fees)| fees) }
    }

    /// Something is about to be sent under `nonce`.
    pub(crate) fn offered(&mut self, nonce: u64, fees: Fees) {
        self.unsettled = Some((nonce, fees));
    }

    /// The chain holds a transaction under `nonce`.
    pub(crate) fn settled(&mut self, nonce: u64) {
        self.unsettled = None;
        self.next = nonce + 1;
    }

    /// The chain holds this transaction of ours.
    pub(crate) fn remember(&mut self, nonce: u64, signed: Signed) {
        self.recent.retain(|(other, _)| *other < nonce);
        self.recent.push_back((nonce, signed));
        if self.recent.len() > RECENT_MAX {
            self.recent.pop_front();
        }
    }

    /// Transactions that were mined once, but are not when only `mined` are.
    pub(crate) fn taken_back(&self, mined: u64) -> impl Iterator<Item = &Signed> {
        self.recent.iter().filter(move |(nonce, _)| *nonce >= mined).map(|(_, signed)| signed)
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
    fn sequence_begins_where_the_chain_is() {
        let mut nonces = NonceSequence::default();
        assert_eq!(nonces.resume(7), Turn { nonce: 7, waiting: None });
    }

    #[test]
    fn settled_nonce_is_followed_by_the_next() {
        let mut nonces = NonceSequence::default();
        nonces.resume(7);
        nonces.offered(7, FEES);
        nonces.settled(7);
        assert_eq!(nonces.resume(7), Turn { nonce: 8, waiting: None }, "the endpoint lags");
    }

    #[test]
    fn unsettled_nonce_is_used_again_unless_it_was_mined() {
        let mut nonces = NonceSequence::default();
        nonces.resume(7);
        nonces.offered(7, FEES);
        assert_eq!(nonces.resume(7), Turn { nonce: 7, waiting: Some(FEES) });
        assert_eq!(nonces.resume(8), Turn { nonce: 8, waiting: None });
    }

    #[test]
    fn recent_transactions_are_remembered_by_nonce_up_to_a_limit() {
        let mut nonces = NonceSequence::default();
        (0..100).for_each(|nonce| nonces.remember(nonce, signed(nonce as u8)));
        assert_eq!(nonces.taken_back(0).count(), RECENT_MAX);
        assert_eq!(nonces.taken_back(98).map(|signed| signed.bytes[0]).collect::<Vec<_>>(), [98, 99]);
        nonces.remember(98, signed(0));
        assert_eq!(nonces.taken_back(98).count(), 1);
    }
}
