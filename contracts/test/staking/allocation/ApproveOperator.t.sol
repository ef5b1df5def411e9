// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.31;

import {AllocationTest} from "./AllocationFixture.sol";
import {AllocationBps, IAllocationManager, MembershipRules} from "../../../src/interfaces/IAllocationManager.sol";

contract ApproveOperatorTest is AllocationTest {
    function approve(uint256 index, bool approved) private {
        vm.prank(serviceOwner);
        allocations.approveOperator(address(service), at(index), approved);
    }

    function expectNotApproved(uint256 index) private {
        vm.expectRevert(abi.encodeWithSelector(IAllocationManager.NotApproved.selector, at(index), address(service)));
        optIn(index, address(service), 10_000, 10_000);
    }

    function test_only_the_owner_of_the_service_may() public {
        vm.expectRevert(abi.encodeWithSelector(IAllocationManager.NotServiceOwner.selector, address(service), anyone));
        vm.prank(anyone);
        allocations.approveOperator(address(service), at(0), true);
    }

    function test_unknown_service_is_refused() public {
        vm.expectRevert(abi.encodeWithSelector(IAllocationManager.UnknownService.selector, address(other)));
        vm.prank(serviceOwner);
        allocations.approveOperator(address(other), at(0), true);
    }

    function test_approval_is_booked_and_announced() public {
        vm.expectEmit(address(allocations));
        emit IAllocationManager.OperatorApproved(at(0), address(service), true);
        approve(0, true);
        vm.assertTrue(allocations.isApproved(at(0), address(service)));
        vm.assertFalse(allocations.isApproved(at(1), address(service)));
        vm.assertFalse(allocations.isApproved(at(0), address(other)));
        vm.expectEmit(address(allocations));
        emit IAllocationManager.OperatorApproved(at(0), address(service), false);
        approve(0, false);
        vm.assertFalse(allocations.isApproved(at(0), address(service)));
    }

    function test_service_that_wants_approval_takes_nobody_else() public {
        MembershipRules memory r = rules();
        r.approvalRequired = true;
        setRules(r);
        expectNotApproved(0);
        approve(0, true);
        optIn(0, address(service), 10_000, 10_000);
        expectNotApproved(1);
    }

    function test_taking_approval_back_ejects_nobody_and_keeps_the_allocation() public {
        approve(0, true);
        optIn(0, address(service), 4_000, 3_000);
        approve(0, false);
        vm.assertTrue(allocations.isOptedIn(at(0), address(service)));
        assertAllocation(native(0, address(service)), 0, WHOLE * 4 / 10, START + ALLOCATION_DELAY);
    }

    function test_approval_outlives_membership() public {
        MembershipRules memory r = rules();
        r.approvalRequired = true;
        setRules(r);
        approve(0, true);
        serve(1);
        optOut(0, address(service));
        vm.assertTrue(allocations.isApproved(at(0), address(service)));
        wait(WITHDRAWAL_DELAY);
        optIn(0, address(service), 10_000, 10_000);
    }
}
