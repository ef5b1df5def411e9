// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.31;

import {IOperatorRegistry} from "./IOperatorRegistry.sol";
import {IStrategy} from "./IStrategy.sol";

/// @notice Stake on its way out.
struct Withdrawal {
    address staker;
    /// Operator whose slashing still reaches it; zero when the stake was not delegated.
    address operator;
    IStrategy strategy;
    /// Stake in units that slashing does not change; see `IRestakingManager`.
    uint128 scaled;
    uint48 queuedAt;
    /// First second at which it can be completed, and no slash reaches it any more.
    uint48 maturesAt;
}

/// @title IRestakingManager
/// @notice Where stakers deposit, delegate and withdraw.
///
/// Stake is counted in a strategy's shares. What is delegated to an operator is kept *scaled*: each operator has, per
/// strategy, a **slash factor** that begins at 1e27 and only falls, and
///
///     shares = scaled · factor / 1e27, rounded down.
///
/// So one number slashes all of an operator's stakers and all of its queued withdrawals that are not mature, whatever
/// their number. Stake that is not delegated has the factor 1e27. Shares become scaled rounded down, and are taken away
/// rounded up: rounding is always against the caller.
///
/// Stake that leaves an operator waits `withdrawalDelay` seconds, during which it is slashed like the rest and counts
/// for no weight. After that it is out of reach, completed or not.
///
/// Trust: the owner chooses which strategies there are, and nothing else; it can neither touch nor hold up stake. The
/// AllocationManager decides on slashing, within the terms that an operator opted in to. The OperatorRegistry says who
/// is an operator.
///
/// Its whole state follows from its events, from block `deploymentBlock` on.
interface IRestakingManager {
    error ZeroAddress();
    error ZeroAmount();
    /// @notice The owner has not added this strategy.
    error UnknownStrategy(address strategy);
    error StrategyAlreadyAdded(address strategy);
    /// @notice The strategy was made for another manager.
    error ForeignStrategy(address strategy, address manager);
    error TooManyStrategies(uint256 limit);
    error NotAnOperator(address account);
    /// @notice The staker has delegated already, and stays so until it undelegates.
    error AlreadyDelegated(address staker, address operator);
    error NotDelegated(address staker);
    /// @notice All stake of that operator in the strategy was slashed, or all but a billionth: it takes no more.
    error SlashedOut(address operator, address strategy);
    /// @notice The staker has fewer shares than it wants to withdraw.
    error InsufficientShares(address staker, address strategy, uint256 asked, uint256 available);
    error UnknownWithdrawal(uint64 id);
    /// @notice Only the staker may complete its withdrawal.
    error NotStaker(uint64 id, address caller);
    error NotMature(uint64 id, uint48 maturesAt);
    /// @notice The caller is not the AllocationManager.
    error NotAllocationManager(address caller);
    /// @notice A slash lowers the factor.
    error FactorNotLower(uint96 asked, uint96 present);
    /// @notice Nothing that was slashed waits for this recipient.
    error NothingSlashed(address recipient, address strategy);
    /// @notice Leaving stake waits for 1 second at least, and a year at most.
    error InvalidWithdrawalDelay(uint32 delay, uint32 most);
    /// @notice Without an owner no strategy could ever be added; hand ownership over instead.
    error OwnershipNotRenounceable();

    event StrategyAdded(address indexed strategy, address indexed token, uint32 leverageCapBps);
    /// @param assets What arrived, in the token's smallest unit.
    event Deposited(address indexed staker, address indexed strategy, uint256 assets, uint256 shares, uint256 scaled);
    /// @notice All that `staker` holds, now and later, stands behind `operator`.
    event Delegated(address indexed staker, address indexed operator);
    event Undelegated(address indexed staker, address indexed operator);
    event WithdrawalQueued(
        uint64 indexed id,
        address indexed staker,
        address indexed strategy,
        address operator,
        uint256 scaled,
        uint48 maturesAt
    );
    /// @param shares What was left of it after slashing.
    /// @param assets What was paid.
    event WithdrawalCompleted(uint64 indexed id, address recipient, uint256 shares, uint256 assets);
    /// @notice A withdrawal became stake again, behind the staker's operator, if any.
    /// @param shares What was left of it after slashing.
    /// @param scaled The same in the units of that operator.
    event WithdrawalRestaked(uint64 indexed id, uint256 shares, uint256 scaled);
    /// @param factor The operator's slash factor from now on.
    /// @param shares Shares taken from its stakers and immature withdrawals together.
    /// @param recipient Who receives them; zero when they are burned.
    event Slashed(
        address indexed operator, address indexed strategy, uint96 factor, uint256 shares, address indexed recipient
    );
    event SlashedStakePaid(address indexed recipient, address indexed strategy, uint256 shares, uint256 assets);

