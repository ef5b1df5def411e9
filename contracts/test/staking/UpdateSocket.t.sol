// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.31;

import {StakingFixture} from "../utils/StakingFixture.sol";
import {IRestakingManager} from "../../src/interfaces/IRestakingManager.sol";

contract UpdateSocketTest is StakingFixture {
    function test_only_an_operator_may() public {
        vm.prank(anyone);
        vm.expectRevert(abi.encodeWithSelector(IRestakingManager.NotAnOperator.selector, anyone));
        manager.updateSocket("host:1");
    }

    function test_long_socket_is_refused() public {
        register(operators[0]);
        vm.prank(operators[0].account);
        vm.expectRevert(abi.encodeWithSelector(IRestakingManager.SocketTooLong.selector, 300, 256));
        manager.updateSocket(string(new bytes(300)));
    }

    function test_new_socket_is_announced() public {
        register(operators[0]);
        vm.expectEmit(address(manager));
        emit IRestakingManager.SocketUpdated(operators[0].account, "operator.example:9001");
        vm.prank(operators[0].account);
        manager.updateSocket("operator.example:9001");
    }
}
