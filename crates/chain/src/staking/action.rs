//! One constructor per thing that stakers, operators and services' owners do. Says nothing of whether it will succeed: the contracts do.

use alloy::primitives::Uint;
use alloy::sol_types::SolCall;
use tandem_crypto::{PublicKey, Signature};
use tandem_types::{Address, B256, PerToken, U256};

use super::StakingContracts;
use crate::abi::{self, Contract, DecodedCall};
use crate::bindings::{AllocationManager, DemoToken, OperatorRegistry, RestakingManager};
use crate::refresh::TableRefresh;
use crate::tx::Call;

/// A call, and which contract it is meant for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Action {
    contract: Contract,
    address: Address,
    call: Call,
}

/// What an operator tells the network about itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Registration {
    /// Its BLS key.
    pub key: PublicKey,
    /// Proof that it holds the key, in the domain of the OperatorRegistry, for the sender's address.
    pub possession: Signature,
    /// Ed25519 public key of its node.
    pub transport_key: B256,
    /// Where its node listens, `host:port`, at most 256 bytes; empty when it is not to be reached.
    pub socket: String,
    /// Where a description of the operator can be had, at most 256 bytes; may be empty.
    pub metadata_uri: String,
}

/// In `allocate`, leaves a token's allocation as it is.
const UNCHANGED_BPS: u16 = u16::MAX;

/// What an operator exposes to a service, in basis points of its stake per token, 0 to 10 000.
pub type AllocationBps = PerToken<u16>;

/// What a service may do to the stake behind it, for good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SlashingTerms {
    /// May request slashes; none for a service that never slashes.
    pub slasher: Option<Address>,
    /// May veto a request while it waits.
    pub resolver: Option<Address>,
    /// Receives what is slashed; none to burn it.
    pub recipient: Option<Address>,
    /// Seconds that a request waits before it can be executed.
    pub veto_seconds: u32,
    /// Most that one request may take, in basis points of an operator's allocation.
    pub slash_bps_max: u16,
}

/// Whom a service takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MembershipRules {
    /// Whether the service's owner must approve an operator first.
    pub approval_required: bool,
    /// Most operators, 1 to 1 000.
    pub operators_max: u16,
    /// Least weight per token, below 2^96.
    pub least: PerToken<u128>,
}

impl Action {
    fn new(contract: Contract, address: Address, call: &impl SolCall) -> Self {
        Self { contract, address, call: Call::new(address, call.abi_encode()) }
    }

    /// The contract that is called.
    pub fn contract(&self) -> Contract {
        self.contract
    }

    /// Where it is.
    pub fn address(&self) -> Address {
        self.address
    }

    /// What is sent.
    pub fn call(&self) -> &Call {
        &self.call
    }

    /// The call read back from its bytes: what the contract will understand.
    pub fn decoded(&self) -> DecodedCall {
        let decoded = abi::call(self.contract, &self.call.data);
        decoded.expect("actions are encoded with the ABI that reads them")
    }

    /// Lets `spender` take that much of the sender's tokens.
    pub fn approve(token: Address, spender: Address, amount: U256) -> Self {
        Self::new(Contract::Token, token, &DemoToken::approveCall { spender, value: amount })
    }

    /// Writes a new operator table from the stake as it is now; a large one takes several.
    pub fn write_table(next: &TableRefresh) -> Vec<Self> {
        let action = |call: Call| Self { contract: Contract::ServiceManager, address: next.service(), call };
        next.calls().into_iter().map(action).collect()
    }
}

/// What stakers do.
impl StakingContracts {
    fn restaking(&self, call: &impl SolCall) -> Action {
        Action::new(Contract::RestakingManager, self.restaking_manager, call)
    }

    /// Stakes tokens that the sender has approved to the strategy.
    pub fn deposit(&self, strategy: Address, amount: U256) -> Action {
        self.restaking(&RestakingManager::depositCall { strategy, amount })
    }

    /// Stakes ether.
    pub fn deposit_ether(&self, strategy: Address, wei: U256) -> Action {
        let mut action = self.restaking(&RestakingManager::depositEtherCall { strategy });
        action.call.value = wei;
        action
    }

    /// Puts all of the sender's stake, now and later, behind `operator`.
    pub fn delegate(&self, operator: Address) -> Action {
        self.restaking(&RestakingManager::delegateToCall { operator })
    }

    /// Takes all of the sender's stake from its operator and queues it.
    pub fn undelegate(&self) -> Action {
        self.restaking(&RestakingManager::undelegateCall {})
    }

    /// Queues a withdrawal; of everything when `shares` is the largest number.
    pub fn queue_withdrawal(&self, strategy: Address, shares: U256) -> Action {
        self.restaking(&RestakingManager::queueWithdrawalCall { strategy, shares })
    }

