//! Reads stake, operators and services as they are at the latest block. Several calls make one answer, so a block between two of them can
//! show; whatever counts is checked by the contracts again.

use alloy::primitives::{Uint, keccak256};
use tandem_types::{Address, B256, G1Point, PerToken, U256, Weight};

use super::{
    Allocation, Commission, Delays, KeyInfo, MembershipRules, Operator, OperatorStake, Position, Profile,
    QueuedWithdrawal, ServiceAllocation, ServiceStake, SlashRequest, SlashStatus, SlashingTerms, Staker,
    StakingContracts, StrategyInfo, history,
};
use crate::bindings::{AllocationManager, DemoToken, OperatorRegistry, RestakingManager, Strategy};
use crate::client::ChainClient;
use crate::error::RpcError;

/// How many of the latest slash requests are looked through for those that wait.
const SLASH_REQUESTS_MAX: u64 = 64;

/// Reads the staking contracts.
#[derive(Debug, Clone)]
pub struct StakingReader {
    client: ChainClient,
    contracts: StakingContracts,
}

impl StakingReader {
    /// Reads those contracts.
    pub fn new(client: ChainClient, contracts: StakingContracts) -> Self {
        Self { client, contracts }
    }

    /// The contracts.
    pub fn contracts(&self) -> &StakingContracts {
        &self.contracts
    }

    /// All strategies with their tokens, in the order they were added.
    ///
    /// # Errors
    /// [`RpcError`].
    pub async fn strategies(&self) -> Result<Vec<StrategyInfo>, RpcError> {
        let addresses = self.restaking(&RestakingManager::strategiesCall {}).await?;
        let mut strategies = Vec::with_capacity(addresses.len());
        for address in addresses {
            strategies.push(StrategyInfo::read(&self.client, address).await?);
        }
        Ok(strategies)
    }

    /// How long leaving, allocating, commissions and key changes take.
    ///
    /// # Errors
    /// [`RpcError`].
    pub async fn delays(&self) -> Result<Delays, RpcError> {
        Ok(Delays {
            withdrawal_s: self.restaking(&RestakingManager::withdrawalDelayCall {}).await?,
            allocation_s: self.allocations(&AllocationManager::allocationDelayCall {}).await?,
            commission_s: self.registry(&OperatorRegistry::commissionNoticeCall {}).await?,
            key_overlap_s: self.registry(&OperatorRegistry::keyOverlapCall {}).await?,
        })
    }

    /// What a staker has, and what is on its way out.
    ///
    /// # Errors
    /// [`RpcError`].
    pub async fn staker(&self, account: Address) -> Result<Staker, RpcError> {
        let operator = self.restaking(&RestakingManager::delegateOfCall { staker: account }).await?;
        let mut positions = Vec::new();
        for strategy in self.restaking(&RestakingManager::strategiesCall {}).await? {
            positions.extend(self.position(account, operator, strategy).await?);
        }
        let withdrawals = self.withdrawals(account).await?;
        Ok(Staker { account, operator: present(operator), positions, withdrawals })
    }

    async fn position(
        &self,
        staker: Address,
        operator: Address,
        strategy: Address,
    ) -> Result<Option<Position>, RpcError> {
        let scaled = self.restaking(&RestakingManager::scaledOfCall { staker, strategy }).await?;
        if scaled.is_zero() {
            return Ok(None);
        }
        let factor = self.factor(operator, strategy).await?;
        let shares = self.restaking(&RestakingManager::sharesOfCall { staker, strategy }).await?;
        let assets = self.assets(strategy, shares).await?;
        Ok(Some(Position { strategy, scaled, factor, shares, assets }))
    }

    /// Stake that is not delegated is not slashed.
    async fn factor(&self, operator: Address, strategy: Address) -> Result<u128, RpcError> {
        if operator.is_zero() {
            return Ok(super::WHOLE);
        }
        let factor = self.restaking(&RestakingManager::slashFactorOfCall { operator, strategy }).await?;
        Ok(factor.to())
    }

