// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.31;

import {ServiceFixture} from "../utils/ServiceFixture.sol";
import {IServiceManager, TableInfo} from "../../src/interfaces/IServiceManager.sol";
import {IStakeSource} from "../../src/interfaces/IStakeSource.sol";
import {ServiceManager} from "../../src/ServiceManager.sol";
import {OperatorTables, Row} from "../../src/libraries/OperatorTables.sol";
import {Epoch} from "../../src/types/Ids.sol";

contract RefreshTableTest is ServiceFixture {
    function test_empty_table_is_refused() public {
        vm.expectRevert(IServiceManager.EmptyTable.selector);
        service.refreshTable(new address[](0));
    }

    function test_service_without_operators_has_no_table() public {
        ServiceManager bare = new ServiceManager(config(both(1, 1)));
        vm.expectRevert(IServiceManager.EmptyTable.selector);
        bare.refreshTable(new address[](0));
        address[] memory list = accounts();
        vm.expectRevert(abi.encodeWithSelector(IServiceManager.IncompleteOperators.selector, 4, 0));
        bare.refreshTable(list);
    }

    function test_list_that_leaves_one_out_is_refused() public {
        address[] memory list = new address[](3);
        for (uint256 i = 0; i < 3; i++) {
            list[i] = operators[i].account;
        }
        vm.expectRevert(abi.encodeWithSelector(IServiceManager.IncompleteOperators.selector, 3, 4));
        service.refreshTable(list);
    }

    function test_list_with_one_twice_is_refused() public {
        address[] memory list = accounts();
        list[3] = list[2];
        vm.expectRevert(abi.encodeWithSelector(IServiceManager.OperatorsNotAscending.selector, list[2], list[2]));
        service.refreshTable(list);
    }

    function test_list_out_of_order_is_refused() public {
        address[] memory list = accounts();
        (list[1], list[2]) = (list[2], list[1]);
        vm.expectRevert(abi.encodeWithSelector(IServiceManager.OperatorsNotAscending.selector, list[1], list[2]));
        service.refreshTable(list);
    }

    function test_list_with_a_stranger_is_refused() public {
        address[] memory list = accounts();
        list[3] = anyone;
        vm.expectRevert(abi.encodeWithSelector(IStakeSource.NotOptedIn.selector, anyone, address(service)));
        service.refreshTable(list);
    }

    function test_anyone_may_and_each_table_is_an_epoch() public {
        assertEq(service.currentEpoch(), Epoch.wrap(1));
        vm.warp(START + 55);
        vm.prank(anyone);
        assertEq(service.refreshTable(accounts()), Epoch.wrap(2));
        assertEq(service.currentEpoch(), Epoch.wrap(2));
        TableInfo memory info = service.tableInfo(Epoch.wrap(2));
        vm.assertEq(info.takenAt, START + 55);
        vm.assertEq(info.count, 4);
        vm.assertEq(info.pointer.code.length, 1 + 88 * 5);
        vm.assertTrue(service.tableInfo(Epoch.wrap(1)).pointer != info.pointer);
    }

    function test_refresh_is_announced() public {
        vm.recordLogs();
        service.refreshTable(accounts());
        vm.assertEq(vm.getRecordedLogs()[0].data, abi.encode(service.tableInfo(Epoch.wrap(2)).pointer, accounts()));
    }

    function test_table_holds_keys_and_stake_of_its_moment() public {
        stake(operators[2].account, nativeStrategy, 1_000_000);
        service.refreshTable(accounts());
        stake(operators[2].account, nativeStrategy, 1_000_000);
        Row[] memory rows = service.tableRows(Epoch.wrap(2));
        vm.assertEq(rows.length, 5);
        vm.assertEq(rows[0].nativeWeight, 1_000_406);
        vm.assertEq(rows[0].externalWeight, 3994);
        for (uint256 i = 0; i < 4; i++) {
            vm.assertEq(rows[i + 1].key.x, operators[i].g1.x);
            vm.assertEq(rows[i + 1].key.y, operators[i].g1.y);
            vm.assertEq(rows[i + 1].nativeWeight, 100 + i + (i == 2 ? 1_000_000 : 0));
            vm.assertEq(rows[i + 1].externalWeight, 1000 - i);
        }
        vm.assertEq(service.tableRows(Epoch.wrap(1))[0].nativeWeight, 406);
    }

    function test_operator_that_left_is_in_no_later_table() public {
        vm.prank(operators[3].account);
        source.optOut(address(service));
        operators.pop();
        service.refreshTable(accounts());
        vm.assertEq(service.tableRows(Epoch.wrap(2)).length, 4);
    }

    function test_operator_without_stake_is_in_the_table() public {
        delete operators;
        loadOperators(5);
        register(operators[4]);
        optIn(operators[4].account);
        service.refreshTable(accounts());
        vm.assertEq(service.tableRows(Epoch.wrap(2))[5].nativeWeight, 0);
    }

    function test_rows_of_no_table_are_refused() public {
        vm.expectRevert(abi.encodeWithSelector(IServiceManager.UnknownEpoch.selector, 2));
        service.tableRows(Epoch.wrap(2));
    }
}
