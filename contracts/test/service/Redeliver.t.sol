// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.31;

import {FailingHandler} from "../utils/Handlers.sol";
import {ServiceFixture} from "../utils/ServiceFixture.sol";
import {IServiceManager, TaskStatus} from "../../src/interfaces/IServiceManager.sol";
import {Result, Task} from "../../src/types/Structs.sol";

contract RedeliverTest is ServiceFixture {
    FailingHandler private bad;
    Result private failed;

    function setUp() public override {
        super.setUp();
        bad = new FailingHandler();
        bad.fail(FailingHandler.Way.Revert, keccak256("poison"));
        announce(keccak256("failing"), address(bad));
        vm.roll(block.number + 1);
        Result[] memory results = only(createTask("poison"));
        service.submit(results, certify(results).pack());
        failed = results[0];
    }

    function refuse(Result memory result) private {
        vm.expectRevert(abi.encodeWithSelector(IServiceManager.NothingToRedeliver.selector, idOf(result.task)));
        service.redeliver(result);
    }

    function test_result_is_handed_over_once_its_handler_works() public {
        bad.fail(FailingHandler.Way.None, 0);
        vm.expectEmit(address(service));
        emit IServiceManager.TaskRedelivered(idOf(failed.task), address(bad));
        vm.prank(anyone);
        service.redeliver(failed);
        vm.assertEq(bad.calls(idOf(failed.task)), 1);
        vm.assertEq(bad.payloadHash(idOf(failed.task)), keccak256("payload"));
        (TaskStatus status,) = service.taskStatus(failed.task.number);
        vm.assertTrue(status == TaskStatus.Settled);
        refuse(failed);
    }

    function test_result_is_kept_when_its_handler_fails_again() public {
        Result memory result = failed;
        vm.expectRevert(abi.encodeWithSelector(FailingHandler.Failed.selector, idOf(result.task)));
        service.redeliver(result);
        bad.fail(FailingHandler.Way.None, 0);
        service.redeliver(result);
        vm.assertEq(bad.calls(idOf(result.task)), 1);
    }

    function test_deadline_binds_the_delivery_not_the_handler() public {
        bad.fail(FailingHandler.Way.None, 0);
        vm.warp(failed.task.deadline + 365 days);
        service.redeliver(failed);
        vm.assertEq(bad.calls(idOf(failed.task)), 1);
    }

    function test_handler_may_use_more_gas_than_the_service_gives() public {
        bad.fail(FailingHandler.Way.None, 0);
        service.redeliver{gas: 5_000_000}(failed);
    }

    function test_another_payload_is_refused() public {
        Result memory result = failed;
        result.payload = "forged";
        refuse(result);
    }

    function test_another_component_is_refused() public {
        Result memory result = failed;
        result.component = 0;
        refuse(result);
    }

    function test_another_handler_is_refused() public {
        Result memory result = failed;
        result.task.handler = address(handler);
        refuse(result);
    }

    function test_open_task_is_refused() public {
        refuse(only(createTask("open"))[0]);
    }

    function test_handled_task_is_refused() public {
        Result[] memory results = only(createTask("fine"));
        service.submit(results, certify(results).pack());
        refuse(results[0]);
    }
}
