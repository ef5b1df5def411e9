//! What was signed, as a file that another journal of the same operator and service takes up: one JSON object per line, the first says whose it
//! is, the last that nothing is missing.

use std::io::{BufRead, Read, Write};

use rusqlite::{Connection, Row};
use serde::{Deserialize, Serialize};
use tandem_types::{BatchEntry, BatchRoot, Epoch, OperatorId, ResultLeaf, ServiceId, TaskId};

use super::column::Columns;
use super::votes::{SignedRow, is_vetoed, signed_leaf, write_veto, write_vote};
use super::{Floor, Identity, Journal, JournalError, StorageError, floor, history::entry_of};

/// Name of the format, in its first line.
const FORMAT: &str = "tandem-signed";
/// Version of the format.
const FORMAT_VERSION: u32 = 1;
/// Longest line that is read.
const LINE_BYTES_MAX: u64 = 1_024;

/// A line of the file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
enum Line {
    /// The first.
    Header(Header),
    /// A task was signed with a result.
    #[serde(rename_all = "kebab-case")]
    Signed { task_id: TaskId, leaf: ResultLeaf, epoch: Epoch, root: BatchRoot, number: u64, asked_at: u64 },
    /// A result was vetoed.
    #[serde(rename_all = "kebab-case")]
    Vetoed { task_id: TaskId, leaf: ResultLeaf, epoch: Epoch, number: u64, asked_at: u64 },
    /// A batch was voted for.
    #[serde(rename_all = "kebab-case")]
    Vote { epoch: Epoch, root: BatchRoot, results: u32, recorded_at: u64 },
    /// The last.
    #[serde(rename_all = "kebab-case")]
    End { lines: u64 },
}

/// Whose signatures they are, and what they do not say.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct Header {
    format: String,
    version: u32,
    service: ServiceId,
    operator: OperatorId,
    /// Below it the file is silent, and nothing is signed.
    floor: Floor,
}

/// What an export or an import came to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Exchanged {
    /// Tasks that were signed.
    pub signed: u64,
    /// Results that were vetoed.
    pub vetoed: u64,
    /// Batches that were voted for.
    pub votes: u64,
}

impl Exchanged {
    fn lines(self) -> u64 {
        self.signed + self.vetoed + self.votes
    }
}

impl Journal {
    /// Takes up what an export says was signed, all or nothing, and raises the floor to what the export forgot and to `floor`. What is there
    /// already is passed over; returns what was new.
    ///
    /// # Errors
    /// [`JournalError::Import`] for a file that is not whole, of another service or operator, or that contradicts this journal: then two
    /// nodes have signed differently. [`JournalError::Storage`] or [`JournalError::Stopped`].
    pub async fn import(
        &self,
        identity: Identity,
        floor: Floor,
        mut file: impl BufRead + Send + 'static,
    ) -> Result<Exchanged, JournalError> {
        self.write(move |connection| import(connection, (identity, floor), &mut file)).await
    }
}

/// Writes all that was signed.
pub(super) fn export(
    connection: &Connection,
    identity: Identity,
    file: &mut dyn Write,
) -> Result<Exchanged, JournalError> {
    let (format, version) = (FORMAT.to_owned(), FORMAT_VERSION);
    let floor = floor::read(connection)?.unwrap_or_default();
    let Identity { service, operator } = identity;
    put(file, &Line::Header(Header { format, version, service, operator, floor }))?;
    let mut done = Exchanged::default();
    let mut signed = connection.prepare("SELECT * FROM signed ORDER BY number, task_id")?;
    let mut rows = signed.query([])?;
    while let Some(row) = rows.next()? {
        let SignedRow { entry: BatchEntry { task_id, leaf }, epoch, root, number, asked_at } = SignedRow::read(row)??;
        put(file, &Line::Signed { task_id, leaf, epoch, root, number, asked_at })?;
        done.signed += 1;
    }
    done.vetoed = each(connection, "SELECT * FROM vetoed ORDER BY number, task_id, leaf", vetoed_line, file)?;
    done.votes = each(connection, "SELECT * FROM vote ORDER BY epoch, root", vote_line, file)?;
    put(file, &Line::End { lines: done.lines() })?;
    Ok(done)
}

