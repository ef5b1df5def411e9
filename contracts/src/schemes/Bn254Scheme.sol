// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.31;

import {AggregateScheme} from "./AggregateScheme.sol";
import {ISignatureScheme} from "../interfaces/ISignatureScheme.sol";
import {BN254, G1, G2} from "../libraries/BN254.sol";
import {RowSums} from "../libraries/RowSums.sol";

/// @title Bn254Scheme
/// @notice BLS on BN254 with signatures in G1, keys in G1 and G2, compatible with EigenLayer's middleware.
/// @dev Keys are summed in G1, for BN254 has no addition in G2 on chain; the sum in G2 comes with the proof and is bound
/// to the one in G1 by the signature check. A registered key is G1, then G2; a row has G1 only.
contract Bn254Scheme is AggregateScheme {
    using BN254 for G1;
    using BN254 for G2;

    uint256 private constant G1_BYTES = 64;
    uint256 private constant G2_BYTES = 128;
    uint256 private constant PROOF_BYTES = 256;

    /// @inheritdoc ISignatureScheme
    bytes32 public constant name = "bn254";

    /// @inheritdoc ISignatureScheme
    function keyBytes() public pure override returns (uint256) {
        return G1_BYTES;
    }

    /// @inheritdoc ISignatureScheme
    function verifyPossession(bytes32 digest, bytes calldata key, bytes calldata signature) external view {
        if (key.length != G1_BYTES + G2_BYTES) revert MalformedKey(key.length);
        if (signature.length != G1_BYTES) revert MalformedProof(signature.length);
        (G1 memory p1, G2 memory p2) = abi.decode(key, (G1, G2));
        G1 memory sigma = abi.decode(signature, (G1));
        _requireSignature(digest, BN254.hashToG1(digest), p1, p2, sigma);
    }

    /// @dev The proof is the signature, the sum of the signers' keys in G2, and the hint for hashing to the curve: how many
    /// abscissas were passed over, and the ordinate (see `BN254.hashToG1WithHint`).
    function _requireSignature(bytes32 digest, uint256 key, bytes calldata proof) internal view override {
        if (proof.length != PROOF_BYTES) revert MalformedProof(proof.length);
        (G1 memory sigma, G2 memory apk, uint256 passed, uint256 y) = abi.decode(proof, (G1, G2, uint256, uint256));
        if (passed > type(uint8).max) revert BN254.InvalidHint(digest);
        G1 memory message = G1(BN254.hashToG1WithHint(digest, uint8(passed), y), y);
        _requireSignature(digest, message, _at(key), apk, sigma);
    }

    function _requireSignature(bytes32 digest, G1 memory message, G1 memory p1, G2 memory p2, G1 memory sigma)
        private
        view
    {
        if (p1.isInfinity() || p2.isInfinity() || sigma.isInfinity()) revert PointAtInfinity();
        if (!BN254.verify(digest, message, p1, p2, sigma)) revert InvalidSignature(digest);
    }

    function _newPoint() internal pure override returns (uint256) {
        G1 memory infinity;
        return _address(infinity);
    }

    function _requireKey(uint256 packed) internal pure override {
        if (_at(packed).isInfinity()) revert PointAtInfinity();
    }

    function _unpack(uint256 point, uint256 packed) internal pure override {
        G1 memory target = _at(point);
        G1 memory source = _at(packed);
        (target.x, target.y) = (source.x, source.y);
    }

    function _pack(uint256 point, uint256 packed) internal pure override {
        _unpack(packed, point);
    }

    function _add(uint256 point, uint256 packed) internal view override {
        G1 memory target = _at(point);
        G1 memory sum = target.add(_at(packed));
        (target.x, target.y) = (sum.x, sum.y);
    }

    function _addRows(uint256 point, address chunk, uint256 bits) internal view override returns (uint256) {
        return RowSums.addBn254(chunk, bits, point);
    }

    function _subtract(uint256 point, uint256 other) internal view override {
        _unpack(other, _address(_at(other).negate()));
        _add(point, other);
    }

    /// @dev The packed form is the point's own.
    function _at(uint256 pointer) private pure returns (G1 memory point) {
        assembly ("memory-safe") {
            point := pointer
        }
    }

    function _address(G1 memory point) private pure returns (uint256 pointer) {
        assembly ("memory-safe") {
            pointer := point
        }
    }
}
