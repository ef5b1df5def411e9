// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.31;

import {Fixture, RecordingHandler} from "./Fixture.sol";
import {ITaskHandler} from "../../src/interfaces/ITaskHandler.sol";
import {SkipReason, IServiceManager, TaskStatus, Workflow} from "../../src/interfaces/IServiceManager.sol";
import {Digests} from "../../src/libraries/Digests.sol";
import {Firings} from "../../src/libraries/Firings.sol";
import {Result, Task} from "../../src/types/Structs.sol";

/// @notice A service of four operators whose manifest in force has a workflow that fires, beside one that is asked for.
abstract contract FiringFixture is Fixture {
    bytes32 internal constant FIRING = "tick";
    bytes32 internal constant FIRING_MANIFEST = keccak256("manifest with a workflow that fires");

    function setUpFirings() internal {
        announceFiring(FIRING_MANIFEST, handler);
        vm.roll(block.number + 1);
    }

    /// @notice Announces a manifest with both workflows, in force from the next block on.
    function announceFiring(bytes32 manifest, ITaskHandler handler_) internal {
        Workflow[] memory workflows = new Workflow[](2);
        workflows[0] = Workflow(WORKFLOW, address(handler_), false);
        workflows[1] = Workflow(FIRING, address(handler_), true);
        vm.prank(owner);
        service.announceManifest(manifest, "https://example.org/firing.json", uint64(block.number + 1), workflows);
    }

    /// @notice The task of a firing with a number, due in an hour.
    function fire(uint64 number, bytes32 firing) internal view returns (Task memory) {
        return Task({
            number: number,
            workflow: FIRING,
            manifest: FIRING_MANIFEST,
            handler: address(handler),
            requester: address(0),
            deadline: uint64(block.timestamp + 1 hours),
            nativeBps: 0,
            externalBps: 0,
            combinedBps: 0,
            inputHash: firing
        });
    }

    /// @notice The task of a second of the schedule.
    function tick(uint64 instant) internal view returns (Task memory) {
        return fire(Firings.FIRST + instant, Digests.cronFiring(instant));
    }

    /// @notice The task of the only log of a transaction.
    function logged(bytes32 transaction) internal view returns (Task memory) {
        return fire(0, Digests.logFiring(1, transaction, 0, address(handler), new bytes32[](0), ""));
    }

    function keyOf(Task memory task) internal view returns (uint256) {
        return uint256(bytes32(abi.encode(idOf(task))));
    }

    function certified(Result[] memory results) internal view returns (bytes memory) {
        return certify(results).pack();
    }

    function deliver(Task memory task) internal {
        Result[] memory results = only(task);
        service.submit(results, certified(results));
    }

    function refuse(Task memory task) internal {
        Result[] memory results = only(task);
        bytes memory certificate = certified(results);
        vm.expectRevert(IServiceManager.NothingToDeliver.selector);
        service.submit(results, certificate);
    }

    /// @notice Submits `task` with a firing that can be delivered, and expects that it is passed over.
    function expectSkipped(Task memory task, SkipReason reason) internal {
        Task[] memory tasks = new Task[](2);
        (tasks[0], tasks[1]) = (task, logged(keccak256(abi.encode("companion", reason, task.number))));
        Result[] memory results = sorted(tasks);
        bytes memory certificate = certified(results);
        vm.expectEmit(address(service));
        emit IServiceManager.TaskSkipped(idOf(task), reason);
        service.submit(results, certificate);
    }

    function assertFiring(Task memory task, TaskStatus expected) internal view {
        vm.assertEq(uint256(service.firingStatus(task)), uint256(expected));
    }

    function assertHandled(Task memory task, uint256 expected) internal view {
        vm.assertEq(handler.calls(idOf(task)), expected);
    }
}
