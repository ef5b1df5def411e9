//! What people do to the contracts: deploying them, staking, running an operator, running a service, asking for tasks. Each function waits until
//! its transactions are confirmed and says what gas they used; none decides whether it should be called.

mod deploy;
mod oracles;
mod service;
mod staking;

use tandem_types::Address;

pub use deploy::{
    Deployment, ServiceSettings, StakingSettings, deploy, deploy_ether_strategy, deploy_service, deploy_token,
};
pub use oracles::{OracleSettings, Oracles, observe, set_price};
pub use service::{
    CreatedTask, Score, TaskRequest, announce_manifest, create_task, refresh_table, score_of, strategies_of,
};
pub use staking::{enlist, fund, mint};

use crate::error::RpcError;
use crate::revert::Revert;
use crate::service::ServiceError;
use crate::tx::{Call, Receipt, SendError, TransactionManager, TransactionOutcome, TransactionStatus};

/// What a function did, and what it cost.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Done<T> {
    /// What it brought.
    pub value: T,
    /// Gas that its transactions used.
    pub gas_used: u64,
}

/// Why something was not done.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AdminError {
    /// The transaction was not made.
    #[error(transparent)]
    Send(#[from] SendError),
    /// The chain could not be read.
    #[error(transparent)]
    Rpc(#[from] RpcError),
    /// The service could not be read.
    #[error(transparent)]
    Service(#[from] ServiceError),
    /// The transaction reverted after it had been simulated with success.
    #[error("transaction {} reverted on the chain", .0.tx_hash)]
    Failed(TransactionOutcome),
    /// The contract does not do what ours does.
    #[error("the contract at {contract} did not {what}")]
    NotOurs {
        /// The contract.
        contract: Address,
        /// What it should have done.
        what: &'static str,
    },
}

impl AdminError {
    /// Whether trying again may help.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Send(error) => error.is_retryable(),
            Self::Rpc(error) => error.is_retryable(),
            Self::Service(error) => error.is_retryable(),
            Self::Failed(_) => true,
            Self::NotOurs { .. } => false,
        }
    }

    /// The contract's error, when one was the reason.
    pub fn revert(&self) -> Option<&Revert> {
        match self {
            Self::Send(error) => error.revert(),
            Self::Rpc(error) => error.revert(),
            _ => None,
        }
    }

    /// What a person can do about it.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Send(error) => error.hint(),
            Self::Rpc(error) => error.hint(),
            Self::Service(error) => error.hint(),
            Self::Failed(_) => Some("somebody else's transaction came first: look at the state and try again"),
            Self::NotOurs { .. } => Some("check the contract's address"),
        }
    }
}

/// Makes a call that has to succeed.
pub(crate) async fn execute(manager: &TransactionManager, call: Call) -> Result<Receipt, AdminError> {
    let receipt = manager.send_for_receipt(&call).await?;
    match receipt.outcome.status {
        TransactionStatus::Succeeded => Ok(receipt),
        TransactionStatus::Reverted => Err(AdminError::Failed(receipt.outcome)),
    }
}

/// As [`execute`], for calls that bring nothing but their effect.
async fn perform(manager: &TransactionManager, call: Call) -> Result<Done<()>, AdminError> {
    execute(manager, call).await.map(|receipt| Done { value: (), gas_used: receipt.outcome.gas_used })
}
