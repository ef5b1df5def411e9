// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.31;

import {StakingTest} from "../utils/StakingFixture.sol";
import {IRestakingManager} from "../../src/interfaces/IRestakingManager.sol";

contract SlashTest is StakingTest {
    address private operator;

    function setUp() public override {
        super.setUp();
        register(operators[0]);
        operator = operators[0].account;
    }

    function test_only_the_allocation_manager_may() public {
        vm.prank(owner);
        vm.expectRevert(abi.encodeWithSelector(IRestakingManager.NotAllocationManager.selector, owner));
        manager.slash(operator, nativeStrategy, 0, recipient);
    }

    function test_factor_only_falls() public {
        slashTo(operator, nativeStrategy, 5e26, recipient);
        vm.startPrank(manager.allocationManager());
        vm.expectRevert(abi.encodeWithSelector(IRestakingManager.FactorNotLower.selector, 5e26, 5e26));
        manager.slash(operator, nativeStrategy, 5e26, recipient);
        vm.expectRevert(abi.encodeWithSelector(IRestakingManager.FactorNotLower.selector, 5e26 + 1, 5e26));
        manager.slash(operator, nativeStrategy, 5e26 + 1, recipient);
        vm.stopPrank();
    }

    function test_operator_without_stake_loses_its_factor_only() public {
        vm.expectEmit(address(manager));
        emit IRestakingManager.Slashed(operator, address(nativeStrategy), 5e26, 0, recipient);
        vm.assertEq(slashTo(operator, nativeStrategy, 5e26, recipient), 0);
        vm.assertEq(manager.slashFactorOf(operator, address(nativeStrategy)), 5e26);
        vm.assertEq(manager.slashFactorOf(operator, address(externalStrategy)), 1e27);
        vm.assertEq(manager.slashedSharesOf(recipient, address(nativeStrategy)), 0);
    }

    function test_stakers_and_queued_withdrawals_lose_alike() public {
        delegate(staker, operator);
        delegate(anyone, operator);
        stake(staker, nativeStrategy, 6000);
        stake(anyone, nativeStrategy, 3000);
        stake(operator, nativeStrategy, 1000);
        uint64 id = queue(staker, nativeStrategy, 2000);
        vm.expectEmit(address(manager));
        emit IRestakingManager.Slashed(operator, address(nativeStrategy), 7e26, 3000, recipient);
        vm.assertEq(slashTo(operator, nativeStrategy, 7e26, recipient), 3000);
        vm.assertEq(manager.sharesOf(staker, address(nativeStrategy)), 2800);
        vm.assertEq(manager.sharesOf(anyone, address(nativeStrategy)), 2100);
        vm.assertEq(manager.sharesOf(operator, address(nativeStrategy)), 700);
        vm.assertEq(manager.withdrawalShares(id), 1400);
        vm.assertEq(manager.slashedSharesOf(recipient, address(nativeStrategy)), 3000);
        vm.assertEq(nativeStrategy.totalShares(), 10_000);
    }

    function test_stake_elsewhere_is_not_touched() public {
        register(operators[1]);
        stake(operators[1].account, nativeStrategy, 10);
        stake(operator, externalStrategy, 10);
        stake(staker, nativeStrategy, 10);
        stake(operator, nativeStrategy, 10);
        slashTo(operator, nativeStrategy, 0, recipient);
        vm.assertEq(stakeOf(operators[1].account, nativeStrategy), 10);
        vm.assertEq(stakeOf(operator, externalStrategy), 10);
        vm.assertEq(manager.sharesOf(staker, address(nativeStrategy)), 10);
        vm.assertEq(stakeOf(operator, nativeStrategy), 0);
    }

    /// @dev Three stakers with one share each and two thirds left: each has 0, together they have 2, so 1 is taken.
    function test_takes_no_more_than_stakers_can_miss() public {
        delegate(staker, operator);
        delegate(anyone, operator);
        stake(staker, nativeStrategy, 1);
        stake(anyone, nativeStrategy, 1);
        stake(operator, nativeStrategy, 1);
        uint96 factor = uint96(uint256(2e27) / 3 + 1);
        vm.assertEq(slashTo(operator, nativeStrategy, factor, recipient), 0);
        slashTo(operator, nativeStrategy, factor - 2, recipient);
        vm.assertEq(manager.slashedSharesOf(recipient, address(nativeStrategy)), 0);
        vm.assertEq(manager.operatorSharesOf(operator, address(nativeStrategy)), 1);
    }

    function test_nothing_is_left_after_everything() public {
        stake(operator, nativeStrategy, 12_345);
        vm.assertEq(slashTo(operator, nativeStrategy, 0, recipient), 12_345);
        vm.assertEq(manager.sharesOf(operator, address(nativeStrategy)), 0);
    }

    function test_several_slashes_in_a_second_add_up() public {
        stake(operator, nativeStrategy, 1000);
        uint64 id = queue(operator, nativeStrategy, 500);
        slash(operator, nativeStrategy, 5000, recipient);
        slash(operator, nativeStrategy, 5000, anyone);
        vm.assertEq(manager.slashedSharesOf(recipient, address(nativeStrategy)), 500);
        vm.assertEq(manager.slashedSharesOf(anyone, address(nativeStrategy)), 250);
        wait(WITHDRAWAL_DELAY);
        vm.assertEq(complete(id), 125);
    }

    /// @dev Whatever the numbers, what is taken and what stays is no more than there was, and nearly all of it.
    function testFuzz_what_is_taken_and_what_stays_is_what_there_was(
        uint96[3] memory amounts,
        uint96 first,
        uint96 second,
        uint256 queued
    ) public {
        address[3] memory stakers = [staker, anyone, operator];
        uint256 total;
        delegate(staker, operator);
        delegate(anyone, operator);
        for (uint256 i = 0; i < 3; i++) {
            amounts[i] = uint96(bound(amounts[i], 2, type(uint96).max / 3));
            total += amounts[i];
            stake(stakers[i], nativeStrategy, amounts[i]);
        }
        uint64 id = queue(staker, nativeStrategy, bound(queued, 1, amounts[0] - 1));
        slashTo(operator, nativeStrategy, uint96(bound(first, 2, 1e27 - 1)), recipient);
        uint256 factor = manager.slashFactorOf(operator, address(nativeStrategy));
        slashTo(operator, nativeStrategy, uint96(bound(second, 0, factor - 1)), recipient);
        uint256 sum = manager.slashedSharesOf(recipient, address(nativeStrategy)) + manager.withdrawalShares(id);
        for (uint256 i = 0; i < 3; i++) {
            sum += manager.sharesOf(stakers[i], address(nativeStrategy));
        }
        vm.assertLe(sum, total);
        // Each of four claims is rounded down, and each slash rounds twice.
        vm.assertLe(total, sum + 8);
    }
}
