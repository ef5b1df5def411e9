//! Time slots and who leads them. The schedule is a plain rotation over the operators with stake: each leads equally often.

use std::collections::BTreeSet;

use tandem_types::{OperatorId, OperatorTable, PerToken, TaskId};

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

    /// Who leads this slot under `table`: operators without stake in either token never do, unless nobody has any.
    pub fn leader(self, table: &OperatorTable) -> OperatorId {
        let entries = table.entries();
        let with_stake = || entries.iter().filter(|entry| entry.weight != PerToken::default());
        let count = with_stake().count();
        let turn =
            |count: usize| usize::try_from(self.0 % count as u64).expect("a table has fewer than 2^32 operators");
        let leader = if count == 0 { entries.get(turn(entries.len())) } else { with_stake().nth(turn(count)) };
        leader.expect("a turn is below the count").operator
    }

    /// Who leads this slot or the next.
    pub(crate) fn leaders(self, table: &OperatorTable) -> BTreeSet<OperatorId> {
        [self, self.next()].map(|slot| slot.leader(table)).into()
    }

    /// Where the window of tasks begins that all operators speak of in this slot, when there are too many to speak of all.
    pub(crate) fn window_start(self) -> TaskId {
        let mut start = [0; 32];
        start[..8].copy_from_slice(&self.0.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes());
        TaskId(start.into())
    }

    /// Whether `operator` leads this slot, the one before or the one after: clocks may differ by a slot.
    pub fn is_led_nearby(self, operator: OperatorId, table: &OperatorTable) -> bool {
        let nearby = [Self(self.0.saturating_sub(1)), self, self.next()];
        nearby.into_iter().any(|slot| slot.leader(table) == operator)
    }
}

#[cfg(test)]
mod tests {
    use tandem_types::{Address, Epoch, G1Point, G2Point, OperatorEntry, Weight};

    use super::*;

    fn leaders(weights: &[(u64, u64)]) -> Vec<u8> {
        let entry = |(index, &(native, external)): (usize, &(u64, u64))| OperatorEntry {
            operator: OperatorId(Address::repeat_byte(u8::try_from(index).expect("small"))),
            key_g1: G1Point([0; 64]),
            key_g2: G2Point([0; 128]),
            weight: PerToken { native: native.into(), external: Weight::from(external) },
        };
        let entries = weights.iter().enumerate().map(entry).collect();
        let table = OperatorTable::new(Epoch(1), entries).expect("distinct operators make a table");
        (0..6).map(|slot| Slot(slot).leader(&table).0[0]).collect()
    }

    #[test]
    fn operators_without_stake_never_lead() {
        assert_eq!(leaders(&[(1, 0), (0, 0), (0, 1), (1, 1)]), [0, 2, 3, 0, 2, 3]);
        assert_eq!(leaders(&[(0, 0), (0, 5)]), [1; 6]);
    }

    #[test]
    fn a_table_without_any_stake_still_has_leaders() {
        assert_eq!(leaders(&[(0, 0), (0, 0)]), [0, 1, 0, 1, 0, 1]);
    }
}
