//! Operators that break the rules, each in some ways of its own. They see the chain before anybody else, hold each other's keys, and sign
//! whatever helps them; what they cannot do is sign for the honest, or send as somebody else.

mod attacks;

use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;

use tandem_protocol::{Agreement, Effect, Input, Message, OwnResult, PendingResult, Timestamp};
use tandem_types::{B256, Batch, BatchEntry, BatchRoot, Domain, Epoch, G1Point, OperatorId, ResultLeaf, Task, TaskId};

use crate::chain::{Block, Call, Event};
use crate::env::Env;
use crate::identity;
use crate::journal::{Cursor, Recorded};
use crate::operator::Wake;
use crate::workload;

/// Messages that an adversary remembers.
const SEEN_MAX: usize = 64;

/// A way to break the rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Vice {
    /// Says nothing at all.
    Silent,
    /// Leaves out half of what it should send.
    Withholds,
    /// Has the coalition's result instead of its component's.
    LiesAboutResults,
    /// Attests one result to some and another to others.
    Equivocates,
    /// Votes for whatever is proposed.
    VotesForAll,
    /// Sends shares that are not its signatures.
    ForgesShares,
    /// Refuses what it attested.
    Refuses,
    /// Attests, and never votes.
    Abstains,
    /// Proposes what it should not, when it should not.
    ProposesGarbage,
    /// Sends old messages of others and of its own again.
    Replays,
    /// Sends certificates that are none.
    ForgesCertificates,
    /// Brings its coalition's certificates and vetoes to the chain.
    SubmitsFalsehoods,
    /// Keeps the certificates that it leads to.
    Hoards,
    /// Vetoes whatever is pending.
    Vetoes,
    /// Attests tasks that there are not, by the hundreds.
    Floods,
    /// Says everything late.
    Dawdles,
}

const VICES: [Vice; 16] = [
    Vice::Silent,
    Vice::Withholds,
    Vice::LiesAboutResults,
    Vice::Equivocates,
    Vice::VotesForAll,
    Vice::ForgesShares,
    Vice::Refuses,
    Vice::Abstains,
    Vice::ProposesGarbage,
    Vice::Replays,
    Vice::ForgesCertificates,
    Vice::SubmitsFalsehoods,
    Vice::Hoards,
    Vice::Vetoes,
    Vice::Floods,
    Vice::Dawdles,
];

/// One adversary.
#[derive(Debug)]
pub(crate) struct Adversary {
    place: usize,
    id: OperatorId,
    vices: Vec<Vice>,
    core: Agreement,
    seen: VecDeque<Message>,
    tasks: BTreeMap<TaskId, (Task, ResultLeaf)>,
}

impl Adversary {
    pub(crate) fn new(place: usize, env: &mut Env) -> Self {
        let count = 1 + env.random.below(4);
        let vices = (0..count).filter_map(|_| env.random.pick(&VICES).copied()).collect();
        let id = identity::operator(place);
        let core = Agreement::new(id, env.plan.policy, env.plan.settings);
        env.log(format_args!("{place} is an adversary: {vices:?}"));
        env.wake_in(place, 0, 1, Wake::Tick);
        Self { place, id, vices, core, seen: VecDeque::new(), tasks: BTreeMap::new() }
    }

    fn has(&self, vice: Vice) -> bool {
        self.vices.contains(&vice)
    }

    pub(crate) fn wake(&mut self, env: &mut Env) {
        env.wake_in(self.place, 0, env.plan.tick_ms, Wake::Tick);
        self.step(env, Input::Tick);
        if env.random.per_mille(150) {
            self.attack(env);
        }
    }

    pub(crate) fn receive(&mut self, env: &mut Env, from: usize, bytes: &[u8]) {
        let Ok(message) = Message::decode(bytes) else {
            return;
        };
        if self.seen.len() >= SEEN_MAX {
            self.seen.pop_front();
        }
        self.seen.push_back(message.clone());
        if let (true, Message::Propose { epoch, batch }) = (self.has(Vice::VotesForAll), &message) {
            self.vote(env, identity::operator(from), *epoch, batch);
        }
        self.step(env, Input::Received { from: identity::operator(from), message });
    }

    /// A block is mined.
    pub(crate) fn learn(&mut self, env: &mut Env, block: &Rc<Block>) {
        for event in &block.events {
            match event {
                Event::Created { task_id, task } => self.begin(env, block, *task_id, task),
                Event::Delivered { entry, .. } | Event::Vetoed { entry, .. } => {
                    self.step(env, Input::Settled(entry.task_id));
                }
                Event::Pending { entry, until, .. } => {
                    let until = Timestamp(*until * 1_000);
                    self.step(env, Input::Pending(PendingResult { entry: *entry, until }));
                }
                Event::TableChanged => {
                    if let Some(keys) = block.state.current_table(&mut env.chain.memory) {
                        self.step(env, Input::Table(keys));
                    }
                }
                Event::Expired { .. } => {}
            }
        }
    }

    fn begin(&mut self, env: &mut Env, block: &Rc<Block>, task_id: TaskId, task: &Task) {
        let recorded =
            Recorded { task_id, task: task.clone(), block: Cursor { number: block.number, hash: block.hash } };
        let honest = workload::run(&recorded, env).unwrap_or_default();
        let payload = if self.has(Vice::LiesAboutResults) { falsehood() } else { honest };
        let leaf = identity::result(task_id, task, payload).leaf();
        self.tasks.insert(task_id, (task.clone(), leaf));
        let entry = BatchEntry { task_id, leaf };
        let deadline = Timestamp(task.deadline * 1_000);
        let result = OwnResult { entry, requirement: task.requirement, deadline, payload_bytes: 64 };
        self.step(env, Input::Executed(result));
    }

