//! A loaded component and its executions. Each execution gets a fresh instance and leaves nothing behind; a component is run for any number of tasks
//! at a time.

use std::fmt;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tandem_types::{ComponentDigest, TaskBlock, TaskId, WorkflowId};
use tokio::sync::Semaphore;
use tracing::Dispatch;
use tracing::instrument::WithSubscriber as _;
use wasmtime::{PoolConcurrencyLimitError, Store, Trap, WasmBacktrace};
use wasmtime_wasi::I32Exit;

use crate::bindings::tandem::service::types as wit;
use crate::capability::logging::{LINE_BYTES_MAX, LogSink};
use crate::engine::{Compiled, Shared};
use crate::secrets::Redactor;
use crate::share::Share;
use crate::state::{self, Ended, OutOfMemory, State};
use crate::turn::in_turn;
use crate::{Grants, GuestError, GuestErrorKind, LimitBreach, LimitKind, RunError};

/// What a component is told of a task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskInput {
    /// The task.
    pub task_id: TaskId,
    /// The workflow that fired.
    pub workflow: WorkflowId,
    /// The block that asked for it: the time and the chain that `strict` components see.
    pub block: TaskBlock,
    /// What the trigger carries.
    pub input: Vec<u8>,
}

impl TaskInput {
    /// A task that no service asked for, to try a component: its id is all zeros, its workflow `manual`, its block the first of 1970.
    pub fn manual(input: Vec<u8>) -> Self {
        let workflow = "manual".parse().expect("`manual` is a valid name");
        Self { task_id: TaskId(Default::default()), workflow, block: TaskBlock::default(), input }
    }
}

/// An execution that ended with an output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Execution {
    /// What the component returned.
    pub output: Vec<u8>,
    /// Fuel that it used.
    pub fuel: u64,
    /// Time from the start of the instance to its output, without the wait for a slot.
    pub elapsed: Duration,
}

/// What an execution has from whoever starts it, the node or its caller.
pub(crate) struct Allowance {
    /// Fuel that it may use, its callees included.
    pub(crate) fuel: u64,
    /// Calls that it may make, those of its callees included.
    pub(crate) calls: u64,
    /// When its time is up at the latest; its own limit may be earlier.
    pub(crate) deadline: Instant,
    /// Its service's turns to compute, unless it computes in its caller's.
    pub(crate) turns: Option<Arc<Semaphore>>,
    /// Where its lines go.
    pub(crate) log: LogSink,
}

/// How an execution ended, and what it used.
pub(crate) struct Ran {
    pub(crate) outcome: Result<Vec<u8>, RunError>,
    pub(crate) fuel: u64,
    pub(crate) calls: u64,
}

/// What a run takes of the node at most.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Needs {
    /// Instances at a time: its own, and those of the longest chain of calls.
    pub(crate) slots: u32,
    /// Their memory, over the chain that has the most.
    pub(crate) memory_bytes: u64,
}

impl Needs {
    pub(crate) fn of(grants: &Grants) -> Self {
        let callees = || grants.calls.values().map(|callee| callee.needs);
        Self {
            slots: 1 + callees().map(|callee| callee.slots).max().unwrap_or(0),
            memory_bytes: callees()
                .map(|callee| callee.memory_bytes)
                .max()
                .unwrap_or(0)
                .saturating_add(grants.limits.memory_bytes),
        }
    }
}

/// A component, compiled and tied to its grants. A handle: clones share everything.
#[derive(Clone)]
pub struct Component {
    engine: Arc<Shared>,
    compiled: Arc<Compiled>,
    grants: Arc<Grants>,
    /// For its own secrets and those of all that it calls.
    redactor: Arc<Redactor>,
    share: Arc<Share>,
    needs: Needs,
}

impl Component {
    pub(crate) fn new(
        engine: Arc<Shared>,
        compiled: Arc<Compiled>,
        share: Arc<Share>,
        grants: Grants,
        needs: Needs,
    ) -> Self {
        let callees = grants.calls.values().map(|callee| &*callee.redactor);
        let redactor = Arc::new(Redactor::with(&grants.secrets, callees));
        Self { engine, compiled, grants: Arc::new(grants), redactor, share, needs }
    }

    pub(crate) fn engine(&self) -> &Arc<Shared> {
        &self.engine
    }

    /// SHA-256 of the component's bytes.
    pub fn digest(&self) -> ComponentDigest {
        self.compiled.digest
    }

