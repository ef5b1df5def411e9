// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.31;

import {StakingTest} from "../utils/StakingFixture.sol";
import {IRestakingManager} from "../../src/interfaces/IRestakingManager.sol";

contract PaySlashedTest is StakingTest {
    address private operator;

    function setUp() public override {
        super.setUp();
        register(operators[0]);
        operator = operators[0].account;
        stake(operator, nativeStrategy, 1000);
    }

    function test_nothing_is_refused() public {
        vm.expectRevert(
            abi.encodeWithSelector(IRestakingManager.NothingSlashed.selector, recipient, address(nativeStrategy))
        );
        manager.paySlashed(recipient, nativeStrategy);
    }

    function test_anyone_may_have_the_recipient_paid_once() public {
        slash(operator, nativeStrategy, 3000, recipient);
        slash(operator, nativeStrategy, 5000, recipient);
        vm.expectEmit(address(manager));
        emit IRestakingManager.SlashedStakePaid(recipient, address(nativeStrategy), 650, 650);
        vm.prank(anyone);
        vm.assertEq(manager.paySlashed(recipient, nativeStrategy), 650);
        vm.assertEq(nativeToken.balanceOf(recipient), 650);
        vm.assertEq(nativeStrategy.totalShares(), 350);
        test_nothing_is_refused();
    }

    function test_what_nobody_receives_is_burned() public {
        slash(operator, nativeStrategy, 3000, address(0));
        vm.expectEmit(address(manager));
        emit IRestakingManager.SlashedStakePaid(address(0), address(nativeStrategy), 300, 300);
        manager.paySlashed(address(0), nativeStrategy);
        vm.assertEq(nativeToken.balanceOf(0x000000000000000000000000000000000000dEaD), 300);
    }

    function test_strategies_are_apart() public {
        stake(operator, externalStrategy, 10);
        slash(operator, nativeStrategy, 3000, recipient);
        slash(operator, externalStrategy, 5000, recipient);
        vm.assertEq(manager.paySlashed(recipient, externalStrategy), 5);
        vm.assertEq(manager.slashedSharesOf(recipient, address(nativeStrategy)), 300);
    }

    /// @dev Until it is paid it shares in what the token gains.
    function test_what_waits_is_counted_in_shares() public {
        slash(operator, nativeStrategy, 5000, recipient);
        nativeToken.mint(address(nativeStrategy), 2000);
        vm.assertEq(manager.paySlashed(recipient, nativeStrategy), 1000);
    }
}
