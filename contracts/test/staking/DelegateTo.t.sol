// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.31;

import {StakingFixture} from "../utils/StakingFixture.sol";
import {IRestakingManager} from "../../src/interfaces/IRestakingManager.sol";

contract DelegateToTest is StakingFixture {
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

    function test_operator_is_its_own_delegate_and_stays_so() public {
        register(operators[0]);
        register(operators[1]);
        address operator = operators[0].account;
        vm.assertEq(manager.delegateOf(operator), operator);
        vm.prank(operator);
        vm.expectRevert(abi.encodeWithSelector(IRestakingManager.AlreadyDelegated.selector, operator, operator));
        manager.delegateTo(operators[1].account);
    }

    function test_moves_the_weight_of_every_strategy() public {
        register(operators[0]);
        stake(staker, nativeStrategy, 700);
        stake(staker, externalStrategy, 30);
        stake(operators[0].account, nativeStrategy, 5);
        vm.expectEmit(address(manager));
        emit IRestakingManager.Delegated(staker, operators[0].account);
        vm.prank(staker);
        manager.delegateTo(operators[0].account);
        (uint256 native, uint256 ext) = totalStake(operators[0].account);
        vm.assertEq(native, 705);
        vm.assertEq(ext, 30);
        vm.assertEq(manager.delegateOf(staker), operators[0].account);
    }
}
