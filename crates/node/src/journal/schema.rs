//! Opening the files: the lock, the schema and its migrations, and whose journal it is.

use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, OptionalExtension, Transaction, TransactionBehavior, ffi, params};
use tandem_types::{OperatorId, ServiceId};

use super::column::{Columns, signed};
use super::{Identity, OpenError, StorageError};

const DATABASE_FILE: &str = "journal.sqlite";
const LOCK_FILE: &str = "journal.lock";
/// "tndm": tells a journal from any other SQLite database.
const APPLICATION_ID: i32 = 0x746e_646d;
/// One script per version, from 1. Never edit one that was released: add another.
const MIGRATIONS: &[&str] = &[
    include_str!("schema/0001.sql"),
    include_str!("schema/0002.sql"),
    include_str!("schema/0003.sql"),
    include_str!("schema/0004.sql"),
];
/// How long to wait for another program that looks inside.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
const CACHED_STATEMENTS: usize = 64;

/// Takes the directory for this process, until the file is dropped.
pub(super) fn lock(directory: &Path) -> Result<File, OpenError> {
    let refused = |source| OpenError::Directory { directory: directory.to_owned(), source };
    fs::create_dir_all(directory).map_err(refused)?;
    let path = directory.join(LOCK_FILE);
    let file = File::options().create(true).truncate(false).write(true).open(path).map_err(refused)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(OpenError::Locked(directory.to_owned())),
        Err(TryLockError::Error(source)) => Err(refused(source)),
    }
}

/// The connection that writes. The caller holds the lock.
pub(super) fn open_writer(directory: &Path, identity: Identity) -> Result<Connection, OpenError> {
    let storage = |error: rusqlite::Error| storage(directory, error);
    let mut connection = connect(directory, OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE)?;
    refuse_strangers(directory, &connection)?;
    durable(&connection).map_err(storage)?;
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(storage)?;
    migrate(&transaction).map_err(storage)?;
    bind(directory, &transaction, identity)?;
    transaction.commit().map_err(storage)?;
    connection.pragma_update(None, "foreign_keys", true).map_err(storage)?;
    Ok(connection)
}

/// The connection that only reads.
pub(super) fn open_reader(directory: &Path) -> Result<Connection, OpenError> {
    connect(directory, OpenFlags::SQLITE_OPEN_READ_ONLY)
}

fn connect(directory: &Path, access: OpenFlags) -> Result<Connection, OpenError> {
    let open = || -> rusqlite::Result<Connection> {
        let flags = access | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(directory.join(DATABASE_FILE), flags)?;
        connection.busy_timeout(BUSY_TIMEOUT)?;
        connection.set_prepared_statement_cache_capacity(CACHED_STATEMENTS);
        connection.pragma_update(None, "trusted_schema", false)?;
        connection.pragma_update(None, "cell_size_check", true)?;
        Ok(connection)
    };
    open().map_err(|error| storage(directory, error))
}

/// Refuses what this program must not write to, before anything is written.
fn refuse_strangers(directory: &Path, connection: &Connection) -> Result<(), OpenError> {
    let read = || -> rusqlite::Result<(i32, u32, bool)> {
        let application = connection.pragma_query_value(None, "application_id", |row| row.get(0))?;
        let empty = connection.query_row("SELECT count(*) = 0 FROM sqlite_schema", [], |row| row.get(0))?;
        Ok((application, version(connection)?, empty))
    };
    let (application, found, empty) = read().map_err(|error| storage(directory, error))?;
    let known = MIGRATIONS.len() as u32;
    match application {
        APPLICATION_ID if found > known => {
            Err(OpenError::NewerSchema { directory: directory.to_owned(), found, known })
        }
        APPLICATION_ID => Ok(()),
        0 if empty => Ok(()),
        _ => Err(OpenError::NotAJournal(directory.join(DATABASE_FILE))),
    }
}

fn version(connection: &Connection) -> rusqlite::Result<u32> {
    connection.pragma_query_value(None, "user_version", |row| row.get(0))
}

/// A commit is on disk when it returns.
fn durable(connection: &Connection) -> rusqlite::Result<()> {
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    // Migrations make tables anew that others refer to.
    connection.pragma_update(None, "foreign_keys", false)
}

fn migrate(transaction: &Transaction<'_>) -> rusqlite::Result<()> {
    let from = version(transaction)?;
    for (number, script) in (1u32..).zip(MIGRATIONS).filter(|(number, _)| *number > from) {
        transaction.execute_batch(script)?;
        transaction.pragma_update(None, "user_version", number)?;
        if transaction.prepare("PRAGMA foreign_key_check")?.exists([])? {
            let text = "rows refer to tasks that are not there".to_owned();
            return Err(rusqlite::Error::SqliteFailure(ffi::Error::new(ffi::SQLITE_CORRUPT), Some(text)));
        }
    }
    transaction.pragma_update(None, "application_id", APPLICATION_ID)
}

/// Makes a new journal `asked`'s, and refuses one that is another's.
fn bind(directory: &Path, transaction: &Transaction<'_>, asked: Identity) -> Result<(), OpenError> {
    let found = identity(transaction).map_err(|error| storage(directory, error))?;
    match found {
        Some(found) if found == asked => Ok(()),
        Some(found) => {
            Err(OpenError::OtherIdentity { directory: directory.to_owned(), found: found.into(), asked: asked.into() })
        }
        None => write_identity(transaction, asked).map_err(|error| storage(directory, error)),
    }
}

fn identity(connection: &Connection) -> rusqlite::Result<Option<Identity>> {
    let read = |columns: Columns<'_, '_>| {
        let service = ServiceId { chain_id: columns.word("chain_id")?, manager: columns.address("manager")? };
        Ok(Identity { service, operator: OperatorId(columns.address("operator")?) })
    };
    connection.query_row("SELECT * FROM meta", [], |row| read(Columns(row))).optional()
}

fn write_identity(connection: &Connection, identity: Identity) -> rusqlite::Result<()> {
    let Identity { service, operator } = identity;
    connection.execute(
        "INSERT INTO meta (only_row, chain_id, manager, operator) VALUES (1, ?1, ?2, ?3)",
        params![signed(service.chain_id), service.manager.as_slice(), operator.0.as_slice()],
    )?;
    Ok(())
}

fn storage(directory: &Path, error: rusqlite::Error) -> OpenError {
    OpenError::Storage { directory: PathBuf::from(directory), source: StorageError::from(error) }
}
