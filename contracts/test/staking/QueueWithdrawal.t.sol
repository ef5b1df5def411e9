// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.31;

import {StakingTest} from "../utils/StakingFixture.sol";
import {IRestakingManager, Withdrawal} from "../../src/interfaces/IRestakingManager.sol";

contract QueueWithdrawalTest is StakingTest {
    address private operator;

    function setUp() public override {
        super.setUp();
        register(operators[0]);
        operator = operators[0].account;
    }

    function tryQueue(uint256 shares, bytes memory reason) private {
        vm.prank(staker);
        vm.expectRevert(reason);
        manager.queueWithdrawal(nativeStrategy, shares);
    }

    function test_nothing_is_refused() public {
        stake(staker, nativeStrategy, 10);
        tryQueue(0, abi.encodeWithSelector(IRestakingManager.ZeroAmount.selector));
    }

    function test_everything_of_nothing_is_refused() public {
        tryQueue(type(uint256).max, abi.encodeWithSelector(IRestakingManager.ZeroAmount.selector));
    }

    function test_more_than_there_is_is_refused() public {
        stake(staker, nativeStrategy, 10);
        bytes4 selector = IRestakingManager.InsufficientShares.selector;
        tryQueue(11, abi.encodeWithSelector(selector, staker, address(nativeStrategy), 11, 10));
        uint256 most = type(uint256).max - 1;
        tryQueue(most, abi.encodeWithSelector(selector, staker, address(nativeStrategy), most, 10));
    }

    function test_more_than_slashing_left_is_refused() public {
        delegate(staker, operator);
        stake(staker, nativeStrategy, 10);
        slashTo(operator, nativeStrategy, 0, recipient);
        tryQueue(
            1,
            abi.encodeWithSelector(IRestakingManager.InsufficientShares.selector, staker, address(nativeStrategy), 1, 0)
        );
    }

    function test_stake_without_delegation_waits_as_well() public {
        stake(staker, nativeStrategy, 10);
        uint48 maturesAt = uint48(START + WITHDRAWAL_DELAY);
        vm.expectEmit(address(manager));
        emit IRestakingManager.WithdrawalQueued(1, staker, address(nativeStrategy), address(0), 4, maturesAt);
        vm.assertEq(queue(staker, nativeStrategy, 4), 1);
        vm.assertEq(manager.withdrawalCount(), 1);
        vm.assertEq(manager.sharesOf(staker, address(nativeStrategy)), 6);
        vm.assertEq(manager.withdrawalShares(1), 4);
        vm.assertEq(manager.queuedOf(address(0), address(nativeStrategy)), 0);
    }

    function test_queued_stake_is_no_weight_but_slashable() public {
        delegate(staker, operator);
        stake(staker, nativeStrategy, 10);
        uint64 id = queue(staker, nativeStrategy, 4);
        vm.assertEq(stakeOf(operator, nativeStrategy), 6);
        vm.assertEq(manager.queuedOf(operator, address(nativeStrategy)), 4);
        Withdrawal memory w = manager.withdrawalOf(id);
        vm.assertEq(
            abi.encode(w),
            abi.encode(Withdrawal(staker, operator, nativeStrategy, 4, uint48(START), uint48(START + WITHDRAWAL_DELAY)))
        );
    }

    function test_queued_stake_is_out_of_reach_once_mature() public {
        delegate(staker, operator);
        stake(staker, nativeStrategy, 10);
        queue(staker, nativeStrategy, 4);
        wait(1);
        queue(staker, nativeStrategy, 3);
        wait(WITHDRAWAL_DELAY - 2);
        vm.assertEq(manager.queuedOf(operator, address(nativeStrategy)), 7);
        wait(1);
        vm.assertEq(manager.queuedOf(operator, address(nativeStrategy)), 3);
        wait(1);
        vm.assertEq(manager.queuedOf(operator, address(nativeStrategy)), 0);
    }

    /// @dev With the factor 0.3, 100 shares are 334 scaled, rounded up: what stays is 666 scaled, which are 199 shares.
    function test_shares_are_taken_rounded_up() public {
        delegate(staker, operator);
        stake(staker, nativeStrategy, 1000);
        slash(operator, nativeStrategy, 7000, recipient);
        uint64 id = queue(staker, nativeStrategy, 100);
        vm.assertEq(manager.withdrawalOf(id).scaled, 334);
        vm.assertEq(manager.withdrawalShares(id), 100);
        vm.assertEq(manager.sharesOf(staker, address(nativeStrategy)), 199);
    }

    function test_everything_leaves_no_rest() public {
        delegate(staker, operator);
        stake(staker, nativeStrategy, 1000);
        slash(operator, nativeStrategy, 3333, recipient);
        uint64 id = queue(staker, nativeStrategy, type(uint256).max);
        vm.assertEq(manager.scaledOf(staker, address(nativeStrategy)), 0);
        vm.assertEq(manager.withdrawalShares(id), 666);
    }

    /// @dev A withdrawal is worth exactly what was asked for, and costs at most a share more.
    function testFuzz_withdrawal_is_what_was_asked_for(uint96 amount, uint96 factor, uint256 asked) public {
        amount = uint96(bound(amount, 1, type(uint96).max));
        factor = uint96(bound(factor, 1, 1e27 - 1));
        delegate(staker, operator);
        stake(staker, nativeStrategy, amount);
        slashTo(operator, nativeStrategy, factor, recipient);
        uint256 available = manager.sharesOf(staker, address(nativeStrategy));
        if (available == 0) return;
        asked = bound(asked, 1, available);
        uint64 id = queue(staker, nativeStrategy, asked);
        vm.assertEq(manager.withdrawalShares(id), asked);
        uint256 left = manager.sharesOf(staker, address(nativeStrategy));
        vm.assertLe(left, available - asked);
        vm.assertLe(available - asked, left + 1);
    }
}
