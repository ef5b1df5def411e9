// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.31;

import {StakingTest} from "../utils/StakingFixture.sol";

/// @notice The example of docs/reference/staking.md, line by line.
contract WorkedExampleTest is StakingTest {
    address private alice = account("alice");
    address private bob = account("bob");
    address private carol = account("carol");
    address private operator;
    uint64 private id;

    function setUp() public override {
        super.setUp();
        register(operators[0]);
        operator = operators[0].account;
        delegate(alice, operator);
        delegate(bob, operator);
        delegate(carol, operator);
    }

    function check(address who, uint256 shares) private view {
        vm.assertEq(manager.sharesOf(who, address(nativeStrategy)), shares);
    }

    function test_example() public {
        stake(alice, nativeStrategy, 1000);
        stake(bob, nativeStrategy, 501);

        vm.assertEq(slashTo(operator, nativeStrategy, 700e24, recipient), 450);
        check(alice, 700);
        check(bob, 350);

        id = queue(bob, nativeStrategy, 100);
        vm.assertEq(manager.withdrawalOf(id).scaled, 143);
        vm.assertEq(manager.withdrawalShares(id), 100);
        vm.assertEq(manager.scaledOf(bob, address(nativeStrategy)), 358);
        check(bob, 250);

        stake(carol, nativeStrategy, 100);
        vm.assertEq(manager.scaledOf(carol, address(nativeStrategy)), 142);
        check(carol, 99);

        vm.assertEq(slashTo(operator, nativeStrategy, 350e24, recipient), 574);
        check(alice, 350);
        check(bob, 125);
        check(carol, 49);
        vm.assertEq(manager.withdrawalShares(id), 50);

        wait(WITHDRAWAL_DELAY);
        vm.assertEq(slashTo(operator, nativeStrategy, 175e24, recipient), 262);
        check(alice, 175);
        check(bob, 62);
        check(carol, 24);
        vm.assertEq(manager.withdrawalShares(id), 50);
        vm.assertEq(manager.slashedSharesOf(recipient, address(nativeStrategy)), 1286);

        vm.prank(address(nativeStrategy));
        vm.assertTrue(nativeToken.transfer(anyone, 161));
        vm.assertEq(nativeStrategy.totalAssets(), 1440);
        vm.assertEq(nativeStrategy.totalShares(), 1601);
        vm.assertEq(complete(id), 44);
        vm.assertEq(nativeStrategy.totalAssets(), 1396);
        vm.assertEq(nativeStrategy.totalShares(), 1551);
        vm.assertEq(nativeStrategy.toAssets(175), 157);
    }
}
