//! Results that wait on the chain for vetoes, and the shares of vetoes against them. As many as the chain says are pending; of each, one
//! share per operator and table.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::sync::Arc;

use tandem_crypto::{CertifiedVeto, KeyTable, Share, SharesError, Signature};
use tandem_types::{BatchEntry, Epoch, OperatorId, Policy, ResultLeaf, TaskId};

use crate::agreement::TABLES_MAX;
use crate::policy::{Stake, stops};
use crate::positions::Positions;
use crate::schedule::{Slot, Timestamp};

/// The pending results, by task.
#[derive(Debug, Default)]
pub(crate) struct Pendings {
    tasks: BTreeMap<TaskId, Pending>,
}

/// One result that waits for vetoes.
#[derive(Debug)]
pub(crate) struct Pending {
    pub(crate) leaf: ResultLeaf,
    /// From when on it can not be vetoed any more.
    pub(crate) until: Timestamp,
    /// By table, for operators do not change tables at one moment; as many as the agreement keeps.
    gathered: BTreeMap<Epoch, Gathering>,
    veto: Option<Due>,
    /// When this operator finalizes it; unknown before the window has passed.
    pub(crate) finalized_at: Option<Timestamp>,
}

/// A veto that was certified here, and when it is submitted next.
#[derive(Debug)]
struct Due {
    certified: CertifiedVeto,
    keys: Arc<KeyTable>,
    at: Timestamp,
}

/// Shares of vetoes under one table.
#[derive(Debug)]
struct Gathering {
    keys: Arc<KeyTable>,
    shares: BTreeMap<usize, Signature>,
    /// Operators that sent something else than their signature.
    lost: Positions,
}

/// When a veto is submitted: at once by the leader, and later by whoever holds it too, should the leader fail.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Haste {
    pub(crate) leads: bool,
    pub(crate) slot_ms: u64,
    pub(crate) takeover_ms: u64,
}

impl Haste {
    /// The time between two submissions: that of a takeover, but no more than a quarter of what is left.
    fn pause_ms(&self, now: Timestamp, until: Timestamp) -> u64 {
        let left = until.0.saturating_sub(now.0);
        self.takeover_ms.min(left / 4).max(self.slot_ms)
    }
}

impl Pendings {
    /// Notes what the chain says. Another result of the same task takes the place of the first.
    pub(crate) fn insert(&mut self, entry: BatchEntry, until: Timestamp) {
        match self.tasks.get_mut(&entry.task_id) {
            Some(pending) if pending.leaf == entry.leaf => pending.until = until,
            _ => {
                self.tasks.insert(entry.task_id, Pending::new(entry.leaf, until));
            }
        }
    }

    pub(crate) fn remove(&mut self, task: TaskId) {
        self.tasks.remove(&task);
    }

    pub(crate) fn get(&self, task: TaskId) -> Option<&Pending> {
        self.tasks.get(&task)
    }

    /// The result of `task` that is pending.
    pub(crate) fn leaf(&self, task: TaskId) -> Option<ResultLeaf> {
        self.tasks.get(&task).map(|pending| pending.leaf)
    }

    /// The result of `task` that may be vetoed now.
    pub(crate) fn vetoable(&mut self, task: TaskId, now: Timestamp) -> Option<&mut Pending> {
        self.tasks.get_mut(&task).filter(|pending| now < pending.until)
    }

    /// What may be vetoed now, from the start of the slot's window on and round.
    pub(crate) fn all_vetoable(&self, now: Timestamp, slot: Slot) -> impl Iterator<Item = (TaskId, ResultLeaf)> {
        let start = slot.window_start();
        let all = self.tasks.range(start..).chain(self.tasks.range(..start));
        all.filter(move |(_, pending)| now < pending.until).map(|(task, pending)| (*task, pending.leaf))
    }

    /// What can not be vetoed any more.
    pub(crate) fn passed(&mut self, now: Timestamp) -> impl Iterator<Item = (TaskId, &mut Pending)> {
        let all = self.tasks.iter_mut().filter(move |(_, pending)| pending.until <= now);
        all.map(|(task, pending)| (*task, pending))
    }

