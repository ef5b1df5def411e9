// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.31;

import {AllocationTest} from "./AllocationFixture.sol";
import {IAllocationManager, MembershipRules} from "../../../src/interfaces/IAllocationManager.sol";

contract SetMembershipRulesTest is AllocationTest {
    function test_only_the_owner_of_the_service_may() public {
        vm.expectRevert(abi.encodeWithSelector(IAllocationManager.NotServiceOwner.selector, address(service), anyone));
        vm.prank(anyone);
        allocations.setMembershipRules(address(service), rules());
    }

    function test_unknown_service_is_refused() public {
        vm.expectRevert(abi.encodeWithSelector(IAllocationManager.UnknownService.selector, address(other)));
        vm.prank(serviceOwner);
        allocations.setMembershipRules(address(other), rules());
    }

    function test_rules_are_checked() public {
        vm.expectRevert(abi.encodeWithSelector(IAllocationManager.InvalidMembershipRules.selector, 5, 0, 0));
        setRules(MembershipRules(false, 5, 0, 0));
    }

    function test_rules_are_booked_and_announced() public {
        MembershipRules memory r = MembershipRules(true, 3, 11, 13);
        vm.expectEmit(address(allocations));
        emit IAllocationManager.MembershipRulesChanged(address(service), r);
        setRules(r);
        vm.assertEq(keccak256(abi.encode(allocations.membershipRulesOf(address(service)))), keccak256(abi.encode(r)));
    }

    function test_terms_and_strategies_stay() public {
        setRules(MembershipRules(true, 3, type(uint96).max, type(uint96).max));
        vm.assertEq(
            keccak256(abi.encode(allocations.slashingTermsOf(address(service)))), keccak256(abi.encode(terms()))
        );
        (address n, address e) = allocations.strategiesOf(address(service));
        vm.assertEq(n, address(nativeStrategy));
        vm.assertEq(e, address(externalStrategy));
    }

    function test_members_stay_and_a_higher_minimum_takes_their_weight() public {
        serve(2);
        setRules(MembershipRules(true, 1, uint96(NATIVE_STAKE) + 1, 0));
        vm.assertEq(allocations.operatorCount(address(service)), 2);
        assertWeights(0, address(service), 0, 0);
        assertWeights(1, address(service), 2 * NATIVE_STAKE, 2 * EXTERNAL_STAKE);
        assertSlashable(0, address(service), NATIVE_STAKE, EXTERNAL_STAKE);
    }
}
