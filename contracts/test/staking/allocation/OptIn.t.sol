// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.31;

import {AllocationTest} from "./AllocationFixture.sol";
import {ObservingService} from "./Services.sol";
import {
    Allocation,
    AllocationBps,
    IAllocationManager,
    MembershipRules
} from "../../../src/interfaces/IAllocationManager.sol";
import {Token} from "../../../src/types/Structs.sol";

contract OptInTest is AllocationTest {
    function expectTooLow(uint256 index, Token token, uint256 weight, uint256 least) private {
        vm.expectRevert(
            abi.encodeWithSelector(IAllocationManager.StakeTooLow.selector, at(index), token, weight, least)
        );
    }

    /// @dev A service for `most` operators.
    function limit(uint16 most, uint96 minNative, uint96 minExternal) private {
        setRules(MembershipRules(false, most, minNative, minExternal));
    }

    function expectFull(uint256 most) private {
        vm.expectRevert(abi.encodeWithSelector(IAllocationManager.ServiceFull.selector, address(service), most));
    }

    function expectNotWeakest(address named, address weaker) private {
        vm.expectRevert(abi.encodeWithSelector(IAllocationManager.NotWeakest.selector, named, weaker));
    }

    function test_only_an_operator_may() public {
        vm.expectRevert(abi.encodeWithSelector(IAllocationManager.NotAnOperator.selector, anyone));
        vm.prank(anyone);
        allocations.optIn(address(service), AllocationBps(1, 1), address(0));
    }

    function test_unknown_service_is_refused() public {
        vm.expectRevert(abi.encodeWithSelector(IAllocationManager.UnknownService.selector, address(other)));
        optIn(0, address(other), 1, 1);
    }

    function test_only_once() public {
        optIn(0, address(service), 10_000, 10_000);
        vm.expectRevert(abi.encodeWithSelector(IAllocationManager.AlreadyOptedIn.selector, at(0), address(service)));
        optIn(0, address(service), 10_000, 10_000);
    }

    function test_who_left_waits_until_nothing_is_slashable() public {
        serve(1);
        optOut(0, address(service));
        uint256 until = block.timestamp + WITHDRAWAL_DELAY;
        vm.warp(until - 1);
        vm.expectRevert(
            abi.encodeWithSelector(IAllocationManager.StillSlashable.selector, at(0), address(service), until)
        );
        optIn(0, address(service), 10_000, 10_000);
        vm.warp(until);
        optIn(0, address(service), 5_000, 10_000);
        assertAllocation(native(0, address(service)), 0, WHOLE / 2, until + ALLOCATION_DELAY);
    }

    function test_one_token_still_slashable_is_enough_to_wait() public {
        setRules(MembershipRules(false, 1_000, 0, 0));
        optIn(0, address(service), 0, 10_000);
        wait(ALLOCATION_DELAY);
        optOut(0, address(service));
        uint256 until = block.timestamp + WITHDRAWAL_DELAY;
        vm.expectRevert(
            abi.encodeWithSelector(IAllocationManager.StillSlashable.selector, at(0), address(service), until)
        );
        optIn(0, address(service), 10_000, 0);
    }

    function test_more_than_everything_is_refused() public {
        bytes memory refusal =
            abi.encodeWithSelector(IAllocationManager.AllocationTooHigh.selector, uint16(10_001), uint16(10_000));
        vm.expectRevert(refusal);
        optIn(0, address(service), 10_001, 1);
        vm.expectRevert(refusal);
        optIn(0, address(service), 1, 10_001);
    }

    function test_leaving_unchanged_means_nothing_yet() public {
        vm.expectRevert(
            abi.encodeWithSelector(IAllocationManager.AllocationTooHigh.selector, uint16(65_535), uint16(10_000))
        );
        optIn(0, address(service), 65_535, 1);
    }

    function test_allocations_of_all_services_stay_under_the_cap() public {
        registerService(address(other));
        optIn(0, address(service), 6_000, 5_000);
        vm.expectRevert(
            abi.encodeWithSelector(
                IAllocationManager.LeverageCapExceeded.selector,
                at(0),
                address(nativeStrategy),
                WHOLE * 10_001 / 10_000,
                WHOLE
            )
        );
        optIn(0, address(other), 4_001, 5_000);
        optIn(0, address(other), 4_000, 5_000);
        vm.assertEq(allocations.allocatedOf(at(0), address(nativeStrategy)), WHOLE);
        vm.assertEq(allocations.allocatedOf(at(0), address(externalStrategy)), WHOLE);
    }

    function test_stake_below_a_minimum_is_refused() public {
        // 0.09 % of 1 000 000, of which 1 000 are wanted, and as much of 500 000, of which 500 are.
        expectTooLow(0, Token.Native, 900, MIN_NATIVE);
        optIn(0, address(service), 9, 10_000);
        expectTooLow(0, Token.External, 450, MIN_EXTERNAL);
        optIn(0, address(service), 10, 9);
        optIn(0, address(service), 10, 10);
    }

    function test_operator_enters_the_set() public {
        uint48 then = uint48(block.timestamp) + ALLOCATION_DELAY;
        vm.expectEmit(address(allocations));
        emit IAllocationManager.OptedIn(at(0), address(service));
        expectChange(0, address(service), address(nativeStrategy), Allocation(0, uint96(WHOLE * 4 / 10), then));
        expectChange(0, address(service), address(externalStrategy), Allocation(0, uint96(WHOLE * 3 / 10), then));
        optIn(0, address(service), 4_000, 3_000);
        vm.assertTrue(allocations.isOptedIn(at(0), address(service)));
        vm.assertEq(allocations.operatorCount(address(service)), 1);
        vm.assertEq(allocations.operatorsOf(address(service))[0], at(0));
        vm.assertEq(allocations.servicesOf(at(0))[0], address(service));
        vm.assertEq(allocations.membershipVersion(address(service)), 1);
        vm.assertEq(allocations.operatorCount(address(other)), 0);
    }

    function test_weight_comes_with_the_delay() public {
        optIn(0, address(service), 4_000, 3_000);
        wait(ALLOCATION_DELAY - 1);
        assertWeights(0, address(service), 0, 0);
        assertSlashable(0, address(service), 0, 0);
        wait(1);
        assertWeights(0, address(service), NATIVE_STAKE * 4 / 10, EXTERNAL_STAKE * 3 / 10);
        assertSlashable(0, address(service), NATIVE_STAKE * 4 / 10, EXTERNAL_STAKE * 3 / 10);
        assertAllocation(native(0, address(service)), WHOLE * 4 / 10, 0, 0);
    }

    function test_name_of_the_weakest_matters_only_when_the_service_is_full() public {
        optIn(0, address(service), 10_000, 10_000);
        optIn(1, address(service), 10_000, 10_000, at(0));
        vm.assertEq(allocations.operatorCount(address(service)), 2);
    }

    function test_full_service_takes_nobody() public {
        limit(1, 1, 1);
        optIn(0, address(service), 10_000, 10_000);
        expectFull(1);
        optIn(1, address(service), 10_000, 10_000);
    }

    function test_only_the_weakest_is_replaced() public {
        limit(2, 1, 1);
        optIn(0, address(service), 10_000, 10_000);
        optIn(1, address(service), 10_000, 10_000);
        expectNotWeakest(at(1), at(0));
        optIn(2, address(service), 10_000, 10_000, at(1));
        expectNotWeakest(anyone, at(0));
        optIn(2, address(service), 10_000, 10_000, anyone);
        expectNotWeakest(at(2), at(0));
        optIn(2, address(service), 10_000, 10_000, at(2));
    }

    function test_newcomer_needs_a_tenth_more() public {
        limit(1, 1, 1);
        optIn(0, address(service), 10_000, 10_000);
        // Twice the stake; 5 499 of 10 000 of it are 109.98 %.
        expectFull(1);
        optIn(1, address(service), 5_499, 5_499, at(0));
        optIn(1, address(service), 5_500, 5_500, at(0));
        vm.assertTrue(allocations.isOptedIn(at(1), address(service)));
    }

    function test_weakest_leaves_and_the_service_is_told() public {
        limit(2, 1, 1);
        serve(2);
        uint48 until = uint48(block.timestamp) + WITHDRAWAL_DELAY;
        vm.expectEmit(address(allocations));
        emit IAllocationManager.OptedOut(at(0), address(service), true);
        expectChange(0, address(service), address(nativeStrategy), Allocation(uint96(WHOLE), 0, until));
        optIn(2, address(service), 10_000, 10_000, at(0));
        vm.assertFalse(allocations.isOptedIn(at(0), address(service)));
        vm.assertTrue(allocations.isOptedIn(at(2), address(service)));
        vm.assertEq(allocations.operatorCount(address(service)), 2);
        vm.assertEq(allocations.membershipVersion(address(service)), 4);
        vm.assertEq(service.calls(), 1);
        vm.assertEq(service.lastOperator(), at(0));
    }

    function test_pending_stake_counts_in_the_ranking() public {
        limit(1, 1, 1);
        optIn(1, address(service), 10_000, 10_000);
        // Operator 1 has no weight yet, and operator 0 only half of what operator 1 will have.
        expectFull(1);
        optIn(0, address(service), 10_000, 10_000, at(1));
    }

    function test_stake_about_to_go_counts_no_more_in_the_ranking() public {
        limit(1, 1, 1);
        optIn(1, address(service), 10_000, 10_000);
        wait(ALLOCATION_DELAY);
        allocate(1, address(service), 4_545, 4_545);
        optIn(0, address(service), 10_000, 10_000, at(1));
        vm.assertTrue(allocations.isOptedIn(at(0), address(service)));
    }

    function test_lowest_address_among_equals_is_the_weakest() public {
        limit(2, 1, 1);
        optIn(0, address(service), 10_000, 10_000);
        optIn(1, address(service), 5_000, 5_000);
        (address low, address high) = at(0) < at(1) ? (at(0), at(1)) : (at(1), at(0));
        expectNotWeakest(high, low);
        optIn(2, address(service), 10_000, 10_000, high);
        optIn(2, address(service), 10_000, 10_000, low);
        vm.assertTrue(allocations.isOptedIn(high, address(service)));
    }

    function test_tokens_are_ranked_in_units_of_their_minima() public {
        // One external is worth ten native: operator 0 has 1 000 000 + 10 · 50 000, operator 1 100 000 + 10 · 500 000.
        limit(2, 1_000, 100);
        optIn(0, address(service), 10_000, 1_000);
        optIn(1, address(service), 500, 5_000);
        expectNotWeakest(at(1), at(0));
        optIn(2, address(service), 10_000, 10_000, at(1));
        optIn(2, address(service), 10_000, 10_000, at(0));
    }

    function test_token_without_minimum_does_not_rank() public {
        limit(1, 0, 1);
        optIn(0, address(service), 1, 10_000);
        // Far more native stake, and as much external.
        expectFull(1);
        optIn(1, address(service), 10_000, 5_000, at(0));
        optIn(1, address(service), 0, 5_500, at(0));
        limit(1, 1, 0);
        expectFull(1);
        optIn(2, address(service), 0, 10_000);
    }

    function test_native_alone_ranks_when_only_it_has_a_minimum() public {
        limit(1, 1, 0);
        optIn(0, address(service), 10_000, 10_000);
        expectFull(1);
        optIn(2, address(service), 3_600, 10_000, at(0));
        optIn(1, address(service), 5_500, 0, at(0));
    }

    function test_operator_below_a_minimum_is_the_weakest() public {
        limit(2, 1, 1);
        optIn(0, address(service), 10_000, 10_000);
        optIn(1, address(service), 10_000, 10_000);
        limit(2, 1, uint96(EXTERNAL_STAKE) + 1);
        expectNotWeakest(at(1), at(0));
        optIn(2, address(service), 10_000, 10_000, at(1));
        optIn(2, address(service), 10_000, 10_000, at(0));
    }

    function test_service_that_lowered_its_maximum_exchanges_one_for_one() public {
        serve(2);
        limit(1, 1, 1);
        optIn(2, address(service), 10_000, 10_000, at(0));
        vm.assertEq(allocations.operatorCount(address(service)), 2);
        vm.assertFalse(allocations.isOptedIn(at(0), address(service)));
    }

    function test_operator_serves_a_bounded_number_of_services() public {
        setRules(MembershipRules(false, 1_000, 0, 0));
        optIn(0, address(service), 0, 0);
        for (uint256 i = 1; i < 32; i++) {
            optIn(0, newService(), 0, 0);
        }
        address last = newService();
        vm.expectRevert(abi.encodeWithSelector(IAllocationManager.TooManyServices.selector, at(0), 32));
        optIn(0, last, 0, 0);
        vm.assertEq(allocations.servicesOf(at(0)).length, 32);
        optOut(0, address(service));
        optIn(0, last, 0, 0);
        vm.assertEq(allocations.servicesOf(at(0)).length, 32);
    }

    function test_service_that_can_still_slash_keeps_its_place() public {
        optIn(0, address(service), 5_000, 5_000);
        for (uint256 i = 1; i < 32; i++) {
            optIn(0, newService(), 0, 0);
        }
        wait(ALLOCATION_DELAY);
        address last = newService();
        optOut(0, address(service));
        vm.expectRevert(abi.encodeWithSelector(IAllocationManager.TooManyServices.selector, at(0), 32));
        optIn(0, last, 0, 0);
        wait(WITHDRAWAL_DELAY);
        optIn(0, last, 10_000, 10_000);
        vm.assertEq(allocations.servicesOf(at(0)).length, 32);
    }

    function newService() private returns (address which) {
        which = address(new ObservingService(serviceOwner));
        registerService(which, terms(), MembershipRules(false, 1_000, 0, 0));
    }
}

contract OptInAtOnceTest is AllocationTest {
    function setUp() public override {
        setUpAllocations(1, 10_000, 0);
        registerService(address(service));
    }

    function test_without_delay_weight_comes_at_once() public {
        expectChange(0, address(service), address(nativeStrategy), Allocation(uint96(WHOLE / 2), 0, 0));
        optIn(0, address(service), 5_000, 10_000);
        assertWeights(0, address(service), NATIVE_STAKE / 2, EXTERNAL_STAKE);
    }
}
