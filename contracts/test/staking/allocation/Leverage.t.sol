// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.31;

import {AllocationFixture} from "./AllocationFixture.sol";
import {Allocation, IAllocationManager, SlashingTerms} from "../../../src/interfaces/IAllocationManager.sol";

/// @notice Two services that share stake under a leverage cap of 150 %.
contract LeverageTest is AllocationFixture {
    function setUp() public {
        setUpAllocations(2, LEVERAGE_CAP, ALLOCATION_DELAY);
        SlashingTerms memory t = SlashingTerms(slasher, resolver, recipient, 0, 10_000);
        registerService(address(service), t, rules());
        registerService(address(other), t, rules());
    }

    function share(uint16 mine, uint16 theirs) private {
        optIn(0, address(service), mine, 10_000);
        optIn(0, address(other), theirs, 5_000);
        wait(ALLOCATION_DELAY);
    }

    function cap() private view returns (uint256) {
        return uint256(manager.slashFactorOf(at(0), address(nativeStrategy))) * LEVERAGE_CAP / 10_000;
    }

    function test_more_than_the_cap_is_refused() public {
        optIn(0, address(service), 10_000, 10_000);
        vm.expectRevert(
            abi.encodeWithSelector(
                IAllocationManager.LeverageCapExceeded.selector,
                at(0),
                address(nativeStrategy),
                WHOLE * 15_001 / 10_000,
                WHOLE * 15_000 / 10_000
            )
        );
        optIn(0, address(other), 5_001, 5_000);
        optIn(0, address(other), 5_000, 5_000);
    }

    function test_shared_stake_counts_in_both_services() public {
        share(10_000, 5_000);
        assertWeights(0, address(service), NATIVE_STAKE, EXTERNAL_STAKE);
        assertWeights(0, address(other), NATIVE_STAKE / 2, EXTERNAL_STAKE / 2);
    }

    function test_allocations_shrink_until_they_fit_again() public {
        share(10_000, 5_000);
        // 30 % of the first: its factor falls to 0.7, the allocations to 0.7 and 0.5, of which 1.05 in all may stay.
        uint96 first = uint96(WHOLE * 7 / 10 * (WHOLE * 105 / 100) / (WHOLE * 12 / 10));
        uint96 second = uint96(WHOLE * 5 / 10 * (WHOLE * 105 / 100) / (WHOLE * 12 / 10));
        uint64 id = requestSlash(0, address(service), 3_000, 0);
        expectChange(0, address(service), address(nativeStrategy), Allocation(uint96(WHOLE * 7 / 10), 0, 0));
        expectChange(0, address(service), address(nativeStrategy), Allocation(first, 0, 0));
        expectChange(0, address(other), address(nativeStrategy), Allocation(second, 0, 0));
        allocations.executeSlash(id);
        vm.assertEq(native(0, address(service)).current, first);
        vm.assertEq(native(0, address(other)).current, second);
        vm.assertLe(allocations.allocatedOf(at(0), address(nativeStrategy)), cap());
        assertWeights(0, address(service), 612_500, EXTERNAL_STAKE);
        assertWeights(0, address(other), 437_500, EXTERNAL_STAKE / 2);
    }

    function test_only_the_slashing_service_is_told() public {
        share(10_000, 5_000);
        slashBy(address(service), 0, 3_000, 0);
        vm.assertEq(service.calls(), 1);
        vm.assertEq(other.calls(), 0);
    }

    function test_no_allocation_exceeds_what_is_left() public {
        share(2_000, 10_000);
        slashBy(address(service), 0, 10_000, 0);
        vm.assertEq(native(0, address(other)).current, WHOLE * 8 / 10);
        assertWeights(0, address(other), NATIVE_STAKE * 8 / 10, EXTERNAL_STAKE / 2);
    }

    function test_pending_changes_shrink_too() public {
        share(10_000, 2_000);
        allocate(0, address(other), 5_000, 5_000);
        slashBy(address(service), 0, 3_000, 0);
        Allocation memory a = native(0, address(other));
        // 0.7 + 0.5 is brought to 1.05.
        vm.assertEq(a.current, WHOLE * 2 / 10 * 105 / 120);
        vm.assertEq(a.pending, WHOLE * 5 / 10 * 105 / 120);
        vm.assertLe(allocations.allocatedOf(at(0), address(nativeStrategy)), cap());
    }

    function test_unlevered_use_is_left_alone() public {
        share(4_000, 5_000);
        slashBy(address(service), 0, 5_000, 0);
        vm.assertEq(native(0, address(other)).current, WHOLE / 2);
        vm.assertEq(native(0, address(service)).current, WHOLE * 2 / 10);
    }

    function test_allocations_are_found_by_strategy_whatever_it_is_to_the_service() public {
        SlashingTerms memory t = SlashingTerms(slasher, resolver, recipient, 0, 10_000);
        address third = address(new ThirdService(serviceOwner));
        vm.prank(serviceOwner);
        allocations.registerService(third, externalStrategy, nativeStrategy, t, rules());
        // Its native token is the others' external one.
        optIn(0, third, 5_000, 3_000);
        optIn(0, address(service), 10_000, 5_000);
        optIn(0, address(other), 2_000, 5_000);
        wait(ALLOCATION_DELAY);
        slashBy(third, 0, 10_000, 0);
        vm.assertEq(manager.slashFactorOf(at(0), address(nativeStrategy)), WHOLE);
        vm.assertEq(manager.slashFactorOf(at(0), address(externalStrategy)), WHOLE / 2);
        // Of the external token 0.5 + 0.5 is brought to 0.75; the native one is left alone.
        vm.assertEq(ext(0, address(service)).current, WHOLE * 375 / 1_000);
        vm.assertEq(ext(0, address(other)).current, WHOLE * 375 / 1_000);
        vm.assertEq(ext(0, third).current, 0);
        vm.assertEq(native(0, third).current, WHOLE * 3 / 10);
        vm.assertEq(native(0, address(service)).current, WHOLE);
        vm.assertEq(native(0, address(other)).current, WHOLE / 5);
    }

    function test_slash_of_everything_leaves_nothing_to_anyone() public {
        share(10_000, 5_000);
        slashBy(address(service), 0, 10_000, 0);
        assertAllocation(native(0, address(other)), 0, 0, 0);
        assertAllocation(native(0, address(service)), 0, 0, 0);
    }

    function testFuzz_slash_brings_the_sum_under_the_cap(uint16[2] calldata bps, uint16 changed, uint16 slashed)
        public
    {
        uint16 mine = uint16(bound(bps[0], 100, 10_000));
        uint16 theirs = uint16(bound(bps[1], 100, 15_000 - mine > 10_000 ? 10_000 : 15_000 - mine));
        share(mine, theirs);
        uint256 room = 15_000 - mine;
        allocate(0, address(other), uint16(bound(changed, 0, room > 10_000 ? 10_000 : room)), 5_000);
        uint256 current = native(0, address(other)).current;
        (uint256 before,) = allocations.slashableOf(at(0), address(other));
        slashBy(address(service), 0, uint16(bound(slashed, 1, 10_000)), 0);
        (uint256 left,) = allocations.slashableOf(at(0), address(other));
        uint256 factor = manager.slashFactorOf(at(0), address(nativeStrategy));
        vm.assertLe(allocations.allocatedOf(at(0), address(nativeStrategy)), cap());
        vm.assertLe(native(0, address(service)).current, factor);
        vm.assertLe(native(0, address(other)).current, factor);
        vm.assertLe(native(0, address(other)).pending, factor);
        vm.assertLe(native(0, address(other)).current, current);
        vm.assertLe(left, before);
    }
}

contract ThirdService {
    address public owner;

    constructor(address owner_) {
        owner = owner_;
    }
}
