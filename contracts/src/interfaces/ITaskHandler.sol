// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.31;

import {TaskId} from "../types/Ids.sol";
import {Task} from "../types/Structs.sol";

/// @title ITaskHandler
/// @notice Receives verified results of the workflows that a manifest names it for.
/// @dev Warning: must check that the caller is the ServiceManager it trusts; anyone can call it with anything.
///
/// @dev Warning: called with the service's handler gas. When it reverts or runs out of that, the result counts as
/// delivered but is kept, and anyone may have it handled later, with any gas, by `redeliver`.
interface ITaskHandler {
    /// @notice A result that reached its quorum. Called at most once successfully per task.
    /// @param taskId Identifies the task.
    /// @param task What was asked.
    /// @param payload What the service's component answered.
    function onResult(TaskId taskId, Task calldata task, bytes calldata payload) external;
}
