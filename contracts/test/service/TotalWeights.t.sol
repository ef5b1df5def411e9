// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.31;

import {ITableKeeper} from "../../src/interfaces/ITableKeeper.sol";
import {ServiceFixture} from "../utils/ServiceFixture.sol";
import {ServiceManager} from "../../src/ServiceManager.sol";
import {IServiceManager} from "../../src/interfaces/IServiceManager.sol";

contract TotalWeightsTest is ServiceFixture {
    function test_totals_are_those_of_the_latest_table() public {
        stake(operators[0].account, nativeStrategy, 1000);
        (uint96 native, uint96 ext) = service.totalWeights();
        vm.assertEq(native, 406);
        vm.assertEq(ext, 3994);
        nextEpoch();
        (native, ext) = service.totalWeights();
        vm.assertEq(native, 1406);
        vm.assertEq(ext, 3994);
    }

    function test_service_without_a_table_has_none() public {
        ServiceManager bare = new ServiceManager(config(both(1, 1)));
        vm.expectRevert(abi.encodeWithSelector(ITableKeeper.UnknownEpoch.selector, 0));
        bare.totalWeights();
    }
}
