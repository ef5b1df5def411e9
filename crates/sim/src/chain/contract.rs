//! The ServiceManager, as far as agreement depends on it: tasks, tables with their windows, certificates, vetoes. Its judgement of
//! signatures is the real one; its arithmetic is [`quorum`](crate::quorum).

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::sync::Arc;

use tandem_crypto::{KeyTable, Statement};
use tandem_types::{
    Address, B256, BatchEntry, BatchRoot, Certificate, Epoch, ManifestHash, OperatorId, PerToken, Policy, Requirement,
    ResultLeaf, Task, TaskId, keccak256,
};

use crate::identity::{self, Stakes};
use crate::quorum::{self, Conditions, Ruling, Stake};

/// Tables that the contract keeps.
const TABLES_KEPT: usize = 4;

/// What never changes about the contract, and how it is broken, if it is.
#[derive(Debug, Clone)]
pub(crate) struct Terms {
    pub(crate) policy: Policy,
    /// How long a table is believed, in seconds.
    pub(crate) window_s: u64,
    pub(crate) accepts_any_stake: bool,
    pub(crate) delivers_again: bool,
}

/// What a transaction asks for.
#[derive(Debug, Clone)]
pub(crate) enum Call {
    Create(TaskRequest),
    Submit { entries: Vec<BatchEntry>, root: BatchRoot, certificate: Certificate },
    Veto { entry: BatchEntry, certificate: Certificate },
    Finalize(Vec<BatchEntry>),
    Refresh(Stakes),
    Revoke(OperatorId),
    Condition(Conditions),
}

/// A task as its requester asks for it.
#[derive(Debug, Clone)]
pub(crate) struct TaskRequest {
    pub(crate) workflow: &'static str,
    pub(crate) input: u64,
    pub(crate) deadline: u64,
    pub(crate) requirement: Requirement,
}

impl TaskRequest {
    /// The task that it becomes under a number.
    pub(crate) fn task(&self, number: u64) -> Task {
        Task {
            number,
            workflow: self.workflow.parse().expect("workflows of a run have good names"),
            manifest: ManifestHash(B256::repeat_byte(1)),
            handler: Address::repeat_byte(0xdd),
            requester: Address::repeat_byte(0xee),
            deadline: self.deadline,
            requirement: self.requirement,
            input_hash: keccak256(self.input.to_be_bytes()),
        }
    }
}

/// Why a call changes nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Revert {
    NothingToDo,
    UnknownTable,
    TableExpired,
    BadCertificate,
    Refused,
    TooLate,
}

/// What a certificate that the contract took was judged by.
#[derive(Debug, Clone)]
pub(crate) struct Evidence {
    pub(crate) epoch: Epoch,
    pub(crate) signers: Vec<OperatorId>,
    pub(crate) root: B256,
    pub(crate) is_veto: bool,
    pub(crate) stake: Stake,
    pub(crate) requirement: Requirement,
    pub(crate) conditions: Conditions,
}

/// What the contract says.
#[derive(Debug, Clone)]
pub(crate) enum Event {
    Created {
        task_id: TaskId,
        task: Task,
    },
    Pending {
        entry: BatchEntry,
        until: u64,
        evidence: Rc<Evidence>,
    },
    /// Without evidence it was pending, and its window passed.
    Delivered {
        entry: BatchEntry,
        evidence: Option<Rc<Evidence>>,
    },
    Vetoed {
        entry: BatchEntry,
        evidence: Rc<Evidence>,
    },
    Expired {
        task_id: TaskId,
    },
    TableChanged,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Status {
    Open,
    Pending { leaf: ResultLeaf, until: u64 },
    Delivered,
    Vetoed,
}

#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) task_id: TaskId,
    pub(crate) task: Task,
    pub(crate) status: Status,
}

#[derive(Debug, Clone)]
struct Table {
    stakes: Stakes,
    taken_at: u64,
    revoked: BTreeSet<OperatorId>,
}

/// Remembers costly answers, which are functions of their questions: tables, and whether signatures hold.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    tables: BTreeMap<(Epoch, String), Arc<KeyTable>>,
    verified: BTreeMap<B256, bool>,
}

impl Memory {
    pub(crate) fn table(&mut self, epoch: Epoch, stakes: &Stakes, revoked: &BTreeSet<OperatorId>) -> Arc<KeyTable> {
        let key = (epoch, format!("{stakes:?}{revoked:?}"));
        self.tables.entry(key).or_insert_with(|| identity::key_table(epoch, stakes, revoked)).clone()
    }

    fn holds<S: Statement>(&mut self, keys: &KeyTable, statement: S, certificate: &Certificate) -> bool {
        let digest = statement.digest(keys.domain(), keys.table().epoch()).as_word();
        let question = format!("{digest}{:?}{certificate:?}", keys.aggregate_key());
        let key = keccak256(question);
        *self.verified.entry(key).or_insert_with(|| keys.verify(statement, certificate).is_ok())
    }
}

