// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.31;

import {StakingTest} from "../utils/StakingFixture.sol";
import {IOperatorRegistry} from "../../src/interfaces/IOperatorRegistry.sol";

contract UpdateSocketTest is StakingTest {
    function test_only_an_operator_may() public {
        vm.prank(anyone);
        vm.expectRevert(abi.encodeWithSelector(IOperatorRegistry.NotAnOperator.selector, anyone));
        registry.updateSocket("host:1");
    }

    function test_long_socket_is_refused() public {
        register(operators[0]);
        vm.prank(operators[0].account);
        vm.expectRevert(abi.encodeWithSelector(IOperatorRegistry.SocketTooLong.selector, 300, 256));
        registry.updateSocket(string(new bytes(300)));
    }

    function test_new_socket_is_announced() public {
        register(operators[0]);
        vm.expectEmit(address(registry));
        emit IOperatorRegistry.SocketUpdated(operators[0].account, "operator.example:9001");
        vm.prank(operators[0].account);
        registry.updateSocket("operator.example:9001");
    }
}
