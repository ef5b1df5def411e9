// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.31;

import {Fixture} from "../utils/Fixture.sol";
import {Vm} from "../utils/Vm.sol";
import {ServiceManager} from "../../src/ServiceManager.sol";
import {ITableKeeper, TableInfo} from "../../src/interfaces/ITableKeeper.sol";
import {IStakeSource} from "../../src/interfaces/IStakeSource.sol";
import {BN254, G1, G2} from "../../src/libraries/BN254.sol";
import {Row} from "../../src/libraries/OperatorTables.sol";
import {Bls} from "../utils/Bls.sol";
import {Epoch} from "../../src/types/Ids.sol";

/// @notice Operators by the hundred: operator i is account i + 1, holds the secret i + 1 and weighs i + 1 and 1.
contract CrowdSource is IStakeSource {
    uint256 public size;
    uint64 public version;
    G1[] private keys;
    mapping(address => uint96) public extra;

    constructor(uint256 count) {
        G1 memory key;
        for (uint256 i = 0; i < count; i++) {
            key = BN254.add(key, BN254.generator());
            keys.push(key);
        }
        size = count;
    }

    function join() external {
        version++;
    }

    function give(address operator, uint96 weight) external {
        extra[operator] = weight;
    }

    function operatorCount(address) external view returns (uint256) {
        return size;
    }

    function membershipVersion(address) external view returns (uint64) {
        return version;
    }

    function longestTableWindow() external pure returns (uint32) {
        return type(uint32).max;
    }

    function rows(address, address[] calldata operators) external view returns (Row[] memory list) {
        list = new Row[](operators.length);
        for (uint256 i = 0; i < list.length; i++) {
            uint160 number = uint160(operators[i]);
            list[i] = Row(keys[number - 1], uint96(number) + extra[operators[i]], 1);
        }
    }
}

