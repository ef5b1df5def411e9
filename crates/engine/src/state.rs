//! What the host keeps for one execution. Nothing of it outlives the execution.

use std::sync::Arc;
use std::time::Instant;

use wasmtime::component::ResourceTable;
use wasmtime::{CallHook, ResourceLimiter, Store};
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};
use wasmtime_wasi_http::{WasiHttpCtx, WasiHttpCtxView, WasiHttpView};

use crate::bindings::tandem::service::logging::Level;
use crate::capability::chain::ChainGate;
use crate::capability::components::CallGate;
use crate::capability::http::{Gate, ServiceClient, Stop};
use crate::capability::logging::LogSink;
use crate::capability::scratch::{Scratch, ScratchView};
use crate::capability::stdio::GuestStream;
use crate::capability::store::StoreGate;
use crate::capability::strict::{Strict, StrictView};
use crate::component::Allowance;
use crate::work::{CALL_FUEL, Work};
use crate::{Grants, LimitBreach, LimitKind, RunError, TaskInput, pool};

/// Longest word of a component that an error repeats, such as a host, in bytes.
const WORD_BYTES_MAX: usize = 256;

/// The host's side of one instance.
pub(crate) struct State {
    pub(crate) grants: Arc<Grants>,
    pub(crate) log: LogSink,
    pub(crate) gate: Gate,
    pub(crate) store: StoreGate,
    pub(crate) chain: ChainGate,
    pub(crate) calls: CallGate,
    /// When its time is up.
    deadline: Instant,
    /// How much work the host will have done when the clock is looked at next.
    next_look: u64,
    strict: Strict,
    scratch: Scratch,
    usage: Usage,
    /// Made when it is first asked for: most of what a host call could need is needed by no call.
    wasi: Option<WasiCtx>,
    http: WasiHttpCtx,
    table: ResourceTable,
}

impl State {
    pub(crate) fn new(grants: Arc<Grants>, client: ServiceClient, task: &TaskInput, allowance: Allowance) -> Self {
        let mut table = ResourceTable::new();
        table.set_max_capacity(pool::HANDLES);
        Self {
            gate: Gate::new(client, Arc::clone(&grants)),
            store: StoreGate::new(Arc::clone(&grants)),
            chain: ChainGate::new(Arc::clone(&grants), task.block),
            calls: CallGate::new(Arc::clone(&grants), task, allowance.calls),
            deadline: allowance.deadline,
            next_look: 0,
            strict: Strict::new(task.task_id, task.block.time),
            scratch: Scratch::new(grants.limits.scratch, task.block.time),
            wasi: None,
            http: bounded_http(grants.limits.http_request_bytes),
            usage: Usage::default(),
            log: allowance.log,
            grants,
            table,
        }
    }

    /// When its time is up, and its caller's if that is earlier.
    pub(crate) fn deadline(&self) -> Instant {
        self.deadline
    }

    /// Whether what a callee had too little of was this component's: time that is up, or fuel, if it had no more to give.
    pub(crate) fn is_spent(&self, kind: LimitKind, all_fuel: bool) -> bool {
        match kind {
            LimitKind::Time => Instant::now() >= self.deadline,
            LimitKind::Fuel => all_fuel,
            _ => false,
        }
    }

    /// What the host does for it.
    pub(crate) fn work(&self) -> &Work {
        self.log.work()
    }

    /// After each call of the host: whether the component may go on with so much fuel for its instructions.
    fn called(&mut self, fuel_left: u64) -> wasmtime::Result<()> {
        /// Work of the host between two looks at the clock, which costs as much as a small call.
        const LOOK_FUEL: u64 = 16 * CALL_FUEL;
        let work = self.work().call();
        if work > fuel_left {
            return Err(self.grants.limits.breach(LimitKind::Fuel).into());
        }
        if work < self.next_look {
            return Ok(());
        }
        self.next_look = work + LOOK_FUEL;
        self.check_time()
    }

    fn check_time(&self) -> wasmtime::Result<()> {
        if Instant::now() < self.deadline { Ok(()) } else { Err(self.grants.limits.breach(LimitKind::Time).into()) }
    }

    /// Why something that the component asked for was not done, if anything was: the first reason of each capability.
    pub(crate) fn stopped(&self) -> Option<RunError> {
        let http = self.gate.stopped().map(|stop| match stop {
            Stop::Refused(refusal) => refusal.shown(|text| self.log.redact(text, WORD_BYTES_MAX)).into(),
            Stop::Limit(breach) => breach.into(),
        });
        let gates = [self.store.stopped(), self.chain.stopped(), self.calls.stopped()];
        let scratch = || self.scratch.stopped().map(RunError::from);
        http.or_else(|| gates.into_iter().flatten().next().cloned()).or_else(scratch)
    }

    /// The execution's files.
    pub(crate) fn scratch(&mut self) -> ScratchView<'_> {
        ScratchView { scratch: &mut self.scratch, work: self.log.work(), table: &mut self.table }
    }

    /// Time and randomness under the profile `strict`.
    pub(crate) fn strict(&mut self) -> StrictView<'_> {
        StrictView { strict: &mut self.strict, work: self.log.work(), table: &mut self.table }
    }
}

/// HTTP whose heads, sent or not, are no larger than what may be sent.
fn bounded_http(bytes_max: u64) -> WasiHttpCtx {
    let mut http = WasiHttpCtx::new();
    http.set_field_size_limit(usize::try_from(bytes_max).unwrap_or(usize::MAX));
    http
}

