// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.31;

import {Allocation} from "../interfaces/IAllocationManager.sol";

/// @notice One operator's allocation of one strategy to one service, in one word:
///
/// | bits | field |
/// |---|---|
/// | 0-95 | magnitude that is slashable now |
/// | 96-191 | magnitude that takes its place |
/// | 192-239 | second from which it does; 0 when nothing is pending |
/// | 240 | the operator serves the service |
/// | 241 | the service approved the operator |
///
/// The two flags are kept with the native token's allocation only.
type Exposure is uint256;

using Exposures for Exposure global;

/// @title Exposures
/// @notice What an allocation means at a given second. Pure arithmetic: knows neither stake nor who may change what.
library Exposures {
    uint256 private constant MAGNITUDE_MASK = type(uint96).max;
    uint256 private constant TIME_MASK = type(uint48).max;
    uint256 private constant ALLOCATION_MASK = (1 << 240) - 1;
    uint256 private constant SERVES = 1 << 240;
    uint256 private constant APPROVED = 1 << 241;
    uint256 private constant ONE_IN_BPS = 10_000;

    /// @notice The allocation at `time`, with nothing pending that is due.
    function at(Exposure word, uint256 time) internal pure returns (Allocation memory allocation) {
        if (isDue(word, time)) return Allocation(uint96(_pending(word)), 0, 0);
        return Allocation(uint96(_current(word)), uint96(_pending(word)), uint48(_effectiveAt(word)));
    }

    /// @notice The word with another allocation and the same flags.
    function with(Exposure word, Allocation memory allocation) internal pure returns (Exposure) {
        uint256 packed = uint256(allocation.effectiveAt) << 192 | uint256(allocation.pending) << 96 | allocation.current;
        return Exposure.wrap(Exposure.unwrap(word) & ~ALLOCATION_MASK | packed);
    }

    /// @notice Whether something pending is due.
    function isDue(Exposure word, uint256 time) internal pure returns (bool) {
        uint256 effectiveAt = _effectiveAt(word);
        return effectiveAt != 0 && time >= effectiveAt;
    }

    /// @notice What can be slashed.
    function slashable(Exposure word, uint256 time) internal pure returns (uint256) {
        return isDue(word, time) ? _pending(word) : _current(word);
    }

    /// @notice What is neither yet to come nor about to go: the lesser of now and then.
    function weight(Exposure word, uint256 time) internal pure returns (uint256) {
        if (_effectiveAt(word) == 0) return _current(word);
        uint256 now_ = slashable(word, time);
        uint256 then = target(word);
        return now_ < then ? now_ : then;
    }

    /// @notice What it comes to once nothing is pending.
    function target(Exposure word) internal pure returns (uint256) {
        return _effectiveAt(word) == 0 ? _current(word) : _pending(word);
    }

    /// @notice What it takes of the leverage cap: the greater of now and then.
    function encumbered(Exposure word, uint256 time) internal pure returns (uint256) {
        uint256 now_ = slashable(word, time);
        uint256 then = target(word);
        return now_ > then ? now_ : then;
    }

    /// @notice The allocation without `bps` of it, now and then, rounded down.
    /// @dev Rounding both down keeps `pending <= current` where it held, and takes at least as much from the greater of
    /// the two as from `current`: a slash under a cap of 100 % never brings a sum over it.
    function slashed(Allocation memory allocation, uint256 bps) internal pure returns (Allocation memory) {
        return scaled(allocation, ONE_IN_BPS - bps, ONE_IN_BPS);
    }

    /// @notice The allocation times `numerator / denominator`, now and then, rounded down.
    /// @dev `numerator <= denominator`. When nothing is left and nothing comes, nothing is pending.
    function scaled(Allocation memory allocation, uint256 numerator, uint256 denominator)
        internal
        pure
        returns (Allocation memory)
    {
        uint256 current = allocation.current * numerator / denominator;
        uint256 pending = allocation.pending * numerator / denominator;
        return Allocation(uint96(current), uint96(pending), current | pending == 0 ? 0 : allocation.effectiveAt);
    }

    /// @notice The allocation with both at most `limit`.
    function capped(Allocation memory allocation, uint96 limit) internal pure returns (Allocation memory) {
        uint96 current = allocation.current < limit ? allocation.current : limit;
        uint96 pending = allocation.pending < limit ? allocation.pending : limit;
        return Allocation(current, pending, current | pending == 0 ? 0 : allocation.effectiveAt);
    }

    function serves(Exposure word) internal pure returns (bool) {
        return Exposure.unwrap(word) & SERVES != 0;
    }

    function withServes(Exposure word, bool value) internal pure returns (Exposure) {
        uint256 others = Exposure.unwrap(word) & ~SERVES;
        return Exposure.wrap(value ? others | SERVES : others);
    }

    function approved(Exposure word) internal pure returns (bool) {
        return Exposure.unwrap(word) & APPROVED != 0;
    }

    function withApproved(Exposure word, bool value) internal pure returns (Exposure) {
        uint256 others = Exposure.unwrap(word) & ~APPROVED;
        return Exposure.wrap(value ? others | APPROVED : others);
    }

    function _current(Exposure word) private pure returns (uint256) {
        return Exposure.unwrap(word) & MAGNITUDE_MASK;
    }

    function _pending(Exposure word) private pure returns (uint256) {
        return Exposure.unwrap(word) >> 96 & MAGNITUDE_MASK;
    }

    function _effectiveAt(Exposure word) private pure returns (uint256) {
        return Exposure.unwrap(word) >> 192 & TIME_MASK;
    }
}
