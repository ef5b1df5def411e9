//! Deployment of the contracts. Puts up a whole network of our own, for local chains; the parts are there for services that join an
//! existing one.

use alloy::primitives::Bytes;
use alloy::sol_types::{SolCall, SolConstructor};
use serde::{Deserialize, Serialize};
use tandem_types::{Address, Policy, ServiceId};

use super::oracles::{OracleSettings, Oracles};
use super::{AdminError, Done, execute};
use crate::bindings::{DemoToken, RestakingManager, ScoreBoard, ServiceManager, Strategy};
use crate::tx::{Call, TransactionManager};

/// How a service is set up, for good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ServiceSettings {
    /// What signed stake every result needs.
    pub policy: Policy,
    /// What the feeds say that the policy asks, if it asks any.
    pub oracle: OracleSettings,
    /// Seconds for which an operator table is believed after it was written.
    pub table_window_s: u32,
    /// Gas that a handler is called with, 50 000 to 8 000 000.
    pub handler_gas: u32,
}

/// Addresses of a network of our own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deployment {
    /// EIP-155 id of the chain.
    pub chain_id: u64,
    /// Block before the first of its contracts.
    pub first_block: u64,
    /// The network's own token.
    pub native_token: Address,
    /// The token that stands for staked ETH.
    pub external_token: Address,
    /// Where the network's own token is staked.
    pub native_strategy: Address,
    /// Where the other token is staked.
    pub external_strategy: Address,
    /// The RestakingManager.
    pub restaking_manager: Address,
    /// The service.
    pub service_manager: Address,
    /// What the service's policy asks besides stake, if it does.
    pub oracles: Option<Oracles>,
    /// The handler that stores scores.
    pub score_board: Address,
}

impl Deployment {
    /// The service.
    pub fn service(&self) -> ServiceId {
        ServiceId { chain_id: self.chain_id, manager: self.service_manager }
    }
}

/// Creates contracts and adds up their gas.
pub(super) struct Deployer<'a> {
    pub(super) manager: &'a TransactionManager,
    gas_used: u64,
}

impl Deployer<'_> {
    pub(super) async fn create<C: SolConstructor>(
        &mut self,
        code: &Bytes,
        constructor: &C,
    ) -> Result<Address, AdminError> {
        let code = [code.as_ref(), &constructor.abi_encode()].concat();
        let receipt = execute(self.manager, Call::create(code)).await?;
        self.gas_used += receipt.outcome.gas_used;
        receipt.contract.ok_or(AdminError::NotOurs { contract: Address::ZERO, what: "come into being" })
    }

    async fn token(&mut self, name: &str, symbol: &str) -> Result<Address, AdminError> {
        let constructor = DemoToken::constructorCall { name_: name.to_owned(), symbol_: symbol.to_owned() };
        self.create(&DemoToken::BYTECODE, &constructor).await
    }

    async fn strategy(&mut self, token: Address, restaking_manager: Address) -> Result<Address, AdminError> {
        let constructor = Strategy::constructorCall { token_: token, manager_: restaking_manager };
        let strategy = self.create(&Strategy::BYTECODE, &constructor).await?;
        let call = RestakingManager::addStrategyCall { strategy };
        let receipt = execute(self.manager, Call::new(restaking_manager, call.abi_encode())).await?;
        self.gas_used += receipt.outcome.gas_used;
        Ok(strategy)
    }

    /// The oracles that the policy needs, and the service, in this order: nothing may come between a monitor and its service.
    async fn service(
        &mut self,
        stake: Stake,
        settings: &ServiceSettings,
    ) -> Result<(Address, Option<Oracles>), AdminError> {
        let (policy, mut oracle, mut oracles) = (&settings.policy, Address::ZERO, None);
        if policy.needs_prices() || policy.needs_fallback() {
            let mut deployed = self.prices(&settings.oracle).await?;
            if policy.needs_fallback() {
                deployed.monitor = Some(self.monitor(deployed.prices, settings.oracle.floor).await?);
            }
            oracle = deployed.monitor.unwrap_or(deployed.prices);
            oracles = Some(deployed);
        }
        let config = ServiceManager::ServiceConfig {
            stakeSource: stake.restaking_manager,
            owner: self.manager.address(),
            nativeStrategy: stake.native_strategy,
            externalStrategy: stake.external_strategy,
            policy: crate::policy::to_chain(policy, oracle),
            tableWindow: settings.table_window_s,
            handlerGas: settings.handler_gas,
        };
        let service = self.create(&ServiceManager::BYTECODE, &ServiceManager::constructorCall { config }).await?;
        Ok((service, oracles))
    }
}

/// Where a service finds its stake.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stake {
    restaking_manager: Address,
    native_strategy: Address,
    external_strategy: Address,
}

/// Deploys two tokens, their strategies, a RestakingManager, a service and its score board, all owned by the sender.
///
/// # Errors
/// [`AdminError`]; what was deployed before stays, unused.
pub async fn deploy(manager: &TransactionManager, settings: &ServiceSettings) -> Result<Done<Deployment>, AdminError> {
    let first_block = manager.client().block_number().await?;
    let mut deployer = Deployer { manager, gas_used: 0 };
    let native_token = deployer.token("Tandem", "TDM").await?;
    let external_token = deployer.token("Staked Ether", "stETH").await?;
    let owner = RestakingManager::constructorCall { owner_: manager.address() };
    let restaking_manager = deployer.create(&RestakingManager::BYTECODE, &owner).await?;
    let native_strategy = deployer.strategy(native_token, restaking_manager).await?;
    let external_strategy = deployer.strategy(external_token, restaking_manager).await?;
    let stake = Stake { restaking_manager, native_strategy, external_strategy };
    let (service_manager, oracles) = deployer.service(stake, settings).await?;
    let board = ScoreBoard::constructorCall { service_: service_manager };
    let score_board = deployer.create(&ScoreBoard::BYTECODE, &board).await?;
    let value = Deployment {
        chain_id: manager.client().chain_id(),
        first_block,
        native_token,
        external_token,
        native_strategy,
        external_strategy,
        restaking_manager,
        service_manager,
        oracles,
        score_board,
    };
    Ok(Done { value, gas_used: deployer.gas_used })
}

/// Deploys a token that anyone may mint.
///
/// # Errors
/// [`AdminError`].
pub async fn deploy_token(manager: &TransactionManager, name: &str, symbol: &str) -> Result<Done<Address>, AdminError> {
    let mut deployer = Deployer { manager, gas_used: 0 };
    let value = deployer.token(name, symbol).await?;
    Ok(Done { value, gas_used: deployer.gas_used })
}

/// Deploys another service, with the stake of `network`.
///
/// # Errors
/// [`AdminError`].
pub async fn deploy_service(
    manager: &TransactionManager,
    network: &Deployment,
    settings: &ServiceSettings,
) -> Result<Done<Address>, AdminError> {
    let mut deployer = Deployer { manager, gas_used: 0 };
    let stake = Stake {
        restaking_manager: network.restaking_manager,
        native_strategy: network.native_strategy,
        external_strategy: network.external_strategy,
    };
    let (value, _) = deployer.service(stake, settings).await?;
    Ok(Done { value, gas_used: deployer.gas_used })
}