    /// What it was granted.
    pub fn grants(&self) -> &Grants {
        &self.grants
    }

    /// Runs the component once. Dropping the future ends the execution. Needs a tokio runtime with time and I/O, unless the engine has
    /// [threads of its own](crate::EngineConfig::compute_threads).
    ///
    /// A component that was refused something, and returns an output nevertheless, has an output: it got over it. If it returns an error or crashes,
    /// the refusal is the error, whatever the component makes of it.
    ///
    /// # Errors
    /// [`RunError`], which says whose fault it was.
    pub async fn run(&self, task: TaskInput) -> Result<Execution, RunError> {
        match &self.engine.threads {
            Some(threads) => threads.run(self.clone(), task).await,
            None => self.run_here(task).await,
        }
    }

    /// Runs on the caller's thread. The slots for all calls are taken at once: runs that each hold some and wait for more would wait for ever.
    pub(crate) async fn run_here(&self, task: TaskInput) -> Result<Execution, RunError> {
        let _slots = self.share.slots(self.needs.slots as usize).await;
        let (started, limits) = (Instant::now(), &self.grants.limits);
        let deadline = after(started, limits.time);
        let log = LogSink::new(task.task_id, task.workflow.clone(), Arc::clone(&self.redactor), limits.log_bytes);
        let (fuel, calls) = (limits.fuel, limits.component_calls);
        let allowance = Allowance { fuel, calls, deadline, turns: self.turns(), log };
        // wasmtime's crates trace the arguments of host calls, and so the keys in URLs: they get no subscriber. The log sink has its own.
        let running = pin!(self.run_within(task, allowance));
        let Ran { outcome, fuel, .. } = running.with_subscriber(Dispatch::none()).await;
        Ok(Execution { output: outcome?, fuel, elapsed: started.elapsed() })
    }

    /// What keeps executions of one service from being all that is runnable; on the caller's threads, only where there are others.
    fn turns(&self) -> Option<Arc<Semaphore>> {
        let shared = self.engine.threads.is_some() || !self.share.is_alone();
        shared.then(|| Arc::clone(&self.share.turns))
    }

    /// Runs in a slot that the caller has, with what it hands over.
    pub(crate) async fn run_within(&self, task: TaskInput, mut allowance: Allowance) -> Ran {
        let (given, turns) = (allowance.fuel, allowance.turns.take());
        allowance.deadline = allowance.deadline.min(after(Instant::now(), self.grants.limits.time));
        let deadline = allowance.deadline;
        let client = self.engine.client.of(&self.share);
        let state = State::new(Arc::clone(&self.grants), client, &task, allowance);
        let mut store = match state::store(&self.engine.wasm, state, given) {
            Ok(store) => store,
            Err(error) => return Ran { outcome: Err(host(&error)), fuel: 0, calls: 0 },
        };
        // Futures are large, and moved into what is made of them: pinned, only a pointer to them is.
        let outcome = {
            let call = pin!(self.call(&mut store, task));
            let call = pin!(in_turn(turns, call));
            tokio::time::timeout_at(deadline.into(), call).await
        };
        let outcome = outcome.unwrap_or_else(|_| Err(self.grants.limits.breach(LimitKind::Time).into()));
        let left = store.get_fuel().expect("the engine counts fuel").checked_sub(store.data().work().fuel());
        let outcome = match (outcome, left) {
            (Ok(_), None) => Err(self.grants.limits.breach(LimitKind::Fuel).into()),
            (outcome, _) => outcome.map_err(|error| reason(&store, error)),
        };
        Ran { outcome, fuel: given - left.unwrap_or(0), calls: store.data().calls.made() }
    }

    async fn call(&self, store: &mut Store<State>, task: TaskInput) -> Result<Vec<u8>, RunError> {
        let task = wit::Task { id: task.task_id.0.to_vec(), workflow: task.workflow.to_string(), input: task.input };
        let instance = self
            .compiled
            .service
            .instantiate_async(&mut *store)
            .await
            .map_err(|error| self.crash(&error, &store.data().log))?;
        let answer =
            instance.call_run(&mut *store, &task).await.map_err(|error| self.crash(&error, &store.data().log))?;
        match answer {
            Ok(output) if output.payload.len() as u64 > self.grants.limits.output_bytes => {
                Err(self.grants.limits.breach(LimitKind::Output).into())
            }
            Ok(output) => Ok(output.payload),
            Err(error) => Err(guest_error(error, &store.data().log).into()),
        }
    }

