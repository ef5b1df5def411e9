// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.31;

/// @title IFallbackCondition
/// @notice Whether the native token has failed, so that the external token alone may certify, at its higher threshold.
/// @dev Must follow from the chain's state alone: every verifier of one block gets the same answer.
interface IFallbackCondition {
    function active() external view returns (bool);
}
