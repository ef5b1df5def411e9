// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.31;

import {AllocationTest} from "./AllocationFixture.sol";
import {Vm} from "../../utils/Vm.sol";
import {Allocation, IAllocationManager, MembershipRules} from "../../../src/interfaces/IAllocationManager.sol";
import {IStakeSource} from "../../../src/interfaces/IStakeSource.sol";

contract AllocateTest is AllocationTest {
    uint16 private constant UNCHANGED = 65_535;

    function expectPending(uint256 index, address strategy, uint256 effectiveAt) private {
        vm.expectRevert(
            abi.encodeWithSelector(
                IAllocationManager.AllocationPending.selector, at(index), address(service), strategy, effectiveAt
            )
        );
    }

    function test_who_does_not_serve_is_refused() public {
        vm.expectRevert(abi.encodeWithSelector(IStakeSource.NotOptedIn.selector, at(0), address(service)));
        allocate(0, address(service), 1, 1);
        vm.expectRevert(abi.encodeWithSelector(IStakeSource.NotOptedIn.selector, at(0), address(other)));
        allocate(0, address(other), 1, 1);
    }

    function test_who_left_is_refused() public {
        serve(1);
        optOut(0, address(service));
        vm.expectRevert(abi.encodeWithSelector(IStakeSource.NotOptedIn.selector, at(0), address(service)));
        allocate(0, address(service), 1, 1);
    }

    function test_more_than_everything_is_refused() public {
        serve(1);
        vm.expectRevert(
            abi.encodeWithSelector(IAllocationManager.AllocationTooHigh.selector, uint16(10_001), uint16(10_000))
        );
        allocate(0, address(service), 10_001, 10_000);
    }

    function test_more_is_effective_after_the_allocation_delay() public {
        optIn(0, address(service), 2_000, 10_000);
        wait(ALLOCATION_DELAY);
        uint48 then = uint48(block.timestamp) + ALLOCATION_DELAY;
        expectChange(
            0, address(service), address(nativeStrategy), Allocation(uint96(WHOLE / 5), uint96(WHOLE / 2), then)
        );
        allocate(0, address(service), 5_000, 10_000);
        vm.assertEq(allocations.allocatedOf(at(0), address(nativeStrategy)), WHOLE / 2);
        vm.warp(then - 1);
        assertWeights(0, address(service), NATIVE_STAKE / 5, EXTERNAL_STAKE);
        assertSlashable(0, address(service), NATIVE_STAKE / 5, EXTERNAL_STAKE);
        vm.warp(then);
        assertWeights(0, address(service), NATIVE_STAKE / 2, EXTERNAL_STAKE);
        assertSlashable(0, address(service), NATIVE_STAKE / 2, EXTERNAL_STAKE);
    }

    function test_less_loses_weight_at_once_and_stays_slashable_for_the_withdrawal_delay() public {
        serve(1);
        uint48 then = uint48(block.timestamp) + WITHDRAWAL_DELAY;
        expectChange(0, address(service), address(nativeStrategy), Allocation(uint96(WHOLE), uint96(WHOLE / 4), then));
        allocate(0, address(service), 2_500, 10_000);
        assertWeights(0, address(service), NATIVE_STAKE / 4, EXTERNAL_STAKE);
        vm.assertEq(allocations.allocatedOf(at(0), address(nativeStrategy)), WHOLE);
        vm.warp(then - 1);
        assertSlashable(0, address(service), NATIVE_STAKE, EXTERNAL_STAKE);
        vm.warp(then);
        assertSlashable(0, address(service), NATIVE_STAKE / 4, EXTERNAL_STAKE);
        assertAllocation(native(0, address(service)), WHOLE / 4, 0, 0);
        vm.assertEq(allocations.allocatedOf(at(0), address(nativeStrategy)), WHOLE / 4);
    }

    function test_change_while_another_is_pending_is_refused() public {
        optIn(0, address(service), 2_000, 2_000);
        expectPending(0, address(nativeStrategy), START + ALLOCATION_DELAY);
        allocate(0, address(service), 3_000, 2_000);
        expectPending(0, address(externalStrategy), START + ALLOCATION_DELAY);
        allocate(0, address(service), 2_000, 1_000);
        wait(ALLOCATION_DELAY);
        allocate(0, address(service), 3_000, 1_000);
    }

    function test_the_same_again_changes_nothing() public {
        optIn(0, address(service), 2_000, 2_000);
        vm.recordLogs();
        allocate(0, address(service), 2_000, 2_000);
        wait(ALLOCATION_DELAY);
        allocate(0, address(service), 2_000, 2_000);
        vm.assertEq(vm.getRecordedLogs().length, 0);
        assertAllocation(native(0, address(service)), WHOLE / 5, 0, 0);
    }

    function test_one_token_can_be_left_as_it_is_while_it_is_pending() public {
        optIn(0, address(service), 2_000, 2_000);
        wait(ALLOCATION_DELAY);
        allocate(0, address(service), 3_000, UNCHANGED);
        allocate(0, address(service), UNCHANGED, 3_000);
        vm.recordLogs();
        allocate(0, address(service), UNCHANGED, UNCHANGED);
        vm.assertEq(vm.getRecordedLogs().length, 0);
        vm.assertEq(native(0, address(service)).pending, WHOLE * 3 / 10);
        vm.assertEq(ext(0, address(service)).pending, WHOLE * 3 / 10);
    }

    function test_what_is_about_to_go_is_not_free_for_others() public {
        registerService(address(other));
        serve(1);
        allocate(0, address(service), 5_000, 5_000);
        vm.expectRevert(
            abi.encodeWithSelector(
                IAllocationManager.LeverageCapExceeded.selector, at(0), address(nativeStrategy), WHOLE * 15 / 10, WHOLE
            )
        );
        optIn(0, address(other), 5_000, 5_000);
        wait(WITHDRAWAL_DELAY);
        optIn(0, address(other), 5_000, 5_000);
    }

    function test_less_is_never_refused_for_the_minimum() public {
        serve(1);
        allocate(0, address(service), 0, 10_000);
        assertWeights(0, address(service), 0, 0);
        vm.assertTrue(allocations.isOptedIn(at(0), address(service)));
    }

    function test_basis_points_are_of_what_is_left_after_slashing() public {
        serve(1);
        slashBy(address(service), 0, 5_000, 0);
        allocate(0, address(service), 5_000, UNCHANGED);
        vm.assertEq(native(0, address(service)).pending, WHOLE / 4);
        assertWeights(0, address(service), NATIVE_STAKE / 4, EXTERNAL_STAKE);
    }

    function test_stake_that_comes_and_goes_moves_the_weight() public {
        optIn(0, address(service), 5_000, 5_000);
        wait(ALLOCATION_DELAY);
        stake(at(0), nativeStrategy, 1_000_000);
        assertWeights(0, address(service), NATIVE_STAKE, EXTERNAL_STAKE / 2);
        queue(at(0), nativeStrategy, 1_500_000);
        assertWeights(0, address(service), NATIVE_STAKE / 4, EXTERNAL_STAKE / 2);
    }

    /// @dev Any walk of changes: what is allocated never exceeds the whole, each change is what was asked for, and
    /// weight never exceeds what can be slashed.
    function testFuzz_allocations_follow_the_rules(uint16[8] calldata bps, uint32[8] calldata waits) public {
        registerService(address(other));
        setRules(MembershipRules(false, 1_000, 0, 0));
        optIn(0, address(service), 0, 0);
        vm.prank(serviceOwner);
        allocations.setMembershipRules(address(other), MembershipRules(false, 1_000, 0, 0));
        optIn(0, address(other), 0, 0);
        for (uint256 i = 0; i < 8; i++) {
            address which = i % 2 == 0 ? address(service) : address(other);
            uint16 wanted = uint16(bound(bps[i], 0, 10_000));
            Allocation memory before = native(0, which);
            uint256 others = allocations.allocatedOf(at(0), address(nativeStrategy))
                - (before.current > before.pending ? before.current : before.pending);
            bool more = WHOLE * wanted / 10_000 > before.current;
            bool fits = !more || others + WHOLE * wanted / 10_000 <= WHOLE;
            if (before.effectiveAt == 0 && fits) {
                allocate(0, which, wanted, UNCHANGED);
                Allocation memory afterwards = native(0, which);
                if (WHOLE * wanted / 10_000 != before.current) {
                    vm.assertEq(afterwards.current, before.current);
                    vm.assertEq(afterwards.pending, WHOLE * wanted / 10_000);
                    vm.assertEq(afterwards.effectiveAt, block.timestamp + (more ? ALLOCATION_DELAY : WITHDRAWAL_DELAY));
                }
            }
            wait(bound(waits[i], 1, 10 days));
            vm.assertLe(allocations.allocatedOf(at(0), address(nativeStrategy)), WHOLE);
            (uint256 slashable,) = allocations.slashableOf(at(0), which);
            (uint96 weight,) = allocations.weightsOf(at(0), which);
            vm.assertLe(weight, slashable);
        }
    }
}