    /// The withdrawals of `staker` that are not completed.
    async fn withdrawals(&self, staker: Address) -> Result<Vec<QueuedWithdrawal>, RpcError> {
        let first = self.restaking(&RestakingManager::deploymentBlockCall {}).await?.saturating_to();
        let place = (self.contracts.restaking_manager, first);
        let mut withdrawals = Vec::new();
        for id in history::withdrawals(&self.client, place, staker).await? {
            withdrawals
                .extend(self.withdrawal(id).await?.filter(|(owner, _)| *owner == staker).map(|(_, queued)| queued));
        }
        Ok(withdrawals)
    }

    /// A withdrawal that is not completed, with its staker.
    ///
    /// # Errors
    /// [`RpcError`].
    pub async fn withdrawal(&self, id: u64) -> Result<Option<(Address, QueuedWithdrawal)>, RpcError> {
        let queued = self.restaking(&RestakingManager::withdrawalOfCall { id }).await?;
        if queued.staker.is_zero() {
            return Ok(None);
        }
        let shares = self.restaking(&RestakingManager::withdrawalSharesCall { id }).await?;
        let assets = self.assets(queued.strategy, shares).await?;
        let withdrawal = QueuedWithdrawal {
            id,
            operator: present(queued.operator),
            strategy: queued.strategy,
            scaled: U256::from(queued.scaled),
            shares,
            assets,
            queued_at: queued.queuedAt.to(),
            matures_at: queued.maturesAt.to(),
        };
        Ok(Some((queued.staker, withdrawal)))
    }

    /// What shares of a strategy are worth, rounded down.
    ///
    /// # Errors
    /// [`RpcError`].
    pub async fn assets(&self, strategy: Address, shares: U256) -> Result<U256, RpcError> {
        self.client.call(strategy, &Strategy::toAssetsCall { shares }).await
    }

    /// The least shares of a strategy that are worth at least `assets`.
    ///
    /// # Errors
    /// [`RpcError`].
    pub async fn shares_for(&self, strategy: Address, assets: U256) -> Result<U256, RpcError> {
        let shares = self.client.call(strategy, &Strategy::toSharesCall { assets }).await?;
        let enough = self.assets(strategy, shares).await? >= assets;
        Ok(if enough { shares } else { shares.saturating_add(U256::from(1)) })
    }

    /// How much of `owner`'s tokens a strategy may take.
    ///
    /// # Errors
    /// [`RpcError`].
    pub async fn allowance(&self, strategy: &StrategyInfo, owner: Address) -> Result<U256, RpcError> {
        let call = DemoToken::allowanceCall { owner, spender: strategy.address };
        self.client.call(strategy.token.address, &call).await
    }

    /// An operator with its keys, stake and services.
    ///
    /// # Errors
    /// [`RpcError`].
    pub async fn operator(&self, operator: Address) -> Result<Operator, RpcError> {
        let registered = self.registry(&OperatorRegistry::isOperatorCall { account: operator }).await?;
        let mut stakes = Vec::new();
        for strategy in self.restaking(&RestakingManager::strategiesCall {}).await? {
            stakes.extend(self.operator_stake(operator, strategy).await?);
        }
        let mut services = Vec::new();
        for service in self.allocations(&AllocationManager::servicesOfCall { operator }).await? {
            services.push(self.service_allocation(operator, service).await?);
        }
        Ok(Operator {
            account: operator,
            registered,
            keys: self.keys(operator).await?,
            profile: self.profile(operator).await?,
            commission: self.commission(operator).await?,
            stakes,
            services,
        })
    }

    /// An operator's keys; zeros when it is not registered.
    ///
    /// # Errors
    /// [`RpcError`].
    pub async fn keys(&self, operator: Address) -> Result<KeyInfo, RpcError> {
        let bls = self.registry(&OperatorRegistry::keyOfCall { operator }).await?;
        let previous = self.registry(&OperatorRegistry::previousKeyOfCall { operator }).await?;
        let transport = self.registry(&OperatorRegistry::transportKeysOfCall { operator }).await?;
        Ok(KeyInfo {
            bls: G1Point::from(&bls),
            previous_bls: (G1Point::from(&previous.key), previous.until.to()),
            transport: transport.current,
            previous_transport: (transport.previous, transport.until.to()),
        })
    }

