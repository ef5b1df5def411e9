// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.31;

import {Digests} from "./Digests.sol";
import {IServiceManager} from "../interfaces/IServiceManager.sol";
import {TaskId} from "../types/Ids.sol";
import {Task} from "../types/Structs.sol";

/// @title Firings
/// @notice Tells tasks that a workflow's own trigger fired from those that were asked for, and where a ServiceManager keeps
/// what became of them.
/// @dev A firing has no record on chain before its result comes. Its number says how it is remembered:
///
/// | number | firing |
/// |---|---|
/// | 0 | of a kind without an order: a log, a call |
/// | 1 to 2^63 − 1 | none: a task that was asked for |
/// | 2^63 + n | of second n, or of block n |
///
/// The **key** of a task is its number when it was asked for, and its id, a hash, when it was fired.
library Firings {
    /// @notice The number of a firing with ordinal 0.
    uint64 internal constant FIRST = 1 << 63;

    /// @notice A task's id, the key of its state, and its digest, which is the id of a task that was asked for.
    function identify(bytes32 domain, Task calldata task)
        internal
        pure
        returns (TaskId id, uint256 key, bytes32 digest)
    {
        digest = Digests.taskDigest(domain, task);
        key = task.number;
        if (key != 0 && key < FIRST) return (TaskId.wrap(digest), key, digest);
        id = Digests.firedId(domain, task.workflow, task.inputHash);
        key = uint256(TaskId.unwrap(id));
    }

    /// @notice Whether the key is that of a firing.
    function isFiring(uint256 key) internal pure returns (bool) {
        return key > type(uint64).max;
    }

    /// @notice The bit that says whether a firing was delivered. Firings with ordinals share words: a schedule that fires every
    /// second begins a new one every 256 seconds.
    /// @dev Two firings of one manifest's workflow have one ordinal only if operators have signed what its trigger never fires.
    function place(uint256 key, Task calldata task) internal pure returns (bytes32 word, uint256 bit) {
        uint256 number = task.number;
        if (number == 0) return (bytes32(key), 1);
        return (keccak256(abi.encode(task.manifest, task.workflow, number >> 8)), 1 << (number & 0xff));
    }

    /// @notice Emits `TaskFired`.
    /// @dev Copies the task's words as they came: its digest must be under a certificate.
    function announce(TaskId taskId, Task calldata task) internal {
        bytes32 topic = IServiceManager.TaskFired.selector;
        // emit IServiceManager.TaskFired(taskId, task);
        assembly ("memory-safe") {
            let words := mload(0x40)
            calldatacopy(words, task, 0x140)
            log2(words, 0x140, topic, taskId)
        }
    }
}
