// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.31;

import {StakingTest} from "../utils/StakingFixture.sol";
import {IOperatorRegistry} from "../../src/interfaces/IOperatorRegistry.sol";

contract UpdateMetadataTest is StakingTest {
    function test_only_an_operator_may() public {
        vm.prank(anyone);
        vm.expectRevert(abi.encodeWithSelector(IOperatorRegistry.NotAnOperator.selector, anyone));
        registry.updateMetadata("ipfs://it");
    }

    function test_long_uri_is_refused() public {
        register(operators[0]);
        vm.prank(operators[0].account);
        vm.expectRevert(abi.encodeWithSelector(IOperatorRegistry.MetadataTooLong.selector, 257, 256));
        registry.updateMetadata(string(new bytes(257)));
    }

    function test_new_uri_is_announced() public {
        register(operators[0]);
        vm.expectEmit(address(registry));
        emit IOperatorRegistry.MetadataUpdated(operators[0].account, "ipfs://it");
        vm.prank(operators[0].account);
        registry.updateMetadata("ipfs://it");
    }
}
