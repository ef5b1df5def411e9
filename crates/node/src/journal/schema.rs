//! Opening the files: the lock, the schema and its migrations, whose journal it is, and whether it is the one that its guard has seen.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, OptionalExtension, Transaction, TransactionBehavior, ffi, params};
use tandem_types::{BatchEntry, BatchRoot, Epoch, OperatorId, ResultLeaf, ServiceId, TaskId};

use super::column::{Columns, signed};
use super::guard::{Found, Guard, Mark};
use super::votes::{SignedRow, write_veto};
use super::{Doubt, Floor, Identity, JournalError, OpenError, Place, StorageError, floor};

const DATABASE_FILE: &str = "journal.sqlite";
const LOCK_FILE: &str = "journal.lock";
/// "tndm": tells a journal from any other SQLite database.
const APPLICATION_ID: i32 = 0x746e_646d;
/// How long to wait for another program that looks inside.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
const CACHED_STATEMENTS: usize = 64;
/// What the write-ahead log is cut back to when it was larger.
const LOG_BYTES_MAX: i64 = 64 << 20;

/// A step from one version to the next.
struct Migration {
    script: &'static str,
    /// What SQL alone cannot do.
    then: fn(&Transaction<'_>) -> rusqlite::Result<()>,
}

const fn script(script: &'static str) -> Migration {
    Migration { script, then: |_| Ok(()) }
}

/// One per version, from 1. Never edit one that was released: add another, and a journal of it to `fixtures/`.
const MIGRATIONS: &[Migration] = &[
    script(include_str!("schema/0001.sql")),
    script(include_str!("schema/0002.sql")),
    script(include_str!("schema/0003.sql")),
    Migration { script: include_str!("schema/0004.sql"), then: copy_signatures },
    script(include_str!("schema/0005.sql")),
];

/// Version that this program writes.
pub(super) const VERSION: u32 = MIGRATIONS.len() as u32;

/// Keeps the directory for this process, until it is dropped.
pub(super) type Lock = File;

/// Takes the directory for this process.
pub(super) fn lock(directory: &Path) -> Result<Lock, OpenError> {
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

/// What is to become of a journal that may not know all that was signed.
#[derive(Debug, Clone, Copy)]
pub(super) enum Trust {
    /// It is refused.
    Proven,
    /// A person says that nothing else signs. What may have been signed lies below this floor, or below what the journal has seen.
    Recovered(Floor),
}

/// The connection that writes, and the guard that follows it. The caller holds the lock.
pub(super) fn open_writer(place: &Place, identity: Identity, trust: Trust) -> Result<(Connection, Guard), OpenError> {
    let directory = place.data.as_path();
    let storage = |error: rusqlite::Error| storage(directory, error);
    let mut connection = connect(directory, OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE)?;
    refuse_strangers(directory, &connection)?;
    refuse_damaged(directory, &connection)?;
    durable(&connection).map_err(storage)?;
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(storage)?;
    let is_new = version(&transaction).map_err(storage)? == 0;
    migrate(&transaction).map_err(storage)?;
    bind(directory, &transaction, identity)?;
    let found = match trust {
        Trust::Proven => prove(place, &transaction, is_new)?,
        Trust::Recovered(floor) => {
            recover(&transaction, floor).map_err(|error| lost(directory, error))?;
            None
        }
    };
    let row = guard_row(&transaction).map_err(storage)?;
    transaction.commit().map_err(storage)?;
    let guard = match found {
        Some(mut guard) => guard.advance(row.mark.sequence).map(|()| guard),
        None => Guard::create(&place.guard, row.mark),
    };
    let guard = guard.map_err(|source| OpenError::Guard { path: place.guard.clone(), source })?;
    connection.execute("UPDATE guard SET is_written = 1 WHERE NOT is_written", []).map_err(storage)?;
    connection.pragma_update(None, "foreign_keys", true).map_err(storage)?;
    Ok((connection, guard))
}

/// The connection that only reads.
pub(super) fn open_reader(directory: &Path) -> Result<Connection, OpenError> {
    connect(directory, OpenFlags::SQLITE_OPEN_READ_ONLY)
}

/// A connection that reads a journal of this version which may be in use, and the journal's owner.
pub(super) fn look(directory: &Path) -> Result<(Connection, Identity), OpenError> {
    let path = directory.join(DATABASE_FILE);
    if !path.is_file() {
        let source = io::Error::new(io::ErrorKind::NotFound, "there is no journal there");
        return Err(OpenError::Directory { directory: directory.to_owned(), source });
    }
    let connection = open_reader(directory)?;
    refuse_strangers(directory, &connection)?;
    let found = version(&connection).map_err(|error| storage(directory, error))?;
    if found < VERSION {
        return Err(OpenError::OlderSchema { directory: directory.to_owned(), found, known: VERSION });
    }
    let identity = identity(&connection).map_err(|error| storage(directory, error))?;
    let identity = identity.ok_or_else(|| OpenError::NotAJournal(path))?;
    Ok((connection, identity))
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
    match application {
        APPLICATION_ID if found > VERSION => {
            Err(OpenError::NewerSchema { directory: directory.to_owned(), found, known: VERSION })
        }
        APPLICATION_ID => Ok(()),
        0 if empty => Ok(()),
        _ => Err(OpenError::NotAJournal(directory.join(DATABASE_FILE))),
    }
}

/// Refuses a file whose pages are not what was written, before anything is signed with it. Reads all of it.
fn refuse_damaged(directory: &Path, connection: &Connection) -> Result<(), OpenError> {
    match first_damage(connection).map_err(|error| storage(directory, error))? {
        None => Ok(()),
        Some(damage) => Err(storage(directory, corrupt(damage))),
    }
}

fn first_damage(connection: &Connection) -> rusqlite::Result<Option<String>> {
    let verdict: String = connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
    if verdict != "ok" {
        return Ok(Some(verdict));
    }
    if version(connection)? < 4 {
        return Ok(None);
    }
    let mut statement = connection.prepare(
        "SELECT sequence - pruned AS expected, (SELECT count(*) FROM signed) + (SELECT count(*) FROM vetoed) AS found FROM guard",
    )?;
    let (expected, found): (i64, i64) = statement.query_row([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok((expected != found).then(|| format!("{expected} signatures were recorded, and {found} are there")))
}

pub(super) fn corrupt(text: String) -> rusqlite::Error {
    rusqlite::Error::SqliteFailure(ffi::Error::new(ffi::SQLITE_CORRUPT), Some(text))
}

pub(super) fn version(connection: &Connection) -> rusqlite::Result<u32> {
    connection.pragma_query_value(None, "user_version", |row| row.get(0))
}

/// A commit is on disk when it returns.
fn durable(connection: &Connection) -> rusqlite::Result<()> {
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update_and_check(None, "journal_size_limit", LOG_BYTES_MAX, |_| Ok(()))?;
    // Migrations make tables anew that others refer to.
    connection.pragma_update(None, "foreign_keys", false)
}

fn migrate(transaction: &Transaction<'_>) -> rusqlite::Result<()> {
    let from = version(transaction)?;
    for (number, migration) in (1u32..).zip(MIGRATIONS).filter(|(number, _)| *number > from) {
        transaction.execute_batch(migration.script)?;
        (migration.then)(transaction)?;
        transaction.pragma_update(None, "user_version", number)?;
        if transaction.prepare("PRAGMA foreign_key_check")?.exists([])? {
            return Err(corrupt("rows refer to tasks that are not there".to_owned()));
        }
    }
    transaction.pragma_update(None, "application_id", APPLICATION_ID)
}

/// Version 4 knows when each signed task was asked for. One whose task is not there is kept for good.
fn copy_signatures(transaction: &Transaction<'_>) -> rusqlite::Result<()> {
    const ASKED: &str = "coalesce(number, 9223372036854775807) AS number,
                         coalesce(block_time, recorded_at, 9223372036854775807) AS asked_at";
    let sql = format!("SELECT signed_3.*, {ASKED} FROM signed_3 LEFT JOIN task USING (task_id)");
    let mut statement = transaction.prepare(&sql)?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let columns = Columns(row);
        let (entry, epoch) = signed_3(&columns)?;
        let root = BatchRoot(columns.hash("root")?);
        let (number, asked_at) = (columns.word("number")?, columns.word("asked_at")?);
        SignedRow { entry, epoch, root, number, asked_at }.insert(transaction, false)?;
    }
    let sql = format!(
        "SELECT task_id, leaf, epoch, {ASKED} FROM (SELECT vetoed_3.task_id, leaf, epoch, number, block_time, task.recorded_at
         FROM vetoed_3 LEFT JOIN task USING (task_id))"
    );
    let mut statement = transaction.prepare(&sql)?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let columns = Columns(row);
        write_veto(transaction, signed_3(&columns)?, (columns.word("number")?, columns.word("asked_at")?), false)?;
    }
    transaction.execute_batch(include_str!("schema/0004-after.sql"))
}

fn signed_3(columns: &Columns<'_, '_>) -> rusqlite::Result<(BatchEntry, Epoch)> {
    let entry = BatchEntry { task_id: TaskId(columns.hash("task_id")?), leaf: ResultLeaf(columns.hash("leaf")?) };
    Ok((entry, Epoch(columns.get("epoch")?)))
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

/// What the journal says that its guard should have seen.
pub(super) struct GuardRow {
    pub(super) mark: Mark,
    pub(super) is_written: bool,
    pub(super) doubt: Option<String>,
}

pub(super) fn guard_row(connection: &Connection) -> rusqlite::Result<GuardRow> {
    let read = |columns: Columns<'_, '_>| {
        let mark = Mark { line: columns.get("line")?, sequence: columns.word("sequence")? };
        Ok(GuardRow { mark, is_written: columns.get("is_written")?, doubt: columns.get("doubt")? })
    };
    connection.query_row("SELECT * FROM guard", [], |row| read(Columns(row)))
}

/// Signatures that were ever recorded.
pub(super) fn sequence(connection: &Connection) -> rusqlite::Result<u64> {
    let mut statement = connection.prepare_cached("SELECT sequence FROM guard")?;
    statement.query_row([], |row| Columns(row).word("sequence"))
}

/// The journal's guard, which proves that nothing is missing; none when this is where guarding begins.
fn prove(place: &Place, transaction: &Transaction<'_>, is_new: bool) -> Result<Option<Guard>, OpenError> {
    let row = guard_row(transaction).map_err(|error| storage(&place.data, error))?;
    let found = Guard::open(&place.guard).map_err(|source| match source.kind() {
        io::ErrorKind::WouldBlock => OpenError::Locked(place.data.clone()),
        _ => OpenError::Guard { path: place.guard.clone(), source },
    })?;
    match doubt(&row, &found, (&place.guard, is_new)) {
        Some(doubt) => Err(OpenError::Doubt { directory: place.data.clone(), doubt }),
        None => Ok(match found {
            Found::Guard(guard) => Some(guard),
            _ => None,
        }),
    }
}

/// Why the journal may not know all that was signed, if there is a reason.
pub(super) fn doubt(row: &GuardRow, found: &Found, (path, is_new): (&Path, bool)) -> Option<Doubt> {
    let path = || path.to_owned();
    match (&row.doubt, found) {
        (Some(doubt), _) => Some(Doubt::Recorded(doubt.clone())),
        (None, Found::Damaged) => Some(Doubt::Damaged(path())),
        (None, Found::Nothing) => row.is_written.then(|| Doubt::NoGuard(path())),
        (None, Found::Guard(guard)) => {
            let Mark { line, sequence } = guard.mark();
            if is_new {
                return Some(Doubt::NoJournal { path: path(), sequence });
            }
            if line != row.mark.line {
                return Some(Doubt::OtherLine(path()));
            }
            let journal = row.mark.sequence;
            (sequence > journal).then_some(Doubt::Behind { journal, guard: sequence })
        }
    }
}

/// Begins a new line above everything that may have been signed.
fn recover(transaction: &Transaction<'_>, to: Floor) -> Result<(), JournalError> {
    let seen = floor::seen(transaction)?;
    floor::raise(transaction, to.max(seen))?;
    transaction.execute("UPDATE guard SET line = randomblob(16), is_written = 0, doubt = NULL", [])?;
    Ok(())
}

fn lost(directory: &Path, error: JournalError) -> OpenError {
    let source = match error {
        JournalError::Storage(source) => source,
        error => StorageError::new(super::StorageFault::Other, error),
    };
    OpenError::Storage { directory: PathBuf::from(directory), source }
}

fn storage(directory: &Path, error: rusqlite::Error) -> OpenError {
    OpenError::Storage { directory: PathBuf::from(directory), source: StorageError::from(error) }
}

/// Bytes of the database before and after everything was moved together.
pub(super) fn compact(directory: &Path) -> rusqlite::Result<(u64, u64)> {
    let connection = Connection::open_with_flags(directory.join(DATABASE_FILE), OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    let bytes = || -> rusqlite::Result<u64> {
        let number = |name: &str| connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
        Ok((number("page_count")? * number("page_size")?).cast_unsigned())
    };
    let before = bytes()?;
    connection.execute_batch("PRAGMA synchronous = FULL; VACUUM")?;
    connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
    Ok((before, bytes()?))
}
