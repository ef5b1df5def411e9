//! Deployment of the contracts. Puts up a whole network of our own, for local chains; the parts are there for services that join an
//! existing one.

use alloy::primitives::Bytes;
use alloy::sol_types::{SolCall, SolConstructor};
use serde::{Deserialize, Serialize};
use tandem_types::{Address, Bps, PerToken, Policy, ServiceId};

use super::oracles::{OracleSettings, Oracles};
use super::{AdminError, Done, execute, perform};
use crate::bindings::{
    AllocationManager, DemoToken, EtherStrategy, OperatorRegistry, RestakingManager, ScoreBoard, ServiceManager,
    Strategy, WrappedEther,
};
use crate::policy;
use crate::staking::{MembershipRules, SlashingTerms, StakingContracts};
use crate::tx::{Call, TransactionManager};

/// How a service is set up, for good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ServiceSettings {
    /// What signed stake every result needs.
    pub policy: Policy,
    /// What the feeds say that the policy asks, if it asks any.
    pub oracle: OracleSettings,
    /// Seconds for which an operator table is believed after it was written, at most the key overlap.
    pub table_window_s: u32,
    /// Seconds after which the next one may be written, less than the window.
    pub epoch_s: u32,
    /// Share of a token's total by which an operator's weight must have moved for a correction.
    pub move_bps: Bps,
    /// Gas that a handler is called with, 50 000 to 8 000 000.
    pub handler_gas: u32,
}

/// How the staking contracts are set up, for good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StakingSettings {
    /// Seconds that leaving stake waits and can be slashed, 1 to a year.
    pub withdrawal_delay_s: u32,
    /// Seconds until a larger allocation is effective.
    pub allocation_delay_s: u32,
    /// Seconds for which an operator's previous key is honoured; no service believes its operator tables for longer.
    pub key_overlap_s: u32,
    /// Seconds between announcing a commission and its effect.
    pub commission_notice_s: u32,
    /// Most that an operator's allocations of each token sum up to, in basis points of its stake, from 10 000.
    pub leverage_cap_bps: PerToken<u32>,
}

/// Stake is at risk once, and what is decided applies at once, except that leaving takes two weeks.
impl Default for StakingSettings {
    fn default() -> Self {
        Self {
            withdrawal_delay_s: 14 * 24 * 3_600,
            allocation_delay_s: 0,
            key_overlap_s: 7 * 24 * 3_600,
            commission_notice_s: 7 * 24 * 3_600,
            leverage_cap_bps: PerToken { native: 10_000, external: 10_000 },
        }
    }
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
    /// The OperatorRegistry.
    pub operator_registry: Address,
    /// The RestakingManager.
    pub restaking_manager: Address,
    /// The AllocationManager.
    pub allocation_manager: Address,
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

    /// The staking contracts.
    pub fn staking(&self) -> StakingContracts {
        StakingContracts {
            chain_id: self.chain_id,
            operator_registry: self.operator_registry,
            restaking_manager: self.restaking_manager,
            allocation_manager: self.allocation_manager,
        }
    }

