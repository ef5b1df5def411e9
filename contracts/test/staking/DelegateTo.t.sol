// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.31;

import {StakingTest} from "../utils/StakingFixture.sol";
import {IRestakingManager} from "../../src/interfaces/IRestakingManager.sol";

contract DelegateToTest is StakingTest {
    function test_only_to_an_operator() public {
        vm.prank(staker);
        vm.expectRevert(abi.encodeWithSelector(IRestakingManager.NotAnOperator.selector, anyone));
        manager.delegateTo(anyone);
    }

    function test_only_once() public {
        register(operators[0]);
        register(operators[1]);
        vm.startPrank(staker);
        manager.delegateTo(operators[0].account);
        vm.expectRevert(
            abi.encodeWithSelector(IRestakingManager.AlreadyDelegated.selector, staker, operators[0].account)
        );
        manager.delegateTo(operators[1].account);
        vm.stopPrank();
    }

    function test_operator_may_stand_behind_itself_or_another() public {
        registerOnly(operators[0]);
        registerOnly(operators[1]);
        stake(operators[0].account, nativeStrategy, 7);
        stake(operators[1].account, nativeStrategy, 8);
        delegate(operators[0].account, operators[0].account);
        delegate(operators[1].account, operators[0].account);
        vm.assertEq(stakeOf(operators[0].account, nativeStrategy), 15);
    }

    function test_moves_the_stake_of_every_strategy() public {
        register(operators[0]);
        stake(staker, nativeStrategy, 700);
        stake(staker, externalStrategy, 30);
        stake(operators[0].account, nativeStrategy, 5);
        vm.expectEmit(address(manager));
        emit IRestakingManager.Delegated(staker, operators[0].account);
        delegate(staker, operators[0].account);
        vm.assertEq(stakeOf(operators[0].account, nativeStrategy), 705);
        vm.assertEq(stakeOf(operators[0].account, externalStrategy), 30);
        vm.assertEq(manager.delegateOf(staker), operators[0].account);
    }

    /// @dev 700 shares behind an operator with the factor 0.6 are 1 166 scaled, which are 699 shares.
    function test_shares_become_scaled_stake_rounded_down() public {
        register(operators[0]);
        slash(operators[0].account, nativeStrategy, 4000, recipient);
        stake(staker, nativeStrategy, 700);
        delegate(staker, operators[0].account);
        vm.assertEq(manager.scaledOf(staker, address(nativeStrategy)), 1166);
        vm.assertEq(manager.sharesOf(staker, address(nativeStrategy)), 699);
        vm.assertEq(manager.operatorSharesOf(operators[0].account, address(nativeStrategy)), 699);
    }

    function test_operator_that_lost_all_takes_no_more() public {
        register(operators[0]);
        address operator = operators[0].account;
        slashTo(operator, nativeStrategy, 1e18 - 1, recipient);
        stake(staker, nativeStrategy, 700);
        vm.prank(staker);
        vm.expectRevert(
            abi.encodeWithSelector(IRestakingManager.SlashedOut.selector, operator, address(nativeStrategy))
        );
        manager.delegateTo(operator);
    }

    function test_slashing_of_one_strategy_keeps_no_other_out() public {
        register(operators[0]);
        slashTo(operators[0].account, nativeStrategy, 0, recipient);
        stake(staker, externalStrategy, 700);
        delegate(staker, operators[0].account);
        vm.assertEq(stakeOf(operators[0].account, externalStrategy), 700);
    }

    function test_staker_that_undelegated_may_choose_anew() public {
        register(operators[0]);
        register(operators[1]);
        stake(staker, nativeStrategy, 700);
        delegate(staker, operators[0].account);
        undelegate(staker);
        delegate(staker, operators[1].account);
        vm.assertEq(manager.delegateOf(staker), operators[1].account);
        vm.assertEq(stakeOf(operators[1].account, nativeStrategy), 0);
    }
}
