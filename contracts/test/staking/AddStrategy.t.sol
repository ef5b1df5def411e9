// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.31;

import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";
import {StakingTest} from "../utils/StakingFixture.sol";
import {IRestakingManager} from "../../src/interfaces/IRestakingManager.sol";
import {Strategy} from "../../src/staking/Strategy.sol";

contract AddStrategyTest is StakingTest {
    function test_only_the_owner_may() public {
        Strategy strategy = new Strategy(nativeToken, address(manager), LEVERAGE_CAP);
        vm.prank(anyone);
        vm.expectRevert(abi.encodeWithSelector(Ownable.OwnableUnauthorizedAccount.selector, anyone));
        manager.addStrategy(strategy);
    }

    function test_strategy_of_another_manager_is_refused() public {
        Strategy strategy = new Strategy(nativeToken, anyone, LEVERAGE_CAP);
        vm.prank(owner);
        vm.expectRevert(abi.encodeWithSelector(IRestakingManager.ForeignStrategy.selector, address(strategy), anyone));
        manager.addStrategy(strategy);
    }

    function test_strategy_is_added_once() public {
        vm.prank(owner);
        vm.expectRevert(
            abi.encodeWithSelector(IRestakingManager.StrategyAlreadyAdded.selector, address(nativeStrategy))
        );
        manager.addStrategy(nativeStrategy);
    }

    function test_strategies_are_limited() public {
        uint256 limit = manager.MAX_STRATEGIES();
        for (uint256 i = 2; i < limit; i++) {
            addStrategy(nativeToken);
        }
        Strategy strategy = new Strategy(nativeToken, address(manager), LEVERAGE_CAP);
        vm.prank(owner);
        vm.expectRevert(abi.encodeWithSelector(IRestakingManager.TooManyStrategies.selector, limit));
        manager.addStrategy(strategy);
    }

    function test_strategy_is_listed_and_announced() public {
        Strategy strategy = new Strategy(nativeToken, address(manager), LEVERAGE_CAP);
        vm.assertFalse(manager.isStrategy(address(strategy)));
        vm.expectEmit(address(manager));
        emit IRestakingManager.StrategyAdded(address(strategy), address(nativeToken), LEVERAGE_CAP);
        vm.prank(owner);
        manager.addStrategy(strategy);
        vm.assertTrue(manager.isStrategy(address(strategy)));
        vm.assertEq(manager.strategies().length, 3);
        vm.assertEq(manager.strategies()[2], address(strategy));
    }

    function test_ownership_is_handed_over_in_two_steps() public {
        vm.prank(owner);
        manager.transferOwnership(anyone);
        vm.assertEq(manager.owner(), owner);
        vm.prank(anyone);
        manager.acceptOwnership();
        vm.assertEq(manager.owner(), anyone);
    }

    function test_ownership_is_not_given_up() public {
        vm.prank(owner);
        vm.expectRevert(IRestakingManager.OwnershipNotRenounceable.selector);
        manager.renounceOwnership();
        vm.assertEq(manager.owner(), owner);
    }
}
