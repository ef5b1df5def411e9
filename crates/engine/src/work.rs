//! What the host does for a component, in the component's fuel. Instructions alone would let a loop of host calls run until the clock stops it, on one operator's
//! machine earlier than on another's; with this it ends by the limit that operators agree on.
//!
//! Only what is the same everywhere is counted: calls, bytes, steps. Time is not.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Fuel for one call of the host, and for one step of what takes several, such as a directory that is searched.
pub(crate) const CALL_FUEL: u64 = 1_000;

/// The work of one execution so far. A handle: clones count together.
#[derive(Debug, Clone, Default)]
pub(crate) struct Work(Arc<AtomicU64>);

impl Work {
    /// In units of fuel.
    pub(crate) fn fuel(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    /// Counts one call; how much there is now.
    pub(crate) fn call(&self) -> u64 {
        self.add(CALL_FUEL)
    }

    /// Counts bytes that were copied or looked through: one unit each.
    pub(crate) fn bytes(&self, count: usize) {
        self.add(count as u64);
    }

    /// Counts steps of the kind that take about as long as a call.
    pub(crate) fn steps(&self, count: usize) {
        self.add(CALL_FUEL.saturating_mul(count as u64));
    }

    fn add(&self, fuel: u64) -> u64 {
        self.0.fetch_add(fuel, Ordering::Relaxed).saturating_add(fuel)
    }
}
