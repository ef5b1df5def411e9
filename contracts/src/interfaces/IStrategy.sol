// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.31;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";

/// @title IStrategy
/// @notice Holds one token for all stakers and counts it in shares.
/// @dev Stakers approve the strategy, then call the RestakingManager, which is the only one that may call it. Assets
/// are counted by what was deposited, never by balance, so a donation changes no price.
///
/// @dev Warning: a token whose balances change by themselves (rebasing) must not be given a strategy: what it adds is
/// nobody's, and what it takes away is missing.
interface IStrategy {
    /// @notice The caller is not the RestakingManager.
    error NotManager(address caller);
    /// @notice The token kept part of the transfer for itself.
    error FeeOnTransfer(uint256 sent, uint256 received);
    /// @notice The deposit would bring the assets beyond 96 bits, the width of a weight.
    error CapacityExceeded(uint256 assets, uint256 limit);
    /// @notice The deposit is too small for a share.
    error NoShares(uint256 amount);

    /// @notice Token that is staked here.
    function token() external view returns (IERC20);

    /// @notice The RestakingManager that this strategy serves.
    function manager() external view returns (address);

    /// @notice Tokens held for stakers, in the token's smallest unit.
    function totalAssets() external view returns (uint256);

    /// @notice Shares given out for them.
    function totalShares() external view returns (uint256);

    /// @notice Takes `amount` of the token from `staker`. Manager only.
    /// @return shares What the deposit is worth, rounded down.
    function deposit(address staker, uint256 amount) external returns (uint256 shares);

    /// @notice What `shares` are worth in tokens, rounded down.
    function toAssets(uint256 shares) external view returns (uint256);

    /// @notice How many shares `assets` buy, rounded down.
    function toShares(uint256 assets) external view returns (uint256);
}