    /// Whether a BLS key is, or was, an operator's. Nobody registers it again.
    ///
    /// # Errors
    /// [`RpcError`].
    pub async fn is_taken(&self, key: G1Point) -> Result<bool, RpcError> {
        let call = OperatorRegistry::holderOfKeyCall { keyHash: keccak256(key.0) };
        Ok(!self.registry(&call).await?.is_zero())
    }

    /// Whether a transport key is, or was, an operator's. Nobody registers it again.
    ///
    /// # Errors
    /// [`RpcError`].
    pub async fn is_transport_taken(&self, key: B256) -> Result<bool, RpcError> {
        let call = OperatorRegistry::holderOfTransportKeyCall { transportKey: key };
        Ok(!self.registry(&call).await?.is_zero())
    }

    async fn profile(&self, operator: Address) -> Result<Profile, RpcError> {
        let first = self.registry(&OperatorRegistry::deploymentBlockCall {}).await?.saturating_to();
        history::profile(&self.client, (self.contracts.operator_registry, first), operator).await
    }

    async fn commission(&self, operator: Address) -> Result<Commission, RpcError> {
        let commission = self.registry(&OperatorRegistry::commissionOfCall { operator }).await?;
        let effective_at = commission.effectiveAt.to::<u64>();
        let announced = (effective_at != 0).then_some((commission.announced, effective_at));
        Ok(Commission { bps: commission.current, announced })
    }

    async fn operator_stake(&self, operator: Address, strategy: Address) -> Result<Option<OperatorStake>, RpcError> {
        let shares = self.restaking(&RestakingManager::operatorSharesOfCall { operator, strategy }).await?;
        let queued_scaled = self.restaking(&RestakingManager::queuedOfCall { operator, strategy }).await?;
        let allocated = self.allocations(&AllocationManager::allocatedOfCall { operator, strategy }).await?;
        if shares.is_zero() && queued_scaled.is_zero() && allocated.is_zero() {
            return Ok(None);
        }
        let factor = self.factor(operator, strategy).await?;
        let assets = self.assets(strategy, shares).await?;
        Ok(Some(OperatorStake { strategy, factor, shares, assets, queued_scaled, allocated }))
    }

    async fn service_allocation(&self, operator: Address, service: Address) -> Result<ServiceAllocation, RpcError> {
        let strategies = self.strategies_of(service).await?;
        let weights = self.allocations(&AllocationManager::weightsOfCall { operator, service }).await?;
        let slashable = self.allocations(&AllocationManager::slashableOfCall { operator, service }).await?;
        Ok(ServiceAllocation {
            service,
            strategies,
            opted_in: self.allocations(&AllocationManager::isOptedInCall { operator, service }).await?,
            allocation: PerToken {
                native: self.allocation(operator, service, strategies.native).await?,
                external: self.allocation(operator, service, strategies.external).await?,
            },
            weight: weight(weights._0, weights._1),
            slashable: PerToken { native: slashable.native, external: slashable.ext },
        })
    }

    async fn allocation(&self, operator: Address, service: Address, strategy: Address) -> Result<Allocation, RpcError> {
        let call = AllocationManager::allocationOfCall { operator, service, strategy };
        let allocation = self.allocations(&call).await?;
        let effective_at = allocation.effectiveAt.to::<u64>();
        let pending = (effective_at != 0).then(|| (allocation.pending.to(), effective_at));
        Ok(Allocation { current: allocation.current.to(), pending })
    }

    /// The strategies whose stake is the weight of a service.
    ///
    /// # Errors
    /// [`RpcError`].
    pub async fn strategies_of(&self, service: Address) -> Result<PerToken<Address>, RpcError> {
        let strategies = self.allocations(&AllocationManager::strategiesOfCall { service }).await?;
        Ok(PerToken { native: strategies.native, external: strategies.ext })
    }

    /// What `service` may do to stake.
    ///
    /// # Errors
    /// [`RpcError`].
    pub async fn slashing_terms_of(&self, service: Address) -> Result<SlashingTerms, RpcError> {
        self.allocations(&AllocationManager::slashingTermsOfCall { service }).await.map(SlashingTerms::from)
    }

    /// Operators that serve `service`, ascending by address.
    ///
    /// # Errors
    /// [`RpcError`].
    pub async fn operators_of(&self, service: Address) -> Result<Vec<Address>, RpcError> {
        let mut operators = self.allocations(&AllocationManager::operatorsOfCall { service }).await?;
        operators.sort_unstable();
        Ok(operators)
    }

