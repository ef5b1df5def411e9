// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.31;

import {Test} from "./utils/Test.sol";
import {Vm} from "./utils/Vm.sol";
import {IServiceManager} from "../src/interfaces/IServiceManager.sol";
import {Digests} from "../src/libraries/Digests.sol";
import {Firings} from "../src/libraries/Firings.sol";
import {TaskId} from "../src/types/Ids.sol";
import {Task} from "../src/types/Structs.sol";

contract FiringsTest is Test {
    function identify(bytes32 domain, Task calldata task) external pure returns (TaskId, uint256, bytes32) {
        return Firings.identify(domain, task);
    }

    function place(uint256 key, Task calldata task) external pure returns (bytes32, uint256) {
        return Firings.place(key, task);
    }

    function announce(TaskId taskId, Task calldata task) external {
        Firings.announce(taskId, task);
    }

    function testFuzz_requests_are_known_by_their_number(bytes32 domain, Task memory task) public view {
        task.number = uint64(bound(task.number, 1, Firings.FIRST - 1));
        (TaskId id, uint256 key, bytes32 digest) = this.identify(domain, task);
        assertEq(id, Digests.taskId(domain, task));
        vm.assertEq(digest, TaskId.unwrap(id));
        vm.assertEq(key, task.number);
        vm.assertTrue(!Firings.isFiring(key));
    }

    function testFuzz_firings_are_known_by_what_fired(bytes32 domain, Task memory task, bool ordered) public view {
        task.number = ordered ? uint64(bound(task.number, Firings.FIRST, type(uint64).max)) : 0;
        (TaskId id, uint256 key, bytes32 digest) = this.identify(domain, task);
        assertEq(id, Digests.firedId(domain, task.workflow, task.inputHash));
        vm.assertEq(digest, TaskId.unwrap(Digests.taskId(domain, task)));
        vm.assertEq(key, uint256(TaskId.unwrap(id)));
        vm.assertTrue(Firings.isFiring(key));
    }

    /// @dev One bit each, in words that belong to one workflow of one manifest.
    function testFuzz_ordinals_of_one_workflow_have_bits_of_their_own(Task memory task, uint64 a, uint64 b)
        public
        view
    {
        (a, b) = (Firings.FIRST | a, Firings.FIRST | b);
        task.number = a;
        (bytes32 wordOfA, uint256 bitOfA) = this.place(1, task);
        vm.assertEq(bitOfA, 1 << (a % 256));
        task.number = b;
        (bytes32 wordOfB, uint256 bitOfB) = this.place(2, task);
        vm.assertTrue((wordOfA == wordOfB && bitOfA == bitOfB) == (a == b));
        task.workflow = ~task.workflow;
        (bytes32 elsewhere,) = this.place(2, task);
        vm.assertTrue(elsewhere != wordOfB);
    }

    function testFuzz_firing_without_ordinal_has_a_word_of_its_own(Task memory task, uint256 key) public view {
        task.number = 0;
        (bytes32 word, uint256 bit) = this.place(key, task);
        vm.assertEq(uint256(word), key);
        vm.assertEq(bit, 1);
    }

    function testFuzz_announcement_equals_plain_solidity(TaskId taskId, Task calldata task) public {
        vm.recordLogs();
        this.announce(taskId, task);
        emit IServiceManager.TaskFired(taskId, task);
        Vm.Log[] memory logs = vm.getRecordedLogs();
        vm.assertEq(logs[0].data, logs[1].data);
        vm.assertEq(abi.encode(logs[0].topics), abi.encode(logs[1].topics));
    }
}
