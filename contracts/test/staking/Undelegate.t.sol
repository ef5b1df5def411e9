// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.31;

import {StakingTest} from "../utils/StakingFixture.sol";
import {IRestakingManager, Withdrawal} from "../../src/interfaces/IRestakingManager.sol";

contract UndelegateTest is StakingTest {
    address private operator;

    function setUp() public override {
        super.setUp();
        register(operators[0]);
        operator = operators[0].account;
    }

    function test_without_an_operator_is_refused() public {
        vm.prank(staker);
        vm.expectRevert(abi.encodeWithSelector(IRestakingManager.NotDelegated.selector, staker));
        manager.undelegate();
    }

    function test_all_stake_leaves_through_the_queue() public {
        delegate(staker, operator);
        stake(staker, nativeStrategy, 700);
        stake(staker, externalStrategy, 30);
        uint48 maturesAt = uint48(START + WITHDRAWAL_DELAY);
        vm.expectEmit(address(manager));
        emit IRestakingManager.Undelegated(staker, operator);
        vm.expectEmit(address(manager));
        emit IRestakingManager.WithdrawalQueued(1, staker, address(nativeStrategy), operator, 700, maturesAt);
        vm.expectEmit(address(manager));
        emit IRestakingManager.WithdrawalQueued(2, staker, address(externalStrategy), operator, 30, maturesAt);
        uint64[] memory ids = undelegate(staker);
        vm.assertEq(ids.length, 2);
        vm.assertEq(ids[0], 1);
        vm.assertEq(ids[1], 2);
        vm.assertEq(manager.delegateOf(staker), address(0));
        vm.assertEq(manager.sharesOf(staker, address(nativeStrategy)), 0);
        vm.assertEq(stakeOf(operator, nativeStrategy), 0);
        vm.assertEq(manager.queuedOf(operator, address(nativeStrategy)), 700);
        Withdrawal memory w = manager.withdrawalOf(2);
        vm.assertEq(
            abi.encode(w), abi.encode(Withdrawal(staker, operator, externalStrategy, 30, uint48(START), maturesAt))
        );
    }

    function test_strategies_without_stake_are_passed_over() public {
        delegate(staker, operator);
        stake(staker, externalStrategy, 30);
        uint64[] memory ids = undelegate(staker);
        vm.assertEq(ids.length, 1);
        vm.assertEq(address(manager.withdrawalOf(ids[0]).strategy), address(externalStrategy));
    }

    function test_staker_without_stake_just_leaves() public {
        delegate(staker, operator);
        vm.assertEq(undelegate(staker).length, 0);
        vm.assertEq(manager.delegateOf(staker), address(0));
    }

    function test_slashing_reaches_what_left() public {
        delegate(staker, operator);
        stake(staker, nativeStrategy, 1000);
        uint64 id = undelegate(staker)[0];
        slash(operator, nativeStrategy, 3000, recipient);
        vm.assertEq(manager.withdrawalShares(id), 700);
    }

    function test_stake_of_which_nothing_is_left_leaves_as_well() public {
        delegate(staker, operator);
        stake(staker, nativeStrategy, 1000);
        slashTo(operator, nativeStrategy, 0, recipient);
        uint64 id = undelegate(staker)[0];
        wait(WITHDRAWAL_DELAY);
        vm.assertEq(complete(id), 0);
        vm.assertEq(manager.scaledOf(staker, address(nativeStrategy)), 0);
    }
}
