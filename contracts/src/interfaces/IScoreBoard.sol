// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.31;

import {ITaskHandler} from "./ITaskHandler.sol";
import {TaskId} from "../types/Ids.sol";

/// @title IScoreBoard
/// @notice The verified scores of games, for anyone to read.
interface IScoreBoard is ITaskHandler {
    /// @notice The caller is not the service whose results are shown here.
    error NotService(address caller);

    /// @notice A score was written. `game` is keccak256 of the game's id.
    event ScoreRecorded(bytes32 indexed game, TaskId indexed taskId, string json);
    /// @notice A result came after that of a later task for the same game, and was left out.
    event ScoreOutdated(bytes32 indexed game, TaskId indexed taskId);

    /// @notice ServiceManager whose results are shown here.
    function service() external view returns (address);

    /// @notice Latest verified score of a game, by its id as it was asked for.
    /// @return json The component's output; empty when there is none yet.
    /// @return taskId Task that it answers.
    /// @return timestamp Block time of its delivery.
    function scoreOf(string calldata gameId) external view returns (string memory json, TaskId taskId, uint64 timestamp);
}
