//! `node::submit` and the transaction manager behind it: one transaction at a time, simulated before it is sent, followed until it is mined.
//! What fails comes again with the operator's next turn.

use std::collections::VecDeque;

use tandem_types::{Batch, BatchEntry, Certificate};

use super::{Operator, Wake};
use crate::chain::{Call, TxId};
use crate::env::Env;
use crate::sabotage::Sabotage;

/// What may wait for the chain.
const WAITING_MAX: usize = 64;
/// How long a transaction is followed that is not mined.
const PATIENCE_MS: u64 = 60_000;

/// What is to be brought to the chain.
#[derive(Debug)]
pub(super) enum Due {
    Batch { batch: Batch, certificate: Certificate },
    Veto { entry: BatchEntry, certificate: Certificate },
    Finalize(Vec<BatchEntry>),
}

#[derive(Debug, Default)]
pub(super) struct Submitter {
    waiting: VecDeque<Due>,
    step: Step,
}

#[derive(Debug, Default)]
enum Step {
    #[default]
    Idle,
    Simulating(Box<Call>),
    Following(TxId, u64),
}

impl Operator {
    pub(super) fn submit_due(&mut self, env: &mut Env, due: Due) {
        if env.is_broken(Sabotage::NeverDelivers) {
            return;
        }
        let submitter = &mut self.live.submitter;
        if submitter.waiting.len() < WAITING_MAX {
            submitter.waiting.push_back(due);
        }
        if matches!(submitter.step, Step::Idle) {
            self.submit_next(env);
        }
    }

    fn submit_next(&mut self, env: &mut Env) {
        self.live.submitter.step = Step::Idle;
        while let Some(due) = self.live.submitter.waiting.pop_front() {
            if let Some(call) = self.call(due) {
                self.live.submitter.step = Step::Simulating(Box::new(call));
                let ms = self.rpc_ms(env);
                return self.wake_in(env, ms, Wake::Submit);
            }
        }
    }

    pub(super) fn submit(&mut self, env: &mut Env) {
        match std::mem::take(&mut self.live.submitter.step) {
            Step::Idle => {}
            Step::Simulating(call) => self.simulate(env, *call),
            Step::Following(transaction, since) => {
                let is_mined = self.head(env).is_some_and(|head| head.holds(transaction));
                if is_mined || env.now >= since + PATIENCE_MS {
                    return self.submit_next(env);
                }
                self.live.submitter.step = Step::Following(transaction, since);
                self.wake_in(env, 500, Wake::Submit);
            }
        }
    }

    /// Sends a call that does not revert at the endpoint's head.
    fn simulate(&mut self, env: &mut Env, call: Call) {
        let outcome = self.head(env).map(|head| {
            let mut state = (*head.state).clone();
            state.execute(&call, head.time.max(env.now / 1_000), &mut env.chain.memory).err()
        });
        match outcome {
            Some(None) => {
                let from_ms = env.now + env.random.within(0..=env.plan.mempool_ms);
                let transaction = env.chain.send(call, from_ms);
                env.log(format_args!("{} sends transaction {transaction}", self.place));
                self.live.submitter.step = Step::Following(transaction, env.now);
                self.wake_in(env, 500, Wake::Submit);
            }
            Some(Some(revert)) => {
                env.log(format_args!("{} would revert: {revert:?}", self.place));
                self.submit_next(env);
            }
            None => self.submit_next(env),
        }
    }

    /// The transaction for it; none without the results that it must carry.
    fn call(&self, due: Due) -> Option<Call> {
        match due {
            Due::Batch { batch, certificate } => self.has_results(batch.entries()).then(|| Call::Submit {
                root: batch.root(),
                entries: batch.entries().to_vec(),
                certificate,
            }),
            Due::Veto { entry, certificate } => {
                self.journal().tasks.contains_key(&entry.task_id).then_some(Call::Veto { entry, certificate })
            }
            Due::Finalize(entries) => self.has_results(&entries).then_some(Call::Finalize(entries)),
        }
    }

    fn has_results(&self, entries: &[BatchEntry]) -> bool {
        let own = |entry: &BatchEntry| self.journal().tasks.get(&entry.task_id)?.outcome?.leaf();
        entries.iter().all(|entry| own(entry) == Some(entry.leaf))
    }
}
