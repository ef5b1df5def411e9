// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.31;

import {Test} from "../../utils/Test.sol";
import {Allocation} from "../../../src/interfaces/IAllocationManager.sol";
import {Exposure, Exposures} from "../../../src/libraries/Exposures.sol";

contract ExposuresTest is Test {
    using Exposures for Allocation;

    Exposure private constant EMPTY = Exposure.wrap(0);

    function assertSame(Allocation memory a, Allocation memory b) private pure {
        vm.assertEq(keccak256(abi.encode(a)), keccak256(abi.encode(b)));
    }

    function test_empty_word_is_nothing() public pure {
        assertSame(EMPTY.at(0), Allocation(0, 0, 0));
        vm.assertFalse(EMPTY.serves());
        vm.assertFalse(EMPTY.approved());
        vm.assertEq(EMPTY.encumbered(type(uint256).max), 0);
    }

    function testFuzz_word_keeps_all_fields(Allocation memory a, bool serves, bool approved, uint256 before)
        public
        pure
    {
        Exposure word = Exposure.wrap(before).with(a).withServes(serves).withApproved(approved);
        vm.assertTrue(word.serves() == serves);
        vm.assertTrue(word.approved() == approved);
        if (a.effectiveAt == 0) assertSame(word.at(type(uint256).max), a);
        else assertSame(word.at(a.effectiveAt - 1), a);
        vm.assertEq(Exposure.unwrap(word) >> 242, before >> 242);
    }

    function testFuzz_what_is_due_has_taken_its_place(Allocation memory a, uint48 time) public pure {
        Exposure word = EMPTY.with(a);
        bool due = a.effectiveAt != 0 && time >= a.effectiveAt;
        vm.assertTrue(word.isDue(time) == due);
        assertSame(word.at(time), due ? Allocation(a.pending, 0, 0) : a);
        vm.assertEq(word.slashable(time), due ? a.pending : a.current);
        vm.assertEq(word.target(), a.effectiveAt == 0 ? a.current : a.pending);
    }

    function testFuzz_weight_is_the_lesser_and_encumbrance_the_greater(Allocation memory a, uint48 time) public pure {
        Exposure word = EMPTY.with(a);
        (uint256 slashable, uint256 target) = (word.slashable(time), word.target());
        vm.assertEq(word.weight(time), slashable < target ? slashable : target);
        vm.assertEq(word.encumbered(time), slashable > target ? slashable : target);
    }

    function testFuzz_weight_is_always_slashable(Allocation memory a, uint48 time) public pure {
        Exposure word = EMPTY.with(a);
        vm.assertLe(word.weight(time), word.slashable(time));
        vm.assertLe(word.slashable(time), word.encumbered(time));
    }

    /// @dev What keeps sums under a cap of 100 %: the encumbrance falls by no less than what is taken.
    function testFuzz_slash_takes_as_much_from_the_greater_of_the_two(Allocation memory a, uint256 bps) public pure {
        bps = bound(bps, 0, 10_000);
        Allocation memory left = a.slashed(bps);
        uint256 taken = a.current - left.current;
        (uint256 before, uint256 afterwards) = (max(a.current, a.pending), max(left.current, left.pending));
        vm.assertGe(before - afterwards, taken);
        vm.assertEq(taken, (uint256(a.current) * bps + 9_999) / 10_000);
        if (a.pending <= a.current) vm.assertLe(left.pending, left.current);
    }

    function testFuzz_scaled_and_capped_round_down(
        Allocation memory a,
        uint96 numerator,
        uint96 denominator,
        uint96 limit
    ) public pure {
        denominator = uint96(bound(denominator, 1, type(uint96).max));
        numerator = uint96(bound(numerator, 0, denominator));
        Allocation memory left = a.scaled(numerator, denominator);
        vm.assertEq(left.current, uint256(a.current) * numerator / denominator);
        vm.assertEq(left.pending, uint256(a.pending) * numerator / denominator);
        left = left.capped(limit);
        vm.assertLe(max(left.current, left.pending), limit);
        bool nothing = left.current == 0 && left.pending == 0;
        vm.assertEq(left.effectiveAt, nothing ? 0 : a.effectiveAt);
    }

    function max(uint256 a, uint256 b) private pure returns (uint256) {
        return a > b ? a : b;
    }
}
