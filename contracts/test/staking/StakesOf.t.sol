// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.31;

import {StakingTest} from "../utils/StakingFixture.sol";

contract StakesOfTest is StakingTest {
    function setUp() public override {
        super.setUp();
        for (uint256 i = 0; i < 3; i++) {
            register(operators[i]);
            stake(operators[i].account, nativeStrategy, 10 ** (i + 2));
        }
        queue(operators[1].account, nativeStrategy, 400);
        slash(operators[2].account, nativeStrategy, 2500, recipient);
    }

    function test_stake_and_factor_are_told_in_the_order_asked() public view {
        (uint128[] memory scaled, uint96[] memory factors) = manager.stakesOf(accounts(), address(nativeStrategy));
        vm.assertEq(scaled.length, 3);
        vm.assertEq(factors.length, 3);
        vm.assertEq(scaled[0], 100);
        vm.assertEq(scaled[1], 600);
        vm.assertEq(scaled[2], 10_000);
        vm.assertEq(factors[0], 1e27);
        vm.assertEq(factors[1], 1e27);
        vm.assertEq(factors[2], 75e25);
    }

    function test_one_slot_is_read_per_operator() public {
        address[] memory list = accounts();
        vm.record();
        manager.stakesOf(list, address(nativeStrategy));
        (bytes32[] memory reads,) = vm.accesses(address(manager));
        vm.assertEq(reads.length, 3);
    }
}
