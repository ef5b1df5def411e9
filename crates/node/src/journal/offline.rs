//! A journal that is looked at without being opened: reads only, also while a node has it open, and never signs.

use std::io::Write;
use std::path::Path;

use rusqlite::Connection;
use tandem_types::TaskId;

use super::schema::{self, Lock};
use super::{
    Checked, Cursor, Exchanged, Floor, Identity, JournalError, OpenError, Place, StorageError, TaskCounts, TaskLife,
    TaskQuery, TaskSummary, check, exchange, floor, history, tasks,
};

/// A journal that is only read.
#[derive(Debug)]
pub struct Offline {
    connection: Connection,
    identity: Identity,
    place: Place,
}

impl Offline {
    /// Looks at the journal at `place`.
    ///
    /// # Errors
    /// [`OpenError`] when there is none, or it is of another version or damaged.
    pub fn look(place: &Place) -> Result<Self, OpenError> {
        let (connection, identity) = schema::look(&place.data)?;
        Ok(Self { connection, identity, place: place.clone() })
    }

    /// Keeps every node away from the directory until what is returned is dropped.
    ///
    /// # Errors
    /// [`OpenError::Locked`] while a node runs.
    pub fn hold(directory: &Path) -> Result<impl Drop + Send, OpenError> {
        struct Held(#[expect(dead_code, reason = "it holds by being there")] Lock);
        impl Drop for Held {
            fn drop(&mut self) {}
        }
        schema::lock(directory).map(Held)
    }

    /// Whose it is.
    pub fn identity(&self) -> Identity {
        self.identity
    }

    /// Tasks by state.
    ///
    /// # Errors
    /// [`JournalError::Storage`].
    pub fn counts(&self) -> Result<TaskCounts, JournalError> {
        tasks::counts(&self.connection)
    }

    /// Where the reading of the service's chain stands.
    ///
    /// # Errors
    /// [`JournalError::Storage`].
    pub fn cursor(&self) -> Result<Option<Cursor>, JournalError> {
        tasks::cursor(&self.connection, self.identity.service.chain_id)
    }

    /// The mark up to which nothing new is signed.
    ///
    /// # Errors
    /// [`JournalError::Storage`].
    pub fn floor(&self) -> Result<Option<Floor>, JournalError> {
        floor::read(&self.connection)
    }

    /// Tasks, the newest first.
    ///
    /// # Errors
    /// [`JournalError::Storage`].
    pub fn tasks(&self, query: &TaskQuery) -> Result<Vec<TaskSummary>, JournalError> {
        history::list(&self.connection, query)
    }

    /// The tasks of that number.
    ///
    /// # Errors
    /// [`JournalError::Storage`].
    pub fn numbered(&self, number: u64) -> Result<Vec<TaskId>, JournalError> {
        history::numbered(&self.connection, number)
    }

    /// One task with its times.
    ///
    /// # Errors
    /// [`JournalError::Storage`].
    pub fn life(&self, task_id: TaskId) -> Result<Option<TaskLife>, JournalError> {
        history::life(&self.connection, task_id)
    }

    /// Whether the journal is sound.
    ///
    /// # Errors
    /// [`JournalError::Storage`] when it cannot be read far enough to say.
    pub fn check(&self) -> Result<Checked, JournalError> {
        check::check(&self.connection, &self.place)
    }

    /// Writes what was signed, for [`Journal::import`](super::Journal::import).
    ///
    /// # Errors
    /// [`JournalError::Storage`], also when the file cannot be written.
    pub fn export(&self, file: &mut dyn Write) -> Result<Exchanged, JournalError> {
        exchange::export(&self.connection, self.identity, file)
    }

    /// Gives the disk back what the database does not need. Takes as much room again meanwhile, and returns the bytes before and after. The
    /// caller [holds](Self::hold) the directory.
    ///
    /// # Errors
    /// [`OpenError`] as [`look`](Self::look); [`JournalError::Storage`] within it.
    pub fn compact(place: &Place) -> Result<(u64, u64), OpenError> {
        let (_, _) = schema::look(&place.data)?;
        let storage = |error: rusqlite::Error| OpenError::Storage {
            directory: place.data.clone(),
            source: StorageError::from(error),
        };
        schema::compact(&place.data).map_err(storage)
    }
}
