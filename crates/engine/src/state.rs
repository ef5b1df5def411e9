//! What the host keeps for one execution, and the table of functions that components are linked against. Nothing of it outlives the execution.

use std::sync::Arc;

use wasmtime::component::{HasSelf, Linker, ResourceTable};
use wasmtime::{ResourceLimiter, Store};
use wasmtime_wasi::p2::bindings as wasi;
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};
use wasmtime_wasi_http::{WasiHttpCtx, WasiHttpCtxView, WasiHttpView};

use crate::bindings::tandem::service::logging::Level;
use crate::bindings::tandem::service::{config, logging, secrets};
use crate::capability::http::{Client, Gate};
use crate::capability::logging::LogSink;
use crate::capability::stdio::GuestStream;
use crate::{Grants, LimitBreach, LimitKind, pool};

/// The host's side of one instance.
pub(crate) struct State {
    pub(crate) grants: Arc<Grants>,
    pub(crate) log: LogSink,
    pub(crate) gate: Gate,
    usage: Usage,
    /// Made when it is first asked for: most of what a host call could need is needed by no call.
    wasi: Option<WasiCtx>,
    http: WasiHttpCtx,
    table: ResourceTable,
}

impl State {
    pub(crate) fn new(grants: Arc<Grants>, client: Client, log: LogSink) -> Self {
        let mut table = ResourceTable::new();
        table.set_max_capacity(pool::HANDLES);
        Self {
            gate: Gate::new(client, Arc::clone(&grants)),
            wasi: None,
            http: WasiHttpCtx::new(),
            usage: Usage::default(),
            grants,
            log,
            table,
        }
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

/// A request above an object's own maximum fails as WebAssembly has it; one above the limit ends the execution, so that it is always known why.
impl ResourceLimiter for State {
    fn memory_growing(&mut self, current: usize, desired: usize, maximum: Option<usize>) -> wasmtime::Result<bool> {
        let breach = self.grants.limits.breach(LimitKind::Memory);
        Usage::grow(&mut self.usage.memory_bytes, Growth { current, desired, maximum }, breach)
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

/// Everything that a component may import.
pub(crate) fn linker(engine: &wasmtime::Engine) -> wasmtime::Result<Linker<State>> {
    let mut linker = Linker::new(engine);
    config::add_to_linker::<_, HasSelf<_>>(&mut linker, |state| state)?;
    secrets::add_to_linker::<_, HasSelf<_>>(&mut linker, |state| state)?;
    logging::add_to_linker::<_, HasSelf<_>>(&mut linker, |state| state)?;
    wasmtime_wasi_http::p2::add_only_http_to_linker_async(&mut linker)?;
    wasmtime_wasi::p2::add_to_linker_proxy_interfaces_async(&mut linker)?;
    add_standard_library(&mut linker)?;
    Ok(linker)
}

/// What standard libraries import whether or not the component uses it. All of it is empty: see [`sealed_wasi`]. Sockets are left out on purpose.
fn add_standard_library(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    use wasmtime_wasi::cli::{WasiCli, WasiCliView};
    use wasmtime_wasi::filesystem::{WasiFilesystem, WasiFilesystemView};
    use wasmtime_wasi::random::WasiRandom;

    wasi::cli::environment::add_to_linker::<_, WasiCli>(linker, State::cli)?;
    wasi::cli::exit::add_to_linker::<_, WasiCli>(linker, State::cli)?;
    wasi::cli::terminal_input::add_to_linker::<_, WasiCli>(linker, State::cli)?;
    wasi::cli::terminal_output::add_to_linker::<_, WasiCli>(linker, State::cli)?;
    wasi::cli::terminal_stdin::add_to_linker::<_, WasiCli>(linker, State::cli)?;
    wasi::cli::terminal_stdout::add_to_linker::<_, WasiCli>(linker, State::cli)?;
    wasi::cli::terminal_stderr::add_to_linker::<_, WasiCli>(linker, State::cli)?;
    wasi::filesystem::types::add_to_linker::<_, WasiFilesystem>(linker, State::filesystem)?;
    wasi::filesystem::preopens::add_to_linker::<_, WasiFilesystem>(linker, State::filesystem)?;
    wasi::random::insecure::add_to_linker::<_, WasiRandom>(linker, |state| state.ctx().ctx.random())?;
    wasi::random::insecure_seed::add_to_linker::<_, WasiRandom>(linker, |state| state.ctx().ctx.random())?;
    Ok(())
}
