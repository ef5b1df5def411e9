//! Staking, delegation and the life of an operator on the RestakingManager. Amounts are in the token's smallest unit.

use alloy::sol_types::SolCall;
use tandem_crypto::{PublicKey, Signature};
use tandem_types::{Address, B256, OperatorId, U256};

use super::{AdminError, Done, execute, perform};
use crate::bindings::{DemoToken, RestakingManager, Strategy};
use crate::tx::{Call, TransactionManager};

/// What an operator tells the network about itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OperatorRegistration {
    /// Its BLS key.
    pub key: PublicKey,
    /// Proof that it holds the key, in the domain of the RestakingManager, for the sender's address.
    pub possession: Signature,
    /// Ed25519 public key of its node.
    pub transport_key: B256,
    /// Where its node listens, `host:port`, at most 256 bytes; empty when it is not to be reached.
    pub socket: String,
}

/// Sends an account that many wei.
///
/// # Errors
/// [`AdminError`].
pub async fn fund(manager: &TransactionManager, account: Address, wei: U256) -> Result<Done<()>, AdminError> {
    perform(manager, Call { to: Some(account), value: wei, data: Vec::new() }).await
}

/// Mints a token that anyone may mint.
///
/// # Errors
/// [`AdminError`].
pub async fn mint(
    manager: &TransactionManager,
    token: Address,
    account: Address,
    amount: U256,
) -> Result<Done<()>, AdminError> {
    perform(manager, Call::new(token, DemoToken::mintCall { account, amount }.abi_encode())).await
}

/// Stakes the sender's tokens: approves them to the strategy, then deposits.
///
/// # Errors
/// [`AdminError`], with `UnknownStrategy` among the reverts; an approval stays when the deposit fails.
pub async fn deposit(
    manager: &TransactionManager,
    restaking_manager: Address,
    strategy: Address,
    amount: U256,
) -> Result<Done<()>, AdminError> {
    let token = manager.client().call(strategy, &Strategy::tokenCall {}).await?;
    let approve = DemoToken::approveCall { spender: strategy, value: amount };
    let approved = execute(manager, Call::new(token, approve.abi_encode())).await?;
    let deposit = RestakingManager::depositCall { strategy, amount };
    let deposited = execute(manager, Call::new(restaking_manager, deposit.abi_encode())).await?;
    Ok(Done { value: (), gas_used: approved.outcome.gas_used + deposited.outcome.gas_used })
}

/// Lets all of the sender's stake count for `operator`.
///
/// # Errors
/// [`AdminError`], with `NotAnOperator` and `AlreadyDelegated` among the reverts.
pub async fn delegate(
    manager: &TransactionManager,
    restaking_manager: Address,
    operator: OperatorId,
) -> Result<Done<()>, AdminError> {
    let call = RestakingManager::delegateToCall { operator: operator.0 };
    perform(manager, Call::new(restaking_manager, call.abi_encode())).await
}

/// Makes the sender an operator, delegated to itself.
///
/// # Errors
/// [`AdminError`], with `AlreadyOperator`, `KeyInUse` and `InvalidPossession` among the reverts.
pub async fn register_operator(
    manager: &TransactionManager,
    restaking_manager: Address,
    registration: &OperatorRegistration,
) -> Result<Done<()>, AdminError> {
    let call = RestakingManager::registerOperatorCall {
        g1: (&registration.key.g1()).into(),
        g2: (&registration.key.g2()).into(),
        possession: (&registration.possession.encode()).into(),
        transportKey: registration.transport_key,
        socket: registration.socket.clone(),
    };
    perform(manager, Call::new(restaking_manager, call.abi_encode())).await
}

/// Changes where the sender's node listens.
///
/// # Errors
/// [`AdminError`], with `NotAnOperator` and `SocketTooLong` among the reverts.
pub async fn update_socket(
    manager: &TransactionManager,
    restaking_manager: Address,
    socket: &str,
) -> Result<Done<()>, AdminError> {
    let call = RestakingManager::updateSocketCall { socket: socket.to_owned() };
    perform(manager, Call::new(restaking_manager, call.abi_encode())).await
}

/// Enters the sender, an operator, into the set of a service; it counts from the next operator table on.
///
/// # Errors
/// [`AdminError`], with `NotAnOperator` and `AlreadyOptedIn` among the reverts.
pub async fn opt_in(
    manager: &TransactionManager,
    restaking_manager: Address,
    service: Address,
) -> Result<Done<()>, AdminError> {
    let call = RestakingManager::optInCall { service };
    perform(manager, Call::new(restaking_manager, call.abi_encode())).await
}
