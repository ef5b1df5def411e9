//! A service's store: durable keys and values that its components share. What every implementation must do is written once, as [`Command`]s that run on a
//! [`Table`]; an implementation adds where the rows are and how they last. It refuses to hold more than the caller's [`StoreLimits`], and to do a command
//! by halves.

mod limits;
mod memory;
pub mod suite;
mod table;

use std::fmt;
use std::future::Future;
use std::pin::Pin;

pub use limits::{STORE_BATCH_MAX, StoreLimits};
pub use memory::MemoryStore;
pub use table::{Table, TableUsage};

use crate::LimitBreach;

/// What a component may ask of its service's store. Each command is atomic: others see all of it or nothing, and so does a node that crashed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// Values by key.
    Get(Vec<String>),
    /// Keys that begin with `prefix` and come after `after`, ascending by their bytes, `max` at most.
    Keys {
        /// What the keys begin with.
        prefix: String,
        /// The last key of the page before.
        after: Option<String>,
        /// Most keys of the answer.
        max: usize,
    },
    /// Writes all; none as a value deletes.
    Write(Vec<(String, Option<Vec<u8>>)>),
    /// Adds to the counter under `key`, which is eight bytes, little-endian, two's complement; one that is not there is 0.
    Increment {
        /// The counter's key.
        key: String,
        /// What is added.
        delta: i64,
    },
    /// Writes `new` if `expected` is what is there; none stands for no value.
    CompareAndSwap {
        /// The key.
        key: String,
        /// What must be there.
        expected: Option<Vec<u8>>,
        /// What will be there.
        new: Option<Vec<u8>>,
    },
}

/// What a command came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// Of [`Command::Get`], in the order of the keys.
    Values(Vec<Option<Vec<u8>>>),
    /// Of [`Command::Keys`].
    Keys(Vec<String>),
    /// Of [`Command::Write`].
    Written,
    /// Of [`Command::Increment`]: the new count.
    Count(i64),
    /// Of [`Command::CompareAndSwap`]: whether `new` was written.
    Swapped(bool),
}

/// Why a command was not done. Nothing of it was.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// It would exceed a limit.
    #[error("the component {0}")]
    Limit(LimitBreach),
    /// What is to be incremented is no counter, or would leave the range of 64 bits.
    #[error("the value under the key is not a counter, or the sum is outside 64 bits")]
    NotACounter,
    /// The place where the rows are kept failed.
    #[error("the store failed: {0}")]
    Failed(String),
}

impl From<LimitBreach> for StoreError {
    fn from(breach: LimitBreach) -> Self {
        Self::Limit(breach)
    }
}

/// An answer on its way.
pub type Pending<'a> = Pin<Box<dyn Future<Output = Result<Answer, StoreError>> + Send + 'a>>;

/// The store of one service. An answer to a writing command means that it lasts as long as the implementation promises.
pub trait ServiceStore: fmt::Debug + Send + Sync {
    /// Runs `command`, unless it exceeds `limits`.
    fn run(&self, command: Command, limits: StoreLimits) -> Pending<'_>;
}
