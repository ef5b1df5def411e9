//! One honest operator: what `crates/node` does around the agreement, step by step, with a crash possible between any two effects. Its
//! loops are those of the node's modules of the same names; what they await is a wake-up here.

mod agree;
mod broken;
mod executor;
mod source;
mod submitter;

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::rc::Rc;

use tandem_crypto::KeyRing;
use tandem_protocol::{Input, Message, Timestamp};
use tandem_types::{Batch, BatchEntry, Epoch, OperatorId, TaskId};

use crate::chain::{Block, Reader};
use crate::disk::Disk;
use crate::env::Env;
use crate::identity;
use crate::journal::{Answer, Command, Journal};
use crate::sabotage::Sabotage;
use agree::Agree;
use source::{Found, Source};
use submitter::Submitter;

/// What an operator waits for.
#[derive(Debug, Clone)]
pub(crate) enum Wake {
    Tick,
    /// The oldest write is durable.
    Durable,
    Source,
    Attempt(TaskId),
    Submit,
}

/// Who waits for a write.
#[derive(Debug)]
enum Waiter {
    Vote { to: OperatorId, epoch: Epoch, batch: Batch },
    Veto { to: Vec<OperatorId>, epoch: Epoch, entry: BatchEntry },
    Expire,
    Span(Found),
    Outcome(TaskId),
    Nobody,
}

/// What an operator's endpoint is like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rpc {
    Good,
    /// It answers late, and with what was.
    Slow,
    /// It answers every other time.
    Failing,
    /// It invents as many blocks at the tip as confirmations are waited for.
    Lying,
}

/// An honest operator.
#[derive(Debug)]
pub(crate) struct Operator {
    place: usize,
    id: OperatorId,
    keys: Keys,
    disk: Disk<Waiter>,
    /// Counts its processes: what woke an earlier one does not wake this one.
    life: u32,
    is_up: bool,
    live: Live,
    pub(crate) skew_ms: i64,
    pub(crate) rpc: Rpc,
    pub(crate) disk_ms: RangeInclusive<u64>,
    /// Effects until it crashes, and how long it is down then.
    pub(crate) doom: Option<(u32, u64)>,
    pub(crate) crashes: u32,
}

/// A key ring, which does not print itself.
struct Keys(KeyRing);

impl std::fmt::Debug for Keys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Keys")
    }
}

/// What a crash takes.
#[derive(Debug)]
struct Live {
    agree: Agree,
    source: Source,
    attempts: BTreeMap<TaskId, u32>,
    submitter: Submitter,
}

impl Live {
    fn new(id: OperatorId, env: &Env) -> Self {
        let (agree, source) = (Agree::new(id, env), Source::default());
        Self { agree, source, attempts: BTreeMap::new(), submitter: Submitter::default() }
    }
}

impl Operator {
    pub(crate) fn new(place: usize, env: &mut Env) -> Self {
        let id = identity::operator(place);
        let mut operator = Self {
            place,
            id,
            keys: Keys(KeyRing::from(identity::secret(place))),
            disk: Disk::default(),
            life: 0,
            is_up: false,
            live: Live::new(id, env),
            skew_ms: 0,
            rpc: Rpc::Good,
            disk_ms: 1..=8,
            doom: None,
            crashes: 0,
        };
        operator.start(env);
        operator
    }

    pub(crate) fn journal(&self) -> &Journal {
        self.disk.journal()
    }

    pub(crate) fn id(&self) -> OperatorId {
        self.id
    }

    /// Starts a process, unless one runs.
    pub(crate) fn start(&mut self, env: &mut Env) {
        if self.is_up {
            return;
        }
        if env.is_broken(Sabotage::JournalForgets) {
            self.disk.forget();
        }
        self.is_up = true;
        self.live = Live::new(self.id, env);
        env.log(format_args!("{} starts", self.place));
        self.wake_in(env, 0, Wake::Tick);
        self.wake_in(env, 0, Wake::Source);
    }

