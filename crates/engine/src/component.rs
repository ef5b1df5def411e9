//! A loaded component and its executions. Each execution gets a fresh instance and leaves nothing behind; a component is run for any number of tasks
//! at a time.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tandem_types::{ComponentDigest, TaskBlock, TaskId, WorkflowId};
use tracing::Dispatch;
use tracing::instrument::WithSubscriber as _;
use wasmtime::{Store, Trap};
use wasmtime_wasi::I32Exit;

use crate::bindings::tandem::service::types as wit;
use crate::capability::logging::{LINE_BYTES_MAX, LogSink};
use crate::engine::{Compiled, Shared};
use crate::secrets::Redactor;
use crate::state::{self, OutOfMemory, State};
use crate::{Grants, GuestError, GuestErrorKind, LimitBreach, LimitKind, RunError, pool};

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

/// A component, compiled and tied to its grants. A handle: clones share everything.
#[derive(Clone)]
pub struct Component {
    engine: Arc<Shared>,
    compiled: Arc<Compiled>,
    grants: Arc<Grants>,
    redactor: Arc<Redactor>,
}

impl Component {
    pub(crate) fn new(engine: Arc<Shared>, compiled: Arc<Compiled>, grants: Grants) -> Self {
        let redactor = Arc::new(Redactor::new(&grants.secrets));
        Self { engine, compiled, grants: Arc::new(grants), redactor }
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

    /// Runs on the caller's thread.
    pub(crate) async fn run_here(&self, task: TaskInput) -> Result<Execution, RunError> {
        let _slot = self.engine.slots.acquire().await.expect("the slots are never closed");
        let started = Instant::now();
        let mut store = self.store(&task).map_err(host)?;
        let limits = &self.grants.limits;
        // wasmtime's crates trace the arguments of host calls, and so the keys in URLs: they get no subscriber. The log sink has its own.
        let call = self.call(&mut store, task).with_subscriber(Dispatch::none());
        let outcome = match tokio::time::timeout(limits.time, call).await {
            Ok(outcome) => outcome,
            Err(_) => Err(limits.breach(LimitKind::Time).into()),
        };
        let output = outcome.map_err(|error| reason(&store, error))?;
        let fuel = limits.fuel - store.get_fuel().map_err(host)?;
        Ok(Execution { output, fuel, elapsed: started.elapsed() })
    }

    fn store(&self, task: &TaskInput) -> wasmtime::Result<Store<State>> {
        let log =
            LogSink::new(task.task_id, task.workflow.clone(), Arc::clone(&self.redactor), self.grants.limits.log_bytes);
        let state = State::new(Arc::clone(&self.grants), self.engine.client.clone(), log, task);
        state::store(&self.engine.wasm, state)
    }

    async fn call(&self, store: &mut Store<State>, task: TaskInput) -> Result<Vec<u8>, RunError> {
        let task = wit::Task { id: task.task_id.0.to_vec(), workflow: task.workflow.to_string(), input: task.input };
        let instance =
            self.compiled.service.instantiate_async(&mut *store).await.map_err(|error| self.crash(&error))?;
        let answer = instance.call_run(&mut *store, &task).await.map_err(|error| self.crash(&error))?;
        match answer {
            Ok(output) if output.payload.len() as u64 > self.grants.limits.output_bytes => {
                Err(self.grants.limits.breach(LimitKind::Output).into())
            }
            Ok(output) => Ok(output.payload),
            Err(error) => Err(self.guest_error(error).into()),
        }
    }

    fn guest_error(&self, error: wit::Error) -> GuestError {
        let kind = match error.kind {
            wit::ErrorKind::InvalidInput => GuestErrorKind::InvalidInput,
            wit::ErrorKind::NotReady => GuestErrorKind::NotReady,
            wit::ErrorKind::Unavailable => GuestErrorKind::Unavailable,
            wit::ErrorKind::Failed => GuestErrorKind::Failed,
        };
        GuestError { kind, message: self.redactor.redact(&error.message, LINE_BYTES_MAX) }
    }

    /// Why the component's code did not come to its end.
    fn crash(&self, error: &wasmtime::Error) -> RunError {
        if let Some(breach) = error.downcast_ref::<LimitBreach>() {
            return (*breach).into();
        }
        if error.is::<OutOfMemory>() {
            return RunError::Host { reason: OutOfMemory.to_string() };
        }
        if error.is::<I32Exit>() {
            return RunError::Trap { reason: "it called exit".to_owned() };
        }
        match error.downcast_ref::<Trap>() {
            Some(Trap::OutOfFuel) => self.grants.limits.breach(LimitKind::Fuel).into(),
            Some(Trap::StackOverflow) => LimitBreach { kind: LimitKind::Stack, limit: pool::STACK_BYTES as u64 }.into(),
            Some(trap) => RunError::Trap { reason: trap.to_string().trim_start_matches("wasm trap: ").to_owned() },
            None if is_full_table(error) => {
                LimitBreach { kind: LimitKind::Handles, limit: pool::HANDLES as u64 }.into()
            }
            None => RunError::Trap { reason: self.redactor.redact(&error.root_cause().to_string(), LINE_BYTES_MAX) },
        }
    }
}

fn is_full_table(error: &wasmtime::Error) -> bool {
    use wasmtime::component::ResourceTableError;
    // wasmtime's own table, of what it lends to the component, has no type for it.
    matches!(error.downcast_ref(), Some(ResourceTableError::Full))
        || error.root_cause().to_string().ends_with("store handle limit exceeded")
}

/// What was refused to the component explains what it made of it.
fn reason(store: &Store<State>, error: RunError) -> RunError {
    match &error {
        RunError::Guest(_) | RunError::Trap { .. } => store.data().stopped().unwrap_or(error),
        _ => error,
    }
}

fn host(error: wasmtime::Error) -> RunError {
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
