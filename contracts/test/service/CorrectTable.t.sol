// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.31;

import {Policies} from "../../src/libraries/Policies.sol";
import {ServiceFixture} from "../utils/ServiceFixture.sol";
import {ITableKeeper, TableInfo} from "../../src/interfaces/ITableKeeper.sol";
import {IStakeSource} from "../../src/interfaces/IStakeSource.sol";
import {IServiceManager} from "../../src/interfaces/IServiceManager.sol";
import {G1} from "../../src/libraries/BN254.sol";
import {Row} from "../../src/libraries/OperatorTables.sol";
import {Epoch} from "../../src/types/Ids.sol";
import {Token} from "../../src/types/Structs.sol";

contract CorrectTableTest is ServiceFixture {
    bytes32 private constant ROOT = keccak256("root");

    function one(uint256 index) private view returns (address[] memory list, uint16[] memory positions) {
        list = new address[](1);
        positions = new uint16[](1);
        (list[0], positions[0]) = (operators[index].account, uint16(index));
    }

    function correct(uint256 index) private returns (Epoch) {
        (address[] memory list, uint16[] memory positions) = one(index);
        return service.correctTable(list, positions);
    }

    function refuse(address[] memory list, uint16[] memory positions, bytes memory reason) private {
        vm.expectRevert(reason);
        service.correctTable(list, positions);
    }

    function refuse(uint256 index, bytes memory reason) private {
        (address[] memory list, uint16[] memory positions) = one(index);
        refuse(list, positions, reason);
    }

    function test_before_the_first_table_there_is_nothing_to_correct() public {
        service = newService();
        refuse(0, abi.encodeWithSelector(ITableKeeper.UnknownEpoch.selector, 0));
    }

    function test_expired_table_is_not_corrected() public {
        vm.warp(START + WINDOW + 1);
        refuse(0, abi.encodeWithSelector(ITableKeeper.TableExpired.selector, 1, START, WINDOW));
    }

    function test_after_an_operator_left_a_new_table_is_due() public {
        vm.prank(operators[3].account);
        source.optOut(address(service));
        refuse(0, abi.encodeWithSelector(ITableKeeper.MembershipChanged.selector, 4, 5));
    }

    function test_empty_list_is_refused() public {
        refuse(new address[](0), new uint16[](0), abi.encodeWithSelector(ITableKeeper.EmptyTable.selector));
    }

    function test_list_without_a_position_is_refused() public {
        (address[] memory list,) = one(0);
        refuse(list, new uint16[](0), abi.encodeWithSelector(ITableKeeper.PositionsMismatch.selector, 1, 0));
    }

    function test_weight_that_hardly_moved_is_refused() public {
        // 1 % of 406 and of 3 994 are 4.06 and 39.94.
        stake(operators[0].account, nativeStrategy, 4);
        stake(operators[0].account, externalStrategy, 39);
        refuse(0, abi.encodeWithSelector(ITableKeeper.WeightNotMoved.selector, operators[0].account));
        stake(operators[0].account, nativeStrategy, 1);
        assertEq(correct(0), Epoch.wrap(2));
    }

    function test_position_of_another_operator_is_refused() public {
        stake(operators[0].account, nativeStrategy, 1000);
        (address[] memory list, uint16[] memory positions) = one(0);
        positions[0] = 1;
        refuse(
            list,
            positions,
            abi.encodeWithSelector(ITableKeeper.OperatorNotAtPosition.selector, operators[0].account, 1)
        );
    }

    function test_position_beyond_the_table_is_refused() public {
        (address[] memory list, uint16[] memory positions) = one(0);
        positions[0] = 4;
        refuse(list, positions, abi.encodeWithSelector(ITableKeeper.InvalidPosition.selector, 4));
    }

    function test_positions_must_ascend() public {
        stake(operators[0].account, nativeStrategy, 1000);
        address[] memory list = new address[](2);
        (list[0], list[1]) = (operators[0].account, operators[0].account);
        refuse(list, new uint16[](2), abi.encodeWithSelector(ITableKeeper.InvalidPosition.selector, 0));
    }

    function test_stranger_is_refused() public {
        (address[] memory list, uint16[] memory positions) = one(0);
        list[0] = anyone;
        refuse(list, positions, abi.encodeWithSelector(IStakeSource.NotOptedIn.selector, anyone, address(service)));
    }

    function test_corrected_table_has_the_present_weights() public {
        stake(operators[2].account, nativeStrategy, 1_000_000);
        stake(operators[2].account, externalStrategy, 7);
        vm.warp(START + 55);
        vm.prank(anyone);
        assertEq(correct(2), Epoch.wrap(2));
        Row[] memory rows = tableRows();
        vm.assertEq(rows[0].nativeWeight, 1_000_406);
        vm.assertEq(rows[0].externalWeight, 4001);
        vm.assertEq(rows[3].nativeWeight, 1_000_102);
        vm.assertEq(rows[3].externalWeight, 1005);
        vm.assertEq(rows[2].nativeWeight, 101);
        TableInfo memory info = service.tableInfo(Epoch.wrap(2));
        vm.assertEq(info.takenAt, START);
        vm.assertEq(info.count, 4);
        vm.assertEq(info.corrections, 1);
        vm.assertEq(service.tableInfo(Epoch.wrap(1)).corrections, 0);
    }

    function test_correction_is_announced() public {
        stake(operators[2].account, nativeStrategy, 1_000_000);
        vm.recordLogs();
        (, uint16[] memory positions) = one(2);
        correct(2);
        address pointer = service.tableInfo(Epoch.wrap(2)).pointer;
        vm.assertEq(vm.getRecordedLogs()[0].data, abi.encode(Epoch.wrap(1), pointer, positions));
    }

    function test_corrections_add_up_and_replace_each_other() public {
        stake(operators[2].account, nativeStrategy, 1000);
        correct(2);
        stake(operators[0].account, nativeStrategy, 1000);
        correct(0);
        stake(operators[2].account, nativeStrategy, 1000);
        correct(2);
        Row[] memory rows = tableRows();
        vm.assertEq(rows[0].nativeWeight, 3406);
        vm.assertEq(rows[1].nativeWeight, 1100);
        vm.assertEq(rows[3].nativeWeight, 2102);
        vm.assertEq(service.tableInfo(Epoch.wrap(4)).corrections, 2);
    }

    function test_correction_does_not_make_a_table_live_longer() public {
        vm.warp(START + WINDOW);
        stake(operators[2].account, nativeStrategy, 1000);
        correct(2);
        bytes memory certificate = certify(ROOT, Epoch.wrap(2), everyone()).pack();
        service.verifyRoot(certificate, ROOT);
        vm.warp(START + WINDOW + 1);
        vm.expectRevert(abi.encodeWithSelector(ITableKeeper.TableExpired.selector, 2, START, WINDOW));
        service.verifyRoot(certificate, ROOT);
    }

    function test_certificates_count_the_corrected_weights() public {
        stake(operators[2].account, nativeStrategy, 10_000);
        Epoch epoch = correct(2);
        bytes memory certificate = certify(ROOT, epoch, without(2)).pack();
        vm.expectRevert(
            abi.encodeWithSelector(Policies.QuorumNotReached.selector, Token.Native, 304, 10_406, 6667)
        );
        service.verifyRoot(certificate, ROOT);
        service.verifyRoot(certify(ROOT, epoch, without(1)).pack(), ROOT);
        service.verifyRoot(certify(ROOT, epoch, everyone()).pack(), ROOT);
    }

    function test_revoked_weight_comes_back_by_correction_only() public {
        G1[] memory keys = new G1[](1);
        keys[0] = operators[1].g1;
        vm.prank(address(source));
        service.onWeightLost(operators[1].account, keys);
        stake(operators[0].account, nativeStrategy, 1000);
        correct(0);
        vm.assertEq(service.revokedIn(Epoch.wrap(2))[0], 2);
        correct(1);
        vm.assertEq(service.revokedIn(Epoch.wrap(3))[0], 0);
        vm.assertEq(service.revokedIn(Epoch.wrap(2))[0], 2);
    }
}