    /// Pays out a mature withdrawal of the sender's.
    pub fn complete_withdrawal(&self, id: u64, recipient: Address) -> Action {
        self.restaking(&RestakingManager::completeWithdrawalCall { id, recipient })
    }

    /// Turns a mature withdrawal of the sender's back into stake.
    pub fn complete_as_stake(&self, id: u64) -> Action {
        self.restaking(&RestakingManager::completeAsStakeCall { id })
    }

    /// Sends what was slashed for `recipient`.
    pub fn pay_slashed(&self, recipient: Address, strategy: Address) -> Action {
        self.restaking(&RestakingManager::paySlashedCall { recipient, strategy })
    }
}

/// What operators do.
impl StakingContracts {
    fn registry(&self, call: &impl SolCall) -> Action {
        Action::new(Contract::OperatorRegistry, self.operator_registry, call)
    }

    fn allocations(&self, call: &impl SolCall) -> Action {
        Action::new(Contract::AllocationManager, self.allocation_manager, call)
    }

    /// Makes the sender an operator.
    pub fn register_operator(&self, registration: &Registration) -> Action {
        self.registry(&OperatorRegistry::registerOperatorCall {
            g1: (&registration.key.g1()).into(),
            g2: (&registration.key.g2()).into(),
            possession: (&registration.possession.encode()).into(),
            transportKey: registration.transport_key,
            socket: registration.socket.clone(),
            metadataUri: registration.metadata_uri.clone(),
        })
    }

    /// Ends the sender's being an operator.
    pub fn deregister_operator(&self) -> Action {
        self.registry(&OperatorRegistry::deregisterOperatorCall {})
    }

    /// Replaces the sender's BLS key.
    pub fn rotate_key(&self, key: &PublicKey, possession: &Signature) -> Action {
        self.registry(&OperatorRegistry::rotateKeyCall {
            g1: (&key.g1()).into(),
            g2: (&key.g2()).into(),
            possession: (&possession.encode()).into(),
        })
    }

    /// Replaces the sender's transport key.
    pub fn rotate_transport_key(&self, transport_key: B256) -> Action {
        self.registry(&OperatorRegistry::rotateTransportKeyCall { transportKey: transport_key })
    }

    /// Changes where the sender's node listens.
    pub fn update_socket(&self, socket: &str) -> Action {
        self.registry(&OperatorRegistry::updateSocketCall { socket: socket.to_owned() })
    }

    /// Changes where the sender's description can be had.
    pub fn update_metadata(&self, uri: &str) -> Action {
        self.registry(&OperatorRegistry::updateMetadataCall { metadataUri: uri.to_owned() })
    }

    /// Changes the share of rewards that the sender keeps before its stakers.
    pub fn announce_commission(&self, bps: u16) -> Action {
        self.registry(&OperatorRegistry::announceCommissionCall { bps })
    }

    /// Enters the sender into `service`, in place of its weakest operator when that is named.
    pub fn opt_in(&self, service: Address, allocation: AllocationBps, weakest: Option<Address>) -> Action {
        let weakest = weakest.unwrap_or_default();
        self.allocations(&AllocationManager::optInCall { service, allocation: allocation.into(), weakest })
    }

    /// Changes the sender's allocation to `service`; none leaves a token's as it is.
    pub fn allocate(&self, service: Address, allocation: PerToken<Option<u16>>) -> Action {
        let allocation = allocation.map(|bps| bps.unwrap_or(UNCHANGED_BPS)).into();
        self.allocations(&AllocationManager::allocateCall { service, allocation })
    }

    /// Takes the sender out of `service`.
    pub fn opt_out(&self, service: Address) -> Action {
        self.allocations(&AllocationManager::optOutCall { service })
    }
}

/// What services' owners, slashers and resolvers do.
impl StakingContracts {
    /// Makes `service` known, with the strategies whose stake is its weight.
    pub fn register_service(
        &self,
        service: Address,
        strategies: PerToken<Address>,
        terms: &SlashingTerms,
        rules: &MembershipRules,
    ) -> Action {
        self.allocations(&AllocationManager::registerServiceCall {
            service,
            native: strategies.native,
            ext: strategies.external,
            terms: terms.into(),
            rules: rules.into(),
        })
    }

    /// Changes whom `service` takes.
    pub fn set_membership_rules(&self, service: Address, rules: &MembershipRules) -> Action {
        self.allocations(&AllocationManager::setMembershipRulesCall { service, rules: rules.into() })
    }

    /// Approves `operator` for `service`, or takes that back.
    pub fn approve_operator(&self, service: Address, operator: Address, approved: bool) -> Action {
        self.allocations(&AllocationManager::approveOperatorCall { service, operator, approved })
    }

