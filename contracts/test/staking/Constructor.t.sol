// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.31;

import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";
import {StakingTest} from "../utils/StakingFixture.sol";
import {IRestakingManager} from "../../src/interfaces/IRestakingManager.sol";
import {IStrategy} from "../../src/interfaces/IStrategy.sol";
import {RestakingManager} from "../../src/staking/RestakingManager.sol";
import {Strategy} from "../../src/staking/Strategy.sol";

contract ConstructorTest is StakingTest {
    function test_contracts_know_each_other() public view {
        vm.assertEq(address(manager.operatorRegistry()), address(registry));
        vm.assertEq(manager.allocationManager(), address(source));
        vm.assertEq(address(registry.allocationManager()), address(source));
        vm.assertEq(address(source.restakingManager()), address(manager));
        vm.assertEq(nativeStrategy.manager(), address(manager));
    }

    function test_constants_are_told() public view {
        vm.assertEq(registry.keyOverlap(), KEY_OVERLAP);
        vm.assertEq(registry.commissionNotice(), COMMISSION_NOTICE);
        vm.assertEq(registry.deploymentBlock(), 1000);
        vm.assertEq(manager.withdrawalDelay(), WITHDRAWAL_DELAY);
        vm.assertEq(manager.deploymentBlock(), 1000);
        vm.assertEq(manager.owner(), owner);
        vm.assertEq(nativeStrategy.leverageCapBps(), 10_000);
        vm.assertEq(address(nativeStrategy.token()), address(nativeToken));
        vm.assertFalse(nativeStrategy.isEther());
    }

    function test_manager_needs_an_owner() public {
        vm.expectRevert(abi.encodeWithSelector(Ownable.OwnableInvalidOwner.selector, address(0)));
        new RestakingManager(address(0), registry, address(source), 1);
    }

    function test_delay_is_a_second_to_a_year() public {
        vm.expectRevert(abi.encodeWithSelector(IRestakingManager.InvalidWithdrawalDelay.selector, 0, 365 days));
        new RestakingManager(owner, registry, address(source), 0);
        vm.expectRevert(
            abi.encodeWithSelector(IRestakingManager.InvalidWithdrawalDelay.selector, 365 days + 1, 365 days)
        );
        new RestakingManager(owner, registry, address(source), 365 days + 1);
        new RestakingManager(owner, registry, address(source), 1);
        new RestakingManager(owner, registry, address(source), 365 days);
    }

    function test_leverage_cap_is_one_to_ten() public {
        vm.expectRevert(abi.encodeWithSelector(IStrategy.InvalidLeverageCap.selector, 9_999));
        new Strategy(nativeToken, address(manager), 9_999);
        vm.expectRevert(abi.encodeWithSelector(IStrategy.InvalidLeverageCap.selector, 100_001));
        new Strategy(nativeToken, address(manager), 100_001);
        vm.assertEq(new Strategy(nativeToken, address(manager), 100_000).leverageCapBps(), 100_000);
    }
}
