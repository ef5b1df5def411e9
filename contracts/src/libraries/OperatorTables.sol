// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.31;

import {BN254, G1} from "./BN254.sol";

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
/// @notice Operator tables as contract code: written once per epoch, read whole, summed without the absent.
///
/// | bytes | content |
/// |---|---|
/// | 0 | STOP, so that the code can never run |
/// | 1 + 88·i … | row i: x (32), y (32), native weight (12), external weight (12), big-endian; row 0 sums up the others |
///
/// @dev Knows nothing of services, epochs or time: who may write a table, and for how long it is believed, is the
/// caller's.
library OperatorTables {
    /// @notice More operators than one contract's code can hold.
    error TooManyOperators(uint256 count, uint256 limit);
    /// @notice The weights of all operators together exceed 96 bits.
    error WeightOverflow(uint256 totalNative, uint256 totalExternal);
    /// @notice The code could not be deployed, for lack of gas.
    error TableNotWritten();
    /// @notice The bitmap has another number of words than the table needs, or bits beyond the last operator.
    error MalformedBitmap(uint256 words, uint256 operators);
    /// @notice Adding the keys failed, for lack of gas.
    error KeysNotSummed();

    uint256 internal constant ROW_BYTES = 88;
    /// @notice ⌊(24 576 − 1) / 88⌋ − 1.
    uint256 internal constant MAX_OPERATORS = 278;

    uint256 private constant WEIGHTS_MASK = (1 << 192) - 1;
    uint256 private constant CREATION_BYTES = 10;

    /// @notice Stores the rows, behind their sum, as the code of a new contract.
    function write(Row[] memory rows) internal returns (address pointer) {
        uint256 count = rows.length;
        if (count > MAX_OPERATORS) revert TooManyOperators(count, MAX_OPERATORS);
        Row memory sum = total(rows);
        uint256 size = 1 + ROW_BYTES * (count + 1);
        bytes memory creation = new bytes(CREATION_BYTES + size);
        uint256 cursor;
        assembly ("memory-safe") {
            cursor := add(creation, 0x20)
            // PUSH2 size, DUP1, PUSH1 10, PUSH0, CODECOPY, PUSH0, RETURN: returns all that follows.
            mstore(cursor, or(shl(232, or(0x610000, size)), shl(176, 0x80600a5f395ff3)))
            cursor := add(cursor, add(CREATION_BYTES, 1))
        }
        cursor = _writeRow(cursor, sum);
        for (uint256 i = 0; i < count; i++) {
            cursor = _writeRow(cursor, rows[i]);
        }
        assembly ("memory-safe") {
            pointer := create(0, add(creation, 0x20), mload(creation))
        }
        if (pointer == address(0)) revert TableNotWritten();
    }

    /// @notice Row 0: the aggregate key and the total weights.
    function total(Row[] memory rows) internal view returns (Row memory sum) {
        uint256 totalNative;
        uint256 totalExternal;
        for (uint256 i = 0; i < rows.length; i++) {
            sum.key = BN254.add(sum.key, rows[i].key);
            totalNative += rows[i].nativeWeight;
            totalExternal += rows[i].externalWeight;
        }
        if (totalNative > type(uint96).max || totalExternal > type(uint96).max) {
            revert WeightOverflow(totalNative, totalExternal);
        }
        sum.nativeWeight = uint96(totalNative);
        sum.externalWeight = uint96(totalExternal);
    }

    /// @notice Row `index` of a table; row 0 is the sum, row i the operator i − 1.
    function read(address pointer, uint256 index) internal view returns (Row memory row) {
        bytes memory code = new bytes(ROW_BYTES);
        assembly ("memory-safe") {
            extcodecopy(pointer, add(code, 0x20), add(1, mul(index, ROW_BYTES)), ROW_BYTES)
            mcopy(mload(row), add(code, 0x20), 0x40)
            let weights := and(mload(add(code, 0x58)), WEIGHTS_MASK)
            mstore(add(row, 0x20), shr(96, weights))
            mstore(add(row, 0x40), and(weights, 0xffffffffffffffffffffffff))
        }
    }

    /// @notice Aggregate key and weights of the operators whose bits are set: the table's sum less the absent.
    /// @dev In terms of `read`:
    ///
    ///     sum = −row 0's key; signed = row 0's weights
    ///     for each operator i whose bit is not set: sum += row i + 1's key; signed −= its weights
    ///     key = −sum
    ///
    /// The rows of a bitmap word are copied to memory at once, unless nobody in it is absent.
    /// @param count How many operators the table holds, as its writer recorded.
    /// @param signers Bit `i % 256` of word `i / 256` stands for operator `i`.
    /// @return key Sum of the signers' keys; infinity when there are none.
    /// @return signed Sum of the signers' weights.
    /// @return all Sum of all weights.
    function sumSigners(address pointer, uint256 count, uint256[] calldata signers)
        internal
        view
        returns (G1 memory key, WeightPair signed, WeightPair all)
    {
        if (signers.length != (count + 255) / 256) revert MalformedBitmap(signers.length, count);
        uint256 sum = _loadNegatedSum(pointer);
        all = _weightsAt(sum);
        signed = all;
        uint256 rows = sum + ROW_BYTES;
        uint256 left = count;
        unchecked {
            for (uint256 i = 0; left != 0; i++) {
                uint256 inWord = left < 256 ? left : 256;
                uint256 everyone = left < 256 ? (1 << left) - 1 : type(uint256).max;
                uint256 absent = signers[i] ^ everyone;
                if (absent > everyone) revert MalformedBitmap(signers.length, count);
                if (absent != 0) {
                    _loadRows(pointer, rows, i * 256 + 1, inWord);
                    (sum, signed) = _subtract(absent, rows, sum, signed);
                }
                rows += ROW_BYTES * 256;
                left -= inWord;
            }
        }
        assembly ("memory-safe") {
            mcopy(key, sum, 0x40)
        }
        key = BN254.negate(key);
    }

    /// @dev Copies row 0 behind the memory that is in use, with its key negated, and returns where it is.
    function _loadNegatedSum(address pointer) private view returns (uint256 sum) {
        uint256 y;
        assembly ("memory-safe") {
            sum := mload(0x40)
            extcodecopy(pointer, sum, 1, ROW_BYTES)
            y := mload(add(sum, 0x20))
        }
        y = y == 0 ? 0 : BN254.P - y;
        assembly ("memory-safe") {
            mstore(add(sum, 0x20), y)
        }
    }

    /// @dev Copies `count` rows, from row `first` on, to `target`.
    function _loadRows(address pointer, uint256 target, uint256 first, uint256 count) private view {
        assembly ("memory-safe") {
            extcodecopy(pointer, target, add(1, mul(first, ROW_BYTES)), mul(count, ROW_BYTES))
        }
    }

    function _weightsAt(uint256 row) private pure returns (WeightPair weights) {
        assembly ("memory-safe") {
            weights := and(mload(add(row, 0x38)), WEIGHTS_MASK)
        }
    }

    /// @dev Adds the keys of the absent to the point at `sum`, and takes their weights from `signed`, from the last
    /// operator to the first. Every ECADD reads its two points where they lie: the running sum is moved to the 64 bytes
    /// behind the absent operator's key, over its weights and rows that were dealt with, and the new one overwrites
    /// that key.
    /// @param absent Bits of the absent, not 0; bit 0 stands for the row at `rows`.
    /// @return newSum Where the sum lies now.
    function _subtract(uint256 absent, uint256 rows, uint256 sum, WeightPair signed)
        private
        view
        returns (uint256 newSum, WeightPair newSigned)
    {
        bool ok = true;
        assembly ("memory-safe") {
            let row := add(rows, mul(ROW_BYTES, 255))
            for {} absent {} {
                let skip := clz(absent)
                row := sub(row, mul(ROW_BYTES, skip))
                // The last 32 bytes of the row. Above the weights are 8 bytes of the key, which the mask below takes
                // away.
                signed := sub(signed, mload(add(row, 0x38)))
                mcopy(add(row, 0x40), sum, 0x40)
                ok := and(ok, staticcall(gas(), 0x06, row, 0x80, row, 0x40))
                sum := row
                row := sub(row, ROW_BYTES)
                absent := shl(1, shl(skip, absent))
            }
            newSigned := and(signed, WEIGHTS_MASK)
        }
        if (!ok) revert KeysNotSummed();
        return (sum, newSigned);
    }

    /// @dev Writes 88 bytes at `cursor`, which must lie in allocated memory, and returns where the next row begins.
    function _writeRow(uint256 cursor, Row memory row) private pure returns (uint256 next) {
        G1 memory key = row.key;
        uint256 weights = uint256(row.nativeWeight) << 96 | row.externalWeight;
        // bytes.concat(bytes32(key.x), bytes32(key.y), bytes12(nativeWeight), bytes12(externalWeight));
        assembly ("memory-safe") {
            // Right-aligned in the row's last 32 bytes; the key, written after it, repairs the 8 bytes of overlap.
            mstore(add(cursor, 0x38), weights)
            mcopy(cursor, key, 0x40)
            next := add(cursor, ROW_BYTES)
        }
    }
}
