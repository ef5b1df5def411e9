// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.31;

import {BN254, G1, G2} from "./BN254.sol";
import {Certificate} from "../types/Structs.sol";

/// @title Certificates
/// @notice Whether a certificate is what it says: one true signature of all its signers.
/// @dev Which table counts, whether it is fresh, and whether its signers are enough, is the caller's.
library Certificates {
    using BN254 for G1;
    using BN254 for G2;

    /// @notice The signature, or a key it is checked under, is the point at infinity.
    error InfinityInCertificate();
    /// @notice The signature is not the signers' over this digest, or `apk` is not the sum of their keys.
    error InvalidSignature(bytes32 digest);

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
