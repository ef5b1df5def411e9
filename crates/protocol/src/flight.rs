//! A proposed batch that gathers votes. It ends certified, or is given up.

use std::collections::BTreeMap;
use std::sync::Arc;

use tandem_crypto::{CertifiedBatch, KeyTable, Share, SharesError, Signature};
use tandem_types::{Batch, OperatorId, OperatorTable};

use crate::policy::{Conditions, Rule, Stake, Verdict};
use crate::positions::Positions;
use crate::schedule::Timestamp;

/// What the tasks of a batch have in common: what they are held to, and whether only a final verdict helps them on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Goal {
    pub(crate) rule: Rule,
    pub(crate) is_final: bool,
}

impl Goal {
    pub(crate) fn is_met(&self, stake: &Stake) -> bool {
        let verdict = self.rule.judge(stake);
        if self.is_final { verdict == Verdict::Final } else { verdict.is_acceptable() }
    }

    pub(crate) fn is_met_by(&self, table: &OperatorTable, positions: &Positions) -> bool {
        self.is_met(&Stake { signed: table.weight_of(positions.iter()), total: table.total() })
    }
}

/// A batch on its way to a certificate.
#[derive(Debug)]
pub(crate) struct Flight {
    pub(crate) batch: Batch,
    pub(crate) keys: Arc<KeyTable>,
    goal: Goal,
    started: Timestamp,
    shares: BTreeMap<usize, Signature>,
    /// Operators that will not vote for this batch any more.
    lost: Positions,
    enough_since: Option<Timestamp>,
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
    /// There can never be enough votes.
    Refused,
    /// There were too few votes in time.
    TimedOut,
}

/// How long a flight waits.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Patience {
    /// For late votes once there are enough, in milliseconds.
    pub(crate) grace_ms: u64,
    /// In all, in milliseconds.
    pub(crate) total_ms: u64,
}

impl Flight {
    pub(crate) fn new(batch: Batch, keys: Arc<KeyTable>, goal: Goal, started: Timestamp) -> Self {
        let (shares, lost) = (BTreeMap::new(), Positions::default());
        Self { batch, keys, goal, started, shares, lost, enough_since: None }
    }

    /// Adds a vote; the first of each operator counts.
    pub(crate) fn vote(&mut self, position: usize, signature: Signature, now: Timestamp) {
        if self.lost.contains(position) {
            return;
        }
        self.shares.entry(position).or_insert(signature);
        self.recount(now);
    }

    /// Notes that the operator at `position` will not vote.
    pub(crate) fn lose(&mut self, position: usize) {
        self.shares.remove(&position);
        self.lost.insert(position);
        self.enough_since = self.enough_since.filter(|_| self.is_enough(&self.voters()));
    }

    /// Judges the votes anew.
    pub(crate) fn reconsider(&mut self, conditions: Conditions, now: Timestamp) {
        self.goal.rule.conditions = conditions;
        self.recount(now);
    }

    fn recount(&mut self, now: Timestamp) {
        let is_enough = self.is_enough(&self.voters());
        self.enough_since = if is_enough { self.enough_since.or(Some(now)) } else { None };
    }

    /// Looks whether the flight can end.
    pub(crate) fn progress(&mut self, now: Timestamp, patience: Patience) -> Progress {
        let all = Positions::first(self.keys.table().entries().len());
        let undecided = all.difference(&self.lost).difference(&self.voters());
        match self.enough_since {
            Some(since) if undecided.is_empty() || now >= since.plus_ms(patience.grace_ms) => self.certify(),
            Some(_) => Progress::Waiting,
            None if !self.is_enough(&all.difference(&self.lost)) => Progress::Refused,
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

    fn is_enough(&self, positions: &Positions) -> bool {
        self.goal.is_met_by(self.keys.table(), positions)
    }
}
