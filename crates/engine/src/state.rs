//! What the host keeps for one execution. Nothing of it outlives the execution.

use std::sync::Arc;

use wasmtime::component::ResourceTable;
use wasmtime::{ResourceLimiter, Store};
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};
use wasmtime_wasi_http::{WasiHttpCtx, WasiHttpCtxView, WasiHttpView};

use crate::bindings::tandem::service::logging::Level;
use crate::capability::http::{Client, Gate, Stop};
use crate::capability::logging::LogSink;
use crate::capability::scratch::{Scratch, ScratchView};
use crate::capability::stdio::GuestStream;
use crate::capability::store::StoreGate;
use crate::capability::strict::{Strict, StrictView};
use crate::{Grants, LimitBreach, LimitKind, RunError, TaskInput, pool};

/// The host's side of one instance.
pub(crate) struct State {
    pub(crate) grants: Arc<Grants>,
    pub(crate) log: LogSink,
    pub(crate) gate: Gate,
    pub(crate) store: StoreGate,
    strict: Strict,
    scratch: Scratch,
    usage: Usage,
    /// Made when it is first asked for: most of what a host call could need is needed by no call.
    wasi: Option<WasiCtx>,
    http: WasiHttpCtx,
    table: ResourceTable,
}

impl State {
    pub(crate) fn new(grants: Arc<Grants>, client: Client, log: LogSink, task: &TaskInput) -> Self {
        let mut table = ResourceTable::new();
        table.set_max_capacity(pool::HANDLES);
        Self {
            gate: Gate::new(client, Arc::clone(&grants)),
            store: StoreGate::new(Arc::clone(&grants)),
            strict: Strict::new(task.task_id, task.block.time),
            scratch: Scratch::new(grants.limits.scratch, task.block.time),
            wasi: None,
            http: WasiHttpCtx::new(),
            usage: Usage::default(),
            grants,
            log,
            table,
        }
    }

    /// Why something that the component asked for was not done, if anything was: the first reason of each capability.
    pub(crate) fn stopped(&self) -> Option<RunError> {
        let http = self.gate.stopped().map(|stop| match stop {
            Stop::Refused(refusal) => refusal.into(),
            Stop::Limit(breach) => breach.into(),
        });
        http.or_else(|| self.store.stopped().cloned()).or_else(|| self.scratch.stopped().map(RunError::from))
    }

    /// The execution's files.
    pub(crate) fn scratch(&mut self) -> ScratchView<'_> {
        ScratchView { scratch: &mut self.scratch, table: &mut self.table }
    }

    /// Time and randomness under the profile `strict`.
    pub(crate) fn strict(&mut self) -> StrictView<'_> {
        StrictView { strict: &mut self.strict, table: &mut self.table }
    }
}

/// WASI with nothing behind it but clocks, randomness and the log: no directories, no environment, no arguments, no input.
fn sealed_wasi(log: &LogSink) -> WasiCtx {
    WasiCtx::builder()
        .stdout(GuestStream { sink: log.clone(), level: Level::Info })
        .stderr(GuestStream { sink: log.clone(), level: Level::Warn })
        .max_random_size(pool::RANDOM_BYTES)
        .build()
}

impl WasiView for State {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: self.wasi.get_or_insert_with(|| sealed_wasi(&self.log)), table: &mut self.table }
    }
}

impl WasiHttpView for State {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        WasiHttpCtxView { ctx: &mut self.http, table: &mut self.table, hooks: &mut self.gate }
    }
}

/// Memory and table elements in use, over all of the component's memories and tables.
#[derive(Default)]
struct Usage {
    memory_bytes: u64,
    table_elements: u64,
}

impl Usage {
    /// Adds a growth to what is in use, unless it is above the limit or the object's own maximum.
    fn grow(used: &mut u64, growth: Growth, breach: LimitBreach) -> wasmtime::Result<bool> {
        let after = used.saturating_add((growth.desired - growth.current) as u64);
        if after > breach.limit {
            return Err(breach.into());
        }
        if growth.maximum.is_some_and(|maximum| growth.desired > maximum) {
            return Ok(false);
        }
        *used = after;
        Ok(true)
    }
}

/// A memory or table that is to grow.
struct Growth {
    current: usize,
    desired: usize,
    maximum: Option<usize>,
}

/// The machine has no memory left for a component that may have it.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("this machine has no memory left for the component")]
pub(crate) struct OutOfMemory;

/// A request above an object's own maximum fails as WebAssembly has it; one above the limit ends the execution, so that it is always known why.
impl ResourceLimiter for State {
    fn memory_growing(&mut self, current: usize, desired: usize, maximum: Option<usize>) -> wasmtime::Result<bool> {
        let breach = self.grants.limits.breach(LimitKind::Memory);
        Usage::grow(&mut self.usage.memory_bytes, Growth { current, desired, maximum }, breach)
    }

    /// A machine that is out of memory must not show in a result, because other operators' are not. A growth above the memory's own maximum is the
    /// guest's affair; wasmtime tells it from the rest by its words only.
    fn memory_grow_failed(&mut self, error: wasmtime::Error) -> wasmtime::Result<()> {
        if error.to_string() == "memory growth exceeds memory type's limits" { Ok(()) } else { Err(OutOfMemory.into()) }
    }

    fn table_growing(&mut self, current: usize, desired: usize, maximum: Option<usize>) -> wasmtime::Result<bool> {
        let breach = self.grants.limits.breach(LimitKind::TableElements);
        Usage::grow(&mut self.usage.table_elements, Growth { current, desired, maximum }, breach)
    }
}

/// A store that stops at the limits of `state`'s workflow. Long computations let others run in between.
pub(crate) fn store(engine: &wasmtime::Engine, state: State) -> wasmtime::Result<Store<State>> {
    /// Fuel between two pauses, well under a millisecond of work.
    const PAUSE_FUEL: u64 = 500_000;
    let fuel = state.grants.limits.fuel;
    let mut store = Store::new(engine, state);
    store.limiter(|state| state);
    store.set_hostcall_fuel(pool::CALL_BYTES);
    store.set_max_component_handles(pool::HANDLES);
    store.fuel_async_yield_interval(Some(PAUSE_FUEL))?;
    store.set_fuel(fuel)?;
    Ok(store)
}
