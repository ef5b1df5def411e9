// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.31;

import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {StakingTest} from "../utils/StakingFixture.sol";
import {HookToken} from "../utils/Tokens.sol";
import {IRestakingManager} from "../../src/interfaces/IRestakingManager.sol";
import {IStrategy} from "../../src/interfaces/IStrategy.sol";
import {Strategy} from "../../src/staking/Strategy.sol";

contract CompleteWithdrawalTest is StakingTest {
    address private operator;
    uint64 private id;

    function setUp() public override {
        super.setUp();
        register(operators[0]);
        operator = operators[0].account;
        delegate(staker, operator);
        stake(staker, nativeStrategy, 1000);
        id = queue(staker, nativeStrategy, 400);
    }

    function tryComplete(address caller, address to, bytes memory reason) private {
        vm.prank(caller);
        vm.expectRevert(reason);
        manager.completeWithdrawal(id, to);
    }

    function test_no_recipient_is_refused() public {
        tryComplete(staker, address(0), abi.encodeWithSelector(IRestakingManager.ZeroAddress.selector));
    }

    function test_unknown_withdrawal_is_refused() public {
        id = 2;
        tryComplete(staker, staker, abi.encodeWithSelector(IRestakingManager.UnknownWithdrawal.selector, 2));
    }

    function test_only_its_staker_may() public {
        wait(WITHDRAWAL_DELAY);
        tryComplete(anyone, anyone, abi.encodeWithSelector(IRestakingManager.NotStaker.selector, id, anyone));
    }

    function test_not_before_it_is_mature() public {
        wait(WITHDRAWAL_DELAY - 1);
        uint48 maturesAt = uint48(START + WITHDRAWAL_DELAY);
        tryComplete(staker, staker, abi.encodeWithSelector(IRestakingManager.NotMature.selector, id, maturesAt));
    }

    function test_shares_are_paid_to_the_recipient() public {
        wait(WITHDRAWAL_DELAY);
        vm.expectEmit(address(manager));
        emit IRestakingManager.WithdrawalCompleted(id, recipient, 400, 400);
        vm.prank(staker);
        vm.assertEq(manager.completeWithdrawal(id, recipient), 400);
        vm.assertEq(nativeToken.balanceOf(recipient), 400);
        vm.assertEq(nativeStrategy.totalShares(), 600);
        vm.assertEq(manager.withdrawalShares(id), 0);
    }

    function test_only_once() public {
        wait(WITHDRAWAL_DELAY);
        complete(id);
        tryComplete(staker, staker, abi.encodeWithSelector(IRestakingManager.UnknownWithdrawal.selector, id));
    }

    function test_slash_in_the_last_second_before_reaches_it() public {
        wait(WITHDRAWAL_DELAY - 1);
        vm.assertEq(slash(operator, nativeStrategy, 5000, recipient), 500);
        wait(1);
        vm.assertEq(complete(id), 200);
    }

    function test_slash_in_the_second_of_maturity_does_not() public {
        wait(WITHDRAWAL_DELAY);
        vm.assertEq(slash(operator, nativeStrategy, 5000, recipient), 300);
        vm.assertEq(manager.withdrawalShares(id), 400);
        vm.assertEq(complete(id), 400);
    }

    /// @dev Taken twice: half, then half of the rest; the third slash comes too late.
    function test_mature_withdrawal_is_out_of_reach_however_late_it_is_completed() public {
        wait(1 days);
        slash(operator, nativeStrategy, 5000, recipient);
        wait(1 days);
        slash(operator, nativeStrategy, 5000, recipient);
        wait(365 days);
        slash(operator, nativeStrategy, 9000, recipient);
        vm.assertEq(complete(id), 100);
        vm.assertEq(manager.sharesOf(staker, address(nativeStrategy)), 15);
    }

    function test_slash_of_before_it_was_queued_counts_once() public {
        slash(operator, nativeStrategy, 5000, recipient);
        id = queue(staker, nativeStrategy, 300);
        wait(WITHDRAWAL_DELAY);
        vm.assertEq(complete(id), 300);
    }

    function test_slash_in_the_second_of_queueing_counts_if_it_comes_after() public {
        slash(operator, nativeStrategy, 5000, recipient);
        id = queue(staker, nativeStrategy, 300);
        slash(operator, nativeStrategy, 5000, recipient);
        wait(WITHDRAWAL_DELAY);
        vm.assertEq(complete(id), 150);
    }

    function test_slash_of_another_operator_or_strategy_does_not_reach_it() public {
        register(operators[1]);
        slash(operators[1].account, nativeStrategy, 5000, recipient);
        slash(operator, externalStrategy, 5000, recipient);
        wait(WITHDRAWAL_DELAY);
        vm.assertEq(complete(id), 400);
    }

    function test_what_was_slashed_to_nothing_pays_nothing() public {
        slashTo(operator, nativeStrategy, 0, recipient);
        wait(WITHDRAWAL_DELAY);
        vm.expectEmit(address(manager));
        emit IRestakingManager.WithdrawalCompleted(id, staker, 0, 0);
        vm.assertEq(complete(id), 0);
    }

    function test_token_that_calls_back_finds_the_door_shut() public {
        HookToken token = new HookToken();
        Strategy strategy = addStrategy(token);
        stake(staker, strategy, 1000);
        uint64 first = queue(staker, strategy, 400);
        uint64 second = queue(staker, strategy, 400);
        wait(WITHDRAWAL_DELAY);
        bytes[4] memory calls = [
            abi.encodeCall(IRestakingManager.completeWithdrawal, (second, staker)),
            abi.encodeCall(IRestakingManager.completeAsStake, (second)),
            abi.encodeCall(IRestakingManager.paySlashed, (staker, strategy)),
            abi.encodeCall(IRestakingManager.undelegate, ())
        ];
        uint256 state = vm.snapshotState();
        for (uint256 i = 0; i < 4; i++) {
            token.hook(address(manager), calls[i]);
            complete(first);
            vm.assertEq(
                token.output(), abi.encodeWithSelector(ReentrancyGuardTransient.ReentrancyGuardReentrantCall.selector)
            );
            vm.revertToState(state);
        }
        token.hook(address(strategy), abi.encodeCall(IStrategy.toAssets, (1)));
        complete(first);
        vm.assertFalse(token.succeeded());
        vm.assertEq(token.balanceOf(staker), 400);
    }
}
