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
/// @dev Knows nothing of services, epochs or time: who may write a table, and for how long it is believed, is the caller's.
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
        uint256 words = signers.length;
        if (words != (count + 255) / 256) revert MalformedBitmap(words, count);

        // The reference, in Solidity:
        //
        //   Row memory sum = read(pointer, 0);
        //   G1 memory negated = BN254.negate(sum.key);
        //   for each operator i that is absent:
        //       Row memory row = read(pointer, i + 1);
        //       negated = BN254.add(negated, row.key);
        //       signed -= row.weights;
        //   key = BN254.negate(negated);
        //
        // Below, the whole table is copied to memory once, and every ECADD reads its two points where they lie: the running sum is
        // moved to the 64 bytes in front of the absent operator's row, over rows that were dealt with, and the new one
        // overwrites that row's key.
        bool ok = true;
        bool stray;
        assembly ("memory-safe") {
            let prime := 0x30644e72e131a029b85045b68181585d97816a916871ca8d3c208c16d87cfd47
            let base := mload(0x40)
            extcodecopy(pointer, base, 1, mul(ROW_BYTES, add(count, 1)))
            all := and(mload(add(base, 0x38)), WEIGHTS_MASK)
            signed := all
            // The negated sum; y is 0 only at infinity, which stays so.
            let y := mload(add(base, 0x20))
            if y { mstore(add(base, 0x20), sub(prime, y)) }

            let acc := base
            let firstRow := add(base, ROW_BYTES)
            for { let i := 0 } lt(i, words) { i := add(i, 1) } {
                let mask := not(0)
                let inWord := sub(count, mul(i, 256))
                if lt(inWord, 256) { mask := sub(shl(inWord, 1), 1) }
                let present := calldataload(add(signers.offset, mul(i, 0x20)))
                stray := or(stray, iszero(iszero(and(present, not(mask)))))
                let wordRow := add(firstRow, mul(ROW_BYTES, mul(i, 256)))
                for { let absent := and(not(present), mask) } absent { absent := and(absent, sub(absent, 1)) } {
                    let row := add(wordRow, mul(ROW_BYTES, sub(255, clz(and(absent, sub(0, absent))))))
                    signed := sub(signed, and(mload(add(row, 0x38)), WEIGHTS_MASK))
                    let input := sub(row, 0x40)
                    mcopy(input, acc, 0x40)
                    ok := and(ok, staticcall(gas(), 0x06, input, 0x80, row, 0x40))
                    acc := row
                }
            }
            mcopy(key, acc, 0x40)
            y := mload(add(key, 0x20))
            if y { mstore(add(key, 0x20), sub(prime, y)) }
        }
        if (stray) revert MalformedBitmap(words, count);
        if (!ok) revert KeysNotSummed();
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
