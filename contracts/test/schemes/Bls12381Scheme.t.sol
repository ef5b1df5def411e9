// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.31;

import {AggregateSuite} from "./AggregateSuite.sol";
import {Bls381} from "../utils/Bls381.sol";
import {Rfc9380} from "../utils/Rfc9380.sol";
import {ISignatureScheme} from "../../src/interfaces/ISignatureScheme.sol";
import {BLS12381, PointG1, PointG2} from "../../src/libraries/BLS12381.sol";
import {Bls12381Scheme} from "../../src/schemes/Bls12381Scheme.sol";

contract Bls12381SchemeTest is AggregateSuite {
    using BLS12381 for PointG2;

    struct RefusedPairing {
        bytes input;
        string name;
    }

    function deploy() internal override returns (ISignatureScheme) {
        return new Bls12381Scheme();
    }

    function vectorName() internal pure override returns (string memory) {
        return "bls12381";
    }

    function order() internal pure override returns (uint256) {
        return Bls381.R;
    }

    function publicKey(uint256 secret) internal view override returns (bytes memory) {
        return Bls381.pack(Bls381.publicKey(secret));
    }

    function sign(uint256 secret, bytes32 digest) internal view override returns (bytes memory) {
        return Bls381.pack(Bls381.sign(secret, BLS12381.hashToG1(digest)));
    }

    function prove(bytes32 signed, bytes32, uint256[] memory by) internal view override returns (bytes memory) {
        uint256 sum;
        for (uint256 i = 0; i < by.length; i++) {
            sum = addmod(sum, by[i], Bls381.R);
        }
        return sign(sum, signed);
    }

    function offCurve() internal pure override returns (bytes memory) {
        return abi.encodePacked(uint128(0), uint256(1), uint128(0), uint256(1));
    }

    function outOfRange() internal pure override returns (bytes memory) {
        return abi.encodePacked(uint128(BLS12381.P_HIGH), BLS12381.P_LOW, uint128(0), uint256(1));
    }

    function offCurveKey() internal pure override returns (bytes memory) {
        return bytes.concat(offCurve(), offCurve());
    }

    /// @dev The points outside the subgroups are those of the EIP's vectors.
    function strayKey() internal view override returns (bytes memory) {
        (, PointG2 memory key) = abi.decode(failure("bls_pairing_e(G1,G2_not_in_correct_subgroup)"), (PointG1, PointG2));
        return Bls381.pack(key);
    }

    function failure(string memory name) private view returns (bytes memory) {
        RefusedPairing[] memory cases = abi.decode(
            vm.parseJsonTypeArray(vectors("bls12381"), "$.fail.pairing", "RefusedPairing(bytes input,string name)"),
            (RefusedPairing[])
        );
        for (uint256 i = 0; i < cases.length; i++) {
            if (keccak256(bytes(cases[i].name)) == keccak256(bytes(name))) return cases[i].input;
        }
        revert(name);
    }

    function test_signature_outside_the_subgroup_is_refused() public {
        (PointG1 memory stray,) =
            abi.decode(failure("bls_pairing_e(G1_not_in_correct_subgroup,G2)"), (PointG1, PointG2));
        bytes memory proof = Bls381.pack(stray);
        vm.expectRevert(ISignatureScheme.InvalidPoint.selector);
        verify(31, proof);
    }

    /// @dev Whoever writes tables must have seen a possession; when it has not, the pairing still looks at the sum.
    function test_key_outside_the_subgroup_signs_nothing() public {
        address written = scheme.writeChunk(row(strayKey(), 1, 1));
        bytes memory proof = proofOf(1);
        vm.expectRevert(ISignatureScheme.InvalidPoint.selector);
        scheme.verify{gas: LIMIT}(DIGEST, one(written), one(1), proof);
    }

    function test_signature_under_another_separation_tag_is_refused() public {
        bytes memory message = abi.encodePacked(DIGEST);
        PointG1 memory elsewhere = Rfc9380.hashToG1(message, "BLS_SIG_BLS12381G1_XMD:SHA-256_SSWU_RO_POP_");
        bytes memory signature = Bls381.pack(Bls381.sign(secrets[0], elsewhere));
        vm.expectRevert(invalidSignature(DIGEST));
        verify(1, signature);
    }

    /// @dev A key chosen as t·G2 less that of an honest operator would sign for both; it has no possession.
    function test_rogue_key_can_not_be_possessed() public {
        uint256 t = 77;
        PointG2 memory rogue = Bls381.publicKey(secrets[0]);
        rogue.negate();
        rogue.add(Bls381.publicKey(t));
        bytes memory key = Bls381.pack(rogue);

        address written = scheme.writeChunk(bytes.concat(row(keys[0], 1, 1), row(key, 1, 1)));
        scheme.verify(DIGEST, one(written), one(3), sign(t, DIGEST));

        bytes32 digest = possessionDigest(address(1), key);
        bytes memory signature = sign(t, digest);
        vm.expectRevert(invalidSignature(digest));
        scheme.verifyPossession(digest, key, signature);
    }

    function test_row_0_is_the_sum_of_the_keys() public view {
        uint256 sum;
        for (uint256 i = 0; i < OPERATORS; i++) {
            sum += secrets[i];
        }
        bytes memory expected = row(publicKey(sum), 510, 4990);
        bytes memory code = chunk.code;
        for (uint256 i = 0; i < expected.length; i++) {
            vm.assertEq(uint8(code[1 + i]), uint8(expected[i]));
        }
    }
}
