// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.31;

import {StakingFixture} from "../utils/StakingFixture.sol";
import {IRestakingManager} from "../../src/interfaces/IRestakingManager.sol";
import {IStakeSource} from "../../src/interfaces/IStakeSource.sol";
import {Row} from "../../src/libraries/OperatorTables.sol";

/// @dev As much of a service as the manager asks.
contract TwoStrategies {
    address public immutable nativeStrategy;
    address public immutable externalStrategy;

    constructor(address native, address ext) {
        (nativeStrategy, externalStrategy) = (native, ext);
    }
}

contract OptInTest is StakingFixture {
    address private constant SERVICE = address(0x5e);

    function optIn(uint256 index) private {
        vm.prank(operators[index].account);
        manager.optIn(SERVICE);
    }

    function test_only_an_operator_may() public {
        vm.prank(anyone);
        vm.expectRevert(abi.encodeWithSelector(IRestakingManager.NotAnOperator.selector, anyone));
        manager.optIn(SERVICE);
    }

    function test_no_service_is_refused() public {
        register(operators[0]);
        vm.prank(operators[0].account);
        vm.expectRevert(IRestakingManager.ZeroAddress.selector);
        manager.optIn(address(0));
    }

    function test_only_once() public {
        register(operators[0]);
        optIn(0);
        vm.prank(operators[0].account);
        vm.expectRevert(
            abi.encodeWithSelector(IRestakingManager.AlreadyOptedIn.selector, operators[0].account, SERVICE)
        );
        manager.optIn(SERVICE);
    }

    function test_operator_enters_the_set() public {
        register(operators[0]);
        vm.expectEmit(address(manager));
        emit IRestakingManager.OptedIn(operators[0].account, SERVICE);
        optIn(0);
        vm.assertTrue(manager.isOptedIn(operators[0].account, SERVICE));
        vm.assertEq(manager.operatorCount(SERVICE), 1);
        vm.assertEq(manager.operatorsOf(SERVICE)[0], operators[0].account);
    }

    function test_opting_out_without_having_opted_in_is_refused() public {
        vm.prank(anyone);
        vm.expectRevert(abi.encodeWithSelector(IStakeSource.NotOptedIn.selector, anyone, SERVICE));
        manager.optOut(SERVICE);
    }

    function test_operator_leaves_the_set_and_may_come_back() public {
        register(operators[0]);
        optIn(0);
        vm.expectEmit(address(manager));
        emit IRestakingManager.OptedOut(operators[0].account, SERVICE);
        vm.prank(operators[0].account);
        manager.optOut(SERVICE);
        vm.assertFalse(manager.isOptedIn(operators[0].account, SERVICE));
        vm.assertEq(manager.operatorCount(SERVICE), 0);
        optIn(0);
        vm.assertEq(manager.operatorCount(SERVICE), 1);
    }

    function test_rows_hold_keys_and_weights_in_the_order_asked() public {
        vm.etch(SERVICE, address(new TwoStrategies(address(nativeStrategy), address(externalStrategy))).code);
        for (uint256 i = 0; i < 3; i++) {
            register(operators[i]);
            stake(operators[i].account, nativeStrategy, 10 + i);
            stake(operators[i].account, externalStrategy, 20 + i);
            optIn(i);
        }
        Row[] memory rows = manager.rows(SERVICE, accounts());
        for (uint256 i = 0; i < 3; i++) {
            vm.assertEq(
                keccak256(abi.encode(rows[i])),
                keccak256(abi.encode(Row(operators[i].g1, uint96(10 + i), uint96(20 + i))))
            );
        }
    }

    function test_rows_of_an_operator_that_does_not_serve_are_refused() public {
        vm.etch(SERVICE, address(new TwoStrategies(address(nativeStrategy), address(externalStrategy))).code);
        register(operators[0]);
        register(operators[1]);
        register(operators[2]);
        optIn(0);
        optIn(2);
        address[] memory list = accounts();
        vm.expectRevert(abi.encodeWithSelector(IStakeSource.NotOptedIn.selector, operators[1].account, SERVICE));
        manager.rows(SERVICE, list);
    }

    function test_sets_of_services_are_apart() public {
        register(operators[0]);
        optIn(0);
        vm.assertEq(manager.operatorCount(address(0x5f)), 0);
        vm.assertFalse(manager.isOptedIn(operators[0].account, address(0x5f)));
    }
}
