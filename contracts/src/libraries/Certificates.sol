// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.31;

import {BN254, G1, G2} from "./BN254.sol";
import {OperatorTables, WeightPair} from "./OperatorTables.sol";
import {Certificate, Quorum, Token} from "../types/Structs.sol";

/// @title Certificates
/// @notice Whether a certificate is what it says: enough stake of each token behind it, and one true signature of all
/// its signers.
/// @dev Judges a certificate against a table that it is given. Which table counts, and whether it is fresh, is the
/// caller's.
library Certificates {
    using BN254 for G1;
    using BN254 for G2;

    /// @notice Less of a token's stake signed than the batch needs, or there is none of that token.
    error QuorumNotReached(Token token, uint96 signed, uint96 total, uint16 bps);
    /// @notice The signature, or a key it is checked under, is the point at infinity.
    error InfinityInCertificate();
    /// @notice The signature is not the signers' over this digest, or `apk` is not the sum of their keys.
    error InvalidSignature(bytes32 digest);

    uint256 private constant ONE_IN_BPS = 10_000;

    /// @notice Sums the signers' keys and stake, and demands `quorum` of it.
    /// @return key Sum of the signers' G1 keys.
    function requireQuorum(Certificate calldata certificate, address table, uint256 count, Quorum memory quorum)
        internal
        view
        returns (G1 memory key, WeightPair signed, WeightPair total)
    {
        (key, signed, total) = OperatorTables.sumSigners(table, count, certificate.signers);
        requireShare(Token.Native, signed.nativeWeight(), total.nativeWeight(), quorum.nativeBps);
        requireShare(Token.External, signed.externalWeight(), total.externalWeight(), quorum.externalBps);
    }

    /// @notice Demands signed · 10 000 ≥ total · bps and total > 0. Nothing is divided, so nothing is rounded.
    function requireShare(Token token, uint96 signed, uint96 total, uint16 bps) internal pure {
        unchecked {
            // 96 bits times 16 bits.
            if (total != 0 && uint256(signed) * ONE_IN_BPS >= uint256(total) * bps) return;
        }
        revert QuorumNotReached(token, signed, total, bps);
    }

    /// @notice Demands that `certificate` carries the signature over `digest` of the signers, whose G1 keys add up to
    /// `key`.
    function requireSignature(Certificate calldata certificate, G1 memory key, bytes32 digest) internal view {
        G1 memory sigma = certificate.sigma;
        G2 memory apk = certificate.apk;
        if (key.isInfinity() || sigma.isInfinity() || apk.isInfinity()) revert InfinityInCertificate();
        G1 memory message = BN254.hashToG1WithRoots(digest, certificate.roots);
        if (!BN254.verify(digest, message, key, apk, sigma)) revert InvalidSignature(digest);
    }
}
