//! Which nonce comes next. A nonce whose transaction was given up is used again, with fees that replace what may still be waiting.

use super::fees::Fees;

/// The sequence of one key.
#[derive(Debug, Default)]
pub(crate) struct NonceSequence {
    /// None until the chain was asked, and whenever it must be asked again.
    next: Option<u64>,
    /// A nonce that may have a transaction waiting, and what that one offers.
    unsettled: Option<(u64, Fees)>,
}

/// A nonce to use, and what a transaction that may be waiting under it offers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Turn {
    pub(crate) nonce: u64,
    pub(crate) waiting: Option<Fees>,
}

impl NonceSequence {
    /// The turn, when it is known without asking the chain.
    pub(crate) fn turn(&self) -> Option<Turn> {
        match self.unsettled {
            Some(_) => None,
            None => self.next.map(|nonce| Turn { nonce, waiting: None }),
        }
    }

    /// The turn, given the number of mined transactions. An endpoint that lags behind does not take the sequence back.
    pub(crate) fn resume(&mut self, mined: u64) -> Turn {
        let nonce = match self.unsettled {
            Some((nonce, _)) => mined.max(nonce),
            None => mined.max(self.next.unwrap_or(0)),
        };
        self.unsettled = self.unsettled.filter(|&(waiting, _)| waiting == nonce);
        self.next = Some(nonce);
        Turn { nonce, waiting: self.unsettled.map(|(_, fees)| fees) }
    }

    /// Something is about to be sent under `nonce`.
    pub(crate) fn offered(&mut self, nonce: u64, fees: Fees) {
        self.unsettled = Some((nonce, fees));
    }

    /// The chain holds a transaction under `nonce`.
    pub(crate) fn settled(&mut self, nonce: u64) {
        self.unsettled = None;
        self.next = Some(nonce + 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FEES: Fees = Fees { max: 10, tip: 1 };

    #[test]
    fn sequence_begins_where_the_chain_is() {
        let mut nonces = NonceSequence::default();
        assert_eq!(nonces.turn(), None);
        assert_eq!(nonces.resume(7), Turn { nonce: 7, waiting: None });
        assert_eq!(nonces.turn(), Some(Turn { nonce: 7, waiting: None }));
    }

    #[test]
    fn settled_nonce_is_followed_by_the_next() {
        let mut nonces = NonceSequence::default();
        nonces.resume(7);
        nonces.offered(7, FEES);
        nonces.settled(7);
        assert_eq!(nonces.turn(), Some(Turn { nonce: 8, waiting: None }));
        assert_eq!(nonces.resume(7).nonce, 8, "the endpoint lags");
    }

    #[test]
    fn unsettled_nonce_is_used_again_unless_it_was_mined() {
        let mut nonces = NonceSequence::default();
        nonces.resume(7);
        nonces.offered(7, FEES);
        assert_eq!(nonces.turn(), None);
        assert_eq!(nonces.resume(7), Turn { nonce: 7, waiting: Some(FEES) });
        assert_eq!(nonces.resume(8), Turn { nonce: 8, waiting: None });
    }
}