    /// Ends the process at once; it comes back after some time.
    pub(crate) fn crash(&mut self, env: &mut Env, down_ms: u64) {
        if !self.is_up {
            return;
        }
        env.log(format_args!("{} crashes, for {down_ms} ms", self.place));
        self.crashes += 1;
        self.is_up = false;
        self.life += 1;
        self.doom = None;
        self.disk.crash(&mut env.random);
        self.live = Live::new(self.id, env);
        env.restart_in(self.place, down_ms);
    }

    /// A point between two effects: the process may end here. True when it goes on.
    fn boundary(&mut self, env: &mut Env) -> bool {
        if let Some((left, down_ms)) = self.doom.as_mut() {
            if *left == 0 {
                let down_ms = *down_ms;
                self.crash(env, down_ms);
            } else {
                *left -= 1;
            }
        }
        self.is_up
    }

    pub(crate) fn wake(&mut self, env: &mut Env, life: u32, wake: Wake) {
        if !self.is_up || life != self.life || !self.boundary(env) {
            return;
        }
        match wake {
            Wake::Tick => self.tick(env),
            Wake::Durable => self.durable(env),
            Wake::Source => self.follow(env),
            Wake::Attempt(task) => self.attempt(env, task),
            Wake::Submit => self.submit(env),
        }
    }

    /// A message arrives; a process that is not there does not get it.
    pub(crate) fn receive(&mut self, env: &mut Env, from: usize, bytes: &[u8]) {
        if !self.is_up {
            return;
        }
        match Message::decode(bytes) {
            Ok(message) => self.tell(env, Input::Received { from: identity::operator(from), message }),
            Err(error) => env.log(format_args!("{} cannot read {from}: {error}", self.place)),
        }
    }

    fn durable(&mut self, env: &mut Env) {
        let Some((answer, waiter)) = self.disk.finish() else {
            return;
        };
        match (waiter, answer) {
            (Waiter::Vote { to, epoch, batch }, answer) => self.voted(env, to, (epoch, batch), answer == Answer::Done),
            (Waiter::Veto { to, epoch, entry }, Answer::Done) => self.vetoed(env, &to, (epoch, entry)),
            (Waiter::Veto { .. } | Waiter::Expire, _) => self.unblock(env),
            (Waiter::Span(found), Answer::Span { new, reopened }) => {
                self.recorded(env, Found { new, reopened, ..found })
            }
            (Waiter::Outcome(task), Answer::Outcome(outcome)) => self.executed(env, task, outcome),
            (Waiter::Span(_) | Waiter::Outcome(_) | Waiter::Nobody, _) => {}
        }
    }

    fn write(&mut self, env: &mut Env, command: Command, waiter: Waiter) {
        let ms = env.random.within(self.disk_ms.clone());
        let at = self.disk.write(env.now, ms, command, waiter);
        self.wake_in(env, at - env.now, Wake::Durable);
    }

    fn wake_in(&self, env: &mut Env, ms: u64, wake: Wake) {
        env.wake_in(self.place, self.life, ms, wake);
    }

    fn clock(&self, env: &Env) -> Timestamp {
        Timestamp(env.now.saturating_add_signed(self.skew_ms))
    }

    fn seconds(&self, env: &Env) -> u64 {
        self.clock(env).0 / 1_000
    }

    /// How long the endpoint takes.
    fn rpc_ms(&self, env: &mut Env) -> u64 {
        let range = if self.rpc == Rpc::Slow { 500..=4_000 } else { 5..=60 };
        env.random.within(range)
    }

    /// The head that the endpoint shows, if it answers.
    fn head(&self, env: &mut Env) -> Option<Rc<Block>> {
        match self.rpc {
            Rpc::Good => Some(env.chain.head().clone()),
            Rpc::Slow => Some(env.chain.head_at(env.now - env.random.within(0..=8_000)).clone()),
            Rpc::Failing => env.random.per_mille(500).then(|| env.chain.head().clone()),
            Rpc::Lying => {
                let tip = env.chain.head().clone();
                Some(env.chain.forged_head(&tip, env.plan.confirmations))
            }
        }
    }

    fn reader(&self, env: &Env) -> Reader {
        let confirmations = if env.is_broken(Sabotage::TrustsTheTip) { 0 } else { env.plan.confirmations };
        Reader { confirmations, rewinds: !env.is_broken(Sabotage::NeverRewinds) }
    }
}
