// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.31;

import {Vm} from "./Vm.sol";
import {Epoch, TaskId} from "../../src/types/Ids.sol";

/// @notice What every test contract of these tests has.
abstract contract Test {
    Vm internal constant vm = Vm(address(uint160(uint256(keccak256("hevm cheat code")))));

    /// @dev forge asks for this flag of every test contract.
    bool public constant IS_TEST = true;

    function account(string memory name) internal returns (address result) {
        result = vm.addr(uint256(keccak256(bytes(name))));
        vm.label(result, name);
    }

    /// @notice `value` brought into [least, most].
    function bound(uint256 value, uint256 least, uint256 most) internal pure returns (uint256) {
        if (most - least == type(uint256).max) return value;
        return least + value % (most - least + 1);
    }

    /// @notice Runs the creation code of an artifact as if it were deployed at `where`.
    function deployTo(address where, string memory artifact, bytes memory arguments) internal {
        vm.etch(where, abi.encodePacked(vm.getCode(artifact), arguments));
        (bool ok, bytes memory code) = where.call("");
        vm.assertTrue(ok, "constructor failed");
        vm.etch(where, code);
    }

    function vectors(string memory name) internal view returns (string memory) {
        return vm.readFile(string.concat("../vectors/", name, ".json"));
    }

    function assertEq(TaskId a, TaskId b) internal pure {
        vm.assertEq(TaskId.unwrap(a), TaskId.unwrap(b));
    }

    function assertEq(Epoch a, Epoch b) internal pure {
        vm.assertEq(Epoch.unwrap(a), Epoch.unwrap(b));
    }
}
