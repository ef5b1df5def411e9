//! Threads that components compute on, below the rest of the process in the system's eyes: a journal that waits for the disk and a socket that waits for
//! bytes come first, or every signature would wait for somebody's loop. What is computed is the same, only later.

use std::io;
use std::num::NonZeroUsize;

use tokio::runtime::{Builder, Handle, Runtime};
use tokio_util::task::AbortOnDropHandle;
use tracing::instrument::WithSubscriber as _;

use crate::component::{Execution, TaskInput};
use crate::{Component, RunError};

/// How much nicer the threads are than those of the caller.
#[cfg(target_os = "linux")]
const NICER_BY: i32 = 10;

/// Threads for each that a service may keep busy. What does not pause, such as a call of the host or of the kernel, is beyond turns; with threads to spare, the
/// system divides the processors between it and the executions of other services.
const SPARE: usize = 4;

pub(crate) struct ComputeThreads {
    handle: Handle,
    /// There until it is dropped.
    runtime: Option<Runtime>,
}

impl ComputeThreads {
    /// Threads of which every service may keep `count` busy.
    pub(crate) fn start(count: NonZeroUsize) -> io::Result<Self> {
        let runtime = Builder::new_multi_thread()
            .worker_threads(count.get().saturating_mul(SPARE))
            .thread_name("tandem-compute")
            .on_thread_start(step_back)
            .enable_all()
            .build()?;
        Ok(Self { handle: runtime.handle().clone(), runtime: Some(runtime) })
    }

    /// Runs on these threads. Dropping the future ends the execution.
    pub(crate) async fn run(&self, component: Component, task: TaskInput) -> Result<Execution, RunError> {
        let execution = async move { component.run_here(task).await };
        // Log lines go where the caller's go.
        let running = AbortOnDropHandle::new(self.handle.spawn(execution.with_current_subscriber()));
        running.await.unwrap_or_else(|error| Err(RunError::Host { reason: error.to_string() }))
    }
}

impl Drop for ComputeThreads {
    /// The last execution may be what drops the engine, on one of these threads: nothing may wait for them.
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// On Linux a priority is a thread's own. Elsewhere it is the process's, and stays as it is.
#[cfg(target_os = "linux")]
fn step_back() {
    use rustix::process::{getpriority_process, setpriority_process};
    let lowered = getpriority_process(None).and_then(|own| setpriority_process(None, (own + NICER_BY).min(19)));
    if let Err(error) = lowered {
        tracing::warn!(%error, "components compute at the priority of everything else");
    }
}

#[cfg(not(target_os = "linux"))]
fn step_back() {}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[tokio::test]
    async fn threads_are_nicer_than_their_caller() {
        let priority = || rustix::process::getpriority_process(None).expect("a thread has a priority");
        let threads = ComputeThreads::start(NonZeroUsize::MIN).expect("threads start");
        let theirs = threads.handle.spawn(async move { priority() }).await.expect("it does not panic");
        assert_eq!(theirs, (priority() + NICER_BY).min(19));
    }
}
