//! Operator tables: who may sign at an epoch, in a fixed order, with what weight. A table is immutable once made.

use serde::{Deserialize, Serialize};

use crate::{Epoch, G1Point, G2Point, OperatorId, PerToken, Weight};

/// Most operators that one table may hold.
pub const OPERATORS_PER_TABLE_MAX: usize = 1_000;

/// One operator of a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct OperatorEntry {
    /// Its account.
    pub operator: OperatorId,
    /// BLS public key in G1, as on chain.
    pub key_g1: G1Point,
    /// BLS public key in G2, from its registration.
    pub key_g2: G2Point,
    /// Stake behind it, per token.
    pub weight: PerToken<Weight>,
}

/// Why a list of operators is no table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TableError {
    /// No operators.
    #[error("an operator table needs at least one operator")]
    Empty,
    /// More than [`OPERATORS_PER_TABLE_MAX`].
    #[error("{0} operators in one table, {OPERATORS_PER_TABLE_MAX} are allowed")]
    TooLarge(usize),
    /// Operators out of order or twice.
    #[error("operators are not strictly ascending by address at position {0}")]
    NotAscending(usize),
    /// The total of one token does not fit 96 bits.
    #[error("the total weight does not fit 96 bits")]
    TotalTooLarge,
}

/// The operators of a service at an epoch, ascending by address, with their totals.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OperatorTable {
    epoch: Epoch,
    entries: Vec<OperatorEntry>,
    total: PerToken<Weight>,
}

impl OperatorTable {
    /// # Errors
    /// [`TableError`] when the list is empty, too long, not strictly ascending, or its total does not fit.
    pub fn new(epoch: Epoch, entries: Vec<OperatorEntry>) -> Result<Self, TableError> {
        if entries.is_empty() {
            return Err(TableError::Empty);
        }
        if entries.len() > OPERATORS_PER_TABLE_MAX {
            return Err(TableError::TooLarge(entries.len()));
        }
        if let Some(at) = entries.windows(2).position(|pair| pair[0].operator >= pair[1].operator) {
            return Err(TableError::NotAscending(at + 1));
        }
        let total = |weight: fn(&OperatorEntry) -> Weight| {
            entries.iter().map(weight).try_fold(Weight::ZERO, Weight::checked_add).ok_or(TableError::TotalTooLarge)
        };
        let total =
            PerToken { native: total(|entry| entry.weight.native)?, external: total(|entry| entry.weight.external)? };
        Ok(Self { epoch, entries, total })
    }

    /// The same table, with operators that lost their weight: nothing they sign counts, and the totals stay as they are. `revoked` are
    /// positions inside the table.
    pub fn without(mut self, revoked: &[usize]) -> Self {
        for &position in revoked {
            self.entries[position].weight = PerToken::default();
        }
        self
    }

    /// The table's number.
    pub fn epoch(&self) -> Epoch {
        self.epoch
    }

    /// The operators, ascending by address; an operator's position is its bit in a certificate.
    pub fn entries(&self) -> &[OperatorEntry] {
        &self.entries
    }

    /// Where `operator` stands in the table.
    pub fn position(&self, operator: OperatorId) -> Option<usize> {
        self.entries.binary_search_by_key(&operator, |entry| entry.operator).ok()
    }

    /// Total weight per token.
    pub fn total(&self) -> PerToken<Weight> {
        self.total
    }

    /// Weight per token of the operators at `positions`, which are distinct and inside the table.
    pub fn weight_of(&self, positions: impl Iterator<Item = usize>) -> PerToken<Weight> {
        positions.fold(PerToken::default(), |sum: PerToken<Weight>, at| {
            sum.zip_with(self.entries[at].weight, |a, b| [a, b].into_iter().sum())
        })
    }
}

#[cfg(test)]
mod tests {
    use alloy_primitives::Address;

    use super::*;

    fn entry(operator: u8, native: Weight) -> OperatorEntry {
        OperatorEntry {
            operator: OperatorId(Address::repeat_byte(operator)),
            key_g1: G1Point([operator; 64]),
            key_g2: G2Point([operator; 128]),
            weight: PerToken { native, external: Weight::from(1) },
        }
    }

    #[test]
    fn malformed_lists_are_refused() {
        let one = Weight::from(1);
        let new = |entries| OperatorTable::new(Epoch(1), entries);
        assert_eq!(new(vec![]), Err(TableError::Empty));
        assert_eq!(new(vec![entry(2, one), entry(1, one)]), Err(TableError::NotAscending(1)));
        assert_eq!(new(vec![entry(1, one), entry(1, one)]), Err(TableError::NotAscending(1)));
        assert_eq!(new(vec![entry(1, Weight::MAX), entry(2, one)]), Err(TableError::TotalTooLarge));
        assert_eq!(new(vec![entry(1, one); 1_001]), Err(TableError::TooLarge(1_001)));
    }

    #[test]
    fn revoked_weight_counts_no_more_and_stays_in_the_total() {
        let entries = vec![entry(1, Weight::from(5)), entry(2, Weight::from(7))];
        let table = OperatorTable::new(Epoch(1), entries).expect("two operators are a table").without(&[1]);
        assert_eq!(
            table.weight_of([0, 1].into_iter()),
            PerToken { native: Weight::from(5), external: Weight::from(1) }
        );
        assert_eq!(table.total(), PerToken { native: Weight::from(12), external: Weight::from(2) });
    }

    #[test]
    fn weights_add_up_per_token() {
        let table = OperatorTable::new(Epoch(1), vec![entry(1, Weight::from(5)), entry(2, Weight::from(7))])
            .expect("two operators are a table");
        assert_eq!(table.total(), PerToken { native: Weight::from(12), external: Weight::from(2) });
        assert_eq!(table.weight_of([1].into_iter()), PerToken { native: Weight::from(7), external: Weight::from(1) });
        assert_eq!(table.position(OperatorId(Address::repeat_byte(2))), Some(1));
        assert_eq!(table.position(OperatorId(Address::repeat_byte(3))), None);
    }
}
