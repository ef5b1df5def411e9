// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.31;

import {Bls} from "../utils/Bls.sol";
import {Operator, StakingTest} from "../utils/StakingFixture.sol";
import {IOperatorRegistry} from "../../src/interfaces/IOperatorRegistry.sol";
import {G1, G2} from "../../src/libraries/BN254.sol";

contract RotateKeyTest is StakingTest {
    address private operator;

    function setUp() public override {
        super.setUp();
        register(operators[0]);
        operator = operators[0].account;
    }

    /// @notice The keys of another entry of the vectors, in the first operator's hands.
    function renewed(uint256 index) private view returns (Operator memory o) {
        o = operators[index];
        o.account = operator;
    }

    function rotate(Operator memory o) private {
        G1 memory possession = possessionOf(o);
        vm.prank(o.account);
        registry.rotateKey(o.g1, o.g2, possession);
    }

    function tryRotate(Operator memory o, G1 memory possession, bytes memory reason) private {
        vm.prank(o.account);
        vm.expectRevert(reason);
        registry.rotateKey(o.g1, o.g2, possession);
    }

    function test_only_an_operator_may() public {
        tryRotate(
            operators[1],
            G1(1, 2),
            abi.encodeWithSelector(IOperatorRegistry.NotAnOperator.selector, operators[1].account)
        );
    }

    function test_new_key_is_in_force_at_once_and_the_old_one_honoured_for_a_while() public {
        Operator memory o = renewed(1);
        G1 memory possession = possessionOf(o);
        uint48 until = uint48(START + KEY_OVERLAP);
        vm.expectEmit(address(registry));
        emit IOperatorRegistry.KeyRotated(operator, o.g1, o.g2, operators[0].g1, until);
        vm.prank(operator);
        registry.rotateKey(o.g1, o.g2, possession);
        vm.assertEq(abi.encode(registry.keyOf(operator)), abi.encode(o.g1));
        (G1 memory previous, uint48 last) = registry.previousKeyOf(operator);
        vm.assertEq(abi.encode(previous), abi.encode(operators[0].g1));
        vm.assertEq(last, until);
    }

    function test_there_is_no_previous_key_before() public view {
        (G1 memory previous, uint48 until) = registry.previousKeyOf(operator);
        vm.assertEq(previous.x | previous.y | until, 0);
    }

    function test_second_rotation_waits_until_the_overlap_has_passed() public {
        rotate(renewed(1));
        Operator memory o = renewed(2);
        uint48 until = uint48(START + KEY_OVERLAP);
        vm.warp(until);
        tryRotate(
            o, possessionOf(o), abi.encodeWithSelector(IOperatorRegistry.RotationPending.selector, operator, until)
        );
        vm.warp(until + 1);
        rotate(o);
        (G1 memory previous,) = registry.previousKeyOf(operator);
        vm.assertEq(abi.encode(previous), abi.encode(operators[1].g1));
    }

    function test_previous_key_stays_claimed_for_ever() public {
        rotate(renewed(1));
        wait(KEY_OVERLAP + 1);
        bytes32 keyHash = keccak256(abi.encode(operators[0].g1));
        bytes memory reason = abi.encodeWithSelector(IOperatorRegistry.KeyInUse.selector, keyHash, operator);
        tryRotate(renewed(0), possessionOf(operators[0]), reason);
        Operator memory thief = operators[0];
        thief.account = anyone;
        G1 memory possession = possessionOf(thief);
        vm.prank(anyone);
        vm.expectRevert(reason);
        registry.registerOperator(thief.g1, thief.g2, possession, keccak256("transport"), "", "");
    }

    function test_key_of_another_is_refused() public {
        register(operators[1]);
        bytes32 keyHash = keccak256(abi.encode(operators[1].g1));
        tryRotate(
            renewed(1),
            possessionOf(renewed(1)),
            abi.encodeWithSelector(IOperatorRegistry.KeyInUse.selector, keyHash, operators[1].account)
        );
    }

    function test_infinity_is_no_key() public {
        Operator memory o = renewed(1);
        o.g1 = G1(0, 0);
        tryRotate(o, G1(0, 0), abi.encodeWithSelector(IOperatorRegistry.InfinityKey.selector));
        o = renewed(1);
        o.g2 = G2(0, 0, 0, 0);
        tryRotate(o, G1(0, 0), abi.encodeWithSelector(IOperatorRegistry.InfinityKey.selector));
    }

    function test_key_without_possession_is_refused() public {
        Operator memory o = renewed(1);
        bytes32 digest = registry.possessionDigest(operator, o.g1, o.g2);
        bytes memory reason = abi.encodeWithSelector(IOperatorRegistry.InvalidPossession.selector, operator, digest);
        tryRotate(o, possessionOf(operators[1]), reason);
        tryRotate(o, Bls.sign(operators[0].sk, digest), reason);
    }
}
