// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.31;

import {StakingTest} from "../utils/StakingFixture.sol";
import {IRestakingManager} from "../../src/interfaces/IRestakingManager.sol";

contract CompleteAsStakeTest is StakingTest {
    address private operator;
    address private other;
    uint64 private id;

    function setUp() public override {
        super.setUp();
        register(operators[0]);
        register(operators[1]);
        operator = operators[0].account;
        other = operators[1].account;
        delegate(staker, operator);
        stake(staker, nativeStrategy, 1000);
        id = undelegate(staker)[0];
    }

    function completeAsStake() private returns (uint256) {
        vm.prank(staker);
        return manager.completeAsStake(id);
    }

    function tryComplete(address caller, bytes memory reason) private {
        vm.prank(caller);
        vm.expectRevert(reason);
        manager.completeAsStake(id);
    }

    function test_unknown_withdrawal_is_refused() public {
        id = 2;
        tryComplete(staker, abi.encodeWithSelector(IRestakingManager.UnknownWithdrawal.selector, 2));
    }

    function test_only_its_staker_may() public {
        wait(WITHDRAWAL_DELAY);
        tryComplete(anyone, abi.encodeWithSelector(IRestakingManager.NotStaker.selector, id, anyone));
    }

    function test_not_before_it_is_mature() public {
        wait(WITHDRAWAL_DELAY - 1);
        uint48 maturesAt = uint48(START + WITHDRAWAL_DELAY);
        tryComplete(staker, abi.encodeWithSelector(IRestakingManager.NotMature.selector, id, maturesAt));
    }

    function test_operator_that_lost_all_takes_no_more() public {
        wait(WITHDRAWAL_DELAY);
        delegate(staker, other);
        slashTo(other, nativeStrategy, 1e18 - 1, recipient);
        tryComplete(
            staker, abi.encodeWithSelector(IRestakingManager.SlashedOut.selector, other, address(nativeStrategy))
        );
        vm.assertEq(complete(id), 1000);
    }

    function test_without_an_operator_it_is_stake_of_nobodys() public {
        wait(WITHDRAWAL_DELAY);
        vm.expectEmit(address(manager));
        emit IRestakingManager.WithdrawalRestaked(id, 1000, 1000);
        vm.assertEq(completeAsStake(), 1000);
        vm.assertEq(manager.sharesOf(staker, address(nativeStrategy)), 1000);
        vm.assertEq(manager.withdrawalOf(id).staker, address(0));
        vm.assertEq(nativeStrategy.totalShares(), 1000);
    }

    /// @dev Half was slashed before; the operator of now has the factor 0.3, so that 500 shares are 1 666 scaled.
    function test_it_moves_to_the_operator_of_now() public {
        slash(operator, nativeStrategy, 5000, recipient);
        slash(other, nativeStrategy, 7000, recipient);
        wait(WITHDRAWAL_DELAY);
        delegate(staker, other);
        vm.expectEmit(address(manager));
        emit IRestakingManager.WithdrawalRestaked(id, 500, 1666);
        vm.assertEq(completeAsStake(), 500);
        vm.assertEq(manager.scaledOf(staker, address(nativeStrategy)), 1666);
        vm.assertEq(manager.sharesOf(staker, address(nativeStrategy)), 499);
        vm.assertEq(stakeOf(other, nativeStrategy), 499);
        vm.assertEq(stakeOf(operator, nativeStrategy), 0);
    }

    function test_only_once() public {
        wait(WITHDRAWAL_DELAY);
        completeAsStake();
        tryComplete(staker, abi.encodeWithSelector(IRestakingManager.UnknownWithdrawal.selector, id));
    }
}
