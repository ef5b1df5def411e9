//! The service's store, as rows of the journal: a write of a component shares a commit with everything else that waits for one, and lasts as
//! long as a vote does. Limits, and what commands mean, are the engine's.

use rusqlite::{Connection, OptionalExtension, params};
use tandem_engine::StoreLimits;
use tandem_engine::store::{Command, Pending, ServiceStore, StoreError, Table, TableUsage};

use super::{Journal, JournalError};

impl ServiceStore for Journal {
    fn run(&self, command: Command, limits: StoreLimits) -> Pending<'_> {
        let reads = matches!(command, Command::Get(_) | Command::Keys { .. });
        let run = move |connection: &Connection| command.run(&mut Rows(connection), &limits);
        Box::pin(async move {
            let answer = if reads { self.read(run).await } else { self.write(run).await };
            answer.map_err(|error| match error {
                JournalError::Store(error) => error,
                error => StoreError::Failed(error.to_string()),
            })
        })
    }
}

/// The rows, in the transaction that the worker has open; it undoes what fails.
struct Rows<'a>(&'a Connection);

impl Table for Rows<'_> {
    type Error = JournalError;

    fn get(&self, key: &str) -> Result<Option<Vec<u8>>, JournalError> {
        let mut statement = self.0.prepare_cached("SELECT value FROM store WHERE key = ?1")?;
        Ok(statement.query_row([key], |row| row.get(0)).optional()?)
    }

    fn keys(&self, prefix: &str, after: Option<&str>, max: usize) -> Result<Vec<String>, JournalError> {
        let (sql, first) = match after {
            Some(after) if after >= prefix => ("SELECT key FROM store WHERE key > ?1 ORDER BY key LIMIT ?2", after),
            _ => ("SELECT key FROM store WHERE key >= ?1 ORDER BY key LIMIT ?2", prefix),
        };
        let mut statement = self.0.prepare_cached(sql)?;
        let rows = statement.query_map(params![first, i64::try_from(max).unwrap_or(i64::MAX)], |row| row.get(0))?;
        let mut keys = rows.collect::<rusqlite::Result<Vec<String>>>()?;
        keys.retain(|key| key.starts_with(prefix));
        Ok(keys)
    }

    fn put(&mut self, key: &str, value: Option<&[u8]>) -> Result<(), JournalError> {
        match value {
            Some(value) => self
                .0
                .prepare_cached(
                    "INSERT INTO store (key, value) VALUES (?1, ?2) ON CONFLICT (key) DO UPDATE SET value = excluded.value",
                )?
                .execute(params![key, value])?,
            None => self.0.prepare_cached("DELETE FROM store WHERE key = ?1")?.execute([key])?,
        };
        Ok(())
    }

    fn usage(&self) -> Result<TableUsage, JournalError> {
        let mut statement = self.0.prepare_cached("SELECT keys, bytes FROM store_usage")?;
        let read = |row: &rusqlite::Row<'_>| {
            Ok(TableUsage { keys: row.get::<_, i64>(0)?.cast_unsigned(), bytes: row.get::<_, i64>(1)?.cast_unsigned() })
        };
        Ok(statement.query_row([], read)?)
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::sync::Arc;

    use tandem_engine::Limits;
    use tandem_engine::store::{Answer, suite};
    use tandem_types::{Address, OperatorId, ServiceId};
    use tempfile::TempDir;

    use super::super::{Identity, Place};
    use super::*;

    fn open(directory: &Path) -> Journal {
        let service = ServiceId { chain_id: 1, manager: Address::ZERO };
        Journal::open(
            &Place::beside(&directory.join("data")),
            Identity { service, operator: OperatorId(Address::ZERO) },
        )
        .expect("the directory is free")
    }

    fn fresh() -> (TempDir, Journal) {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let journal = open(directory.path());
        (directory, journal)
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn journal_is_a_store() {
        let mut directories = Vec::new();
        suite::check(|| {
            let (directory, journal) = fresh();
            directories.push(directory);
            Arc::new(journal)
        })
        .await;
    }

    #[tokio::test]
    async fn store_outlives_its_process() {
        let (directory, journal) = fresh();
        let limits = Limits::default().store;
        let increment = || Command::Increment { key: "count".to_owned(), delta: 1 };
        assert_eq!(journal.run(increment(), limits).await, Ok(Answer::Count(1)));
        // What a killed process leaves behind: the files as they are after the answer, without a close.
        let copy = tempfile::tempdir().expect("there is room for a directory");
        std::fs::create_dir(copy.path().join("data")).expect("made");
        for file in ["data/journal.sqlite", "data/journal.sqlite-wal", "data.guard"] {
            std::fs::copy(directory.path().join(file), copy.path().join(file)).expect("the file is there");
        }
        assert_eq!(open(copy.path()).run(increment(), limits).await, Ok(Answer::Count(2)));
    }

    #[tokio::test]
    async fn closed_journal_is_no_store() {
        let (_directory, journal) = fresh();
        journal.close().await;
        let answer = journal.run(Command::Get(vec![]), Limits::default().store).await;
        assert!(matches!(answer, Err(StoreError::Failed(_))), "{answer:?}");
    }
}