    /// Makes `operator` leave `service`.
    pub fn eject_operator(&self, service: Address, operator: Address) -> Action {
        self.allocations(&AllocationManager::ejectOperatorCall { service, operator })
    }

    /// Asks for a slash by proportions of `operator`'s allocation to `service`.
    pub fn request_slash(
        &self,
        (service, operator): (Address, Address),
        proportion: AllocationBps,
        fault_at: u64,
        evidence: B256,
    ) -> Action {
        self.allocations(&AllocationManager::requestSlashCall {
            service,
            operator,
            nativeBps: proportion.native,
            externalBps: proportion.external,
            faultAt: Uint::saturating_from(fault_at),
            evidence,
        })
    }

    /// Stops a slash that was asked for.
    pub fn veto_slash(&self, id: u64) -> Action {
        self.allocations(&AllocationManager::vetoSlashCall { id })
    }

    /// Executes a slash that waited and was not vetoed.
    pub fn execute_slash(&self, id: u64) -> Action {
        self.allocations(&AllocationManager::executeSlashCall { id })
    }
}

impl From<AllocationBps> for AllocationManager::AllocationBps {
    fn from(bps: AllocationBps) -> Self {
        Self { native: bps.native, ext: bps.external }
    }
}

impl From<&SlashingTerms> for AllocationManager::SlashingTerms {
    fn from(terms: &SlashingTerms) -> Self {
        Self {
            slasher: terms.slasher.unwrap_or_default(),
            resolver: terms.resolver.unwrap_or_default(),
            recipient: terms.recipient.unwrap_or_default(),
            vetoSeconds: terms.veto_seconds,
            maxSlashBps: terms.slash_bps_max,
        }
    }
}

impl From<&MembershipRules> for AllocationManager::MembershipRules {
    fn from(rules: &MembershipRules) -> Self {
        Self {
            approvalRequired: rules.approval_required,
            maxOperators: rules.operators_max,
            minNative: Uint::saturating_from(rules.least.native),
            minExternal: Uint::saturating_from(rules.least.external),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contracts() -> StakingContracts {
        StakingContracts {
            chain_id: 1,
            operator_registry: Address::repeat_byte(1),
            restaking_manager: Address::repeat_byte(2),
            allocation_manager: Address::repeat_byte(3),
        }
    }

    fn every_action_without_keys() -> Vec<Action> {
        let (contracts, one) = (contracts(), Address::repeat_byte(9));
        let (bps, shares) = (PerToken { native: 1, external: 2 }, U256::MAX);
        let terms =
            SlashingTerms { slasher: Some(one), resolver: None, recipient: None, veto_seconds: 1, slash_bps_max: 1 };
        let rules =
            MembershipRules { approval_required: true, operators_max: 1, least: PerToken { native: 1, external: 1 } };
        vec![
            Action::approve(one, one, shares),
            contracts.deposit(one, shares),
            contracts.deposit_ether(one, shares),
            contracts.delegate(one),
            contracts.undelegate(),
            contracts.queue_withdrawal(one, shares),
            contracts.complete_withdrawal(1, one),
            contracts.complete_as_stake(1),
            contracts.pay_slashed(one, one),
            contracts.deregister_operator(),
            contracts.rotate_transport_key(B256::ZERO),
            contracts.update_socket("a:1"),
            contracts.update_metadata("b"),
            contracts.announce_commission(1),
            contracts.opt_in(one, bps, None),
            contracts.allocate(one, bps.map(Some)),
            contracts.opt_out(one),
            contracts.register_service(one, PerToken { native: one, external: one }, &terms, &rules),
            contracts.set_membership_rules(one, &rules),
            contracts.approve_operator(one, one, true),
            contracts.eject_operator(one, one),
            contracts.request_slash((one, one), bps, 1, B256::ZERO),
            contracts.veto_slash(1),
            contracts.execute_slash(1),
        ]
    }

    #[test]
    fn every_action_is_read_back_from_its_bytes() {
        let functions: Vec<_> = every_action_without_keys().iter().map(|action| action.decoded().function).collect();
        assert_eq!(functions.iter().collect::<std::collections::HashSet<_>>().len(), functions.len(), "{functions:?}");
    }

    #[test]
    fn ether_travels_with_its_deposit() {
        let action = contracts().deposit_ether(Address::repeat_byte(4), U256::from(5));
        assert_eq!((action.call().value, action.decoded().arguments.len()), (U256::from(5), 1));
    }

    #[test]
    fn token_that_is_not_named_keeps_its_allocation() {
        let only_external = PerToken { native: None, external: Some(4) };
        let decoded = contracts().allocate(Address::ZERO, only_external).decoded();
        assert_eq!(decoded.arguments[1].to_string(), "allocation: (native: 65535, ext: 4)");
    }
}
