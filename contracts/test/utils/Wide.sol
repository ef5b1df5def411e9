// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.31;

/// @notice A number of 512 bits.
struct Wide {
    uint256 high;
    uint256 low;
}

using {plus, isAtLeast, isAbove} for Wide global;

/// @notice a · b, whole.
function times(uint256 a, uint256 b) pure returns (Wide memory) {
    unchecked {
        uint256 modMax = mulmod(a, b, type(uint256).max);
        uint256 low = a * b;
        return Wide(modMax - low - (modMax < low ? 1 : 0), low);
    }
}

function plus(Wide memory a, Wide memory b) pure returns (Wide memory) {
    unchecked {
        uint256 low = a.low + b.low;
        return Wide(a.high + b.high + (low < a.low ? 1 : 0), low);
    }
}

function isAtLeast(Wide memory a, Wide memory b) pure returns (bool) {
    return a.high > b.high || (a.high == b.high && a.low >= b.low);
}

function isAbove(Wide memory a, Wide memory b) pure returns (bool) {
    return !isAtLeast(b, a);
}
