// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.31;

import {WeightPair} from "../../src/libraries/OperatorTables.sol";
import {Inputs, Policies} from "../../src/libraries/Policies.sol";
import {Policy, PolicyKind, Requirement, Verdict} from "../../src/types/Structs.sol";
import {termsOf, thresholdsOf} from "../../src/types/Terms.sol";

/// @notice Statements over all inputs, which halmos proves: `halmos --contract PoliciesSymbolic`.
/// @dev Checked arithmetic here panics where unchecked arithmetic there would wrap: equality excludes both.
contract PoliciesSymbolic {
    struct Weights {
        uint96 signedNative;
        uint96 signedExternal;
        uint96 totalNative;
        uint96 totalExternal;
    }

    function signed(Weights memory w) private pure returns (WeightPair) {
        return WeightPair.wrap(uint256(w.signedNative) << 96 | w.signedExternal);
    }

    function total(Weights memory w) private pure returns (WeightPair) {
        return WeightPair.wrap(uint256(w.totalNative) << 96 | w.totalExternal);
    }

    function judge(PolicyKind kind, uint16 nativeBps, uint16 externalBps, Weights memory w, Requirement memory r)
        private
        pure
        returns (Verdict)
    {
        Policy memory policy;
        policy.kind = kind;
        policy.nativeBps = nativeBps;
        policy.externalBps = externalBps;
        return Policies.judge(termsOf(policy), Inputs.wrap(0), signed(w), total(w), thresholdsOf(r));
    }

    function check_token_without_stake_reaches_nothing(uint96 some, uint16 bps) external pure {
        assert(!Policies.reaches(some, 0, bps));
        assert(!Policies.exceeds(some, 0, bps));
    }

    function check_thresholds_of_one_token_never_overflow(uint96 some, uint96 all, uint16 bps) external pure {
        uint256 left = uint256(some) * 10_000;
        uint256 right = uint256(all) * bps;
        assert(Policies.reaches(some, all, bps) == (all != 0 && left >= right));
        assert(Policies.exceeds(some, all, bps) == (all != 0 && left > right));
    }

    function check_both_is_final_exactly_when_each_token_is(uint16 nativeBps, uint16 externalBps, Weights memory w)
        external
        pure
    {
        Requirement memory nothing;
        bool native = Policies.reaches(w.signedNative, w.totalNative, nativeBps);
        bool ext = Policies.reaches(w.signedExternal, w.totalExternal, externalBps);
        Verdict verdict = judge(PolicyKind.Both, nativeBps, externalBps, w, nothing);
        assert(verdict == (native && ext ? Verdict.Final : Verdict.Refused));
        verdict = judge(PolicyKind.Either, nativeBps, externalBps, w, nothing);
        assert(verdict == (native || ext ? Verdict.Final : Verdict.Refused));
    }

    function check_shortcut_says_what_the_whole_judgement_says(
        PolicyKind kind,
        uint16 nativeBps,
        uint16 externalBps,
        Weights memory w,
        Requirement memory r
    ) external pure {
        Policy memory policy;
        (policy.kind, policy.nativeBps, policy.externalBps) = (kind, nativeBps, externalBps);
        bool enough = Policies.isBoth(termsOf(policy), signed(w), total(w), thresholdsOf(r));
        bool plain = kind == PolicyKind.Both && r.nativeBps | r.externalBps | r.combinedBps == 0;
        assert(enough == (plain && judge(kind, nativeBps, externalBps, w, r) == Verdict.Final));
    }

    function check_requirement_never_loosens(
        uint16 nativeBps,
        uint16 externalBps,
        Weights memory w,
        Requirement memory r
    ) external pure {
        Requirement memory nothing;
        Verdict tightened = judge(PolicyKind.Both, nativeBps, externalBps, w, r);
        assert(tightened == Verdict.Refused || tightened == judge(PolicyKind.Both, nativeBps, externalBps, w, nothing));
    }
}
