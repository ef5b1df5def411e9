// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.31;

import {AllocationTest} from "./AllocationFixture.sol";
import {MembershipRules} from "../../../src/interfaces/IAllocationManager.sol";
import {IStakeSource} from "../../../src/interfaces/IStakeSource.sol";
import {SharePrices} from "../../../src/libraries/SharePrices.sol";
import {Strategy} from "../../../src/staking/Strategy.sol";
import {Row} from "../../../src/libraries/OperatorTables.sol";

contract RowsTest is AllocationTest {
    function list(uint256 a, uint256 b) private view returns (address[] memory result) {
        result = new address[](2);
        (result[0], result[1]) = (at(a), at(b));
    }

    function test_rows_hold_keys_and_weights_in_the_order_asked() public {
        serve(3);
        allocate(2, address(service), 5_000, 2_500);
        Row[] memory rows = allocations.rows(address(service), list(2, 0));
        vm.assertEq(rows.length, 2);
        vm.assertEq(
            keccak256(abi.encode(rows[0])),
            keccak256(abi.encode(Row(operators[2].g1, uint96(NATIVE_STAKE * 3 / 2), uint96(EXTERNAL_STAKE * 3 / 4))))
        );
        vm.assertEq(
            keccak256(abi.encode(rows[1])),
            keccak256(abi.encode(Row(operators[0].g1, uint96(NATIVE_STAKE), uint96(EXTERNAL_STAKE))))
        );
    }

    function test_no_operators_have_no_rows() public view {
        vm.assertEq(allocations.rows(address(service), new address[](0)).length, 0);
    }

    function test_operator_that_does_not_serve_is_refused() public {
        serve(1);
        vm.expectRevert(abi.encodeWithSelector(IStakeSource.NotOptedIn.selector, at(1), address(service)));
        allocations.rows(address(service), list(0, 1));
    }

    function test_operator_that_left_is_refused() public {
        serve(2);
        optOut(1, address(service));
        vm.expectRevert(abi.encodeWithSelector(IStakeSource.NotOptedIn.selector, at(1), address(service)));
        allocations.rows(address(service), list(0, 1));
    }

    function test_unknown_service_has_no_operators() public {
        serve(2);
        vm.expectRevert(abi.encodeWithSelector(IStakeSource.NotOptedIn.selector, at(0), address(other)));
        allocations.rows(address(other), list(0, 1));
    }

    function test_operator_below_a_minimum_has_no_weight_in_either_token() public {
        serve(2);
        setRules(MembershipRules(false, 1_000, 0, uint96(EXTERNAL_STAKE) + 1));
        Row[] memory rows = allocations.rows(address(service), list(0, 1));
        vm.assertEq(keccak256(abi.encode(rows[0])), keccak256(abi.encode(Row(operators[0].g1, uint96(0), uint96(0)))));
        vm.assertEq(rows[1].nativeWeight, 2 * NATIVE_STAKE);
    }

    function test_minimum_itself_is_enough() public {
        serve(1);
        setRules(MembershipRules(false, 1_000, uint96(NATIVE_STAKE), uint96(EXTERNAL_STAKE)));
        assertWeights(0, address(service), NATIVE_STAKE, EXTERNAL_STAKE);
        setRules(MembershipRules(false, 1_000, uint96(NATIVE_STAKE) + 1, uint96(EXTERNAL_STAKE)));
        assertWeights(0, address(service), 0, 0);
    }

    function test_shares_are_weighed_in_tokens() public {
        serve(2);
        // A fifth more tokens behind every share, less what falls to the virtual ones.
        nativeToken.mint(address(nativeStrategy), nativeStrategy.totalAssets() / 5);
        uint256 worth = nativeStrategy.toAssets(NATIVE_STAKE);
        vm.assertGe(worth, NATIVE_STAKE * 1199 / 1000);
        assertWeights(0, address(service), worth, EXTERNAL_STAKE);
        assertSlashable(0, address(service), worth, EXTERNAL_STAKE);
    }

    function test_queued_stake_has_no_weight() public {
        serve(1);
        queue(at(0), nativeStrategy, 400_000);
        assertWeights(0, address(service), 600_000, EXTERNAL_STAKE);
        assertSlashable(0, address(service), 600_000, EXTERNAL_STAKE);
    }

    function test_who_does_not_serve_has_no_weight() public view {
        assertWeights(0, address(service), 0, 0);
        assertWeights(0, address(other), 0, 0);
        vm.assertEq(allocations.allocationOf(at(0), address(service), address(0)).current, 0);
        vm.assertEq(allocations.allocationOf(at(0), address(other), address(0)).current, 0);
    }

    /// @dev The price that is read once for all operators says of each what the strategy says.
    function testFuzz_price_is_the_strategys(uint96 staked, uint96 donated, uint96 lost, uint96 asked) public {
        stake(at(0), nativeStrategy, bound(staked, 1, 1e28));
        nativeToken.mint(address(nativeStrategy), donated % 1e28);
        uint256 held = nativeToken.balanceOf(address(nativeStrategy));
        vm.prank(address(nativeStrategy));
        nativeToken.transfer(anyone, lost % held);
        uint256 shares = bound(asked, 0, nativeStrategy.totalShares());
        vm.assertEq(SharePrices.priceOf(nativeStrategy).toAssets(shares), nativeStrategy.toAssets(shares));
    }

    function test_price_of_an_empty_strategy_is_one() public {
        Strategy empty = new Strategy(nativeToken, address(manager), 10_000);
        vm.assertEq(SharePrices.priceOf(empty).toAssets(77), 77);
        vm.assertEq(empty.toAssets(77), 77);
    }

    /// @dev The weight is the allocated part of the scaled stake, rounded down, at any time after any change.
    function testFuzz_weight_is_the_allocated_stake(uint96 staked, uint16 bps, uint16 next, uint32 time) public {
        stake(at(0), nativeStrategy, bound(staked, 1, 1e28));
        setRules(MembershipRules(false, 1_000, 0, 0));
        optIn(0, address(service), uint16(bound(bps, 0, 10_000)), 10_000);
        wait(ALLOCATION_DELAY);
        uint256 current = native(0, address(service)).current;
        allocate(0, address(service), uint16(bound(next, 0, 10_000)), 10_000);
        uint256 pending = WHOLE * bound(next, 0, 10_000) / 10_000;
        time = uint32(bound(time, 0, 20 days));
        uint256 delay = pending > current ? ALLOCATION_DELAY : WITHDRAWAL_DELAY;
        wait(time);
        uint256 magnitude = pending < current || time >= delay ? pending : current;
        uint256 scaled = manager.scaledOf(at(0), address(nativeStrategy));
        assertWeights(0, address(service), nativeStrategy.toAssets(scaled * magnitude / WHOLE), EXTERNAL_STAKE);
    }
}
