// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.31;

import {Certificate} from "../utils/Packed.sol";
import {CallingHandler, FailingHandler} from "../utils/Handlers.sol";
import {VetoFixture} from "../utils/VetoFixture.sol";
import {ServiceManager} from "../../src/ServiceManager.sol";
import {IServiceManager, SkipReason, TaskStatus} from "../../src/interfaces/IServiceManager.sol";
import {ITaskHandler} from "../../src/interfaces/ITaskHandler.sol";
import {Result, Task} from "../../src/types/Structs.sol";

contract FinalizeTest is VetoFixture {
    function refuse(Result[] memory results) private {
        vm.expectRevert(IServiceManager.NothingToDeliver.selector);
        service.finalize(results);
    }

    function both_(Result memory a, Result memory b) private pure returns (Result[] memory results) {
        results = new Result[](2);
        (results[0], results[1]) = (a, b);
    }

    function pass() private {
        vm.warp(block.timestamp + VETO_SECONDS);
    }

    function test_size_is_bounded() public {
        vm.expectRevert(abi.encodeWithSelector(IServiceManager.BatchSizeOutOfBounds.selector, 0, 128));
        service.finalize(new Result[](0));
        vm.expectRevert(abi.encodeWithSelector(IServiceManager.BatchSizeOutOfBounds.selector, 129, 128));
        service.finalize(new Result[](129));
    }

    function test_result_is_delivered_when_its_window_has_passed() public {
        Result[] memory results = suspended("a");
        (, uint64 until) = service.pendingResult(1);
        vm.warp(until - 1);
        refuse(results);
        vm.warp(until);
        Task memory task = results[0].task;
        vm.expectCall(address(handler), abi.encodeCall(ITaskHandler.onResult, (idOf(task), task, "payload")), 1);
        vm.expectEmit(address(service));
        emit IServiceManager.TaskDelivered(idOf(task), address(handler), true);
        vm.prank(anyone);
        service.finalize(results);
        assertStatus(task, TaskStatus.Settled);
        (bytes32 leaf,) = service.pendingResult(1);
        vm.assertEq(leaf, bytes32(0));
    }

    function test_result_is_delivered_once() public {
        Result[] memory results = suspended("a");
        pass();
        service.finalize(results);
        refuse(results);
        refuseSubmit(results, certify(results), nothing());
        assertCalls(results[0].task, 1);
    }

    function test_repetition_is_skipped() public {
        Result memory result = suspended("a")[0];
        pass();
        expectSkip(result.task, SkipReason.Settled);
        service.finalize(both_(result, result));
        assertCalls(result.task, 1);
    }

    function test_results_of_many_batches_come_in_any_order() public {
        Result memory a = suspended("a")[0];
        Result memory b = suspended("b")[0];
        pass();
        uint256 state = vm.snapshotState();
        service.finalize(both_(a, b));
        assertCalls(b.task, 1);
        vm.revertToState(state);
        service.finalize(both_(b, a));
        assertCalls(a.task, 1);
        assertCalls(b.task, 1);
    }

    function test_neither_deadline_nor_old_tables_hold_it_up() public {
        Result[] memory results = suspended("a");
        vm.warp(START + 365 days);
        service.finalize(results);
        assertCalls(results[0].task, 1);
    }

    // Skipped, while another is delivered

    function skip(Result memory result, SkipReason reason) private {
        Result memory due = suspended("due")[0];
        (, uint64 until) = service.pendingResult(due.task.number);
        vm.warp(until);
        expectSkip(result.task, reason);
        service.finalize(both_(result, due));
        assertCalls(due.task, 1);
        assertCalls(result.task, 0);
    }

    function test_result_without_certificate_is_skipped() public {
        skip(only(createTask("open"))[0], SkipReason.Uncertified);
    }

    function test_result_that_still_waits_is_skipped() public {
        Result memory early = suspended("early")[0];
        vm.warp(START + 1);
        Result memory late = suspended("late")[0];
        vm.warp(START + VETO_SECONDS);
        expectSkip(late.task, SkipReason.Waiting);
        service.finalize(both_(late, early));
        assertCalls(early.task, 1);
        assertStatus(late.task, TaskStatus.Pending);
    }

    function test_another_result_than_the_pending_one_is_skipped() public {
        Result memory result = suspended("a")[0];
        result.payload = "forged";
        skip(result, SkipReason.Conflicting);
        result.payload = "payload";
        result.component = 0;
        pass();
        vm.expectRevert(IServiceManager.NothingToDeliver.selector);
        service.finalize(both_(result, result));
    }

    function test_vetoed_result_is_skipped() public {
        Result memory result = suspended("a")[0];
        stop(result);
        skip(result, SkipReason.Vetoed);
    }

    function test_invented_task_is_skipped() public {
        Result memory result = suspended("a")[0];
        result.task.requester = anyone;
        skip(result, SkipReason.Unknown);
        result.task.number = 77;
        skip(result, SkipReason.Unknown);
    }

    function test_settled_task_is_skipped() public {
        Result[] memory results = only(createTask("a"));
        service.submit(results, certify(results).pack());
        Result memory due = suspended("due")[0];
        pass();
        expectSkip(results[0].task, SkipReason.Settled);
        service.finalize(both_(results[0], due));
        assertCalls(results[0].task, 1);
    }

    function test_service_without_vetoes_has_nothing_to_finalize() public {
        service = new ServiceManager(config(both(6667, 6667)));
        announce(MANIFEST, address(handler));
        Result[] memory results = only(createTask("a"));
        pass();
        refuse(results);
    }

    // Handlers

    function test_handler_that_fails_stops_no_other_and_may_be_tried_again() public {
        FailingHandler bad = new FailingHandler();
        bad.fail(FailingHandler.Way.BurnGas, keccak256("poison"));
        announce(keccak256("failing"), address(bad));
        vm.roll(block.number + 1);
        Result memory poison = suspended("poison")[0];
        Result memory fine = suspended("fine")[0];
        pass();
        service.finalize(both_(poison, fine));
        assertStatus(poison.task, TaskStatus.Unhandled);
        vm.assertEq(bad.calls(idOf(fine.task)), 1);
        refuse(both_(poison, fine));
        bad.fail(FailingHandler.Way.None, 0);
        service.redeliver(poison);
        vm.assertEq(bad.calls(idOf(poison.task)), 1);
        assertStatus(poison.task, TaskStatus.Settled);
    }

    function calling() private returns (CallingHandler caller) {
        caller = new CallingHandler();
        announce(keccak256("calling"), address(caller));
        vm.roll(block.number + 1);
    }

    function checkCallback(CallingHandler caller, bytes memory message, bytes4 reason) private {
        Result memory a = suspended("a")[0];
        Result memory b = suspended("b")[0];
        if (message.length == 0) message = abi.encodeCall(IServiceManager.finalize, (both_(a, b)));
        caller.set(address(service), message);
        pass();
        service.finalize(both_(a, b));
        vm.assertEq(caller.calls(), 2);
        vm.assertFalse(caller.succeeded());
        vm.assertEq(bytes32(bytes4(caller.output())), bytes32(reason));
    }

    function test_handler_that_finalizes_the_same_finds_nothing_pending() public {
        checkCallback(calling(), "", IServiceManager.NothingToDeliver.selector);
    }

    function test_handler_that_vetoes_the_next_finds_nothing_pending() public {
        CallingHandler caller = calling();
        Certificate memory empty;
        bytes memory message = abi.encodeCall(IServiceManager.veto, (service.taskCount() + 2, empty.pack()));
        checkCallback(caller, message, IServiceManager.NotPending.selector);
    }

    /// @dev Whatever gas is sent along, the handler gets its due or nothing happens.
    function testFuzz_too_little_gas_never_counts_as_failure(uint256 gas_) public {
        Result[] memory results = suspended("a");
        pass();
        try service.finalize{gas: bound(gas_, 30_000, 800_000)}(results) {
            assertCalls(results[0].task, 1);
            assertStatus(results[0].task, TaskStatus.Settled);
        } catch {
            assertStatus(results[0].task, TaskStatus.Pending);
        }
    }
}
