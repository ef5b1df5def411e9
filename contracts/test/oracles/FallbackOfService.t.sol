// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.31;

import {Certificate} from "../utils/Packed.sol";
import {ScriptedFeed} from "../utils/Feeds.sol";
import {Fixture, RecordingHandler} from "../utils/Fixture.sol";
import {ServiceManager} from "../../src/ServiceManager.sol";
import {ITotalWeights} from "../../src/interfaces/ITotalWeights.sol";
import {Policies} from "../../src/libraries/Policies.sol";
import {ChainlinkPrices, Feed} from "../../src/oracles/ChainlinkPrices.sol";
import {FallbackConfig, FallbackMonitor} from "../../src/oracles/FallbackMonitor.sol";
import {Result, Token} from "../../src/types/Structs.sol";

/// @notice A service whose fallback hangs on feeds, through a crash of its native token and its recovery.
contract FallbackOfServiceTest is Fixture {
    ScriptedFeed private nativeFeed = new ScriptedFeed(8);
    ScriptedFeed private externalFeed = new ScriptedFeed(8);
    FallbackMonitor private monitor;
    uint256 private time = START;

    function setUp() public {
        setUpStaking();
        ChainlinkPrices prices = new ChainlinkPrices(Feed(nativeFeed, 18, 2 hours), Feed(externalFeed, 18, 2 hours));
        // The monitor asks the service, and the service's policy names the monitor: one address is known before.
        address next = vm.computeCreateAddress(address(this), vm.getNonce(address(this)) + 1);
        monitor = new FallbackMonitor(
            FallbackConfig({
                prices: prices,
                weights: ITotalWeights(next),
                floor: 406 * 1e8,
                dropBps: 5000,
                hysteresisBps: 2000,
                period: 1 hours,
                windowPeriods: 8,
                leaveSeconds: 1 days
            })
        );
        deployService(bothOrFallback(6667, 6667, 7500, address(monitor)));
        vm.assertEq(address(service), next);
        loadOperators(4);
        for (uint256 i = 0; i < 4; i++) {
            register(operators[i]);
            stake(operators[i].account, nativeStrategy, 100 + i);
            stake(operators[i].account, externalStrategy, 1000 - i);
            optIn(operators[i].account);
        }
        stake(operators[0].account, externalStrategy, 100);
        service.refreshTable(accounts(), aggregate());
        handler = new RecordingHandler();
        announce(MANIFEST, address(handler));
    }

    function trade(int256 price, uint256 hours_) private {
        for (uint256 i = 0; i < hours_; i++) {
            time += 1 hours;
            vm.warp(time);
            nativeFeed.answer(price);
            externalFeed.answer(3000e8);
            monitor.poke();
        }
    }

    /// @dev Operators 0 to 2 without 3: 303 of 406 native, 3097 of 4094 external.
    function attempt(uint16 nativeBps) private returns (bool delivered) {
        nextEpoch();
        Result[] memory results = only(createTask(abi.encode(nativeBps, time)));
        Certificate memory certificate = certify(results, without(3));
        try service.submit(results, certificate.pack()) {
            delivered = true;
        } catch (bytes memory reason) {
            vm.assertEq(
                reason, abi.encodeWithSelector(Policies.QuorumNotReached.selector, Token.Native, 303, 10_406, 6667)
            );
        }
    }

    function test_service_falls_back_with_the_token_and_returns() public {
        // Operator 3 buys up the native token, and stops.
        stake(operators[3].account, nativeStrategy, 10_000);
        trade(2e8, 16);
        vm.assertFalse(attempt(1));
        trade(1e7, 8);
        vm.assertTrue(monitor.active());
        vm.assertTrue(attempt(2));
        trade(2e8, 40);
        vm.assertFalse(monitor.active());
        vm.assertFalse(attempt(3));
    }

    function test_dead_feed_leaves_it_as_it_is() public {
        stake(operators[3].account, nativeStrategy, 10_000);
        trade(2e8, 16);
        time += 30 days;
        vm.warp(time);
        vm.expectRevert(FallbackMonitor.PriceUnknown.selector);
        monitor.poke();
        vm.assertFalse(attempt(1));
    }
}
