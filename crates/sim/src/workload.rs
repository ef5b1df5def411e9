//! What components return: functions of the task, of its block, or of when they looked; and failures.

use tandem_types::keccak256;

use crate::env::Env;
use crate::journal::Recorded;

/// Always the same.
pub(crate) const STEADY: &str = "steady";
/// A function of the block that asked.
pub(crate) const BLOCK: &str = "block";
/// Another one every few seconds: operators differ.
pub(crate) const LIVE: &str = "live";
/// As steady, but its source fails now and then.
pub(crate) const FLAKY: &str = "flaky";
/// Never returns anything.
pub(crate) const BROKEN: &str = "broken";

/// How long a live value lasts.
const READING_MS: u64 = 3_000;

/// No result.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Failure {
    pub(crate) is_retryable: bool,
}

/// Whether all honest operators come to one result.
pub(crate) fn agrees(workflow: &str) -> bool {
    matches!(workflow, STEADY | BLOCK | FLAKY)
}

/// Runs the task's component, now.
pub(crate) fn run(recorded: &Recorded, env: &mut Env) -> Result<Vec<u8>, Failure> {
    let mut words = vec![recorded.task.input_hash];
    match recorded.task.workflow.as_str() {
        BROKEN => return Err(Failure { is_retryable: false }),
        FLAKY if !env.is_calm && env.random.per_mille(500) => return Err(Failure { is_retryable: true }),
        BLOCK => words.push(recorded.block.hash),
        LIVE => words.push(keccak256((env.now / READING_MS).to_be_bytes())),
        _ => {}
    }
    Ok(words.concat())
}
