// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.31;

import {AllocationTest} from "./AllocationFixture.sol";
import {
    IAllocationManager,
    MembershipRules,
    SlashRequest,
    SlashStatus,
    SlashingTerms
} from "../../../src/interfaces/IAllocationManager.sol";

contract RequestSlashTest is AllocationTest {
    function setUp() public override {
        super.setUp();
        serve(2);
    }

    function request(uint16 nativeBps, uint16 externalBps, uint256 faultAt) private returns (uint64) {
        vm.prank(slasher);
        return allocations.requestSlash(address(service), at(0), nativeBps, externalBps, uint48(faultAt), EVIDENCE);
    }

    function expectOutOfReach(uint256 faultAt) private {
        vm.expectRevert(
            abi.encodeWithSelector(
                IAllocationManager.FaultOutOfReach.selector,
                faultAt,
                block.timestamp + VETO_SECONDS + 1 - WITHDRAWAL_DELAY,
                block.timestamp
            )
        );
    }

    function expectNothing(uint256 index) private {
        vm.expectRevert(abi.encodeWithSelector(IAllocationManager.NothingToSlash.selector, at(index), address(service)));
    }

    function test_unknown_service_is_refused() public {
        vm.expectRevert(abi.encodeWithSelector(IAllocationManager.UnknownService.selector, address(other)));
        requestSlash(0, address(other), 1, 1);
    }

    function test_only_the_slasher_may() public {
        vm.expectRevert(abi.encodeWithSelector(IAllocationManager.NotSlasher.selector, address(service), serviceOwner));
        vm.prank(serviceOwner);
        allocations.requestSlash(address(service), at(0), 1, 1, uint48(block.timestamp), EVIDENCE);
    }

    function test_slasher_of_one_service_is_nobody_in_another() public {
        SlashingTerms memory t = terms();
        t.slasher = anyone;
        registerService(address(other), t, rules());
        vm.expectRevert(abi.encodeWithSelector(IAllocationManager.NotSlasher.selector, address(service), anyone));
        vm.prank(anyone);
        allocations.requestSlash(address(service), at(0), 1, 1, uint48(block.timestamp), EVIDENCE);
    }

    function test_service_without_slasher_slashes_nobody() public {
        registerService(address(other), SlashingTerms(address(0), address(0), address(0), 0, 0), rules());
        vm.expectRevert(abi.encodeWithSelector(IAllocationManager.NotSlasher.selector, address(other), slasher));
        requestSlash(0, address(other), 1, 1);
    }

    function test_each_proportion_is_bounded() public {
        bytes memory refusal =
            abi.encodeWithSelector(IAllocationManager.SlashTooHigh.selector, MAX_SLASH_BPS + 1, MAX_SLASH_BPS);
        vm.expectRevert(refusal);
        request(MAX_SLASH_BPS + 1, 0, block.timestamp);
        vm.expectRevert(refusal);
        request(0, MAX_SLASH_BPS + 1, block.timestamp);
        request(MAX_SLASH_BPS, MAX_SLASH_BPS, block.timestamp);
    }

    function test_nothing_of_both_is_refused() public {
        expectNothing(0);
        request(0, 0, block.timestamp);
    }

    function test_who_allocated_nothing_is_refused() public {
        expectNothing(2);
        requestSlash(2, address(service), 1, 1);
        optIn(2, address(service), 10_000, 10_000);
        expectNothing(2);
        requestSlash(2, address(service), 1, 1);
        wait(ALLOCATION_DELAY);
        requestSlash(2, address(service), 1, 1);
    }

    function test_some_of_a_token_without_allocation_is_refused() public {
        setRules(MembershipRules(false, 1_000, 0, 1));
        optIn(2, address(service), 0, 10_000);
        wait(ALLOCATION_DELAY);
        expectNothing(2);
        requestSlash(2, address(service), 1, 0);
        requestSlash(2, address(service), 0, 1);
    }

    function test_who_left_is_reached_until_its_allocation_has_gone() public {
        optOut(0, address(service));
        wait(WITHDRAWAL_DELAY - 1);
        requestSlash(0, address(service), 1, 1);
        wait(1);
        expectNothing(0);
        requestSlash(0, address(service), 1, 1);
    }

    function test_fault_in_the_future_is_refused() public {
        expectOutOfReach(block.timestamp + 1);
        request(1, 1, block.timestamp + 1);
    }

    function test_fault_too_long_ago_is_refused() public {
        uint256 earliest = block.timestamp + VETO_SECONDS + 1 - WITHDRAWAL_DELAY;
        expectOutOfReach(earliest - 1);
        request(1, 1, earliest - 1);
        uint64 id = request(1, 1, earliest);
        vm.assertEq(allocations.slashRequest(id).executableAt, allocations.slashRequest(id).expiresAt);
    }

    function testFuzz_request_leaves_time_to_execute_and_ends_before_stake_can_leave(uint256 faultAt) public {
        faultAt = bound(faultAt, block.timestamp - 30 days, block.timestamp);
        bool inTime = block.timestamp + VETO_SECONDS < faultAt + WITHDRAWAL_DELAY;
        if (!inTime) expectOutOfReach(faultAt);
        uint64 id = request(1, 1, faultAt);
        if (!inTime) return;
        SlashRequest memory r = allocations.slashRequest(id);
        vm.assertLe(r.executableAt, r.expiresAt);
        vm.assertEq(r.executableAt, block.timestamp + VETO_SECONDS);
        vm.assertEq(r.expiresAt, faultAt + WITHDRAWAL_DELAY - 1);
    }

    function test_request_is_booked_and_announced() public {
        SlashRequest memory expected = SlashRequest({
            service: address(service),
            executableAt: uint48(block.timestamp) + VETO_SECONDS,
            expiresAt: uint48(block.timestamp) - 5 + WITHDRAWAL_DELAY - 1,
            operator: at(0),
            status: SlashStatus.Requested,
            nativeBps: 12,
            externalBps: 34,
            faultAt: uint48(block.timestamp) - 5,
            evidence: EVIDENCE
        });
        vm.expectEmit(address(allocations));
        emit IAllocationManager.SlashRequested(1, expected);
        vm.assertEq(request(12, 34, block.timestamp - 5), 1);
        vm.assertEq(keccak256(abi.encode(allocations.slashRequest(1))), keccak256(abi.encode(expected)));
        vm.assertEq(allocations.slashRequestCount(), 1);
        vm.assertEq(request(1, 1, block.timestamp), 2);
        vm.assertTrue(allocations.slashRequest(3).status == SlashStatus.None);
    }

    function test_request_takes_nothing_yet() public {
        request(MAX_SLASH_BPS, MAX_SLASH_BPS, block.timestamp);
        assertWeights(0, address(service), NATIVE_STAKE, EXTERNAL_STAKE);
        vm.assertEq(manager.slashFactorOf(at(0), address(nativeStrategy)), WHOLE);
        vm.assertEq(service.calls(), 0);
    }
}
