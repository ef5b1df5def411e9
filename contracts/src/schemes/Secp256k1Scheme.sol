// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.31;

import {ISignatureScheme, SchemeWeights} from "../interfaces/ISignatureScheme.sol";
import {SchemeTables, WeightSums} from "../libraries/SchemeTables.sol";

/// @notice What of a table and a proof was looked at.
struct Tally {
    WeightSums signed;
    WeightSums total;
    uint256 used;
}

/// @title Secp256k1Scheme
/// @notice ECDSA signatures of accounts, one by one: the cheapest for small sets, and what wallets and hardware keys
/// make.
/// @dev A key is an account's address. A proof is the signatures of the signers in the order of their positions, each 64
/// bytes as in EIP-2098 (r, then s with the parity of R's ordinate in its top bit), with s at most half the order.
/// There is one form only, so there is one proof only for given signatures.
contract Secp256k1Scheme is ISignatureScheme {
    using SchemeTables for uint256;

    uint256 private constant KEY_BYTES = 20;
    uint256 private constant SIGNATURE_BYTES = 64;
    /// @dev ⌊order / 2⌋.
    uint256 private constant HALF_ORDER = 0x7fffffffffffffffffffffffffffffff5d576e7357a4501ddfe92f46681b20a0;

    /// @inheritdoc ISignatureScheme
    bytes32 public constant name = "secp256k1";
    /// @inheritdoc ISignatureScheme
    uint256 public constant keyBytes = KEY_BYTES;
    /// @inheritdoc ISignatureScheme
    uint256 public constant maxOperators = SchemeTables.MAX_OPERATORS;

    /// @inheritdoc ISignatureScheme
    function verifyPossession(bytes32 digest, bytes calldata key, bytes calldata signature) external pure {
        if (key.length != KEY_BYTES) revert MalformedKey(key.length);
        if (signature.length != SIGNATURE_BYTES) revert MalformedProof(signature.length);
        _requireSignature(digest, address(bytes20(key)), signature);
    }

    /// @inheritdoc ISignatureScheme
    function writeChunk(bytes calldata rows) external returns (address chunk) {
        (bytes memory creation, uint256 row0, uint256 count) = SchemeTables.draft(rows, KEY_BYTES);
        for (uint256 i = 1; i <= count; i++) {
            if (_keyAt(row0 + i * SchemeTables.rowBytes(KEY_BYTES)) == address(0)) revert PointAtInfinity();
        }
        return SchemeTables.deploy(creation);
    }

    /// @inheritdoc ISignatureScheme
    function verify(bytes32 digest, address[] calldata chunks, uint256[] calldata signers, bytes calldata proof)
        external
        view
        returns (SchemeWeights memory)
    {
        if (signers.length != chunks.length) revert MalformedBitmap(signers.length, chunks.length);
        Tally memory tally;
        for (uint256 i = 0; i < chunks.length; i++) {
            (uint256 present,) = SchemeTables.split(chunks[i], KEY_BYTES, signers[i], signers.length);
            _count(tally, digest, chunks[i], present, proof);
        }
        if (tally.used != proof.length) revert MalformedProof(proof.length);
        if (tally.used == 0) revert NoSigners();
        return SchemeTables.unpack(tally.signed, tally.total);
    }

    /// @dev Demands the next signatures of `proof` from the operators in `present`, and counts their and everyone's
    /// weights.
    function _count(Tally memory tally, bytes32 digest, address chunk, uint256 present, bytes calldata proof)
        private
        view
    {
        uint256 buffer = SchemeTables.allocate(SchemeTables.rowBytes(KEY_BYTES));
        SchemeTables.load(chunk, KEY_BYTES, 0, buffer);
        tally.total = tally.total + buffer.weightsAt(KEY_BYTES);
        uint256 end = tally.used;
        for (; present != 0; present &= present - 1) {
            SchemeTables.load(chunk, KEY_BYTES, present.lowestBit() + 1, buffer);
            tally.signed = tally.signed + buffer.weightsAt(KEY_BYTES);
            uint256 start = end;
            end += SIGNATURE_BYTES;
            if (end > proof.length) revert MalformedProof(proof.length);
            _requireSignature(digest, _keyAt(buffer), proof[start:end]);
        }
        tally.used = end;
    }

    function _requireSignature(bytes32 digest, address key, bytes calldata signature) private pure {
        bytes32 r = bytes32(signature[:32]);
        uint256 word = uint256(bytes32(signature[32:64]));
        uint256 s = word & type(uint256).max >> 1;
        if (s > HALF_ORDER) revert InvalidSignature(digest);
        address recovered = ecrecover(digest, uint8(27 + (word >> 255)), r, bytes32(s));
        if (recovered == address(0) || recovered != key) revert InvalidSignature(digest);
    }

    function _keyAt(uint256 row) private pure returns (address key) {
        assembly ("memory-safe") {
            key := shr(96, mload(row))
        }
    }
}
