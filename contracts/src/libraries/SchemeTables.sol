// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.31;

import {ISignatureScheme, SchemeWeights} from "../interfaces/ISignatureScheme.sol";

/// @notice Sums of weights in one word: native << 128 | external. 2^32 chunks can not make one spill into the other.
type WeightSums is uint256;

using {plus as +, minus as -} for WeightSums global;

function plus(WeightSums a, WeightSums b) pure returns (WeightSums) {
    unchecked {
        return WeightSums.wrap(WeightSums.unwrap(a) + WeightSums.unwrap(b));
    }
}

/// @dev Both sums of b must be parts of those of a.
function minus(WeightSums a, WeightSums b) pure returns (WeightSums) {
    unchecked {
        return WeightSums.wrap(WeightSums.unwrap(a) - WeightSums.unwrap(b));
    }
}

/// @title SchemeTables
/// @notice Chunks of operator tables as contract code, with keys of any length; the layout is in `ISignatureScheme`.
/// @dev Knows nothing of keys. A table that more than one chunk makes up is its caller's list of them.
library SchemeTables {
    /// @notice One bitmap word.
    uint256 internal constant MAX_OPERATORS = 256;

    uint256 private constant WEIGHT_BYTES = 24;
    uint256 private constant MAX_CODE_BYTES = 24_576;
    uint256 private constant CREATION_BYTES = 10;
    uint256 private constant WEIGHT_MASK = (1 << 96) - 1;

    /// @notice How long a row with a key of `keyBytes` is.
    function rowBytes(uint256 keyBytes) internal pure returns (uint256) {
        return keyBytes + WEIGHT_BYTES;
    }

    /// @notice How many operators a chunk holds at most.
    function capacity(uint256 keyBytes) internal pure returns (uint256) {
        uint256 fit = (MAX_CODE_BYTES - 1) / rowBytes(keyBytes) - 1;
        return fit < MAX_OPERATORS ? fit : MAX_OPERATORS;
    }

    /// @notice Creation code of the chunk of `rows`, with their total weights in row 0 and zeros for its key.
    /// @return creation To be completed with the key of row 0, then deployed.
    /// @return row0 Where row 0 lies in memory; the others follow.
    /// @return count How many rows follow.
    function draft(bytes calldata rows, uint256 keyBytes)
        internal
        pure
        returns (bytes memory creation, uint256 row0, uint256 count)
    {
        uint256 stride = rowBytes(keyBytes);
        count = rows.length / stride;
        if (count == 0 || rows.length % stride != 0) revert ISignatureScheme.MalformedRows(rows.length, stride);
        if (count > capacity(keyBytes)) revert ISignatureScheme.TooManyOperators(count, capacity(keyBytes));
        uint256 size = 1 + stride + rows.length;
        creation = new bytes(CREATION_BYTES + size);
        assembly ("memory-safe") {
            row0 := add(creation, 0x20)
            // PUSH2 size, DUP1, PUSH1 10, PUSH0, CODECOPY, PUSH0, RETURN: returns all that follows.
            mstore(row0, or(shl(232, or(0x610000, size)), shl(176, 0x80600a5f395ff3)))
            row0 := add(row0, add(CREATION_BYTES, 1))
            calldatacopy(add(row0, stride), rows.offset, rows.length)
        }
        _writeWeights(row0, keyBytes, _sumWeights(row0, keyBytes, count));
    }

    /// @notice The chunk with this creation code, deployed unless it is there already.
    function deploy(bytes memory creation) internal returns (address chunk) {
        chunk = address(
            uint160(uint256(keccak256(abi.encodePacked(hex"ff", address(this), uint256(0), keccak256(creation)))))
        );
        if (chunk.code.length != 0) return chunk;
        // chunk = address(new Chunk{salt: 0}());
        assembly ("memory-safe") {
            chunk := create2(0, add(creation, 0x20), mload(creation), 0)
        }
        if (chunk == address(0)) revert ISignatureScheme.TableNotWritten();
    }

    /// @notice Who of a chunk signed, and who did not.
    function split(address chunk, uint256 keyBytes, uint256 word, uint256 chunks)
        internal
        view
        returns (uint256 present, uint256 absent)
    {
        uint256 size = chunk.code.length;
        uint256 stride = rowBytes(keyBytes);
        uint256 rows = size / stride;
        // Row 0, at least one operator's, and the one byte before them.
        if (rows < 2 || rows > 1 + MAX_OPERATORS || size % stride != 1) revert ISignatureScheme.NotAChunk(chunk);
        uint256 everyone = type(uint256).max >> (1 + MAX_OPERATORS - rows);
        if (word > everyone) revert ISignatureScheme.MalformedBitmap(chunks, chunks);
        return (word, word ^ everyone);
    }

    /// @notice Copies row `index` of a chunk to memory at `buffer`; row 0 is the sum, row i the operator i − 1.
    function load(address chunk, uint256 keyBytes, uint256 index, uint256 buffer) internal view {
        uint256 stride = rowBytes(keyBytes);
        assembly ("memory-safe") {
            extcodecopy(chunk, buffer, add(1, mul(index, stride)), stride)
        }
    }

    /// @notice Room for a row.
    function allocate(uint256 size) internal pure returns (uint256 buffer) {
        bytes memory room = new bytes(size);
        assembly ("memory-safe") {
            buffer := add(room, 0x20)
        }
    }

    /// @notice Weights of the row at `row`.
    function weightsAt(uint256 row, uint256 keyBytes) internal pure returns (WeightSums weights) {
        uint256 word;
        assembly ("memory-safe") {
            // The last 32 bytes of the row; above the weights are 8 bytes of the key.
            word := mload(add(row, sub(keyBytes, 8)))
        }
        return widen(word);
    }

    /// @notice Weights from native << 96 | external; what is above them is ignored.
    function widen(uint256 pair) internal pure returns (WeightSums) {
        return WeightSums.wrap((pair >> 96 & WEIGHT_MASK) << 128 | pair & WEIGHT_MASK);
    }

    /// @notice Sums as the interface gives them.
    function unpack(WeightSums signed, WeightSums total) internal pure returns (SchemeWeights memory) {
        (uint256 totalNative, uint256 totalExternal) = _parts(total);
        if (totalNative > type(uint96).max || totalExternal > type(uint96).max) {
            revert ISignatureScheme.WeightOverflow(totalNative, totalExternal);
        }
        (uint256 signedNative, uint256 signedExternal) = _parts(signed);
        return SchemeWeights(uint96(signedNative), uint96(signedExternal), uint96(totalNative), uint96(totalExternal));
    }

    /// @notice How many bits are set.
    function ones(uint256 word) internal pure returns (uint256) {
        unchecked {
            uint256 fives = type(uint256).max / 3;
            uint256 threes = type(uint256).max / 5;
            uint256 halves = type(uint256).max / 17;
            // All 256 do not fit the byte that the sum ends up in.
            if (word == type(uint256).max) return 256;
            word -= (word >> 1) & fives;
            word = (word & threes) + ((word >> 2) & threes);
            word = (word + (word >> 4)) & halves;
            return (word * (type(uint256).max / 255)) >> 248;
        }
    }

    /// @notice Position of the lowest bit of a word that is not zero.
    function lowestBit(uint256 word) internal pure returns (uint256 position) {
        assembly ("memory-safe") {
            position := sub(255, clz(and(word, sub(0, word))))
        }
    }

    function _sumWeights(uint256 row0, uint256 keyBytes, uint256 count) private pure returns (WeightSums sum) {
        uint256 stride = rowBytes(keyBytes);
        for (uint256 i = 1; i <= count; i++) {
            sum = sum + weightsAt(row0 + i * stride, keyBytes);
        }
        (uint256 totalNative, uint256 totalExternal) = _parts(sum);
        if (totalNative > type(uint96).max || totalExternal > type(uint96).max) {
            revert ISignatureScheme.WeightOverflow(totalNative, totalExternal);
        }
    }

    /// @dev Writes over the key's last 8 bytes with zeros.
    function _writeWeights(uint256 row, uint256 keyBytes, WeightSums weights) private pure {
        (uint256 nativeWeight, uint256 externalWeight) = _parts(weights);
        assembly ("memory-safe") {
            mstore(add(row, sub(keyBytes, 8)), or(shl(96, nativeWeight), externalWeight))
        }
    }

    function _parts(WeightSums weights) private pure returns (uint256 nativeWeight, uint256 externalWeight) {
        return (WeightSums.unwrap(weights) >> 128, uint128(WeightSums.unwrap(weights)));
    }
}
