// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.31;

import {StakingTest} from "../utils/StakingFixture.sol";
import {FeeToken, RebasingToken} from "../utils/Tokens.sol";
import {IStrategy} from "../../src/interfaces/IStrategy.sol";
import {DemoToken} from "../../src/demo/DemoToken.sol";
import {Strategy} from "../../src/staking/Strategy.sol";

/// @notice A strategy by itself: this contract is its manager.
contract StrategyPricesTest is StakingTest {
    RebasingToken private token;
    Strategy private strategy;

    function setUp() public override {
        token = new RebasingToken();
        strategy = new Strategy(token, address(this), 10_000);
    }

    function deposit(address who, uint256 amount) private returns (uint256 shares) {
        token.mint(who, amount);
        vm.prank(who);
        token.approve(address(strategy), amount);
        (, shares) = strategy.deposit(who, amount);
    }

    function test_only_the_manager_may_withdraw() public {
        vm.prank(anyone);
        vm.expectRevert(abi.encodeWithSelector(IStrategy.NotManager.selector, anyone));
        strategy.withdraw(anyone, 1);
    }

    function test_price_of_an_empty_strategy_is_one() public view {
        vm.assertEq(strategy.toShares(12_345), 12_345);
        vm.assertEq(strategy.toAssets(12_345), 12_345);
    }

    function test_nothing_can_be_withdrawn_from_nothing() public {
        vm.expectRevert();
        strategy.withdraw(anyone, 1);
    }

    function test_assets_are_96_bits_of_the_balance() public {
        deposit(staker, 1000);
        token.mint(address(strategy), type(uint128).max);
        vm.assertEq(strategy.totalAssets(), type(uint96).max);
        uint256 assets = strategy.withdraw(staker, 1000);
        vm.assertLe(assets, type(uint96).max);
        vm.assertEq(token.balanceOf(staker), assets);
    }

    function test_gains_are_shared_in_proportion() public {
        deposit(staker, 1e21);
        deposit(anyone, 3e21);
        token.rebase(address(strategy), 11, 10);
        // The 1 000 virtual shares have gained 100.
        vm.assertEq(strategy.withdraw(staker, 1e21), 11e20 - 25);
        vm.assertEq(strategy.withdraw(anyone, 3e21), 33e20 - 75);
        vm.assertEq(token.balanceOf(address(strategy)), 100);
    }

    function test_losses_are_shared_in_proportion_to_the_last_unit() public {
        deposit(staker, 1e21);
        deposit(anyone, 3e21);
        token.rebase(address(strategy), 9, 10);
        vm.assertEq(strategy.withdraw(staker, 1e21), 9e20);
        vm.assertEq(strategy.withdraw(anyone, 3e21), 27e20);
        vm.assertEq(token.balanceOf(address(strategy)), 0);
        vm.assertEq(strategy.totalShares(), 0);
    }

    function test_total_loss_leaves_shares_of_nothing() public {
        deposit(staker, 1000);
        token.rebase(address(strategy), 0, 1);
        vm.assertEq(strategy.withdraw(staker, 1000), 0);
        vm.assertEq(strategy.totalShares(), 0);
    }

    /// @dev After any gain or loss all can leave, in any order, and nobody is paid from what is another's.
    function testFuzz_all_can_leave_after_gains_and_losses(
        uint96[3] memory amounts,
        uint256[2] memory numerators,
        bool backwards
    ) public {
        address[3] memory who = [staker, anyone, owner];
        uint256[3] memory shares;
        for (uint256 i = 0; i < 3; i++) {
            shares[i] = deposit(who[i], bound(amounts[i], 1e6, 1e24));
            if (i < 2) token.rebase(address(strategy), bound(numerators[i], 10, 4000), 1000);
        }
        uint256 sum;
        for (uint256 i = 0; i < 3; i++) {
            sum += strategy.toAssets(shares[i]);
        }
        vm.assertLe(sum, strategy.totalAssets());
        for (uint256 i = 0; i < 3; i++) {
            uint256 next = backwards ? 2 - i : i;
            uint256 worth = strategy.toAssets(shares[next]);
            vm.assertEq(strategy.withdraw(who[next], shares[next]), worth);
            vm.assertEq(token.balanceOf(who[next]), worth);
        }
        vm.assertEq(strategy.totalShares(), 0);
    }

    /// @dev The last one to leave after a loss leaves nothing behind.
    function testFuzz_losses_are_borne_to_the_last_unit(uint96[2] memory amounts, uint256 numerator) public {
        uint256 first = deposit(staker, bound(amounts[0], 1, type(uint96).max / 2));
        uint256 second = deposit(anyone, bound(amounts[1], 1, type(uint96).max / 2));
        token.rebase(address(strategy), bound(numerator, 0, 1e18), 1e18);
        uint256 held = token.balanceOf(address(strategy));
        vm.assertEq(strategy.withdraw(staker, first) + strategy.withdraw(anyone, second), held);
    }

    /// @dev Between rebases, neither depositing nor withdrawing makes anyone else's share worth less.
    function testFuzz_price_of_a_share_never_falls_by_trade(
        uint96[3] memory amounts,
        uint256 numerator,
        uint256 withdrawn
    ) public {
        uint256 kept = deposit(staker, bound(amounts[0], 1e3, 1e24));
        token.rebase(address(strategy), bound(numerator, 100, 4000), 1000);
        uint256 worth = strategy.toAssets(kept);
        uint256 shares = deposit(anyone, bound(amounts[1], 1e6, 1e24));
        vm.assertGe(strategy.toAssets(kept), worth);
        worth = strategy.toAssets(kept);
        strategy.withdraw(anyone, bound(withdrawn, 1, shares));
        vm.assertGe(strategy.toAssets(kept), worth);
    }

    /// @dev Whoever deposits and leaves at once gains nothing, and loses less than the price of a share and, after a
    /// loss, 1 000 units.
    function testFuzz_round_trip_never_pays(uint96[2] memory amounts, uint256 numerator) public {
        deposit(staker, bound(amounts[0], 1e3, 1e24));
        token.rebase(address(strategy), bound(numerator, 100, 4000), 1000);
        uint256 amount = bound(amounts[1], 1e3, 1e24);
        uint256 price = strategy.totalAssets() / strategy.totalShares() + 1;
        uint256 back = strategy.withdraw(anyone, deposit(anyone, amount));
        vm.assertLe(back, amount);
        vm.assertLe(amount, back + price + 1000);
    }

    /// @dev The first depositor donates, so that the next one's deposit is rounded down. It never gains; the victim
    /// loses about a thousandth of the donation, the attacker nearly all of it.
    function testFuzz_first_depositor_cannot_steal_by_donation(uint96 seed, uint96 donation, uint96 amount) public {
        uint256 first = bound(seed, 1, 1e12);
        donation = uint96(bound(donation, 0, 1e27));
        amount = uint96(bound(amount, 1, 1e27));
        uint256 attackerShares = deposit(anyone, first);
        token.mint(address(strategy), donation);
        if (strategy.toShares(amount) == 0) return;
        uint256 victimShares = deposit(staker, amount);
        uint256 attacker = strategy.withdraw(anyone, attackerShares);
        uint256 victim = strategy.withdraw(staker, victimShares);
        vm.assertLe(attacker, first + donation);
        vm.assertLe(amount, victim + uint256(donation) / 1000 + 3);
        // What the victim lost is at most a hundredth of what the attack cost, but for rounding.
        if (amount > victim + 3) vm.assertGe((first + donation - attacker + 3) * 100, amount - victim - 3);
    }

    function testFuzz_fee_costs_its_sender_only(uint96 amount, uint256 bps) public {
        FeeToken fee = new FeeToken();
        Strategy charged = new Strategy(fee, address(this), 10_000);
        fee.setFee(0);
        uint256 kept = depositWithFee(fee, charged, staker, 1e21);
        amount = uint96(bound(amount, 1e4, 1e24));
        bps = bound(bps, 1, 9_999);
        fee.setFee(bps);
        uint256 shares = depositWithFee(fee, charged, anyone, amount);
        vm.assertEq(shares, amount - uint256(amount) * bps / 10_000);
        vm.assertEq(charged.toAssets(kept), 1e21);
        fee.setFee(0);
        vm.assertEq(charged.withdraw(anyone, shares), shares);
        vm.assertEq(charged.withdraw(staker, kept), 1e21);
    }

    function depositWithFee(DemoToken fee, Strategy charged, address who, uint256 amount)
        private
        returns (uint256 shares)
    {
        fee.mint(who, amount);
        vm.prank(who);
        fee.approve(address(charged), amount);
        (, shares) = charged.deposit(who, amount);
    }
}
