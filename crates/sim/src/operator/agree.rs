//! `node::agree`: feeds the agreement and performs its effects in order. Nothing is signed that the journal does not have.

use std::collections::{BTreeMap, VecDeque};

use tandem_protocol::{Agreement, Effect, Fault, Input, Message};
use tandem_types::{Batch, BatchEntry, BatchRoot, Epoch, OperatorId};

use super::submitter::Due;
use super::{Operator, Waiter, Wake};
use crate::env::Env;
use crate::identity;
use crate::journal::{Command, Settlement};
use crate::log::short;
use crate::sabotage::Sabotage;

/// The agreement, what waits for it, and where it stands with the effects of a step.
#[derive(Debug)]
pub(super) struct Agree {
    pub(super) core: Agreement,
    queue: VecDeque<Input>,
    is_tick_due: bool,
    /// What came of effects at once: the last goes first.
    at_once: Vec<Input>,
    effects: VecDeque<Effect>,
    /// An effect awaits the journal.
    is_blocked: bool,
    /// Shares by what they are for; only the sabotage of counting twice looks at them.
    pub(super) votes: BTreeMap<(Epoch, BatchRoot), super::broken::Votes>,
}

impl Agree {
    pub(super) fn new(id: OperatorId, env: &Env) -> Self {
        Self {
            core: Agreement::new(id, env.plan.policy, env.plan.settings),
            queue: VecDeque::new(),
            is_tick_due: false,
            at_once: Vec::new(),
            effects: VecDeque::new(),
            is_blocked: false,
            votes: BTreeMap::new(),
        }
    }

    fn next(&mut self) -> Option<Input> {
        let tick = || Input::Tick;
        self.at_once
            .pop()
            .or_else(|| std::mem::take(&mut self.is_tick_due).then(tick))
            .or_else(|| self.queue.pop_front())
    }
}

impl Operator {
    pub(super) fn tick(&mut self, env: &mut Env) {
        self.live.agree.is_tick_due = true;
        self.wake_in(env, env.plan.tick_ms, Wake::Tick);
        self.pump(env);
    }

    pub(super) fn tell(&mut self, env: &mut Env, input: Input) {
        self.live.agree.queue.push_back(input);
        self.pump(env);
    }

    pub(super) fn unblock(&mut self, env: &mut Env) {
        self.live.agree.is_blocked = false;
        self.pump(env);
    }

    /// Works until an effect awaits the journal, or nothing is left.
    fn pump(&mut self, env: &mut Env) {
        while self.is_up && !self.live.agree.is_blocked {
            if let Some(effect) = self.live.agree.effects.pop_front() {
                if self.boundary(env) {
                    self.perform(env, effect);
                }
            } else if let Some(input) = self.live.agree.next() {
                self.break_on(env, &input);
                let now = self.clock(env);
                let is_tick = matches!(input, Input::Tick);
                let effects = self.live.agree.core.step(now, input);
                self.live.agree.effects = effects.into();
                if is_tick && env.is_broken(Sabotage::AttestsOnce) {
                    let is_attestation =
                        |effect: &Effect| matches!(effect, Effect::Send { message: Message::Attest(_), .. });
                    self.live.agree.effects.retain(|effect| !is_attestation(effect));
                }
            } else {
                return;
            }
        }
    }

    fn perform(&mut self, env: &mut Env, effect: Effect) {
        match effect {
            Effect::Send { to, message } => self.send(env, to, &message),
            Effect::Broadcast(message) => self.broadcast(env, &message),
            Effect::Vote { to, epoch, batch } => self.vote(env, to, epoch, batch),
            Effect::SignVeto { to, epoch, entry } => {
                if self.can_sign(epoch) {
                    self.live.agree.is_blocked = true;
                    self.write(env, Command::Veto { entry }, Waiter::Veto { to, epoch, entry });
                }
            }
            Effect::Deliver { certified, batch, .. } => self.deliver(env, certified.certificate(), batch),
            Effect::Veto { task, certified, .. } => {
                let entry = BatchEntry { task_id: task, leaf: certified.leaf() };
                env.audit.certified_veto(self.id, entry, certified.certificate());
                self.submit_due(env, Due::Veto { entry, certificate: certified.certificate().clone() });
            }
            Effect::Finalize(entries) => self.submit_due(env, Due::Finalize(entries)),
            Effect::Expired { task, .. } => {
                env.log(format_args!("{} expires {}", self.place, short(&task.0)));
                self.live.agree.is_blocked = true;
                self.write(env, Command::Settle { task, settlement: Settlement::Expired }, Waiter::Expire);
            }
            Effect::Report { operator, fault } => self.report(env, operator, fault),
        }
    }

