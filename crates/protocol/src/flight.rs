//! A proposed batch that gathers votes. It ends certified, or is given up.

use std::collections::BTreeMap;
use std::sync::Arc;

use tandem_crypto::{CertifiedBatch, KeyTable, Share, SharesError, Signature};
use tandem_types::{Batch, OperatorId, Quorum};

use crate::positions::Positions;
use crate::quorum;
use crate::schedule::Timestamp;

/// A batch on its way to a certificate.
#[derive(Debug)]
pub(crate) struct Flight {
    pub(crate) batch: Batch,
    pub(crate) keys: Arc<KeyTable>,
    quorum: Quorum,
    started: Timestamp,
    shares: BTreeMap<usize, Signature>,
    /// Operators that will not vote for this batch any more.
    lost: Positions,
    quorum_since: Option<Timestamp>,
}

/// Where a flight stands.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "there is one at a time, and it is taken apart at once")]
pub(crate) enum Progress {
    /// Votes are missing and may still come.
    Waiting,
    /// Enough voted, and the sum of their shares verifies.
    Certified(CertifiedBatch),
    /// These sent shares that are not their signatures; the flight goes on without them.
    Faulty(Vec<OperatorId>),
    /// The quorum cannot be reached any more.
    Refused,
    /// The quorum was not reached in time.
    TimedOut,
}

/// How long a flight waits.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Patience {
    /// For late votes once the quorum is there, in milliseconds.
    pub(crate) grace_ms: u64,
    /// In all, in milliseconds.
    pub(crate) total_ms: u64,
}

impl Flight {
    pub(crate) fn new(batch: Batch, keys: Arc<KeyTable>, quorum: Quorum, started: Timestamp) -> Self {
        let (shares, lost) = (BTreeMap::new(), Positions::default());
        Self { batch, keys, quorum, started, shares, lost, quorum_since: None }
    }

    /// Adds a vote; the first of each operator counts.
    pub(crate) fn vote(&mut self, position: usize, signature: Signature, now: Timestamp) {
        if self.lost.contains(position) {
            return;
        }
        self.shares.entry(position).or_insert(signature);
        if self.quorum_since.is_none() && self.is_reached_by(&self.voters()) {
            self.quorum_since = Some(now);
        }
    }

    /// Notes that the operator at `position` will not vote.
    pub(crate) fn lose(&mut self, position: usize) {
        self.shares.remove(&position);
        self.lost.insert(position);
        if !self.is_reached_by(&self.voters()) {
            self.quorum_since = None;
        }
    }

    /// Looks whether the flight can end.
    pub(crate) fn progress(&mut self, now: Timestamp, patience: Patience) -> Progress {
        let all = Positions::first(self.keys.table().entries().len());
        let undecided = all.difference(&self.lost).difference(&self.voters());
        match self.quorum_since {
            Some(since) if undecided.is_empty() || now >= since.plus_ms(patience.grace_ms) => self.certify(),
            Some(_) => Progress::Waiting,
            None if !self.is_reached_by(&all.difference(&self.lost)) => Progress::Refused,
            None if now >= self.started.plus_ms(patience.total_ms) => Progress::TimedOut,
            None => Progress::Waiting,
        }
    }

    fn certify(&mut self) -> Progress {
        let shares: Vec<_> = self.shares.iter().map(|(&position, &signature)| Share { position, signature }).collect();
        match self.keys.aggregate(self.batch.root(), &shares) {
            Ok(certified) => Progress::Certified(certified),
            Err(SharesError::Faulty(positions)) => {
                positions.iter().for_each(|&position| self.lose(position));
                let entries = self.keys.table().entries();
                Progress::Faulty(positions.into_iter().map(|position| entries[position].operator).collect())
            }
            Err(SharesError::Empty) => Progress::Waiting,
        }
    }

    /// Operators that have not voted.
    pub(crate) fn silent(&self) -> Vec<OperatorId> {
        let entries = self.keys.table().entries();
        let silent = entries.iter().enumerate().filter(|(position, _)| !self.shares.contains_key(position));
        silent.map(|(_, entry)| entry.operator).collect()
    }

    fn voters(&self) -> Positions {
        self.shares.keys().copied().collect()
    }

    fn is_reached_by(&self, positions: &Positions) -> bool {
        let table = self.keys.table();
        quorum::shortfall(&self.quorum, &table.weight_of(positions.iter()), &table.total()).is_none()
    }
}
