// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.31;

import {AllocationFixture} from "./AllocationFixture.sol";
import {MembershipRules} from "../../../src/interfaces/IAllocationManager.sol";

/// @notice Gas of whole transactions: 21 000, calldata, execution on cold state, less refunds.
/// @dev Every call of these tests is a transaction of its own (isolate), and forge charges it as a chain would.
/// forge-config: default.isolate = true
/// forge-config: long.isolate = true
contract AllocationGasTest is AllocationFixture {
    function measureRows(uint256 count) private {
        setUpAllocations(count, 10_000, ALLOCATION_DELAY);
        registerService(address(service));
        serve(count);
        allocations.rows(address(service), accounts());
        vm.snapshotGasLastCall("allocations", string.concat("rows, ", vm.toString(count), " operators"));
    }

    function test_rows_100() public {
        measureRows(100);
    }

    function test_rows_200() public {
        measureRows(200);
    }

    function test_optIn() public {
        setUpAllocations(2, 10_000, ALLOCATION_DELAY);
        registerService(address(service));
        optIn(0, address(service), 10_000, 10_000);
        optIn(1, address(service), 10_000, 10_000);
        vm.snapshotGasLastCall("allocations", "optIn");
    }

    function test_optIn_into_a_full_service() public {
        setUpAllocations(101, 10_000, ALLOCATION_DELAY);
        registerService(address(service), terms(), MembershipRules(false, 100, MIN_NATIVE, MIN_EXTERNAL));
        serve(100);
        optIn(100, address(service), 10_000, 10_000, at(0));
        vm.snapshotGasLastCall("allocations", "optIn, replacing one of 100");
    }

    function test_slash() public {
        setUpAllocations(2, 10_000, ALLOCATION_DELAY);
        registerService(address(service));
        serve(2);
        slashBy(address(service), 0, 100, 100);
        uint64 id = requestSlash(1, address(service), 100, 100);
        vm.snapshotGasLastCall("allocations", "requestSlash");
        wait(VETO_SECONDS);
        allocations.executeSlash(id);
        vm.snapshotGasLastCall("allocations", "executeSlash");
    }
}
