// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.31;

import {Certificate} from "../utils/Packed.sol";
import {CallingHandler} from "../utils/Handlers.sol";
import {ServiceFixture} from "../utils/ServiceFixture.sol";
import {IServiceManager, TaskStatus} from "../../src/interfaces/IServiceManager.sol";
import {TaskId} from "../../src/types/Ids.sol";
import {Result, Task} from "../../src/types/Structs.sol";

/// @notice A handler that calls back into the service while it is given a result.
contract SubmitReentrancyTest is ServiceFixture {
    CallingHandler private caller;

    function setUp() public override {
        super.setUp();
        caller = new CallingHandler();
        announce(keccak256("calling"), address(caller));
        vm.roll(block.number + 1);
    }

    function assertFailedWith(bytes4 selector) private view {
        vm.assertFalse(caller.succeeded());
        vm.assertEq(bytes32(bytes4(caller.output())), bytes32(selector));
    }

    function test_the_same_batch_finds_nothing_open() public {
        Task[] memory tasks = new Task[](3);
        for (uint256 i = 0; i < 3; i++) {
            tasks[i] = createTask(abi.encode(i));
        }
        Result[] memory results = sorted(tasks);
        Certificate memory certificate = certify(results);
        caller.set(address(service), abi.encodeCall(IServiceManager.submit, (results, certificate.pack())));
        service.submit(results, certificate.pack());
        vm.assertEq(caller.calls(), 3);
        assertFailedWith(IServiceManager.NothingToDeliver.selector);
    }

    function test_redelivery_of_the_result_in_hand_is_refused() public {
        Result[] memory results = only(createTask("a"));
        Certificate memory certificate = certify(results);
        caller.set(address(service), abi.encodeCall(IServiceManager.redeliver, (results[0])));
        service.submit(results, certificate.pack());
        vm.assertEq(caller.calls(), 1);
        assertFailedWith(IServiceManager.NothingToRedeliver.selector);
    }

    function test_result_may_lead_to_another_task() public {
        Result[] memory results = only(createTask("a"));
        Certificate memory certificate = certify(results);
        caller.set(
            address(service),
            abi.encodeCall(IServiceManager.createTask, (WORKFLOW, "next", none(), uint64(block.timestamp + 1 hours)))
        );
        service.submit(results, certificate.pack());
        vm.assertTrue(caller.succeeded());
        (TaskStatus status, TaskId id) = service.taskStatus(2);
        vm.assertTrue(status == TaskStatus.Open);
        assertEq(id, abi.decode(caller.output(), (TaskId)));
    }
}
