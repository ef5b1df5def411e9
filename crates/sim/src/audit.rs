//! The auditor: sees every signature, certificate and block, honest or not, and judges them by itself. It knows what nobody in the run
//! knows, and tells nobody.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::sync::Arc;

use tandem_crypto::KeyTable;
use tandem_protocol::Fault;
use tandem_types::{
    B256, Batch, BatchEntry, BatchRoot, Certificate, Epoch, OperatorId, PerToken, Policy, Requirement, ResultLeaf,
    TaskId,
};

use crate::chain::{Block, Event, Evidence};
use crate::journal::Journal;
use crate::quorum::{self, Conditions, Ruling, Stake};
use crate::violation::Violation;

/// Most violations that are kept: the first ones tell the most.
const VIOLATIONS_MAX: usize = 16;

/// What is signed.
type Statement = (Epoch, B256, bool);

/// The auditor of a run.
#[derive(Debug)]
pub(crate) struct Audit {
    policy: Policy,
    honest: BTreeSet<OperatorId>,
    /// Whether adversaries have less than a third of each token, so that results must be honest ones.
    is_minority: bool,
    /// What honest operators voted for.
    votes: BTreeMap<(OperatorId, TaskId), ResultLeaf>,
    vetoes: BTreeSet<(OperatorId, TaskId, ResultLeaf)>,
    /// Everybody's signatures.
    signatures: BTreeMap<Statement, BTreeSet<OperatorId>>,
    /// What honest operators computed.
    computed: BTreeMap<TaskId, BTreeSet<ResultLeaf>>,
    /// Tables of each epoch; on a fork there may be another of the same.
    tables: BTreeMap<Epoch, Vec<Arc<KeyTable>>>,
    conditions: Vec<Conditions>,
    pub(crate) violations: Vec<Violation>,
    pub(crate) signed: u64,
    pub(crate) certificates: u64,
}

impl Audit {
    pub(crate) fn new(policy: Policy, honest: BTreeSet<OperatorId>, is_minority: bool) -> Self {
        Self {
            policy,
            honest,
            is_minority,
            votes: BTreeMap::new(),
            vetoes: BTreeSet::new(),
            signatures: BTreeMap::new(),
            computed: BTreeMap::new(),
            tables: BTreeMap::new(),
            conditions: vec![Conditions::default()],
            violations: Vec::new(),
            signed: 0,
            certificates: 0,
        }
    }

    pub(crate) fn breach(&mut self, violation: Violation) {
        if self.violations.len() < VIOLATIONS_MAX && !self.violations.contains(&violation) {
            self.violations.push(violation);
        }
    }

    /// An honest operator's component returned something, and its journal has it.
    pub(crate) fn computed(&mut self, task: TaskId, leaf: ResultLeaf) {
        self.computed.entry(task).or_default().insert(leaf);
    }

    /// Somebody made a signature.
    pub(crate) fn signature(&mut self, by: OperatorId, epoch: Epoch, root: B256, is_veto: bool) {
        self.signed += 1;
        self.signatures.entry((epoch, root, is_veto)).or_default().insert(by);
    }

    /// An honest operator signed a batch, with this much durable in its journal.
    pub(crate) fn voted(&mut self, operator: OperatorId, epoch: Epoch, batch: &Batch, journal: &Journal) {
        self.signature(operator, epoch, batch.root().0, false);
        for &BatchEntry { task_id: task, leaf } in batch.entries() {
            let first = *self.votes.entry((operator, task)).or_insert(leaf);
            if first != leaf {
                self.breach(Violation::TwoResultsSigned { operator, task, first, second: leaf });
            }
            if !journal.has_signed(&BatchEntry { task_id: task, leaf }) {
                self.breach(Violation::UnjournaledSignature { operator, task, leaf });
            }
            if self.vetoes.contains(&(operator, task, leaf)) {
                self.breach(Violation::VotedAndVetoed { operator, task, leaf });
            }
        }
    }

    /// An honest operator signed a veto, with this much durable in its journal.
    pub(crate) fn vetoed(&mut self, operator: OperatorId, epoch: Epoch, entry: BatchEntry, journal: &Journal) {
        let BatchEntry { task_id: task, leaf } = entry;
        self.signature(operator, epoch, leaf.0, true);
        self.vetoes.insert((operator, task, leaf));
        if !journal.has_vetoed(&entry) {
            self.breach(Violation::UnjournaledSignature { operator, task, leaf });
        }
        if self.votes.get(&(operator, task)) == Some(&leaf) {
            self.breach(Violation::VotedAndVetoed { operator, task, leaf });
        }
    }

    /// An honest operator believes a certificate over a batch.
    pub(crate) fn certified(&mut self, by: OperatorId, batch: &Batch, certificate: &Certificate) {
        self.certificates += 1;
        let (epoch, root) = (certificate.epoch, batch.root());
        let is_enough = |audit: &Self, stake: &Stake| {
            let mut conditions = audit.conditions.iter();
            conditions.any(|&known| quorum::ruling(&audit.policy, Requirement::NONE, known, stake) != Ruling::Refused)
        };
        if !self.is_carried(by, root, certificate, false, is_enough) {
            self.breach(Violation::CertificateWithoutQuorum { by, epoch, root });
        }
    }

