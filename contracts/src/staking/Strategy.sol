// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.31;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {IStrategy} from "../interfaces/IStrategy.sol";

/// @title Strategy
/// @notice One ERC-20, staked. Knows no operators, services or delegation.
contract Strategy is IStrategy {
    using SafeERC20 for IERC20;

    uint256 private constant CAPACITY = type(uint96).max;

    /// @inheritdoc IStrategy
    IERC20 public immutable token;
    /// @inheritdoc IStrategy
    address public immutable manager;

    uint128 private _totalAssets;
    uint128 private _totalShares;

    constructor(IERC20 token_, address manager_) {
        token = token_;
        manager = manager_;
    }

    /// @inheritdoc IStrategy
    function deposit(address staker, uint256 amount) external returns (uint256 shares) {
        if (msg.sender != manager) revert NotManager(msg.sender);
        uint256 assets = amount + _totalAssets;
        if (assets > CAPACITY) revert CapacityExceeded(assets, CAPACITY);
        shares = toShares(amount);
        if (shares == 0) revert NoShares(amount);
        _totalAssets = uint128(assets);
        _totalShares += uint128(shares);
        _pull(staker, amount);
    }

    /// @inheritdoc IStrategy
    function totalAssets() external view returns (uint256) {
        return _totalAssets;
    }

    /// @inheritdoc IStrategy
    function totalShares() external view returns (uint256) {
        return _totalShares;
    }

    /// @inheritdoc IStrategy
    /// @dev The one virtual share and asset keep both divisions defined, and the price at 1 in an empty strategy.
    function toAssets(uint256 shares) public view returns (uint256) {
        return Math.mulDiv(shares, uint256(_totalAssets) + 1, uint256(_totalShares) + 1);
    }

    /// @inheritdoc IStrategy
    function toShares(uint256 assets) public view returns (uint256) {
        return Math.mulDiv(assets, uint256(_totalShares) + 1, uint256(_totalAssets) + 1);
    }

    function _pull(address staker, uint256 amount) private {
        uint256 before = token.balanceOf(address(this));
        token.safeTransferFrom(staker, address(this), amount);
        uint256 received = token.balanceOf(address(this)) - before;
        if (received != amount) revert FeeOnTransfer(amount, received);
    }
}