/// The contract's state after a block.
#[derive(Debug, Clone)]
pub(crate) struct Contract {
    terms: Rc<Terms>,
    pub(crate) entries: BTreeMap<TaskId, Entry>,
    count: u64,
    tables: BTreeMap<Epoch, Table>,
    pub(crate) conditions: Conditions,
}

impl Contract {
    pub(crate) fn new(terms: Terms, conditions: Conditions) -> Self {
        Self { terms: Rc::new(terms), entries: BTreeMap::new(), count: 0, tables: BTreeMap::new(), conditions }
    }

    /// What is staked under the newest table.
    pub(crate) fn stakes(&self) -> Option<&Stakes> {
        self.tables.last_key_value().map(|(_, table)| &table.stakes)
    }

    /// The newest table as the contract counts it, if there is one.
    pub(crate) fn current_table(&self, memory: &mut Memory) -> Option<Arc<KeyTable>> {
        let (epoch, table) = self.tables.last_key_value()?;
        Some(memory.table(*epoch, &table.stakes, &table.revoked))
    }

    /// The newest table as it was before anybody lost weight.
    pub(crate) fn whole_table(&self, memory: &mut Memory) -> Option<Arc<KeyTable>> {
        let (epoch, table) = self.tables.last_key_value()?;
        Some(memory.table(*epoch, &table.stakes, &BTreeSet::new()))
    }

    /// Executes a call in a block of that time.
    pub(crate) fn execute(&mut self, call: &Call, time: u64, memory: &mut Memory) -> Result<Vec<Event>, Revert> {
        match call {
            Call::Create(request) => self.create(request, time),
            Call::Submit { entries, root, certificate } => self.submit((entries, *root), certificate, time, memory),
            Call::Veto { entry, certificate } => self.veto(*entry, certificate, time, memory),
            Call::Finalize(entries) => self.finalize(entries, time),
            Call::Refresh(stakes) => Ok(self.refresh(stakes, time)),
            Call::Revoke(operator) => {
                self.tables.values_mut().for_each(|table| _ = table.revoked.insert(*operator));
                Ok(vec![Event::TableChanged])
            }
            Call::Condition(conditions) => {
                self.conditions = *conditions;
                Ok(Vec::new())
            }
        }
    }

    fn create(&mut self, request: &TaskRequest, time: u64) -> Result<Vec<Event>, Revert> {
        if request.deadline <= time {
            return Err(Revert::TooLate);
        }
        self.count += 1;
        let task = request.task(self.count);
        let task_id = task.id(identity::service());
        self.entries.insert(task_id, Entry { task_id, task: task.clone(), status: Status::Open });
        Ok(vec![Event::Created { task_id, task }])
    }

    fn refresh(&mut self, stakes: &Stakes, time: u64) -> Vec<Event> {
        let epoch = Epoch(self.tables.last_key_value().map_or(1, |(epoch, _)| epoch.0 + 1));
        self.tables.insert(epoch, Table { stakes: stakes.clone(), taken_at: time, revoked: BTreeSet::new() });
        while self.tables.len() > TABLES_KEPT {
            self.tables.pop_first();
        }
        vec![Event::TableChanged]
    }

    /// Checks a certificate; the weight of its signers and of the table.
    fn verified<S: Statement>(
        &self,
        statement: S,
        certificate: &Certificate,
        (time, memory): (u64, &mut Memory),
    ) -> Result<(Stake, Vec<OperatorId>), Revert> {
        let table = self.tables.get(&certificate.epoch).ok_or(Revert::UnknownTable)?;
        if time > table.taken_at + self.terms.window_s {
            return Err(Revert::TableExpired);
        }
        let keys = memory.table(certificate.epoch, &table.stakes, &BTreeSet::new());
        if !memory.holds(&keys, statement, certificate) {
            return Err(Revert::BadCertificate);
        }
        let mut stake = Stake { signed: PerToken::default(), total: PerToken::default() };
        let mut signers = Vec::new();
        for (position, entry) in keys.table().entries().iter().enumerate() {
            let weight = entry.weight.map(|weight| weight.units());
            stake.total = stake.total.zip_with(weight, |sum, weight| sum + weight);
            if certificate.signers.words()[position / 256].bit(position % 256) {
                signers.push(entry.operator);
                if !table.revoked.contains(&entry.operator) {
                    stake.signed = stake.signed.zip_with(weight, |sum, weight| sum + weight);
                }
            }
        }
        Ok((stake, signers))
    }

