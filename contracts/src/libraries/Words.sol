// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.31;

/// @title Words
/// @notice Calldata bytes read as words.
library Words {
    /// @notice The whole words of `data`; what is left over at its end is ignored.
    function slice(bytes calldata data) internal pure returns (uint256[] calldata words) {
        assembly ("memory-safe") {
            words.offset := data.offset
            words.length := shr(5, data.length)
        }
    }
}
