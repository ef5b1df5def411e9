//! Operator tables as the chain keeps them, joined with the keys that operators registered. Fetches nothing.
//!
//! A table has keys and weights, and no names. Whose a key is the registry says: it lets no two operators have the same, ever.

use tandem_types::{
    BitmapError, Epoch, G1Point, G2Point, OperatorEntry, OperatorId, OperatorTable, PerToken, TableError, Weight,
};

/// One row: an operator's key in G1 and what stands behind it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Row {
    pub(crate) key: G1Point,
    pub(crate) weight: PerToken<Weight>,
}

/// Whose a key is, and its half in G2.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Holder {
    pub(crate) operator: OperatorId,
    pub(crate) g2: G2Point,
}

/// Why what the chain holds for an epoch is no operator table.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TableRowsError {
    /// The chain gave another number of rows than the table has.
    #[error("{found} rows of a table of {expected}")]
    Count {
        /// Operators in the table.
        expected: usize,
        /// Rows that were given.
        found: usize,
    },
    /// Nobody is known to have registered that key.
    #[error("the key {key:?} at position {position} was registered by nobody")]
    Unregistered {
        /// Where it stands in the table.
        position: usize,
        /// The key.
        key: G1Point,
    },
    /// The weights do not add up to the total.
    #[error("the weights do not add up to the total of the table")]
    Total,
    /// The bitmap of revoked weights does not fit.
    #[error(transparent)]
    Revoked(#[from] BitmapError),
    /// The rows make no table.
    #[error(transparent)]
    Table(#[from] TableError),
}

/// Joins the rows of a table with the holders of their keys, and checks them against the table's own `total`.
pub(crate) fn join(
    epoch: Epoch,
    (rows, total): (&[Row], PerToken<Weight>),
    holder: impl Fn(&G1Point) -> Option<Holder>,
) -> Result<OperatorTable, TableRowsError> {
    let entry = |(position, Row { key, weight }): (usize, &Row)| {
        let Holder { operator, g2 } = holder(key).ok_or(TableRowsError::Unregistered { position, key: *key })?;
        Ok(OperatorEntry { operator, key_g1: *key, key_g2: g2, weight: *weight })
    };
    let entries = rows.iter().enumerate().map(entry).collect::<Result<_, TableRowsError>>()?;
    let table = OperatorTable::new(epoch, entries)?;
    if table.total() == total { Ok(table) } else { Err(TableRowsError::Total) }
}

#[cfg(test)]
mod tests {
    use tandem_types::Address;

    use super::*;

    fn operator(byte: u8) -> OperatorId {
        OperatorId(Address::repeat_byte(byte))
    }

    /// Keys 1 and 2 are those of the operators of that byte, key 3 is an earlier one of operator 2.
    fn holder(key: &G1Point) -> Option<Holder> {
        let holder = |byte| Holder { operator: operator(byte), g2: G2Point([key.0[0]; 128]) };
        match key.0[0] {
            byte @ (1 | 2) => Some(holder(byte)),
            3 => Some(holder(2)),
            _ => None,
        }
    }

    fn weight(native: u64, external: u64) -> PerToken<Weight> {
        PerToken { native: Weight::from(native), external: Weight::from(external) }
    }

    fn row(key: u8, native: u64, external: u64) -> Row {
        Row { key: G1Point([key; 64]), weight: weight(native, external) }
    }

    #[test]
    fn rows_are_named_by_their_keys_old_ones_included() {
        for second in [2, 3] {
            let rows = [row(1, 5, 1), row(second, 7, 2)];
            let table = join(Epoch(4), (&rows, weight(12, 3)), holder).expect("the rows are a table");
            assert_eq!(table.epoch(), Epoch(4));
            assert_eq!(table.entries()[1].operator, operator(2));
            assert_eq!(table.entries()[1].weight, weight(7, 2));
            assert_eq!(table.entries()[1].key_g2, G2Point([second; 128]));
        }
    }

    #[test]
    fn rows_that_do_not_fit_are_refused() {
        let unregistered = TableRowsError::Unregistered { position: 1, key: G1Point([9; 64]) };
        let cases = [
            (vec![row(1, 5, 1), row(9, 7, 2)], weight(12, 3), unregistered),
            (vec![row(1, 5, 1), row(2, 7, 2)], weight(12, 4), TableRowsError::Total),
            (vec![row(2, 5, 1), row(1, 7, 2)], weight(12, 3), TableError::NotAscending(1).into()),
            (vec![row(2, 5, 1), row(3, 7, 2)], weight(12, 3), TableError::NotAscending(1).into()),
            (vec![], weight(0, 0), TableError::Empty.into()),
        ];
        for (rows, total, error) in cases {
            assert_eq!(join(Epoch(1), (&rows, total), holder), Err(error));
        }
    }
}
