//! Whether a journal is sound: the file, the schema, and what must hold between the rows. Reads only, and says of each fault what to do.

use rusqlite::Connection;
use serde::Serialize;

use super::column::Columns;
use super::guard::{Found, Guard};
use super::history::entry_of;
use super::schema::{VERSION, doubt, guard_row, version};
use super::votes::SignedRow;
use super::{JournalError, Place, floor};

/// Most faults of one kind that are listed.
const FAULTS_MAX: usize = 20;

const START_ANEW: &str = "what was signed cannot be read from this file for certain: `tandem operator db export` what can be read, put a new directory in its place, \
                          `tandem operator db recover` and `tandem operator db import`";
const RECOVER: &str = "make sure that no other node runs with these keys, then `tandem operator db recover`";
const REPORT: &str =
    "nothing is signed wrongly by it, and the node runs on; please report it with the version of Tandem";

/// Something that does not hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Fault {
    /// What is wrong.
    pub problem: String,
    /// What to do about it.
    pub remedy: &'static str,
}

/// What a check came to.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Checked {
    /// Version of the schema.
    pub version: u32,
    /// Bytes of the database.
    pub bytes: u64,
    /// Bytes of it that hold nothing; `tandem operator db compact` gives them back.
    pub free_bytes: u64,
    /// Tasks.
    pub tasks: u64,
    /// Tasks that were signed, and are not forgotten.
    pub signed: u64,
    /// Signatures that were ever recorded.
    pub sequence: u64,
    /// The floor.
    pub floor: Option<floor::Floor>,
    /// What does not hold.
    pub faults: Vec<Fault>,
}

/// What must hold between rows: a query that finds nothing, or the rows at fault as text.
const INVARIANTS: [(&str, &str, &str); 7] = [
    ("signatures were recorded that are not there", START_ANEW,
     "SELECT (sequence - pruned) || ' recorded, ' || found || ' there' FROM guard,
        (SELECT (SELECT count(*) FROM signed) + (SELECT count(*) FROM vetoed) AS found) WHERE found <> sequence - pruned"),
    ("a task is signed with other than its own result", START_ANEW,
     "SELECT hex(task_id) FROM signed JOIN outcome USING (task_id) WHERE kind = 'result' AND outcome.leaf <> signed.leaf"),
    ("a result is signed and vetoed", START_ANEW, "SELECT hex(task_id) FROM signed JOIN vetoed USING (task_id, leaf)"),
    ("a row refers to a task that is not there", START_ANEW,
     "SELECT \"table\" || ' ' || coalesce(rowid, '') FROM pragma_foreign_key_check"),
    ("the journal does not say whose it is", START_ANEW, "SELECT 'no row in meta' WHERE NOT EXISTS (SELECT 1 FROM meta)"),
    ("fewer tasks ended than have an end", REPORT,
     "SELECT settled FROM tally JOIN (SELECT settled, count(*) AS found FROM task GROUP BY settled) USING (settled) WHERE found > tasks"),
    ("the store is not as large as it is said to be", REPORT,
     "SELECT keys || ' keys, ' || bytes || ' bytes' FROM store_usage, (SELECT count(*) AS k, coalesce(sum(octet_length(key) + length(value)), 0) AS b FROM store)
      WHERE keys <> k OR bytes <> b"),
];

/// Looks at everything.
pub(super) fn check(connection: &Connection, place: &Place) -> Result<Checked, JournalError> {
    let mut checked = Checked { version: version(connection)?, ..Checked::default() };
    pages(connection, &mut checked)?;
    if !checked.faults.is_empty() {
        return Ok(checked);
    }
    for (problem, remedy, sql) in INVARIANTS {
        let mut statement = connection.prepare(sql)?;
        let found = statement.query_map([], |row| row.get::<_, String>(0))?.take(FAULTS_MAX);
        for row in found {
            checked.faults.push(Fault { problem: format!("{problem}: {}", row?), remedy });
        }
    }
    checksums(connection, &mut checked)?;
    guarded(connection, place, &mut checked)?;
    let count = |sql: &str| connection.query_row(sql, [], |row| Columns(row).word("n"));
    checked.tasks = count("SELECT count(*) AS n FROM task")?;
    checked.signed = count("SELECT count(*) AS n FROM signed")?;
    checked.sequence = count("SELECT sequence AS n FROM guard")?;
    checked.floor = floor::read(connection)?;
    Ok(checked)
}

fn pages(connection: &Connection, checked: &mut Checked) -> Result<(), JournalError> {
    let number = |name: &str| connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
    let page = number("page_size")?;
    checked.bytes = (number("page_count")? * page).cast_unsigned();
    checked.free_bytes = (number("freelist_count")? * page).cast_unsigned();
    let mut statement = connection.prepare(&format!("PRAGMA integrity_check({FAULTS_MAX})"))?;
    for row in statement.query_map([], |row| row.get::<_, String>(0))? {
        let line = row?;
        if line != "ok" {
            checked.faults.push(Fault { problem: format!("the file is damaged: {line}"), remedy: START_ANEW });
        }
    }
    if checked.version != VERSION {
        let problem = format!("the schema has version {}, this program writes {VERSION}", checked.version);
        checked.faults.push(Fault { problem, remedy: "start the node once: it brings its journal up to date" });
    }
    Ok(())
}

fn checksums(connection: &Connection, checked: &mut Checked) -> Result<(), JournalError> {
    let mut statement = connection.prepare("SELECT * FROM signed")?;
    let mut rows = statement.query([])?;
    let mut damaged = 0;
    while let Some(row) = rows.next()? {
        if SignedRow::read(row)?.is_err() {
            damaged += 1;
            if damaged <= FAULTS_MAX {
                let task = entry_of(&Columns(row))?.task_id;
                let problem = format!("what was signed for task {task} is not what was written");
                checked.faults.push(Fault { problem, remedy: START_ANEW });
            }
        }
    }
    Ok(())
}

fn guarded(connection: &Connection, place: &Place, checked: &mut Checked) -> Result<(), JournalError> {
    let row = guard_row(connection)?;
    // A running node has the guard: then there is nothing to compare, and it would have stopped.
    let found = match Guard::open(&place.guard) {
        Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => return Ok(()),
        Err(_) => Found::Damaged,
        Ok(found) => found,
    };
    if let Some(doubt) = doubt(&row, &found, (&place.guard, false)) {
        checked
            .faults
            .push(Fault { problem: format!("nothing is signed with this journal: {doubt}"), remedy: RECOVER });
    }
    Ok(())
}
