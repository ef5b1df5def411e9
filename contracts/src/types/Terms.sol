// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.31;

import {Policy, PolicyKind, Requirement} from "./Structs.sol";

/// @notice The numbers of a policy in one word; its oracle is apart.
///
/// | bits | field |
/// |---|---|
/// | 0-15 | kind |
/// | 16-31 | threshold of the native token |
/// | 32-47 | threshold of the external token |
/// | 48-63 | threshold of the combined value |
/// | 64-79 | cap on the native token |
/// | 80-95 | threshold of the external token in fallback |
/// | 96-111 | share that vetoes |
/// | 112-143 | seconds for vetoes |
type Terms is uint256;

using {
    isKind,
    kind,
    nativeBps,
    externalBps,
    combinedBps,
    nativeCapBps,
    fallbackBps,
    vetoBps,
    vetoSeconds,
    withOracle
} for Terms global;

function termsOf(Policy memory policy) pure returns (Terms) {
    return Terms.wrap(
        uint256(policy.kind) | uint256(policy.nativeBps) << 16 | uint256(policy.externalBps) << 32
            | uint256(policy.combinedBps) << 48 | uint256(policy.nativeCapBps) << 64 | uint256(policy.fallbackBps) << 80
            | uint256(policy.vetoBps) << 96 | uint256(policy.vetoSeconds) << 112
    );
}

/// @notice A requirement in one word: its thresholds where a policy has the same ones, and nothing else.
function thresholdsOf(Requirement memory requirement) pure returns (Terms) {
    return Terms.wrap(
        uint256(requirement.nativeBps) << 16 | uint256(requirement.externalBps) << 32 | uint256(requirement.combinedBps)
            << 48
    );
}

/// @dev Compares numbers: the compiler would check at every comparison that both are kinds.
function isKind(Terms terms, PolicyKind other) pure returns (bool) {
    return uint16(Terms.unwrap(terms)) == uint256(other);
}

function kind(Terms terms) pure returns (PolicyKind) {
    return PolicyKind(uint16(Terms.unwrap(terms)));
}

function nativeBps(Terms terms) pure returns (uint16) {
    return uint16(Terms.unwrap(terms) >> 16);
}

function externalBps(Terms terms) pure returns (uint16) {
    return uint16(Terms.unwrap(terms) >> 32);
}

function combinedBps(Terms terms) pure returns (uint16) {
    return uint16(Terms.unwrap(terms) >> 48);
}

function nativeCapBps(Terms terms) pure returns (uint16) {
    return uint16(Terms.unwrap(terms) >> 64);
}

function fallbackBps(Terms terms) pure returns (uint16) {
    return uint16(Terms.unwrap(terms) >> 80);
}

function vetoBps(Terms terms) pure returns (uint16) {
    return uint16(Terms.unwrap(terms) >> 96);
}

function vetoSeconds(Terms terms) pure returns (uint32) {
    return uint32(Terms.unwrap(terms) >> 112);
}

/// @notice The whole policy.
function withOracle(Terms terms, address oracle) pure returns (Policy memory policy) {
    policy.kind = terms.kind();
    policy.nativeBps = terms.nativeBps();
    policy.externalBps = terms.externalBps();
    policy.combinedBps = terms.combinedBps();
    policy.nativeCapBps = terms.nativeCapBps();
    policy.fallbackBps = terms.fallbackBps();
    policy.vetoBps = terms.vetoBps();
    policy.vetoSeconds = terms.vetoSeconds();
    policy.oracle = oracle;
}
