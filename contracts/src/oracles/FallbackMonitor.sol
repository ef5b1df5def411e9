// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.31;

import {IFallbackCondition} from "../interfaces/IFallbackCondition.sol";
import {IPriceSource} from "../interfaces/IPriceSource.sol";
import {ITotalWeights} from "../interfaces/ITotalWeights.sol";
import {Views} from "../libraries/Views.sol";

/// @notice How a FallbackMonitor is set up, for good.
struct FallbackConfig {
    /// Says what the native token is worth.
    IPriceSource prices;
    /// Says how much of it stands behind the service. May be deployed later, at the address given here.
    ITotalWeights weights;
    /// Value of all native stake below which the token has failed, in the price source's unit.
    uint224 floor;
    /// Fall of the average price from one window to the next at which the token has failed.
    uint16 dropBps;
    /// How far above the floor the value must be for the token to have recovered.
    uint16 hysteresisBps;
    /// Seconds of a period, which has one observation at most.
    uint32 period;
    /// Periods of a window.
    uint8 windowPeriods;
    /// Seconds for which the token must look recovered, at least a window.
    uint32 leaveSeconds;
}

/// @title FallbackMonitor
/// @notice Tells from prices and stake on chain when the native token has failed, and when it has recovered.
///
/// Time is cut into periods. Once per period anyone may `poke`, which observes the price and the native stake. The
/// average of the latest window's observations is a time-weighted price, as every period counts the same. The condition
///
/// - begins when all native stake at that average is worth less than the floor; or when the average has fallen by
///   `dropBps` against that of the window before; or at once when there is no native stake;
/// - ends when, at every observation for `leaveSeconds`, the value was above the floor by `hysteresisBps` and there was
///   no such fall.
///
/// **What can not be known changes nothing.** A price or stake that is not known makes no observation, and a window with
/// observations in less than half of its periods judges nothing. Both ways are safe, as in both the external token must
/// sign: a wrong beginning lets it certify alone, but at its higher threshold; a missed one can only stop the service,
/// as `Both` does. So neither a dead feed, nor someone who silences it, flips the condition; it can delay the end.
///
/// **A moment's price moves little.** An observation counts for at most twice and at least half of the one before, and
/// is one of many in an average: a single false one neither begins nor ends the condition. One that repeats for a good
/// part of a window does: the price source must be honest most of the time.
///
/// Trust: the price source and the source of weights. Nobody has any power over it; its state follows from its events.
contract FallbackMonitor is IFallbackCondition {
    /// @notice A parameter is out of range.
    error InvalidParameter(string name);
    /// @notice The current period has its observation.
    error ObservedAlready(uint256 period);
    error PriceUnknown();
    error WeightUnknown();

    enum Reason {
        NoStake,
        BelowFloor,
        Drop
    }

    /// @param price As observed, before it is held to twice or half of the one before.
    event Observed(uint256 indexed period, uint128 price, uint96 nativeWeight);
    event FallbackBegan(Reason reason);
    event FallbackEnded();

    /// @notice Bounds what `poke` reads.
    uint256 public constant MAX_WINDOW_PERIODS = 48;
    uint256 public constant MIN_WINDOW_PERIODS = 4;

    uint256 private constant ONE_IN_BPS = 10_000;

    IPriceSource public immutable prices;
    ITotalWeights public immutable weights;
    uint224 public immutable floor;
    uint16 public immutable dropBps;
    uint16 public immutable hysteresisBps;
    uint32 public immutable period;
    uint8 public immutable windowPeriods;
    uint32 public immutable leaveSeconds;

    // One slot:
    //
    // | bits | field |
    // |---|---|
    // | 0-7 | whether the condition holds |
    // | 8-71 | since when the token looks recovered, 0 when it does not |
    // | 72-135 | period of the latest observation, 0 before the first |

    /// @inheritdoc IFallbackCondition
    bool public active;
    /// @notice Since when the token looks recovered while the condition holds; 0 when it does not.
    uint64 public calmSince;
    /// @notice Period of the latest observation, 0 before the first. Period k is the seconds from k · `period` on.
    uint64 public latestPeriod;

    /// @dev One slot: price (128 bits), period (64). A price of 0 is none.
    struct Observation {
        uint128 price;
        uint64 period;
    }

    /// @dev A ring of two windows: the observation of period k is at k modulo twice `windowPeriods`.
    mapping(uint256 index => Observation) private _ring;

    /// @notice Sum and number of the observations of a window.
    struct Window {
        uint256 sum;
        uint256 count;
    }

    constructor(FallbackConfig memory config) {
        _check(config);
        prices = config.prices;
        weights = config.weights;
        floor = config.floor;
        dropBps = config.dropBps;
        hysteresisBps = config.hysteresisBps;
        period = config.period;
        windowPeriods = config.windowPeriods;
        leaveSeconds = config.leaveSeconds;
    }

    /// @notice Observes price and stake, and decides anew. Anyone may, once per period.
    /// @dev Reverts when there is nothing to observe. Without stake no price is needed.
    function poke() external {
        uint64 now_ = uint64(block.timestamp / period);
        if (now_ == latestPeriod) revert ObservedAlready(now_);
        uint96 nativeWeight = _nativeWeight();
        uint128 price = _nativePrice();
        if (price != 0) _observe(now_, price, nativeWeight);
        else if (nativeWeight != 0) revert PriceUnknown();
        if (!active) _mayBegin(now_, nativeWeight);
        else _mayEnd(now_, nativeWeight);
    }

    /// @notice The observations in the latest window and in the one before, as of now.
    function windows() external view returns (Window memory latest, Window memory before) {
        return _windows(block.timestamp / period);
    }

    function _observe(uint64 now_, uint128 price, uint96 nativeWeight) private {
        uint256 size = 2 * uint256(windowPeriods);
        emit Observed(now_, price, nativeWeight);
        if (latestPeriod != 0 && now_ - latestPeriod < size) price = _held(price, _ring[latestPeriod % size].price);
        _ring[now_ % size] = Observation(price, now_);
        latestPeriod = now_;
    }

    /// @dev The price, held to twice and half of the one before.
    function _held(uint128 price, uint128 before) private pure returns (uint128) {
        uint128 least = before - before / 2;
        if (price < least) return least;
        if (price / 2 >= before) return before > type(uint128).max / 2 ? type(uint128).max : 2 * before;
        return price;
    }

    function _mayBegin(uint256 now_, uint256 nativeWeight) private {
        (Window memory latest, Window memory before) = _windows(now_);
        Reason reason;
        if (nativeWeight == 0) reason = Reason.NoStake;
        else if (_isBelowFloor(latest, nativeWeight)) reason = Reason.BelowFloor;
        else if (_hasDropped(latest, before)) reason = Reason.Drop;
        else return;
        active = true;
        emit FallbackBegan(reason);
    }

    function _mayEnd(uint256 now_, uint256 nativeWeight) private {
        (Window memory latest, Window memory before) = _windows(now_);
        bool calm = _isCovered(latest) && _isCovered(before) && !_hasDropped(latest, before)
            && _isAboveHysteresis(latest, nativeWeight);
        if (!calm) {
            calmSince = 0;
        } else if (calmSince == 0) {
            calmSince = uint64(block.timestamp);
        } else if (block.timestamp - calmSince >= leaveSeconds) {
            active = false;
            calmSince = 0;
            emit FallbackEnded();
        }
    }

    /// @dev Bounded by the ring.
    function _windows(uint256 now_) private view returns (Window memory latest, Window memory before) {
        uint256 window = windowPeriods;
        for (uint256 i = 0; i < 2 * window; i++) {
            Observation memory observation = _ring[i];
            if (observation.price == 0) continue;
            uint256 age = now_ - observation.period;
            if (age >= 2 * window) continue;
            Window memory found = age < window ? latest : before;
            found.sum += observation.price;
            found.count++;
        }
    }

    function _isCovered(Window memory window) private view returns (bool) {
        return 2 * window.count >= windowPeriods;
    }

    /// @dev sum / count · weight < floor; 128 + 6 + 96 bits.
    function _isBelowFloor(Window memory latest, uint256 nativeWeight) private view returns (bool) {
        return _isCovered(latest) && latest.sum * nativeWeight < uint256(floor) * latest.count;
    }

    /// @dev sum / count · weight > floor · (1 + hysteresis); 128 + 6 + 96 + 14 bits, 224 + 6 + 17 bits.
    function _isAboveHysteresis(Window memory latest, uint256 nativeWeight) private view returns (bool) {
        return latest.sum * nativeWeight * ONE_IN_BPS > uint256(floor) * latest.count * (ONE_IN_BPS + hysteresisBps);
    }

    /// @dev Average of the latest ≤ average of the one before · (1 − drop).
    function _hasDropped(Window memory latest, Window memory before) private view returns (bool) {
        if (!_isCovered(latest) || !_isCovered(before)) return false;
        return latest.sum * before.count * ONE_IN_BPS <= before.sum * latest.count * (ONE_IN_BPS - dropBps);
    }

    function _nativeWeight() private view returns (uint96) {
        (bool answered, uint256[5] memory answer) =
            Views.ask(address(weights), ITotalWeights.totalWeights.selector, gasleft(), 2);
        if (!answered || answer[0] > type(uint96).max) revert WeightUnknown();
        return uint96(answer[0]);
    }

    function _nativePrice() private view returns (uint128) {
        (, uint256[5] memory answer) = Views.ask(address(prices), IPriceSource.prices.selector, gasleft(), 2);
        return answer[0] > type(uint128).max ? 0 : uint128(answer[0]);
    }

    /// @dev A single false observation among `least`, twice the others, is a fall of 1 / (least + 1) when it leaves the
    /// latest window: `dropBps` must be more.
    function _check(FallbackConfig memory config) private view {
        if (address(config.prices).code.length == 0) revert InvalidParameter("prices");
        if (address(config.weights) == address(0)) revert InvalidParameter("weights");
        if (config.floor == 0) revert InvalidParameter("floor");
        if (config.period == 0) revert InvalidParameter("period");
        uint256 window = config.windowPeriods;
        if (window < MIN_WINDOW_PERIODS || window > MAX_WINDOW_PERIODS) revert InvalidParameter("windowPeriods");
        uint256 least = (window + 1) / 2;
        bool spikes = uint256(config.dropBps) * (least + 1) <= ONE_IN_BPS;
        if (spikes || config.dropBps >= ONE_IN_BPS) revert InvalidParameter("dropBps");
        if (config.hysteresisBps == 0) revert InvalidParameter("hysteresisBps");
        if (config.leaveSeconds < window * config.period) revert InvalidParameter("leaveSeconds");
    }
}
