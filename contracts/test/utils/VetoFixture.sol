// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.31;

import {Certificate} from "./Packed.sol";
import {Fixture} from "./Fixture.sol";
import {IServiceManager, SkipReason, TaskStatus} from "../../src/interfaces/IServiceManager.sol";
import {Result, Task} from "../../src/types/Structs.sol";

/// @notice A service with the policy `Veto`. Operators 0 to 2 hold three quarters of the native token, operator 3 almost
/// all of the external one: they certify, it vetoes or waves through.
abstract contract VetoFixture is Fixture {
    uint32 internal constant VETO_SECONDS = 1 days;
    uint96 internal constant EXTERNAL = 1_003_994;

    uint256[] internal certifiers;
    uint256[] internal vetoer;

    function setUp() public virtual {
        setUpService(4, vetoable(6667, 3334, VETO_SECONDS));
        stake(operators[3].account, externalStrategy, 1_000_000);
        nextEpoch();
        certifiers.push(7);
        vetoer.push(8);
    }

    function suspend(Result[] memory results) internal {
        service.submit(results, certify(results, certifiers).pack());
    }

    /// @notice A task whose result waits for vetoes.
    function suspended(bytes memory input) internal returns (Result[] memory results) {
        results = only(createTask(input));
        suspend(results);
    }

    function stop(Result memory result) internal {
        service.veto(result.task.number, vetoOf(leafOf(result), vetoer).pack());
    }

    function assertStatus(Task memory task, TaskStatus expected) internal view {
        (TaskStatus status,) = service.taskStatus(task.number);
        vm.assertEq(uint256(status), uint256(expected));
    }

    function assertCalls(Task memory task, uint256 expected) internal view {
        vm.assertEq(handler.calls(idOf(task)), expected);
    }

    function expectSkip(Task memory task, SkipReason reason) internal {
        vm.expectEmit(address(service));
        emit IServiceManager.TaskSkipped(idOf(task), reason);
    }

    function refuseSubmit(Result[] memory results, Certificate memory certificate, bytes memory reason) internal {
        vm.expectRevert(reason);
        service.submit(results, certificate.pack());
    }

    function nothing() internal pure returns (bytes memory) {
        return abi.encodeWithSelector(IServiceManager.NothingToDeliver.selector);
    }
}
