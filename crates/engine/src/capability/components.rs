//! Calls to other components of the service. A callee runs with its own grants and limits, within what its caller has left: fuel and calls come out of the
//! caller's, so that the limits of the component that was triggered hold for all that it sets off.
//!
//! What a callee returns, an error of its own included, goes to the caller. Whatever else ends it ends the whole run: a caller must not make a result of a crash,
//! nor of what another operator does not see.

use std::future::Future;
use std::sync::Arc;

use tandem_types::{TaskBlock, TaskId, WorkflowId};
use wasmtime::StoreContextMut;
use wasmtime::component::Linker;

use crate::bindings::tandem::service::components::{CallError, Limit};
use crate::bindings::tandem::service::types as wit;
use crate::component::Allowance;
use crate::state::{Ended, State};
use crate::{Component, Grants, GuestError, GuestErrorKind, LimitBreach, LimitKind, Refusal, RunError, TaskInput};

/// Most bytes of a callee's input; the same on every node.
pub(crate) const INPUT_BYTES_MAX: usize = 1 << 20;
/// Longest name that is repeated in an error.
const NAME_BYTES_MAX: usize = 64;

/// Calls as one execution has them.
pub(crate) struct CallGate {
    grants: Arc<Grants>,
    task: TaskId,
    block: TaskBlock,
    /// Calls that it may make, those of its callees included.
    most: u64,
    made: u64,
    /// The first reason for which a call was not made.
    stopped: Option<RunError>,
}

/// A call that may be made.
struct Admitted {
    callee: Component,
    name: WorkflowId,
    task: TaskInput,
    calls_left: u64,
}

impl CallGate {
    pub(crate) fn new(grants: Arc<Grants>, task: &TaskInput, most: u64) -> Self {
        Self { grants, task: task.task_id, block: task.block, most, made: 0, stopped: None }
    }

    pub(crate) fn stopped(&self) -> Option<&RunError> {
        self.stopped.as_ref()
    }

    /// Calls that were made, those of callees included.
    pub(crate) fn made(&self) -> u64 {
        self.made
    }

    /// Counts a call, unless it may not be made. An error has the name as it may be `shown`.
    fn admit(&mut self, (name, shown): (&str, String), input: Vec<u8>) -> Result<Admitted, RunError> {
        let granted = name.parse::<WorkflowId>().ok().and_then(|name| self.grants.calls.get_key_value(&name));
        let Some((name, callee)) = granted else { return Err(Refusal::Component { workflow: shown }.into()) };
        if self.made >= self.most {
            return Err(LimitBreach { kind: LimitKind::ComponentCalls, limit: self.most }.into());
        }
        if input.len() > INPUT_BYTES_MAX {
            return Err(LimitBreach { kind: LimitKind::CallInput, limit: INPUT_BYTES_MAX as u64 }.into());
        }
        self.made += 1;
        let task = TaskInput { task_id: self.task, workflow: name.clone(), block: self.block, input };
        Ok(Admitted { callee: callee.clone(), name: name.clone(), task, calls_left: self.most - self.made })
    }

    fn stop(&mut self, error: RunError) -> CallError {
        let told = match &error {
            RunError::Limit(breach) if breach.kind == LimitKind::CallInput => CallError::Limit(Limit::InputBytes),
            RunError::Limit(_) => CallError::Limit(Limit::Calls),
            _ => CallError::NotGranted,
        };
        self.stopped.get_or_insert(error);
        told
    }
}

type Answer = Result<wit::Output, CallError>;

/// By hand, for it needs the caller's fuel, which generated code does not hand out.
pub(crate) fn add_to_linker(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    let mut interface = linker.instance("tandem:service/components@0.1.0")?;
    interface.func_wrap_async("call", |store, (workflow, input): (String, Vec<u8>)| {
        Box::new(async move { call(store, workflow, input).await.map(|answer| (answer,)) })
            as Box<dyn Future<Output = wasmtime::Result<(Answer,)>> + Send>
    })
}

async fn call(mut store: StoreContextMut<'_, State>, workflow: String, input: Vec<u8>) -> wasmtime::Result<Answer> {
    let shown = store.data().log.redact(&workflow, NAME_BYTES_MAX);
    let Admitted { callee, name, task, calls_left } = match store.data_mut().calls.admit((&workflow, shown), input) {
        Ok(admitted) => admitted,
        Err(error) => return Ok(Err(store.data_mut().calls.stop(error))),
    };
    let (instructions_left, limits) = (store.get_fuel()?, &callee.grants().limits);
    let fuel_left = instructions_left.saturating_sub(store.data().work().fuel());
    let allowance = Allowance {
        fuel: limits.fuel.min(fuel_left),
        calls: limits.component_calls.min(calls_left),
        deadline: store.data().deadline(),
        turns: None,
        log: store.data().log.of(name.clone()),
    };
    let ran = callee.run_within(task, allowance).await;
    store.set_fuel(instructions_left.saturating_sub(ran.fuel))?;
    store.data_mut().calls.made += ran.calls;
    match ran.outcome {
        Ok(payload) => Ok(Ok(wit::Output { payload })),
        Err(RunError::Guest(error)) => Ok(Err(CallError::Failed(told(error)))),
        // It could have gone on, had the caller had more.
        Err(RunError::Limit(LimitBreach { kind, .. })) if store.data().is_spent(kind, limits.fuel > fuel_left) => {
            Err(Ended(store.data().grants.limits.breach(kind).into()).into())
        }
        Err(error) => Err(Ended(RunError::Callee { workflow: name, error: Box::new(error) }).into()),
    }
}

/// The callee's own error, for its caller.
fn told(error: GuestError) -> wit::Error {
    let kind = match error.kind {
        GuestErrorKind::InvalidInput => wit::ErrorKind::InvalidInput,
        GuestErrorKind::NotReady => wit::ErrorKind::NotReady,
        GuestErrorKind::Unavailable => wit::ErrorKind::Unavailable,
        GuestErrorKind::Failed => wit::ErrorKind::Failed,
    };
    wit::Error { kind, message: error.message }
}
