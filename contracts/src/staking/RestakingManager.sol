// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.31;

import {Ownable, Ownable2Step} from "@openzeppelin/contracts/access/Ownable2Step.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {Checkpoints} from "@openzeppelin/contracts/utils/structs/Checkpoints.sol";
import {EnumerableSet} from "@openzeppelin/contracts/utils/structs/EnumerableSet.sol";
import {IOperatorRegistry} from "../interfaces/IOperatorRegistry.sol";
import {IRestakingManager, Withdrawal} from "../interfaces/IRestakingManager.sol";
import {IStrategy} from "../interfaces/IStrategy.sol";
import {SlashFactors} from "../libraries/SlashFactors.sol";

/// @title RestakingManager
/// @notice See `IRestakingManager`, which is the manual. Holds no tokens: strategies do.
/// @dev Why the shares of a strategy cover all claims, and why no sum overflows: docs/reference/staking.md.
contract RestakingManager is IRestakingManager, Ownable2Step, ReentrancyGuardTransient {
    using Checkpoints for Checkpoints.Trace208;
    using EnumerableSet for EnumerableSet.AddressSet;
    using SafeCast for uint256;

    /// @notice Delegation walks over all strategies; this bounds it.
    uint256 public constant MAX_STRATEGIES = 16;
    /// @notice Longest withdrawal delay.
    uint32 public constant MAX_WITHDRAWAL_DELAY = 365 days;
    /// @notice Below this slash factor an operator takes no more stake.
    uint96 public constant LEAST_FACTOR = 1e18;
    /// @notice Where stake goes that is slashed for nobody.
    address public constant BURN = 0x000000000000000000000000000000000000dEaD;

    /// @inheritdoc IRestakingManager
    IOperatorRegistry public immutable operatorRegistry;
    /// @inheritdoc IRestakingManager
    address public immutable allocationManager;
    /// @inheritdoc IRestakingManager
    uint32 public immutable withdrawalDelay;
    /// @inheritdoc IRestakingManager
    uint256 public immutable deploymentBlock = block.number;

    /// @dev What stands behind an operator in one strategy. One slot, as tables are made from it:
    ///
    /// | bits | field |
    /// |---|---|
    /// | 0-127 | scaled stake, without what is queued |
    /// | 128-223 | 1e27 less the slash factor, so that an empty slot is an operator that was never slashed |
    struct OperatorStake {
        uint128 scaled;
        uint96 slashed;
    }

    EnumerableSet.AddressSet private _strategies;
    mapping(address strategy => mapping(address operator => OperatorStake)) private _stakes;
    /// @dev By time: 1e27 less the operator's slash factor.
    mapping(address operator => mapping(address strategy => Checkpoints.Trace208)) private _slashedHistory;
    /// @dev By time: scaled stake that was ever queued.
    mapping(address operator => mapping(address strategy => Checkpoints.Trace208)) private _queuedHistory;
    mapping(uint64 id => Withdrawal) private _withdrawals;

    /// @inheritdoc IRestakingManager
    uint64 public withdrawalCount;
    /// @inheritdoc IRestakingManager
    mapping(address staker => address) public delegateOf;
    /// @inheritdoc IRestakingManager
    mapping(address staker => mapping(address strategy => uint256)) public scaledOf;
    /// @inheritdoc IRestakingManager
    mapping(address recipient => mapping(address strategy => uint256)) public slashedSharesOf;

    modifier onlyStrategy(IStrategy strategy) {
        if (!isStrategy(address(strategy))) revert UnknownStrategy(address(strategy));
        _;
    }

    /// @param allocationManager_ May have no code yet: the contracts of staking know each other's addresses beforehand.
    constructor(address owner_, IOperatorRegistry operatorRegistry_, address allocationManager_, uint32 delay)
        Ownable(owner_)
    {
        if (delay == 0 || delay > MAX_WITHDRAWAL_DELAY) revert InvalidWithdrawalDelay(delay, MAX_WITHDRAWAL_DELAY);
        operatorRegistry = operatorRegistry_;
        allocationManager = allocationManager_;
        withdrawalDelay = delay;
    }

    /// @inheritdoc IRestakingManager
    function addStrategy(IStrategy strategy) external onlyOwner {
        if (strategy.manager() != address(this)) revert ForeignStrategy(address(strategy), strategy.manager());
        if (_strategies.length() == MAX_STRATEGIES) revert TooManyStrategies(MAX_STRATEGIES);
        if (!_strategies.add(address(strategy))) revert StrategyAlreadyAdded(address(strategy));
        emit StrategyAdded(address(strategy), address(strategy.token()), strategy.leverageCapBps());
    }

    /// @notice Always reverts.
    function renounceOwnership() public view override onlyOwner {
        revert OwnershipNotRenounceable();
    }

    /// @inheritdoc IRestakingManager
    /// @dev The strategy tells the shares only after it took the tokens; the guard keeps a token's hooks out until they
    /// are booked.
    function deposit(IStrategy strategy, uint256 amount)
        external
        nonReentrant
        onlyStrategy(strategy)
        returns (uint256 shares)
    {
        if (amount == 0) revert ZeroAmount();
        uint256 assets;
        (assets, shares) = strategy.deposit(msg.sender, amount);
        _bookDeposit(address(strategy), assets, shares);
    }

    /// @inheritdoc IRestakingManager
    function depositEther(IStrategy strategy)
        external
        payable
        nonReentrant
        onlyStrategy(strategy)
        returns (uint256 shares)
    {
        if (msg.value == 0) revert ZeroAmount();
        uint256 assets;
        (assets, shares) = strategy.depositEther{value: msg.value}();
        _bookDeposit(address(strategy), assets, shares);
    }

    /// @inheritdoc IRestakingManager
    function delegateTo(address operator) external nonReentrant {
        address current = delegateOf[msg.sender];
        if (current != address(0)) revert AlreadyDelegated(msg.sender, current);
        if (!operatorRegistry.isOperator(operator)) revert NotAnOperator(operator);
        delegateOf[msg.sender] = operator;
        for (uint256 i = 0; i < _strategies.length(); i++) {
            address strategy = _strategies.at(i);
            uint256 shares = scaledOf[msg.sender][strategy];
            if (shares == 0) continue;
            scaledOf[msg.sender][strategy] = 0;
            _addStake(msg.sender, operator, strategy, shares);
        }
        emit Delegated(msg.sender, operator);
    }

    /// @inheritdoc IRestakingManager
    function undelegate() external nonReentrant returns (uint64[] memory ids) {
        address operator = delegateOf[msg.sender];
        if (operator == address(0)) revert NotDelegated(msg.sender);
        delegateOf[msg.sender] = address(0);
        emit Undelegated(msg.sender, operator);
        uint256 limit = _strategies.length();
        ids = new uint64[](limit);
        uint256 count;
        for (uint256 i = 0; i < limit; i++) {
            address strategy = _strategies.at(i);
            uint256 scaled = scaledOf[msg.sender][strategy];
            if (scaled != 0) ids[count++] = _queue(operator, strategy, scaled);
        }
        // Shortens the list to what is in it.
        assembly ("memory-safe") {
            mstore(ids, count)
        }
    }

    /// @inheritdoc IRestakingManager
    function queueWithdrawal(IStrategy strategy, uint256 shares) external nonReentrant returns (uint64 id) {
        address operator = delegateOf[msg.sender];
        uint256 scaled = scaledOf[msg.sender][address(strategy)];
        if (shares != type(uint256).max) {
            uint96 factor = _factorOf(operator, address(strategy));
            uint256 available = SlashFactors.toShares(scaled, factor);
            if (shares > available) revert InsufficientShares(msg.sender, address(strategy), shares, available);
            // At most what there is: `available` is rounded down already.
            scaled = shares == 0 ? 0 : SlashFactors.toScaledUp(shares, factor);
        }
        if (scaled == 0) revert ZeroAmount();
        return _queue(operator, address(strategy), scaled);
    }

    /// @inheritdoc IRestakingManager
    function completeWithdrawal(uint64 id, address recipient) external nonReentrant returns (uint256 assets) {
        if (recipient == address(0)) revert ZeroAddress();
        Withdrawal memory withdrawal = _takeMature(id);
        uint256 shares = _sharesOf(withdrawal);
        assets = withdrawal.strategy.withdraw(recipient, shares);
        emit WithdrawalCompleted(id, recipient, shares, assets);
    }

    /// @inheritdoc IRestakingManager
    function completeAsStake(uint64 id) external nonReentrant returns (uint256 shares) {
        Withdrawal memory withdrawal = _takeMature(id);
        shares = _sharesOf(withdrawal);
        uint256 scaled = _addStake(msg.sender, delegateOf[msg.sender], address(withdrawal.strategy), shares);
        emit WithdrawalRestaked(id, shares, scaled);
    }

    /// @inheritdoc IRestakingManager
    /// @dev What stakers hold together before is rounded down, and after is rounded up, so no more is taken than they
    /// can miss.
    function slash(address operator, IStrategy strategy, uint96 factor, address recipient)
        external
        returns (uint256 shares)
    {
        if (msg.sender != allocationManager) revert NotAllocationManager(msg.sender);
        OperatorStake storage stake = _stakes[address(strategy)][operator];
        uint96 present = SlashFactors.ONE - stake.slashed;
        if (factor >= present) revert FactorNotLower(factor, present);
        uint256 scaled = stake.scaled + queuedOf(operator, address(strategy));
        uint256 before = SlashFactors.toShares(scaled, present);
        shares = Math.saturatingSub(before, SlashFactors.toSharesUp(scaled, factor));
        uint96 slashed = SlashFactors.ONE - factor;
        stake.slashed = slashed;
        _slashedHistory[operator][address(strategy)].push(uint48(block.timestamp), slashed);
        slashedSharesOf[recipient][address(strategy)] += shares;
        emit Slashed(operator, address(strategy), factor, shares, recipient);
    }

    /// @inheritdoc IRestakingManager
    function paySlashed(address recipient, IStrategy strategy) external nonReentrant returns (uint256 assets) {
        uint256 shares = slashedSharesOf[recipient][address(strategy)];
        if (shares == 0) revert NothingSlashed(recipient, address(strategy));
        slashedSharesOf[recipient][address(strategy)] = 0;
        assets = strategy.withdraw(recipient == address(0) ? BURN : recipient, shares);
        emit SlashedStakePaid(recipient, address(strategy), shares, assets);
    }

    /// @inheritdoc IRestakingManager
    function isStrategy(address strategy) public view returns (bool) {
        return _strategies.contains(strategy);
    }

    /// @inheritdoc IRestakingManager
    function strategies() external view returns (address[] memory) {
        return _strategies.values();
    }

    /// @inheritdoc IRestakingManager
    function sharesOf(address staker, address strategy) external view returns (uint256) {
        return SlashFactors.toShares(scaledOf[staker][strategy], _factorOf(delegateOf[staker], strategy));
    }

    /// @inheritdoc IRestakingManager
    function operatorSharesOf(address operator, address strategy) external view returns (uint256) {
        OperatorStake memory stake = _stakes[strategy][operator];
        return SlashFactors.toShares(stake.scaled, SlashFactors.ONE - stake.slashed);
    }

    /// @inheritdoc IRestakingManager
    function stakesOf(address[] calldata operators, address strategy)
        external
        view
        returns (uint128[] memory scaled, uint96[] memory factors)
    {
        uint256 count = operators.length;
        scaled = new uint128[](count);
        factors = new uint96[](count);
        mapping(address => OperatorStake) storage stakes = _stakes[strategy];
        for (uint256 i = 0; i < count; i++) {
            OperatorStake memory stake = stakes[operators[i]];
            scaled[i] = stake.scaled;
            factors[i] = SlashFactors.ONE - stake.slashed;
        }
    }

    /// @inheritdoc IRestakingManager
    function slashFactorOf(address operator, address strategy) external view returns (uint96) {
        return _factorOf(operator, strategy);
    }

    /// @inheritdoc IRestakingManager
    /// @dev What was queued up to `withdrawalDelay` ago is mature.
    function queuedOf(address operator, address strategy) public view returns (uint256) {
        Checkpoints.Trace208 storage queued = _queuedHistory[operator][strategy];
        uint256 matureSince = Math.saturatingSub(block.timestamp, withdrawalDelay);
        return queued.latest() - queued.upperLookupRecent(uint48(matureSince));
    }

    /// @inheritdoc IRestakingManager
    function withdrawalOf(uint64 id) external view returns (Withdrawal memory) {
        return _withdrawals[id];
    }

    /// @inheritdoc IRestakingManager
    function withdrawalShares(uint64 id) external view returns (uint256) {
        return _sharesOf(_withdrawals[id]);
    }

    function _bookDeposit(address strategy, uint256 assets, uint256 shares) private {
        uint256 scaled = _addStake(msg.sender, delegateOf[msg.sender], strategy, shares);
        emit Deposited(msg.sender, strategy, assets, shares, scaled);
    }

    /// @dev Puts shares that nobody holds behind `operator`, for `staker`. Without an operator, shares are kept as they
    /// are.
    function _addStake(address staker, address operator, address strategy, uint256 shares)
        private
        returns (uint256 scaled)
    {
        scaled = shares;
        if (operator != address(0)) {
            OperatorStake storage stake = _stakes[strategy][operator];
            uint96 factor = SlashFactors.ONE - stake.slashed;
            if (factor < LEAST_FACTOR) revert SlashedOut(operator, strategy);
            scaled = SlashFactors.toScaled(shares, factor);
            stake.scaled = (stake.scaled + scaled).toUint128();
        }
        scaledOf[staker][strategy] += scaled;
    }

    /// @dev Moves stake of the caller's from behind `operator` into the queue.
    function _queue(address operator, address strategy, uint256 scaled) private returns (uint64 id) {
        scaledOf[msg.sender][strategy] -= scaled;
        uint48 time = uint48(block.timestamp);
        if (operator != address(0)) {
            // Not more than its stakers have.
            _stakes[strategy][operator].scaled -= uint128(scaled);
            Checkpoints.Trace208 storage queued = _queuedHistory[operator][strategy];
            queued.push(time, queued.latest() + uint208(scaled));
        }
        id = ++withdrawalCount;
        uint48 maturesAt = time + withdrawalDelay;
        _withdrawals[id] = Withdrawal(msg.sender, operator, IStrategy(strategy), uint128(scaled), time, maturesAt);
        emit WithdrawalQueued(id, msg.sender, strategy, operator, scaled, maturesAt);
    }

    /// @dev Removes a withdrawal that the caller may complete.
    function _takeMature(uint64 id) private returns (Withdrawal memory withdrawal) {
        withdrawal = _withdrawals[id];
        if (withdrawal.staker == address(0)) revert UnknownWithdrawal(id);
        if (withdrawal.staker != msg.sender) revert NotStaker(id, msg.sender);
        if (block.timestamp < withdrawal.maturesAt) revert NotMature(id, withdrawal.maturesAt);
        delete _withdrawals[id];
    }

    function _factorOf(address operator, address strategy) private view returns (uint96) {
        // Nobody slashes the stake of no operator: its slot stays empty.
        return SlashFactors.ONE - _stakes[strategy][operator].slashed;
    }

    /// @dev At the factor of the last second before it is mature, or of now if that is still to come.
    function _sharesOf(Withdrawal memory withdrawal) private view returns (uint256) {
        if (withdrawal.maturesAt == 0) return 0;
        uint208 slashed = _slashedHistory[withdrawal.operator][address(
                withdrawal.strategy
            )].upperLookupRecent(withdrawal.maturesAt - 1);
        return SlashFactors.toShares(withdrawal.scaled, SlashFactors.ONE - uint96(slashed));
    }
}
