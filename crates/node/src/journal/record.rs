//! What the journal holds, as types.

use std::fmt;
use std::str::FromStr;

use tandem_types::{B256, ComponentDigest, OperatorId, ResultLeaf, ServiceId, Task, TaskBlock, TaskId};

/// Longest message of a failure that is kept, in bytes; the rest is cut off.
pub const FAILURE_MESSAGE_BYTES_MAX: usize = 1024;

/// As much of a failure's message as is kept, for those who print it.
pub(crate) fn bearable(message: &str) -> &str {
    &message[..message.floor_char_boundary(FAILURE_MESSAGE_BYTES_MAX)]
}

/// Whose journal it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Identity {
    /// The service that is served.
    pub service: ServiceId,
    /// The operator that serves it.
    pub operator: OperatorId,
}

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "operator {} of service {}", self.operator, self.service)
    }
}

/// Where the reading of a chain stands: everything up to and including this block is recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cursor {
    /// EIP-155 chain id.
    pub chain_id: u64,
    /// Number of the block.
    pub block_number: u64,
    /// Its hash, by which a reorganisation shows.
    pub block_hash: B256,
}

/// How far a trigger was read: everything that fired up to and including `position` is recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TriggerCursor {
    /// The second of a schedule, else the block.
    pub position: u64,
    /// Number of a block that is not before any anchor of what was recorded.
    pub block_number: u64,
    /// Its hash, by which a reorganisation shows.
    pub block_hash: B256,
}

/// A task, and the block that asked for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordedTask {
    /// Its identity.
    pub task_id: TaskId,
    /// What was recorded on chain.
    pub task: Task,
    /// The input, whose hash the task carries.
    pub input: Vec<u8>,
    /// Block that holds the request, or the anchor of a firing.
    pub block_number: u64,
    /// Hash of that block; none in what earlier versions recorded, and for firings that came too late.
    pub block_hash: Option<B256>,
    /// Timestamp of that block in Unix seconds; none where there is no hash.
    pub block_time: Option<u64>,
}

impl RecordedTask {
    /// The block that holds the request.
    pub fn block(&self) -> Option<TaskBlock> {
        Some(TaskBlock { number: self.block_number, hash: self.block_hash?, time: self.block_time? })
    }
}

/// Whose fault it is that an execution has no result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FailureKind {
    /// The task asks for what cannot be computed.
    Task,
    /// The component, or the manifest that grants too little for it.
    Component,
    /// Something outside that the component asked.
    Source,
    /// This node.
    Host,
}

impl FailureKind {
    const ALL: [Self; 4] = [Self::Task, Self::Component, Self::Source, Self::Host];

    /// The word that is stored.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Task => "task",
            Self::Component => "component",
            Self::Source => "source",
            Self::Host => "host",
        }
    }

    /// Whether another execution of the same task may succeed.
    pub fn is_retryable(self) -> bool {
        matches!(self, Self::Source | Self::Host)
    }
}

/// A word that names no kind of failure.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a kind of failure")]
pub struct UnknownFailureKind(pub String);

impl FromStr for FailureKind {
    type Err = UnknownFailureKind;

    fn from_str(word: &str) -> Result<Self, UnknownFailureKind> {
        let found = Self::ALL.into_iter().find(|kind| kind.as_str() == word);
        found.ok_or_else(|| UnknownFailureKind(word.to_owned()))
    }
}

/// What executing a task came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// A result: the only one that this operator may ever attest and sign for the task.
    Result {
        /// The component that ran.
        component: ComponentDigest,
        /// Hash of the result.
        leaf: ResultLeaf,
        /// The component's output.
        payload: Vec<u8>,
        /// Fuel that it took.
        fuel: u64,
        /// Wall time that it took, in milliseconds.
        elapsed_ms: u64,
    },
    /// No result.
    Failed {
        /// Whose fault it was.
        kind: FailureKind,
        /// Why, in words that hold no secret; at most [`FAILURE_MESSAGE_BYTES_MAX`] bytes are kept.
        message: String,
        /// Fuel that was spent.
        fuel: u64,
    },
}

impl Outcome {
    /// Hash of the result, if it is one.
    pub fn leaf(&self) -> Option<ResultLeaf> {
        match self {
            Self::Result { leaf, .. } => Some(*leaf),
            Self::Failed { .. } => None,
        }
    }
}

/// How a task ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Settlement {
    /// Its result is on chain.
    Delivered {
        /// The transaction that brought it.
        tx_hash: B256,
        /// Block that holds the transaction.
        block: u64,
        /// Whether the handler took it; a handler that reverts does not undo the delivery.
        handled: bool,
    },
    /// Its result was vetoed; it will have no other.
    Vetoed {
        /// The transaction that brought the veto.
        tx_hash: B256,
        /// Block that holds the transaction.
        block: u64,
    },
    /// Its deadline passed.
    Expired,
    /// This operator leaves it alone: it cannot be executed here.
    Skipped,
}

/// A result that the chain keeps pending: it was certified, and may be vetoed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PendingLeaf {
    /// The result, this operator's or another.
    pub leaf: ResultLeaf,
    /// First second (block time, Unix) in which it can be vetoed no more.
    pub until: u64,
    /// The block that says so; 0 in what earlier versions recorded.
    pub block: u64,
}

/// What the chain says became of a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// A result waits for vetoes.
    Pending(PendingLeaf),
    /// It ended.
    Ended(Settlement),
}

/// Where a task stands in the order of [`open_tasks`](super::Journal::open_tasks).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct TaskPosition {
    /// The task's number.
    pub number: u64,
    /// Its identity: after a reorganisation two tasks may bear one number.
    pub task_id: TaskId,
}

/// All that is known of a task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskRecord {
    /// The task, its input and its block.
    pub recorded: RecordedTask,
    /// What executing it came to, if it was.
    pub outcome: Option<Outcome>,
    /// The leaf that was voted for, if any was.
    pub signed: Option<ResultLeaf>,
    /// Whether it was not signed and never will be, because it may have been signed before: it lies below the [`Floor`](super::Floor).
    pub is_below_floor: bool,
    /// The result that waits for vetoes, or did.
    pub pending: Option<PendingLeaf>,
    /// How it ended, if it did.
    pub settlement: Option<Settlement>,
}

impl TaskRecord {
    /// Whether there is still something to be done about it at `now`, in Unix seconds: the deadline has not passed, or a result waits for
    /// vetoes.
    pub fn is_open(&self, now: u64) -> bool {
        let vetoable = self.pending.is_some_and(|pending| now < pending.until);
        self.settlement.is_none() && (now <= self.recorded.task.deadline || vetoable)
    }

    /// Whether it will never be delivered: its deadline has passed at `now`, and no result of it was certified before.
    pub fn is_expired(&self, now: u64) -> bool {
        now > self.recorded.task.deadline && self.pending.is_none()
    }

    /// Its place in the list of open tasks.
    pub fn position(&self) -> TaskPosition {
        TaskPosition { number: self.recorded.task.number, task_id: self.recorded.task_id }
    }
}

/// Tasks by state. Every recorded task is in exactly one; those that ended are counted also when they are forgotten.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct TaskCounts {
    /// Open, not executed yet.
    pub waiting: u64,
    /// Open, with a result.
    pub executed: u64,
    /// Open, and the last execution failed.
    pub failed: u64,
    /// Open, and a certified result waits for vetoes.
    pub pending: u64,
    /// Delivered.
    pub delivered: u64,
    /// Vetoed.
    pub vetoed: u64,
    /// Expired.
    pub expired: u64,
    /// Skipped.
    pub skipped: u64,
}
