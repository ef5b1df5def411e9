// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.31;

import {ServiceFixture} from "../utils/ServiceFixture.sol";
import {ScoreBoard} from "../../src/handlers/ScoreBoard.sol";
import {IScoreBoard} from "../../src/interfaces/IScoreBoard.sol";
import {TaskId} from "../../src/types/Ids.sol";
import {Result, Task} from "../../src/types/Structs.sol";

contract ScoreBoardTest is ServiceFixture {
    string private constant GAME = "fa15684d-0966-46e7-a3f8-f1d378692109";
    string private constant SCORE =
        '{"id":"fa15684d-0966-46e7-a3f8-f1d378692109","home_team":"Boise State Broncos","away_team":"Nebraska Cornhuskers","home_score":69,"away_score":79,"status":"closed"}';

    ScoreBoard private board;

    function setUp() public override {
        super.setUp();
        board = new ScoreBoard(address(service));
        announce(keccak256("scores"), address(board));
        vm.roll(block.number + 1);
    }

    function deliver(Task memory task, string memory json) private {
        Result[] memory results = only(task);
        results[0].payload = bytes(json);
        service.submit(results, certify(results).pack());
    }

    function assertScore(string memory json, TaskId taskId, uint256 timestamp) private view {
        (string memory found, TaskId foundId, uint64 foundTime) = board.scoreOf(GAME);
        vm.assertEq(found, json);
        assertEq(foundId, taskId);
        vm.assertEq(foundTime, timestamp);
    }

    function test_only_the_service_may_write() public {
        Task memory task = createTask(bytes(GAME));
        TaskId id = idOf(task);
        vm.prank(anyone);
        vm.expectRevert(abi.encodeWithSelector(IScoreBoard.NotService.selector, anyone));
        board.onResult(id, task, bytes(SCORE));
    }

    function test_game_without_a_score_has_none() public view {
        assertScore("", TaskId.wrap(0), 0);
    }

    function test_verified_score_can_be_read() public {
        Task memory task = createTask(bytes(GAME));
        vm.warp(START + 30);
        vm.expectEmit(address(board));
        emit IScoreBoard.ScoreRecorded(keccak256(bytes(GAME)), idOf(task), SCORE);
        deliver(task, SCORE);
        assertScore(SCORE, idOf(task), START + 30);
    }

    function test_later_task_replaces_the_score() public {
        deliver(createTask(bytes(GAME)), SCORE);
        Task memory task = createTask(bytes(GAME));
        vm.warp(START + 60);
        deliver(task, "{}");
        assertScore("{}", idOf(task), START + 60);
    }

    function test_earlier_task_that_comes_late_changes_nothing() public {
        Task memory early = createTask(bytes(GAME));
        Task memory later = createTask(bytes(GAME));
        deliver(later, SCORE);
        vm.expectEmit(address(board));
        emit IScoreBoard.ScoreOutdated(keccak256(bytes(GAME)), idOf(early));
        deliver(early, "{}");
        assertScore(SCORE, idOf(later), START);
    }

    function test_games_are_apart() public {
        deliver(createTask("another game"), "{}");
        assertScore("", TaskId.wrap(0), 0);
    }
}