fn each(
    connection: &Connection,
    sql: &str,
    line: fn(&Row<'_>) -> rusqlite::Result<Line>,
    file: &mut dyn Write,
) -> Result<u64, JournalError> {
    let mut statement = connection.prepare(sql)?;
    let mut lines = 0;
    for row in statement.query_map([], line)? {
        put(file, &row?)?;
        lines += 1;
    }
    Ok(lines)
}

fn vetoed_line(row: &Row<'_>) -> rusqlite::Result<Line> {
    let columns = Columns(row);
    let BatchEntry { task_id, leaf } = entry_of(&columns)?;
    let (number, asked_at) = (columns.word("number")?, columns.word("asked_at")?);
    Ok(Line::Vetoed { task_id, leaf, epoch: Epoch(columns.get("epoch")?), number, asked_at })
}

fn vote_line(row: &Row<'_>) -> rusqlite::Result<Line> {
    let columns = Columns(row);
    let (epoch, root) = (Epoch(columns.get("epoch")?), BatchRoot(columns.hash("root")?));
    Ok(Line::Vote { epoch, root, results: columns.get("results")?, recorded_at: columns.word("recorded_at")? })
}

fn put(file: &mut dyn Write, line: &Line) -> Result<(), JournalError> {
    let text = serde_json::to_string(line).expect("hashes and numbers serialise");
    writeln!(file, "{text}").map_err(|error| StorageError::from(error).into())
}

fn import(
    connection: &Connection,
    (identity, floor): (Identity, Floor),
    file: &mut dyn BufRead,
) -> Result<Exchanged, JournalError> {
    let mut lines = Lines { file, number: 0 };
    let header = match lines.next()? {
        Line::Header(header) => header,
        _ => return Err(lines.refused("the file does not begin with its header")),
    };
    check_header(&header, identity).map_err(|problem| lines.refused(&problem))?;
    let (mut read, mut new) = (Exchanged::default(), Exchanged::default());
    loop {
        match lines.next()? {
            Line::Header(_) => {
                return Err(lines.refused("there are two headers: two exports are imported one after the other"));
            }
            Line::End { lines: expected } if expected == read.lines() => break,
            Line::End { lines: expected } => {
                return Err(
                    lines.refused(&format!("the file should have {expected} entries, and has {}", read.lines()))
                );
            }
            entry => take(connection, &entry, (&mut read, &mut new), &lines)?,
        }
    }
    lines.expect_end()?;
    floor::raise(connection, header.floor.max(floor).max(floor::seen(connection)?))?;
    Ok(new)
}

fn check_header(header: &Header, identity: Identity) -> Result<(), String> {
    let Header { format, version, service, operator, .. } = header;
    if format != FORMAT || *version != FORMAT_VERSION {
        return Err(format!("the format is {format} {version}, and {FORMAT} {FORMAT_VERSION} is known"));
    }
    let found = Identity { service: *service, operator: *operator };
    if found != identity {
        Err(format!("these are signatures of {found}, and the journal is of {identity}"))
    } else {
        Ok(())
    }
}

/// Merges one entry.
fn take(
    connection: &Connection,
    line: &Line,
    (read, new): (&mut Exchanged, &mut Exchanged),
    lines: &Lines<'_>,
) -> Result<(), JournalError> {
    match *line {
        Line::Signed { task_id, leaf, epoch, root, number, asked_at } => {
            read.signed += 1;
            let entry = BatchEntry { task_id, leaf };
            match signed_leaf(connection, task_id)? {
                Some(known) if known == leaf => return Ok(()),
                Some(known) => {
                    return Err(
                        lines.refused(&format!("task {task_id} is signed with {leaf} there and with {known} here"))
                    );
                }
                None if is_vetoed(connection, &entry)? => {
                    return Err(
                        lines.refused(&format!("result {leaf} of task {task_id} is signed there and vetoed here"))
                    );
                }
                None => SignedRow { entry, epoch, root, number, asked_at }.insert(connection, true)?,
            }
            new.signed += 1;
        }
        Line::Vetoed { task_id, leaf, epoch, number, asked_at } => {
            read.vetoed += 1;
            if signed_leaf(connection, task_id)? == Some(leaf) {
                return Err(lines.refused(&format!("result {leaf} of task {task_id} is vetoed there and signed here")));
            }
            new.vetoed +=
                write_veto(connection, (BatchEntry { task_id, leaf }, epoch), (number, asked_at), true)? as u64;
        }
        Line::Vote { epoch, root, results, recorded_at } => {
            read.votes += 1;
            let recorded_at = Some(recorded_at.cast_signed());
            new.votes += write_vote(connection, (epoch, root), results.into(), recorded_at)? as u64;
        }
        Line::Header(_) | Line::End { .. } => unreachable!("the caller takes them"),
    }
    Ok(())
}

/// The lines of a file, each of a bounded length.
struct Lines<'a> {
    file: &'a mut dyn BufRead,
    number: u64,
}

impl Lines<'_> {
    fn next(&mut self) -> Result<Line, JournalError> {
        self.number += 1;
        let mut text = String::new();
        let read = Read::take(&mut *self.file, LINE_BYTES_MAX).read_line(&mut text);
        match read.map_err(|error| self.refused(&error.to_string()))? {
            0 => Err(self.refused("the file ends before its last line")),
            _ => serde_json::from_str(&text).map_err(|error| self.refused(&error.to_string())),
        }
    }

    fn expect_end(&mut self) -> Result<(), JournalError> {
        match self.file.fill_buf() {
            Ok([]) => Ok(()),
            Ok(_) => Err(self.refused("the file goes on after its last line")),
            Err(error) => Err(self.refused(&error.to_string())),
        }
    }

    fn refused(&self, problem: &str) -> JournalError {
        JournalError::Import { line: self.number, problem: problem.to_owned() }
    }
}
