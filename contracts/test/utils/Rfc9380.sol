// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.31;

import {BLS12381, PointG1} from "../../src/libraries/BLS12381.sol";

/// @notice RFC 9380's BLS12381G1_XMD:SHA-256_SSWU_RO_ as the RFC words it, for any message and tag. Slow.
library Rfc9380 {
    /// @notice hash_to_curve.
    function hashToG1(bytes memory message, bytes memory dst) internal view returns (PointG1 memory) {
        bytes memory uniform = expandMessage(message, dst);
        bytes memory q0 = mapToG1(reduce(part(uniform, 0)));
        bytes memory q1 = mapToG1(reduce(part(uniform, 64)));
        return abi.decode(run(0x0b, bytes.concat(q0, q1)), (PointG1));
    }

    /// @notice expand_message_xmd with SHA-256, to 128 bytes.
    function expandMessage(bytes memory message, bytes memory dst) internal pure returns (bytes memory uniform) {
        bytes memory dstPrime = abi.encodePacked(dst, uint8(dst.length));
        bytes32 b0 = sha256(abi.encodePacked(new bytes(64), message, uint16(128), uint8(0), dstPrime));
        bytes32 b = sha256(abi.encodePacked(b0, uint8(1), dstPrime));
        uniform = abi.encodePacked(b);
        for (uint8 i = 2; i <= 4; i++) {
            b = sha256(abi.encodePacked(b0 ^ b, i, dstPrime));
            uniform = bytes.concat(uniform, b);
        }
    }

    /// @notice 64 bytes modulo the field's modulus, as 64 bytes.
    function reduce(bytes memory value) internal view returns (bytes memory) {
        bytes memory modulus = abi.encodePacked(BLS12381.P_HIGH, BLS12381.P_LOW);
        return run(0x05, abi.encodePacked(uint256(64), uint256(1), uint256(64), value, uint8(1), modulus));
    }

    function mapToG1(bytes memory element) internal view returns (bytes memory) {
        return run(0x10, element);
    }

    function part(bytes memory data, uint256 start) internal pure returns (bytes memory result) {
        result = new bytes(64);
        for (uint256 i = 0; i < 64; i++) {
            result[i] = data[start + i];
        }
    }

    function run(uint160 precompile, bytes memory input) internal view returns (bytes memory) {
        (bool ok, bytes memory output) = address(precompile).staticcall(input);
        require(ok, "precompile");
        return output;
    }
}
