//! What the commands do to the rows of a store. Pure logic: the rows are somebody else's, and so is what makes a command atomic.

use super::{Answer, Command, STORE_BATCH_MAX, StoreError, StoreLimits};
use crate::{LimitBreach, LimitKind};

/// The rows of a store, inside a transaction: what fails is undone by the caller.
pub trait Table {
    /// Why a command was not done: the store's own reasons, and why the rows cannot be read or written.
    type Error: From<StoreError>;

    /// The value under `key`.
    ///
    /// # Errors
    /// When the rows cannot be read.
    fn get(&self, key: &str) -> Result<Option<Vec<u8>>, Self::Error>;

    /// Keys that begin with `prefix` and come after `after`, ascending by their bytes, `max` at most.
    ///
    /// # Errors
    /// When the rows cannot be read.
    fn keys(&self, prefix: &str, after: Option<&str>, max: usize) -> Result<Vec<String>, Self::Error>;

    /// Writes `value` under `key`, or deletes the key.
    ///
    /// # Errors
    /// When the rows cannot be written.
    fn put(&mut self, key: &str, value: Option<&[u8]>) -> Result<(), Self::Error>;

    /// How much the rows hold.
    ///
    /// # Errors
    /// When the rows cannot be read.
    fn usage(&self) -> Result<TableUsage, Self::Error>;
}

/// How much a store holds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TableUsage {
    /// Keys.
    pub keys: u64,
    /// Bytes of keys and values.
    pub bytes: u64,
}

impl Command {
    /// Keys that it names; one at least, so that nothing is free.
    pub(crate) fn weight(&self) -> u64 {
        match self {
            Self::Get(keys) => keys.len().max(1) as u64,
            Self::Write(rows) => rows.len().max(1) as u64,
            Self::Keys { .. } | Self::Increment { .. } | Self::CompareAndSwap { .. } => 1,
        }
    }

    /// Runs on the rows of a store. After an error the caller undoes what was written.
    ///
    /// # Errors
    /// [`StoreError`] as the table's error, or the table's own.
    pub fn run<T: Table>(self, table: &mut T, limits: &StoreLimits) -> Result<Answer, T::Error> {
        self.check(limits)?;
        match self {
            Self::Get(keys) => keys.iter().map(|key| table.get(key)).collect::<Result<_, _>>().map(Answer::Values),
            Self::Keys { prefix, after, max } => table.keys(&prefix, after.as_deref(), max).map(Answer::Keys),
            Self::Write(rows) => {
                write(table, limits, rows.iter().map(|(key, value)| (key.as_str(), value.as_deref())))?;
                Ok(Answer::Written)
            }
            Self::Increment { key, delta } => increment(table, limits, &key, delta),
            Self::CompareAndSwap { key, expected, new } => {
                let swaps = table.get(&key)? == expected;
                if swaps {
                    write(table, limits, [(key.as_str(), new.as_deref())])?;
                }
                Ok(Answer::Swapped(swaps))
            }
        }
    }

    /// What can be refused without a look at the rows.
    fn check(&self, limits: &StoreLimits) -> Result<(), StoreError> {
        let batch = |keys: usize| match keys {
            0..=STORE_BATCH_MAX => Ok(()),
            _ => Err(LimitBreach { kind: LimitKind::StoreBatch, limit: STORE_BATCH_MAX as u64 }),
        };
        match self {
            Self::Get(keys) => batch(keys.len())?,
            Self::Keys { max, .. } => batch(*max)?,
            Self::Write(rows) => {
                batch(rows.len())?;
                rows.iter().try_for_each(|(key, value)| check_row(limits, key, value.as_deref()))?;
            }
            Self::Increment { key, .. } => check_row(limits, key, Some(&[0; 8]))?,
            Self::CompareAndSwap { key, new, .. } => check_row(limits, key, new.as_deref())?,
        }
        Ok(())
    }
}

fn check_row(limits: &StoreLimits, key: &str, value: Option<&[u8]>) -> Result<(), LimitBreach> {
    limits.check(LimitKind::StoreKeyBytes, key.len() as u64)?;
    limits.check(LimitKind::StoreValueBytes, value.map_or(0, <[u8]>::len) as u64)
}

fn increment<T: Table>(table: &mut T, limits: &StoreLimits, key: &str, delta: i64) -> Result<Answer, T::Error> {
    let count = match table.get(key)? {
        None => 0,
        Some(bytes) => i64::from_le_bytes(bytes.try_into().map_err(|_| StoreError::NotACounter)?),
    };
    let count = count.checked_add(delta).ok_or(StoreError::NotACounter)?;
    write(table, limits, [(key, Some(count.to_le_bytes().as_slice()))])?;
    Ok(Answer::Count(count))
}

/// Writes, and refuses what makes the store larger than it may be. A store that is too large already can shrink.
fn write<'a, T: Table>(
    table: &mut T,
    limits: &StoreLimits,
    rows: impl IntoIterator<Item = (&'a str, Option<&'a [u8]>)>,
) -> Result<(), T::Error> {
    let before = table.usage()?;
    for (key, value) in rows {
        table.put(key, value)?;
    }
    let after = table.usage()?;
    if after.keys > before.keys {
        limits.check(LimitKind::StoreKeys, after.keys).map_err(StoreError::from)?;
    }
    if after.bytes > before.bytes {
        limits.check(LimitKind::StoreBytes, after.bytes).map_err(StoreError::from)?;
    }
    Ok(())
}