    /// @notice Lets stakers deposit into `strategy`. Owner only; for good.
    function addStrategy(IStrategy strategy) external;

    /// @notice Stakes `amount` of the strategy's token, which the caller has approved to the *strategy*.
    /// @return shares Shares that the caller gained.
    function deposit(IStrategy strategy, uint256 amount) external returns (uint256 shares);

    /// @notice Stakes the ether that comes with the call.
    /// @return shares Shares that the caller gained.
    function depositEther(IStrategy strategy) external payable returns (uint256 shares);

    /// @notice Puts all of the caller's stake, now and later, behind `operator`. An operator that delegates to itself
    /// operates its own stake.
    function delegateTo(address operator) external;

    /// @notice Takes all of the caller's stake from its operator and queues it, one withdrawal per strategy.
    /// @dev To move to another operator: undelegate, delegate anew, and complete the withdrawals as stake.
    function undelegate() external returns (uint64[] memory ids);

    /// @notice Queues a withdrawal of `shares`, or of everything when `shares` is the largest uint256.
    function queueWithdrawal(IStrategy strategy, uint256 shares) external returns (uint64 id);

    /// @notice Pays out a withdrawal of the caller's that is mature.
    /// @param recipient Who receives the tokens.
    /// @return assets What was sent.
    function completeWithdrawal(uint64 id, address recipient) external returns (uint256 assets);

    /// @notice Turns a withdrawal of the caller's that is mature back into stake, behind its operator of now, if any.
    /// @return shares What was staked.
    function completeAsStake(uint64 id) external returns (uint256 shares);

    /// @notice Lowers an operator's slash factor, and sets the shares that its stakers lose aside for `recipient`.
    /// AllocationManager only.
    /// @param factor The new factor, below the present one.
    /// @param recipient Who may be paid what was taken; zero to burn it.
    /// @return shares Shares taken, rounded down.
    function slash(address operator, IStrategy strategy, uint96 factor, address recipient)
        external
        returns (uint256 shares);

    /// @notice Sends what was slashed for `recipient`. Anyone may. What was slashed for zero goes to 0x…dEaD, where
    /// nobody can move it.
    function paySlashed(address recipient, IStrategy strategy) external returns (uint256 assets);

    /// @notice Whether deposits into `strategy` are accepted.
    function isStrategy(address strategy) external view returns (bool);

    /// @notice All strategies, in the order they were added.
    function strategies() external view returns (address[] memory);

    /// @notice Shares that `staker` holds in `strategy`, after slashing, without what it queued.
    function sharesOf(address staker, address strategy) external view returns (uint256);

    /// @notice The same before slashing: what is kept.
    function scaledOf(address staker, address strategy) external view returns (uint256);

    /// @notice Shares in `strategy` that stand behind `operator`, after slashing, without what is queued.
    function operatorSharesOf(address operator, address strategy) external view returns (uint256);

    /// @notice Scaled stake behind each operator, without what is queued, and each one's slash factor, in one call.
    function stakesOf(address[] calldata operators, address strategy)
        external
        view
        returns (uint128[] memory scaled, uint96[] memory factors);

    /// @notice The operator's slash factor in `strategy`: 1e27 less what was slashed.
    function slashFactorOf(address operator, address strategy) external view returns (uint96);

    /// @notice Scaled stake of `operator` on its way out that slashing still reaches.
    function queuedOf(address operator, address strategy) external view returns (uint256);

    /// @notice Operator that `staker` delegated to; zero when none.
    function delegateOf(address staker) external view returns (address);

    /// @notice A withdrawal that is not completed; zeros when there is none.
    function withdrawalOf(uint64 id) external view returns (Withdrawal memory);

    /// @notice Shares that a withdrawal would yield now, or yields if it is mature.
    function withdrawalShares(uint64 id) external view returns (uint256);

    /// @notice Number of the latest withdrawal.
    function withdrawalCount() external view returns (uint64);

    /// @notice Shares in `strategy` that were slashed and wait for `recipient`.
    function slashedSharesOf(address recipient, address strategy) external view returns (uint256);

    /// @notice Seconds that leaving stake waits and can be slashed.
    function withdrawalDelay() external view returns (uint32);

    function operatorRegistry() external view returns (IOperatorRegistry);
    function allocationManager() external view returns (address);

    /// @notice Block of deployment: logs of this contract begin here.
    function deploymentBlock() external view returns (uint256);
}
