// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.31;

import {AllocationTest} from "./AllocationFixture.sol";
import {
    Allocation,
    AllocationBps,
    IAllocationManager,
    SlashStatus,
    SlashingTerms
} from "../../../src/interfaces/IAllocationManager.sol";
import {IRestakingManager} from "../../../src/interfaces/IRestakingManager.sol";

contract ExecuteSlashTest is AllocationTest {
    address private staker = account("staker");

    function setUp() public override {
        super.setUp();
        optIn(0, address(service), 4_000, 8_000);
        wait(ALLOCATION_DELAY);
    }

    function shares(address which) private view returns (uint256) {
        return manager.sharesOf(which, address(nativeStrategy));
    }

    function test_unknown_request_is_refused() public {
        vm.expectRevert(abi.encodeWithSelector(IAllocationManager.UnknownSlashRequest.selector, 1));
        allocations.executeSlash(1);
    }

    function test_request_waits() public {
        uint64 id = requestSlash(0, address(service), 100, 100);
        uint256 executableAt = block.timestamp + VETO_SECONDS;
        uint256 expiresAt = block.timestamp + WITHDRAWAL_DELAY - 1;
        bytes memory refusal =
            abi.encodeWithSelector(IAllocationManager.SlashNotExecutable.selector, id, executableAt, expiresAt);
        vm.warp(executableAt - 1);
        vm.expectRevert(refusal);
        allocations.executeSlash(id);
        vm.warp(expiresAt + 1);
        vm.expectRevert(refusal);
        allocations.executeSlash(id);
        vm.warp(expiresAt);
        allocations.executeSlash(id);
    }

    function test_request_is_executed_once() public {
        uint64 id = slashBy(address(service), 0, 100, 100);
        vm.expectRevert(abi.encodeWithSelector(IAllocationManager.SlashNotPending.selector, id, SlashStatus.Executed));
        allocations.executeSlash(id);
    }

    function test_proportion_of_the_allocation_is_taken() public {
        uint64 id = requestSlash(0, address(service), 3_000, 500);
        wait(VETO_SECONDS);
        expectChange(0, address(service), address(nativeStrategy), Allocation(uint96(WHOLE * 28 / 100), 0, 0));
        vm.expectEmit(address(manager));
        emit IRestakingManager.Slashed(at(0), address(nativeStrategy), uint96(WHOLE * 88 / 100), 120_000, recipient);
        expectChange(0, address(service), address(externalStrategy), Allocation(uint96(WHOLE * 76 / 100), 0, 0));
        vm.expectEmit(address(manager));
        emit IRestakingManager.Slashed(at(0), address(externalStrategy), uint96(WHOLE * 96 / 100), 20_000, recipient);
        vm.expectEmit(address(allocations));
        emit IAllocationManager.SlashExecuted(id, 120_000, 20_000);
        vm.prank(anyone);
        allocations.executeSlash(id);
        vm.assertTrue(allocations.slashRequest(id).status == SlashStatus.Executed);
        assertWeights(0, address(service), 280_000, 380_000);
        vm.assertEq(manager.slashedSharesOf(recipient, address(nativeStrategy)), 120_000);
        vm.assertEq(shares(at(0)), 880_000);
    }

    function test_service_is_told() public {
        slashBy(address(service), 0, 1, 0);
        vm.assertEq(service.calls(), 1);
        vm.assertEq(service.lastOperator(), at(0));
    }

    function test_one_token_alone_is_taken() public {
        slashBy(address(service), 0, 0, 5_000);
        assertWeights(0, address(service), 400_000, 200_000);
        vm.assertEq(manager.slashFactorOf(at(0), address(nativeStrategy)), WHOLE);
        vm.assertEq(manager.slashFactorOf(at(0), address(externalStrategy)), WHOLE * 6 / 10);
    }

    function test_without_recipient_it_is_burned() public {
        registerService(address(other), SlashingTerms(slasher, resolver, address(0), 0, 10_000), rules());
        optIn(0, address(other), 1_000, 1_000);
        wait(ALLOCATION_DELAY);
        slashBy(address(other), 0, 10_000, 10_000);
        manager.paySlashed(address(0), nativeStrategy);
        vm.assertEq(nativeToken.balanceOf(manager.BURN()), 100_000);
    }

    function test_everything_can_be_taken() public {
        registerService(address(other), SlashingTerms(slasher, resolver, recipient, 0, 10_000), rules());
        optIn(1, address(other), 10_000, 10_000);
        wait(ALLOCATION_DELAY);
        slashBy(address(other), 1, 10_000, 10_000);
        vm.assertEq(shares(at(1)), 0);
        vm.assertEq(manager.slashFactorOf(at(1), address(nativeStrategy)), 0);
        vm.assertEq(manager.slashedSharesOf(recipient, address(nativeStrategy)), 2 * NATIVE_STAKE);
        assertWeights(1, address(other), 0, 0);
        vm.expectRevert(abi.encodeWithSelector(IAllocationManager.NothingToSlash.selector, at(1), address(other)));
        requestSlash(1, address(other), 1, 1);
    }

    function test_what_is_gone_is_not_taken_twice() public {
        registerService(address(other), SlashingTerms(slasher, resolver, recipient, 0, 10_000), rules());
        optIn(1, address(other), 10_000, 10_000);
        wait(ALLOCATION_DELAY);
        uint64 first = requestSlash(1, address(other), 10_000, 10_000);
        uint64 second = requestSlash(1, address(other), 10_000, 10_000);
        allocations.executeSlash(first);
        vm.expectEmit(address(allocations));
        emit IAllocationManager.SlashExecuted(second, 0, 0);
        allocations.executeSlash(second);
        vm.assertEq(manager.slashedSharesOf(recipient, address(nativeStrategy)), 2 * NATIVE_STAKE);
    }

    function test_second_slash_takes_of_what_the_first_left() public {
        slashBy(address(service), 0, 5_000, 0);
        slashBy(address(service), 0, 5_000, 0);
        assertWeights(0, address(service), 100_000, 400_000);
        vm.assertEq(shares(at(0)), 700_000);
    }

    function test_all_stakers_and_what_is_queued_pay_in_proportion() public {
        delegate(staker, at(0));
        stake(staker, nativeStrategy, 3_000_000);
        wait(1);
        uint64 queued = queue(staker, nativeStrategy, 1_000_000);
        slashBy(address(service), 0, 5_000, 0);
        vm.assertEq(shares(at(0)), 800_000);
        vm.assertEq(shares(staker), 1_600_000);
        vm.assertEq(manager.withdrawalShares(queued), 800_000);
        vm.assertEq(manager.slashedSharesOf(recipient, address(nativeStrategy)), 800_000);
        wait(WITHDRAWAL_DELAY);
        vm.assertEq(complete(queued), 800_000);
    }

    function test_stake_queued_at_the_second_of_the_fault_is_reached_until_the_request_ends() public {
        uint64 queued = queue(at(0), nativeStrategy, type(uint256).max);
        uint64 id = requestSlash(0, address(service), 5_000, 0);
        vm.warp(allocations.slashRequest(id).expiresAt);
        allocations.executeSlash(id);
        vm.assertEq(manager.withdrawalShares(queued), 800_000);
    }

    function test_mature_withdrawal_is_out_of_reach() public {
        uint64 queued = queue(at(0), nativeStrategy, 500_000);
        wait(WITHDRAWAL_DELAY);
        slashBy(address(service), 0, 5_000, 0);
        vm.assertEq(complete(queued), 500_000);
        vm.assertEq(shares(at(0)), 400_000);
    }

    function test_operator_that_left_is_slashed() public {
        uint64 id = requestSlash(0, address(service), 5_000, 5_000);
        optOut(0, address(service));
        wait(VETO_SECONDS);
        allocations.executeSlash(id);
        vm.assertEq(shares(at(0)), 800_000);
        vm.assertEq(native(0, address(service)).current, WHOLE / 5);
        vm.assertEq(service.calls(), 1);
    }

    function test_decrease_that_is_pending_shrinks_in_proportion() public {
        allocate(0, address(service), 1_000, 8_000);
        slashBy(address(service), 0, 5_000, 0);
        Allocation memory left = native(0, address(service));
        vm.assertEq(left.current, WHOLE * 20 / 100);
        vm.assertEq(left.pending, WHOLE * 5 / 100);
        assertWeights(0, address(service), 50_000, 400_000);
    }

    function test_increase_that_is_pending_shrinks_in_proportion() public {
        allocate(0, address(service), 10_000, 8_000);
        slashBy(address(service), 0, 5_000, 0);
        Allocation memory left = native(0, address(service));
        vm.assertEq(left.current, WHOLE * 20 / 100);
        vm.assertEq(left.pending, WHOLE * 50 / 100);
        vm.assertLe(
            allocations.allocatedOf(at(0), address(nativeStrategy)),
            manager.slashFactorOf(at(0), address(nativeStrategy))
        );
    }

    function test_pending_first_allocation_is_not_slashed() public {
        allocate(0, address(service), 0, 8_000);
        wait(WITHDRAWAL_DELAY);
        uint64 id = requestSlash(0, address(service), 5_000, 5_000);
        allocate(0, address(service), 10_000, 8_000);
        wait(VETO_SECONDS);
        allocations.executeSlash(id);
        vm.assertEq(native(0, address(service)).pending, WHOLE);
        vm.assertEq(shares(at(0)), NATIVE_STAKE);
    }

    function test_what_others_can_slash_stays_the_same() public {
        registerService(address(other));
        optIn(0, address(other), 6_000, 2_000);
        wait(ALLOCATION_DELAY);
        slashBy(address(service), 0, 3_333, 1_234);
        assertSlashable(0, address(other), 600_000, 100_000);
        assertWeights(0, address(other), 600_000, 100_000);
        manager.paySlashed(recipient, nativeStrategy);
        assertSlashable(0, address(other), 600_000, 100_000);
        vm.assertEq(other.calls(), 0);
    }

    /// @dev Two services without leverage: one slash moves nothing of the other's, to the unit, and all still fits.
    function testFuzz_slash_takes_nothing_from_others(
        uint16 mine,
        uint16 theirs,
        uint16 changed,
        uint16 bps,
        uint96 staked
    ) public {
        SlashingTerms memory t = SlashingTerms(slasher, resolver, recipient, 0, 10_000);
        registerService(address(other), t, rules());
        stake(at(1), nativeStrategy, bound(staked, 1, 1e27));
        mine = uint16(bound(mine, 100, 9_900));
        theirs = uint16(bound(theirs, 100, 10_000 - mine));
        optIn(1, address(service), mine, 1_000);
        optIn(1, address(other), theirs, 1_000);
        wait(ALLOCATION_DELAY);
        changed = uint16(bound(changed, 0, 10_000 - mine));
        allocate(1, address(other), changed, 1_000);
        (uint256 slashable,) = allocations.slashableOf(at(1), address(service));
        (uint96 weight,) = allocations.weightsOf(at(1), address(service));
        slashBy(address(other), 1, uint16(bound(bps, 1, 10_000)), 0);
        (uint256 slashableAfter,) = allocations.slashableOf(at(1), address(service));
        (uint96 weightAfter,) = allocations.weightsOf(at(1), address(service));
        vm.assertEq(slashableAfter, slashable);
        vm.assertEq(weightAfter, weight);
        vm.assertLe(
            allocations.allocatedOf(at(1), address(nativeStrategy)),
            manager.slashFactorOf(at(1), address(nativeStrategy))
        );
    }

    /// @dev What is taken is the proportion of what was slashable: never less, and more by a unit at most.
    function testFuzz_slash_takes_the_proportion(uint16 allocated, uint16 bps, uint96 staked) public {
        registerService(address(other), SlashingTerms(slasher, resolver, recipient, 0, 10_000), rules());
        stake(at(1), nativeStrategy, bound(staked, 1, 1e27));
        optIn(1, address(other), uint16(bound(allocated, 100, 10_000)), 10_000);
        wait(ALLOCATION_DELAY);
        bps = uint16(bound(bps, 1, 10_000));
        uint256 before = shares(at(1));
        Allocation memory allocation = native(1, address(other));
        slashBy(address(other), 1, bps, 0);
        uint256 exact = before * allocation.current * bps / WHOLE / 10_000;
        vm.assertGe(before - shares(at(1)), exact);
        vm.assertLe(before - shares(at(1)), exact + 1);
        vm.assertLe(manager.slashedSharesOf(recipient, address(nativeStrategy)), before - shares(at(1)));
    }
}