    fn step(&mut self, env: &mut Env, input: Input) {
        let mut inputs = vec![input];
        while let Some(input) = inputs.pop() {
            for effect in self.core.step(Timestamp(env.now), input) {
                inputs.extend(self.perform(env, effect));
            }
        }
    }

    fn perform(&mut self, env: &mut Env, effect: Effect) -> Option<Input> {
        match effect {
            Effect::Send { to, message } => self.send(env, to, &message),
            Effect::Broadcast(message) => {
                if !(self.has(Vice::Hoards) && matches!(message, Message::Certified { .. })) {
                    self.broadcast(env, &message);
                }
            }
            Effect::Vote { to, epoch, batch } => return self.vote(env, to, epoch, &batch),
            Effect::SignVeto { to, epoch, entry } => {
                let share = identity::secret(self.place).sign_veto(&domain(), epoch, entry.leaf);
                env.audit.signature(self.id, epoch, entry.leaf.0, true);
                let message = Message::Veto { epoch, entry, share: share.encode() };
                to.into_iter().for_each(|to| self.send(env, to, &message));
            }
            Effect::Deliver { certified, batch, .. } if !self.has(Vice::Hoards) => {
                let certificate = certified.certificate().clone();
                self.transact(env, Call::Submit { entries: batch.entries().to_vec(), root: batch.root(), certificate });
            }
            Effect::Finalize(entries) if !self.has(Vice::Hoards) => self.transact(env, Call::Finalize(entries)),
            Effect::Veto { task, certified, .. } => {
                let entry = BatchEntry { task_id: task, leaf: certified.leaf() };
                self.transact(env, Call::Veto { entry, certificate: certified.certificate().clone() });
            }
            Effect::Deliver { .. } | Effect::Finalize(_) | Effect::Expired { .. } | Effect::Report { .. } => {}
        }
        None
    }

    fn vote(&mut self, env: &mut Env, to: OperatorId, epoch: Epoch, batch: &Batch) -> Option<Input> {
        let root = batch.root();
        if to != self.id && self.has(Vice::Abstains) {
            return None;
        }
        let message = if to != self.id && self.has(Vice::Refuses) {
            let tasks = batch.entries().iter().take(env.random.below(3)).map(|entry| entry.task_id).collect();
            Message::Refuse { epoch, root, tasks }
        } else if to != self.id && self.has(Vice::ForgesShares) {
            Message::Vote { epoch, root, share: self.forged_share(env, epoch) }
        } else {
            env.audit.signature(self.id, epoch, root.0, false);
            let share = identity::secret(self.place).sign_batch(&domain(), epoch, root).encode();
            Message::Vote { epoch, root, share }
        };
        if to == self.id {
            return Some(Input::Received { from: to, message });
        }
        self.send(env, to, &message);
        None
    }

    fn forged_share(&self, env: &mut Env, epoch: Epoch) -> G1Point {
        let replayed = self.seen.iter().find_map(|message| match message {
            Message::Vote { share, .. } => Some(*share),
            _ => None,
        });
        match env.random.below(3) {
            0 => G1Point([7; 64]),
            1 => replayed.unwrap_or(G1Point([0; 64])),
            _ => identity::secret(self.place).sign_batch(&domain(), Epoch(epoch.0 + 1), BatchRoot(B256::ZERO)).encode(),
        }
    }

    fn send(&mut self, env: &mut Env, to: OperatorId, message: &Message) {
        let withholds = self.has(Vice::Withholds) && env.random.per_mille(500);
        let Some(to) = identity::place(to).filter(|_| !self.has(Vice::Silent) && !withholds) else {
            return;
        };
        let message = match message {
            Message::Attest(entries) if self.has(Vice::Equivocates) && env.random.per_mille(500) => {
                Message::Attest(entries.iter().filter_map(|entry| self.other(entry)).collect())
            }
            message => message.clone(),
        };
        let bytes = message.encode().into();
        if self.has(Vice::Dawdles) {
            let ms = env.random.within(0..=2 * env.plan.settings.slot_ms);
            env.post_late(self.place, to, bytes, ms);
        } else {
            env.post(self.place, to, bytes);
        }
    }

    fn broadcast(&mut self, env: &mut Env, message: &Message) {
        (0..env.plan.operators).for_each(|to| self.send(env, identity::operator(to), message));
    }

    /// The coalition's result for the same task.
    fn other(&self, entry: &BatchEntry) -> Option<BatchEntry> {
        let (task, _) = self.tasks.get(&entry.task_id)?;
        let leaf = identity::result(entry.task_id, task, falsehood()).leaf();
        Some(BatchEntry { task_id: entry.task_id, leaf })
    }

    fn transact(&self, env: &mut Env, call: Call) {
        if !self.has(Vice::Silent) {
            let from_ms = env.now + env.random.within(0..=env.plan.mempool_ms);
            env.chain.send(call, from_ms);
        }
    }
}

/// What the coalition says that components returned.
fn falsehood() -> Vec<u8> {
    b"false".to_vec()
}

fn domain() -> Domain {
    Domain::from(identity::service())
}
