// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.31;

import {Bls} from "../utils/Bls.sol";
import {ServiceFixture} from "../utils/ServiceFixture.sol";
import {ITableKeeper, TableConfig, TableInfo} from "../../src/interfaces/ITableKeeper.sol";
import {IStakeSource} from "../../src/interfaces/IStakeSource.sol";
import {ServiceManager} from "../../src/ServiceManager.sol";
import {BN254, G1, G2} from "../../src/libraries/BN254.sol";
import {TableWriter} from "../../src/service/TableWriter.sol";
import {Row} from "../../src/libraries/OperatorTables.sol";
import {Epoch} from "../../src/types/Ids.sol";

contract RefreshTableTest is ServiceFixture {
    function setUp() public override {
        super.setUp();
        vm.warp(START + EPOCH);
    }

    function refuse(address[] memory list, bytes memory reason) private {
        G2 memory apk = aggregate();
        vm.expectRevert(reason);
        service.refreshTable(list, apk);
    }

    function test_empty_table_is_refused() public {
        refuse(new address[](0), abi.encodeWithSelector(ITableKeeper.EmptyTable.selector));
    }

    function test_service_without_operators_has_no_table() public {
        ServiceManager bare = new ServiceManager(config(both(1, 1)));
        service = bare;
        refuse(new address[](0), abi.encodeWithSelector(ITableKeeper.EmptyTable.selector));
        refuse(accounts(), abi.encodeWithSelector(ITableKeeper.IncompleteOperators.selector, 4, 0));
    }

    function test_list_that_leaves_one_out_is_refused() public {
        address[] memory list = new address[](3);
        for (uint256 i = 0; i < 3; i++) {
            list[i] = operators[i].account;
        }
        refuse(list, abi.encodeWithSelector(ITableKeeper.IncompleteOperators.selector, 3, 4));
    }

    function test_list_with_one_twice_is_refused() public {
        address[] memory list = accounts();
        list[3] = list[2];
        refuse(list, abi.encodeWithSelector(ITableKeeper.OperatorsNotAscending.selector, list[2], list[2]));
    }

    function test_list_out_of_order_is_refused() public {
        address[] memory list = accounts();
        (list[1], list[2]) = (list[2], list[1]);
        refuse(list, abi.encodeWithSelector(ITableKeeper.OperatorsNotAscending.selector, list[1], list[2]));
    }

    function test_list_with_a_stranger_is_refused() public {
        address[] memory list = accounts();
        list[3] = anyone;
        refuse(list, abi.encodeWithSelector(IStakeSource.NotOptedIn.selector, anyone, address(service)));
    }

    function test_anyone_may_and_each_table_is_an_epoch() public {
        assertEq(service.currentEpoch(), Epoch.wrap(1));
        vm.warp(START + EPOCH + 55);
        G2 memory apk = aggregate();
        vm.prank(anyone);
        assertEq(service.refreshTable(accounts(), apk), Epoch.wrap(2));
        assertEq(service.currentEpoch(), Epoch.wrap(2));
        TableInfo memory info = service.tableInfo(Epoch.wrap(2));
        vm.assertEq(info.takenAt, START + EPOCH + 55);
        vm.assertEq(info.count, 4);
        vm.assertEq(info.pointer.code.length, 73 + 88 * 5 + 128);
        vm.assertTrue(service.tableInfo(Epoch.wrap(1)).pointer != info.pointer);
    }

    function test_refresh_is_announced() public {
        vm.recordLogs();
        nextEpoch();
        vm.assertEq(
            vm.getRecordedLogs()[0].data,
            abi.encode(service.tableInfo(Epoch.wrap(2)).pointer, block.timestamp, accounts())
        );
    }

    function test_table_holds_keys_and_stake_of_its_moment() public {
        stake(operators[2].account, nativeStrategy, 1_000_000);
        nextEpoch();
        stake(operators[2].account, nativeStrategy, 1_000_000);
        Row[] memory rows = tableRows(Epoch.wrap(2));
        vm.assertEq(rows.length, 5);
        vm.assertEq(rows[0].nativeWeight, 1_000_406);
        vm.assertEq(rows[0].externalWeight, 3994);
        for (uint256 i = 0; i < 4; i++) {
            vm.assertEq(rows[i + 1].key.x, operators[i].g1.x);
            vm.assertEq(rows[i + 1].key.y, operators[i].g1.y);
            vm.assertEq(rows[i + 1].nativeWeight, 100 + i + (i == 2 ? 1_000_000 : 0));
            vm.assertEq(rows[i + 1].externalWeight, 1000 - i);
        }
        vm.assertEq(tableRows(Epoch.wrap(1))[0].nativeWeight, 406);
    }

    function test_operator_that_left_is_in_no_later_table() public {
        vm.prank(operators[3].account);
        source.optOut(address(service));
        operators.pop();
        nextEpoch();
        vm.assertEq(tableRows(Epoch.wrap(2)).length, 4);
    }

    function test_operator_without_stake_is_in_the_table() public {
        delete operators;
        loadOperators(5);
        register(operators[4]);
        optIn(operators[4].account);
        nextEpoch();
        vm.assertEq(tableRows(Epoch.wrap(2))[5].nativeWeight, 0);
    }

    function test_rows_of_no_table_are_refused() public {
        vm.expectRevert(abi.encodeWithSelector(ITableKeeper.UnknownEpoch.selector, 2));
        service.tableRows(Epoch.wrap(2), 0, 1);
    }

    // When

    function test_refresh_before_the_epoch_ended_is_refused() public {
        vm.warp(START + EPOCH - 1);
        refuse(accounts(), abi.encodeWithSelector(ITableKeeper.TableNotDue.selector, 1, START + EPOCH));
    }

    function test_refresh_is_due_at_once_when_an_operator_left() public {
        vm.warp(START + 1);
        vm.prank(operators[3].account);
        source.optOut(address(service));
        operators.pop();
        assertEq(service.refreshTable(accounts(), aggregate()), Epoch.wrap(2));
        refuse(accounts(), abi.encodeWithSelector(ITableKeeper.TableNotDue.selector, 2, START + 1 + EPOCH));
    }

    function test_refresh_is_due_at_once_when_weight_was_lost() public {
        vm.warp(START + 1);
        G1[] memory keys = new G1[](1);
        keys[0] = operators[1].g1;
        vm.prank(address(source));
        service.onWeightLost(operators[1].account, keys);
        assertEq(service.refreshTable(accounts(), aggregate()), Epoch.wrap(2));
        vm.assertEq(service.revokedIn(Epoch.wrap(2))[0], 0);
    }

    // The aggregate key

    function test_wrong_aggregate_key_is_refused() public {
        address[] memory list = accounts();
        G2[3] memory wrong = [G2(0, 0, 0, 0), operators[0].g2, Bls.add(aggregate(), operators[0].g2)];
        for (uint256 i = 0; i < wrong.length; i++) {
            vm.expectRevert(ITableKeeper.InvalidAggregateKey.selector);
            service.refreshTable(list, wrong[i]);
        }
    }

    function test_aggregate_key_off_the_curve_is_refused() public {
        address[] memory list = accounts();
        vm.expectRevert(BN254.InvalidPoint.selector);
        service.refreshTable(list, G2(1, 2, 3, 4));
    }

    function test_total_and_aggregate_key_can_be_read() public view {
        (Row memory total, G2 memory apk) = service.tableTotal(Epoch.wrap(1));
        vm.assertEq(total.nativeWeight, 406);
        vm.assertEq(abi.encode(apk), abi.encode(aggregate()));
    }

    // Epochs

    function test_only_the_latest_four_tables_are_there() public {
        for (uint256 i = 0; i < 4; i++) {
            vm.warp(block.timestamp + EPOCH);
            service.refreshTable(accounts(), aggregate());
        }
        vm.assertEq(service.tableInfo(Epoch.wrap(2)).count, 4);
        vm.expectRevert(abi.encodeWithSelector(ITableKeeper.TableSuperseded.selector, 1));
        service.tableInfo(Epoch.wrap(1));
        vm.expectRevert(abi.encodeWithSelector(ITableKeeper.UnknownEpoch.selector, 6));
        service.tableInfo(Epoch.wrap(6));
        vm.expectRevert(abi.encodeWithSelector(ITableKeeper.UnknownEpoch.selector, 0));
        service.tableInfo(Epoch.wrap(0));
    }

    function test_certificate_under_a_superseded_table_is_refused() public {
        bytes32 root = keccak256("root");
        bytes memory certificate = certify(root, Epoch.wrap(1), everyone()).pack();
        for (uint256 i = 0; i < 3; i++) {
            nextEpoch();
        }
        service.verifyRoot(certificate, root);
        nextEpoch();
        vm.expectRevert(abi.encodeWithSelector(ITableKeeper.TableSuperseded.selector, 1));
        service.verifyRoot(certificate, root);
    }

    // The writer by itself

    function test_writer_works_on_its_caller_only() public {
        TableWriter writer = new TableWriter(TableConfig(source, WINDOW, EPOCH, MOVE_BPS));
        address[] memory list = accounts();
        G2 memory apk = aggregate();
        vm.expectRevert(abi.encodeWithSelector(ITableKeeper.IncompleteOperators.selector, 4, 0));
        writer.refreshTable(list, apk);
    }
}
