// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.31;

import {Bls381} from "./utils/Bls381.sol";
import {Rfc9380} from "./utils/Rfc9380.sol";
import {Test} from "./utils/Test.sol";
import {BLS12381, PointG1, PointG2} from "../src/libraries/BLS12381.sol";

contract BLS12381Test is Test {
    using BLS12381 for PointG2;

    struct PrecompileCall {
        bytes input;
        string name;
        bytes output;
    }

    struct PrecompileFailure {
        bytes input;
        string name;
    }

    struct HashedMessage {
        bytes message;
        bytes point;
        bytes q0;
        bytes q1;
        bytes u0;
        bytes u1;
    }

    struct ExpandedMessage {
        bytes message;
        bytes output;
    }

    function calls(string memory key) private view returns (PrecompileCall[] memory result) {
        return abi.decode(
            vm.parseJsonTypeArray(vectors("bls12381"), key, "PrecompileCall(bytes input,string name,bytes output)"),
            (PrecompileCall[])
        );
    }

    function failures(string memory key) private view returns (PrecompileFailure[] memory result) {
        return abi.decode(
            vm.parseJsonTypeArray(vectors("bls12381"), key, "PrecompileFailure(bytes input,string name)"),
            (PrecompileFailure[])
        );
    }

    function assertCalls(uint160 precompile, string memory key, uint256 least) private view {
        PrecompileCall[] memory cases = calls(key);
        vm.assertGe(cases.length, least);
        for (uint256 i = 0; i < cases.length; i++) {
            (bool ok, bytes memory output) = address(precompile).staticcall(cases[i].input);
            vm.assertTrue(ok, cases[i].name);
            vm.assertTrue(keccak256(output) == keccak256(cases[i].output), cases[i].name);
        }
    }

    function assertFailures(uint160 precompile, string memory key, uint256 least) private view {
        PrecompileFailure[] memory cases = failures(key);
        vm.assertGe(cases.length, least);
        for (uint256 i = 0; i < cases.length; i++) {
            (bool ok,) = address(precompile).staticcall{gas: 1_000_000}(cases[i].input);
            vm.assertTrue(!ok, cases[i].name);
        }
    }

    function added(PointG2 memory a, PointG2 memory b) external view returns (PointG2 memory) {
        a.add(b);
        return a;
    }

    function addedPacked(PointG2 memory a, bytes calldata packed) external view returns (PointG2 memory) {
        a.addPacked(BLS12381.copy(packed));
        return a;
    }

    function verify(PointG1 memory message, PointG2 memory key, PointG1 memory sigma) external view returns (bool) {
        return BLS12381.verify(message, key, sigma);
    }

    // Vectors

    function test_precompiles_are_those_of_the_eip() public view {
        assertCalls(0x0b, "$.g1Add", 9);
        assertCalls(0x0c, "$.g1Mul", 11);
        assertCalls(0x0d, "$.g2Add", 9);
        assertCalls(0x0e, "$.g2Mul", 11);
        assertCalls(0x0f, "$.pairing", 15);
        assertCalls(0x10, "$.mapToG1", 5);
    }

    function test_precompiles_fail_as_the_eip_says() public view {
        assertFailures(0x0b, "$.fail.g1Add", 7);
        assertFailures(0x0d, "$.fail.g2Add", 7);
        assertFailures(0x0f, "$.fail.pairing", 11);
        assertFailures(0x10, "$.fail.mapToG1", 5);
    }

    function test_addition_matches_the_eips_vectors() public view {
        PrecompileCall[] memory cases = calls("$.g2Add");
        for (uint256 i = 0; i < cases.length; i++) {
            (PointG2 memory a, PointG2 memory b) = abi.decode(cases[i].input, (PointG2, PointG2));
            vm.assertEq(abi.encode(this.added(a, b)), cases[i].output);
            vm.assertEq(abi.encode(this.addedPacked(a, Bls381.pack(b))), cases[i].output);
        }
    }

    function test_addition_refuses_what_is_no_point() public {
        PrecompileFailure[] memory cases = failures("$.fail.g2Add");
        uint256 refused;
        for (uint256 i = 0; i < cases.length; i++) {
            if (cases[i].input.length != 512) continue;
            (PointG2 memory a, PointG2 memory b) = abi.decode(cases[i].input, (PointG2, PointG2));
            // A precompile that refuses burns the gas it was given.
            vm.expectRevert(BLS12381.InvalidPoint.selector);
            this.added{gas: 100_000}(a, b);
            refused++;
        }
        vm.assertEq(refused, 4);
    }

    function test_hash_to_curve_matches_the_rfcs_vectors() public view {
        string memory json = vectors("bls12381");
        bytes memory dst = bytes(vm.parseJsonString(json, "$.hash.dst"));
        HashedMessage[] memory cases = abi.decode(
            vm.parseJsonTypeArray(
                json, "$.hash.cases", "HashedMessage(bytes message,bytes point,bytes q0,bytes q1,bytes u0,bytes u1)"
            ),
            (HashedMessage[])
        );
        vm.assertEq(cases.length, 5);
        for (uint256 i = 0; i < cases.length; i++) {
            bytes memory uniform = Rfc9380.expandMessage(cases[i].message, dst);
            vm.assertEq(reduced(uniform, 0), cases[i].u0);
            vm.assertEq(reduced(uniform, 64), cases[i].u1);
            vm.assertEq(Bls381.pack(Rfc9380.hashToG1(cases[i].message, dst)), cases[i].point);
        }
    }

    function reduced(bytes memory uniform, uint256 start) private pure returns (bytes memory) {
        (uint256 high, uint256 low) = abi.decode(Rfc9380.part(uniform, start), (uint256, uint256));
        (high, low) = BLS12381.reduce(high, low);
        return abi.encodePacked(uint128(high), low);
    }

    function test_expansion_matches_the_rfcs_vectors() public view {
        string memory json = vectors("bls12381");
        bytes memory dst = bytes(vm.parseJsonString(json, "$.expand.dst"));
        ExpandedMessage[] memory cases = abi.decode(
            vm.parseJsonTypeArray(json, "$.expand.cases", "ExpandedMessage(bytes message,bytes output)"),
            (ExpandedMessage[])
        );
        vm.assertEq(cases.length, 5);
        for (uint256 i = 0; i < cases.length; i++) {
            vm.assertEq(Rfc9380.expandMessage(cases[i].message, dst), cases[i].output);
        }
    }

    // Against the slow way, which the vectors hold

    function testFuzz_digests_hash_as_the_rfc_says(bytes32 digest) public view {
        bytes memory message = abi.encodePacked(digest);
        bytes memory dst = bytes(BLS12381.DST);
        vm.assertEq(abi.encodePacked(BLS12381.expand(digest)), Rfc9380.expandMessage(message, dst));
        vm.assertEq(abi.encode(BLS12381.hashToG1(digest)), abi.encode(Rfc9380.hashToG1(message, dst)));
    }

    function assertReduced(uint256 high, uint256 low) private view {
        bytes memory expected = Rfc9380.reduce(abi.encode(high, low));
        (high, low) = BLS12381.reduce(high, low);
        vm.assertEq(abi.encode(high, low), expected);
    }

    function testFuzz_reduction_is_the_remainder(uint256 high, uint256 low) public view {
        assertReduced(high, low);
    }

    /// @dev Around multiples of the modulus, where the quotient is most easily wrong.
    function testFuzz_reduction_around_multiples_is_the_remainder(uint128 factor, int8 distance) public view {
        unchecked {
            uint256 product = mulmod(factor, BLS12381.P_LOW, type(uint256).max);
            uint256 low = factor * BLS12381.P_LOW;
            uint256 high = uint256(factor) * BLS12381.P_HIGH + product - low - (product < low ? 1 : 0);
            uint256 moved = low + uint256(int256(distance));
            if (distance >= 0 && moved < low) high++;
            if (distance < 0 && moved > low) high--;
            assertReduced(high, moved);
        }
    }

    function test_greatest_and_least_are_reduced() public view {
        uint256 most = type(uint256).max;
        assertReduced(0, 0);
        assertReduced(0, most);
        assertReduced(most, 0);
        assertReduced(most, most);
        assertReduced(BLS12381.P_HIGH, BLS12381.P_LOW - 1);
        assertReduced(BLS12381.P_HIGH, BLS12381.P_LOW);
        assertReduced(BLS12381.P_HIGH, BLS12381.P_LOW + 1);
    }

    function testFuzz_packed_points_survive(uint256 sk, bytes32 digest) public view {
        PointG2 memory key = Bls381.publicKey(sk);
        bytes memory packed = new bytes(BLS12381.G2_BYTES);
        uint256 location;
        assembly ("memory-safe") {
            location := add(packed, 0x20)
        }
        key.packG2(location);
        vm.assertEq(packed, Bls381.pack(key));
        PointG2 memory unpacked;
        unpacked.unpackG2(location);
        vm.assertEq(abi.encode(unpacked), abi.encode(key));
        PointG1 memory point = BLS12381.hashToG1(digest);
        vm.assertEq(abi.encode(this.unpackedG1(Bls381.pack(point))), abi.encode(point));
    }

    function unpackedG1(bytes calldata packed) external pure returns (PointG1 memory) {
        return BLS12381.unpackG1(packed);
    }

    function testFuzz_point_and_its_negation_sum_to_infinity(uint256 sk) public view {
        PointG2 memory key = Bls381.publicKey(bound(sk, 1, Bls381.R - 1));
        PointG2 memory negated = Bls381.publicKey(Bls381.R - bound(sk, 1, Bls381.R - 1));
        PointG2 memory copy = abi.decode(abi.encode(key), (PointG2));
        copy.negate();
        vm.assertEq(abi.encode(copy), abi.encode(negated));
        copy.add(key);
        vm.assertTrue(copy.isInfinity());
    }

    function test_negated_infinity_is_infinity() public pure {
        PointG2 memory infinity;
        infinity.negate();
        vm.assertTrue(infinity.isInfinity());
    }

    // Signatures

    function testFuzz_signature_verifies_under_its_key_only(uint256 sk, bytes32 digest) public view {
        sk = bound(sk, 1, Bls381.R - 2);
        PointG1 memory message = BLS12381.hashToG1(digest);
        PointG1 memory sigma = Bls381.sign(sk, message);
        vm.assertTrue(this.verify(message, Bls381.publicKey(sk), sigma));
        vm.assertFalse(this.verify(message, Bls381.publicKey(sk + 1), sigma));
        vm.assertFalse(this.verify(BLS12381.hashToG1(keccak256(abi.encode(digest))), Bls381.publicKey(sk), sigma));
    }
}
