// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.31;

import {IAggregatorV3, IPriceSource} from "../interfaces/IPriceSource.sol";
import {Views} from "../libraries/Views.sol";

/// @notice A token's feed.
struct Feed {
    /// Answers with the price of one whole token, in the currency that both feeds share.
    IAggregatorV3 aggregator;
    /// Decimals of the token.
    uint8 tokenDecimals;
    /// Seconds after which an answer is too old: the feed's heartbeat and some room.
    uint32 maxAge;
}

/// @title ChainlinkPrices
/// @notice Prices of two tokens from aggregators that speak Chainlink's interface, set up for good.
///
/// A feed answers with the price of a whole token, times 10 to its decimals. Divided by 10 to the token's decimals that
/// is the worth of one smallest unit; so the unit of account is the feeds' currency over 10 to the greater sum of both
/// decimals, and the token with the smaller sum has its answer multiplied.
///
/// Trust: both feeds, entirely, for answers that are fresh. An answer that is missing, malformed, not positive, from the
/// future, too old or too large is a price of 0, "not known"; asking never reverts.
///
/// @dev Warning: both feeds must quote in the same currency. Nothing on chain can check that.
///
/// @dev Warning: a feed's decimals are read once. On a rollup, answers may look fresh after the sequencer has been down.
contract ChainlinkPrices is IPriceSource {
    error FeedWithoutCode(address feed);
    error InvalidMaxAge(address feed);
    /// @notice The feeds' and tokens' decimals are too far apart for answers to fit 128 bits when they are scaled.
    error DecimalsTooFarApart(uint256 less, uint256 more, uint256 limit);

    /// @notice Most gas that a feed is given.
    uint256 public constant FEED_GAS = 200_000;

    uint256 private constant MAX_SCALE_DECIMALS = 12;

    IAggregatorV3 public immutable nativeFeed;
    IAggregatorV3 public immutable externalFeed;
    uint32 public immutable nativeMaxAge;
    uint32 public immutable externalMaxAge;
    /// @notice What an answer is multiplied by.
    uint256 public immutable nativeScale;
    uint256 public immutable externalScale;

    constructor(Feed memory native, Feed memory ext) {
        uint256 nativeDecimals = _decimals(native);
        uint256 externalDecimals = _decimals(ext);
        nativeFeed = native.aggregator;
        externalFeed = ext.aggregator;
        nativeMaxAge = native.maxAge;
        externalMaxAge = ext.maxAge;
        nativeScale = _scale(nativeDecimals, externalDecimals);
        externalScale = _scale(externalDecimals, nativeDecimals);
    }

    /// @inheritdoc IPriceSource
    function prices() external view returns (uint128 native, uint128 ext) {
        native = _price(nativeFeed, nativeMaxAge, nativeScale);
        ext = _price(externalFeed, externalMaxAge, externalScale);
    }

    function _price(IAggregatorV3 feed, uint256 maxAge, uint256 scale) private view returns (uint128) {
        (bool answered, uint256[5] memory round) =
            Views.ask(address(feed), IAggregatorV3.latestRoundData.selector, FEED_GAS, 5);
        (uint256 roundId, uint256 answer, uint256 updatedAt) = (round[0], round[1], round[3]);
        if (!answered || roundId == 0 || roundId > type(uint80).max) return 0;
        if (updatedAt == 0 || updatedAt > block.timestamp || block.timestamp - updatedAt > maxAge) return 0;
        // A negative answer is a large word.
        if (answer > type(uint128).max / scale) return 0;
        return uint128(answer * scale);
    }

    function _decimals(Feed memory feed) private view returns (uint256) {
        if (address(feed.aggregator).code.length == 0) revert FeedWithoutCode(address(feed.aggregator));
        if (feed.maxAge == 0) revert InvalidMaxAge(address(feed.aggregator));
        return uint256(feed.aggregator.decimals()) + feed.tokenDecimals;
    }

    /// @dev 10 to what `own` lacks of `other`.
    function _scale(uint256 own, uint256 other) private pure returns (uint256) {
        if (own >= other) return 1;
        if (other - own > MAX_SCALE_DECIMALS) revert DecimalsTooFarApart(own, other, MAX_SCALE_DECIMALS);
        return 10 ** (other - own);
    }
}
