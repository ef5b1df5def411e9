//! The next operator table of a service: who must be in it, and the transactions that write it. Whether it is due the contract says, and
//! nothing is sent before it has.

use alloy::sol_types::SolCall;
use tandem_crypto::{CurveError, PublicKey, aggregate_keys};
use tandem_types::{Address, G2Point, OperatorId};

use crate::bindings::ServiceManager;
use crate::tx::{Call, SendError, TransactionManager, TransactionOutcome};

/// Operators of one chunk; larger tables are put together from chunks that are written before.
const CHUNK_OPERATORS: usize = 256;

/// The contract's error while the latest table is good enough.
const NOT_DUE: &str = "TableNotDue";
/// Its error when a large table is due and its chunks are not written yet.
const NOT_STAGED: &str = "ChunkNotStaged";

/// Why the next table cannot be put together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RefreshError {
    /// An operator serves, and its registration was not found.
    #[error("operator {0} serves, but its registration was not found")]
    Unregistered(OperatorId),
    /// The key that an operator registered is malformed.
    #[error("the key of operator {operator} is malformed: {error}")]
    Key {
        /// The operator.
        operator: OperatorId,
        /// What is wrong.
        error: CurveError,
    },
}

/// What is to be done for the next table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Due {
    /// Nothing: the latest one is good enough.
    Not,
    /// It can be written at once.
    Now,
    /// Its chunks have to be written first.
    AfterStaging,
}

/// The next operator table of a service, as its stake source has it now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableRefresh {
    service: Address,
    operators: Vec<Address>,
    apk: G2Point,
}

impl TableRefresh {
    /// `members`: the operators with their keys, ascending.
    pub(crate) fn new(
        service: Address,
        members: &[(OperatorId, tandem_types::G1Point, G2Point)],
    ) -> Result<Self, RefreshError> {
        let decode = |&(operator, g1, g2): &(OperatorId, _, _)| {
            PublicKey::decode(&g1, &g2).map_err(|error| RefreshError::Key { operator, error })
        };
        let keys = members.iter().map(decode).collect::<Result<Vec<_>, _>>()?;
        let operators = members.iter().map(|(operator, ..)| operator.0).collect();
        Ok(Self { service, operators, apk: aggregate_keys(&keys) })
    }

    /// Whose table it is.
    pub(crate) fn service(&self) -> Address {
        self.service
    }

    /// How many operators it will hold.
    pub fn operators(&self) -> usize {
        self.operators.len()
    }

    /// Asks the contract, without a transaction.
    ///
    /// # Errors
    /// [`SendError::Reverted`] when it cannot be written as it is, such as after an operator came or went; [`SendError::Rpc`].
    pub async fn due(&self, manager: &TransactionManager) -> Result<Due, SendError> {
        match manager.simulate(&self.refresh()).await {
            Ok(_) => Ok(Due::Now),
            Err(error) => match error.revert().map(|revert| revert.name.as_str()) {
                Some(NOT_DUE) => Ok(Due::Not),
                Some(NOT_STAGED) => Ok(Due::AfterStaging),
                _ => Err(error),
            },
        }
    }

    /// Writes it, and its chunks before if `due` says so. Returns what became of the last transaction.
    ///
    /// # Errors
    /// As [`TransactionManager::send`].
    pub async fn write(&self, manager: &TransactionManager, due: Due) -> Result<TransactionOutcome, SendError> {
        if due == Due::AfterStaging {
            for call in self.stage() {
                manager.send(&call).await?;
            }
        }
        manager.send(&self.refresh()).await
    }

    /// The transactions that write it, in order.
    pub(crate) fn calls(&self) -> Vec<Call> {
        let mut calls = if self.operators.len() > CHUNK_OPERATORS { self.stage() } else { Vec::new() };
        calls.push(self.refresh());
        calls
    }

    fn stage(&self) -> Vec<Call> {
        let chunks = self.operators.chunks(CHUNK_OPERATORS);
        chunks.map(|chunk| self.call(&ServiceManager::stageChunkCall(chunk.to_vec()))).collect()
    }

    fn refresh(&self) -> Call {
        self.call(&ServiceManager::refreshTableCall { _0: self.operators.clone(), _1: (&self.apk).into() })
    }

    fn call(&self, call: &impl SolCall) -> Call {
        Call::new(self.service, call.abi_encode())
    }
}

#[cfg(test)]
mod tests {
    use tandem_crypto::SecretKey;

    use super::*;

    fn members(count: u16) -> Vec<(OperatorId, tandem_types::G1Point, G2Point)> {
        let key = SecretKey::from_random(&[7; 48]).expect("not zero").public_key();
        let operator = |index: u16| OperatorId(Address::left_padding_from(&index.to_be_bytes()));
        (1..=count).map(|index| (operator(index), key.g1(), key.g2())).collect()
    }

    #[test]
    fn large_tables_are_staged_in_chunks() {
        let refresh = |count| TableRefresh::new(Address::ZERO, &members(count)).expect("the keys are points");
        assert_eq!(refresh(256).calls().len(), 1);
        let calls = refresh(600).calls();
        assert_eq!(calls.len(), 4);
        let staged = ServiceManager::stageChunkCall::abi_decode(&calls[2].data).expect("it is a call");
        assert_eq!(staged.0.len(), 600 - 512);
        let last = ServiceManager::refreshTableCall::abi_decode(&calls[3].data).expect("it is a call");
        assert_eq!(last._0.len(), 600);
    }

    #[test]
    fn malformed_keys_are_named() {
        let mut members = members(2);
        members[1].2 = G2Point([1; 128]);
        let error = TableRefresh::new(Address::ZERO, &members).expect_err("no point");
        assert!(matches!(error, RefreshError::Key { operator, .. } if operator == members[1].0));
    }
}