/// @notice Tables that take more than one transaction to write.
contract StageChunkTest is Fixture {
    uint256 private constant COUNT = 300;

    CrowdSource private crowd;

    function setUp() public {
        setUpStaking();
        crowd = new CrowdSource(COUNT);
        service = newService();
    }

    function newService() internal override returns (ServiceManager) {
        serviceConfig = config(both(5000, 5000));
        serviceConfig.stakeSource = crowd;
        return new ServiceManager(serviceConfig);
    }

    function list(uint256 first, uint256 count) private pure returns (address[] memory part) {
        part = new address[](count);
        for (uint256 i = 0; i < count; i++) {
            part[i] = address(uint160(first + i + 1));
        }
    }

    function stageAll() private {
        service.stageChunk(list(0, 256));
        service.stageChunk(list(256, COUNT - 256));
    }

    function apk() private view returns (G2 memory) {
        return Bls.publicKeyG2(COUNT * (COUNT + 1) / 2);
    }

    function refuse(bytes memory reason) private {
        G2 memory key = apk();
        vm.expectRevert(reason);
        service.refreshTable(list(0, COUNT), key);
    }

    function refuseChunk(uint256 chunk) private {
        refuse(abi.encodeWithSelector(ITableKeeper.ChunkNotStaged.selector, chunk));
    }

    // Staging

    function test_empty_chunk_is_refused() public {
        vm.expectRevert(ITableKeeper.EmptyTable.selector);
        service.stageChunk(list(0, 0));
    }

    function test_chunk_that_is_too_large_is_refused() public {
        vm.expectRevert(abi.encodeWithSelector(ITableKeeper.TooManyOperators.selector, 257, 256));
        service.stageChunk(list(0, 257));
    }

    function test_chunk_with_one_twice_is_refused() public {
        address[] memory part = list(0, 3);
        part[2] = part[1];
        vm.expectRevert(abi.encodeWithSelector(ITableKeeper.OperatorsNotAscending.selector, part[1], part[1]));
        service.stageChunk(part);
    }

    function test_chunk_out_of_order_is_refused() public {
        address[] memory part = list(0, 3);
        (part[1], part[2]) = (part[2], part[1]);
        vm.expectRevert(abi.encodeWithSelector(ITableKeeper.OperatorsNotAscending.selector, part[1], part[2]));
        service.stageChunk(part);
    }

    function test_staged_chunk_can_be_looked_up() public {
        address[] memory part = list(0, 256);
        bytes32 hash = keccak256(abi.encodePacked(part));
        vm.recordLogs();
        address pointer = service.stageChunk(part);
        Vm.Log memory log = vm.getRecordedLogs()[0];
        vm.assertEq(log.topics[0], ITableKeeper.ChunkStaged.selector);
        vm.assertEq(log.topics[1], hash);
        vm.assertEq(log.data, abi.encode(pointer, 0));
        (address found, uint256 stagedAt, uint64 version) = service.stagedChunk(hash);
        vm.assertEq(found, pointer);
        vm.assertEq(stagedAt, START);
        vm.assertEq(version, 0);
    }

    function test_chunk_that_did_not_change_is_not_written_again() public {
        address first = service.stageChunk(list(0, 256));
        vm.warp(START + 5);
        crowd.join();
        vm.assertEq(service.stageChunk(list(0, 256)), first);
        (, uint256 stagedAt, uint64 version) = service.stagedChunk(keccak256(abi.encodePacked(list(0, 256))));
        vm.assertEq(stagedAt, START + 5);
        vm.assertEq(version, 1);
        crowd.give(address(7), 1);
        vm.assertTrue(service.stageChunk(list(0, 256)) != first);
    }

    // Putting together

    function test_table_counts_from_its_oldest_chunk() public {
        service.stageChunk(list(256, COUNT - 256));
        vm.warp(START + 9);
        service.stageChunk(list(0, 256));
        vm.warp(START + 10 minutes);
        assertEq(service.refreshTable(list(0, COUNT), apk()), Epoch.wrap(1));
        TableInfo memory info = service.tableInfo(Epoch.wrap(1));
        vm.assertEq(info.takenAt, START);
        vm.assertEq(info.count, COUNT);
        Row[] memory rows = tableRows();
        vm.assertEq(rows[0].nativeWeight, COUNT * (COUNT + 1) / 2);
        vm.assertEq(rows[257].nativeWeight, 257);
    }

    function test_chunk_is_missing() public {
        refuseChunk(0);
        service.stageChunk(list(0, 256));
        refuseChunk(1);
    }

    function test_chunk_of_other_operators_is_not_taken() public {
        service.stageChunk(list(0, 256));
        service.stageChunk(list(255, COUNT - 255));
        refuseChunk(1);
    }

    function test_chunk_that_is_too_old_is_not_taken() public {
        stageAll();
        vm.warp(START + 10 minutes + 1);
        refuseChunk(0);
    }

    function test_chunk_from_before_a_change_of_members_is_not_taken() public {
        stageAll();
        crowd.join();
        refuseChunk(0);
        service.stageChunk(list(0, 256));
        refuseChunk(1);
    }

    function test_chunk_from_before_a_loss_of_weight_is_not_taken() public {
        stageAll();
        vm.prank(address(crowd));
        service.onWeightLost(address(1), new G1[](0));
        refuseChunk(0);
        stageAll();
        refuseChunk(0);
        vm.warp(START + 1);
        stageAll();
        service.refreshTable(list(0, COUNT), apk());
    }

    function test_list_must_be_complete() public {
        stageAll();
        G2 memory key = apk();
        vm.expectRevert(abi.encodeWithSelector(ITableKeeper.IncompleteOperators.selector, COUNT - 1, COUNT));
        service.refreshTable(list(0, COUNT - 1), key);
    }

    function test_chunks_in_the_wrong_order_are_refused() public {
        address[] memory mixed = list(0, COUNT);
        for (uint256 i = 0; i < 256; i++) {
            mixed[i] = address(uint160(45 + i));
        }
        for (uint256 i = 256; i < COUNT; i++) {
            mixed[i] = address(uint160(i - 255));
        }
        service.stageChunk(list(44, 256));
        service.stageChunk(list(0, 44));
        G2 memory key = apk();
        vm.expectRevert(abi.encodeWithSelector(ITableKeeper.OperatorsNotAscending.selector, mixed[255], mixed[256]));
        service.refreshTable(mixed, key);
    }

    function test_wrong_aggregate_key_is_refused() public {
        stageAll();
        G2 memory wrong = Bls.publicKeyG2(5);
        address[] memory all = list(0, COUNT);
        vm.expectRevert(ITableKeeper.InvalidAggregateKey.selector);
        service.refreshTable(all, wrong);
    }

    function test_weight_is_lost_in_the_second_chunk() public {
        stageAll();
        service.refreshTable(list(0, COUNT), apk());
        G1[] memory keys = new G1[](1);
        keys[0] = Bls.publicKey(COUNT);
        vm.prank(address(crowd));
        service.onWeightLost(address(uint160(COUNT)), keys);
        vm.assertEq(service.revokedIn(Epoch.wrap(1))[1], 1 << 43);
    }

    function test_large_table_is_corrected() public {
        stageAll();
        service.refreshTable(list(0, COUNT), apk());
        crowd.give(address(300), 10_000);
        uint16[] memory positions = new uint16[](1);
        positions[0] = 299;
        service.correctTable(list(299, 1), positions);
        Row[] memory rows = tableRows();
        vm.assertEq(rows[300].nativeWeight, 10_300);
        vm.assertEq(rows[0].nativeWeight, COUNT * (COUNT + 1) / 2 + 10_000);
        vm.assertEq(service.tableInfo(Epoch.wrap(2)).corrections, 1);
    }

    /// @dev More than half of what a table can have: a new one may be written at once. More than that are refused.
    function test_corrections_are_bounded() public {
        stageAll();
        service.refreshTable(list(0, COUNT), apk());
        correctFrom(0, 33);
        assertEq(service.currentEpoch(), Epoch.wrap(2));
        uint256 snapshot = vm.snapshotState();
        service.refreshTable(list(0, COUNT), apk());
        vm.revertToState(snapshot);
        correctFrom(33, 31);
        vm.assertEq(service.tableInfo(Epoch.wrap(3)).corrections, 64);
        crowd.give(address(65), 10_000_000);
        uint16[] memory positions = new uint16[](1);
        positions[0] = 64;
        vm.expectRevert(abi.encodeWithSelector(ITableKeeper.TooManyCorrections.selector, 65, 64));
        service.correctTable(list(64, 1), positions);
    }

    function correctFrom(uint256 first, uint256 count) private {
        uint16[] memory positions = new uint16[](count);
        for (uint256 i = 0; i < count; i++) {
            positions[i] = uint16(first + i);
            crowd.give(address(uint160(first + i + 1)), 100_000);
        }
        service.correctTable(list(first, count), positions);
    }
}
