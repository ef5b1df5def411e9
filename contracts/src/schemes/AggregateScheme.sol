// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.31;

import {ISignatureScheme, SchemeWeights} from "../interfaces/ISignatureScheme.sol";
import {SchemeTables, WeightSums} from "../libraries/SchemeTables.sol";

/// @notice A sum of keys: a point in memory, once there is `some` key in it.
struct KeySum {
    uint256 point;
    bool some;
}

/// @title AggregateScheme
/// @notice What schemes share whose keys and signatures can be summed: the signers' keys become one, which is checked
/// once.
/// @dev The sum of a chunk is in its row 0, so per chunk either the absent are subtracted from it or the signers are
/// summed, whichever are fewer. What is subtracted is summed by itself and negated once.
abstract contract AggregateScheme is ISignatureScheme {
    using SchemeTables for uint256;

    /// @inheritdoc ISignatureScheme
    function maxOperators() external view returns (uint256) {
        return SchemeTables.capacity(keyBytes());
    }

    /// @inheritdoc ISignatureScheme
    function writeChunk(bytes calldata rows) external returns (address chunk) {
        (bytes memory creation, uint256 row0, uint256 count) = SchemeTables.draft(rows, keyBytes());
        uint256 stride = SchemeTables.rowBytes(keyBytes());
        // To the point at infinity, so that the curve's addition looks at the first key as well.
        KeySum memory sum = KeySum(_newPoint(), true);
        for (uint256 i = 1; i <= count; i++) {
            _requireKey(row0 + i * stride);
            _add(sum.point, row0 + i * stride);
        }
        _pack(sum.point, row0);
        return SchemeTables.deploy(creation);
    }

    /// @inheritdoc ISignatureScheme
    function verify(bytes32 digest, address[] calldata chunks, uint256[] calldata signers, bytes calldata proof)
        external
        view
        returns (SchemeWeights memory)
    {
        if (signers.length != chunks.length) revert MalformedBitmap(signers.length, chunks.length);
        KeySum memory added = KeySum(_newPoint(), false);
        KeySum memory taken = KeySum(_newPoint(), false);
        WeightSums signed;
        WeightSums total;
        for (uint256 i = 0; i < chunks.length; i++) {
            (WeightSums ofSigners, WeightSums ofAll) = _tally(chunks[i], signers, i, added, taken);
            signed = signed + ofSigners;
            total = total + ofAll;
        }
        if (!added.some) revert NoSigners();
        if (taken.some) _subtract(added.point, taken.point);
        _requireSignature(digest, added.point, proof);
        return SchemeTables.unpack(signed, total);
    }

    /// @dev Takes the signers of chunk `i` into the sums of keys, and returns their and everyone's weights.
    function _tally(address chunk, uint256[] calldata signers, uint256 i, KeySum memory added, KeySum memory taken)
        private
        view
        returns (WeightSums signed, WeightSums total)
    {
        uint256 bytesOfKey = keyBytes();
        (uint256 present, uint256 absent) = SchemeTables.split(chunk, bytesOfKey, signers[i], signers.length);
        uint256 row0 = SchemeTables.allocate(SchemeTables.rowBytes(bytesOfKey));
        SchemeTables.load(chunk, bytesOfKey, 0, row0);
        total = row0.weightsAt(bytesOfKey);
        if (absent != 0 && present.ones() < absent.ones()) return (_includeRows(added, chunk, present), total);
        _include(added, row0);
        return (total - _includeRows(taken, chunk, absent), total);
    }

    /// @dev Adds the keys of the operators in `bits`, and returns their weights.
    function _includeRows(KeySum memory sum, address chunk, uint256 bits) private view returns (WeightSums) {
        if (bits == 0) return WeightSums.wrap(0);
        sum.some = true;
        return SchemeTables.widen(_addRows(sum.point, chunk, bits));
    }

    /// @dev The first key is copied: adding it to infinity would cost as much as any other addition.
    function _include(KeySum memory sum, uint256 packed) private view {
        if (sum.some) return _add(sum.point, packed);
        sum.some = true;
        _unpack(sum.point, packed);
    }

    /// @inheritdoc ISignatureScheme
    function keyBytes() public view virtual returns (uint256);

    /// @dev The point at infinity, in new memory.
    function _newPoint() internal pure virtual returns (uint256 point);

    /// @dev Demands that the packed key is not the point at infinity. What else is wrong with it `_add` finds.
    function _requireKey(uint256 packed) internal pure virtual;

    /// @dev Sets the point to the packed key.
    function _unpack(uint256 point, uint256 packed) internal pure virtual;

    /// @dev Writes the point's packed form over the key at `packed`.
    function _pack(uint256 point, uint256 packed) internal pure virtual;

    /// @dev Adds the packed key to the point.
    function _add(uint256 point, uint256 packed) internal view virtual;

    /// @dev Adds the keys of the operators in `bits` to the point, and returns their weights, native << 96 | external.
    function _addRows(uint256 point, address chunk, uint256 bits) internal view virtual returns (uint256 weights);

    /// @dev Subtracts `other` from the point; both were unpacked and summed by this contract.
    function _subtract(uint256 point, uint256 other) internal view virtual;

    /// @dev Demands that `proof` carries the signature over `digest` under the summed key.
    function _requireSignature(bytes32 digest, uint256 key, bytes calldata proof) internal view virtual;
}
