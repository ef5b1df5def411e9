//! `node::source`: tasks and their fates into the journal together with the cursor, then on to executor and agreement.

use tandem_protocol::{Input, PendingResult, Timestamp};
use tandem_types::{BatchEntry, TaskId};

use super::executor::own_result;
use super::{Operator, Waiter, Wake};
use crate::chain::Event;
use crate::env::Env;
use crate::journal::{Command, Fate, Outcome, PendingLeaf, Recorded, Row, Settlement};
use crate::quorum::Conditions;
use crate::sabotage::Sabotage;

/// Time between two looks for tasks that expired without a result.
const HOUSEKEEPING_MS: u64 = 5_000;

/// Where the reading stands.
#[derive(Debug, Default)]
pub(super) struct Source {
    next: Next,
    failures: u32,
    house_at: u64,
    conditions: Conditions,
}

/// What is asked of the endpoint next.
#[derive(Debug)]
enum Next {
    /// The newest table; then what an earlier process left is taken up, or what was found.
    Table(Option<Found>),
    Events,
}

impl Default for Next {
    fn default() -> Self {
        Self::Table(None)
    }
}

/// What a span of blocks brought.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) tasks: Vec<Recorded>,
    pub(super) fates: Vec<(TaskId, Fate)>,
    pub(super) changes_table: bool,
    /// Of the tasks, once the journal has them.
    pub(super) new: Vec<TaskId>,
    /// Tasks of which the chain has taken back what it said.
    pub(super) reopened: Vec<TaskId>,
}

impl Operator {
    /// The endpoint has answered, or time has come to ask it.
    pub(super) fn follow(&mut self, env: &mut Env) {
        let Some(head) = self.head(env) else {
            self.live.source.failures += 1;
            let pause = 15_000.min(250 << self.live.source.failures.min(6));
            return self.wake_in(env, pause, Wake::Source);
        };
        self.live.source.failures = 0;
        match std::mem::replace(&mut self.live.source.next, Next::Events) {
            Next::Table(found) => {
                if let Some(keys) = head.state.current_table(&mut env.chain.memory) {
                    self.tell(env, Input::Table(keys));
                }
                match found {
                    None => self.resume(env),
                    Some(found) => self.take_up_all(env, &found),
                }
                self.ask_again(env);
            }
            Next::Events => {
                self.look_at(env, head.state.conditions);
                let cursor = self.journal().cursor;
                match self.reader(env).read(&head, cursor) {
                    Some(span) => self.record(env, span),
                    None => {
                        self.keep_house(env);
                        self.wake_in(env, env.plan.poll_ms, Wake::Source);
                    }
                }
            }
        }
    }

    fn ask_again(&mut self, env: &mut Env) {
        let ms = self.rpc_ms(env);
        self.wake_in(env, ms, Wake::Source);
    }

    fn look_at(&mut self, env: &mut Env, conditions: Conditions) {
        if self.live.source.conditions != conditions {
            self.live.source.conditions = conditions;
            let Conditions { prices, fallback } = conditions;
            self.tell(env, Input::Conditions(tandem_protocol::policy::Conditions { prices, fallback }));
        }
    }

    fn record(&mut self, env: &mut Env, span: crate::chain::Span) {
        let tasks: Vec<_> = span.events.iter().filter_map(|(block, event)| task_of(*block, event)).collect();
        let fates: Vec<_> = span.events.iter().filter_map(|(block, event)| fate_of(block.number, event)).collect();
        let changes_table = span.events.iter().any(|(_, event)| matches!(event, Event::TableChanged));
        let found = Found { tasks: tasks.clone(), fates: fates.clone(), changes_table, ..Found::default() };
        let rewound_to = span.rewound_to.filter(|_| !env.is_broken(Sabotage::TrustsTheTip));
        if env.is_broken(Sabotage::CursorFirst) {
            let (tasks_now, fates_now) = (Vec::new(), Vec::new());
            let cursor =
                Command::Span { tasks: tasks_now, fates: fates_now, cursor: Some(span.cursor), rewound_to: None };
            self.write(env, cursor, Waiter::Nobody);
            self.write(env, Command::Span { tasks, fates, cursor: None, rewound_to }, Waiter::Span(found));
        } else {
            let cursor = Some(span.cursor);
            self.write(env, Command::Span { tasks, fates, cursor, rewound_to }, Waiter::Span(found));
        }
    }

