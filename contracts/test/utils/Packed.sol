// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.31;

import {G1, G2} from "../../src/libraries/BN254.sol";
import {Signers} from "../../src/libraries/Certificates.sol";
import {OperatorTables} from "../../src/libraries/OperatorTables.sol";
import {Epoch} from "../../src/types/Ids.sol";

/// @notice A certificate in parts.
struct Certificate {
    Epoch epoch;
    /// Operators in the table.
    uint256 count;
    /// Bitmap of the signers.
    uint256[] signers;
    G1 sigma;
    G2 apk;
    /// How many abscissas the hash to the curve passed over, and the ordinate that it found.
    uint8 passed;
    uint256 ordinate;
}

using Packed for Certificate global;

/// @title Packed
/// @notice Certificates in the form that contracts take.
library Packed {
    /// @notice In the cheapest form: without a key and a bitmap if everyone signed, else by the smaller side.
    function pack(Certificate memory c) internal pure returns (bytes memory) {
        uint256 signed;
        for (uint256 i = 0; i < c.count; i++) {
            signed += c.signers[i / 256] >> (i % 256) & 1;
        }
        if (signed == c.count) return pack(c, Signers.Everyone);
        return pack(c, 2 * signed < c.count ? Signers.Only : Signers.Without);
    }

    function pack(Certificate memory c, Signers kind) internal pure returns (bytes memory) {
        uint256[] memory bitmap = new uint256[](c.signers.length);
        for (uint256 i = 0; i < bitmap.length; i++) {
            bitmap[i] = kind == Signers.Only ? c.signers[i] : c.signers[i] ^ OperatorTables.everyone(c.count, i);
        }
        return pack(c, kind, bitmap);
    }

    /// @dev `bitmap` as it shall stand there.
    function pack(Certificate memory c, Signers kind, uint256[] memory bitmap) internal pure returns (bytes memory) {
        bytes memory head = abi.encodePacked(uint8(kind), c.passed, Epoch.unwrap(c.epoch), c.ordinate);
        bytes memory sigma = abi.encodePacked(c.sigma.x, c.sigma.y);
        if (kind == Signers.Everyone) return bytes.concat(head, sigma);
        bytes memory apk = abi.encodePacked(c.apk.xIm, c.apk.xRe, c.apk.yIm, c.apk.yRe);
        return bytes.concat(head, apk, sigma, pack(bitmap, c.count));
    }

    /// @notice A bitmap over `count` operators, without the leading bytes of its last word that hold none.
    function pack(uint256[] memory bitmap, uint256 count) internal pure returns (bytes memory packed) {
        for (uint256 i = 0; i < bitmap.length; i++) {
            bytes memory word = abi.encodePacked(bitmap[i]);
            uint256 left = count - i * 256;
            uint256 length = left >= 256 ? 32 : (left + 7) / 8;
            for (uint256 j = 32 - length; j < 32; j++) {
                packed = bytes.concat(packed, word[j]);
            }
        }
    }
}
