// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.31;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {Test} from "./utils/Test.sol";
import {SlashFactors} from "../src/libraries/SlashFactors.sol";

contract SlashFactorsTest is Test {
    uint256 private constant MOST_SHARES = 1 << 98;
    uint96 private constant LEAST_FACTOR = 1e18;

    function test_without_slashing_shares_are_scaled_stake() public pure {
        vm.assertEq(SlashFactors.toShares(12_345, SlashFactors.ONE), 12_345);
        vm.assertEq(SlashFactors.toSharesUp(12_345, SlashFactors.ONE), 12_345);
        vm.assertEq(SlashFactors.toScaled(12_345, SlashFactors.ONE), 12_345);
        vm.assertEq(SlashFactors.toScaledUp(12_345, SlashFactors.ONE), 12_345);
    }

    function test_largest_stake_fits() public pure {
        uint256 scaled = SlashFactors.toScaledUp(MOST_SHARES, LEAST_FACTOR);
        vm.assertLe(scaled, type(uint128).max);
        vm.assertEq(SlashFactors.toShares(scaled, LEAST_FACTOR), MOST_SHARES);
        vm.assertEq(SlashFactors.toShares(1 << 129, SlashFactors.ONE), 1 << 129);
    }

    function testFuzz_equals_exact_division(uint128 scaled, uint96 factor) public pure {
        factor = uint96(bound(factor, 0, SlashFactors.ONE));
        vm.assertEq(SlashFactors.toShares(scaled, factor), Math.mulDiv(scaled, factor, 1e27));
        vm.assertEq(SlashFactors.toSharesUp(scaled, factor), Math.mulDiv(scaled, factor, 1e27, Math.Rounding.Ceil));
    }

    function testFuzz_shares_that_come_in_are_never_worth_more(uint256 shares, uint96 factor) public pure {
        shares = bound(shares, 0, MOST_SHARES);
        factor = uint96(bound(factor, LEAST_FACTOR, SlashFactors.ONE));
        uint256 worth = SlashFactors.toShares(SlashFactors.toScaled(shares, factor), factor);
        vm.assertLe(worth, shares);
        vm.assertLe(shares, worth + 1);
    }

    function testFuzz_shares_that_leave_are_worth_what_was_asked_for(uint256 shares, uint96 factor) public pure {
        shares = bound(shares, 0, MOST_SHARES);
        factor = uint96(bound(factor, 1, SlashFactors.ONE));
        vm.assertEq(SlashFactors.toShares(SlashFactors.toScaledUp(shares, factor), factor), shares);
    }
}
