// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.31;

import {FiringFixture} from "../utils/FiringFixture.sol";
import {FailingHandler} from "../utils/Handlers.sol";
import {IServiceManager, SkipReason, TaskStatus} from "../../src/interfaces/IServiceManager.sol";
import {ITaskHandler} from "../../src/interfaces/ITaskHandler.sol";
import {Digests} from "../../src/libraries/Digests.sol";
import {Firings} from "../../src/libraries/Firings.sol";
import {Policies} from "../../src/libraries/Policies.sol";
import {Result, Task, Token} from "../../src/types/Structs.sol";

/// @notice Delivery of tasks that nobody asked for: what `submit` does with firings. What holds of all results:
/// Submit.t.sol.
contract SubmitFiringTest is FiringFixture {
    function setUp() public {
        setUpService(4, both(6667, 6667));
        setUpFirings();
    }

    function test_firing_is_announced_and_delivered_to_its_handler() public {
        Task memory task = tick(1_800_000_000);
        Result[] memory results = only(task);
        bytes memory certificate = certified(results);
        assertFiring(task, TaskStatus.Open);
        vm.expectCall(address(handler), abi.encodeCall(ITaskHandler.onResult, (idOf(task), task, "payload")), 1);
        vm.expectEmit(address(service));
        emit IServiceManager.TaskFired(idOf(task), task);
        vm.expectEmit(address(service));
        emit IServiceManager.TaskDelivered(idOf(task), address(handler), true);
        service.submit(results, certificate);
        assertFiring(task, TaskStatus.Settled);
    }

    function test_nothing_is_delivered_twice() public {
        Task[3] memory tasks = [tick(7), fire(Firings.FIRST + type(uint32).max, "block"), logged("tx")];
        for (uint256 i = 0; i < tasks.length; i++) {
            deliver(tasks[i]);
            refuse(tasks[i]);
            expectSkipped(tasks[i], SkipReason.Settled);
            assertHandled(tasks[i], 1);
        }
    }

    /// @dev Whatever the order in which ordinals come, each has a bit of its own.
    function testFuzz_ordinals_are_apart(uint64[4] memory ordinals) public {
        for (uint256 i = 0; i < ordinals.length; i++) {
            Task memory task = tick(ordinals[i] % Firings.FIRST);
            bool known;
            for (uint256 j = 0; j < i; j++) {
                known = known || ordinals[j] % Firings.FIRST == ordinals[i] % Firings.FIRST;
            }
            assertFiring(task, known ? TaskStatus.Settled : TaskStatus.Open);
            if (!known) deliver(task);
            assertHandled(task, 1);
        }
    }

    function test_seconds_of_one_word_are_delivered_in_one_batch() public {
        Task[] memory tasks = new Task[](100);
        for (uint64 i = 0; i < 100; i++) {
            tasks[i] = tick(512 + 2 * i);
        }
        Result[] memory results = sorted(tasks);
        service.submit(results, certified(results));
        for (uint64 i = 0; i < 100; i++) {
            assertHandled(tick(512 + 2 * i), 1);
            assertFiring(tick(512 + 2 * i + 1), TaskStatus.Open);
        }
    }

    function test_firings_and_requests_share_a_batch() public {
        Task[] memory tasks = new Task[](3);
        announceFiring(keccak256("again"), handler);
        (tasks[0], tasks[1], tasks[2]) = (createTask("asked"), tick(1), logged("tx"));
        Result[] memory results = sorted(tasks);
        service.submit(results, certified(results));
        for (uint256 i = 0; i < 3; i++) {
            assertHandled(tasks[i], 1);
        }
    }

    function test_quorum_is_the_policys() public {
        Result[] memory results = only(tick(1));
        bytes memory certificate = certify(results, without(3)).pack();
        service.submit(results, certificate);
        results = only(tick(2));
        uint256[] memory two = without(3);
        two[0] = 3;
        certificate = certify(results, two).pack();
        vm.expectRevert(abi.encodeWithSelector(Policies.QuorumNotReached.selector, Token.Native, 201, 406, 6667));
        service.submit(results, certificate);
    }

    function test_result_may_come_in_the_last_second_and_not_later() public {
        Task memory task = tick(1);
        vm.warp(task.deadline);
        deliver(task);
        Task memory late = tick(2);
        vm.warp(late.deadline + 1);
        refuse(late);
        expectSkipped(late, SkipReason.Expired);
        assertFiring(late, TaskStatus.Open);
    }

    // What is no firing

    function test_workflow_that_does_not_fire_has_no_firings() public {
        Task memory task = tick(1);
        task.workflow = WORKFLOW;
        refuse(task);
        expectSkipped(task, SkipReason.Unknown);
        assertFiring(task, TaskStatus.None);
    }

    function test_firing_of_an_unknown_manifest_is_unknown() public {
        Task memory task = tick(1);
        task.manifest = MANIFEST;
        refuse(task);
        assertFiring(task, TaskStatus.None);
        task.manifest = keccak256("never announced");
        refuse(task);
        expectSkipped(task, SkipReason.Unknown);
    }

    function test_firing_goes_to_no_other_handler() public {
        Task memory task = tick(1);
        task.handler = anyone;
        refuse(task);
        expectSkipped(task, SkipReason.Unknown);
        assertFiring(task, TaskStatus.None);
    }

    function test_firing_with_the_number_of_a_request_is_unknown() public {
        Task memory asked = createTask("asked");
        Task memory task = tick(1);
        task.number = asked.number;
        refuse(task);
        expectSkipped(task, SkipReason.Unknown);
        assertFiring(task, TaskStatus.None);
        assertFiring(asked, TaskStatus.None);
    }

    // Identity

    function test_id_is_of_the_workflow_and_what_fired_only() public view {
        Task memory task = tick(1);
        Task memory moved = tick(1);
        (moved.manifest, moved.handler, moved.deadline, moved.requester) = (MANIFEST, anyone, 1, anyone);
        assertEq(idOf(moved), idOf(task));
        vm.assertTrue(idOf(tick(2)) != idOf(task));
        moved.workflow = "other";
        vm.assertTrue(idOf(moved) != idOf(task));
    }

    /// @dev A certificate is over the task's digest, which its id is not: a deadline cannot be prolonged.
    function test_certificate_is_for_the_deadline_and_manifest_that_were_signed() public {
        Result[] memory results = only(tick(1));
        bytes memory certificate = certified(results);
        results[0].task.deadline += 1;
        vm.expectRevert();
        service.submit(results, certificate);
        results[0].task.deadline -= 1;
        results[0].task.number += 1;
        vm.expectRevert();
        service.submit(results, certificate);
        results[0].task.number -= 1;
        service.submit(results, certificate);
    }

    function test_log_is_delivered_once_whatever_manifest_it_is_read_under() public {
        deliver(logged("tx"));
        bytes32 second = keccak256("second manifest");
        announceFiring(second, handler);
        vm.roll(block.number + 1);
        Task memory again = logged("tx");
        again.manifest = second;
        refuse(again);
        assertHandled(again, 1);
    }

    function test_firing_of_an_earlier_manifest_is_delivered() public {
        Task memory task = tick(1);
        announceFiring(keccak256("second manifest"), handler);
        vm.roll(block.number + 1);
        deliver(task);
        assertHandled(task, 1);
    }

    // Handlers that fail

    function test_result_of_a_failing_handler_is_kept() public {
        FailingHandler bad = new FailingHandler();
        bad.fail(FailingHandler.Way.Revert, Digests.cronFiring(1));
        bytes32 manifest = keccak256("failing");
        announceFiring(manifest, bad);
        vm.roll(block.number + 1);
        Task memory task = tick(1);
        (task.manifest, task.handler) = (manifest, address(bad));
        deliver(task);
        assertFiring(task, TaskStatus.Unhandled);
        refuse(task);
        bad.fail(FailingHandler.Way.None, 0);
        Result memory result = only(task)[0];
        service.redeliver(result);
        assertFiring(task, TaskStatus.Settled);
        vm.assertEq(bad.calls(idOf(task)), 1);
        vm.expectRevert(abi.encodeWithSelector(IServiceManager.NothingToRedeliver.selector, idOf(task)));
        service.redeliver(result);
    }

    /// @dev Only the bit.
    function test_firing_writes_one_slot() public {
        Result[] memory results = only(tick(1));
        bytes memory certificate = certified(results);
        vm.record();
        service.submit(results, certificate);
        (, bytes32[] memory writes) = vm.accesses(address(service));
        vm.assertEq(writes.length, 1);
    }
}