    /// An honest operator believes a certificate over a veto.
    pub(crate) fn certified_veto(&mut self, by: OperatorId, entry: BatchEntry, certificate: &Certificate) {
        let (epoch, root) = (certificate.epoch, BatchRoot(entry.leaf.0));
        if !self.is_carried(by, root, certificate, true, |audit, stake| quorum::vetoes(&audit.policy, stake)) {
            self.breach(Violation::CertificateWithoutQuorum { by, epoch, root });
        }
    }

    /// Whether the signers that a certificate names did sign, and are enough under a table of its epoch.
    fn is_carried(
        &mut self,
        by: OperatorId,
        root: BatchRoot,
        certificate: &Certificate,
        is_veto: bool,
        is_enough: impl Fn(&Self, &Stake) -> bool,
    ) -> bool {
        let signed = self.signatures.get(&(certificate.epoch, root.0, is_veto)).cloned().unwrap_or_default();
        let (mut any, mut fewest) = (false, None::<Vec<OperatorId>>);
        // After a reorganisation there may be two tables of one epoch: it is read under the one that it fits.
        for keys in self.tables.get(&certificate.epoch).into_iter().flatten() {
            let mut stake = Stake { signed: PerToken::default(), total: PerToken::default() };
            let mut liars = Vec::new();
            for (position, entry) in keys.table().entries().iter().enumerate() {
                let weight = entry.weight.map(|weight| weight.units());
                stake.total = stake.total.zip_with(weight, |sum, weight| sum + weight);
                if certificate.signers.words()[position / 256].bit(position % 256) {
                    stake.signed = stake.signed.zip_with(weight, |sum, weight| sum + weight);
                    liars.extend((!signed.contains(&entry.operator)).then_some(entry.operator));
                }
            }
            any |= liars.is_empty() && is_enough(self, &stake);
            if fewest.as_ref().is_none_or(|fewest| liars.len() < fewest.len()) {
                fewest = Some(liars);
            }
        }
        for signer in fewest.unwrap_or_default() {
            self.breach(Violation::CertificateOfNonSigner { by, root, signer });
        }
        any
    }

    /// An honest operator accuses somebody.
    pub(crate) fn reported(&mut self, by: OperatorId, operator: OperatorId, fault: Fault) {
        if self.honest.contains(&operator) && matches!(fault, Fault::ForgedShare | Fault::VoidCertificate) {
            self.breach(Violation::HonestBlamed { by, operator, fault });
        }
    }

    /// A table of the chain, before anybody lost weight in it.
    pub(crate) fn table(&mut self, keys: Arc<KeyTable>) {
        let versions = self.tables.entry(keys.table().epoch()).or_default();
        if !versions.iter().any(|known| known.table() == keys.table()) {
            versions.push(keys);
        }
    }

    /// A block was mined; it may be taken back.
    pub(crate) fn mined(&mut self, block: &Rc<Block>) {
        if !self.conditions.contains(&block.state.conditions) {
            self.conditions.push(block.state.conditions);
        }
        for event in &block.events {
            match event {
                Event::Pending { entry, evidence, .. } => self.accepted(block.number, entry.task_id, evidence, false),
                Event::Delivered { entry, evidence } => {
                    evidence.iter().for_each(|evidence| self.accepted(block.number, entry.task_id, evidence, true));
                    self.delivered(*entry);
                }
                Event::Vetoed { entry, evidence } => {
                    if !quorum::vetoes(&self.policy, &evidence.stake) || !self.have_signed(evidence) {
                        self.breach(Violation::VetoedWithoutQuorum { task: entry.task_id, block: block.number });
                    }
                }
                Event::Created { .. } | Event::Expired { .. } | Event::TableChanged => {}
            }
        }
    }

    fn accepted(&mut self, block: u64, task: TaskId, evidence: &Evidence, is_final: bool) {
        let Evidence { stake, requirement, conditions, .. } = evidence;
        let ruling = quorum::ruling(&self.policy, *requirement, *conditions, stake);
        let is_enough = if is_final { ruling == Ruling::Final } else { ruling != Ruling::Refused };
        if !is_enough || !self.have_signed(evidence) {
            self.breach(Violation::DeliveredWithoutQuorum { task, block });
        }
    }

    fn have_signed(&self, evidence: &Evidence) -> bool {
        let signed = self.signatures.get(&(evidence.epoch, evidence.root, evidence.is_veto));
        evidence.signers.iter().all(|signer| signed.is_some_and(|signed| signed.contains(signer)))
    }

    /// Whether honest operators have one result of the task, and it is another.
    pub(crate) fn is_falsehood(&self, entry: &BatchEntry) -> bool {
        self.computed.get(&entry.task_id).is_some_and(|leaves| leaves.len() == 1 && !leaves.contains(&entry.leaf))
    }

    fn delivered(&mut self, BatchEntry { task_id: task, leaf }: BatchEntry) {
        let is_honest = self.computed.get(&task).is_some_and(|leaves| leaves.contains(&leaf));
        if self.is_minority && !is_honest {
            self.breach(Violation::ResultOfNobody { task, leaf });
        }
    }
}
