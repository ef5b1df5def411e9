// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.31;

import {BN254} from "./BN254.sol";
import {OperatorTables, WeightPair} from "./OperatorTables.sol";
import {Epoch} from "../types/Ids.sol";
import {Table} from "../types/Table.sol";

/// @notice How a certificate names its signers.
enum Signers {
    /// Everyone in the table signed.
    Everyone,
    /// Everyone but those in the bitmap.
    Without,
    /// Those in the bitmap.
    Only
}

/// @title Certificates
/// @notice Whether a certificate is what it says: one true signature of all its signers.
///
/// A certificate is packed, as its calldata costs more than all arithmetic here but the curve's:
///
/// | offset | bytes | content |
/// |---|---|---|
/// | 0 | 1 | how it names its signers (`Signers`) |
/// | 1 | 1 | how many abscissas the hash to the curve passed over |
/// | 2 | 4 | epoch of the operator table that it was made under |
/// | 6 | 32 | ordinate of the hash to the curve (see `BN254.hashToG1WithHint`) |
/// | 38 | 128 | sum of the signers' G2 keys; not with `Everyone` |
/// | 166, or 38 | 64 | sum of the signatures, in G1 |
/// | 230 | ⌈n / 8⌉ | bitmap over the n operators of the table; not with `Everyone` |
///
/// Bit `i % 256` of word `i / 256` of the bitmap is operator `i`. A word is 32 bytes, big-endian; the last one goes
/// without the leading bytes in which it has no operators.
///
/// @dev Which table counts, whether it is fresh, and whether its signers are enough, is the caller's.
library Certificates {
    /// @notice The first byte is none of `Signers`, the length is not what it and the table demand, or the bitmap has bits
    /// beyond the last operator.
    error MalformedCertificate(uint256 length, uint256 operators);
    /// @notice The sum of the signers' G1 keys is the point at infinity: there are none, or their keys cancel out.
    error InfinityInCertificate();
    /// @notice The signature is not the signers' over this digest, or the G2 key is not the sum of theirs.
    error InvalidSignature(bytes32 digest);
    /// @notice A chunk of the table failed to add its keys, for lack of gas.
    error KeysNotSummed();

    /// @dev `BN254.P`.
    uint256 private constant P = 0x30644e72e131a029b85045b68181585d97816a916871ca8d3c208c16d87cfd47;
    uint256 private constant ORDINATE_OFFSET = 6;
    uint256 private constant APK_OFFSET = 38;
    uint256 private constant BITMAP_OFFSET = 230;
    /// @dev Of one where everyone signed.
    uint256 private constant SHORT_BYTES = 102;

    /// @notice Epoch of the table that the certificate was made under.
    function epochOf(bytes calldata certificate) internal pure returns (Epoch epoch) {
        assembly ("memory-safe") {
            epoch := and(shr(208, calldataload(certificate.offset)), 0xffffffff)
        }
    }

    /// @notice Bitmap of the signers among `count` operators.
    /// @dev Of a certificate that was verified.
    function signersOf(bytes calldata certificate, uint256 count) internal pure returns (uint256[] memory signers) {
        uint256 kind = _kind(certificate);
        signers = new uint256[](OperatorTables.wordsFor(count));
        for (uint256 i = 0; i < signers.length; i++) {
            uint256 named = kind == uint256(Signers.Everyone) ? 0 : _word(certificate, count, i);
            signers[i] = kind == uint256(Signers.Only) ? named : named ^ OperatorTables.everyone(count, i);
        }
    }

    /// @notice Demands that `certificate` carries the signature over `digest` of the operators that it names, and sums
    /// up their weights.
    /// @return signed Sum of the signers' weights.
    /// @return total Sum of all weights.
    function verify(bytes calldata certificate, Table table, bytes32 digest)
        internal
        view
        returns (WeightPair signed, WeightPair total)
    {
        if (_kind(certificate) == uint256(Signers.Everyone)) {
            total = _verifyEveryone(certificate, table, digest);
            return (total, total);
        }
        uint256 at;
        if (table.isInline()) {
            // 1: malformed, 2: a chunk failed.
            uint256 fault;
            // In terms of `_sumChunks`, for one word of the bitmap:
            //
            //     (at, total) = _start(table, without); named = _addRows(table.pointer(), _word(certificate, count, 0), at);
            //     signed = without ? total - named : named; if (without) _negate(at);
            assembly ("memory-safe") {
                // What is written from here on is not allocated: nothing else is until it is read.
                at := mload(0x40)
                let sum := add(at, 0x20)
                let ordinate := add(at, 0x40)
                {
                    let count := and(shr(232, table), 0x3ff)
                    let size := shr(3, add(count, 7))
                    let mask := shr(sub(256, shl(3, size)), calldataload(add(certificate.offset, BITMAP_OFFSET)))
                    let wellFormed := iszero(or(shr(count, mask), xor(add(BITMAP_OFFSET, size), certificate.length)))
                    // Beyond the last row are no points, at which a chunk would burn its gas.
                    mstore(at, mul(wellFormed, mask))
                    fault := iszero(wellFormed)
                    // Instructions that take an address leave the bits above it alone.
                    extcodecopy(table, sum, add(mul(count, 88), 73), 88)
                }
                total := and(mload(add(at, 0x58)), 0xffffffffffffffffffffffffffffffffffffffffffffffff)
                switch byte(0, calldataload(certificate.offset))
                case 1 {
                    mstore(ordinate, sub(P, mload(ordinate)))
                    fault := or(shl(1, iszero(staticcall(gas(), table, at, 0x60, sum, 0x60))), fault)
                    // Infinity becomes (0, P) here, which is recognised by its x.
                    mstore(ordinate, sub(P, mload(ordinate)))
                    signed := sub(total, mload(add(at, 0x60)))
                }
                case 2 {
                    // Beyond the calldata lie zeros.
                    calldatacopy(sum, calldatasize(), 0x40)
                    fault := or(shl(1, iszero(staticcall(gas(), table, at, 0x60, sum, 0x60))), fault)
                    signed := mload(add(at, 0x60))
                }
                default { fault := 1 }
            }
            if (fault != 0) {
                if (fault == 2) revert KeysNotSummed();
                revert MalformedCertificate(certificate.length, table.count());
            }
        } else {
            (at, signed, total) = _sumChunks(certificate, table);
        }
        // The G2 key comes with the certificate, and is checked along.
        uint256 y = _ordinate(certificate);
        uint256 x = BN254.hashToG1WithHint(digest, _passed(certificate), y);
        bool infinity;
        // infinity = p1.isInfinity(); valid = BN254.verify(digest, G1(x, y), p1, apk, sigma);
        assembly ("memory-safe") {
            mstore(at, digest)
            calldatacopy(add(at, 0x60), add(certificate.offset, APK_OFFSET), 0xc0)
            // No point of the curve has x = 0.
            infinity := iszero(mload(add(at, 0x20)))
        }
        if (infinity) revert InfinityInCertificate();
        if (!BN254.verifyAt(at, x, y)) revert InvalidSignature(digest);
    }

    /// @dev The table's own G2 key was found to be that of its G1 keys when it was written: e(σ, −G2) · e(H, P2) = 1 is
    /// enough.
    function _verifyEveryone(bytes calldata certificate, Table table, bytes32 digest)
        private
        view
        returns (WeightPair total)
    {
        if (certificate.length != SHORT_BYTES) revert MalformedCertificate(certificate.length, table.count());
        address pointer = table.pointer();
        uint256 offset = OperatorTables.headOffset(table);
        uint256 y = _ordinate(certificate);
        uint256 x = BN254.hashToG1WithHint(digest, _passed(certificate), y);
        uint256 at;
        // (sum, apk) = head of the table; total = sum.weights; sigma = certificate[38:102];
        // valid = BN254.pairs(sigma, G1(x, y), apk);
        assembly ("memory-safe") {
            // The head comes to lie so that its G2 key is where the pairing wants it. What is before is read, and then
            // written over.
            at := mload(0x40)
            extcodecopy(pointer, add(at, 0xa8), offset, 216)
            total := and(mload(add(at, 0xe0)), 0xffffffffffffffffffffffffffffffffffffffffffffffff)
            calldatacopy(at, add(certificate.offset, APK_OFFSET), 0x40)
            mstore(add(at, 0xc0), x)
            mstore(add(at, 0xe0), y)
        }
        if (!BN254.pairingAt(at)) revert InvalidSignature(digest);
    }

    /// @dev Sums up the signers: all less the absent, or those who signed.
    /// @return at Where `BN254.verifyAt` wants to work: the sum of their keys is behind the first word.
    function _sumChunks(bytes calldata certificate, Table table)
        private
        view
        returns (uint256 at, WeightPair signed, WeightPair total)
    {
        uint256 kind = _kind(certificate);
        uint256 count = table.count();
        bool fits = kind <= uint256(Signers.Only) && certificate.length == BITMAP_OFFSET + ((count + 7) >> 3);
        if (!fits) revert MalformedCertificate(certificate.length, count);
        bool without = kind == uint256(Signers.Without);
        (at, total) = _start(table, without);
        uint256 named = _addChunks(certificate, table, at);
        unchecked {
            if (without) {
                named = WeightPair.unwrap(total) - named;
                _negate(at);
            }
        }
        signed = WeightPair.wrap(named & OperatorTables.WEIGHTS_MASK);
    }

    /// @dev Adds the rows that the bitmap names, of a table that has them elsewhere, to the point at `at` + 0x20.
    function _addChunks(bytes calldata certificate, Table table, uint256 at) private view returns (uint256 named) {
        uint256[] memory bitmap = _named(certificate, table.count());
        unchecked {
            for (uint256 i = 0; i < bitmap.length; i++) {
                if (bitmap[i] != 0) named += _addRows(OperatorTables.chunkOf(table, i), bitmap[i], at);
            }
            named += OperatorTables.corrected(table, bitmap);
        }
    }

    /// @dev Makes room for `BN254.verifyAt`, and puts there what rows are added to: the negated sum of all
    /// keys, or infinity.
    function _start(Table table, bool without) private view returns (uint256 at, WeightPair total) {
        address pointer = table.pointer();
        uint256 offset = OperatorTables.headOffset(table);
        assembly ("memory-safe") {
            at := mload(0x40)
            mstore(0x40, add(at, 0x1a0))
            extcodecopy(pointer, add(at, 0x20), offset, 88)
            total := and(mload(add(at, 0x58)), 0xffffffffffffffffffffffffffffffffffffffffffffffff)
            // Beyond the calldata lie zeros.
            if iszero(without) { calldatacopy(add(at, 0x20), calldatasize(), 0x40) }
        }
        if (without) _negate(at);
    }

    /// @dev Negates the point at `at` + 0x20.
    function _negate(uint256 at) private pure {
        // point = BN254.negate(point);
        assembly ("memory-safe") {
            let y := add(at, 0x40)
            let value := mload(y)
            if value { mstore(y, sub(P, value)) }
        }
    }

    /// @dev Adds a chunk's masked rows to the point at `at` + 0x20.
    function _addRows(address chunk, uint256 mask, uint256 at) private view returns (uint256 weights) {
        bool ok;
        // (ok, output) = chunk.staticcall(abi.encode(mask, sum)); (sum, weights) = abi.decode(output, (G1, uint256));
        assembly ("memory-safe") {
            mstore(at, mask)
            ok := staticcall(gas(), chunk, at, 0x60, add(at, 0x20), 0x60)
            weights := mload(add(at, 0x60))
        }
        if (!ok) revert KeysNotSummed();
    }

    function _passed(bytes calldata certificate) private pure returns (uint8 passed) {
        assembly ("memory-safe") {
            passed := byte(1, calldataload(certificate.offset))
        }
    }

    function _ordinate(bytes calldata certificate) private pure returns (uint256 y) {
        assembly ("memory-safe") {
            y := calldataload(add(certificate.offset, ORDINATE_OFFSET))
        }
    }

    function _kind(bytes calldata certificate) private pure returns (uint256 kind) {
        assembly ("memory-safe") {
            kind := byte(0, calldataload(certificate.offset))
        }
    }

    /// @dev The bitmap as words.
    function _named(bytes calldata certificate, uint256 count) private pure returns (uint256[] memory bitmap) {
        bitmap = new uint256[](OperatorTables.wordsFor(count));
        for (uint256 i = 0; i < bitmap.length; i++) {
            bitmap[i] = _word(certificate, count, i);
        }
    }

    /// @dev Word `index` of the bitmap.
    function _word(bytes calldata certificate, uint256 count, uint256 index) private pure returns (uint256 word) {
        unchecked {
            uint256 left = count - (index << 8);
            uint256 offset = BITMAP_OFFSET + (index << 5);
            assembly ("memory-safe") {
                word := calldataload(add(certificate.offset, offset))
            }
            if (left >= OperatorTables.CHUNK_ROWS) return word;
            word >>= 256 - ((left + 7) >> 3 << 3);
            if (word >> left != 0) revert MalformedCertificate(certificate.length, count);
        }
    }
}
