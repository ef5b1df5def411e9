//! Has the journal forget what ended long ago, a little at a time.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::clock;
use crate::journal::{Journal, JournalError};

/// Time between two looks at what is old.
const LOOK: Duration = Duration::from_secs(600);
/// Time between two commands when there is much to forget, in which others have the journal.
const PAUSE: Duration = Duration::from_millis(50);
const DAY_S: u64 = 24 * 3_600;

/// Forgets until it is told to stop.
///
/// # Errors
/// [`JournalError`] when the journal is no more.
pub(crate) async fn run(journal: Journal, days: u64, stop: CancellationToken) -> Result<(), JournalError> {
    stop.run_until_cancelled(forget(&journal, days)).await.unwrap_or(Ok(()))
}

async fn forget(journal: &Journal, days: u64) -> Result<(), JournalError> {
    let mut looks = tokio::time::interval(LOOK);
    loop {
        looks.tick().await;
        loop {
            match journal.prune(clock::unix_seconds(), days.saturating_mul(DAY_S)).await {
                Ok(pruned) if pruned.is_partial() => tokio::time::sleep(PAUSE).await,
                Ok(_) => break,
                Err(error) if error.is_fatal() => return Err(error),
                Err(error) => {
                    tracing::warn!(%error, "the journal does not forget what is old; it is tried again later");
                    break;
                }
            }
        }
    }
}
