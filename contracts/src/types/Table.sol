// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.31;

import {Epoch} from "./Ids.sol";

/// @notice Where an operator table is and what it is, in the one word that a verification loads:
///
/// | bits | field |
/// |---|---|
/// | 0-159 | contract that holds its head |
/// | 160-199 | time at which its stake was read |
/// | 200-231 | epoch |
/// | 232-241 | number of operators |
/// | 242-251 | number of corrections |
/// | 252-255 | which words of its bitmap hold a revoked operator |
type Table is uint256;

using Tables for Table global;

/// @title Tables
/// @notice Access to the fields of a `Table`.
library Tables {
    /// @dev Every field must fit its bits.
    function pack(address pointer_, uint256 takenAt_, Epoch epoch_, uint256 count_, uint256 corrections_)
        internal
        pure
        returns (Table)
    {
        return Table.wrap(
            uint160(pointer_) | takenAt_ << 160 | uint256(Epoch.unwrap(epoch_)) << 200 | count_ << 232 | corrections_
                << 242
        );
    }

    function pointer(Table table) internal pure returns (address) {
        return address(uint160(Table.unwrap(table)));
    }

    function takenAt(Table table) internal pure returns (uint256) {
        return uint40(Table.unwrap(table) >> 160);
    }

    function epoch(Table table) internal pure returns (Epoch) {
        return Epoch.wrap(uint32(Table.unwrap(table) >> 200));
    }

    function count(Table table) internal pure returns (uint256) {
        return Table.unwrap(table) >> 232 & 0x3ff;
    }

    function corrections(Table table) internal pure returns (uint256) {
        return Table.unwrap(table) >> 242 & 0x3ff;
    }

    function revokedWords(Table table) internal pure returns (uint256) {
        return Table.unwrap(table) >> 252;
    }

    function withRevokedWord(Table table, uint256 word) internal pure returns (Table) {
        return Table.wrap(Table.unwrap(table) | 1 << (252 + word));
    }

    /// @notice Whether head and rows are in one contract: up to 256 operators, without corrections.
    function isInline(Table table) internal pure returns (bool) {
        return Table.unwrap(table) >> 232 & 0xfffff <= 256;
    }
}
