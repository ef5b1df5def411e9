//! What local networks and tests do for accounts that they make themselves. People use the actions of [`staking`](crate::staking).

use alloy::sol_types::SolCall;
use tandem_types::{Address, PerToken, U256};

use super::{AdminError, Deployment, Done, perform};
use crate::bindings::DemoToken;
use crate::staking::{Action, Registration};
use crate::tx::{Call, TransactionManager};

/// All of an operator's stake, in basis points.
const EVERYTHING: PerToken<u16> = PerToken { native: 10_000, external: 10_000 };

/// Sends an account that many wei.
///
/// # Errors
/// [`AdminError`].
pub async fn fund(manager: &TransactionManager, account: Address, wei: U256) -> Result<Done<()>, AdminError> {
    perform(manager, Call { value: wei, ..Call::new(account, Vec::new()) }).await
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

/// Makes the sender an operator that stakes that much of its own tokens and stands behind the network's service with all of it.
///
/// # Errors
/// [`AdminError`]; what was done before stays done.
pub async fn enlist(
    manager: &TransactionManager,
    network: &Deployment,
    registration: &Registration,
    stake: PerToken<U256>,
) -> Result<Done<()>, AdminError> {
    let (staking, operator) = (network.staking(), manager.address());
    let actions = [
        staking.register_operator(registration),
        staking.delegate(operator),
        Action::approve(network.native_token, network.native_strategy, stake.native),
        staking.deposit(network.native_strategy, stake.native),
        Action::approve(network.external_token, network.external_strategy, stake.external),
        staking.deposit(network.external_strategy, stake.external),
        staking.opt_in(network.service_manager, EVERYTHING, None),
    ];
    let mut gas_used = 0;
    for action in &actions {
        gas_used += perform(manager, action.call().clone()).await?.gas_used;
    }
    Ok(Done { value: (), gas_used })
}
