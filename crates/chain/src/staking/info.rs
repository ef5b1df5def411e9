//! What the staking contracts say, in Tandem's types. Times are Unix seconds of the chain.

use tandem_types::{Address, B256, G1Point, PerToken, U256, Weight};

use super::{MembershipRules, SlashingTerms};

/// The whole of which slash factors and allocations are parts: 1e27.
pub const WHOLE: u128 = 1_000_000_000_000_000_000_000_000_000;

/// How long things take, in seconds, for good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Delays {
    /// Leaving stake waits, and can be slashed.
    pub withdrawal_s: u32,
    /// A larger allocation becomes effective.
    pub allocation_s: u32,
    /// An announced commission applies.
    pub commission_s: u32,
    /// An operator's previous key is honoured.
    pub key_overlap_s: u32,
}

/// One staker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Staker {
    /// Its account.
    pub account: Address,
    /// Operator that its stake stands behind.
    pub operator: Option<Address>,
    /// Its stake per strategy, those without any left out.
    pub positions: Vec<Position>,
    /// Its withdrawals that are not completed, oldest first.
    pub withdrawals: Vec<QueuedWithdrawal>,
}

/// A staker's stake in one strategy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Position {
    /// The strategy.
    pub strategy: Address,
    /// Stake in units that slashing does not change.
    pub scaled: U256,
    /// Slash factor of its operator, of [`WHOLE`].
    pub factor: u128,
    /// Shares, after slashing.
    pub shares: U256,
    /// What they are worth.
    pub assets: U256,
}

/// Stake on its way out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueuedWithdrawal {
    /// Its number.
    pub id: u64,
    /// Operator whose slashing reaches it until it is mature.
    pub operator: Option<Address>,
    /// The strategy.
    pub strategy: Address,
    /// Stake in units that slashing does not change.
    pub scaled: U256,
    /// Shares that it would yield now.
    pub shares: U256,
    /// What they are worth.
    pub assets: U256,
    /// When it was queued.
    pub queued_at: u64,
    /// First second at which it can be completed.
    pub matures_at: u64,
}

/// One operator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Operator {
    /// Its account.
    pub account: Address,
    /// Whether it is registered at present.
    pub registered: bool,
    /// Its keys; zeros when it is not registered.
    pub keys: KeyInfo,
    /// What it says of itself.
    pub profile: Profile,
    /// What it keeps of rewards.
    pub commission: Commission,
    /// Stake behind it per strategy, those without any left out.
    pub stakes: Vec<OperatorStake>,
    /// Services that it serves, or whose slashing still reaches it.
    pub services: Vec<ServiceAllocation>,
}

/// An operator's keys. The previous ones are honoured until the second beside them; zero when there is none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyInfo {
    /// BLS public key in G1.
    pub bls: G1Point,
    /// The one before.
    pub previous_bls: (G1Point, u64),
    /// Ed25519 public key of its node.
    pub transport: B256,
    /// The one before.
    pub previous_transport: (B256, u64),
}

/// What an operator says of itself, cut and cleaned, not checked.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Profile {
    /// Where its node listens.
    pub socket: String,
    /// Where a description of it can be had.
    pub metadata_uri: String,
}

/// What an operator keeps of rewards before its stakers, in basis points.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Commission {
    /// In force.
    pub bps: u16,
    /// Announced, and the first second at which it applies.
    pub announced: Option<(u16, u64)>,
}

/// Stake of one strategy behind an operator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OperatorStake {
    /// The strategy.
    pub strategy: Address,
    /// What slashing left, of [`WHOLE`].
    pub factor: u128,
    /// Shares, after slashing, without what is queued.
    pub shares: U256,
    /// What they are worth.
    pub assets: U256,
    /// Scaled stake on its way out that slashing still reaches.
    pub queued_scaled: U256,
    /// Sum of its allocations over all services, of [`WHOLE`].
    pub allocated: U256,
}

/// An operator's allocation to one service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceAllocation {
    /// The service.
    pub service: Address,
    /// Its strategies.
    pub strategies: PerToken<Address>,
    /// Whether the operator serves it still.
    pub opted_in: bool,
    /// What is allocated.
    pub allocation: PerToken<Allocation>,
    /// What it counts for.
    pub weight: PerToken<Weight>,
    /// What the service could slash now.
    pub slashable: PerToken<U256>,
}

/// An allocation: parts of [`WHOLE`] of the stake as it was before any slashing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Allocation {
    /// Slashable now.
    pub current: u128,
    /// What takes its place, and when.
    pub pending: Option<(u128, u64)>,
}

/// One service, as the stake behind it goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceStake {
    /// The service.
    pub service: Address,
    /// Strategies whose stake is its weight.
    pub strategies: PerToken<Address>,
    /// What it may do to stake.
    pub terms: SlashingTerms,
    /// Whom it takes.
    pub rules: MembershipRules,
    /// Its operators and what they count for now, ascending by address.
    pub operators: Vec<(Address, PerToken<Weight>)>,
    /// Slashes that were asked for and wait, newest first.
    pub pending_slashes: Vec<SlashRequest>,
}

/// A slash that was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SlashRequest {
    /// Its number.
    pub id: u64,
    /// Service that asked.
    pub service: Address,
    /// Operator to be slashed.
    pub operator: Address,
    /// What became of it.
    pub status: SlashStatus,
    /// Proportion of the operator's allocation, in basis points.
    pub proportion: PerToken<u16>,
    /// When the fault happened.
    pub fault_at: u64,
    /// First second at which it can be executed.
    pub executable_at: u64,
    /// Last second at which it can be executed.
    pub expires_at: u64,
    /// What shows the fault.
    pub evidence: B256,
}

/// What became of a slash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SlashStatus {
    /// It waits.
    Requested,
    /// The resolver stopped it.
    Vetoed,
    /// The stake is taken.
    Executed,
}
