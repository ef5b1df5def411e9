//! wasmtime with nothing around it, set up as fast as it goes: linked and checked ahead, memory from a pool that keeps it, dirty pages found by the kernel,
//! with fuel and without. Imports trap: what is measured does not call them. Its results are not checked, nothing bounds memory or time, nothing is granted
//! or logged.

use tandem_engine::TaskInput;
use wasmtime::component::{Component, Linker};
use wasmtime::{Config, Enabled, Engine, InstanceAllocationStrategy, PoolingAllocationConfig, Store};

mod bindings {
    wasmtime::component::bindgen!({
        inline: "
            package tandem:bench;
            world plain {
                use tandem:service/types@0.1.0.{task, output, error};
                export run: func(task: task) -> result<output, error>;
            }
        ",
        path: "../../wit",
        world: "tandem:bench/plain",
    });
}

mod yielding {
    wasmtime::component::bindgen!({
        inline: "
            package tandem:bench;
            world plain {
                use tandem:service/types@0.1.0.{task, output, error};
                export run: func(task: task) -> result<output, error>;
            }
        ",
        path: "../../wit",
        world: "tandem:bench/plain",
        exports: { default: async },
    });
}

const FUEL: u64 = 10_000_000_000;

/// Whether instructions are counted.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fuel {
    Off,
    On,
}

/// A component in plain wasmtime.
#[derive(Clone)]
pub(crate) struct Plain {
    fuel: Fuel,
    engine: Engine,
    direct: bindings::PlainPre<()>,
    yielding: yielding::PlainPre<()>,
}

impl Plain {
    pub(crate) fn new(bytes: &[u8], fuel: Fuel) -> Self {
        let engine = Engine::new(&config(fuel)).expect("there is address space");
        let component = Component::from_binary(&engine, bytes).expect("it is a component");
        Self::link(fuel, engine, &component)
    }

    /// Some components in one engine, each with code in memory of its own.
    #[allow(unsafe_code, reason = "to compile each of them would take minutes")]
    pub(crate) fn several(bytes: &[u8], count: u32) -> Vec<Self> {
        let engine = Engine::new(&config(Fuel::On)).expect("there is address space");
        let code = engine.precompile_component(bytes).expect("it is a component");
        // SAFETY: the bytes were compiled by this engine a line above.
        let copy = || unsafe { Component::deserialize(&engine, &code) }.expect("it was just compiled");
        (0..count).map(|_| Self::link(Fuel::On, engine.clone(), &copy())).collect()
    }

    fn link(fuel: Fuel, engine: Engine, component: &Component) -> Self {
        let mut linker = Linker::new(&engine);
        linker.define_unknown_imports_as_traps(component).expect("traps fit every import");
        let linked = linker.instantiate_pre(component).expect("everything is linked");
        let direct = bindings::PlainPre::new(linked.clone()).expect("it exports run");
        Self { fuel, engine, direct, yielding: yielding::PlainPre::new(linked).expect("it exports run") }
    }

    fn store(&self) -> Store<()> {
        let mut store = Store::new(&self.engine, ());
        if self.fuel == Fuel::On {
            store.set_fuel(FUEL).expect("fuel is on");
        }
        store
    }

    /// Runs on the caller's stack, which nothing can interrupt.
    pub(crate) fn run(&self, task: TaskInput) {
        use bindings::tandem::service::types::Task;
        let mut store = self.store();
        let task = Task { id: task.task_id.0.to_vec(), workflow: task.workflow.to_string(), input: task.input };
        let instance = self.direct.instantiate(&mut store).expect("it starts");
        let answer = instance.call_run(&mut store, &task).expect("it does not crash");
        std::hint::black_box(answer).ok();
    }

    /// Runs on a stack of its own, so that it can wait.
    pub(crate) async fn run_async(&self, task: TaskInput) {
        use yielding::tandem::service::types::Task;
        let mut store = self.store();
        if self.fuel == Fuel::On {
            store.fuel_async_yield_interval(Some(500_000)).expect("fuel is on");
        }
        let task = Task { id: task.task_id.0.to_vec(), workflow: task.workflow.to_string(), input: task.input };
        let instance = self.yielding.instantiate_async(&mut store).await.expect("it starts");
        let answer = instance.call_run(&mut store, &task).await.expect("it does not crash");
        std::hint::black_box(answer).ok();
    }
}

fn config(fuel: Fuel) -> Config {
    let mut pool = PoolingAllocationConfig::new();
    pool.total_memories(1024)
        .max_unused_warm_slots(1024)
        .pagemap_scan(if PoolingAllocationConfig::is_pagemap_scan_available() { Enabled::Yes } else { Enabled::No })
        .linear_memory_keep_resident(1 << 20)
        .table_keep_resident(64 << 10)
        .async_stack_keep_resident(64 << 10);
    let mut config = Config::new();
    config
        .allocation_strategy(InstanceAllocationStrategy::Pooling(pool))
        .consume_fuel(fuel == Fuel::On)
        .concurrency_support(false);
    config
}
