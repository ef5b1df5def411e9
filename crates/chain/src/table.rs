//! Operator tables as contract code, and their agreement with what the operators registered. Fetches nothing.

use std::collections::HashMap;

use tandem_types::{
    Address, Epoch, G1Point, G2Point, OPERATORS_PER_TABLE_MAX, OperatorEntry, OperatorId, OperatorTable, PerToken,
    TableError, Weight,
};

/// Bytes of a row: key, native weight, external weight.
const ROW_BYTES: usize = 88;

/// The halves of a BLS key, as registered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct KeyHalves {
    pub(crate) g1: G1Point,
    pub(crate) g2: G2Point,
}

/// Why what the chain holds for an epoch is no operator table.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TableCodeError {
    /// The code is not a zero byte and at least two whole rows.
    #[error("{0} bytes of code are no operator table")]
    Length(usize),
    /// The code would run.
    #[error("the code of a table begins with byte 0, this one with {0}")]
    Prefix(u8),
    /// Rows and operators differ in number.
    #[error("{rows} rows for {operators} operators")]
    Count {
        /// Rows in the code.
        rows: usize,
        /// Operators in the event.
        operators: usize,
    },
    /// No registration of that operator was found.
    #[error("operator {0} is in the table, but its registration was not found")]
    Unregistered(OperatorId),
    /// The row's key is not the registered one.
    #[error("the key of operator {0} is not the one it registered")]
    Key(OperatorId),
    /// The weights do not add up to the total.
    #[error("the weights do not add up to the total of the table")]
    Total,
    /// The rows make no table.
    #[error(transparent)]
    Table(#[from] TableError),
}

struct Row {
    key: G1Point,
    weight: PerToken<Weight>,
}

impl Row {
    fn decode(bytes: &[u8; ROW_BYTES]) -> Self {
        let mut key = [0; 64];
        key.copy_from_slice(&bytes[..64]);
        Self { key: G1Point(key), weight: PerToken { native: weight(&bytes[64..76]), external: weight(&bytes[76..]) } }
    }
}

fn weight(bytes: &[u8]) -> Weight {
    let units = bytes.iter().fold(0, |units: u128, &byte| units << 8 | u128::from(byte));
    Weight::new(units).expect("12 bytes are at most 96 bits")
}

/// The sum and the rows of the operators.
fn rows(code: &[u8]) -> Result<(Row, Vec<Row>), TableCodeError> {
    let (rows, rest) = match code {
        [] => return Err(TableCodeError::Length(0)),
        [0, rows @ ..] => rows.as_chunks::<ROW_BYTES>(),
        [prefix, ..] => return Err(TableCodeError::Prefix(*prefix)),
    };
    match rows {
        [sum, operators @ ..] if rest.is_empty() && (1..=OPERATORS_PER_TABLE_MAX).contains(&operators.len()) => {
            Ok((Row::decode(sum), operators.iter().map(Row::decode).collect()))
        }
        _ => Err(TableCodeError::Length(code.len())),
    }
}

/// Joins a table's code with its operators and their keys. The key in row 0 is the contract's own sum, which nothing off-chain uses.
pub(crate) fn join(
    epoch: Epoch,
    code: &[u8],
    operators: &[OperatorId],
    keys: &HashMap<Address, KeyHalves>,
) -> Result<OperatorTable, TableCodeError> {
    let (sum, rows) = rows(code)?;
    if rows.len() != operators.len() {
        return Err(TableCodeError::Count { rows: rows.len(), operators: operators.len() });
    }
    let entries = operators.iter().zip(&rows).map(|(&operator, row)| entry(operator, row, keys));
    let table = OperatorTable::new(epoch, entries.collect::<Result<_, _>>()?)?;
    if table.total() == sum.weight { Ok(table) } else { Err(TableCodeError::Total) }
}

fn entry(operator: OperatorId, row: &Row, keys: &HashMap<Address, KeyHalves>) -> Result<OperatorEntry, TableCodeError> {
    let halves = keys.get(&operator.0).ok_or(TableCodeError::Unregistered(operator))?;
    if halves.g1 != row.key {
        return Err(TableCodeError::Key(operator));
    }
    Ok(OperatorEntry { operator, key_g1: halves.g1, key_g2: halves.g2, weight: row.weight })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn operator(byte: u8) -> OperatorId {
        OperatorId(Address::repeat_byte(byte))
    }

    fn keys() -> HashMap<Address, KeyHalves> {
        let halves = |byte| KeyHalves { g1: G1Point([byte; 64]), g2: G2Point([byte; 128]) };
        [1, 2].map(|byte| (operator(byte).0, halves(byte))).into()
    }

    fn row(key: u8, native: u8, external: u8) -> Vec<u8> {
        let weight = |units| [[0; 11].as_slice(), &[units]].concat();
        [[key; 64].as_slice(), &weight(native), &weight(external)].concat()
    }

    fn code(rows: &[Vec<u8>]) -> Vec<u8> {
        [vec![0], rows.concat()].concat()
    }

    #[test]
    fn table_is_read_in_order_with_weights() {
        let code = code(&[row(9, 12, 3), row(1, 5, 1), row(2, 7, 2)]);
        let table = join(Epoch(4), &code, &[operator(1), operator(2)], &keys()).expect("the code is a table");
        assert_eq!(table.epoch(), Epoch(4));
        assert_eq!(table.entries()[1].weight, PerToken { native: Weight::from(7), external: Weight::from(2) });
        assert_eq!(table.entries()[1].key_g2, G2Point([2; 128]));
    }

    #[test]
    fn code_that_does_not_fit_is_refused() {
        let good = [row(9, 12, 3), row(1, 5, 1), row(2, 7, 2)];
        let both = [operator(1), operator(2)];
        let cases = [
            (vec![], both.to_vec(), TableCodeError::Length(0)),
            (vec![0], both.to_vec(), TableCodeError::Length(1)),
            (code(&good[..1]), both.to_vec(), TableCodeError::Length(89)),
            (code(&good)[..200].to_vec(), both.to_vec(), TableCodeError::Length(200)),
            ([vec![0xfe], good.concat()].concat(), both.to_vec(), TableCodeError::Prefix(0xfe)),
            (code(&good), both[..1].to_vec(), TableCodeError::Count { rows: 2, operators: 1 }),
            (code(&good), vec![operator(1), operator(3)], TableCodeError::Unregistered(operator(3))),
            (code(&good), vec![operator(2), operator(1)], TableCodeError::Key(operator(2))),
            (code(&[row(9, 12, 4), row(1, 5, 1), row(2, 7, 2)]), both.to_vec(), TableCodeError::Total),
        ];
        for (code, operators, error) in cases {
            assert_eq!(join(Epoch(1), &code, &operators, &keys()), Err(error));
        }
    }
}
