// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.31;

import {IScoreBoard} from "../interfaces/IScoreBoard.sol";
import {ITaskHandler} from "../interfaces/ITaskHandler.sol";
import {TaskId} from "../types/Ids.sol";
import {Task} from "../types/Structs.sol";

/// @title ScoreBoard
/// @notice Handler of the sports-scores service. Stores what it is given; whether the text is right, the quorum has
/// said.
contract ScoreBoard is IScoreBoard {
    struct Score {
        string json;
        TaskId taskId;
        uint64 taskNumber;
        uint64 timestamp;
    }

    /// @inheritdoc IScoreBoard
    address public immutable service;

    mapping(bytes32 game => Score) private _scores;

    constructor(address service_) {
        service = service_;
    }

    /// @inheritdoc ITaskHandler
    function onResult(TaskId taskId, Task calldata task, bytes calldata payload) external {
        if (msg.sender != service) revert NotService(msg.sender);
        Score storage score = _scores[task.inputHash];
        if (task.number < score.taskNumber) {
            emit ScoreOutdated(task.inputHash, taskId);
            return;
        }
        string memory json = string(payload);
        score.json = json;
        score.taskId = taskId;
        score.taskNumber = task.number;
        score.timestamp = uint64(block.timestamp);
        emit ScoreRecorded(task.inputHash, taskId, json);
    }

    /// @inheritdoc IScoreBoard
    function scoreOf(string calldata gameId)
        external
        view
        returns (string memory json, TaskId taskId, uint64 timestamp)
    {
        Score storage score = _scores[keccak256(bytes(gameId))];
        return (score.json, score.taskId, score.timestamp);
    }
}
