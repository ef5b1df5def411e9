// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.31;

import {G2} from "../libraries/BN254.sol";
import {OperatorTables, Row, WeightPair} from "../libraries/OperatorTables.sol";
import {Table} from "../types/Table.sol";
import {TableCodes} from "./TableCodes.sol";

/// @notice A corrected table in the making.
struct Draft {
    /// The table that is corrected, and its sums.
    Table table;
    Row sum;
    G2 apk;
    /// Corrections that it has, and how many of them are dealt with.
    bytes old;
    uint256 next;
    /// Corrections of the new one, and how many they are yet.
    bytes entries;
    uint256 count;
    /// Total weights of the new one.
    uint256 native;
    uint256 ext;
}

/// @title Corrections
/// @notice Tables that are others with a few weights changed: how they are made, and read row by row.
/// @dev Who may correct what is for `TableWriter` to say.
library Corrections {
    /// @notice Begins a table that corrects `table` in up to `added` places more than it is corrected in already.
    function begin(Table table, uint256 added) internal view returns (Draft memory draft) {
        draft.table = table;
        (draft.sum, draft.apk) = TableCodes.total(table);
        draft.old = OperatorTables.loadCorrections(table);
        draft.entries = new bytes(draft.old.length + OperatorTables.CORRECTION_BYTES * added);
        draft.native = draft.sum.nativeWeight;
        draft.ext = draft.sum.externalWeight;
    }

    /// @notice The row at a position as the old table has it, corrected. Positions must come in ascending order, each
    /// followed by `put`.
    function take(Draft memory draft, uint256 position) internal view returns (Row memory row) {
        row = OperatorTables.writtenRow(draft.table, position);
        _apply(row, _keepUpTo(draft, position));
    }

    /// @notice Corrects the weights at the position taken last.
    function put(Draft memory draft, uint256 position, Row memory before, Row memory present) internal view {
        draft.native = draft.native - before.nativeWeight + present.nativeWeight;
        draft.ext = draft.ext - before.externalWeight + present.externalWeight;
        Row memory written = OperatorTables.writtenRow(draft.table, position);
        unchecked {
            uint256 difference =
                WeightPair.unwrap(OperatorTables.pairOf(present)) - WeightPair.unwrap(OperatorTables.pairOf(written));
            _append(draft, position, difference);
        }
    }

    /// @notice Writes the table.
    /// @return pointer Where it is.
    /// @return count How many corrections it has.
    function finish(Draft memory draft) internal returns (address pointer, uint256 count) {
        _keepUpTo(draft, type(uint256).max);
        TableCodes.setWeights(draft.sum, draft.native, draft.ext);
        count = draft.count;
        bytes memory entries = draft.entries;
        uint256 length = count * OperatorTables.CORRECTION_BYTES;
        assembly ("memory-safe") {
            mstore(entries, length)
        }
        address[] memory chunks = new address[](OperatorTables.wordsFor(draft.table.count()));
        for (uint256 i = 0; i < chunks.length; i++) {
            chunks[i] = OperatorTables.chunkOf(draft.table, i);
        }
        pointer = TableCodes.writeHead(draft.sum, draft.apk, chunks, entries);
    }

    /// @notice Rows from position `first` on, corrected; fewer than `count` at the end of the table.
    function rows(Table table, uint256 first, uint256 count) internal view returns (Row[] memory result) {
        uint256 end = table.count();
        if (first > end) first = end;
        if (count > end - first) count = end - first;
        result = new Row[](count);
        for (uint256 i = 0; i < count; i++) {
            result[i] = OperatorTables.writtenRow(table, first + i);
        }
        bytes memory corrections = OperatorTables.loadCorrections(table);
        for (uint256 i = 0; i < table.corrections(); i++) {
            (uint256 position, uint256 difference) = OperatorTables.correctionAt(corrections, i);
            if (position >= first && position - first < count) _apply(result[position - first], difference);
        }
    }

    /// @dev Keeps old corrections that stand before `position`, and passes over one that stands at it.
    /// @return What that one said, else 0.
    function _keepUpTo(Draft memory draft, uint256 position) private pure returns (uint256) {
        uint256 oldCount = draft.table.corrections();
        while (draft.next < oldCount) {
            (uint256 at, uint256 difference) = OperatorTables.correctionAt(draft.old, draft.next);
            if (at > position) break;
            draft.next++;
            if (at == position) return difference;
            _append(draft, at, difference);
        }
        return 0;
    }

    function _append(Draft memory draft, uint256 position, uint256 difference) private pure {
        bytes memory entries = draft.entries;
        uint256 offset = OperatorTables.CORRECTION_BYTES * draft.count++;
        // bytes.concat(bytes2(position), bytes24(difference));
        assembly ("memory-safe") {
            // Right-aligned in the 32 bytes that end with it: the 6 that it overlaps are written already, and kept.
            let word := add(add(entries, 0x1a), offset)
            let entry := or(shl(192, position), shr(64, shl(64, difference)))
            mstore(word, or(shl(208, shr(208, mload(word))), entry))
        }
    }

    function _apply(Row memory row, uint256 difference) private pure {
        unchecked {
            uint256 pair = WeightPair.unwrap(OperatorTables.pairOf(row)) + difference;
            row.nativeWeight = uint96(pair >> 96);
            row.externalWeight = uint96(pair);
        }
    }
}
