// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.31;

import {Test} from "./Test.sol";
import {WeightPair} from "../../src/libraries/OperatorTables.sol";
import {Policy, PolicyKind, Token} from "../../src/types/Structs.sol";

/// @notice Policies of every kind.
abstract contract PolicyFixture is Test {
    function pair(uint96 native, uint96 ext) internal pure returns (WeightPair) {
        return WeightPair.wrap(uint256(native) << 96 | ext);
    }

    /// @notice The policy `Both`.
    function both(uint16 nativeBps, uint16 externalBps) internal pure returns (Policy memory policy) {
        policy.kind = PolicyKind.Both;
        policy.nativeBps = nativeBps;
        policy.externalBps = externalBps;
    }

    /// @notice The policy `Combined`.
    function combined(uint16 combinedBps, uint16 nativeCapBps, address oracle)
        internal
        pure
        returns (Policy memory policy)
    {
        policy.kind = PolicyKind.Combined;
        policy.combinedBps = combinedBps;
        policy.nativeCapBps = nativeCapBps;
        policy.oracle = oracle;
    }

    /// @notice The policy `Veto`.
    function vetoable(uint16 nativeBps, uint16 vetoBps, uint32 vetoSeconds)
        internal
        pure
        returns (Policy memory policy)
    {
        policy.kind = PolicyKind.Veto;
        policy.nativeBps = nativeBps;
        policy.vetoBps = vetoBps;
        policy.vetoSeconds = vetoSeconds;
    }

    /// @notice The policy `BothOrFallback`.
    function bothOrFallback(uint16 nativeBps, uint16 externalBps, uint16 fallbackBps, address oracle)
        internal
        pure
        returns (Policy memory policy)
    {
        policy = both(nativeBps, externalBps);
        policy.kind = PolicyKind.BothOrFallback;
        policy.fallbackBps = fallbackBps;
        policy.oracle = oracle;
    }

    /// @notice The policy `Either`.
    function either(uint16 nativeBps, uint16 externalBps) internal pure returns (Policy memory policy) {
        policy = both(nativeBps, externalBps);
        policy.kind = PolicyKind.Either;
    }

    /// @notice The policy `Single`.
    function single(Token token, uint16 bps) internal pure returns (Policy memory policy) {
        policy = token == Token.Native ? both(bps, 0) : both(0, bps);
        policy.kind = PolicyKind.Single;
    }
}
