// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.31;

import {Certificate} from "../utils/Packed.sol";
import {VetoFixture} from "../utils/VetoFixture.sol";
import {IServiceManager, SkipReason, TaskStatus} from "../../src/interfaces/IServiceManager.sol";
import {Policies} from "../../src/libraries/Policies.sol";
import {TaskId} from "../../src/types/Ids.sol";
import {Requirement, Result, Task, Token, Verdict} from "../../src/types/Structs.sol";

/// @notice What `submit` does under the policy `Veto`.
contract SubmitPendingTest is VetoFixture {
    function two(Result memory a, Result memory b) private view returns (Result[] memory results) {
        results = new Result[](2);
        (results[0], results[1]) = idOf(b.task) > idOf(a.task) ? (a, b) : (b, a);
    }

    function test_result_that_can_be_vetoed_waits() public {
        Result[] memory results = only(createTask("a"));
        Certificate memory certificate = certify(results, certifiers);
        vm.expectEmit(address(service));
        emit IServiceManager.CertificateVerified(
            service.currentEpoch(), rootOf(results), Verdict.Pending, 303, 2997, 406, EXTERNAL, certifiers
        );
        vm.expectEmit(address(service));
        emit IServiceManager.TaskPending(idOf(results[0].task), leafOf(results[0]), uint64(START) + VETO_SECONDS);
        service.submit(results, certificate.pack());
        assertStatus(results[0].task, TaskStatus.Pending);
        assertCalls(results[0].task, 0);
        (bytes32 leaf, uint64 until) = service.pendingResult(1);
        vm.assertEq(leaf, leafOf(results[0]));
        vm.assertEq(until, START + VETO_SECONDS);
        (, TaskId id) = service.taskStatus(1);
        assertEq(id, idOf(results[0].task));
    }

    function test_result_that_can_not_be_vetoed_is_delivered_at_once() public {
        Result[] memory results = only(createTask("a"));
        service.submit(results, certify(results).pack());
        assertStatus(results[0].task, TaskStatus.Settled);
        assertCalls(results[0].task, 1);
        (bytes32 leaf, uint64 until) = service.pendingResult(1);
        vm.assertEq(leaf, bytes32(0));
        vm.assertEq(until, 0);
    }

    function test_external_token_alone_certifies_nothing() public {
        Result[] memory results = only(createTask("a"));
        refuseSubmit(
            results,
            certify(results, vetoer),
            abi.encodeWithSelector(Policies.QuorumNotReached.selector, Token.Native, 103, 406, 6667)
        );
    }

    function test_pending_result_is_waved_through() public {
        Result[] memory results = suspended("a");
        vm.warp(START + 10);
        service.submit(results, certify(results).pack());
        assertStatus(results[0].task, TaskStatus.Settled);
        assertCalls(results[0].task, 1);
        (bytes32 leaf,) = service.pendingResult(1);
        vm.assertEq(leaf, bytes32(0));
        refuseSubmit(results, certify(results), nothing());
    }

    function test_pending_result_is_waved_through_after_its_deadline_and_window() public {
        Result[] memory results = suspended("a");
        vm.warp(START + 2 days);
        service.submit(results, certify(results).pack());
        assertCalls(results[0].task, 1);
    }

    function test_deadline_binds_the_first_certificate() public {
        Result[] memory results = only(createTask("a"));
        Certificate memory certificate = certify(results, certifiers);
        vm.warp(results[0].task.deadline + 1);
        refuseSubmit(results, certificate, nothing());
        vm.warp(results[0].task.deadline);
        service.submit(results, certificate.pack());
        assertStatus(results[0].task, TaskStatus.Pending);
    }

    /// @dev Else anyone could put vetoes and delivery off for ever.
    function test_certificate_again_does_not_prolong_the_window() public {
        Result[] memory results = suspended("a");
        vm.warp(START + 10);
        refuseSubmit(results, certify(results, certifiers), nothing());
        Result[] memory both_ = two(results[0], only(createTask("b"))[0]);
        Certificate memory certificate = certify(both_, certifiers);
        expectSkip(results[0].task, SkipReason.Waiting);
        service.submit(both_, certificate.pack());
        (, uint64 until) = service.pendingResult(1);
        vm.assertEq(until, START + VETO_SECONDS);
        (, until) = service.pendingResult(2);
        vm.assertEq(until, START + 10 + VETO_SECONDS);
    }

    function test_pending_result_is_never_replaced() public {
        Result[] memory results = suspended("a");
        bytes32 kept = leafOf(results[0]);
        results[0].payload = "another";
        refuseSubmit(results, certify(results, certifiers), nothing());
        refuseSubmit(results, certify(results), nothing());
        vm.warp(START + 2 days);
        refuseSubmit(results, certify(results), nothing());
        (bytes32 leaf,) = service.pendingResult(1);
        vm.assertEq(leaf, kept);
    }

    function test_other_result_of_a_pending_task_is_skipped_and_stops_no_other() public {
        Result[] memory results = suspended("a");
        results[0].component = sha256("another component");
        Result[] memory both_ = two(results[0], only(createTask("b"))[0]);
        Certificate memory certificate = certify(both_);
        expectSkip(results[0].task, SkipReason.Conflicting);
        service.submit(both_, certificate.pack());
        assertStatus(results[0].task, TaskStatus.Pending);
        assertCalls(results[0].task, 0);
        assertStatus(both_[0].task.number == 2 ? both_[0].task : both_[1].task, TaskStatus.Settled);
    }

    function test_final_certificate_delivers_pending_and_open_results_together() public {
        Result[] memory results = suspended("a");
        Result[] memory both_ = two(results[0], only(createTask("b"))[0]);
        service.submit(both_, certify(both_).pack());
        assertCalls(both_[0].task, 1);
        assertCalls(both_[1].task, 1);
    }

    function test_requirement_of_a_pending_task_still_binds() public {
        stake(operators[0].account, nativeStrategy, 10);
        nextEpoch();
        Result[] memory results = only(createTask("a", Requirement(7500, 0, 0)));
        suspend(results);
        // Operators 1 to 3 are enough for the policy, and for nobody to veto.
        refuseSubmit(
            results,
            certify(results, without(0)),
            abi.encodeWithSelector(Policies.QuorumNotReached.selector, Token.Native, 306, 416, 7500)
        );
    }

    function test_requirement_holds_for_pending_results() public {
        Result[] memory results = only(createTask("a", Requirement(0, 5000, 0)));
        refuseSubmit(
            results,
            certify(results, certifiers),
            abi.encodeWithSelector(Policies.QuorumNotReached.selector, Token.External, 2997, EXTERNAL, 5000)
        );
    }

    function test_vetoed_task_gets_no_other_result() public {
        Result[] memory results = suspended("a");
        stop(results[0]);
        refuseSubmit(results, certify(results), nothing());
        results[0].payload = "another";
        Result[] memory both_ = two(results[0], only(createTask("b"))[0]);
        Certificate memory certificate = certify(both_);
        expectSkip(results[0].task, SkipReason.Vetoed);
        service.submit(both_, certificate.pack());
        assertCalls(results[0].task, 0);
    }
}
