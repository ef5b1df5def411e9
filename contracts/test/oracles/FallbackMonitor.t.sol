// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.31;

import {FixedPrices, FixedWeights, RudeOracle} from "../utils/Oracles.sol";
import {Test} from "../utils/Test.sol";
import {IPriceSource} from "../../src/interfaces/IPriceSource.sol";
import {ITotalWeights} from "../../src/interfaces/ITotalWeights.sol";
import {FallbackConfig, FallbackMonitor} from "../../src/oracles/FallbackMonitor.sol";

/// @notice A day of hours; the token fails under a value of 600 000, that is a price of 600, or by a fall of 30 %.
contract FallbackMonitorTest is Test {
    uint256 private constant START = 1_800_000_000;
    uint256 private constant HOUR = 1 hours;
    uint128 private constant FAIR = 1000;

    FixedPrices private prices = new FixedPrices(FAIR, 1);
    FixedWeights private weights = new FixedWeights();
    FallbackMonitor private monitor;

    /// @dev The test keeps its own clock: the compiler may take the block's for constant within a call.
    uint256 private time = START;

    function setUp() public {
        vm.warp(START);
        weights.set(true, 1000);
        monitor = new FallbackMonitor(config());
    }

    function config() private view returns (FallbackConfig memory) {
        return FallbackConfig({
            prices: prices,
            weights: weights,
            floor: 600_000,
            dropBps: 3000,
            hysteresisBps: 2000,
            period: uint32(HOUR),
            windowPeriods: 24,
            leaveSeconds: 2 days
        });
    }

    function pass(uint256 seconds_) private {
        time += seconds_;
        vm.warp(time);
    }

    function observe(uint128 price) private {
        pass(HOUR);
        prices.set(price, 1);
        monitor.poke();
    }

    function observe(uint128 price, uint256 times) private {
        for (uint256 i = 0; i < times; i++) {
            observe(price);
        }
    }

    function expectHolds(bool holds) private view {
        vm.assertEq(monitor.active(), holds);
    }

    function expectBegin(FallbackMonitor.Reason reason) private {
        vm.expectEmit(address(monitor));
        emit FallbackMonitor.FallbackBegan(reason);
    }

    // Set-up

    function refuse(FallbackConfig memory bad, string memory name) private {
        vm.expectRevert(abi.encodeWithSelector(FallbackMonitor.InvalidParameter.selector, name));
        new FallbackMonitor(bad);
    }

    function test_parameters_out_of_range_are_refused() public {
        FallbackConfig memory bad = config();
        bad.prices = IPriceSource(address(0xdead));
        refuse(bad, "prices");
        bad = config();
        bad.weights = ITotalWeights(address(0));
        refuse(bad, "weights");
        bad = config();
        bad.floor = 0;
        refuse(bad, "floor");
        bad = config();
        bad.period = 0;
        refuse(bad, "period");
        bad = config();
        bad.windowPeriods = 3;
        refuse(bad, "windowPeriods");
        bad.windowPeriods = 49;
        refuse(bad, "windowPeriods");
        bad = config();
        bad.dropBps = 769;
        refuse(bad, "dropBps");
        bad.dropBps = 10_000;
        refuse(bad, "dropBps");
        bad = config();
        bad.hysteresisBps = 0;
        refuse(bad, "hysteresisBps");
        bad = config();
        bad.leaveSeconds = uint32(1 days - 1);
        refuse(bad, "leaveSeconds");
    }

    function test_parameters_at_their_bounds_are_taken() public {
        FallbackConfig memory good = config();
        good.dropBps = 770;
        good.leaveSeconds = 1 days;
        monitor = new FallbackMonitor(good);
        vm.assertEq(address(monitor.prices()), address(prices));
        vm.assertEq(address(monitor.weights()), address(weights));
        vm.assertEq(monitor.floor(), 600_000);
        vm.assertEq(monitor.dropBps(), 770);
        vm.assertEq(monitor.hysteresisBps(), 2000);
        vm.assertEq(monitor.period(), HOUR);
        vm.assertEq(monitor.windowPeriods(), 24);
        vm.assertEq(monitor.leaveSeconds(), 1 days);
        expectHolds(false);
    }

    // Observations

    function test_a_period_has_one_observation() public {
        uint256 hour = START / HOUR;
        vm.expectEmit(address(monitor));
        emit FallbackMonitor.Observed(hour, FAIR, 1000);
        monitor.poke();
        vm.assertEq(monitor.latestPeriod(), hour);
        vm.expectRevert(abi.encodeWithSelector(FallbackMonitor.ObservedAlready.selector, hour));
        monitor.poke();
        vm.warp((hour + 1) * HOUR - 1);
        vm.expectRevert(abi.encodeWithSelector(FallbackMonitor.ObservedAlready.selector, hour));
        monitor.poke();
        vm.warp((hour + 1) * HOUR);
        monitor.poke();
    }

    function test_windows_hold_the_latest_observations_and_no_older() public {
        observe(1000, 24);
        observe(1010, 24);
        observe(1020, 5);
        (FallbackMonitor.Window memory latest, FallbackMonitor.Window memory before) = monitor.windows();
        vm.assertEq(latest.count, 24);
        vm.assertEq(latest.sum, 5 * 1020 + 19 * 1010);
        vm.assertEq(before.count, 24);
        vm.assertEq(before.sum, 5 * 1010 + 19 * 1000);
    }

    function test_observation_counts_for_at_most_twice_and_at_least_half_of_the_one_before() public {
        observe(1000);
        observe(1_000_000);
        expectLatest(1000 + 2000);
        observe(type(uint128).max);
        expectLatest(1000 + 2000 + 4000);
        observe(1);
        expectLatest(1000 + 2000 + 4000 + 2000);
        observe(3999);
        expectLatest(1000 + 2000 + 4000 + 2000 + 3999);
    }

    function expectLatest(uint256 sum) private view {
        (FallbackMonitor.Window memory latest,) = monitor.windows();
        vm.assertEq(latest.sum, sum);
    }

    function test_extreme_prices_overflow_nothing() public {
        weights.set(true, type(uint96).max);
        FallbackConfig memory extreme = config();
        extreme.floor = type(uint224).max;
        extreme.hysteresisBps = type(uint16).max;
        extreme.windowPeriods = 48;
        extreme.leaveSeconds = 48 hours;
        monitor = new FallbackMonitor(extreme);
        observe(type(uint128).max, 100);
        expectHolds(true);
        observe(1, 100);
        observe(type(uint128).max, 300);
        expectHolds(true);
    }

    // Beginning

    function test_value_under_the_floor_begins_it_once_half_a_window_is_known() public {
        observe(599, 11);
        expectHolds(false);
        pass(HOUR);
        expectBegin(FallbackMonitor.Reason.BelowFloor);
        monitor.poke();
        expectHolds(true);
    }

    function test_value_at_the_floor_is_not_under_it() public {
        observe(600, 60);
        expectHolds(false);
        observe(599);
        expectHolds(true);
    }

    function test_less_stake_is_less_value() public {
        observe(FAIR, 24);
        weights.set(true, 600);
        observe(FAIR);
        expectHolds(false);
        weights.set(true, 599);
        observe(FAIR);
        expectHolds(true);
    }

    function test_fall_of_the_average_begins_it() public {
        weights.set(true, type(uint96).max);
        observe(1000, 48);
        observe(700, 23);
        expectHolds(false);
        pass(HOUR);
        expectBegin(FallbackMonitor.Reason.Drop);
        monitor.poke();
        expectHolds(true);
    }

    function test_less_of_a_fall_does_not() public {
        weights.set(true, type(uint96).max);
        observe(1000, 48);
        observe(701, 100);
        expectHolds(false);
    }

    function test_collapse_is_noticed_within_a_window() public {
        weights.set(true, type(uint96).max);
        observe(1 << 40, 48);
        observe(1, 12);
        expectHolds(true);
    }

    function test_rise_is_no_fall() public {
        observe(1000, 48);
        observe(1_000_000, 100);
        expectHolds(false);
    }

    function test_no_stake_begins_it_at_once() public {
        weights.set(true, 0);
        expectBegin(FallbackMonitor.Reason.NoStake);
        monitor.poke();
        expectHolds(true);
    }

    function test_no_stake_needs_no_price() public {
        weights.set(true, 0);
        prices.set(0, 1);
        expectBegin(FallbackMonitor.Reason.NoStake);
        monitor.poke();
        expectHolds(true);
        vm.assertEq(monitor.latestPeriod(), 0);
    }

    // What can not be known

    function test_price_that_is_not_known_changes_nothing() public {
        observe(FAIR, 24);
        pass(HOUR);
        prices.set(0, 1);
        vm.expectRevert(FallbackMonitor.PriceUnknown.selector);
        monitor.poke();
        for (uint256 day = 0; day < 400; day++) {
            pass(1 days);
            vm.expectRevert(FallbackMonitor.PriceUnknown.selector);
            monitor.poke();
        }
        expectHolds(false);
        observe(FAIR);
        expectHolds(false);
    }

    function test_weight_that_is_not_known_changes_nothing() public {
        weights.set(false, 0);
        vm.expectRevert(FallbackMonitor.WeightUnknown.selector);
        monitor.poke();
        expectHolds(false);
    }

    function test_service_that_is_not_there_yet_changes_nothing() public {
        FallbackConfig memory early = config();
        early.weights = ITotalWeights(address(0x5e7));
        monitor = new FallbackMonitor(early);
        vm.expectRevert(FallbackMonitor.WeightUnknown.selector);
        monitor.poke();
    }

    function test_rude_sources_change_nothing() public {
        RudeOracle rude = new RudeOracle();
        vm.etch(address(prices), address(rude).code);
        vm.etch(address(weights), address(rude).code);
        bytes[2] memory huge = [abi.encode(uint256(1 << 96), uint256(0)), abi.encode(type(uint256).max)];
        for (uint256 i = 0; i < 2; i++) {
            RudeOracle(address(weights)).set(RudeOracle.Way.Answer, huge[i]);
            vm.expectRevert(FallbackMonitor.WeightUnknown.selector);
            monitor.poke();
        }
        RudeOracle(address(weights)).set(RudeOracle.Way.Answer, abi.encode(uint256(1), uint256(0)));
        huge = [abi.encode(uint256(1 << 128), uint256(0)), abi.encode(uint256(1))];
        for (uint256 i = 0; i < 2; i++) {
            RudeOracle(address(prices)).set(RudeOracle.Way.Answer, huge[i]);
            vm.expectRevert(FallbackMonitor.PriceUnknown.selector);
            monitor.poke();
        }
        for (uint256 way = 1; way < 4; way++) {
            RudeOracle(address(prices)).set(RudeOracle.Way(way), "");
            (bool ok,) = address(monitor).call{gas: 5_000_000}(abi.encodeCall(FallbackMonitor.poke, ()));
            vm.assertFalse(ok);
        }
        expectHolds(false);
    }

    /// forge-config: default.fuzz.runs = 64
    /// @dev Who pokes with too little gas observes nothing false.
    function testFuzz_little_gas_flips_nothing(uint256 gas_) public {
        observe(FAIR, 30);
        pass(HOUR);
        try monitor.poke{gas: bound(gas_, 1000, 400_000)}() {
            (FallbackMonitor.Window memory latest,) = monitor.windows();
            vm.assertEq(latest.sum, 24 * FAIR);
        } catch {
            vm.assertEq(monitor.latestPeriod(), time / HOUR - 1);
        }
        expectHolds(false);
    }

    // Gaps and jumps

    function test_window_that_is_half_known_is_judged() public {
        for (uint256 i = 0; i < 12; i++) {
            expectHolds(false);
            pass(HOUR);
            observe(599);
        }
        expectHolds(true);
    }

    function test_window_that_is_less_than_half_known_is_not() public {
        for (uint256 i = 0; i < 100; i++) {
            pass(2 * HOUR);
            observe(1);
        }
        expectHolds(false);
    }

    function test_after_a_long_silence_all_begins_anew() public {
        weights.set(true, type(uint96).max);
        observe(1_000_000, 48);
        pass(1000 days);
        observe(7, 11);
        expectLatest(77);
        observe(7, 89);
        expectHolds(false);
    }

    /// @dev One period more and the old observations would have left the ring.
    function test_fall_over_a_silence_of_less_than_two_windows_is_seen_in_steps() public {
        observe(1000);
        pass(46 * HOUR);
        observe(100);
        expectLatest(500);
        observe(1000);
        pass(47 * HOUR);
        observe(100);
        expectLatest(100);
    }

    /// forge-config: default.fuzz.runs = 32
    function testFuzz_time_may_jump_anywhere(uint256 jump) public {
        observe(FAIR, 50);
        pass(bound(jump, HOUR, type(uint64).max / 2));
        monitor.poke();
        expectHolds(false);
        (FallbackMonitor.Window memory latest,) = monitor.windows();
        vm.assertGe(latest.count, 1);
        vm.assertLe(latest.count, 24);
    }

    // Manipulation

    /// forge-config: default.fuzz.runs = 48
    /// @dev Wherever it falls, however high or low: one false price in two days begins nothing.
    function testFuzz_one_false_price_begins_nothing(uint256 at_, uint128 spike, uint8 length) public {
        FallbackConfig memory c = config();
        c.windowPeriods = uint8(bound(length, 4, 48));
        c.dropBps = uint16(10_000 / ((c.windowPeriods + 1) / 2 + 1) + 1);
        c.leaveSeconds = 48 hours;
        monitor = new FallbackMonitor(c);
        uint256 steps = 3 * uint256(c.windowPeriods);
        at_ = bound(at_, 0, steps - 1);
        spike = uint128(bound(spike, at_ == 0 ? FAIR / 2 : 1, at_ == 0 ? 2 * FAIR : type(uint128).max));
        for (uint256 i = 0; i < steps; i++) {
            observe(i == at_ ? spike : FAIR);
            expectHolds(false);
        }
    }

    /// forge-config: default.fuzz.runs = 32
    function testFuzz_one_false_price_ends_nothing(uint256 at_, uint128 spike) public {
        observe(500, 48);
        expectHolds(true);
        at_ = bound(at_, 0, 59);
        for (uint256 i = 0; i < 60; i++) {
            observe(i == at_ ? uint128(bound(spike, 1, type(uint128).max)) : 500);
            expectHolds(true);
        }
    }

    // End

    function fail() private {
        observe(500, 24);
        expectHolds(true);
    }

    function test_it_ends_after_looking_recovered_for_long_enough() public {
        fail();
        // A price of 721 is just above the floor and the hysteresis; the average gets there after a window.
        observe(721, 23);
        vm.assertEq(monitor.calmSince(), 0);
        observe(721);
        vm.assertEq(monitor.calmSince(), time);
        observe(721, 47);
        expectHolds(true);
        pass(HOUR);
        vm.expectEmit(address(monitor));
        emit FallbackMonitor.FallbackEnded();
        monitor.poke();
        expectHolds(false);
        vm.assertEq(monitor.calmSince(), 0);
    }

    function test_value_at_the_hysteresis_is_not_recovered() public {
        fail();
        observe(720, 200);
        expectHolds(true);
        vm.assertEq(monitor.calmSince(), 0);
    }

    function test_relapse_starts_the_wait_again() public {
        fail();
        observe(721, 24 + 40);
        vm.assertGe(monitor.calmSince(), 1);
        // (23 · 721 + 696) / 24 is just not above 720; (22 · 721 + 696 + 723) / 24 is.
        observe(696);
        vm.assertEq(monitor.calmSince(), 0);
        observe(723);
        vm.assertEq(monitor.calmSince(), time);
        observe(723, 47);
        expectHolds(true);
        observe(723);
        expectHolds(false);
    }

    /// @dev Nobody can sit out the wait in silence.
    function test_silence_is_not_recovery() public {
        fail();
        observe(1000, 48);
        vm.assertGe(monitor.calmSince(), 1);
        pass(30 days);
        observe(1000);
        expectHolds(true);
        vm.assertEq(monitor.calmSince(), 0);
    }

    function test_stake_that_vanishes_again_starts_the_wait_again() public {
        fail();
        observe(1000, 48);
        vm.assertGe(monitor.calmSince(), 1);
        weights.set(true, 0);
        prices.set(0, 1);
        pass(HOUR);
        monitor.poke();
        vm.assertEq(monitor.calmSince(), 0);
        weights.set(true, 1000);
        observe(1000);
        vm.assertEq(monitor.calmSince(), time);
    }

    function test_dead_feed_ends_nothing() public {
        fail();
        prices.set(0, 1);
        for (uint256 i = 0; i < 100; i++) {
            pass(1 days);
            vm.expectRevert(FallbackMonitor.PriceUnknown.selector);
            monitor.poke();
        }
        expectHolds(true);
    }

    function test_fall_that_goes_on_is_no_recovery() public {
        weights.set(true, type(uint96).max);
        observe(1 << 100, 48);
        for (uint256 i = 0; i < 40; i++) {
            observe(uint128(1 << (100 - 2 * i)));
        }
        expectHolds(true);
        vm.assertEq(monitor.calmSince(), 0);
    }

    function test_it_may_begin_again() public {
        fail();
        observe(1000, 100);
        expectHolds(false);
        expectHolds(false);
        observe(100, 24);
        expectHolds(true);
    }

    // Against the definition, over whole histories

    struct History {
        uint128[] price;
        uint256[] hour;
        uint256 calm;
        bool holds;
    }

    /// @dev Sum and number of the observations in hours [from, to].
    function window(History memory h, uint256 count, uint256 from, uint256 to)
        private
        pure
        returns (uint256 sum, uint256 number)
    {
        for (uint256 i = 0; i < count; i++) {
            if (h.hour[i] < from || h.hour[i] > to) continue;
            sum += h.price[i];
            number++;
        }
    }

    function step(History memory h, uint256 count, uint256 weight) private view {
        uint256 hour = h.hour[count - 1];
        (uint256 sum, uint256 number) = window(h, count, hour - 23, hour);
        (uint256 sumBefore, uint256 numberBefore) = window(h, count, hour - 47, hour - 24);
        bool known = number >= 12;
        bool bothKnown = known && numberBefore >= 12;
        bool dropped = bothKnown && sum * numberBefore * 10 <= sumBefore * number * 7;
        bool low = weight == 0 || (known && sum * weight < 600_000 * number);
        if (!h.holds) {
            h.holds = low || dropped;
            return;
        }
        bool calm = bothKnown && !dropped && sum * weight * 10 > 7_200_000 * number;
        if (!calm) {
            h.calm = 0;
        } else if (h.calm == 0) {
            h.calm = time;
        } else if (time - h.calm >= 2 days) {
            (h.holds, h.calm) = (false, 0);
        }
    }

    /// forge-config: default.fuzz.runs = 16
    function testFuzz_history_is_judged_by_the_definition(uint256 seed) public {
        uint256 steps = 200;
        History memory h = History(new uint128[](steps), new uint256[](steps), 0, false);
        uint256 price = 1000;
        uint256 trend;
        for (uint256 i = 0; i < steps; i++) {
            uint256 r = uint256(keccak256(abi.encode(seed, i)));
            if (i % 40 == 0) trend = r % 3;
            price = price * (trend == 0 ? 100 : trend == 1 ? 98 : 102) / 100 * (95 + (r >> 8) % 11) / 100 + 1;
            if ((r >> 16) % 25 == 0) pass(HOUR * ((r >> 24) % 30));
            uint96 weight = (r >> 32) % 97 == 0 ? 0 : 1000;
            weights.set(true, weight);
            observe(uint128(price));
            (h.price[i], h.hour[i]) = (uint128(price), time / HOUR);
            step(h, i + 1, weight);
            vm.assertEq(monitor.active(), h.holds);
            vm.assertEq(monitor.calmSince(), h.calm);
        }
    }
}