    /// What the component returns is read when none of its code is on the stack any more. It is the output, or else an error's words that nobody would read.
    fn too_much_at_once(&self, error: &wasmtime::Error) -> LimitBreach {
        match error.is::<WasmBacktrace>() {
            true => fixed(LimitKind::CallBytes),
            false => self.grants.limits.breach(LimitKind::Output),
        }
    }

    /// Why the component's code did not come to its end.
    fn crash(&self, error: &wasmtime::Error, log: &LogSink) -> RunError {
        if let Some(breach) = error.downcast_ref::<LimitBreach>() {
            return (*breach).into();
        }
        if let Some(Ended(error)) = error.downcast_ref() {
            return error.clone();
        }
        if error.is::<OutOfMemory>() {
            return RunError::Host { reason: OutOfMemory.to_string() };
        }
        if error.is::<I32Exit>() {
            return RunError::Trap { reason: "it called exit".to_owned() };
        }
        match error.downcast_ref::<Trap>() {
            Some(Trap::OutOfFuel) => self.grants.limits.breach(LimitKind::Fuel).into(),
            Some(Trap::StackOverflow) => fixed(LimitKind::Stack).into(),
            Some(trap) => RunError::Trap { reason: trap.to_string().trim_start_matches("wasm trap: ").to_owned() },
            None if is_of_the_machine(error) => host(error),
            None if is_full_table(error) => fixed(LimitKind::Handles).into(),
            None if says(error, "total size of fields exceeds limit") => {
                self.grants.limits.breach(LimitKind::HttpRequestBytes).into()
            }
            None if is_too_much_at_once(error) => self.too_much_at_once(error).into(),
            None => RunError::Trap { reason: log.redact(&error.root_cause().to_string(), LINE_BYTES_MAX) },
        }
    }
}

/// The component's own error, without the secrets of anybody that takes part in the run.
fn guest_error(error: wit::Error, log: &LogSink) -> GuestError {
    let kind = match error.kind {
        wit::ErrorKind::InvalidInput => GuestErrorKind::InvalidInput,
        wit::ErrorKind::NotReady => GuestErrorKind::NotReady,
        wit::ErrorKind::Unavailable => GuestErrorKind::Unavailable,
        wit::ErrorKind::Failed => GuestErrorKind::Failed,
    };
    GuestError { kind, message: log.redact(&error.message, LINE_BYTES_MAX) }
}

/// A limit that is the same on every node.
fn fixed(kind: LimitKind) -> LimitBreach {
    LimitBreach { kind, limit: kind.fixed().expect("only fixed limits are asked for") }
}

fn is_too_much_at_once(error: &wasmtime::Error) -> bool {
    says(error, "too much data is being copied between the host and the guest")
}

/// For what wasmtime has no type that others may know; the hostile guests in `tests/components` hold it to its words.
fn says(error: &wasmtime::Error, words: &str) -> bool {
    error.root_cause().to_string().contains(words)
}

/// A time that no clock reaches is as good as none.
fn after(start: Instant, time: Duration) -> Instant {
    const AGES: Duration = Duration::from_secs(10 * 365 * 86_400);
    start + time.min(AGES)
}

/// What the machine did not give: slots, memory, address space.
fn is_of_the_machine(error: &wasmtime::Error) -> bool {
    error.is::<PoolConcurrencyLimitError>() || error.chain().any(|cause| cause.is::<std::io::Error>())
}

fn is_full_table(error: &wasmtime::Error) -> bool {
    use wasmtime::component::ResourceTableError;
    matches!(error.downcast_ref(), Some(ResourceTableError::Full)) || says(error, "store handle limit exceeded")
}

/// What was refused to the component explains what it made of it.
fn reason(store: &Store<State>, error: RunError) -> RunError {
    match &error {
        RunError::Guest(_) | RunError::Trap { .. } => store.data().stopped().unwrap_or(error),
        _ => error,
    }
}

fn host(error: &wasmtime::Error) -> RunError {
    RunError::Host { reason: format!("{error:#}") }
}

impl fmt::Debug for Component {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Component")
            .field("digest", &self.digest())
            .field("grants", &self.grants)
            .finish_non_exhaustive()
    }
}