    /// The vetoes that are to be submitted now; each comes again after a pause.
    pub(crate) fn take_due(&mut self, now: Timestamp, haste: Haste) -> Vec<(TaskId, CertifiedVeto, Arc<KeyTable>)> {
        let open = self.tasks.iter_mut().filter(|(_, pending)| now < pending.until);
        let due = open.filter_map(|(task, pending)| {
            let due = pending.veto.as_mut().filter(|due| due.at <= now)?;
            due.at = now.plus_ms(haste.pause_ms(now, pending.until));
            Some((*task, due.certified.clone(), due.keys.clone()))
        });
        due.collect()
    }
}

impl Pending {
    fn new(leaf: ResultLeaf, until: Timestamp) -> Self {
        Self { leaf, until, gathered: BTreeMap::new(), veto: None, finalized_at: None }
    }

    /// Adds a share; the first of each operator under each table counts.
    pub(crate) fn share(&mut self, keys: &Arc<KeyTable>, position: usize, signature: Signature) {
        let gathering = self.gathering(keys);
        if !gathering.lost.contains(position) {
            gathering.shares.entry(position).or_insert(signature);
        }
    }

    /// Notes that the operator at `position` sent something else than its signature.
    pub(crate) fn lose(&mut self, keys: &Arc<KeyTable>, position: usize) {
        self.gathering(keys).lose(position);
    }

    fn gathering(&mut self, keys: &Arc<KeyTable>) -> &mut Gathering {
        let epoch = keys.table().epoch();
        if !self.gathered.contains_key(&epoch) && self.gathered.len() >= TABLES_MAX {
            self.gathered.pop_first();
        }
        let new = || Gathering { keys: keys.clone(), shares: BTreeMap::new(), lost: Positions::default() };
        let gathering = self.gathered.entry(epoch).or_insert_with(new);
        // Of the same table, and perhaps without weight that it had.
        gathering.keys = keys.clone();
        gathering
    }

    /// Certifies the veto once enough of the external token stands behind it under the table of `epoch`, and again whenever more do or the
    /// table is newer: the chain may not take the first. Returns who sent something else than its signature; the rest goes on without them.
    pub(crate) fn certify(&mut self, policy: &Policy, epoch: Epoch, now: Timestamp, haste: Haste) -> Vec<OperatorId> {
        let pause_ms = if haste.leads { 0 } else { haste.pause_ms(now, self.until) };
        let at = self.veto.as_ref().map_or(now.plus_ms(pause_ms), |due| due.at);
        let veto = self.veto.as_ref();
        let Some(gathering) = self.gathered.get_mut(&epoch).filter(|gathering| gathering.is_better(veto)) else {
            return Vec::new();
        };
        let (certified, faulty) = gathering.certify(policy, self.leaf);
        let keys = gathering.keys.clone();
        if let Some(certified) = certified {
            self.veto = Some(Due { certified, keys, at });
        }
        faulty
    }
}

impl Gathering {
    fn lose(&mut self, position: usize) {
        self.shares.remove(&position);
        self.lost.insert(position);
    }

    fn certify(&mut self, policy: &Policy, leaf: ResultLeaf) -> (Option<CertifiedVeto>, Vec<OperatorId>) {
        let keys = self.keys.clone();
        let mut faulty = Vec::new();
        while self.is_enough(policy) {
            let shares: Vec<_> =
                self.shares.iter().map(|(&position, &signature)| Share { position, signature }).collect();
            match keys.aggregate(leaf, &shares) {
                Ok(certified) => return (Some(certified), faulty),
                Err(SharesError::Faulty(positions)) => {
                    positions.iter().for_each(|&position| self.lose(position));
                    faulty.extend(positions.into_iter().map(|position| keys.table().entries()[position].operator));
                }
                Err(SharesError::Empty) => break,
            }
        }
        (None, faulty)
    }

    /// Whether a certificate of these shares says more than the one that is there.
    fn is_better(&self, veto: Option<&Due>) -> bool {
        let table = |keys: &KeyTable| keys.table().epoch();
        let signers =
            |due: &Due| due.certified.certificate().signers.words().iter().map(|word| word.count_ones()).sum::<usize>();
        veto.is_none_or(|due| match table(&self.keys).cmp(&table(&due.keys)) {
            Ordering::Less => false,
            Ordering::Equal => self.shares.len() > signers(due),
            Ordering::Greater => true,
        })
    }

    fn is_enough(&self, policy: &Policy) -> bool {
        let table = self.keys.table();
        let signed = table.weight_of(self.shares.keys().copied());
        stops(policy, &Stake { signed, total: table.total() })
    }
}
