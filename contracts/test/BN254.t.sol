// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.31;

import {Bls} from "./utils/Bls.sol";
import {Test} from "./utils/Test.sol";
import {BN254, G1, G2} from "../src/libraries/BN254.sol";

contract BN254Test is Test {
    struct HashedDigest {
        bytes32 digest;
        uint8 passed;
        uint256 x;
        uint256 y;
    }

    function withHint(bytes32 digest, uint8 passed, uint256 y) external pure returns (G1 memory) {
        return G1(BN254.hashToG1WithHint(digest, passed, y), y);
    }

    function addition(G1 memory a, G1 memory b) external view returns (G1 memory) {
        return BN254.add(a, b);
    }

    function multiplication(G1 memory a, uint256 k) external view returns (G1 memory) {
        return BN254.mul(a, k);
    }

    function verify(bytes32 digest, G1 memory message, G1 memory p1, G2 memory p2, G1 memory sigma)
        external
        view
        returns (bool)
    {
        return BN254.verify(digest, message, p1, p2, sigma);
    }

    function assertSame(G1 memory a, G1 memory b) internal pure {
        vm.assertEq(a.x, b.x);
        vm.assertEq(a.y, b.y);
    }

    // Vectors

    function test_hash_to_curve_matches_the_shared_vectors() public view {
        HashedDigest[] memory cases = abi.decode(
            vm.parseJsonTypeArray(
                vectors("hash_to_curve"), "$", "HashedDigest(bytes32 digest,uint8 passed,uint256 x,uint256 y)"
            ),
            (HashedDigest[])
        );
        vm.assertGe(cases.length, 32);
        for (uint256 i = 0; i < cases.length; i++) {
            HashedDigest memory c = cases[i];
            assertSame(BN254.hashToG1(c.digest), G1(c.x, c.y));
            assertSame(this.withHint(c.digest, c.passed, c.y), G1(c.x, c.y));
            (uint8 found, uint256 y) = Bls.hint(c.digest);
            vm.assertEq(found, c.passed);
            vm.assertEq(y, c.y);
        }
    }

    function test_hash_to_curve_matches_independent_values() public view {
        assertSame(BN254.hashToG1(0), G1(1, 2));
        assertSame(BN254.hashToG1(bytes32(uint256(1))), G1(1, 2));
        assertSame(BN254.hashToG1(bytes32(BN254.P)), G1(1, 2));
        assertSame(
            BN254.hashToG1(bytes32(uint256(2))),
            G1(2, 0x23818cde28cf4ea953fe59b1c377fafd461039c17251ff4377313da64ad07e13)
        );
        assertSame(
            BN254.hashToG1(bytes32(type(uint256).max)),
            G1(
                0x0e0a77c19a07df2f666ea36f7879462c0a78eb28f5c70b3dd35d438dc58f0d9c,
                0x14be43b98e05db3bee1459f626263fc7bccd58e77b8182329f8ac7453c92c0ca
            )
        );
        assertSame(
            BN254.hashToG1(keccak256(abi.encode(uint256(10)))),
            G1(
                0x04c941ed516e9b7615cb7ec910c7091c2596ee20e112618e6f135eed2205dd8f,
                0x2528dd00139d8c3ffbe18a2014948b2f8c333417e85e06ff31fb139725f5db55
            )
        );
    }

    function test_aggregate_signature_of_an_independent_implementation_verifies() public view {
        (bytes32 digest, G1 memory sigma, G1 memory p1, G2 memory p2) = independentAggregate();
        vm.assertTrue(BN254.verify(digest, BN254.hashToG1(digest), p1, p2, sigma));
    }

    function test_signing_of_the_tests_agrees_with_the_independent_implementation() public view {
        (bytes32 digest, G1 memory sigma, G1 memory p1, G2 memory p2) = independentAggregate();
        uint256 sk = 1 + 2 + 12345;
        assertSame(Bls.sign(sk, digest), sigma);
        assertSame(Bls.publicKey(sk), p1);
        vm.assertEq(keccak256(abi.encode(Bls.publicKeyG2(sk))), keccak256(abi.encode(p2)));
    }

    /// @dev research: sk = 1, 2, 12345 over keccak256("hello world"), computed in another language.
    function independentAggregate() private pure returns (bytes32 digest, G1 memory sigma, G1 memory p1, G2 memory p2) {
        digest = keccak256("hello world");
        sigma = G1(
            0x091141be15fd032cc256707f7e4edfe07d0418a9a58bb60bd9c97e7f8eced6ef,
            0x179d7b555fed9a0d90e1af7e874552712d54474baf4d994fefce1382461dc3e8
        );
        p1 = G1(
            0x14f13f1b394765dc591f436df80cc7f49f326ee4bb6d2c1f5681db5da38ca57e,
            0x238db76391ea74a31847f175cea96ac127c645edfcb2c63cf7dadb48a70d2172
        );
        p2 = G2({
            xIm: 0x009d5e44315e23afc2986686bb652a34f146ae5eae69f9ae085ccdd3723019fc,
            xRe: 0x27febfd3f600f90cd3d63eb4eb4e97c11db79d6aff1d9541844db04682da43d4,
            yIm: 0x122dcd03c4da3533f53b260576ca4ac23ac9c15c152b008183fa75c070b29958,
            yRe: 0x0a44a04679d75c2b02dc5cb8716f1853acc3f2d1913519ffe3d7e4c110995482
        });
    }

    // The hint

    function testFuzz_hint_leads_to_the_same_point(bytes32 digest) public view {
        (uint8 passed, uint256 y) = Bls.hint(digest);
        assertSame(this.withHint(digest, passed, y), BN254.hashToG1(digest));
    }

    function testFuzz_hint_equals_plain_solidity(bytes32 digest, uint8 passed, uint256 y) public {
        uint256 x = addmod(uint256(digest), passed, BN254.P);
        bool right = mulmod(y, y, BN254.P) == BN254.cubePlus3(x);
        if (right) {
            assertSame(this.withHint(digest, passed, y), G1(x, y));
        } else {
            vm.expectRevert(abi.encodeWithSelector(BN254.InvalidHint.selector, digest));
            this.withHint(digest, passed, y);
        }
    }

    function testFuzz_hint_with_another_ordinate_is_refused(bytes32 digest, uint256 y) public {
        (uint8 passed, uint256 right) = Bls.hint(digest);
        vm.assume(mulmod(y, y, BN254.P) != mulmod(right, right, BN254.P));
        vm.expectRevert(abi.encodeWithSelector(BN254.InvalidHint.selector, digest));
        this.withHint(digest, passed, y);
    }

    function testFuzz_other_root_yields_the_negated_point(bytes32 digest) public view {
        (uint8 passed, uint256 y) = Bls.hint(digest);
        assertSame(this.withHint(digest, passed, BN254.P - y), BN254.negate(BN254.hashToG1(digest)));
    }

    // Assembly against the Solidity that it replaces

    function testFuzz_add_equals_the_precompile(uint256 k, uint256 l) public view {
        G1 memory a = Bls.publicKey(k);
        G1 memory b = Bls.publicKey(l);
        (bool ok, bytes memory output) = address(0x06).staticcall(abi.encode(a, b));
        vm.assertTrue(ok);
        assertSame(BN254.add(a, b), abi.decode(output, (G1)));
        assertSame(BN254.add(a, b), Bls.publicKey(addmod(k, l, BN254.R)));
    }

    function testFuzz_mul_equals_the_precompile(uint256 k, uint256 l) public view {
        G1 memory a = Bls.publicKey(k);
        (bool ok, bytes memory output) = address(0x07).staticcall(abi.encode(a, l));
        vm.assertTrue(ok);
        assertSame(BN254.mul(a, l), abi.decode(output, (G1)));
    }

    /// @dev k signs; the key's halves, the signature and the message are honest or off by one.
    function testFuzz_verify_equals_plain_solidity(bytes32 digest, uint256 k, uint8 dishonest) public view {
        dishonest %= 6;
        k = bound(k, 1, type(uint64).max);
        G1 memory message = BN254.hashToG1(digest);
        G1 memory p1 = Bls.publicKey(dishonest == 1 ? k + 1 : k);
        G2 memory p2 = Bls.publicKeyG2(dishonest == 2 ? k + 1 : k);
        G1 memory sigma = BN254.mul(message, dishonest == 3 ? k + 1 : k);
        if (dishonest == 4) message = BN254.add(message, BN254.generator());
        bool valid = BN254.verify(digest, message, p1, p2, sigma);
        vm.assertEq(valid, verifyPlainly(digest, message, p1, p2, sigma));
        vm.assertEq(valid, dishonest == 0 || dishonest > 4);
    }

    function verifyPlainly(bytes32 digest, G1 memory message, G1 memory p1, G2 memory p2, G1 memory sigma)
        private
        view
        returns (bool)
    {
        uint256 gamma = uint256(keccak256(abi.encode(digest, p1, p2, sigma))) % BN254.R;
        G2 memory negated = Bls.generatorG2();
        negated.yIm = BN254.P - negated.yIm;
        negated.yRe = BN254.P - negated.yRe;
        (bool ok, bytes memory output) = address(0x08)
            .staticcall(
                abi.encode(
                    BN254.add(sigma, BN254.mul(p1, gamma)),
                    negated,
                    BN254.add(message, BN254.mul(BN254.generator(), gamma)),
                    p2
                )
            );
        vm.assertTrue(ok);
        return abi.decode(output, (bool));
    }

    function testFuzz_root_equals_the_precompile(uint256 a) public view {
        (bool ok, bytes memory output) =
            address(0x05).staticcall(abi.encode(uint256(32), uint256(32), uint256(32), a, (BN254.P + 1) / 4, BN254.P));
        vm.assertTrue(ok);
        vm.assertEq(BN254.principalRoot(a), abi.decode(output, (uint256)));
    }

    function testFuzz_negated_point_cancels(uint256 k) public view {
        G1 memory a = Bls.publicKey(k);
        vm.assertTrue(BN254.isInfinity(BN254.add(a, BN254.negate(a))));
    }

    // Points that are none

    // One call to a test: a precompile that refuses its input burns all gas it is given.

    function test_adding_a_point_off_the_curve_is_refused() public {
        vm.expectRevert(BN254.InvalidPoint.selector);
        this.addition(G1(1, 3), G1(1, 2));
    }

    function test_multiplying_a_point_off_the_curve_is_refused() public {
        vm.expectRevert(BN254.InvalidPoint.selector);
        this.multiplication(G1(1, 3), 5);
    }

    function test_verifying_a_point_off_the_curve_is_refused() public {
        vm.expectRevert(BN254.InvalidPoint.selector);
        this.verify(0, G1(1, 2), G1(1, 2), Bls.generatorG2(), G1(1, 3));
    }

    function test_coordinate_beyond_the_field_is_refused() public {
        vm.expectRevert(BN254.InvalidPoint.selector);
        this.addition(G1(1 + BN254.P, 2), G1(1, 2));
    }

    function test_point_of_the_twist_outside_the_subgroup_is_refused() public {
        G2 memory stray = G2({
            xIm: 0,
            xRe: 1,
            yIm: 0x0d1271953ed9ea0836846e70a1934187998c7f790cb4d7511b7f8da82de048a4,
            yRe: 0x2869111d5381f072f8e2728fdb825a51aadd70e52c9830e9ab4b871c0531f1bb
        });
        vm.expectRevert(BN254.InvalidPoint.selector);
        this.verify(0, G1(1, 2), G1(1, 2), stray, G1(1, 2));
    }
}
