//! The service's store: keys and values that last, shared by the service's components. Each operator has its own: no output may depend on it unless all
//! operators are sure to have the same in it. Writes take effect at once and are repeated when the execution is.

use std::fmt;

use crate::Error;
use crate::bindings::tandem::service::store::{self, Error as Refused};

pub use crate::bindings::tandem::service::store::Limit;

/// Why nothing was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StoreError {
    /// The manifest does not grant the store.
    NotGranted,
    /// A limit would be exceeded.
    Limit(Limit),
    /// The value is no counter, or the sum leaves 64 bits.
    NotACounter,
    /// The operator's store failed.
    Unavailable,
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotGranted => f.write_str("the store is not granted"),
            Self::Limit(limit) => write!(f, "the limit {limit:?} of the store would be exceeded"),
            Self::NotACounter => f.write_str("the value is not a counter, or the sum leaves 64 bits"),
            Self::Unavailable => f.write_str("the store failed"),
        }
    }
}

impl std::error::Error for StoreError {}

impl From<Refused> for StoreError {
    fn from(error: Refused) -> Self {
        match error {
            Refused::NotGranted => Self::NotGranted,
            Refused::Limit(limit) => Self::Limit(limit),
            Refused::NotACounter => Self::NotACounter,
            Refused::Unavailable => Self::Unavailable,
        }
    }
}

impl From<StoreError> for Error {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Unavailable => Self::unavailable(error.to_string()),
            _ => Self::failed(error.to_string()),
        }
    }
}

/// The value under `key`.
///
/// # Errors
/// [`StoreError`].
pub fn get(key: &str) -> Result<Option<Vec<u8>>, StoreError> {
    Ok(store::get(key)?)
}

/// The values under several keys, 64 at most, in their order and of one moment.
///
/// # Errors
/// [`StoreError`].
pub fn get_many<K: Into<String>>(keys: impl IntoIterator<Item = K>) -> Result<Vec<Option<Vec<u8>>>, StoreError> {
    let keys: Vec<String> = keys.into_iter().map(Into::into).collect();
    Ok(store::get_many(&keys)?)
}

/// Writes `value` under `key`.
///
/// # Errors
/// [`StoreError`].
pub fn set(key: &str, value: &[u8]) -> Result<(), StoreError> {
    Ok(store::set(key, value)?)
}

/// Deletes `key`, if it is there.
///
/// # Errors
/// [`StoreError`].
pub fn delete(key: &str) -> Result<(), StoreError> {
    Ok(store::delete(key)?)
}

/// Writes several values, 64 at most, or deletes where there is none: all of them or none.
///
/// # Errors
/// [`StoreError`].
pub fn write_many(rows: Vec<(String, Option<Vec<u8>>)>) -> Result<(), StoreError> {
    Ok(store::write_many(&rows)?)
}

/// Keys that begin with `prefix` and come after `after`, ascending by their bytes: `max` at most, which is 64 at most.
///
/// # Errors
/// [`StoreError`].
pub fn keys(prefix: &str, after: Option<&str>, max: u32) -> Result<Vec<String>, StoreError> {
    Ok(store::keys(prefix, after, max)?)
}

/// Adds `delta` to the counter under `key`, and returns the sum. A counter that is not there is 0.
///
/// # Errors
/// [`StoreError`].
pub fn increment(key: &str, delta: i64) -> Result<i64, StoreError> {
    Ok(store::increment(key, delta)?)
}

/// Writes `new` under `key` if `expected` is what is there, and says whether it did. None stands for no value.
///
/// # Errors
/// [`StoreError`].
pub fn compare_and_swap(key: &str, expected: Option<&[u8]>, new: Option<&[u8]>) -> Result<bool, StoreError> {
    Ok(store::compare_and_swap(key, expected, new)?)
}