    fn submit(
        &mut self,
        (entries, root): (&[BatchEntry], BatchRoot),
        certificate: &Certificate,
        time: u64,
        memory: &mut Memory,
    ) -> Result<Vec<Event>, Revert> {
        let (due, mut events) = self.pass(entries, time);
        if due.is_empty() {
            return Err(Revert::NothingToDo);
        }
        let required =
            due.iter().filter_map(|entry| self.entries.get(&entry.task_id)).map(|found| found.task.requirement);
        let requirement = required.fold(Requirement::NONE, Requirement::max);
        let (stake, signers) = self.verified(root, certificate, (time, memory))?;
        let mut ruling = quorum::ruling(&self.terms.policy, requirement, self.conditions, &stake);
        if self.terms.accepts_any_stake && ruling == Ruling::Refused {
            ruling = Ruling::Final;
        }
        let (epoch, conditions) = (certificate.epoch, self.conditions);
        let evidence =
            Rc::new(Evidence { epoch, signers, root: root.0, is_veto: false, stake, requirement, conditions });
        match ruling {
            Ruling::Refused => Err(Revert::Refused),
            Ruling::Final => {
                events.extend(due.into_iter().map(|entry| self.deliver(entry, Some(evidence.clone()))));
                Ok(events)
            }
            Ruling::Pending => self.suspend(due, time, &evidence, events),
        }
    }

    /// The results that a final certificate would deliver, and what is said of the others.
    fn pass(&self, entries: &[BatchEntry], time: u64) -> (Vec<BatchEntry>, Vec<Event>) {
        let (mut due, mut events) = (Vec::new(), Vec::new());
        for entry in entries {
            match self.entries.get(&entry.task_id).map(|found| (found.status, &found.task)) {
                Some((Status::Open, task)) if time <= task.deadline => due.push(*entry),
                Some((Status::Open, _)) => events.push(Event::Expired { task_id: entry.task_id }),
                Some((Status::Pending { leaf, .. }, _)) if leaf == entry.leaf => due.push(*entry),
                Some((Status::Delivered, _)) if self.terms.delivers_again => due.push(*entry),
                _ => {}
            }
        }
        (due, events)
    }

    fn suspend(
        &mut self,
        due: Vec<BatchEntry>,
        time: u64,
        evidence: &Rc<Evidence>,
        mut events: Vec<Event>,
    ) -> Result<Vec<Event>, Revert> {
        let Policy::Veto { veto_seconds, .. } = self.terms.policy else {
            return Err(Revert::Refused);
        };
        let until = time + u64::from(veto_seconds.get());
        let mut any = false;
        for entry in due {
            if let Some(found) = self.entries.get_mut(&entry.task_id).filter(|found| found.status == Status::Open) {
                any = true;
                found.status = Status::Pending { leaf: entry.leaf, until };
                events.push(Event::Pending { entry, until, evidence: evidence.clone() });
            }
        }
        if any { Ok(events) } else { Err(Revert::NothingToDo) }
    }

    fn deliver(&mut self, entry: BatchEntry, evidence: Option<Rc<Evidence>>) -> Event {
        if let Some(found) = self.entries.get_mut(&entry.task_id) {
            found.status = Status::Delivered;
        }
        Event::Delivered { entry, evidence }
    }

    fn veto(
        &mut self,
        entry: BatchEntry,
        certificate: &Certificate,
        time: u64,
        memory: &mut Memory,
    ) -> Result<Vec<Event>, Revert> {
        match self.entries.get(&entry.task_id).map(|found| found.status) {
            Some(Status::Pending { leaf, until }) if leaf == entry.leaf && time < until => {}
            Some(Status::Pending { .. }) => return Err(Revert::TooLate),
            _ => return Err(Revert::NothingToDo),
        }
        let (stake, signers) = self.verified(entry.leaf, certificate, (time, memory))?;
        if !quorum::vetoes(&self.terms.policy, &stake) && !self.terms.accepts_any_stake {
            return Err(Revert::Refused);
        }
        if let Some(found) = self.entries.get_mut(&entry.task_id) {
            found.status = Status::Vetoed;
        }
        let (epoch, conditions) = (certificate.epoch, self.conditions);
        let (root, requirement) = (entry.leaf.0, Requirement::NONE);
        let evidence = Evidence { epoch, signers, root, is_veto: true, stake, requirement, conditions };
        Ok(vec![Event::Vetoed { entry, evidence: Rc::new(evidence) }])
    }

    fn finalize(&mut self, entries: &[BatchEntry], time: u64) -> Result<Vec<Event>, Revert> {
        let is_due = |entry: &&BatchEntry| {
            let status = self.entries.get(&entry.task_id).map(|found| found.status);
            matches!(status, Some(Status::Pending { leaf, until }) if leaf == entry.leaf && time >= until)
        };
        let due: Vec<_> = entries.iter().filter(is_due).copied().collect();
        if due.is_empty() {
            return Err(Revert::NothingToDo);
        }
        Ok(due.into_iter().map(|entry| self.deliver(entry, None)).collect())
    }
}