    /// A service with its terms, its operators and the slashes that wait; none when it is not registered here.
    ///
    /// # Errors
    /// [`RpcError`].
    pub async fn service(&self, service: Address) -> Result<Option<ServiceStake>, RpcError> {
        if !self.allocations(&AllocationManager::isServiceCall { service }).await? {
            return Ok(None);
        }
        let rules = self.allocations(&AllocationManager::membershipRulesOfCall { service }).await?;
        let operators = self.operators_of(service).await?;
        let call = AllocationManager::rowsCall { service, operators: operators.clone() };
        let weights =
            self.allocations(&call).await?.into_iter().map(|row| weight(row.nativeWeight, row.externalWeight));
        Ok(Some(ServiceStake {
            service,
            strategies: self.strategies_of(service).await?,
            terms: self.slashing_terms_of(service).await?,
            rules: MembershipRules::from(rules),
            operators: operators.into_iter().zip(weights).collect(),
            pending_slashes: self.pending_slashes(service).await?,
        }))
    }

    /// Those of the latest requests that wait for `service`.
    async fn pending_slashes(&self, service: Address) -> Result<Vec<SlashRequest>, RpcError> {
        let count = self.allocations(&AllocationManager::slashRequestCountCall {}).await?;
        let mut pending = Vec::new();
        for id in (1..=count).rev().take(SLASH_REQUESTS_MAX as usize) {
            let request = self.slash_request(id).await?;
            pending.extend(request.filter(|found| found.service == service && found.status == SlashStatus::Requested));
        }
        Ok(pending)
    }

    /// A slash that was asked for; none when there is no such request.
    ///
    /// # Errors
    /// [`RpcError`].
    pub async fn slash_request(&self, id: u64) -> Result<Option<SlashRequest>, RpcError> {
        let request = self.allocations(&AllocationManager::slashRequestCall { id }).await?;
        let status = match request.status {
            1 => SlashStatus::Requested,
            2 => SlashStatus::Vetoed,
            3 => SlashStatus::Executed,
            _ => return Ok(None),
        };
        Ok(Some(SlashRequest {
            id,
            service: request.service,
            operator: request.operator,
            status,
            proportion: PerToken { native: request.nativeBps, external: request.externalBps },
            fault_at: request.faultAt.to(),
            executable_at: request.executableAt.to(),
            expires_at: request.expiresAt.to(),
            evidence: B256::from(request.evidence),
        }))
    }

    async fn restaking<C: alloy::sol_types::SolCall + Sync>(&self, call: &C) -> Result<C::Return, RpcError> {
        self.client.call(self.contracts.restaking_manager, call).await
    }

    async fn registry<C: alloy::sol_types::SolCall + Sync>(&self, call: &C) -> Result<C::Return, RpcError> {
        self.client.call(self.contracts.operator_registry, call).await
    }

    async fn allocations<C: alloy::sol_types::SolCall + Sync>(&self, call: &C) -> Result<C::Return, RpcError> {
        self.client.call(self.contracts.allocation_manager, call).await
    }
}

fn present(address: Address) -> Option<Address> {
    (!address.is_zero()).then_some(address)
}

fn weight(native: Uint<96, 2>, external: Uint<96, 2>) -> PerToken<Weight> {
    let weight = |units: Uint<96, 2>| Weight::new(units.to::<u128>()).expect("96 bits are a weight");
    PerToken { native: weight(native), external: weight(external) }
}

impl From<AllocationManager::SlashingTerms> for SlashingTerms {
    fn from(terms: AllocationManager::SlashingTerms) -> Self {
        Self {
            slasher: present(terms.slasher),
            resolver: present(terms.resolver),
            recipient: present(terms.recipient),
            veto_seconds: terms.vetoSeconds,
            slash_bps_max: terms.maxSlashBps,
        }
    }
}

impl From<AllocationManager::MembershipRules> for MembershipRules {
    fn from(rules: AllocationManager::MembershipRules) -> Self {
        Self {
            approval_required: rules.approvalRequired,
            operators_max: rules.maxOperators,
            least: PerToken { native: rules.minNative.to(), external: rules.minExternal.to() },
        }
    }
}
