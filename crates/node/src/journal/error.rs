//! What can go wrong in the journal, and whether the node may go on.

use std::error::Error;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use rusqlite::ErrorCode;
use tandem_engine::store::StoreError;
use tandem_types::{ResultLeaf, TaskId};

use super::{Doubt, Floor, Identity};

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
    /// An older version of Tandem wrote it, and it was to be read only.
    #[error("the journal in {} has schema version {found}, and is read from {known} on", directory.display())]
    OlderSchema {
        /// The data directory.
        directory: PathBuf,
        /// Version of the file.
        found: u32,
        /// Version that this program reads.
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
    /// The journal may not know all that was signed, so nothing may be signed with it.
    #[error("the journal in {} may not know all that this operator has signed", directory.display())]
    Doubt {
        /// The data directory.
        directory: PathBuf,
        /// Why.
        #[source]
        doubt: Doubt,
    },
    /// The guard file cannot be opened or written.
    #[error("cannot use {} as the journal's guard", path.display())]
    Guard {
        /// The guard file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The system gives no thread.
    #[error("cannot start the journal's threads")]
    Thread(#[source] io::Error),
}

impl OpenError {
    /// What the operator can do about it.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Locked(_) => {
                "stop the other process first: one journal serves one node, and one node has one journal"
            }
            Self::Directory { .. } => "check the path, its owner and its rights; the node writes there",
            Self::NotAJournal(_) => {
                "set storage.data to the directory of the journal, or to one that does not exist yet"
            }
            Self::NewerSchema { .. } => {
                "run the version of Tandem that wrote it, or a newer one: a journal does not go back"
            }
            Self::OlderSchema { .. } => "start the node once: it brings its journal up to date",
            Self::OtherIdentity { .. } => "give every service and every operator a storage.data of its own",
            Self::Doubt { .. } => {
                "make sure that no other node runs with these keys, then `tandem operator db recover`: what may have been signed is left alone, and new \
                 tasks are signed again"
            }
            Self::Guard { .. } => "check storage.guard, its owner and its rights; the node writes there",
            Self::Storage { source, .. } => source.hint(),
            Self::Thread(_) => "the system has no thread to spare: check its limits",
        }
    }
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
    /// The task lies below the floor: this operator may have signed another result for it, and does not know.
    #[error("task {task_id} lies below the floor, and may have been signed before: tasks after number {} are signed", floor.number)]
    BelowFloor {
        /// The task.
        task_id: TaskId,
        /// The floor.
        floor: Floor,
    },
    /// The journal was just made, and does not know yet which tasks are new.
    #[error("the journal has no floor yet, and signs nothing")]
    NoFloor,
    /// The journal may not know all that was signed.
    #[error("nothing is signed any more: {0}")]
    Doubted(String),
    /// What is to be imported contradicts the journal, or itself.
    #[error("line {line}: {problem}")]
    Import {
        /// Line of the file, from 1.
        line: u64,
        /// What is wrong with it.
        problem: String,
    },
    /// The task was never recorded.
    #[error("task {0} is not in the journal")]
    UnknownTask(TaskId),
    /// The task belongs to another block by now than the one that it was executed for, so the outcome is not its own.
    #[error("task {0} was moved to another block while it was executed")]
    Moved(TaskId),
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
            Self::Stopped | Self::Doubted(_) => true,
            Self::Conflict { .. } | Self::NotOwnResult { .. } | Self::UnknownTask(_) => false,
            Self::VetoOfOwn { .. } | Self::Vetoed { .. } | Self::Moved(_) | Self::Store(_) => false,
            Self::BelowFloor { .. } | Self::NoFloor | Self::Import { .. } => false,
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
    /// What SQLite or the system says.
    #[source]
    pub source: Arc<dyn Error + Send + Sync>,
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
    pub(super) fn new(fault: StorageFault, source: impl Error + Send + Sync + 'static) -> Self {
        Self { fault, source: Arc::new(source) }
    }

    /// What the operator can do about it.
    pub fn hint(&self) -> &'static str {
        match self.fault {
            StorageFault::Full => "make room on the disk of storage.data and start again: what was recorded is safe",
            StorageFault::ReadOnly => {
                "check the rights of storage.data and whether its disk is mounted read-only, then start again"
            }
            StorageFault::Corrupt => {
                "the disk changed what was written: `tandem operator db check` says what is damaged; put a new directory in its place, then `tandem operator db \
                 recover`"
            }
            StorageFault::Io => "check the disk of storage.data, then start again: what was recorded is safe",
            StorageFault::Busy => "end the program that has the database locked",
            StorageFault::Constraint | StorageFault::Other => {
                "`tandem operator db check` says whether the journal is sound"
            }
        }
    }

    /// Whether later commands cannot succeed either.
    pub fn is_fatal(&self) -> bool {
        !matches!(self.fault, StorageFault::Busy | StorageFault::Constraint)
    }
}

impl From<rusqlite::Error> for StorageError {
    fn from(error: rusqlite::Error) -> Self {
        Self::new(classify(&error), error)
    }
}

/// A failure of the guard file is one of the journal.
impl From<io::Error> for StorageError {
    fn from(error: io::Error) -> Self {
        let fault = match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => {
                StorageFault::Full
            }
            io::ErrorKind::ReadOnlyFilesystem | io::ErrorKind::PermissionDenied => StorageFault::ReadOnly,
            _ => StorageFault::Io,
        };
        Self::new(fault, error)
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
