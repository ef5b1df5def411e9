// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.31;

import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";
import {ServiceFixture} from "../utils/ServiceFixture.sol";
import {IServiceManager} from "../../src/interfaces/IServiceManager.sol";

contract RenounceOwnershipTest is ServiceFixture {
    function test_ownership_is_not_renounced() public {
        vm.prank(owner);
        vm.expectRevert(IServiceManager.OwnershipNotRenounceable.selector);
        service.renounceOwnership();
        vm.prank(anyone);
        vm.expectRevert(abi.encodeWithSelector(Ownable.OwnableUnauthorizedAccount.selector, anyone));
        service.renounceOwnership();
        vm.assertEq(service.owner(), owner);
    }

    function test_ownership_moves_in_two_steps() public {
        vm.prank(owner);
        service.transferOwnership(anyone);
        vm.assertEq(service.owner(), owner);
        vm.prank(anyone);
        service.acceptOwnership();
        vm.assertEq(service.owner(), anyone);
    }
}
