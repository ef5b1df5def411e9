// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.31;

/// @notice Identifies a task: the EIP-712 digest of what its ServiceManager recorded, or of what fired (see
/// `Firings.identify`).
type TaskId is bytes32;

/// @notice Number of an operator table of one service, from 1.
type Epoch is uint32;

using {equals as ==, differs as !=, isAbove as >} for TaskId global;

function equals(TaskId a, TaskId b) pure returns (bool) {
    return TaskId.unwrap(a) == TaskId.unwrap(b);
}

function differs(TaskId a, TaskId b) pure returns (bool) {
    return TaskId.unwrap(a) != TaskId.unwrap(b);
}

function isAbove(TaskId a, TaskId b) pure returns (bool) {
    return TaskId.unwrap(a) > TaskId.unwrap(b);
}
