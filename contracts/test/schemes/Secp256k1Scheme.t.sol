// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.31;

import {SchemeSuite} from "./SchemeSuite.sol";
import {SchemeVm} from "../utils/SchemeVm.sol";
import {ISignatureScheme} from "../../src/interfaces/ISignatureScheme.sol";
import {Secp256k1Scheme} from "../../src/schemes/Secp256k1Scheme.sol";

contract Secp256k1SchemeTest is SchemeSuite {
    uint256 private constant ORDER = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141;

    function deploy() internal override returns (ISignatureScheme) {
        return new Secp256k1Scheme();
    }

    function vectorName() internal pure override returns (string memory) {
        return "secp256k1";
    }

    function publicKey(uint256 secret) internal pure override returns (bytes memory) {
        return abi.encodePacked(vm.addr(secret));
    }

    function sign(uint256 secret, bytes32 digest) internal pure override returns (bytes memory) {
        (uint8 v, bytes32 r, bytes32 s) = SchemeVm(address(vm)).sign(secret, digest);
        return abi.encode(r, uint256(v - 27) << 255 | uint256(s));
    }

    function prove(bytes32 signed, bytes32, uint256[] memory by) internal pure override returns (bytes memory proof) {
        for (uint256 i = 0; i < by.length; i++) {
            proof = bytes.concat(proof, sign(by[i], signed));
        }
    }

    function test_signatures_in_another_order_are_refused() public {
        bytes memory proof = prove(DIGEST, DIGEST, two(secrets[1], secrets[0]));
        vm.expectRevert(invalidSignature(DIGEST));
        verify(3, proof);
    }

    function test_a_signature_too_many_or_too_few_is_refused() public {
        bytes memory proof = proofOf(7);
        vm.expectRevert(malformedProof(192));
        verify(15, proof);
        vm.expectRevert(malformedProof(192));
        verify(3, proof);
    }

    /// @dev (r, n − s) with the other parity is a signature too. Only the one with the lower s is taken.
    function test_high_s_is_refused() public {
        uint256 r = 0x79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798;
        uint256 low = ORDER / 2;
        address signer = ecrecover(DIGEST, 28, bytes32(r), bytes32(low));
        vm.assertEq(signer, ecrecover(DIGEST, 27, bytes32(r), bytes32(ORDER - low)));
        address written = scheme.writeChunk(row(abi.encodePacked(signer), 1, 1));
        scheme.verify(DIGEST, one(written), one(1), abi.encode(r, 1 << 255 | low));
        vm.expectRevert(invalidSignature(DIGEST));
        scheme.verify(DIGEST, one(written), one(1), abi.encode(r, ORDER - low));
    }

    function test_signature_of_zeros_is_refused() public {
        vm.expectRevert(invalidSignature(DIGEST));
        verify(1, new bytes(64));
    }

    function test_key_of_no_one_is_refused() public {
        vm.expectRevert(invalidSignature(DIGEST));
        scheme.verifyPossession(DIGEST, new bytes(20), new bytes(64));
    }

    function test_row_0_has_totals_and_no_key() public view {
        bytes memory expected = abi.encodePacked(hex"00", address(0), uint96(510), uint96(4990));
        bytes memory code = chunk.code;
        for (uint256 i = 0; i < expected.length; i++) {
            vm.assertEq(uint8(code[i]), uint8(expected[i]));
        }
    }
}
