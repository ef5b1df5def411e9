// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.31;

import {ServiceFixture} from "../utils/ServiceFixture.sol";
import {RecordingHandler} from "../utils/Fixture.sol";
import {FixedPrices} from "../utils/Oracles.sol";
import {ServiceManager} from "../../src/ServiceManager.sol";
import {IServiceManager, TaskStatus, Workflow} from "../../src/interfaces/IServiceManager.sol";
import {Policies} from "../../src/libraries/Policies.sol";
import {TaskId} from "../../src/types/Ids.sol";
import {PolicyKind, Requirement, Task} from "../../src/types/Structs.sol";

contract CreateTaskTest is ServiceFixture {
    uint64 private constant DUE = uint64(START + 1 hours);

    function test_long_input_is_refused() public {
        vm.expectRevert(abi.encodeWithSelector(IServiceManager.InputTooLong.selector, 16_385, 16_384));
        service.createTask(WORKFLOW, new bytes(16_385), none(), DUE);
        service.createTask(WORKFLOW, new bytes(16_384), none(), DUE);
    }

    function test_deadline_must_be_ahead_and_not_too_far() public {
        uint256 latest = START + 30 days;
        uint256[3] memory bad = [START, START - 1, latest + 1];
        for (uint256 i = 0; i < bad.length; i++) {
            vm.expectRevert(
                abi.encodeWithSelector(IServiceManager.DeadlineOutOfBounds.selector, bad[i], START + 1, latest)
            );
            service.createTask(WORKFLOW, "", none(), uint64(bad[i]));
        }
        service.createTask(WORKFLOW, "", none(), uint64(START + 1));
        service.createTask(WORKFLOW, "", none(), uint64(latest));
    }

    function test_service_without_manifest_takes_no_tasks() public {
        ServiceManager bare = new ServiceManager(config(both(1, 1)));
        vm.expectRevert(IServiceManager.NoManifestInForce.selector);
        bare.createTask(WORKFLOW, "", none(), DUE);
    }

    function test_unknown_workflow_is_refused() public {
        vm.expectRevert(abi.encodeWithSelector(IServiceManager.UnknownWorkflow.selector, MANIFEST, bytes32("other")));
        service.createTask("other", "", none(), DUE);
    }

    function test_workflow_that_fires_takes_no_requests() public {
        Workflow[] memory workflows = new Workflow[](1);
        workflows[0] = Workflow("tick", address(handler), true);
        vm.prank(owner);
        service.announceManifest(keccak256("second"), "", uint64(block.number + 1), workflows);
        vm.roll(block.number + 1);
        vm.expectRevert(
            abi.encodeWithSelector(IServiceManager.NotRequestable.selector, keccak256("second"), bytes32("tick"))
        );
        service.createTask("tick", "", none(), DUE);
    }

    function test_more_than_everything_is_refused() public {
        Requirement[4] memory bad = [
            Requirement(10_001, 0, 0), Requirement(0, 10_001, 0), Requirement(0, 65_535, 0), Requirement(0, 0, 10_001)
        ];
        uint16[4] memory bps = [uint16(10_001), 10_001, 65_535, 10_001];
        for (uint256 i = 0; i < bad.length; i++) {
            vm.expectRevert(abi.encodeWithSelector(Policies.RequirementOutOfBounds.selector, bps[i]));
            service.createTask(WORKFLOW, "", bad[i], DUE);
        }
    }

    function test_requirement_is_recorded_as_asked() public {
        createTask("a", Requirement(0, 0, 0));
        createTask("b", Requirement(6667, 6667, 0));
        createTask("c", Requirement(0, 10_000, 0));
        createTask("d", Requirement(1, 0, 0));
    }

    function test_combined_value_may_be_required_of_the_policy_combined_only() public {
        vm.expectRevert(abi.encodeWithSelector(Policies.CombinedNotSupported.selector, PolicyKind.Both, 1));
        service.createTask(WORKFLOW, "", Requirement(0, 0, 1), DUE);
        service = new ServiceManager(config(combined(6667, 2500, address(new FixedPrices(1, 1)))));
        announce(MANIFEST, address(handler));
        createTask("a", Requirement(0, 0, 1));
        createTask("b", Requirement(7000, 8000, 10_000));
    }

    function test_task_is_announced_as_recorded() public {
        Task memory task = Task({
            number: 1,
            workflow: WORKFLOW,
            manifest: MANIFEST,
            handler: address(handler),
            requester: requester,
            deadline: DUE,
            nativeBps: 0,
            externalBps: 8000,
            combinedBps: 0,
            inputHash: keccak256("game")
        });
        vm.expectEmit(address(service));
        emit IServiceManager.TaskCreated(idOf(task), task, "game");
        vm.prank(requester);
        assertEq(service.createTask(WORKFLOW, "game", Requirement(0, 8000, 0), DUE), idOf(task));
        (TaskStatus status, TaskId id) = service.taskStatus(1);
        vm.assertTrue(status == TaskStatus.Open);
        assertEq(id, idOf(task));
    }

    function test_tasks_are_numbered_and_never_alike() public {
        Task memory first = createTask("same");
        Task memory second = createTask("same");
        vm.assertEq(first.number, 1);
        vm.assertEq(second.number, 2);
        vm.assertEq(service.taskCount(), 2);
        vm.assertTrue(idOf(first) != idOf(second));
    }

    function test_status_of_no_task_is_none() public {
        createTask("a");
        uint64[3] memory numbers = [uint64(0), 2, type(uint64).max];
        for (uint256 i = 0; i < numbers.length; i++) {
            (TaskStatus status, TaskId id) = service.taskStatus(numbers[i]);
            vm.assertTrue(status == TaskStatus.None);
            assertEq(id, TaskId.wrap(0));
        }
    }

    function test_task_belongs_to_the_manifest_in_force() public {
        RecordingHandler other = new RecordingHandler();
        announce(keccak256("second"), address(other));
        Task memory before = createTask("a");
        vm.roll(block.number + 1);
        Task memory later = createTask("a");
        vm.assertEq(before.handler, address(handler));
        vm.assertEq(later.handler, address(other));
        vm.assertEq(later.manifest, keccak256("second"));
    }

    function test_tasks_of_services_and_chains_are_apart() public {
        Task memory task = createTask("a");
        TaskId here = idOf(task);
        vm.chainId(1);
        vm.assertTrue(idOf(task) != here);
        vm.chainId(31337);
        service = new ServiceManager(config(both(1, 1)));
        vm.assertTrue(idOf(task) != here);
    }

    /// @dev The latest number beside the block of the next manifest; the manifest; its handler; the task's id.
    function test_task_takes_four_slots() public {
        vm.record();
        createTask("input");
        (bytes32[] memory reads,) = vm.accesses(address(service));
        uint256 distinct;
        for (uint256 i = 0; i < reads.length; i++) {
            uint256 first = 0;
            while (reads[first] != reads[i]) first++;
            if (first == i) distinct++;
        }
        vm.assertEq(distinct, 4);
    }
}