    /// The journal has a span: now others may know.
    pub(super) fn recorded(&mut self, env: &mut Env, found: Found) {
        for task in &found.reopened {
            if !self.boundary(env) {
                return;
            }
            self.tell(env, Input::Reopened(*task));
        }
        for (task, fate) in &found.fates {
            if !self.boundary(env) {
                return;
            }
            let input = match *fate {
                Fate::Pending(pending) => pending_result(*task, pending),
                Fate::Ended(..) => Input::Settled(*task),
            };
            self.tell(env, input);
        }
        if found.changes_table {
            self.live.source.next = Next::Table(Some(found));
        } else {
            self.take_up_all(env, &found);
        }
        self.ask_again(env);
    }

    fn take_up_all(&mut self, env: &mut Env, found: &Found) {
        for recorded in found.tasks.iter().filter(|recorded| found.new.contains(&recorded.task_id)) {
            if self.boundary(env) {
                self.take_up(env, recorded, &found.fates);
            }
        }
        for task in &found.reopened {
            let row = self.journal().tasks.get(task).filter(|row| row.settlement.is_none()).cloned();
            if let Some(row) = row
                && self.boundary(env)
            {
                self.resume_task(env, row);
            }
        }
    }

    fn take_up(&mut self, env: &mut Env, recorded: &Recorded, fates: &[(TaskId, Fate)]) {
        let task = recorded.task_id;
        let last = fates.iter().rev().find(|(id, _)| *id == task).map(|(_, fate)| *fate);
        let now = self.seconds(env);
        match last {
            Some(Fate::Ended(..)) => {}
            Some(Fate::Pending(pending)) if now < pending.until => self.execute(env, task),
            None if now <= recorded.task.deadline => self.execute(env, task),
            _ => self.expire(env, task),
        }
    }

    /// Takes up what an earlier process left open.
    fn resume(&mut self, env: &mut Env) {
        if env.is_broken(Sabotage::NeverResumes) {
            return;
        }
        for row in self.journal().open_tasks() {
            if !self.boundary(env) {
                return;
            }
            self.resume_task(env, row);
        }
    }

    fn resume_task(&mut self, env: &mut Env, row: Row) {
        let is_open = row.is_open(self.seconds(env));
        let task = row.recorded.task_id;
        if let Some(pending) = row.pending {
            self.tell(env, pending_result(task, pending));
        }
        match row.outcome {
            Some(Outcome::Result { leaf, payload_bytes }) => {
                let entry = BatchEntry { task_id: task, leaf };
                self.tell(env, Input::Executed(own_result(&row.recorded, entry, payload_bytes)));
            }
            Some(Outcome::Failed { is_retryable: false }) => {}
            _ if is_open => self.execute(env, task),
            _ => self.expire(env, task),
        }
    }

    /// Settles tasks whose time is over; those with a result are the agreement's to expire.
    fn keep_house(&mut self, env: &mut Env) {
        if env.now < self.live.source.house_at {
            return;
        }
        self.live.source.house_at = env.now + HOUSEKEEPING_MS;
        let now = self.seconds(env);
        let has_result = |row: &Row| row.outcome.and_then(|outcome| outcome.leaf()).is_some();
        for row in self.journal().open_tasks().into_iter().filter(|row| row.is_expired(now) && !has_result(row)) {
            self.expire(env, row.recorded.task_id);
        }
    }

    fn expire(&mut self, env: &mut Env, task: TaskId) {
        self.write(env, Command::Settle { task, settlement: Settlement::Expired }, Waiter::Nobody);
    }
}

fn task_of(block: crate::journal::Cursor, event: &Event) -> Option<Recorded> {
    let Event::Created { task_id, task } = event else { return None };
    Some(Recorded { task_id: *task_id, task: task.clone(), block })
}

fn fate_of(block: u64, event: &Event) -> Option<(TaskId, Fate)> {
    match event {
        Event::Pending { entry, until, .. } => {
            Some((entry.task_id, Fate::Pending(PendingLeaf { leaf: entry.leaf, until: *until, block })))
        }
        Event::Delivered { entry, .. } => Some((entry.task_id, Fate::Ended(Settlement::Delivered, block))),
        Event::Vetoed { entry, .. } => Some((entry.task_id, Fate::Ended(Settlement::Vetoed, block))),
        Event::Expired { task_id } => Some((*task_id, Fate::Ended(Settlement::Expired, block))),
        Event::Created { .. } | Event::TableChanged => None,
    }
}

fn pending_result(task_id: TaskId, PendingLeaf { leaf, until, .. }: PendingLeaf) -> Input {
    let until = Timestamp(until * 1_000);
    Input::Pending(PendingResult { entry: BatchEntry { task_id, leaf }, until })
}
