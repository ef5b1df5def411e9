// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.31;

import {RecordingHandler} from "./Fixture.sol";
import {ITaskHandler} from "../../src/interfaces/ITaskHandler.sol";
import {TaskId} from "../../src/types/Ids.sol";
import {Task} from "../../src/types/Structs.sol";

/// @notice Takes the result and does nothing.
contract EmptyHandler is ITaskHandler {
    function onResult(TaskId, Task calldata, bytes calldata) external {}
}

/// @notice Remembers with how much gas it was called.
contract MeasuringHandler is ITaskHandler {
    uint256 public gasGiven;

    function onResult(TaskId, Task calldata, bytes calldata) external {
        gasGiven = gasleft();
    }
}

/// @notice Fails in the way it is told to, for tasks with the given input only, or records.
contract FailingHandler is RecordingHandler {
    enum Way {
        None,
        Revert,
        BurnGas,
        ReturnBomb,
        RevertBomb
    }

    error Failed(TaskId taskId);

    Way public way;
    bytes32 public inputHash;

    function fail(Way way_, bytes32 inputHash_) external {
        (way, inputHash) = (way_, inputHash_);
    }

    function onResult(TaskId taskId, Task calldata task, bytes calldata payload) external override {
        calls[taskId]++;
        payloadHash[taskId] = keccak256(payload);
        if (task.inputHash != inputHash) return;
        if (way == Way.Revert) revert Failed(taskId);
        if (way == Way.BurnGas) assembly { invalid() }
        // As much memory as the gas buys, for the caller to copy if it is so kind.
        if (way == Way.ReturnBomb) assembly { return(0, 200000) }
        if (way == Way.RevertBomb) assembly { revert(0, 200000) }
    }
}

/// @notice Makes a call of its holder's choice when it is given a result.
contract CallingHandler is ITaskHandler {
    address private _target;
    bytes private _message;
    uint256 public calls;
    bool public succeeded;
    bytes public output;

    function set(address target, bytes calldata message) external {
        (_target, _message) = (target, message);
    }

    function onResult(TaskId, Task calldata, bytes calldata) external {
        calls++;
        (succeeded, output) = _target.call(_message);
    }
}
