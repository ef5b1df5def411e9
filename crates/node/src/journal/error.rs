//! What can go wrong in the journal, and whether the node may go on.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use rusqlite::ErrorCode;
use tandem_engine::store::StoreError;
use tandem_types::{ResultLeaf, TaskId};

use super::Identity;

/// Why the journal does not open.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// Another process has it open.
    #[error("the journal in {} is in use by another process", .0.display())]
    Locked(PathBuf),
    /// The directory or its lock file cannot be made or opened.
    #[error("cannot use {} for the journal", directory.display())]
    Directory {
        /// The data directory.
        directory: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The file is an SQLite database of something else.
    #[error("{} is not a journal of Tandem", .0.display())]
    NotAJournal(PathBuf),
    /// A newer version of Tandem wrote it.
    #[error("the journal in {} has schema version {found}, this version of Tandem knows up to {known}", directory.display())]
    NewerSchema {
        /// The data directory.
        directory: PathBuf,
        /// Version of the file.
        found: u32,
        /// Newest version that this program knows.
        known: u32,
    },
    /// It was made for another service or operator.
    #[error("the journal in {} belongs to {found}, not to {asked}", directory.display())]
    OtherIdentity {
        /// The data directory.
        directory: PathBuf,
        /// Whose journal it is.
        found: Box<Identity>,
        /// For whom it was opened.
        asked: Box<Identity>,
    },
    /// The database does not open.
    #[error("the journal in {} does not open", directory.display())]
    Storage {
        /// The data directory.
        directory: PathBuf,
        /// What the database says.
        source: StorageError,
    },
    /// The system gives no thread.
    #[error("cannot start the journal's threads")]
    Thread(#[source] io::Error),
}

/// Why a command has no answer.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum JournalError {
    /// A vote for this task was recorded with another leaf. The vote asked for must not leave the process.
    #[error("task {task_id} is signed with result {signed}, and cannot be signed with {asked}")]
    Conflict {
        /// The task.
        task_id: TaskId,
        /// The leaf that was signed.
        signed: ResultLeaf,
        /// The leaf of the vote that was refused.
        asked: ResultLeaf,
    },
    /// The vote says other than this operator's own recorded result.
    #[error("task {task_id} has the own result {own:?}, and cannot be signed with {asked}")]
    NotOwnResult {
        /// The task.
        task_id: TaskId,
        /// The recorded result, if there is any.
        own: Option<ResultLeaf>,
        /// The leaf of the vote that was refused.
        asked: ResultLeaf,
    },
    /// The veto is of this operator's own result, or this operator has none and so knows no better.
    #[error("task {task_id} has the own result {own:?}, and result {asked} cannot be vetoed")]
    VetoOfOwn {
        /// The task.
        task_id: TaskId,
        /// The recorded result, if there is any.
        own: Option<ResultLeaf>,
        /// The leaf of the veto that was refused.
        asked: ResultLeaf,
    },
    /// This operator vetoed the result that it is to vote for.
    #[error("result {leaf} of task {task_id} was vetoed, and cannot be signed")]
    Vetoed {
        /// The task.
        task_id: TaskId,
        /// The leaf of the vote that was refused.
        leaf: ResultLeaf,
    },
    /// The task was never recorded.
    #[error("task {0} is not in the journal")]
    UnknownTask(TaskId),
    /// The service's store refuses a command.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The database failed.
    #[error("the journal failed")]
    Storage(#[from] StorageError),
    /// The journal is closed.
    #[error("the journal is closed")]
    Stopped,
}

impl JournalError {
    /// Whether the journal is of no more use, and the node must stop before it signs anything else.
    pub fn is_fatal(&self) -> bool {
        match self {
            Self::Storage(error) => error.is_fatal(),
            Self::Stopped => true,
            Self::Conflict { .. } | Self::NotOwnResult { .. } | Self::UnknownTask(_) => false,
            Self::VetoOfOwn { .. } | Self::Vetoed { .. } | Self::Store(_) => false,
        }
    }
}

impl From<rusqlite::Error> for JournalError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Storage(error.into())
    }
}

/// What kind of failure of the database it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum StorageFault {
    /// No space left on the disk.
    Full,
    /// The file or its file system cannot be written.
    ReadOnly,
    /// The file is not what was written to it.
    Corrupt,
    /// Reading or writing failed.
    Io,
    /// Another program holds the database locked. The command was not run; it may be asked again.
    Busy,
    /// The schema refused a row that our own code should not have written. The command was undone alone.
    Constraint,
    /// Anything else.
    Other,
}

/// A failure of the database under the journal.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{}", words(*fault))]
pub struct StorageError {
    /// What kind of failure.
    pub fault: StorageFault,
    /// What SQLite says.
    #[source]
    pub source: Arc<rusqlite::Error>,
}

fn words(fault: StorageFault) -> &'static str {
    match fault {
        StorageFault::Full => "no space is left for the database",
        StorageFault::ReadOnly => "the database cannot be written",
        StorageFault::Corrupt => "the database is corrupt",
        StorageFault::Io => "the database cannot be read or written",
        StorageFault::Busy => "the database is locked by another program",
        StorageFault::Constraint => "the database refused a row",
        StorageFault::Other => "the database failed",
    }
}

impl StorageError {
    /// Whether later commands cannot succeed either.
    pub fn is_fatal(&self) -> bool {
        !matches!(self.fault, StorageFault::Busy | StorageFault::Constraint)
    }
}

impl From<rusqlite::Error> for StorageError {
    fn from(error: rusqlite::Error) -> Self {
        Self { fault: classify(&error), source: Arc::new(error) }
    }
}

fn classify(error: &rusqlite::Error) -> StorageFault {
    use rusqlite::Error;
    match error {
        Error::SqliteFailure(failure, _) => match failure.code {
            ErrorCode::DiskFull => StorageFault::Full,
            ErrorCode::ReadOnly | ErrorCode::PermissionDenied => StorageFault::ReadOnly,
            ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase => StorageFault::Corrupt,
            ErrorCode::SystemIoFailure | ErrorCode::CannotOpen => StorageFault::Io,
            ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked => StorageFault::Busy,
            ErrorCode::ConstraintViolation => StorageFault::Constraint,
            _ => StorageFault::Other,
        },
        // A value that the schema allows and the types do not: somebody else wrote it.
        Error::FromSqlConversionFailure(..) | Error::IntegralValueOutOfRange(..) | Error::InvalidColumnType(..) => {
            StorageFault::Corrupt
        }
        _ => StorageFault::Other,
    }
}
