// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.31;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {IERC20Errors} from "@openzeppelin/contracts/interfaces/draft-IERC6093.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {StakingTest} from "../utils/StakingFixture.sol";
import {FalseToken, FeeToken, HookToken, SilentToken} from "../utils/Tokens.sol";
import {DemoToken} from "../../src/demo/DemoToken.sol";
import {IRestakingManager} from "../../src/interfaces/IRestakingManager.sol";
import {IStrategy} from "../../src/interfaces/IStrategy.sol";
import {Strategy} from "../../src/staking/Strategy.sol";

contract DepositTest is StakingTest {
    function fund(DemoToken token, Strategy strategy, uint256 amount) private {
        token.mint(staker, amount);
        vm.prank(staker);
        token.approve(address(strategy), amount);
    }

    function test_unknown_strategy_is_refused() public {
        Strategy strategy = new Strategy(nativeToken, address(manager), 10_000);
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
        vm.expectRevert(
            abi.encodeWithSelector(IERC20Errors.ERC20InsufficientAllowance.selector, address(nativeStrategy), 0, 5)
        );
        manager.deposit(nativeStrategy, 5);
    }

    function test_token_that_takes_a_fee_is_credited_as_it_arrives() public {
        FeeToken token = new FeeToken();
        Strategy strategy = addStrategy(token);
        fund(token, strategy, 1000);
        vm.expectEmit(address(manager));
        emit IRestakingManager.Deposited(staker, address(strategy), 990, 990, 990);
        vm.prank(staker);
        vm.assertEq(manager.deposit(strategy, 1000), 990);
        vm.assertEq(strategy.totalAssets(), 990);
    }

    function test_token_that_takes_all_is_refused() public {
        FeeToken token = new FeeToken();
        Strategy strategy = addStrategy(token);
        fund(token, strategy, 1000);
        token.setFee(10_000);
        vm.prank(staker);
        vm.expectRevert(abi.encodeWithSelector(IStrategy.NothingReceived.selector, 1000));
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

    function test_token_that_returns_nothing_is_taken() public {
        SilentToken token = new SilentToken();
        Strategy strategy = new Strategy(IERC20(address(token)), address(manager), 10_000);
        addStrategy(strategy);
        token.mint(staker, 1000);
        vm.startPrank(staker);
        token.approve(address(strategy), 1000);
        vm.assertEq(manager.deposit(strategy, 1000), 1000);
        vm.stopPrank();
        uint64 id = queue(staker, strategy, 400);
        wait(WITHDRAWAL_DELAY);
        vm.assertEq(complete(id), 400);
        vm.assertEq(token.balanceOf(staker), 400);
    }

    function test_more_than_96_bits_is_refused() public {
        uint256 most = type(uint96).max;
        stake(staker, nativeStrategy, most);
        fund(nativeToken, nativeStrategy, 1);
        vm.prank(staker);
        vm.expectRevert(abi.encodeWithSelector(IStrategy.CapacityExceeded.selector, most + 1, most));
        manager.deposit(nativeStrategy, 1);
    }

    function test_deposit_too_small_for_a_share_is_refused() public {
        stake(anyone, nativeStrategy, 1000);
        nativeToken.mint(address(nativeStrategy), 1e6);
        fund(nativeToken, nativeStrategy, 500);
        vm.prank(staker);
        vm.expectRevert(abi.encodeWithSelector(IStrategy.NoShares.selector, 500));
        manager.deposit(nativeStrategy, 500);
    }

    function test_strategy_whose_token_lost_nearly_all_takes_no_more() public {
        stake(anyone, nativeStrategy, 1e28);
        vm.prank(address(nativeStrategy));
        vm.assertTrue(nativeToken.transfer(anyone, 1e28));
        fund(nativeToken, nativeStrategy, 1e5);
        uint256 shares = 1e5 * (1e28 + 1e3) / 1e3;
        vm.prank(staker);
        vm.expectRevert(abi.encodeWithSelector(IStrategy.TooManyShares.selector, 1e28 + shares, 1 << 98));
        manager.deposit(nativeStrategy, 1e5);
    }

    function test_operator_that_lost_all_takes_no_more() public {
        register(operators[0]);
        delegate(staker, operators[0].account);
        slashTo(operators[0].account, nativeStrategy, 1e18 - 1, recipient);
        fund(nativeToken, nativeStrategy, 5);
        vm.prank(staker);
        vm.expectRevert(
            abi.encodeWithSelector(IRestakingManager.SlashedOut.selector, operators[0].account, address(nativeStrategy))
        );
        manager.deposit(nativeStrategy, 5);
    }

    /// @dev The billionth that is left of the factor is where scaled stake is largest: a full strategy just fits.
    function test_full_strategy_fits_behind_an_operator_that_lost_nearly_all() public {
        register(operators[0]);
        delegate(staker, operators[0].account);
        slashTo(operators[0].account, nativeStrategy, 1e18, recipient);
        stake(staker, nativeStrategy, type(uint96).max);
        vm.assertEq(manager.scaledOf(staker, address(nativeStrategy)), uint256(type(uint96).max) * 1e9);
        vm.assertEq(stakeOf(operators[0].account, nativeStrategy), type(uint96).max);
        vm.assertLe(nativeStrategy.MAX_SHARES() * 1e9, type(uint128).max);
        slashTo(operators[0].account, nativeStrategy, 1, recipient);
        undelegate(staker);
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

    function test_token_that_calls_back_finds_no_price() public {
        HookToken token = new HookToken();
        Strategy strategy = addStrategy(token);
        bytes[4] memory views = [
            abi.encodeCall(IStrategy.toAssets, (1)),
            abi.encodeCall(IStrategy.toShares, (1)),
            abi.encodeCall(IStrategy.totalAssets, ()),
            abi.encodeCall(IStrategy.totalShares, ())
        ];
        for (uint256 i = 0; i < 4; i++) {
            fund(token, strategy, 1000);
            token.hook(address(strategy), views[i]);
            vm.prank(staker);
            manager.deposit(strategy, 1000);
            vm.assertFalse(token.succeeded());
        }
        (bool ok,) = address(strategy).call(views[0]);
        vm.assertTrue(ok);
    }

    function test_deposit_is_booked_and_announced() public {
        fund(nativeToken, nativeStrategy, 700);
        vm.expectEmit(address(manager));
        emit IRestakingManager.Deposited(staker, address(nativeStrategy), 700, 700, 700);
        vm.prank(staker);
        vm.assertEq(manager.deposit(nativeStrategy, 700), 700);
        vm.assertEq(manager.sharesOf(staker, address(nativeStrategy)), 700);
        vm.assertEq(manager.scaledOf(staker, address(nativeStrategy)), 700);
        vm.assertEq(nativeStrategy.totalAssets(), 700);
        vm.assertEq(nativeStrategy.totalShares(), 700);
        vm.assertEq(nativeToken.balanceOf(address(nativeStrategy)), 700);
    }

    function test_stake_without_delegation_is_nobodys_weight() public {
        register(operators[0]);
        stake(staker, nativeStrategy, 700);
        vm.assertEq(stakeOf(operators[0].account, nativeStrategy), 0);
    }

    function test_deposit_after_delegation_counts_for_the_operator() public {
        register(operators[0]);
        delegate(staker, operators[0].account);
        stake(staker, nativeStrategy, 700);
        stake(staker, externalStrategy, 30);
        vm.assertEq(stakeOf(operators[0].account, nativeStrategy), 700);
        vm.assertEq(stakeOf(operators[0].account, externalStrategy), 30);
    }

    /// @dev 0.7 of an operator's stake is left: 700 shares are 1 000 scaled.
    function test_deposit_behind_a_slashed_operator_loses_nothing_to_earlier_slashes() public {
        register(operators[0]);
        delegate(staker, operators[0].account);
        slash(operators[0].account, nativeStrategy, 3000, recipient);
        stake(staker, nativeStrategy, 700);
        vm.assertEq(manager.scaledOf(staker, address(nativeStrategy)), 1000);
        vm.assertEq(manager.sharesOf(staker, address(nativeStrategy)), 700);
    }
}
