// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.31;

import {G1} from "./BN254.sol";
import {Table} from "../types/Table.sol";

/// @notice One operator's row: its G1 key and its weight in each token.
struct Row {
    G1 key;
    uint96 nativeWeight;
    uint96 externalWeight;
}

/// @notice Two weights in one word: native << 96 | external. Sums stay apart as long as each fits 96 bits.
type WeightPair is uint256;

using {nativeWeight, externalWeight} for WeightPair global;

function nativeWeight(WeightPair pair) pure returns (uint96) {
    return uint96(WeightPair.unwrap(pair) >> 96);
}

function externalWeight(WeightPair pair) pure returns (uint96) {
    return uint96(WeightPair.unwrap(pair));
}

/// @title OperatorTables
/// @notice Reads operator tables: contract code that is written once, and summed for the operators of a bitmap.
///
/// ```
/// chunk       = program (73) ‖ row … (1 to 256)
/// small table = chunk ‖ head                                    up to 256 operators
/// other table = STOP (1) ‖ head ‖ chunk's address (20) … ‖ correction …
/// row         = x (32) ‖ y (32) ‖ native weight (12) ‖ external weight (12), big-endian
/// head        = a row that sums all rows up, corrections included ‖ sum of the G2 keys (128)
/// correction  = position (2) ‖ corrected less written weights (24), modulo 2^192
/// ```
///
/// The program is `OperatorChunk`. Row i of chunk j is operator 256 · j + i: every chunk but the last is full.
/// @dev Knows nothing of services, epochs or time: which table counts, and for how long it is believed, is the
/// caller's. `TableWriter` writes them.
library OperatorTables {
    uint256 internal constant ROW_BYTES = 88;
    uint256 internal constant HEAD_BYTES = 216;
    uint256 internal constant PROGRAM_BYTES = 73;
    uint256 internal constant POINTER_BYTES = 20;
    uint256 internal constant CORRECTION_BYTES = 26;
    /// @notice Rows in a full chunk: as many as a bitmap's word has bits.
    uint256 internal constant CHUNK_ROWS = 256;
    uint256 internal constant MAX_OPERATORS = 1000;

    uint256 internal constant WEIGHTS_MASK = (1 << 192) - 1;

    /// @notice How many words a bitmap over `count` operators has.
    function wordsFor(uint256 count) internal pure returns (uint256) {
        unchecked {
            return (count + 255) >> 8;
        }
    }

    /// @notice How many operators word `word` of a bitmap stands for.
    function rowsIn(uint256 count, uint256 word) internal pure returns (uint256) {
        unchecked {
            uint256 left = count - (word << 8);
            return left < CHUNK_ROWS ? left : CHUNK_ROWS;
        }
    }

    /// @notice The bits of all operators in word `word` of a bitmap.
    function everyone(uint256 count, uint256 word) internal pure returns (uint256) {
        unchecked {
            // A shift by 256 or more gives 0.
            return (1 << (count - (word << 8))) - 1;
        }
    }

    /// @notice Contract that holds the rows of word `word` of a bitmap.
    function chunkOf(Table table, uint256 word) internal view returns (address chunk) {
        chunk = table.pointer();
        if (table.isInline()) return chunk;
        unchecked {
            uint256 offset = 1 + HEAD_BYTES + POINTER_BYTES * word;
            assembly ("memory-safe") {
                // Zeros before it: the address is right-aligned in the word.
                mstore(0x00, 0)
                extcodecopy(chunk, 0x0c, offset, POINTER_BYTES)
                chunk := mload(0x00)
            }
        }
    }

    /// @notice The row at a position, as it was written: without corrections.
    function writtenRow(Table table, uint256 position) internal view returns (Row memory row) {
        address chunk = chunkOf(table, position >> 8);
        unchecked {
            row = readRow(chunk, PROGRAM_BYTES + ROW_BYTES * (position & 0xff));
        }
    }

    /// @notice The row at an offset in a contract's code.
    function readRow(address pointer, uint256 offset) internal view returns (Row memory row) {
        assembly ("memory-safe") {
            let copy := mload(0x40)
            extcodecopy(pointer, copy, offset, ROW_BYTES)
            mcopy(mload(row), copy, 0x40)
            let weights := and(mload(add(copy, 0x38)), WEIGHTS_MASK)
            mstore(add(row, 0x20), shr(96, weights))
            mstore(add(row, 0x40), and(weights, 0xffffffffffffffffffffffff))
        }
    }

    /// @notice Where the head begins in its contract's code.
    function headOffset(Table table) internal pure returns (uint256) {
        unchecked {
            return table.isInline() ? PROGRAM_BYTES + ROW_BYTES * table.count() : 1;
        }
    }

    /// @notice Copies the corrections of a table to memory: `CORRECTION_BYTES` each.
    function loadCorrections(Table table) internal view returns (bytes memory corrections) {
        unchecked {
            corrections = new bytes(CORRECTION_BYTES * table.corrections());
            address pointer = table.pointer();
            uint256 offset = 1 + HEAD_BYTES + POINTER_BYTES * wordsFor(table.count());
            assembly ("memory-safe") {
                extcodecopy(pointer, add(corrections, 0x20), offset, mload(corrections))
            }
        }
    }

    /// @notice The correction at an index: the difference is modulo 2^192.
    function correctionAt(bytes memory corrections, uint256 index)
        internal
        pure
        returns (uint256 position, uint256 difference)
    {
        assembly ("memory-safe") {
            let entry := mload(add(add(corrections, 0x20), mul(index, CORRECTION_BYTES)))
            position := shr(240, entry)
            difference := and(shr(48, entry), WEIGHTS_MASK)
        }
    }

    /// @notice Sum of the differences of the operators in `bitmap`; only its lowest 192 bits mean something.
    function corrected(Table table, uint256[] memory bitmap) internal view returns (uint256 sum) {
        bytes memory corrections = loadCorrections(table);
        uint256 count = table.corrections();
        unchecked {
            for (uint256 i = 0; i < count; i++) {
                (uint256 position, uint256 difference) = correctionAt(corrections, i);
                if (bitmap[position >> 8] >> (position & 0xff) & 1 != 0) sum += difference;
            }
        }
    }

    /// @notice Sum of the weights of the operators in `bitmap`.
    function weightsOf(Table table, uint256[] memory bitmap) internal view returns (WeightPair) {
        uint256 sum = corrected(table, bitmap);
        unchecked {
            for (uint256 position = 0; position < table.count(); position++) {
                if (bitmap[position >> 8] >> (position & 0xff) & 1 == 0) continue;
                sum += WeightPair.unwrap(pairOf(writtenRow(table, position)));
            }
        }
        return WeightPair.wrap(sum & WEIGHTS_MASK);
    }

    /// @notice The weights of a row in one word.
    function pairOf(Row memory row) internal pure returns (WeightPair) {
        return WeightPair.wrap(uint256(row.nativeWeight) << 96 | row.externalWeight);
    }
}
