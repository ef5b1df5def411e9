// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.31;

import {FiringFixture} from "../utils/FiringFixture.sol";
import {VetoFixture} from "../utils/VetoFixture.sol";
import {IServiceManager, SkipReason, TaskStatus} from "../../src/interfaces/IServiceManager.sol";
import {Result, Task} from "../../src/types/Structs.sol";

/// @notice Firings under the policy `Veto`: named by their ids where requests are named by their numbers.
contract VetoFiringTest is FiringFixture, VetoFixture {
    function setUp() public override {
        super.setUp();
        setUpFirings();
    }

    function suspendedFiring(Task memory task) private returns (Result[] memory results) {
        results = only(task);
        suspend(results);
    }

    function test_certified_firing_is_announced_and_waits() public {
        Task memory task = tick(1);
        Result[] memory results = only(task);
        bytes memory certificate = certify(results, certifiers).pack();
        vm.expectEmit(address(service));
        emit IServiceManager.TaskFired(idOf(task), task);
        vm.expectEmit(address(service));
        emit IServiceManager.TaskPending(idOf(task), leafOf(results[0]), uint64(block.timestamp + VETO_SECONDS));
        service.submit(results, certificate);
        assertFiring(task, TaskStatus.Pending);
        assertCalls(task, 0);
        (bytes32 leaf, uint64 until) = service.pendingResult(keyOf(task));
        vm.assertEq(leaf, leafOf(results[0]));
        vm.assertEq(until, block.timestamp + VETO_SECONDS);
    }

    function test_firing_is_finalized_once_and_announced_once() public {
        for (uint256 i = 0; i < 2; i++) {
            Task memory task = i == 0 ? tick(1) : logged("tx");
            Result[] memory results = suspendedFiring(task);
            vm.warp(block.timestamp + VETO_SECONDS);
            vm.recordLogs();
            service.finalize(results);
            vm.assertEq(countLogs(vm.getRecordedLogs(), IServiceManager.TaskFired.selector), 0);
            assertFiring(task, TaskStatus.Settled);
            vm.expectRevert(IServiceManager.NothingToDeliver.selector);
            service.finalize(results);
            assertCalls(task, 1);
        }
    }

    function test_early_finalization_is_refused() public {
        Result[] memory results = suspendedFiring(tick(1));
        vm.warp(block.timestamp + VETO_SECONDS - 1);
        vm.expectRevert(IServiceManager.NothingToDeliver.selector);
        service.finalize(results);
    }

    function test_waved_through_firing_is_delivered_and_not_announced_again() public {
        Task memory task = logged("tx");
        Result[] memory results = suspendedFiring(task);
        bytes memory certificate = certified(results);
        vm.recordLogs();
        service.submit(results, certificate);
        vm.assertEq(countLogs(vm.getRecordedLogs(), IServiceManager.TaskFired.selector), 0);
        assertCalls(task, 1);
    }

    function test_vetoed_firing_never_comes_back() public {
        for (uint256 i = 0; i < 2; i++) {
            Task memory task = i == 0 ? tick(1) : logged("tx");
            Result[] memory results = suspendedFiring(task);
            bytes memory certificate = vetoOf(leafOf(results[0]), vetoer).pack();
            service.veto(keyOf(task), certificate);
            assertFiring(task, TaskStatus.Vetoed);
            refuse(task);
            expectSkipped(task, SkipReason.Vetoed);
            vm.warp(block.timestamp + VETO_SECONDS);
            vm.expectRevert(IServiceManager.NothingToDeliver.selector);
            service.finalize(results);
            assertCalls(task, 0);
        }
    }

    function test_veto_names_the_firing() public {
        Task memory task = tick(1);
        Result[] memory results = suspendedFiring(task);
        bytes memory certificate = vetoOf(leafOf(results[0]), vetoer).pack();
        (uint256 key, uint256 other) = (keyOf(task), keyOf(tick(2)));
        vm.expectRevert(abi.encodeWithSelector(IServiceManager.NotPending.selector, other));
        service.veto(other, certificate);
        vm.warp(block.timestamp + VETO_SECONDS);
        vm.expectRevert(abi.encodeWithSelector(IServiceManager.VetoTooLate.selector, key, block.timestamp));
        service.veto(key, certificate);
    }

    function test_other_result_of_a_pending_firing_is_passed_over() public {
        Task memory task = logged("tx");
        Result[] memory results = suspendedFiring(task);
        results[0].payload = "other";
        refuseSubmit(results, certify(results), nothing());
        assertFiring(task, TaskStatus.Pending);
    }
}
