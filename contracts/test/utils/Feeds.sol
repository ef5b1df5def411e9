// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.31;

import {IAggregatorV3} from "../../src/interfaces/IPriceSource.sol";

/// @notice A feed that says what it was told.
contract ScriptedFeed is IAggregatorV3 {
    uint8 public decimals;
    uint80 private _roundId = 1;
    int256 private _answer;
    uint256 private _updatedAt;

    constructor(uint8 decimals_) {
        decimals = decimals_;
    }

    function answer(int256 value) external {
        (_roundId, _answer, _updatedAt) = (_roundId + 1, value, block.timestamp);
    }

    function set(uint80 roundId, int256 value, uint256 updatedAt) external {
        (_roundId, _answer, _updatedAt) = (roundId, value, updatedAt);
    }

    function latestRoundData() external view returns (uint80, int256, uint256, uint256, uint80) {
        return (_roundId, _answer, _updatedAt, _updatedAt, 0);
    }
}
