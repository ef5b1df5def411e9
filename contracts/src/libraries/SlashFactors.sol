// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.31;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

/// @title SlashFactors
/// @notice Between shares and scaled stake: shares = scaled · factor / 1e27.
/// @dev Plain arithmetic, which cannot overflow for what there can be: scaled stake has at most 129 bits, factors 90,
/// shares 98.
library SlashFactors {
    /// @notice The slash factor of whoever was never slashed.
    uint96 internal constant ONE = 1e27;

    /// @notice Shares that scaled stake is, rounded down.
    function toShares(uint256 scaled, uint96 factor) internal pure returns (uint256) {
        return scaled * factor / ONE;
    }

    /// @notice Shares that scaled stake is, rounded up.
    function toSharesUp(uint256 scaled, uint96 factor) internal pure returns (uint256) {
        return Math.ceilDiv(scaled * factor, ONE);
    }

    /// @notice Scaled stake that shares make, rounded down. The factor is not 0.
    function toScaled(uint256 shares, uint96 factor) internal pure returns (uint256) {
        return shares * ONE / factor;
    }

    /// @notice Scaled stake that shares take away, rounded up. The factor is not 0.
    function toScaledUp(uint256 shares, uint96 factor) internal pure returns (uint256) {
        return Math.ceilDiv(shares * ONE, factor);
    }
}
