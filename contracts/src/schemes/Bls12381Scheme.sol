// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.31;

import {AggregateScheme} from "./AggregateScheme.sol";
import {ISignatureScheme} from "../interfaces/ISignatureScheme.sol";
import {BLS12381, PointG1, PointG2} from "../libraries/BLS12381.sol";
import {RowSums} from "../libraries/RowSums.sol";

/// @title Bls12381Scheme
/// @notice BLS on BLS12-381 with signatures in G1 and keys in G2, by the precompiles of EIP-2537.
/// @dev Keys are summed in G2, where this curve has a cheap addition, so nothing has to bind a key's halves to each other
/// and a proof is the signature alone: 96 bytes. Keys are in their subgroup because the pairing of `verifyPossession`
/// demands it.
contract Bls12381Scheme is AggregateScheme {
    using BLS12381 for PointG1;
    using BLS12381 for PointG2;

    /// @inheritdoc ISignatureScheme
    bytes32 public constant name = "bls12-381";

    /// @inheritdoc ISignatureScheme
    function keyBytes() public pure override returns (uint256) {
        return BLS12381.G2_BYTES;
    }

    /// @inheritdoc ISignatureScheme
    function verifyPossession(bytes32 digest, bytes calldata key, bytes calldata signature) external view {
        if (key.length != BLS12381.G2_BYTES) revert MalformedKey(key.length);
        PointG2 memory point;
        point.unpackG2(BLS12381.copy(key));
        _requireSignature(digest, point, signature);
    }

    function _requireSignature(bytes32 digest, uint256 key, bytes calldata proof) internal view override {
        _requireSignature(digest, BLS12381.at(key), proof);
    }

    function _requireSignature(bytes32 digest, PointG2 memory key, bytes calldata signature) private view {
        if (signature.length != BLS12381.G1_BYTES) revert MalformedProof(signature.length);
        PointG1 memory sigma = BLS12381.unpackG1(signature);
        if (sigma.isInfinity() || key.isInfinity()) revert PointAtInfinity();
        if (!BLS12381.verify(BLS12381.hashToG1(digest), key, sigma)) revert InvalidSignature(digest);
    }

    function _newPoint() internal pure override returns (uint256) {
        PointG2 memory point;
        return point.pointer();
    }

    function _requireKey(uint256 packed) internal pure override {
        PointG2 memory point;
        point.unpackG2(packed);
        if (point.isInfinity()) revert PointAtInfinity();
    }

    function _unpack(uint256 point, uint256 packed) internal pure override {
        BLS12381.at(point).unpackG2(packed);
    }

    function _pack(uint256 point, uint256 packed) internal pure override {
        BLS12381.at(point).packG2(packed);
    }

    function _add(uint256 point, uint256 packed) internal view override {
        BLS12381.at(point).addPacked(packed);
    }

    function _addRows(uint256 point, address chunk, uint256 bits) internal view override returns (uint256) {
        return RowSums.addBls12381(chunk, bits, point);
    }

    function _subtract(uint256 point, uint256 other) internal view override {
        BLS12381.at(other).negate();
        BLS12381.at(point).add(BLS12381.at(other));
    }
}
