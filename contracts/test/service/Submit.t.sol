// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.31;

import {Certificate} from "../utils/Packed.sol";
import {FailingHandler, MeasuringHandler} from "../utils/Handlers.sol";
import {RecordingHandler} from "../utils/Fixture.sol";
import {ServiceFixture} from "../utils/ServiceFixture.sol";
import {IServiceManager, SkipReason, TaskStatus} from "../../src/interfaces/IServiceManager.sol";
import {ITaskHandler} from "../../src/interfaces/ITaskHandler.sol";
import {TaskId} from "../../src/types/Ids.sol";
import {Requirement, Result, Task, Verdict} from "../../src/types/Structs.sol";

/// @notice Delivery: what `submit` does with results whose certificate is good. What a good one is:
/// SubmitCertificate.t.sol.
contract SubmitTest is ServiceFixture {
    function create(uint256 count) private returns (Task[] memory tasks) {
        tasks = new Task[](count);
        for (uint256 i = 0; i < count; i++) {
            tasks[i] = createTask(abi.encode("input", i));
        }
    }

    function assertStatus(Task memory task, TaskStatus expected) private view {
        (TaskStatus status,) = service.taskStatus(task.number);
        vm.assertTrue(status == expected);
    }

    function expectSkip(Task memory task, SkipReason reason) private {
        vm.expectEmit(address(service));
        emit IServiceManager.TaskSkipped(idOf(task), reason);
    }

    // Shape

    function test_empty_batch_is_refused() public {
        vm.expectRevert(abi.encodeWithSelector(IServiceManager.BatchSizeOutOfBounds.selector, 0, 128));
        service.submit(new Result[](0), emptyCertificate().pack());
    }

    function test_large_batch_is_refused() public {
        vm.expectRevert(abi.encodeWithSelector(IServiceManager.BatchSizeOutOfBounds.selector, 129, 128));
        service.submit(new Result[](129), emptyCertificate().pack());
    }

    function test_largest_batch_is_delivered() public {
        Result[] memory results = sorted(create(128));
        service.submit(results, certify(results).pack());
        for (uint256 i = 0; i < 128; i++) {
            vm.assertEq(handler.calls(idOf(results[i].task)), 1);
        }
    }

    function test_results_out_of_order_are_refused() public {
        Result[] memory results = sorted(create(3));
        (results[1], results[2]) = (results[2], results[1]);
        Certificate memory certificate = certify(results);
        vm.expectRevert(
            abi.encodeWithSelector(
                IServiceManager.TasksNotAscending.selector, idOf(results[1].task), idOf(results[2].task)
            )
        );
        service.submit(results, certificate.pack());
    }

    function test_result_twice_in_a_batch_is_refused() public {
        Task memory task = createTask("a");
        Result[] memory results = new Result[](2);
        results[0] = Result(task, COMPONENT, "one");
        results[1] = Result(task, COMPONENT, "two");
        Certificate memory certificate = certify(results);
        vm.expectRevert(abi.encodeWithSelector(IServiceManager.TasksNotAscending.selector, idOf(task), idOf(task)));
        service.submit(results, certificate.pack());
    }

    function emptyCertificate() private pure returns (Certificate memory certificate) {}

    // Delivery

    function test_result_is_delivered_to_its_handler() public {
        Task memory task = createTask("a");
        Result[] memory results = only(task);
        Certificate memory certificate = certify(results);
        vm.expectCall(address(handler), abi.encodeCall(ITaskHandler.onResult, (idOf(task), task, "payload")), 1);
        vm.expectEmit(address(service));
        emit IServiceManager.CertificateVerified(
            service.currentEpoch(), rootOf(results), Verdict.Final, 406, 3994, 406, 3994, certificate.signers
        );
        vm.expectEmit(address(service));
        emit IServiceManager.TaskDelivered(idOf(task), address(handler), true);
        submitAs(anyone, results, certificate);
        assertStatus(task, TaskStatus.Settled);
    }

    function testFuzz_batch_of_any_size_is_delivered(uint256 count) public {
        Result[] memory results = sorted(create(bound(count, 1, 20)));
        service.submit(results, certify(results).pack());
        for (uint256 i = 0; i < results.length; i++) {
            vm.assertEq(handler.payloadHash(idOf(results[i].task)), keccak256(results[i].payload));
            assertStatus(results[i].task, TaskStatus.Settled);
        }
    }

    function test_result_may_come_in_the_last_second() public {
        Task memory task = createTask("a");
        vm.warp(task.deadline);
        Result[] memory results = only(task);
        service.submit(results, certify(results).pack());
        assertStatus(task, TaskStatus.Settled);
    }

    function test_result_of_an_earlier_manifest_goes_to_its_handler() public {
        Task memory task = createTask("a");
        announce(keccak256("second"), address(new RecordingHandler()));
        vm.roll(block.number + 1);
        Result[] memory results = only(task);
        service.submit(results, certify(results).pack());
        vm.assertEq(handler.calls(idOf(task)), 1);
    }

    // Nothing twice, nothing late, nothing foreign

    function test_nothing_is_delivered_twice() public {
        Result[] memory results = only(createTask("a"));
        Certificate memory certificate = certify(results);
        service.submit(results, certificate.pack());
        vm.expectRevert(IServiceManager.NothingToDeliver.selector);
        service.submit(results, certificate.pack());
    }

    function test_nothing_to_deliver_is_found_out_cheaply() public {
        Result[] memory results = only(createTask("a"));
        service.submit(results, certify(results).pack());
        Certificate memory certificate = certify(results);
        uint256 before = gasleft();
        try service.submit(results, certificate.pack()) {} catch {}
        vm.assertLe(before - gasleft(), 40_000);
    }

    function test_settled_task_is_skipped_in_a_later_batch() public {
        Task[] memory tasks = create(2);
        Result[] memory first = only(tasks[0]);
        service.submit(first, certify(first).pack());
        Result[] memory both = sorted(tasks);
        Certificate memory certificate = certify(both);
        expectSkip(tasks[0], SkipReason.Settled);
        service.submit(both, certificate.pack());
        vm.assertEq(handler.calls(idOf(tasks[0])), 1);
        vm.assertEq(handler.calls(idOf(tasks[1])), 1);
    }

    function test_other_result_for_a_settled_task_changes_nothing() public {
        Task memory task = createTask("a");
        Result[] memory results = only(task);
        service.submit(results, certify(results).pack());
        results[0].payload = "another payload";
        Certificate memory certificate = certify(results);
        vm.expectRevert(IServiceManager.NothingToDeliver.selector);
        service.submit(results, certificate.pack());
        vm.assertEq(handler.payloadHash(idOf(task)), keccak256("payload"));
    }

    function test_expired_task_is_skipped() public {
        Task memory late = createTask("late");
        vm.warp(late.deadline + 1);
        Task[] memory tasks = new Task[](2);
        (tasks[0], tasks[1]) = (late, createTask("in time"));
        Result[] memory results = sorted(tasks);
        Certificate memory certificate = certify(results);
        expectSkip(late, SkipReason.Expired);
        service.submit(results, certificate.pack());
        vm.assertEq(handler.calls(idOf(late)), 0);
        vm.assertEq(handler.calls(idOf(tasks[1])), 1);
        assertStatus(late, TaskStatus.Open);
    }

    function test_only_an_expired_task_is_nothing() public {
        Task memory late = createTask("late");
        vm.warp(late.deadline + 1);
        Result[] memory results = only(late);
        Certificate memory certificate = certify(results);
        vm.expectRevert(IServiceManager.NothingToDeliver.selector);
        service.submit(results, certificate.pack());
    }

    function test_invented_task_is_skipped() public {
        Task[] memory tasks = new Task[](3);
        tasks[0] = createTask("real");
        // Once with the number of a real task, once with that of none.
        tasks[1] = createTask("twin");
        tasks[1].requester = anyone;
        tasks[2] = createTask("later");
        tasks[2].number = 77;
        Result[] memory results = sorted(tasks);
        Certificate memory certificate = certify(results);
        vm.recordLogs();
        service.submit(results, certificate.pack());
        vm.assertEq(countLogs(vm.getRecordedLogs(), IServiceManager.TaskSkipped.selector), 2);
        vm.assertEq(handler.calls(idOf(tasks[0])), 1);
        vm.assertEq(handler.calls(idOf(tasks[1])), 0);
        vm.assertEq(handler.calls(idOf(tasks[2])), 0);
    }

    function test_changed_field_makes_an_unknown_task() public {
        Task memory task = createTask("a", Requirement(9000, 9000, 0));
        Task[5] memory changed = [task, task, task, task, task];
        for (uint256 i = 0; i < 5; i++) {
            changed[i] = abi.decode(abi.encode(task), (Task));
        }
        changed[0].nativeBps = 0;
        changed[1].deadline += 1;
        changed[2].handler = anyone;
        changed[3].inputHash = keccak256("b");
        changed[4].workflow = "other";
        for (uint256 i = 0; i < 5; i++) {
            Result[] memory results = only(changed[i]);
            Certificate memory certificate = certify(results);
            vm.expectRevert(IServiceManager.NothingToDeliver.selector);
            service.submit(results, certificate.pack());
        }
    }

    // Handlers that fail

    function failing(FailingHandler.Way way) private returns (FailingHandler bad) {
        bad = new FailingHandler();
        bad.fail(way, keccak256("poison"));
        announce(keccak256(abi.encode(address(bad))), address(bad));
        vm.roll(block.number + 1);
    }

    function checkFailure(FailingHandler.Way way) private {
        FailingHandler bad = failing(way);
        Task[] memory tasks = create(3);
        tasks[1] = createTask("poison");
        Result[] memory results = sorted(tasks);
        Certificate memory certificate = certify(results);
        vm.expectEmit(address(service));
        emit IServiceManager.TaskDelivered(idOf(tasks[1]), address(bad), false);
        vm.recordLogs();
        service.submit(results, certificate.pack());
        vm.assertEq(countLogs(vm.getRecordedLogs(), IServiceManager.TaskDelivered.selector), 3);
        vm.assertEq(bad.calls(idOf(tasks[0])), 1);
        vm.assertEq(bad.calls(idOf(tasks[1])), 0);
        vm.assertEq(bad.calls(idOf(tasks[2])), 1);
        assertStatus(tasks[1], TaskStatus.Unhandled);
        vm.expectRevert(IServiceManager.NothingToDeliver.selector);
        service.submit(results, certificate.pack());
    }

    function test_handler_that_reverts_stops_no_other() public {
        checkFailure(FailingHandler.Way.Revert);
    }

    function test_handler_that_burns_its_gas_stops_no_other() public {
        checkFailure(FailingHandler.Way.BurnGas);
    }

    function test_handler_that_reverts_with_a_bomb_stops_no_other() public {
        checkFailure(FailingHandler.Way.RevertBomb);
    }

    function test_handler_costs_no_more_than_its_gas() public {
        failing(FailingHandler.Way.BurnGas);
        uint256 burned = submitCost();
        failing(FailingHandler.Way.RevertBomb);
        uint256 bombed = submitCost();
        failing(FailingHandler.Way.ReturnBomb);
        uint256 returned = submitCost();
        failing(FailingHandler.Way.None);
        uint256 plain = submitCost();
        vm.assertLe(burned, plain + HANDLER_GAS);
        vm.assertLe(bombed, plain + HANDLER_GAS);
        vm.assertLe(returned, plain + HANDLER_GAS);
    }

    function submitCost() private returns (uint256 cost) {
        Result[] memory results = only(createTask("poison"));
        Certificate memory certificate = certify(results);
        cost = gasleft();
        service.submit(results, certificate.pack());
        cost -= gasleft();
    }

    /// @dev Whatever gas is sent along, the handler gets its due or nothing happens.
    function testFuzz_too_little_gas_never_counts_as_failure(uint256 gas_) public {
        Result[] memory results = only(createTask("a"));
        Certificate memory certificate = certify(results);
        try service.submit{gas: bound(gas_, 30_000, 1_200_000)}(results, certificate.pack()) {
            vm.assertEq(handler.calls(idOf(results[0].task)), 1);
            assertStatus(results[0].task, TaskStatus.Settled);
        } catch {
            assertStatus(results[0].task, TaskStatus.Open);
        }
    }

    function test_too_little_gas_is_named() public {
        Result[] memory results = only(createTask("a"));
        Certificate memory certificate = certify(results);
        (bool ok, bytes memory reason) =
            address(service).call{gas: 500_000}(abi.encodeCall(IServiceManager.submit, (results, certificate.pack())));
        vm.assertFalse(ok);
        vm.assertEq(bytes32(bytes4(reason)), bytes32(IServiceManager.InsufficientGas.selector));
    }

    /// @dev In a transaction of its own, where accounts are cold.
    /// forge-config: default.isolate = true
    /// forge-config: long.isolate = true
    function test_handler_has_all_its_gas_when_the_least_is_sent_along() public {
        checkLeastGas(new MeasuringHandler());
    }

    /// forge-config: default.isolate = true
    /// forge-config: long.isolate = true
    function test_handler_that_delegates_has_all_its_gas_as_well() public {
        address delegating = account("delegating");
        vm.etch(delegating, abi.encodePacked(hex"ef0100", new MeasuringHandler()));
        checkLeastGas(MeasuringHandler(delegating));
    }

    function checkLeastGas(MeasuringHandler measuring) private {
        announce(keccak256("measuring"), address(measuring));
        vm.roll(block.number + 1);
        Result[] memory results = only(createTask("a"));
        bytes memory message = abi.encodeCall(IServiceManager.submit, (results, certify(results).pack()));
        uint256 state = vm.snapshotState();
        send(5_000_000, message);
        uint256 full = measuring.gasGiven();
        vm.revertToState(state);
        (bool ok, bytes memory reason) = send(550_000, message);
        vm.assertFalse(ok);
        (uint256 available, uint256 needed) = insufficientGas(reason);
        uint256 least = 550_000 + needed - available;
        (ok,) = send(least - 1, message);
        vm.assertFalse(ok);
        (ok,) = send(least, message);
        vm.assertTrue(ok);
        vm.assertEq(measuring.gasGiven(), full);
    }

    function send(uint256 limit, bytes memory message) private returns (bool, bytes memory) {
        return address(service).call{gas: limit}(message);
    }

    function insufficientGas(bytes memory reason) private pure returns (uint256 available, uint256 needed) {
        vm.assertEq(bytes32(bytes4(reason)), bytes32(IServiceManager.InsufficientGas.selector));
        assembly ("memory-safe") {
            available := mload(add(reason, 0x24))
            needed := mload(add(reason, 0x44))
        }
    }
}
