//! Stake and the operators behind it: what can be asked of the staking contracts, and what can be done with them. An [`Action`] is a call with
//! what it means, to be looked at, estimated or sent; nothing here decides whether it should be sent. Amounts are in a token's
//! smallest unit.
//!
//! Token symbols and operators' texts come from whoever wrote them: they are cut and cleaned, and mean nothing.

mod action;
mod history;
mod info;
mod perform;
mod reader;
mod token;

use tandem_types::{Address, Domain};

pub use action::{Action, AllocationBps, MembershipRules, Registration, SlashingTerms};
pub use info::{
    Allocation, Commission, Delays, KeyInfo, Operator, OperatorStake, Position, Profile, QueuedWithdrawal,
    ServiceAllocation, ServiceStake, SlashRequest, SlashStatus, Staker, WHOLE,
};
pub use perform::Performed;
pub use reader::StakingReader;
pub use token::{StrategyInfo, TokenInfo};

use crate::bindings::{AllocationManager, RestakingManager, ServiceManager};
use crate::client::ChainClient;
use crate::error::{RpcError, RpcFailure};

/// Why the staking contracts could not be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StakingError {
    /// The endpoint failed.
    #[error(transparent)]
    Rpc(#[from] RpcError),
    /// The contract at that address is another one.
    #[error("there is no {expected} at {address}")]
    NotThere {
        /// What should be there.
        expected: &'static str,
        /// The address.
        address: Address,
    },
}

impl StakingError {
    /// Whether the same question may be answered later.
    pub fn is_retryable(&self) -> bool {
        matches!(self, Self::Rpc(error) if error.is_retryable())
    }

    /// What a person can do about it.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Rpc(error) => error.hint(),
            Self::NotThere { .. } => Some("check the address and the chain"),
        }
    }
}

/// The three contracts that keep operators, stake and allocations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StakingContracts {
    /// EIP-155 id of their chain.
    pub chain_id: u64,
    /// Who the operators are.
    pub operator_registry: Address,
    /// Where stake is kept.
    pub restaking_manager: Address,
    /// Which services it stands behind.
    pub allocation_manager: Address,
}

impl StakingContracts {
    /// The contracts that belong to this RestakingManager.
    ///
    /// # Errors
    /// [`StakingError::NotThere`] when there is none, [`StakingError::Rpc`].
    pub async fn of_restaking_manager(client: &ChainClient, address: Address) -> Result<Self, StakingError> {
        let strange = |error| absent(error, "RestakingManager", address);
        let registry = client.call(address, &RestakingManager::operatorRegistryCall {}).await.map_err(strange)?;
        let allocations = client.call(address, &RestakingManager::allocationManagerCall {}).await.map_err(strange)?;
        Ok(Self {
            chain_id: client.chain_id(),
            operator_registry: registry,
            restaking_manager: address,
            allocation_manager: allocations,
        })
    }

    /// The contracts that keep the stake of a service.
    ///
    /// # Errors
    /// [`StakingError::NotThere`] when there is no service, or its stake is kept elsewhere; [`StakingError::Rpc`].
    pub async fn of_service(client: &ChainClient, service: Address) -> Result<Self, StakingError> {
        let source = client.call(service, &ServiceManager::stakeSourceCall {}).await;
        let source = source.map_err(|error| absent(error, "ServiceManager", service))?;
        let strange = |error| absent(error, "AllocationManager", source);
        let manager = client.call(source, &AllocationManager::restakingManagerCall {}).await.map_err(strange)?;
        let registry = client.call(source, &AllocationManager::operatorRegistryCall {}).await.map_err(strange)?;
        Ok(Self {
            chain_id: client.chain_id(),
            operator_registry: registry,
            restaking_manager: manager,
            allocation_manager: source,
        })
    }

    /// The domain in which operators prove possession of their keys.
    pub fn registry_domain(&self) -> Domain {
        Domain { chain_id: self.chain_id, verifying_contract: self.operator_registry }
    }
}

/// An empty or strange answer means that another contract, or none, is there.
fn absent(error: RpcError, expected: &'static str, address: Address) -> StakingError {
    match error.failure {
        RpcFailure::Malformed(_) | RpcFailure::Reverted(_) => StakingError::NotThere { expected, address },
        _ => StakingError::Rpc(error),
    }
}
