// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.31;

import {StakingTest} from "../utils/StakingFixture.sol";
import {Refuser} from "../utils/Tokens.sol";
import {WrappedEther} from "../../src/demo/WrappedEther.sol";
import {IRestakingManager} from "../../src/interfaces/IRestakingManager.sol";
import {IStrategy} from "../../src/interfaces/IStrategy.sol";
import {EtherStrategy} from "../../src/staking/EtherStrategy.sol";

contract DepositEtherTest is StakingTest {
    EtherStrategy private strategy;
    WrappedEther private wrapper;

    function setUp() public override {
        super.setUp();
        strategy = addEtherStrategy();
        wrapper = WrappedEther(address(strategy.token()));
        vm.deal(staker, 10 ether);
    }

    function depositEther(uint256 amount) private returns (uint256) {
        vm.prank(staker);
        return manager.depositEther{value: amount}(strategy);
    }

    function test_unknown_strategy_is_refused() public {
        EtherStrategy other = new EtherStrategy(wrapper, address(manager), 10_000);
        vm.expectRevert(abi.encodeWithSelector(IRestakingManager.UnknownStrategy.selector, address(other)));
        manager.depositEther{value: 1}(other);
    }

    function test_nothing_is_refused() public {
        vm.expectRevert(IRestakingManager.ZeroAmount.selector);
        manager.depositEther(strategy);
    }

    function test_strategy_of_another_token_takes_no_ether() public {
        vm.prank(staker);
        vm.expectRevert(IStrategy.NotEther.selector);
        manager.depositEther{value: 1}(nativeStrategy);
    }

    function test_strategy_obeys_its_manager_only() public {
        vm.expectRevert(abi.encodeWithSelector(IStrategy.NotManager.selector, address(this)));
        strategy.depositEther{value: 1}();
    }

    function test_ether_that_is_sent_is_refused() public {
        vm.deal(address(this), 1 ether);
        (bool ok, bytes memory output) = address(strategy).call{value: 1}("");
        vm.assertFalse(ok);
        vm.assertEq(output, abi.encodeWithSelector(IStrategy.NotWrapper.selector, address(this)));
    }

    function test_more_than_96_bits_is_refused() public {
        uint256 most = type(uint96).max;
        vm.deal(staker, most + 1);
        depositEther(most);
        vm.prank(staker);
        vm.expectRevert(abi.encodeWithSelector(IStrategy.CapacityExceeded.selector, most + 1, most));
        manager.depositEther{value: 1}(strategy);
    }

    function test_ether_is_held_wrapped() public {
        vm.assertTrue(strategy.isEther());
        vm.expectEmit(address(manager));
        emit IRestakingManager.Deposited(staker, address(strategy), 3 ether, 3 ether, 3 ether);
        vm.assertEq(depositEther(3 ether), 3 ether);
        vm.assertEq(strategy.totalAssets(), 3 ether);
        vm.assertEq(wrapper.balanceOf(address(strategy)), 3 ether);
        vm.assertEq(address(strategy).balance, 0);
        vm.assertEq(manager.sharesOf(staker, address(strategy)), 3 ether);
    }

    function test_wrapped_ether_is_taken_as_well() public {
        vm.startPrank(staker);
        wrapper.deposit{value: 2 ether}();
        wrapper.approve(address(strategy), 2 ether);
        vm.assertEq(manager.deposit(strategy, 2 ether), 2 ether);
        vm.stopPrank();
        vm.assertEq(strategy.totalAssets(), 2 ether);
    }

    function test_ether_is_paid_out() public {
        depositEther(3 ether);
        uint64 id = queue(staker, strategy, 1 ether);
        wait(WITHDRAWAL_DELAY);
        vm.assertEq(complete(id), 1 ether);
        vm.assertEq(staker.balance, 8 ether);
        vm.assertEq(wrapper.totalSupply(), 2 ether);
    }

    function test_recipient_that_refuses_can_be_replaced_or_relent() public {
        Refuser refuser = new Refuser();
        depositEther(3 ether);
        uint64 first = queue(staker, strategy, 1 ether);
        uint64 second = queue(staker, strategy, 1 ether);
        wait(WITHDRAWAL_DELAY);
        vm.startPrank(staker);
        vm.expectRevert(abi.encodeWithSelector(IStrategy.EtherRefused.selector, address(refuser), 1 ether));
        manager.completeWithdrawal(first, address(refuser));
        manager.completeWithdrawal(first, staker);
        refuser.relent();
        manager.completeWithdrawal(second, address(refuser));
        vm.stopPrank();
        vm.assertEq(address(refuser).balance, 1 ether);
        vm.assertEq(strategy.totalAssets(), 1 ether);
    }

    function test_burned_ether_goes_where_nobody_can_move_it() public {
        register(operators[0]);
        delegate(staker, operators[0].account);
        depositEther(4 ether);
        slash(operators[0].account, strategy, 2500, address(0));
        manager.paySlashed(address(0), strategy);
        vm.assertEq(manager.BURN().balance, 1 ether);
    }
}
