// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.31;

import {AllocationTest} from "./AllocationFixture.sol";
import {IAllocationManager, SlashStatus, SlashingTerms} from "../../../src/interfaces/IAllocationManager.sol";

contract VetoSlashTest is AllocationTest {
    uint64 private id;

    function setUp() public override {
        super.setUp();
        serve(1);
        id = requestSlash(0, address(service), 100, 100);
    }

    function veto() private {
        vm.prank(resolver);
        allocations.vetoSlash(id);
    }

    function expectNotPending(SlashStatus status) private {
        vm.expectRevert(abi.encodeWithSelector(IAllocationManager.SlashNotPending.selector, id, status));
    }

    function test_unknown_request_is_refused() public {
        vm.expectRevert(abi.encodeWithSelector(IAllocationManager.UnknownSlashRequest.selector, id + 1));
        vm.prank(resolver);
        allocations.vetoSlash(id + 1);
    }

    function test_only_the_resolver_may() public {
        vm.expectRevert(abi.encodeWithSelector(IAllocationManager.NotResolver.selector, address(service), slasher));
        vm.prank(slasher);
        allocations.vetoSlash(id);
    }

    function test_without_resolver_nobody_may() public {
        registerService(address(other), SlashingTerms(slasher, address(0), recipient, VETO_SECONDS, 1), rules());
        allocate(0, address(service), 5_000, 5_000);
        wait(WITHDRAWAL_DELAY);
        optIn(0, address(other), 5_000, 5_000);
        wait(ALLOCATION_DELAY);
        id = requestSlash(0, address(other), 1, 1);
        vm.expectRevert(abi.encodeWithSelector(IAllocationManager.NotResolver.selector, address(other), resolver));
        veto();
    }

    function test_request_is_stopped() public {
        wait(VETO_SECONDS - 1);
        vm.expectEmit(address(allocations));
        emit IAllocationManager.SlashVetoed(id);
        veto();
        vm.assertTrue(allocations.slashRequest(id).status == SlashStatus.Vetoed);
        wait(1);
        expectNotPending(SlashStatus.Vetoed);
        allocations.executeSlash(id);
        assertWeights(0, address(service), NATIVE_STAKE, EXTERNAL_STAKE);
    }

    function test_only_once() public {
        veto();
        expectNotPending(SlashStatus.Vetoed);
        veto();
    }

    function test_executable_request_is_not_stopped() public {
        wait(VETO_SECONDS);
        vm.expectRevert(abi.encodeWithSelector(IAllocationManager.SlashNoLongerVetoable.selector, id, block.timestamp));
        veto();
    }

    function test_executed_request_is_not_stopped() public {
        wait(VETO_SECONDS);
        allocations.executeSlash(id);
        expectNotPending(SlashStatus.Executed);
        veto();
    }

    function test_other_requests_go_on() public {
        uint64 second = requestSlash(0, address(service), 100, 100);
        veto();
        wait(VETO_SECONDS);
        allocations.executeSlash(second);
        assertWeights(0, address(service), NATIVE_STAKE * 99 / 100, EXTERNAL_STAKE * 99 / 100);
    }
}
