// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.31;

/// @title IPriceSource
/// @notice What one smallest unit of each token is worth, in a unit of account that both share.
/// @dev Never reverts over what its feeds say: a price that is stale, zero, negative or out of range is 0, and whoever
/// asks must take 0 for "not known".
interface IPriceSource {
    /// @return native Worth of one smallest unit of the native token; 0 when it is not known.
    /// @return ext Worth of one smallest unit of the external token; 0 when it is not known.
    function prices() external view returns (uint128 native, uint128 ext);
}

/// @title IAggregatorV3
/// @notice The part of Chainlink's aggregator interface that is read.
interface IAggregatorV3 {
    function decimals() external view returns (uint8);
    function latestRoundData()
        external
        view
        returns (uint80 roundId, int256 answer, uint256 startedAt, uint256 updatedAt, uint80 answeredInRound);
}
