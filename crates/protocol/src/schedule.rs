//! Time slots and who leads them. The schedule is a plain rotation over the table: every operator leads equally often.

use tandem_types::{OperatorId, OperatorTable};

/// Milliseconds of Unix time, as handed in by the caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(pub u64);

impl Timestamp {
    /// This many milliseconds later.
    pub fn plus_ms(self, ms: u64) -> Self {
        Self(self.0.saturating_add(ms))
    }
}

/// A stretch of time with one leader, counted from the Unix epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Slot(pub u64);

impl Slot {
    /// The slot at `now`, when slots last `slot_ms`.
    pub fn at(now: Timestamp, slot_ms: u64) -> Self {
        Self(now.0 / slot_ms)
    }

    /// The next slot.
    pub fn next(self) -> Self {
        Self(self.0 + 1)
    }

    /// Who leads this slot under `table`.
    pub fn leader(self, table: &OperatorTable) -> OperatorId {
        let count = table.entries().len() as u64;
        let position = usize::try_from(self.0 % count).expect("a table has fewer than 2^32 operators");
        table.entries()[position].operator
    }

    /// Whether `operator` leads this slot, the one before or the one after: clocks may differ by a slot.
    pub fn is_led_nearby(self, operator: OperatorId, table: &OperatorTable) -> bool {
        let nearby = [Self(self.0.saturating_sub(1)), self, self.next()];
        nearby.into_iter().any(|slot| slot.leader(table) == operator)
    }
}
