//! The wall clock, read here and nowhere else in the node.

use std::time::{SystemTime, UNIX_EPOCH};

use tandem_protocol::Timestamp;

/// Milliseconds of Unix time.
pub(crate) fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}

/// Nanoseconds of Unix time.
pub(crate) fn nanos() -> u128 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos()
}

/// Seconds of Unix time.
pub(crate) fn unix_seconds() -> u64 {
    now().0 / 1_000
}