    fn report(&mut self, env: &mut Env, operator: OperatorId, fault: Fault) {
        let whom = identity::place(operator);
        env.log(format_args!("{} reports {whom:?}: {fault}", self.place));
        env.audit.reported(self.id, operator, fault);
    }

    pub(super) fn deliver(&mut self, env: &mut Env, certificate: &tandem_types::Certificate, batch: Batch) {
        env.log(format_args!("{} certified {} of {}", self.place, short(&batch.root().0), batch.entries().len()));
        env.audit.certified(self.id, &batch, certificate);
        self.submit_due(env, Due::Batch { batch, certificate: certificate.clone() });
    }

    pub(super) fn send(&mut self, env: &mut Env, to: OperatorId, message: &Message) {
        if let Some(to) = identity::place(to) {
            env.post(self.place, to, message.encode().into());
        }
    }

    pub(super) fn broadcast(&mut self, env: &mut Env, message: &Message) {
        if env.is_broken(Sabotage::NeverDelivers) && matches!(message, Message::Certified { .. }) {
            return;
        }
        self.watch(env, message);
        let Some(keys) = self.live.agree.core.table().cloned() else {
            return;
        };
        let me = self.id;
        for entry in keys.table().entries().iter().filter(|entry| entry.operator != me) {
            self.send(env, entry.operator, message);
        }
    }

    fn vote(&mut self, env: &mut Env, to: OperatorId, epoch: Epoch, batch: Batch) {
        if !self.can_sign(epoch) {
            self.answer_to(env, to, refusal(epoch, &batch));
            return;
        }
        let command = Command::Vote { batch: batch.clone() };
        if env.is_broken(Sabotage::VoteBeforeWrite) {
            self.voted(env, to, (epoch, batch), true);
            self.write(env, command, Waiter::Nobody);
        } else {
            self.live.agree.is_blocked = true;
            self.write(env, command, Waiter::Vote { to, epoch, batch });
        }
    }

    /// The journal has answered: sign, or refuse.
    pub(super) fn voted(&mut self, env: &mut Env, to: OperatorId, (epoch, batch): (Epoch, Batch), is_recorded: bool) {
        if !self.boundary(env) {
            return;
        }
        let message = match self.place_in(epoch).filter(|_| is_recorded) {
            Some((keys, position)) => match self.keys.0.sign_batch(&keys, position, batch.root()) {
                Ok(signature) => {
                    env.log(format_args!("{} votes for {} under {epoch}", self.place, short(&batch.root().0)));
                    env.audit.voted(self.id, epoch, &batch, self.disk.journal());
                    Message::Vote { epoch, root: batch.root(), share: signature.encode() }
                }
                Err(_) => refusal(epoch, &batch),
            },
            None => refusal(epoch, &batch),
        };
        if self.boundary(env) {
            self.answer_to(env, to, message);
            self.unblock(env);
        }
    }

    pub(super) fn vetoed(&mut self, env: &mut Env, to: &[OperatorId], (epoch, entry): (Epoch, BatchEntry)) {
        if !self.boundary(env) {
            return;
        }
        if let Some((keys, position)) = self.place_in(epoch)
            && let Ok(signature) = self.keys.0.sign_veto(&keys, position, entry.leaf)
        {
            env.log(format_args!("{} vetoes {} under {epoch}", self.place, short(&entry.leaf.0)));
            env.audit.vetoed(self.id, epoch, entry, self.disk.journal());
            let message = Message::Veto { epoch, entry, share: signature.encode() };
            for receiver in to {
                if !self.boundary(env) {
                    return;
                }
                self.answer_to(env, *receiver, message.clone());
            }
        }
        self.unblock(env);
    }

    fn can_sign(&self, epoch: Epoch) -> bool {
        self.place_in(epoch).is_some()
    }

    pub(super) fn place_in(&self, epoch: Epoch) -> Option<(std::sync::Arc<tandem_crypto::KeyTable>, usize)> {
        let keys = self.live.agree.core.table_of(epoch)?;
        let position = keys.table().position(self.id)?;
        self.keys.0.holds(keys, position).then(|| (keys.clone(), position))
    }

    /// Sends a message, or gives it back as an input when it is for this operator itself.
    pub(super) fn answer_to(&mut self, env: &mut Env, to: OperatorId, message: Message) {
        if to == self.id {
            self.live.agree.at_once.push(Input::Received { from: to, message });
        } else {
            self.send(env, to, &message);
        }
    }
}

fn refusal(epoch: Epoch, batch: &Batch) -> Message {
    let tasks = batch.entries().iter().map(|entry| entry.task_id).collect();
    Message::Refuse { epoch, root: batch.root(), tasks }
}
