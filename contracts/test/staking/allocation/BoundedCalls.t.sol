// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.31;

import {Test} from "../../utils/Test.sol";
import {BoundedCalls} from "../../../src/libraries/BoundedCalls.sol";

/// @notice Remembers the last call, and fails on demand.
contract Target {
    bytes public message;
    uint256 public gasGiven;

    fallback() external {
        gasGiven = gasleft();
        message = msg.data;
        if (msg.data.length % 2 == 1) revert();
    }
}

contract BoundedCallsTest is Test {
    Target private target = new Target();

    function tryCall(uint256 limit, bytes memory data) external returns (bool) {
        return BoundedCalls.tryCall(address(target), limit, data);
    }

    function testFuzz_call_is_the_one_that_solidity_makes(bytes memory data) public {
        vm.assume(data.length < 2_000);
        uint256 state = vm.snapshotState();
        (bool expected,) = address(target).call{gas: 5_000_000}(data);
        bytes memory seen = target.message();
        vm.revertToState(state);
        vm.assertTrue(this.tryCall(5_000_000, data) == expected);
        vm.assertEq(target.message(), seen);
    }

    function testFuzz_target_has_its_gas_or_there_is_no_call(uint256 limit, uint256 available) public {
        limit = bound(limit, 100_000, 2_000_000);
        available = bound(available, 50_000, 2_500_000);
        (bool ok, bytes memory output) =
            address(this).call{gas: available}(abi.encodeCall(this.tryCall, (limit, bytes("even"))));
        if (ok) {
            vm.assertGe(target.gasGiven(), limit - 200);
            vm.assertLe(target.gasGiven(), limit);
        } else {
            vm.assertEq(bytes32(bytes4(output)), bytes32(BoundedCalls.InsufficientGas.selector));
        }
    }

    /// @dev In a transaction of its own, where accounts are cold.
    /// forge-config: default.isolate = true
    /// forge-config: long.isolate = true
    function test_target_has_all_its_gas_when_there_is_least() public {
        this.tryCall(1_000_000, "even");
        uint256 full = target.gasGiven();
        bytes memory message = abi.encodeCall(this.tryCall, (1_000_000, bytes("even")));
        (bool ok, bytes memory output) = address(this).call{gas: 900_000}(message);
        vm.assertFalse(ok);
        uint256 missing;
        // needed - available, behind the selector.
        assembly ("memory-safe") {
            missing := sub(mload(add(output, 0x44)), mload(add(output, 0x24)))
        }
        (ok,) = address(this).call{gas: 900_000 + missing}(message);
        vm.assertTrue(ok);
        vm.assertEq(target.gasGiven(), full);
    }

    function test_account_without_code_takes_every_call() public {
        vm.assertTrue(BoundedCalls.tryCall(address(0xabc), 1_000, ""));
    }
}
