// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.31;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {IStrategy} from "../interfaces/IStrategy.sol";

/// @title Strategy
/// @notice One ERC-20, staked; see `IStrategy`, which is the manual. Knows no operators, services or delegation.
contract Strategy is IStrategy, ReentrancyGuardTransient {
    using SafeERC20 for IERC20;

    /// @notice Most assets, the width of a weight.
    uint256 public constant MAX_ASSETS = type(uint96).max;
    /// @notice Most shares: four times what `MAX_ASSETS` buy at the price of 1. A billion times as many are still below
    /// 2^128, which the RestakingManager needs for its scaled stake.
    uint256 public constant MAX_SHARES = 1 << 98;

    uint256 private constant VIRTUAL = 1e3;
    uint32 private constant LEVERAGE_CAP_LEAST = 10_000;
    uint32 private constant LEVERAGE_CAP_MOST = 100_000;

    /// @inheritdoc IStrategy
    IERC20 public immutable token;
    /// @inheritdoc IStrategy
    address public immutable manager;
    /// @inheritdoc IStrategy
    uint32 public immutable leverageCapBps;

    uint256 private _totalShares;

    modifier onlyManager() {
        if (msg.sender != manager) revert NotManager(msg.sender);
        _;
    }

    constructor(IERC20 token_, address manager_, uint32 leverageCapBps_) {
        if (leverageCapBps_ < LEVERAGE_CAP_LEAST || leverageCapBps_ > LEVERAGE_CAP_MOST) {
            revert InvalidLeverageCap(leverageCapBps_);
        }
        token = token_;
        manager = manager_;
        leverageCapBps = leverageCapBps_;
    }

    /// @inheritdoc IStrategy
    function deposit(address staker, uint256 amount)
        external
        onlyManager
        nonReentrant
        returns (uint256 assets, uint256 shares)
    {
        uint256 before = token.balanceOf(address(this));
        token.safeTransferFrom(staker, address(this), amount);
        return _credit(amount, before);
    }

    /// @inheritdoc IStrategy
    function depositEther() external payable virtual returns (uint256, uint256) {
        revert NotEther();
    }

    /// @inheritdoc IStrategy
    /// @dev Some tokens refuse to move nothing; nothing need not be moved.
    function withdraw(address recipient, uint256 shares) external onlyManager nonReentrant returns (uint256 assets) {
        assets = _toAssets(shares);
        _totalShares -= shares;
        if (assets != 0) _pay(recipient, assets);
    }

    /// @inheritdoc IStrategy
    function totalAssets() external view nonReentrantView returns (uint256) {
        return _totalAssets();
    }

    /// @inheritdoc IStrategy
    function totalShares() external view nonReentrantView returns (uint256) {
        return _totalShares;
    }

    /// @inheritdoc IStrategy
    function toAssets(uint256 shares) external view nonReentrantView returns (uint256) {
        return _toAssets(shares);
    }

    /// @inheritdoc IStrategy
    function toShares(uint256 assets) external view nonReentrantView returns (uint256) {
        return _toShares(assets, _totalAssets());
    }

    /// @inheritdoc IStrategy
    function isEther() external pure virtual returns (bool) {
        return false;
    }

    /// @dev Gives out shares for what the balance grew by, at the price before it grew.
    function _credit(uint256 sent, uint256 before) internal returns (uint256 assets, uint256 shares) {
        uint256 balance = token.balanceOf(address(this));
        if (balance <= before) revert NothingReceived(sent);
        if (balance > MAX_ASSETS) revert CapacityExceeded(balance, MAX_ASSETS);
        assets = balance - before;
        shares = _toShares(assets, before);
        if (shares == 0) revert NoShares(assets);
        uint256 total = _totalShares + shares;
        if (total > MAX_SHARES) revert TooManyShares(total, MAX_SHARES);
        _totalShares = total;
    }

    function _pay(address recipient, uint256 assets) internal virtual {
        token.safeTransfer(recipient, assets);
    }

    function _totalAssets() private view returns (uint256) {
        return Math.min(token.balanceOf(address(this)), MAX_ASSETS);
    }

    /// @dev The ratio with virtual shares and assets is the lower one exactly when there are as many assets as shares,
    /// or more. No product exceeds 98 + 97 bits.
    function _toAssets(uint256 shares) private view returns (uint256) {
        uint256 assets = _totalAssets();
        uint256 total = _totalShares;
        return assets < total ? shares * assets / total : shares * (assets + VIRTUAL) / (total + VIRTUAL);
    }

    /// @dev No product exceeds 96 + 99 bits where it matters; a view asked for more than there can be may revert.
    function _toShares(uint256 assets, uint256 held) private view returns (uint256) {
        return assets * (_totalShares + VIRTUAL) / (held + VIRTUAL);
    }
}
