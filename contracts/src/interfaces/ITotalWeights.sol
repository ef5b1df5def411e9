// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.31;

/// @title ITotalWeights
/// @notice How much of each token stands behind a service.
interface ITotalWeights {
    /// @notice Weights of all operators in the latest table, in each token's smallest unit; reverts before the first.
    function totalWeights() external view returns (uint96 native, uint96 ext);
}
