// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.31;

import {AllocationTest} from "./AllocationFixture.sol";
import {Allocation, IAllocationManager, MembershipRules} from "../../../src/interfaces/IAllocationManager.sol";
import {IOperatorRegistry} from "../../../src/interfaces/IOperatorRegistry.sol";
import {IStakeSource} from "../../../src/interfaces/IStakeSource.sol";

contract OptOutTest is AllocationTest {
    function test_unknown_service_is_refused() public {
        vm.expectRevert(abi.encodeWithSelector(IAllocationManager.UnknownService.selector, address(other)));
        optOut(0, address(other));
    }

    function test_who_does_not_serve_is_refused() public {
        vm.expectRevert(abi.encodeWithSelector(IStakeSource.NotOptedIn.selector, at(0), address(service)));
        optOut(0, address(service));
    }

    function test_operator_leaves_at_once_and_is_slashable_for_the_delay() public {
        serve(1);
        uint48 until = uint48(block.timestamp) + WITHDRAWAL_DELAY;
        vm.expectEmit(address(allocations));
        emit IAllocationManager.OptedOut(at(0), address(service), false);
        expectChange(0, address(service), address(nativeStrategy), Allocation(uint96(WHOLE), 0, until));
        expectChange(0, address(service), address(externalStrategy), Allocation(uint96(WHOLE), 0, until));
        optOut(0, address(service));
        vm.assertFalse(allocations.isOptedIn(at(0), address(service)));
        vm.assertEq(allocations.operatorsOf(address(service)).length, 0);
        assertWeights(0, address(service), 0, 0);
        vm.warp(until - 1);
        assertSlashable(0, address(service), NATIVE_STAKE, EXTERNAL_STAKE);
        vm.assertEq(allocations.servicesOf(at(0)).length, 1);
        vm.warp(until);
        assertSlashable(0, address(service), 0, 0);
        vm.assertEq(allocations.servicesOf(at(0)).length, 0);
    }

    function test_service_is_not_told() public {
        serve(1);
        optOut(0, address(service));
        vm.assertEq(service.calls(), 0);
    }

    function test_increase_that_is_pending_is_dropped() public {
        optIn(0, address(service), 10_000, 10_000);
        uint48 until = uint48(block.timestamp) + WITHDRAWAL_DELAY;
        expectChange(0, address(service), address(nativeStrategy), Allocation(0, 0, until));
        optOut(0, address(service));
        assertAllocation(native(0, address(service)), 0, 0, until);
        assertSlashable(0, address(service), 0, 0);
        vm.assertEq(allocations.servicesOf(at(0)).length, 0);
        vm.assertEq(allocations.allocatedOf(at(0), address(nativeStrategy)), 0);
    }

    /// @dev Each time it comes or goes, anyone may have the service's tables superseded, and staged chunks are void.
    function test_operator_comes_back_no_sooner_when_it_had_nothing_allocated_yet() public {
        setRules(MembershipRules(false, 1_000, 0, 0));
        for (uint16 bps = 0; bps <= 10_000; bps += 10_000) {
            optIn(0, address(service), bps, 0);
            uint64 version = allocations.membershipVersion(address(service));
            optOut(0, address(service));
            uint48 until = uint48(block.timestamp) + WITHDRAWAL_DELAY;
            bytes memory refusal =
                abi.encodeWithSelector(IAllocationManager.StillSlashable.selector, at(0), address(service), until);
            vm.expectRevert(refusal);
            optIn(0, address(service), bps, 0);
            vm.warp(until - 1);
            vm.expectRevert(refusal);
            optIn(0, address(service), bps, 0);
            vm.assertEq(allocations.membershipVersion(address(service)), version + 1);
            vm.warp(until);
        }
        optIn(0, address(service), 10_000, 10_000);
    }

    function test_increase_on_top_is_dropped_and_the_rest_goes_late() public {
        optIn(0, address(service), 2_000, 10_000);
        wait(ALLOCATION_DELAY);
        allocate(0, address(service), 5_000, 10_000);
        optOut(0, address(service));
        assertAllocation(native(0, address(service)), WHOLE / 5, 0, block.timestamp + WITHDRAWAL_DELAY);
    }

    function test_decrease_that_is_pending_goes_with_the_rest() public {
        serve(1);
        allocate(0, address(service), 2_000, 10_000);
        wait(WITHDRAWAL_DELAY - 1);
        optOut(0, address(service));
        assertAllocation(native(0, address(service)), WHOLE, 0, block.timestamp + WITHDRAWAL_DELAY);
    }

    function test_operator_that_left_is_bound_until_nothing_is_slashable() public {
        serve(1);
        vm.prank(at(0));
        vm.expectRevert(abi.encodeWithSelector(IOperatorRegistry.StillServing.selector, at(0), 1));
        registry.deregisterOperator();
        optOut(0, address(service));
        vm.prank(at(0));
        vm.expectRevert(abi.encodeWithSelector(IOperatorRegistry.StillServing.selector, at(0), 1));
        registry.deregisterOperator();
        wait(WITHDRAWAL_DELAY);
        vm.prank(at(0));
        registry.deregisterOperator();
    }
}
