//! Sending actions, and what the contracts say happened.

use tandem_types::Address;

use super::{Action, StakingContracts};
use crate::abi::{self, Contract, DecodedEvent};
use crate::admin::{AdminError, execute};
use crate::log::LogRecord;
use crate::tx::{TransactionManager, TransactionOutcome};

/// What an action did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Performed {
    /// The transaction.
    pub outcome: TransactionOutcome,
    /// What the staking contracts and the one that was called recorded, in order.
    pub events: Vec<DecodedEvent>,
}

impl StakingContracts {
    /// Sends an action and waits until it is confirmed.
    ///
    /// # Errors
    /// [`AdminError`].
    pub async fn perform(&self, manager: &TransactionManager, action: &Action) -> Result<Performed, AdminError> {
        let receipt = execute(manager, action.call().clone()).await?;
        let named = |log: &LogRecord| {
            let emitter = self.contract_at(log.log.address);
            let called = (log.log.address == action.address()).then(|| action.contract());
            abi::event(emitter.or(called)?, log)
        };
        Ok(Performed { outcome: receipt.outcome, events: receipt.logs.iter().filter_map(named).collect() })
    }

    fn contract_at(&self, address: Address) -> Option<Contract> {
        let known = [
            (self.allocation_manager, Contract::AllocationManager),
            (self.operator_registry, Contract::OperatorRegistry),
            (self.restaking_manager, Contract::RestakingManager),
        ];
        known.into_iter().find(|(place, _)| *place == address).map(|(_, contract)| contract)
    }
}
