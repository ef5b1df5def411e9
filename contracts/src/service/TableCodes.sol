// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.31;

import {ITableKeeper} from "../interfaces/ITableKeeper.sol";
import {BN254, G1, G2} from "../libraries/BN254.sol";
import {OperatorChunk} from "../libraries/OperatorChunk.sol";
import {OperatorTables, Row, WeightPair} from "../libraries/OperatorTables.sol";
import {Table} from "../types/Table.sol";

/// @title TableCodes
/// @notice Writes operator tables as contract code, in the form that `OperatorTables` reads, and searches them.
/// @dev Knows no state and no service: rows come in, addresses of contracts go out.
library TableCodes {
    using BN254 for G1;

    uint256 private constant CREATION_BYTES = 10;
    uint256 private constant APK_BYTES = 128;

    /// @notice Writes a table of 1 to 256 operators.
    /// @param apk Sum of the operators' G2 keys; checked.
    function writeTable(Row[] memory list, G2 memory apk) internal returns (address) {
        Row memory sum = sumOf(list);
        requireAggregate(sum.key, apk);
        bytes memory code = _chunk(list, sum, APK_BYTES);
        _putKey(_at(code, code.length - APK_BYTES), apk);
        return _deploy(code);
    }

    /// @notice Writes a chunk of 1 to 256 operators: a small table without the G2 key.
    /// @param known A chunk that is returned instead if it is the same.
    function writeChunk(Row[] memory list, address known) internal returns (address) {
        bytes memory code = _chunk(list, sumOf(list), 0);
        return keccak256(code) == known.codehash ? known : _deploy(code);
    }

    /// @notice Writes a table over chunks.
    /// @param count How many operators they hold together.
    /// @param apk Sum of the operators' G2 keys; checked.
    function writeOver(address[] memory chunks, uint256 count, G2 memory apk) internal returns (address) {
        Row[] memory parts = new Row[](chunks.length);
        for (uint256 i = 0; i < chunks.length; i++) {
            uint256 end = OperatorTables.PROGRAM_BYTES + OperatorTables.ROW_BYTES * OperatorTables.rowsIn(count, i);
            parts[i] = OperatorTables.readRow(chunks[i], end);
        }
        Row memory sum = sumOf(parts);
        requireAggregate(sum.key, apk);
        return writeHead(sum, apk, chunks, "");
    }

    /// @notice Writes a table that has its rows elsewhere.
    function writeHead(Row memory sum, G2 memory apk, address[] memory chunks, bytes memory corrections)
        internal
        returns (address)
    {
        bytes memory code = new bytes(
            1 + OperatorTables.HEAD_BYTES + OperatorTables.POINTER_BYTES * chunks.length + corrections.length
        );
        uint256 cursor = _putKey(_putRow(_at(code, 1), sum), apk);
        for (uint256 i = 0; i < chunks.length; i++) {
            cursor = _putAddress(cursor, chunks[i]);
        }
        assembly ("memory-safe") {
            mcopy(cursor, add(corrections, 0x20), mload(corrections))
        }
        return _deploy(code);
    }

    /// @notice Sum of a table's rows, and of its operators' G2 keys.
    function total(Table table) internal view returns (Row memory sum, G2 memory apk) {
        address pointer = table.pointer();
        uint256 offset = OperatorTables.headOffset(table);
        sum = OperatorTables.readRow(pointer, offset);
        assembly ("memory-safe") {
            extcodecopy(pointer, apk, add(offset, 88), APK_BYTES)
        }
    }

    /// @notice Sum of rows.
    function sumOf(Row[] memory list) internal view returns (Row memory sum) {
        uint256 totalNative;
        uint256 totalExternal;
        G1 memory key = sum.key;
        for (uint256 i = 0; i < list.length; i++) {
            _addTo(key, list[i].key);
            totalNative += list[i].nativeWeight;
            totalExternal += list[i].externalWeight;
        }
        setWeights(sum, totalNative, totalExternal);
    }

    function setWeights(Row memory sum, uint256 totalNative, uint256 totalExternal) internal pure {
        if (totalNative > type(uint96).max || totalExternal > type(uint96).max) {
            revert ITableKeeper.WeightOverflow(totalNative, totalExternal);
        }
        sum.nativeWeight = uint96(totalNative);
        sum.externalWeight = uint96(totalExternal);
    }

    /// @notice Demands that the G2 key is the other half of the G1 key.
    /// @dev The pairing accepts infinity for infinity, under which nothing could be signed.
    function requireAggregate(G1 memory key, G2 memory apk) internal view {
        if (key.isInfinity() || !BN254.halvesMatch(key, apk)) revert ITableKeeper.InvalidAggregateKey();
    }

    /// @notice Position of the row with one of the keys.
    function find(Table table, G1[] calldata keys) internal view returns (bool, uint256) {
        uint256 count = table.count();
        uint256 words = OperatorTables.wordsFor(count);
        for (uint256 word = 0; word < words; word++) {
            uint256 inChunk = OperatorTables.rowsIn(count, word);
            uint256 copy = _loadRows(OperatorTables.chunkOf(table, word), inChunk);
            for (uint256 k = 0; k < keys.length; k++) {
                uint256 index = _search(copy, inChunk, keys[k].x, keys[k].y);
                if (index != inChunk) return (true, word * OperatorTables.CHUNK_ROWS + index);
            }
        }
        return (false, 0);
    }

    /// @dev Program, rows and their sum, and room for `spare` bytes.
    function _chunk(Row[] memory list, Row memory sum, uint256 spare) private pure returns (bytes memory code) {
        uint256 count = list.length;
        code = new bytes(OperatorTables.PROGRAM_BYTES + OperatorTables.ROW_BYTES * (count + 1) + spare);
        bytes memory program = OperatorChunk.PROGRAM;
        assembly ("memory-safe") {
            mcopy(add(code, 0x20), add(program, 0x20), mload(program))
        }
        uint256 cursor = _at(code, OperatorTables.PROGRAM_BYTES);
        for (uint256 i = 0; i < count; i++) {
            cursor = _putRow(cursor, list[i]);
        }
        _putRow(cursor, sum);
    }

    /// @dev Contract whose code is `code`.
    function _deploy(bytes memory code) private returns (address pointer) {
        bytes memory creation = new bytes(CREATION_BYTES + code.length);
        assembly ("memory-safe") {
            let cursor := add(creation, 0x20)
            let size := mload(code)
            // PUSH2 size, DUP1, PUSH1 10, PUSH0, CODECOPY, PUSH0, RETURN: returns all that follows.
            mstore(cursor, or(shl(232, or(0x610000, size)), shl(176, 0x80600a5f395ff3)))
            mcopy(add(cursor, CREATION_BYTES), add(code, 0x20), size)
            pointer := create(0, cursor, mload(creation))
        }
        if (pointer == address(0)) revert ITableKeeper.TableNotWritten();
    }

    function _at(bytes memory code, uint256 offset) private pure returns (uint256 cursor) {
        assembly ("memory-safe") {
            cursor := add(add(code, 0x20), offset)
        }
    }

    /// @dev Writes 88 bytes at `cursor`, which must lie in allocated memory, and returns where they end.
    function _putRow(uint256 cursor, Row memory row) private pure returns (uint256 next) {
        G1 memory key = row.key;
        uint256 weights = WeightPair.unwrap(OperatorTables.pairOf(row));
        // bytes.concat(bytes32(key.x), bytes32(key.y), bytes12(nativeWeight), bytes12(externalWeight));
        assembly ("memory-safe") {
            // Right-aligned in the row's last 32 bytes; the key, written after it, repairs the 8 bytes of overlap.
            mstore(add(cursor, 0x38), weights)
            mcopy(cursor, key, 0x40)
            next := add(cursor, 88)
        }
    }

    function _putKey(uint256 cursor, G2 memory key) private pure returns (uint256 next) {
        assembly ("memory-safe") {
            mcopy(cursor, key, 0x80)
            next := add(cursor, 0x80)
        }
    }

    function _putAddress(uint256 cursor, address value) private pure returns (uint256 next) {
        // bytes20(value);
        assembly ("memory-safe") {
            // Right-aligned in the 32 bytes that end with it: what it overlaps is written already, and kept.
            let word := sub(cursor, 12)
            mstore(word, or(shl(160, shr(160, mload(word))), value))
            next := add(cursor, 20)
        }
    }

    /// @dev sum = sum + key, in place.
    function _addTo(G1 memory sum, G1 memory key) private view {
        bool ok;
        // sum = BN254.add(sum, key);
        assembly ("memory-safe") {
            let input := mload(0x40)
            mcopy(input, sum, 0x40)
            mcopy(add(input, 0x40), key, 0x40)
            ok := staticcall(gas(), 0x06, input, 0x80, sum, 0x40)
        }
        if (!ok) revert BN254.InvalidPoint();
    }

    /// @dev Copies the rows of a chunk behind the memory that is in use, and leaves them there.
    function _loadRows(address chunk, uint256 count) private view returns (uint256 copy) {
        assembly ("memory-safe") {
            copy := mload(0x40)
            extcodecopy(chunk, copy, 73, mul(count, 88))
        }
    }

    /// @dev Index of the row with the key, or `count`.
    function _search(uint256 copy, uint256 count, uint256 x, uint256 y) private pure returns (uint256 index) {
        // while (index < count && (rows[index].key.x != x || rows[index].key.y != y)) index++;
        assembly ("memory-safe") {
            for { let row := copy } lt(index, count) { index := add(index, 1) } {
                if and(eq(mload(row), x), eq(mload(add(row, 0x20)), y)) { break }
                row := add(row, 88)
            }
        }
    }
}