/// WASI with nothing behind it but clocks, randomness and the log: no directories, no environment, no arguments, no input, no sockets.
fn sealed_wasi(log: &LogSink) -> WasiCtx {
    WasiCtx::builder()
        .stdout(GuestStream { sink: log.clone(), level: Level::Info })
        .stderr(GuestStream { sink: log.clone(), level: Level::Warn })
        .max_random_size(pool::RANDOM_BYTES)
        .allow_tcp(false)
        .allow_udp(false)
        .allow_ip_name_lookup(false)
        .socket_addr_check(|_, _| Box::pin(async { false }))
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
    fn grow(used: &mut u64, growth: Growth, limit: u64, kind: LimitKind) -> wasmtime::Result<bool> {
        let after = used.saturating_add((growth.desired - growth.current) as u64);
        if after > limit {
            return Err(LimitBreach { kind, limit }.into());
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

/// An error of a host function that ends the execution, whatever the component would make of it.
#[derive(Debug, Clone, thiserror::Error)]
#[error(transparent)]
pub(crate) struct Ended(pub(crate) RunError);

/// The machine has no memory left for a component that may have it.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("this machine has no memory left for the component")]
pub(crate) struct OutOfMemory;

/// A request above an object's own maximum fails as WebAssembly has it; one above the limit ends the execution, so that it is always known why.
impl ResourceLimiter for State {
    fn memory_growing(&mut self, current: usize, desired: usize, maximum: Option<usize>) -> wasmtime::Result<bool> {
        let (growth, limit) = (Growth { current, desired, maximum }, self.grants.limits.memory_bytes);
        Usage::grow(&mut self.usage.memory_bytes, growth, limit, LimitKind::Memory)
    }

    /// What the limit and the memory's own maximum admit fails for want of memory only: memories with pages of one byte, which have another reason, are
    /// off. And a machine that is out of memory must not show in a result, because other operators' are not.
    fn memory_grow_failed(&mut self, _error: wasmtime::Error) -> wasmtime::Result<()> {
        Err(OutOfMemory.into())
    }

    fn table_growing(&mut self, current: usize, desired: usize, maximum: Option<usize>) -> wasmtime::Result<bool> {
        let (growth, limit) = (Growth { current, desired, maximum }, self.grants.limits.table_elements);
        Usage::grow(&mut self.usage.table_elements, growth, limit, LimitKind::TableElements)
    }
}

/// A store that stops at the limits of `state`'s workflow, and with `fuel`. Long computations let others run in between.
///
/// Work of the host is not taken out of the store's fuel: to set that begins the way to the next pause anew, so that who calls the host often enough would never
/// pause. It is held against what is left after each call, and once more at the end.
pub(crate) fn store(engine: &wasmtime::Engine, state: State, fuel: u64) -> wasmtime::Result<Store<State>> {
    /// Fuel between two pauses, well under a millisecond of work.
    const PAUSE_FUEL: u64 = 500_000;
    let mut store = Store::new(engine, state);
    store.limiter(|state| state);
    store.call_hook(|mut context, transition| match transition {
        CallHook::ReturningFromHost => {
            let left = context.get_fuel()?;
            context.data_mut().called(left)
        }
        _ => Ok(()),
    });
    store.set_hostcall_fuel(pool::CALL_BYTES);
    store.set_max_component_handles(pool::HANDLES);
    store.fuel_async_yield_interval(Some(PAUSE_FUEL))?;
    store.set_fuel(fuel)?;
    Ok(store)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use wasmtime::{Engine, Memory, MemoryType};

    use super::*;
    use crate::capability::http::Client;
    use crate::secrets::Redactor;
    use crate::share::Shares;
    use crate::{EngineConfig, Limits, Secrets};

    /// The store of an execution with the default limits.
    fn world() -> Store<State> {
        let config = EngineConfig { concurrent_max: 1, ..EngineConfig::default() };
        let engine = Engine::new(&pool::config(&config)).expect("there is address space for a slot");
        let (task, redactor) = (TaskInput::manual(Vec::new()), Arc::new(Redactor::new(&Secrets::default())));
        let log = LogSink::new(task.task_id, task.workflow.clone(), redactor, 0);
        let client = Client::new(Default::default()).expect("TLS can be set up").of(&Shares::new(1, 1, 1).of(None, 1));
        let deadline = Instant::now() + Duration::from_secs(60);
        let allowance = Allowance { fuel: 1, calls: 0, deadline, turns: None, log };
        store(&engine, State::new(Arc::default(), client, &task, allowance), 1).expect("fuel is on")
    }

    /// Asks for `pages` more than one, as a component does.
    async fn grow(pages: u64, maximum: Option<u32>) -> wasmtime::Error {
        let mut store = world();
        let memory = Memory::new_async(&mut store, MemoryType::new(1, maximum)).await.expect("a page is little");
        memory.grow_async(&mut store, pages).await.expect_err("it is too much")
    }

    #[tokio::test]
    async fn memory_above_its_own_maximum_is_no_fault_of_the_machine() {
        let error = grow(2, Some(2)).await;
        assert!(!error.is::<OutOfMemory>() && !error.is::<LimitBreach>(), "{error:#}");
    }

    #[tokio::test]
    async fn memory_above_the_limit_is_a_breach() {
        let limit = Limits::default().memory_bytes;
        for pages in [limit >> 16, 1 << 16] {
            let error = grow(pages, None).await;
            assert_eq!(error.downcast_ref(), Some(&LimitBreach { kind: LimitKind::Memory, limit }));
        }
    }

    #[test]
    fn memory_that_the_system_does_not_give_is_a_fault_of_the_machine() {
        let error = wasmtime::Error::from(std::io::Error::from(std::io::ErrorKind::OutOfMemory));
        let failed = world().data_mut().memory_grow_failed(error).expect_err("the execution must not go on");
        assert!(failed.is::<OutOfMemory>());
    }
}