    /// The strategies.
    pub fn strategies(&self) -> PerToken<Address> {
        PerToken { native: self.native_strategy, external: self.external_strategy }
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

    async fn call(&mut self, call: Call) -> Result<(), AdminError> {
        self.gas_used += perform(self.manager, call).await?.gas_used;
        Ok(())
    }

    async fn token(&mut self, name: &str, symbol: &str) -> Result<Address, AdminError> {
        let constructor = DemoToken::constructorCall { name_: name.to_owned(), symbol_: symbol.to_owned() };
        self.create(&DemoToken::BYTECODE, &constructor).await
    }

    /// The three contracts know each other for good, so the address of the last one is computed before it is there.
    async fn staking(&mut self, settings: &StakingSettings) -> Result<StakingContracts, AdminError> {
        let (client, sender) = (self.manager.client(), self.manager.address());
        let nonce = client.transaction_count(sender).await?;
        let allocation_manager = sender.create(nonce + 2);
        let registry = OperatorRegistry::constructorCall {
            allocationManager_: allocation_manager,
            keyOverlap_: settings.key_overlap_s,
            commissionNotice_: settings.commission_notice_s,
        };
        let operator_registry = self.create(&OperatorRegistry::BYTECODE, &registry).await?;
        let restaking = RestakingManager::constructorCall {
            owner_: sender,
            operatorRegistry_: operator_registry,
            allocationManager_: allocation_manager,
            delay: settings.withdrawal_delay_s,
        };
        let restaking_manager = self.create(&RestakingManager::BYTECODE, &restaking).await?;
        let allocations = AllocationManager::constructorCall {
            operatorRegistry_: operator_registry,
            restakingManager_: restaking_manager,
            allocationDelay_: settings.allocation_delay_s,
        };
        let created = self.create(&AllocationManager::BYTECODE, &allocations).await?;
        if created != allocation_manager {
            return Err(AdminError::NotOurs { contract: created, what: "get the address that the others were told" });
        }
        let chain_id = client.chain_id();
        Ok(StakingContracts { chain_id, operator_registry, restaking_manager, allocation_manager })
    }

    async fn strategy(
        &mut self,
        token: Address,
        restaking_manager: Address,
        leverage_cap_bps: u32,
    ) -> Result<Address, AdminError> {
        let constructor =
            Strategy::constructorCall { token_: token, manager_: restaking_manager, leverageCapBps_: leverage_cap_bps };
        let strategy = self.create(&Strategy::BYTECODE, &constructor).await?;
        self.add_strategy(strategy, restaking_manager).await
    }

    /// A strategy for ether, over a wrapper of its own.
    async fn ether_strategy(
        &mut self,
        restaking_manager: Address,
        leverage_cap_bps: u32,
    ) -> Result<Address, AdminError> {
        let wrapper = self.create(&WrappedEther::BYTECODE, &WrappedEther::constructorCall {}).await?;
        let constructor =
            EtherStrategy::constructorCall { wrapper, manager_: restaking_manager, leverageCapBps_: leverage_cap_bps };
        let strategy = self.create(&EtherStrategy::BYTECODE, &constructor).await?;
        self.add_strategy(strategy, restaking_manager).await
    }

    async fn add_strategy(&mut self, strategy: Address, restaking_manager: Address) -> Result<Address, AdminError> {
        let call = RestakingManager::addStrategyCall { strategy };
        self.call(Call::new(restaking_manager, call.abi_encode())).await?;
        Ok(strategy)
    }

    /// The oracles that the policy needs, and the service, in this order: nothing may come between a monitor and its service.
    async fn service(
        &mut self,
        staking: &StakingContracts,
        strategies: PerToken<Address>,
        settings: &ServiceSettings,
    ) -> Result<(Address, Option<Oracles>), AdminError> {
        let oracles = self.oracles(settings).await?;
        let oracle = oracles.map(|of| of.monitor.unwrap_or(of.prices)).unwrap_or_default();
        let config = ServiceManager::ServiceConfig {
            stakeSource: staking.allocation_manager,
            owner: self.manager.address(),
            nativeStrategy: strategies.native,
            externalStrategy: strategies.external,
            policy: policy::to_chain(&settings.policy, oracle),
            tableWindow: settings.table_window_s,
            epochSeconds: settings.epoch_s,
            moveBps: settings.move_bps.get(),
            handlerGas: settings.handler_gas,
        };
        let service = self.create(&ServiceManager::BYTECODE, &ServiceManager::constructorCall { config }).await?;
        Ok((service, oracles))
    }

    /// A service that takes anyone and slashes nobody.
    async fn open_service(
        &mut self,
        staking: &StakingContracts,
        strategies: PerToken<Address>,
        settings: &ServiceSettings,
    ) -> Result<(Address, Option<Oracles>), AdminError> {
        let (service, oracles) = self.service(staking, strategies, settings).await?;
        let terms = SlashingTerms { slasher: None, resolver: None, recipient: None, veto_seconds: 0, slash_bps_max: 0 };
        let least = PerToken { native: 0, external: 0 };
        let rules = MembershipRules { approval_required: false, operators_max: 1_000, least };
        self.call(staking.register_service(service, strategies, &terms, &rules).call().clone()).await?;
        Ok((service, oracles))
    }
}

/// Deploys two tokens, their strategies, the staking contracts, a service that takes anyone and its score board, all owned by the
/// sender.
///
/// # Errors
/// [`AdminError`]; what was deployed before stays, unused.
pub async fn deploy(
    manager: &TransactionManager,
    settings: &ServiceSettings,
    staking_settings: &StakingSettings,
) -> Result<Done<Deployment>, AdminError> {
    let first_block = manager.client().block_number().await?;
    let mut deployer = Deployer { manager, gas_used: 0 };
    let native_token = deployer.token("Tandem", "TDM").await?;
    let external_token = deployer.token("Staked Ether", "stETH").await?;
    let staking = deployer.staking(staking_settings).await?;
    let caps = staking_settings.leverage_cap_bps;
    let strategies = PerToken {
        native: deployer.strategy(native_token, staking.restaking_manager, caps.native).await?,
        external: deployer.strategy(external_token, staking.restaking_manager, caps.external).await?,
    };
    let (service_manager, oracles) = deployer.open_service(&staking, strategies, settings).await?;
    let board = ScoreBoard::constructorCall { service_: service_manager };
    let score_board = deployer.create(&ScoreBoard::BYTECODE, &board).await?;
    let value = Deployment {
        chain_id: manager.client().chain_id(),
        first_block,
        native_token,
        external_token,
        native_strategy: strategies.native,
        external_strategy: strategies.external,
        operator_registry: staking.operator_registry,
        restaking_manager: staking.restaking_manager,
        allocation_manager: staking.allocation_manager,
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

/// Deploys a strategy for ether, with a wrapper of its own, and adds it to the network of which the sender owns the RestakingManager.
///
/// # Errors
/// [`AdminError`]; what was deployed before stays, unused.
pub async fn deploy_ether_strategy(
    manager: &TransactionManager,
    restaking_manager: Address,
    leverage_cap_bps: u32,
) -> Result<Done<Address>, AdminError> {
    let mut deployer = Deployer { manager, gas_used: 0 };
    let value = deployer.ether_strategy(restaking_manager, leverage_cap_bps).await?;
    Ok(Done { value, gas_used: deployer.gas_used })
}

/// Deploys another service, with the stake of `network`; its owner, the sender, has yet to register it with the AllocationManager.
///
/// # Errors
/// [`AdminError`].
pub async fn deploy_service(
    manager: &TransactionManager,
    network: &Deployment,
    settings: &ServiceSettings,
) -> Result<Done<Address>, AdminError> {
    let mut deployer = Deployer { manager, gas_used: 0 };
    let (value, _) = deployer.service(&network.staking(), network.strategies(), settings).await?;
    Ok(Done { value, gas_used: deployer.gas_used })
}
