// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.31;

import {StakingTest} from "../utils/StakingFixture.sol";
import {AllocationBps, MembershipRules, SlashingTerms} from "../../src/interfaces/IAllocationManager.sol";
import {IOperatorRegistry} from "../../src/interfaces/IOperatorRegistry.sol";
import {BN254, G1} from "../../src/libraries/BN254.sol";

contract DeregisterOperatorTest is StakingTest {
    address private operator;

    function setUp() public override {
        super.setUp();
        register(operators[0]);
        operator = operators[0].account;
    }

    function deregister() private {
        vm.prank(operator);
        registry.deregisterOperator();
    }

    /// @dev This contract is the service.
    function serve() private {
        SlashingTerms memory terms = SlashingTerms(anyone, anyone, anyone, 1 days, 5000);
        source.registerService(
            address(this), nativeStrategy, externalStrategy, terms, MembershipRules(false, 1000, 0, 0)
        );
        stake(operator, nativeStrategy, 100);
        vm.prank(operator);
        source.optIn(address(this), AllocationBps(10_000, 0), address(0));
    }

    function test_only_an_operator_may() public {
        vm.prank(anyone);
        vm.expectRevert(abi.encodeWithSelector(IOperatorRegistry.NotAnOperator.selector, anyone));
        registry.deregisterOperator();
    }

    function test_operator_that_serves_stays() public {
        serve();
        vm.prank(operator);
        vm.expectRevert(abi.encodeWithSelector(IOperatorRegistry.StillServing.selector, operator, 1));
        registry.deregisterOperator();
    }

    function test_operator_stays_while_it_can_be_slashed() public {
        serve();
        vm.startPrank(operator);
        source.optOut(address(this));
        wait(WITHDRAWAL_DELAY - 1);
        vm.expectRevert(abi.encodeWithSelector(IOperatorRegistry.StillServing.selector, operator, 1));
        registry.deregisterOperator();
        wait(1);
        registry.deregisterOperator();
        vm.stopPrank();
        vm.assertFalse(registry.isOperator(operator));
    }

    function test_nothing_is_left_of_it_but_spent_keys() public {
        vm.startPrank(operator);
        registry.announceCommission(100);
        registry.rotateTransportKey(keccak256("second"));
        vm.stopPrank();
        vm.expectEmit(address(registry));
        emit IOperatorRegistry.OperatorDeregistered(operator);
        deregister();
        vm.assertFalse(registry.isOperator(operator));
        vm.assertTrue(BN254.isInfinity(registry.keyOf(operator)));
        (bytes32 current, bytes32 previous, uint48 until) = registry.transportKeysOf(operator);
        vm.assertEq(current, 0);
        vm.assertEq(previous, 0);
        vm.assertEq(until, 0);
        wait(COMMISSION_NOTICE);
        (uint16 commission,,) = registry.commissionOf(operator);
        vm.assertEq(commission, 0);
        vm.assertEq(registry.holderOfKey(keccak256(abi.encode(operators[0].g1))), operator);
        vm.assertEq(registry.holderOfTransportKey(transportKeyOf(operators[0])), operator);
    }

    function test_it_may_come_back_with_other_keys_only() public {
        deregister();
        G1 memory possession = possessionOf(operators[0]);
        bytes32 keyHash = keccak256(abi.encode(operators[0].g1));
        vm.prank(operator);
        vm.expectRevert(abi.encodeWithSelector(IOperatorRegistry.KeyInUse.selector, keyHash, operator));
        registry.registerOperator(operators[0].g1, operators[0].g2, possession, keccak256("other"), "", "");
        operators[1].account = operator;
        possession = possessionOf(operators[1]);
        vm.prank(operator);
        registry.registerOperator(operators[1].g1, operators[1].g2, possession, keccak256("other"), "", "");
        vm.assertEq(registry.keyOf(operator).x, operators[1].g1.x);
    }

    function test_stakers_stay_until_they_undelegate() public {
        stake(staker, nativeStrategy, 50);
        delegate(staker, operator);
        deregister();
        vm.assertEq(stakeOf(operator, nativeStrategy), 50);
        undelegate(staker);
        vm.assertEq(stakeOf(operator, nativeStrategy), 0);
    }
}
