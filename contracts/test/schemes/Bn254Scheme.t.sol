// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.31;

import {AggregateSuite} from "./AggregateSuite.sol";
import {Bls} from "../utils/Bls.sol";
import {ISignatureScheme} from "../../src/interfaces/ISignatureScheme.sol";
import {BN254, G1, G2} from "../../src/libraries/BN254.sol";
import {Bn254Scheme} from "../../src/schemes/Bn254Scheme.sol";

contract Bn254SchemeTest is AggregateSuite {
    function deploy() internal override returns (ISignatureScheme) {
        return new Bn254Scheme();
    }

    function vectorName() internal pure override returns (string memory) {
        return "bn254";
    }

    function order() internal pure override returns (uint256) {
        return BN254.R;
    }

    function publicKey(uint256 secret) internal view override returns (bytes memory) {
        return abi.encode(Bls.publicKey(secret), Bls.publicKeyG2(secret));
    }

    function sign(uint256 secret, bytes32 digest) internal view override returns (bytes memory) {
        return abi.encode(Bls.sign(secret, digest));
    }

    function prove(bytes32 signed, bytes32 claimed, uint256[] memory by) internal view override returns (bytes memory) {
        uint256 sum;
        for (uint256 i = 0; i < by.length; i++) {
            sum = addmod(sum, by[i], BN254.R);
        }
        return abi.encodePacked(sign(sum, signed), abi.encode(Bls.publicKeyG2(sum)), hint(claimed));
    }

    function hint(bytes32 digest) private view returns (bytes memory) {
        (uint8 passed, uint256 y) = Bls.hint(digest);
        return abi.encode(passed, y);
    }

    function offCurve() internal pure override returns (bytes memory) {
        return abi.encode(uint256(1), uint256(1));
    }

    function outOfRange() internal pure override returns (bytes memory) {
        return abi.encode(BN254.P + 1, uint256(2));
    }

    function offCurveKey() internal pure override returns (bytes memory) {
        return bytes.concat(offCurve(), abi.encode(Bls.generatorG2()));
    }

    function strayKey() internal view override returns (bytes memory) {
        G2 memory stray = G2({
            xIm: 0,
            xRe: 1,
            yIm: 0x0d1271953ed9ea0836846e70a1934187998c7f790cb4d7511b7f8da82de048a4,
            yRe: 0x2869111d5381f072f8e2728fdb825a51aadd70e52c9830e9ab4b871c0531f1bb
        });
        return abi.encode(Bls.publicKey(secrets[0]), stray);
    }

    function test_sum_in_g2_of_other_keys_is_refused() public {
        uint256 sum = secrets[0] + secrets[1];
        bytes memory proof =
            abi.encodePacked(abi.encode(Bls.sign(sum, DIGEST)), abi.encode(Bls.publicKeyG2(secrets[0])), hint(DIGEST));
        vm.expectRevert(invalidSignature(DIGEST));
        verify(3, proof);
    }

    function test_hint_of_another_digest_is_refused() public {
        bytes memory proof = prove(DIGEST, keccak256("other"), secretsOf(31));
        vm.expectRevert(abi.encodeWithSelector(BN254.InvalidHint.selector, DIGEST));
        verify(31, proof);
    }

    /// @dev However far one digest lies from the other, counting on from it arrives at the other's point.
    function test_signature_over_another_digest_is_refused_however_far_the_hint_counts() public {
        bytes32 other = keccak256("other");
        uint256[] memory by = secretsOf(31);
        uint256 sum;
        for (uint256 i = 0; i < by.length; i++) {
            sum += by[i];
        }
        G1 memory point = BN254.hashToG1(other);
        uint256 passed = addmod(point.x, BN254.P - uint256(DIGEST) % BN254.P, BN254.P);
        bytes memory proof =
            abi.encodePacked(sign(sum, other), abi.encode(Bls.publicKeyG2(sum)), abi.encode(passed, point.y));
        vm.expectRevert(abi.encodeWithSelector(BN254.InvalidHint.selector, DIGEST));
        verify(31, proof);
    }

    function test_hint_counts_no_further_than_a_byte() public {
        G1 memory point = BN254.hashToG1(DIGEST);
        for (uint256 steps = 255; steps <= 256; steps++) {
            bytes32 before = bytes32(addmod(point.x, BN254.P - steps, BN254.P));
            bytes memory proof = abi.encodePacked(
                abi.encode(BN254.mul(point, secrets[0])),
                abi.encode(Bls.publicKeyG2(secrets[0])),
                abi.encode(steps, point.y)
            );
            if (steps == 256) vm.expectRevert(abi.encodeWithSelector(BN254.InvalidHint.selector, before));
            scheme.verify{gas: LIMIT}(before, one(chunk), one(uint256(1)), proof);
        }
    }

    function test_halves_of_different_keys_are_not_possessed() public {
        bytes memory key = abi.encode(Bls.publicKey(secrets[0]), Bls.publicKeyG2(secrets[1]));
        bytes[2] memory signatures = [sign(secrets[0], DIGEST), sign(secrets[1], DIGEST)];
        for (uint256 i = 0; i < signatures.length; i++) {
            vm.expectRevert(invalidSignature(DIGEST));
            scheme.verifyPossession(DIGEST, key, signatures[i]);
        }
    }
}
