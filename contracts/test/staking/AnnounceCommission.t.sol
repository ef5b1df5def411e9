// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.31;

import {StakingTest} from "../utils/StakingFixture.sol";
import {IOperatorRegistry} from "../../src/interfaces/IOperatorRegistry.sol";

contract AnnounceCommissionTest is StakingTest {
    address private operator;

    function setUp() public override {
        super.setUp();
        register(operators[0]);
        operator = operators[0].account;
    }

    function announce(uint16 bps) private {
        vm.prank(operator);
        registry.announceCommission(bps);
    }

    function check(uint16 current, uint16 announced, uint256 effectiveAt) private view {
        (uint16 isCurrent, uint16 isAnnounced, uint48 isEffectiveAt) = registry.commissionOf(operator);
        vm.assertEq(isCurrent, current);
        vm.assertEq(isAnnounced, announced);
        vm.assertEq(isEffectiveAt, effectiveAt);
    }

    function test_only_an_operator_may() public {
        vm.prank(anyone);
        vm.expectRevert(abi.encodeWithSelector(IOperatorRegistry.NotAnOperator.selector, anyone));
        registry.announceCommission(1);
    }

    function test_more_than_everything_is_refused() public {
        vm.prank(operator);
        vm.expectRevert(abi.encodeWithSelector(IOperatorRegistry.CommissionTooHigh.selector, 10_001, 10_000));
        registry.announceCommission(10_001);
    }

    function test_operator_begins_without() public view {
        check(0, 0, 0);
    }

    function test_commission_applies_after_its_notice() public {
        uint48 effectiveAt = uint48(START + COMMISSION_NOTICE);
        vm.expectEmit(address(registry));
        emit IOperatorRegistry.CommissionAnnounced(operator, 500, effectiveAt);
        announce(500);
        check(0, 500, effectiveAt);
        vm.warp(effectiveAt - 1);
        check(0, 500, effectiveAt);
        vm.warp(effectiveAt);
        check(500, 0, 0);
    }

    function test_announcement_that_is_not_in_effect_gives_way() public {
        announce(10_000);
        wait(COMMISSION_NOTICE - 1);
        announce(300);
        check(0, 300, block.timestamp + COMMISSION_NOTICE);
        wait(1);
        check(0, 300, block.timestamp + COMMISSION_NOTICE - 1);
    }

    function test_announcement_in_effect_stays_until_the_next_is() public {
        announce(500);
        wait(COMMISSION_NOTICE);
        announce(0);
        check(500, 0, block.timestamp + COMMISSION_NOTICE);
        wait(COMMISSION_NOTICE);
        check(0, 0, 0);
    }
}
