//! `node::executor`: runs components. A result reaches the agreement only after the journal has it.

use tandem_protocol::{Input, OwnResult, Timestamp};
use tandem_types::{BatchEntry, TaskId};

use super::{Operator, Waiter, Wake};
use crate::env::Env;
use crate::identity;
use crate::journal::{Command, Outcome, Recorded};
use crate::workload;

/// Longest pause between two attempts.
const PAUSE_MAX_MS: u64 = 30_000;

impl Operator {
    pub(super) fn execute(&mut self, env: &mut Env, task: TaskId) {
        let ms = env.random.within(10..=400);
        self.wake_in(env, ms, Wake::Attempt(task));
    }

    /// Executes once, if the task is still open.
    pub(super) fn attempt(&mut self, env: &mut Env, task: TaskId) {
        let seconds = self.seconds(env);
        let Some(row) = self.journal().tasks.get(&task).filter(|row| row.is_open(seconds)) else {
            return;
        };
        let recorded = row.recorded.clone();
        let outcome = match workload::run(&recorded, env) {
            Ok(payload) => {
                let payload_bytes = payload.len();
                Outcome::Result { leaf: identity::result(task, &recorded.task, payload).leaf(), payload_bytes }
            }
            Err(failure) => Outcome::Failed { is_retryable: failure.is_retryable },
        };
        self.write(env, Command::Outcome { task, outcome }, Waiter::Outcome(task));
    }

    /// The journal has an outcome: the first result, whatever this execution returned.
    pub(super) fn executed(&mut self, env: &mut Env, task: TaskId, outcome: Outcome) {
        match outcome {
            Outcome::Result { leaf, payload_bytes } => {
                let recorded = self.journal().tasks.get(&task).map(|row| row.recorded.clone());
                env.audit.computed(task, leaf);
                if let Some(recorded) = recorded.filter(|_| self.boundary(env)) {
                    let entry = BatchEntry { task_id: task, leaf };
                    self.tell(env, Input::Executed(own_result(&recorded, entry, payload_bytes)));
                }
            }
            Outcome::Failed { is_retryable: false } => {}
            Outcome::Failed { is_retryable: true } => {
                let attempts = self.live.attempts.entry(task).or_default();
                let pause = PAUSE_MAX_MS.min(500 << (*attempts).min(6));
                *attempts += 1;
                self.wake_in(env, pause, Wake::Attempt(task));
            }
        }
    }
}

/// What the agreement needs to know of a result.
pub(super) fn own_result(recorded: &Recorded, entry: BatchEntry, payload_bytes: usize) -> OwnResult {
    let deadline = Timestamp(recorded.task.deadline * 1_000);
    OwnResult { entry, requirement: recorded.task.requirement, deadline, payload_bytes }
}
