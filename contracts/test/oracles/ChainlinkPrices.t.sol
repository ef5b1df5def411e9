// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.31;

import {ScriptedFeed} from "../utils/Feeds.sol";
import {RudeOracle} from "../utils/Oracles.sol";
import {Test} from "../utils/Test.sol";
import {IAggregatorV3} from "../../src/interfaces/IPriceSource.sol";
import {ChainlinkPrices, Feed} from "../../src/oracles/ChainlinkPrices.sol";

contract ChainlinkPricesTest is Test {
    uint256 private constant NOW = 1_800_000_000;

    ScriptedFeed private native;
    ScriptedFeed private ext;
    ChainlinkPrices private source;

    function setUp() public {
        vm.warp(NOW);
        native = new ScriptedFeed(8);
        ext = new ScriptedFeed(8);
        native.answer(2e8);
        ext.answer(3000e8);
        source = deploy(18, 18);
    }

    function deploy(uint8 nativeDecimals, uint8 externalDecimals) private returns (ChainlinkPrices) {
        return new ChainlinkPrices(Feed(native, nativeDecimals, 3600), Feed(ext, externalDecimals, 86_400));
    }

    function expect(uint256 nativePrice, uint256 externalPrice) private view {
        (uint128 n, uint128 e) = source.prices();
        vm.assertEq(n, nativePrice);
        vm.assertEq(e, externalPrice);
    }

    // Set-up

    function test_feed_without_code_is_refused() public {
        vm.expectRevert(abi.encodeWithSelector(ChainlinkPrices.FeedWithoutCode.selector, address(7)));
        new ChainlinkPrices(Feed(IAggregatorV3(address(7)), 18, 1), Feed(ext, 18, 1));
        vm.expectRevert(abi.encodeWithSelector(ChainlinkPrices.FeedWithoutCode.selector, address(8)));
        new ChainlinkPrices(Feed(native, 18, 1), Feed(IAggregatorV3(address(8)), 18, 1));
    }

    function test_answers_must_be_allowed_some_age() public {
        vm.expectRevert(abi.encodeWithSelector(ChainlinkPrices.InvalidMaxAge.selector, address(native)));
        new ChainlinkPrices(Feed(native, 18, 0), Feed(ext, 18, 1));
        vm.expectRevert(abi.encodeWithSelector(ChainlinkPrices.InvalidMaxAge.selector, address(ext)));
        new ChainlinkPrices(Feed(native, 18, 1), Feed(ext, 18, 0));
    }

    function test_decimals_too_far_apart_are_refused() public {
        vm.expectRevert(abi.encodeWithSelector(ChainlinkPrices.DecimalsTooFarApart.selector, 13, 26, 12));
        deploy(5, 18);
        vm.expectRevert(abi.encodeWithSelector(ChainlinkPrices.DecimalsTooFarApart.selector, 13, 26, 12));
        deploy(18, 5);
        deploy(18, 6);
    }

    function test_source_is_as_configured() public {
        source = deploy(6, 18);
        vm.assertEq(address(source.nativeFeed()), address(native));
        vm.assertEq(address(source.externalFeed()), address(ext));
        vm.assertEq(source.nativeMaxAge(), 3600);
        vm.assertEq(source.externalMaxAge(), 86_400);
        vm.assertEq(source.nativeScale(), 1e12);
        vm.assertEq(source.externalScale(), 1);
    }

    // Scaling

    function test_equal_decimals_are_not_scaled() public view {
        expect(2e8, 3000e8);
    }

    function test_fewer_decimals_are_scaled_up() public {
        source = deploy(6, 18);
        expect(2e20, 3000e8);
        source = deploy(18, 8);
        expect(2e8, 3000e18);
        native = new ScriptedFeed(18);
        native.answer(2e18);
        source = deploy(18, 18);
        expect(2e18, 3000e18);
    }

    /// @dev One whole token of each: their worths are as their prices.
    function testFuzz_whole_tokens_are_worth_their_prices(uint8 n, uint8 e, uint64 a, uint64 b) public {
        (n, e) = (uint8(bound(n, 6, 18)), uint8(bound(e, 6, 18)));
        (a, b) = (uint64(bound(a, 1, 1e12)), uint64(bound(b, 1, 1e12)));
        native.answer(int256(uint256(a)));
        ext.answer(int256(uint256(b)));
        (uint128 nativePrice, uint128 externalPrice) = deploy(n, e).prices();
        vm.assertEq(nativePrice * 10 ** uint256(n) * b, externalPrice * 10 ** uint256(e) * a);
    }

    function test_price_that_does_not_fit_is_not_known() public {
        source = deploy(6, 18);
        uint256 most = type(uint128).max / 1e12;
        native.answer(int256(most));
        expect(most * 1e12, 3000e8);
        native.answer(int256(most + 1));
        expect(0, 3000e8);
        native.answer(type(int256).max);
        expect(0, 3000e8);
        ext.answer(int256(uint256(type(uint128).max)));
        expect(0, type(uint128).max);
        ext.answer(int256(uint256(type(uint128).max)) + 1);
        expect(0, 0);
    }

    // Answers that are none

    function test_price_must_be_positive() public {
        int256[3] memory bad = [int256(0), -1, type(int256).min];
        for (uint256 i = 0; i < 3; i++) {
            native.answer(bad[i]);
            expect(0, 3000e8);
        }
        ext.answer(-5);
        expect(0, 0);
    }

    function test_old_answer_is_not_known() public {
        vm.warp(NOW + 3600);
        expect(2e8, 3000e8);
        vm.warp(NOW + 3601);
        expect(0, 3000e8);
        vm.warp(NOW + 86_400);
        expect(0, 3000e8);
        vm.warp(NOW + 86_401);
        expect(0, 0);
        native.answer(2e8);
        expect(2e8, 0);
    }

    function test_answer_from_the_future_is_not_known() public {
        native.set(1, 2e8, NOW + 1);
        expect(0, 3000e8);
        native.set(1, 2e8, type(uint256).max);
        expect(0, 3000e8);
    }

    function test_round_that_never_was_is_not_known() public {
        native.set(0, 2e8, NOW);
        expect(0, 3000e8);
        native.set(1, 2e8, 0);
        expect(0, 3000e8);
        vm.warp(100);
        native.set(1, 2e8, 0);
        expect(0, 0);
    }

    function test_rude_feed_is_not_known_and_breaks_nothing() public {
        RudeOracle rude = new RudeOracle();
        vm.etch(address(native), address(rude).code);
        rude = RudeOracle(address(native));
        bytes[4] memory answers = [
            bytes(""),
            abi.encode(uint256(1), uint256(2e8), NOW, NOW),
            abi.encodePacked(uint256(1), uint256(2e8), NOW, NOW, new bytes(31)),
            abi.encode(uint256(1 << 80), uint256(2e8), NOW, NOW, uint256(0))
        ];
        for (uint256 i = 0; i < answers.length; i++) {
            rude.set(RudeOracle.Way.Answer, answers[i]);
            expect(0, 3000e8);
        }
        for (uint256 way = 1; way < 4; way++) {
            rude.set(RudeOracle.Way(way), "");
            uint256 before = gasleft();
            expect(0, 3000e8);
            vm.assertLe(before - gasleft(), 250_000);
        }
        rude.set(RudeOracle.Way.Answer, abi.encode(uint256(1), uint256(2e8), NOW, NOW, uint256(0), uint256(9)));
        expect(2e8, 3000e8);
    }

    function test_feed_that_lost_its_code_is_not_known() public {
        vm.etch(address(native), "");
        expect(0, 3000e8);
    }

    function testFuzz_asking_never_reverts(bytes calldata answer) public {
        RudeOracle rude = new RudeOracle();
        vm.etch(address(ext), address(rude).code);
        RudeOracle(address(ext)).set(RudeOracle.Way.Answer, answer);
        source.prices();
    }
}
