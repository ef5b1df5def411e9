// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.31;

import {StakingTest} from "../utils/StakingFixture.sol";
import {IOperatorRegistry} from "../../src/interfaces/IOperatorRegistry.sol";

contract RotateTransportKeyTest is StakingTest {
    bytes32 private constant SECOND = keccak256("second");
    bytes32 private constant THIRD = keccak256("third");

    address private operator;
    bytes32 private first;

    function setUp() public override {
        super.setUp();
        register(operators[0]);
        operator = operators[0].account;
        first = transportKeyOf(operators[0]);
    }

    function rotate(bytes32 key) private {
        vm.prank(operator);
        registry.rotateTransportKey(key);
    }

    function tryRotate(bytes32 key, bytes memory reason) private {
        vm.prank(operator);
        vm.expectRevert(reason);
        registry.rotateTransportKey(key);
    }

    function test_only_an_operator_may() public {
        vm.prank(anyone);
        vm.expectRevert(abi.encodeWithSelector(IOperatorRegistry.NotAnOperator.selector, anyone));
        registry.rotateTransportKey(SECOND);
    }

    function test_both_keys_are_known_during_the_overlap() public {
        uint48 until = uint48(START + KEY_OVERLAP);
        vm.expectEmit(address(registry));
        emit IOperatorRegistry.TransportKeyRotated(operator, SECOND, first, until);
        rotate(SECOND);
        (bytes32 current, bytes32 previous, uint48 last) = registry.transportKeysOf(operator);
        vm.assertEq(current, SECOND);
        vm.assertEq(previous, first);
        vm.assertEq(last, until);
        vm.assertEq(registry.holderOfTransportKey(SECOND), operator);
    }

    function test_second_rotation_waits_until_the_overlap_has_passed() public {
        rotate(SECOND);
        uint48 until = uint48(START + KEY_OVERLAP);
        vm.warp(until);
        tryRotate(THIRD, abi.encodeWithSelector(IOperatorRegistry.RotationPending.selector, operator, until));
        vm.warp(until + 1);
        rotate(THIRD);
        (bytes32 current, bytes32 previous,) = registry.transportKeysOf(operator);
        vm.assertEq(current, THIRD);
        vm.assertEq(previous, SECOND);
    }

    function test_previous_key_stays_claimed_for_ever() public {
        rotate(SECOND);
        wait(KEY_OVERLAP + 1);
        tryRotate(first, abi.encodeWithSelector(IOperatorRegistry.TransportKeyInUse.selector, first, operator));
    }

    function test_key_of_another_is_refused() public {
        register(operators[1]);
        bytes32 taken = transportKeyOf(operators[1]);
        tryRotate(
            taken, abi.encodeWithSelector(IOperatorRegistry.TransportKeyInUse.selector, taken, operators[1].account)
        );
    }

    function test_zero_is_no_key() public {
        tryRotate(0, abi.encodeWithSelector(IOperatorRegistry.ZeroTransportKey.selector));
    }

    function test_keys_of_both_kinds_rotate_apart() public {
        rotate(SECOND);
        operators[1].account = operator;
        vm.startPrank(operator);
        registry.rotateKey(operators[1].g1, operators[1].g2, possessionOf(operators[1]));
        vm.stopPrank();
        vm.assertEq(registry.keyOf(operator).x, operators[1].g1.x);
    }
}
