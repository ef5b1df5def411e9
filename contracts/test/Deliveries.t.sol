// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.31;

import {Test} from "./utils/Test.sol";
import {ITaskHandler} from "../src/interfaces/ITaskHandler.sol";
import {Deliveries} from "../src/libraries/Deliveries.sol";
import {TaskId} from "../src/types/Ids.sol";
import {Task} from "../src/types/Structs.sol";

contract DeliveriesTest is Test {
    /// @dev On memory that is dirty, with memory taken behind it.
    function encode(TaskId id, Task calldata task, bytes calldata payload, uint256 dirt)
        external
        pure
        returns (bytes memory message, bytes memory behind)
    {
        assembly {
            let free := mload(0x40)
            for { let i := 0 } lt(i, add(payload.length, 0x400)) { i := add(i, 0x20) } { mstore(add(free, i), dirt) }
        }
        message = Deliveries.encode(id, task, payload);
        behind = abi.encode(dirt);
    }

    function testFuzz_call_equals_plain_solidity(TaskId id, Task calldata task, bytes calldata payload, uint256 dirt)
        public
        view
    {
        (bytes memory message, bytes memory behind) = this.encode(id, task, payload, dirt);
        vm.assertEq(message, abi.encodeCall(ITaskHandler.onResult, (id, task, payload)));
        vm.assertEq(behind, abi.encode(dirt));
    }
}
