//! Log lines of components, as events of `tracing` with the target `tandem::component`. Bounded in size, redacted, and escaped, so that a component
//! can neither fill an operator's disk, nor forge lines, nor print a secret.

use std::sync::{Arc, Mutex, PoisonError};

use tandem_types::{TaskId, WorkflowId};
use tracing::{Dispatch, dispatcher};

use crate::bindings::tandem::service::logging::{Host, Level};
use crate::secrets::Redactor;
use crate::state::State;
use crate::work::Work;

/// Longest line, in bytes; the rest of it is cut off.
pub(crate) const LINE_BYTES_MAX: usize = 4096;

/// Where the lines of one execution go, whatever way they come.
#[derive(Clone)]
pub(crate) struct LogSink(Arc<Inner>);

struct Inner {
    task: TaskId,
    workflow: WorkflowId,
    redactor: Arc<Redactor>,
    /// Shared with the sinks of callees.
    bytes_left: Arc<Mutex<u64>>,
    /// The subscriber of the one who runs the component; while it runs there is none, see [`Component::run`](crate::Component::run).
    subscriber: Dispatch,
    work: Work,
}

impl LogSink {
    pub(crate) fn new(task: TaskId, workflow: WorkflowId, redactor: Arc<Redactor>, bytes_max: u64) -> Self {
        let (subscriber, bytes_left) = (dispatcher::get_default(Clone::clone), Arc::new(Mutex::new(bytes_max)));
        Self(Arc::new(Inner { task, workflow, redactor, bytes_left, subscriber, work: Work::default() }))
    }

    /// The sink of a callee: its lines count with the caller's, and neither shows a secret of the other.
    pub(crate) fn of(&self, callee: WorkflowId) -> Self {
        let Inner { task, redactor, bytes_left, subscriber, .. } = &*self.0;
        Self(Arc::new(Inner {
            task: *task,
            workflow: callee,
            redactor: Arc::clone(redactor),
            bytes_left: Arc::clone(bytes_left),
            subscriber: subscriber.clone(),
            work: Work::default(),
        }))
    }

    /// The work of the execution whose lines these are.
    pub(crate) fn work(&self) -> &Work {
        &self.0.work
    }

    /// The first `limit` bytes of `text`, without secrets.
    pub(crate) fn redact(&self, text: &str, limit: usize) -> String {
        self.0.redactor.redact(text, limit)
    }

    /// How much of an unfinished line must be kept, so that a secret across the cut is still found.
    pub(crate) fn lookahead(&self) -> usize {
        LINE_BYTES_MAX + self.0.redactor.longest()
    }

    pub(crate) fn line(&self, level: Level, text: &str) {
        let line = self.0.redactor.redact(text, LINE_BYTES_MAX);
        match self.take(line.len() as u64) {
            Room::Enough => self.emit(level, &line),
            Room::Last => self
                .emit(Level::Warn, "(the component reached its limit of log bytes: the rest of its lines are dropped)"),
            Room::None => {}
        }
    }

    /// An empty line costs something too, or there could be endlessly many.
    fn take(&self, bytes: u64) -> Room {
        let mut left = self.0.bytes_left.lock().unwrap_or_else(PoisonError::into_inner);
        match (*left, left.checked_sub(bytes + 1)) {
            (0, _) => Room::None,
            (_, Some(rest)) => {
                *left = rest;
                Room::Enough
            }
            (_, None) => {
                *left = 0;
                Room::Last
            }
        }
    }

    fn emit(&self, level: Level, line: &str) {
        let Inner { task, workflow, subscriber, .. } = &*self.0;
        dispatcher::with_default(subscriber, || match level {
            Level::Trace => tracing::trace!(target: "tandem::component", %task, %workflow, "{line}"),
            Level::Debug => tracing::debug!(target: "tandem::component", %task, %workflow, "{line}"),
            Level::Info => tracing::info!(target: "tandem::component", %task, %workflow, "{line}"),
            Level::Warn => tracing::warn!(target: "tandem::component", %task, %workflow, "{line}"),
            Level::Error => tracing::error!(target: "tandem::component", %task, %workflow, "{line}"),
        });
    }
}

/// Room for a line.
#[derive(Debug, PartialEq, Eq)]
enum Room {
    Enough,
    /// This line is the first that does not fit.
    Last,
    None,
}

impl Host for State {
    fn log(&mut self, level: Level, message: String) {
        self.work().bytes(message.len());
        self.log.line(level, &message);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Secrets;

    fn sink(bytes_max: u64) -> LogSink {
        let crate::TaskInput { task_id, workflow, .. } = crate::TaskInput::manual(Vec::new());
        LogSink::new(task_id, workflow, Arc::new(Redactor::new(&Secrets::default())), bytes_max)
    }

    #[test]
    fn lines_beyond_the_limit_are_dropped_and_said_so_once() {
        let sink = sink(10);
        assert_eq!(
            [sink.take(4), sink.take(5), sink.take(0), sink.take(0)],
            [Room::Enough, Room::Last, Room::None, Room::None]
        );
    }
}
