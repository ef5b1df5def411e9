// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.31;

import {ITaskHandler} from "../interfaces/ITaskHandler.sol";
import {TaskId} from "../types/Ids.sol";
import {Task} from "../types/Structs.sol";

/// @title Deliveries
/// @notice The call that hands a result to its handler.
library Deliveries {
    /// @notice abi.encodeCall(ITaskHandler.onResult, (id, task, payload)).
    /// @dev Copies the task's words as they came: its id must have been recomputed from them and recognised.
    function encode(TaskId id, Task calldata task, bytes calldata payload)
        internal
        pure
        returns (bytes memory message)
    {
        bytes4 selector = ITaskHandler.onResult.selector;
        // return abi.encodeCall(ITaskHandler.onResult, (id, task, payload));
        assembly ("memory-safe") {
            message := mload(0x40)
            // Selector, then the head: id (0x20), task (0x140), offset of the payload (0x20), then its length and
            // bytes, padded.
            let args := add(message, 0x24)
            let padded := and(add(payload.length, 0x1f), not(0x1f))
            mstore(message, add(0x1a4, padded))
            mstore(add(message, 0x20), selector)
            mstore(args, id)
            calldatacopy(add(args, 0x20), task, 0x140)
            mstore(add(args, 0x160), 0x180)
            mstore(add(args, 0x180), payload.length)
            // Zeros first: the payload may end within its last word.
            mstore(add(args, add(0x180, padded)), 0)
            calldatacopy(add(args, 0x1a0), payload.offset, payload.length)
            mstore(0x40, and(add(add(args, add(0x1a0, padded)), 0x1f), not(0x1f)))
        }
    }
}
