// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.31;

import {IAggregatorV3} from "../interfaces/IPriceSource.sol";

/// @title DemoFeed
/// @notice A price feed that says what anyone tells it to say. For demos and local networks only.
/// @dev Warning: nothing of worth may depend on it.
contract DemoFeed is IAggregatorV3 {
    /// @inheritdoc IAggregatorV3
    uint8 public constant decimals = 8;

    int256 private _answer;
    uint256 private _updatedAt;
    uint80 private _round;

    /// @param answer Price of one whole token, times 10 to the feed's decimals.
    constructor(int256 answer) {
        set(answer, block.timestamp);
    }

    /// @notice Begins a round with this answer, as if it had been given at that time.
    function set(int256 answer, uint256 updatedAt) public {
        _answer = answer;
        _updatedAt = updatedAt;
        _round++;
    }

    /// @inheritdoc IAggregatorV3
    function latestRoundData() external view returns (uint80, int256, uint256, uint256, uint80) {
        return (_round, _answer, _updatedAt, _updatedAt, _round);
    }
}
