// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.31;

import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {StakingFixture} from "../utils/StakingFixture.sol";
import {FalseToken, FeeToken, HookToken} from "../utils/Tokens.sol";
import {DemoToken} from "../../src/demo/DemoToken.sol";
import {IRestakingManager} from "../../src/interfaces/IRestakingManager.sol";
import {IStrategy} from "../../src/interfaces/IStrategy.sol";
import {Strategy} from "../../src/staking/Strategy.sol";

contract DepositTest is StakingFixture {
    function fund(DemoToken token, Strategy strategy, uint256 amount) private {
        token.mint(staker, amount);
        vm.prank(staker);
        token.approve(address(strategy), amount);
    }

    function test_unknown_strategy_is_refused() public {
        Strategy strategy = new Strategy(nativeToken, address(manager));
        vm.expectRevert(abi.encodeWithSelector(IRestakingManager.UnknownStrategy.selector, address(strategy)));
        manager.deposit(strategy, 1);
    }

    function test_nothing_is_refused() public {
        vm.expectRevert(IRestakingManager.ZeroAmount.selector);
        manager.deposit(nativeStrategy, 0);
    }

    function test_strategy_obeys_its_manager_only() public {
        vm.expectRevert(abi.encodeWithSelector(IStrategy.NotManager.selector, address(this)));
        nativeStrategy.deposit(staker, 1);
    }

    function test_missing_allowance_is_refused() public {
        nativeToken.mint(staker, 5);
        vm.prank(staker);
        vm.expectRevert();
        manager.deposit(nativeStrategy, 5);
    }

    function test_token_that_takes_a_fee_is_refused() public {
        FeeToken token = new FeeToken();
        Strategy strategy = addStrategy(token);
        fund(token, strategy, 1000);
        vm.prank(staker);
        vm.expectRevert(abi.encodeWithSelector(IStrategy.FeeOnTransfer.selector, 1000, 990));
        manager.deposit(strategy, 1000);
    }

    function test_token_that_returns_false_is_refused() public {
        FalseToken token = new FalseToken();
        Strategy strategy = addStrategy(token);
        fund(token, strategy, 1000);
        vm.prank(staker);
        vm.expectRevert(abi.encodeWithSelector(SafeERC20.SafeERC20FailedOperation.selector, address(token)));
        manager.deposit(strategy, 1000);
    }

    function test_more_than_96_bits_is_refused() public {
        uint256 most = type(uint96).max;
        stake(staker, nativeStrategy, most);
        fund(nativeToken, nativeStrategy, 1);
        vm.prank(staker);
        vm.expectRevert(abi.encodeWithSelector(IStrategy.CapacityExceeded.selector, most + 1, most));
        manager.deposit(nativeStrategy, 1);
    }

    function test_token_that_calls_back_finds_the_door_shut() public {
        HookToken token = new HookToken();
        Strategy strategy = addStrategy(token);
        fund(token, strategy, 1000);
        token.hook(address(manager), abi.encodeCall(IRestakingManager.deposit, (strategy, 1)));
        vm.prank(staker);
        manager.deposit(strategy, 1000);
        vm.assertFalse(token.succeeded());
        vm.assertEq(
            token.output(), abi.encodeWithSelector(ReentrancyGuardTransient.ReentrancyGuardReentrantCall.selector)
        );
        vm.assertEq(manager.sharesOf(staker, address(strategy)), 1000);
    }

    function test_deposit_is_booked_and_announced() public {
        fund(nativeToken, nativeStrategy, 700);
        vm.expectEmit(address(manager));
        emit IRestakingManager.Deposited(staker, address(nativeStrategy), 700, 700);
        vm.prank(staker);
        vm.assertEq(manager.deposit(nativeStrategy, 700), 700);
        vm.assertEq(manager.sharesOf(staker, address(nativeStrategy)), 700);
        vm.assertEq(nativeStrategy.totalAssets(), 700);
        vm.assertEq(nativeStrategy.totalShares(), 700);
        vm.assertEq(nativeToken.balanceOf(address(nativeStrategy)), 700);
    }

    function test_stake_without_delegation_is_nobodys_weight() public {
        register(operators[0]);
        stake(staker, nativeStrategy, 700);
        vm.assertEq(manager.stakeOf(operators[0].account, address(nativeStrategy)), 0);
    }

    function test_deposit_after_delegation_counts_for_the_operator() public {
        register(operators[0]);
        vm.prank(staker);
        manager.delegateTo(operators[0].account);
        stake(staker, nativeStrategy, 700);
        stake(staker, externalStrategy, 30);
        (uint256 native, uint256 ext) = totalStake(operators[0].account);
        vm.assertEq(native, 700);
        vm.assertEq(ext, 30);
    }

    function testFuzz_donation_changes_no_price(uint96 first, uint96 donation, uint96 second) public {
        first = uint96(bound(first, 1, type(uint96).max / 2));
        second = uint96(bound(second, 1, type(uint96).max / 2));
        stake(anyone, nativeStrategy, first);
        nativeToken.mint(address(nativeStrategy), donation);
        stake(staker, nativeStrategy, second);
        vm.assertEq(manager.sharesOf(staker, address(nativeStrategy)), second);
        vm.assertEq(nativeStrategy.toAssets(second), second);
        vm.assertEq(nativeStrategy.totalAssets(), uint256(first) + second);
    }
}
