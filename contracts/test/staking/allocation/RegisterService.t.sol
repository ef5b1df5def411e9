// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.31;

import {AllocationFixture} from "./AllocationFixture.sol";
import {AnsweringService, BombService, CallingService, WritingService} from "./Services.sol";
import {IAllocationManager, MembershipRules, SlashingTerms} from "../../../src/interfaces/IAllocationManager.sol";
import {IOperatorRegistry} from "../../../src/interfaces/IOperatorRegistry.sol";
import {IRestakingManager} from "../../../src/interfaces/IRestakingManager.sol";
import {AllocationManager} from "../../../src/staking/AllocationManager.sol";
import {Strategy} from "../../../src/staking/Strategy.sol";

contract RegisterServiceTest is AllocationFixture {
    function setUp() public {
        setUpAllocations(0, 10_000, ALLOCATION_DELAY);
    }

    function expectNotOwner(address which, address caller) private {
        vm.expectRevert(abi.encodeWithSelector(IAllocationManager.NotServiceOwner.selector, which, caller));
        vm.prank(caller);
        allocations.registerService(which, nativeStrategy, externalStrategy, terms(), rules());
    }

    function expectInvalidTerms(SlashingTerms memory t) private {
        vm.expectRevert(
            abi.encodeWithSelector(
                IAllocationManager.InvalidSlashingTerms.selector, t.maxSlashBps, t.vetoSeconds, WITHDRAWAL_DELAY
            )
        );
        registerService(address(service), t, rules());
    }

    function expectInvalidRules(MembershipRules memory r) private {
        vm.expectRevert(
            abi.encodeWithSelector(
                IAllocationManager.InvalidMembershipRules.selector, r.maxOperators, r.minNative, r.minExternal
            )
        );
        registerService(address(service), terms(), r);
    }

    function test_constructor_wants_both_contracts() public {
        vm.expectRevert(IAllocationManager.ZeroAddress.selector);
        new AllocationManager(IOperatorRegistry(address(0)), manager, 0);
        vm.expectRevert(IAllocationManager.ZeroAddress.selector);
        new AllocationManager(registry, IRestakingManager(address(0)), 0);
    }

    function test_contract_says_how_it_was_set_up() public view {
        vm.assertEq(address(allocations.operatorRegistry()), address(registry));
        vm.assertEq(address(allocations.restakingManager()), address(manager));
        vm.assertEq(allocations.allocationDelay(), ALLOCATION_DELAY);
        vm.assertEq(allocations.deploymentBlock(), 1000);
    }

    function test_only_the_owner_of_the_service_may() public {
        expectNotOwner(address(service), anyone);
    }

    function test_account_without_code_is_no_service() public {
        expectNotOwner(anyone, anyone);
        expectNotOwner(address(0), anyone);
    }

    function test_contract_without_owner_is_refused_to_all_but_itself() public {
        expectNotOwner(address(nativeStrategy), anyone);
    }

    function test_owner_that_reverts_is_none() public {
        expectNotOwner(address(new AnsweringService(abi.encode(anyone), true)), anyone);
    }

    function test_owner_that_answers_too_little_is_none() public {
        expectNotOwner(address(new AnsweringService("", false)), anyone);
        expectNotOwner(address(new AnsweringService(abi.encodePacked(bytes12(0), uint152(1)), false)), anyone);
    }

    function test_owner_with_dirty_bits_is_none() public {
        bytes memory dirty = abi.encode(uint256(uint160(anyone)) | 1 << 160);
        expectNotOwner(address(new AnsweringService(dirty, false)), anyone);
    }

    function test_owner_may_come_with_more() public {
        address which = address(new AnsweringService(abi.encode(anyone, anyone, anyone), false));
        vm.prank(anyone);
        allocations.registerService(which, nativeStrategy, externalStrategy, terms(), rules());
        vm.assertTrue(allocations.isService(which));
    }

    function test_owner_that_writes_is_none() public {
        expectNotOwner(address(new WritingService()), anyone);
    }

    function test_owner_that_answers_with_a_bomb_is_not_copied() public {
        address bomb = address(new BombService());
        uint256 before = gasleft();
        expectNotOwner(bomb, anyone);
        // The bomb pays for its memory; a copy would cost the same again.
        vm.assertLe(before - gasleft(), 2_500_000);
    }

    function test_service_may_register_itself() public {
        CallingService caller = new CallingService(serviceOwner);
        vm.assertTrue(
            caller.call(
                address(allocations),
                abi.encodeCall(
                    IAllocationManager.registerService,
                    (address(caller), nativeStrategy, externalStrategy, terms(), rules())
                )
            )
        );
        vm.assertTrue(allocations.isService(address(caller)));
    }

    function test_only_once() public {
        registerService(address(service));
        vm.expectRevert(abi.encodeWithSelector(IAllocationManager.ServiceAlreadyRegistered.selector, address(service)));
        registerService(address(service));
    }

    function test_unknown_strategies_are_refused() public {
        Strategy unknown = new Strategy(nativeToken, address(manager), 10_000);
        bytes memory refusal = abi.encodeWithSelector(IAllocationManager.InvalidStrategy.selector, address(unknown));
        vm.expectRevert(refusal);
        vm.prank(serviceOwner);
        allocations.registerService(address(service), unknown, externalStrategy, terms(), rules());
        vm.expectRevert(refusal);
        vm.prank(serviceOwner);
        allocations.registerService(address(service), nativeStrategy, unknown, terms(), rules());
    }

    function test_two_tokens_have_two_strategies() public {
        vm.expectRevert(abi.encodeWithSelector(IAllocationManager.InvalidStrategy.selector, address(nativeStrategy)));
        vm.prank(serviceOwner);
        allocations.registerService(address(service), nativeStrategy, nativeStrategy, terms(), rules());
    }

    function test_slasher_takes_something_and_not_more_than_all() public {
        expectInvalidTerms(SlashingTerms(slasher, resolver, recipient, VETO_SECONDS, 0));
        expectInvalidTerms(SlashingTerms(slasher, resolver, recipient, VETO_SECONDS, 10_001));
        registerService(address(service), SlashingTerms(slasher, resolver, recipient, VETO_SECONDS, 10_000), rules());
    }

    function test_waiting_leaves_time_to_execute() public {
        expectInvalidTerms(SlashingTerms(slasher, resolver, recipient, WITHDRAWAL_DELAY, 1));
        registerService(address(service), SlashingTerms(slasher, resolver, recipient, WITHDRAWAL_DELAY - 1, 1), rules());
    }

    function test_without_slasher_nothing_is_slashed() public {
        expectInvalidTerms(SlashingTerms(address(0), resolver, recipient, VETO_SECONDS, 10_001));
        registerService(address(service), SlashingTerms(address(0), address(0), address(0), 0, 0), rules());
        vm.assertEq(allocations.slashingTermsOf(address(service)).slasher, address(0));
    }

    function test_number_of_operators_is_bounded() public {
        expectInvalidRules(MembershipRules(false, 0, 1, 1));
        expectInvalidRules(MembershipRules(false, 1_001, 1, 1));
    }

    function test_maximum_needs_a_minimum_to_rank_by() public {
        expectInvalidRules(MembershipRules(true, 999, 0, 0));
        registerService(address(service), terms(), MembershipRules(false, 1_000, 0, 0));
        registerService(address(other), terms(), MembershipRules(false, 1, 0, 1));
    }

    function test_service_is_booked_and_announced() public {
        MembershipRules memory r = MembershipRules(true, 200, 7, 0);
        vm.expectEmit(address(allocations));
        emit IAllocationManager.ServiceRegistered(
            address(service), address(nativeStrategy), address(externalStrategy), terms(), r
        );
        registerService(address(service), terms(), r);
        vm.assertTrue(allocations.isService(address(service)));
        vm.assertEq(
            keccak256(abi.encode(allocations.slashingTermsOf(address(service)))), keccak256(abi.encode(terms()))
        );
        vm.assertEq(keccak256(abi.encode(allocations.membershipRulesOf(address(service)))), keccak256(abi.encode(r)));
        (address n, address e) = allocations.strategiesOf(address(service));
        vm.assertEq(n, address(nativeStrategy));
        vm.assertEq(e, address(externalStrategy));
        vm.assertEq(allocations.operatorCount(address(service)), 0);
        vm.assertEq(allocations.membershipVersion(address(service)), 0);
    }

    function test_unknown_service_has_no_terms_or_rules() public {
        vm.assertFalse(allocations.isService(address(service)));
        bytes memory refusal = abi.encodeWithSelector(IAllocationManager.UnknownService.selector, address(service));
        vm.expectRevert(refusal);
        allocations.slashingTermsOf(address(service));
        vm.expectRevert(refusal);
        allocations.membershipRulesOf(address(service));
        vm.expectRevert(refusal);
        allocations.slashableOf(anyone, address(service));
        (address n, address e) = allocations.strategiesOf(address(service));
        vm.assertEq(n, address(0));
        vm.assertEq(e, address(0));
    }
}
