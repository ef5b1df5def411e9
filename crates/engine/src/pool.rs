//! wasmtime's configuration: memory from a pool that is laid out once, code whose behaviour does not depend on the machine.

use std::num::NonZeroUsize;

use wasmtime::{Config, Enabled, InstanceAllocationStrategy, PoolingAllocationConfig};

use crate::EngineConfig;

/// Bytes of native stack that a component's calls may use.
pub(crate) const STACK_BYTES: usize = 512 << 10;
/// Native stack of a component together with the host functions it calls.
const FIBER_BYTES: usize = 2 << 20;
/// Handles that a component may hold at once.
pub(crate) const HANDLES: usize = 1000;
/// Most bytes that a component may pass to the host in one call.
pub(crate) const CALL_BYTES: usize = 16 << 20;
/// Most random bytes per call.
pub(crate) const RANDOM_BYTES: u64 = 64 << 10;
/// Core instances that one component may consist of. CPython comes as a dozen libraries, each with its shims: 38 in all.
const PARTS: u32 = 64;
/// Memory that a free slot keeps for its next instance, where the kernel can tell which pages were touched.
const WARM_BYTES: usize = 1 << 20;
/// Most memories that are laid out for the sake of warmth: each is some gigabytes of address space, of which there are 2^47 bytes.
const MEMORIES_MAX: u32 = 8192;
/// Most shards into which wasmtime splits the pool, one per core.
const SHARDS_MAX: usize = 16;

pub(crate) fn config(engine: &EngineConfig) -> Config {
    let mut config = Config::new();
    config
        .allocation_strategy(InstanceAllocationStrategy::Pooling(pool(engine)))
        .consume_fuel(true)
        // Components of WASI 0.2 wait within host calls; what concurrent tasks inside a component need is not set up for each of them.
        .concurrency_support(false)
        .max_wasm_stack(STACK_BYTES)
        .async_stack_size(FIBER_BYTES)
        // Results must not depend on the machine: one NaN, no relaxed arithmetic, no threads.
        .cranelift_nan_canonicalization(true)
        .relaxed_simd_deterministic(true)
        .wasm_memory64(false)
        .wasm_custom_page_sizes(false)
        // Nobody looks into compiled code with a debugger, and crashes are told by their kind: a quarter of its size would be for that.
        .debug_symbols(false)
        .generate_address_map(false)
        .native_unwind_info(false)
        // One frame says whether the component was on the stack, which tells what it hands over from what it returns.
        .wasm_backtrace_max_frames(Some(NonZeroUsize::MIN));
    config
}

/// Memories in the pool. A free one stays warm for the component that it was last used by, and a thread looks for it among those of its own shard: so each
/// shard has as many as all slots could ask for. With fewer than there are components in turn, each would be mapped anew and pay a page fault per page.
fn memories(slots: u32) -> u32 {
    let shards = std::thread::available_parallelism().map_or(1, |cores| cores.get().min(SHARDS_MAX));
    let needed = slots.saturating_mul(2);
    needed.saturating_mul(u32::try_from(shards).unwrap_or(1)).min(needed.max(MEMORIES_MAX))
}

fn pool(engine: &EngineConfig) -> PoolingAllocationConfig {
    let slots = engine.concurrent_max;
    let memories = memories(slots);
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(slots)
        .total_core_instances(slots.saturating_mul(PARTS))
        .total_memories(memories)
        .total_tables(slots.saturating_mul(8))
        .total_stacks(slots)
        .max_core_instances_per_component(PARTS)
        .max_memories_per_component(2)
        .max_tables_per_component(8)
        .max_memory_size(usize::try_from(engine.limits_max.memory_bytes).unwrap_or(usize::MAX))
        .table_elements(usize::try_from(engine.limits_max.table_elements).unwrap_or(usize::MAX))
        .max_unused_warm_slots(memories);
    if PoolingAllocationConfig::is_pagemap_scan_available() {
        // Without the scan, keeping memory means to wipe all of it each time: slower than giving it back.
        pool.pagemap_scan(Enabled::Yes)
            .linear_memory_keep_resident(WARM_BYTES)
            .table_keep_resident(WARM_BYTES / 16)
            .async_stack_keep_resident(WARM_BYTES / 16);
    }
    pool
}
