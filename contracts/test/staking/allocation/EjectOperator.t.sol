// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.31;

import {AllocationTest} from "./AllocationFixture.sol";
import {IAllocationManager} from "../../../src/interfaces/IAllocationManager.sol";
import {IStakeSource} from "../../../src/interfaces/IStakeSource.sol";

contract EjectOperatorTest is AllocationTest {
    function test_only_the_owner_of_the_service_may() public {
        serve(1);
        vm.expectRevert(abi.encodeWithSelector(IAllocationManager.NotServiceOwner.selector, address(service), at(0)));
        vm.prank(at(0));
        allocations.ejectOperator(address(service), at(0));
    }

    function test_unknown_service_is_refused() public {
        vm.expectRevert(abi.encodeWithSelector(IAllocationManager.UnknownService.selector, address(other)));
        vm.prank(serviceOwner);
        allocations.ejectOperator(address(other), at(0));
    }

    function test_who_does_not_serve_is_refused() public {
        vm.expectRevert(abi.encodeWithSelector(IStakeSource.NotOptedIn.selector, at(0), address(service)));
        eject(0);
    }

    function test_weight_is_lost_at_once_and_stake_stays_slashable() public {
        serve(2);
        uint64 version = allocations.membershipVersion(address(service));
        vm.expectEmit(address(allocations));
        emit IAllocationManager.OptedOut(at(0), address(service), true);
        eject(0);
        uint256 until = block.timestamp + WITHDRAWAL_DELAY;
        assertWeights(0, address(service), 0, 0);
        assertSlashable(0, address(service), NATIVE_STAKE, EXTERNAL_STAKE);
        assertAllocation(native(0, address(service)), WHOLE, 0, until);
        assertAllocation(ext(0, address(service)), WHOLE, 0, until);
        vm.assertFalse(allocations.isOptedIn(at(0), address(service)));
        vm.assertEq(allocations.operatorCount(address(service)), 1);
        vm.assertEq(allocations.membershipVersion(address(service)), version + 1);
        wait(WITHDRAWAL_DELAY);
        assertSlashable(0, address(service), 0, 0);
    }

    function test_service_is_told_with_the_key() public {
        serve(1);
        eject(0);
        vm.assertEq(service.calls(), 1);
        vm.assertEq(service.lastOperator(), at(0));
        vm.assertEq(service.lastKeys().length, 1);
        vm.assertEq(service.lastKeys()[0].x, operators[0].g1.x);
        vm.assertEq(service.lastKeys()[0].y, operators[0].g1.y);
    }
}
