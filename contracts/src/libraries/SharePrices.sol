// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.31;

import {IStrategy} from "../interfaces/IStrategy.sol";

/// @notice What a strategy's shares are worth: `assets / shares` tokens each.
struct SharePrice {
    uint256 assets;
    uint256 shares;
}

using SharePrices for SharePrice global;

/// @title SharePrices
/// @notice Reads the price of a strategy once, for the stake of many operators: by the formula that `IStrategy` states,
/// to the unit what `IStrategy.toAssets` says of each.
library SharePrices {
    uint256 private constant VIRTUAL = 1e3;

    /// @notice The price now.
    function priceOf(IStrategy strategy) internal view returns (SharePrice memory) {
        (uint256 assets, uint256 shares) = (strategy.totalAssets(), strategy.totalShares());
        return assets < shares ? SharePrice(assets, shares) : SharePrice(assets + VIRTUAL, shares + VIRTUAL);
    }

    /// @notice What `shares`, of those that the strategy has, are worth, rounded down.
    /// @dev A product of 98 and 97 bits. The divisor is at least 1: without shares, the virtual ones are counted.
    function toAssets(SharePrice memory price, uint256 shares) internal pure returns (uint256) {
        unchecked {
            return shares * price.assets / price.shares;
        }
    }
}
