// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.31;

import {FixedCondition, FixedPrices, RudeOracle} from "./utils/Oracles.sol";
import {PolicyFixture} from "./utils/PolicyFixture.sol";
import {Wide, times} from "./utils/Wide.sol";
import {WeightPair} from "../src/libraries/OperatorTables.sol";
import {IN_FALLBACK, Inputs, Policies, pricesOf} from "../src/libraries/Policies.sol";
import {Policy, PolicyKind, Requirement, Token, Verdict} from "../src/types/Structs.sol";
import {Terms, termsOf, thresholdsOf} from "../src/types/Terms.sol";

/// @notice What one judgement is about.
struct Trial {
    Policy policy;
    Inputs inputs;
    uint96 signedNative;
    uint96 signedExternal;
    uint96 totalNative;
    uint96 totalExternal;
    Requirement requirement;
}

contract PoliciesTest is PolicyFixture {
    uint256 private constant ONE = 10_000;
    uint96 private constant MOST = type(uint96).max;

    Requirement private nothing;

    function validate(Policy memory policy) external view {
        Policies.validate(policy);
    }

    function judge(Trial memory c) private pure returns (Verdict) {
        return Policies.judge(termsOf(c.policy), c.inputs, signed(c), total(c), thresholdsOf(c.requirement));
    }

    function demand(Trial memory c) external pure returns (Verdict) {
        return Policies.demand(termsOf(c.policy), c.inputs, signed(c), total(c), thresholdsOf(c.requirement));
    }

    function signed(Trial memory c) private pure returns (WeightPair) {
        return pair(c.signedNative, c.signedExternal);
    }

    function total(Trial memory c) private pure returns (WeightPair) {
        return pair(c.totalNative, c.totalExternal);
    }

    /// @notice A policy, and how many of how many signed.
    function on(Policy memory policy, uint96 sn, uint96 tn, uint96 se, uint96 te) private view returns (Trial memory) {
        return Trial(policy, pricesOf(1, 1), sn, se, tn, te, nothing);
    }

    function expect(Verdict verdict, Trial memory c) private pure {
        vm.assertEq(uint256(judge(c)), uint256(verdict));
    }

    function refuse(Trial memory c, bytes memory reason) private {
        expect(Verdict.Refused, c);
        vm.expectRevert(reason);
        this.demand(c);
    }

    function shortOf(Token token, uint96 s, uint96 t, uint16 bps) private pure returns (bytes memory) {
        return abi.encodeWithSelector(Policies.QuorumNotReached.selector, token, s, t, bps);
    }

    // Which policies there can be

    function invalid(Policy memory policy, string memory field) private {
        vm.expectRevert(abi.encodeWithSelector(Policies.InvalidPolicy.selector, policy.kind, field));
        this.validate(policy);
    }

    function kinds() private view returns (Policy[6] memory) {
        return [
            both(6667, 6667),
            combined(6667, 2500, address(this)),
            vetoable(6667, 3334, 3600),
            bothOrFallback(6667, 6667, 8500, address(this)),
            either(6667, 6667),
            single(Token.Native, 6667)
        ];
    }

    function copy(Policy memory policy) private pure returns (Policy memory) {
        return abi.decode(abi.encode(policy), (Policy));
    }

    function test_policy_of_every_kind_is_valid() public view {
        Policy[6] memory all = kinds();
        for (uint256 i = 0; i < all.length; i++) {
            vm.assertEq(uint256(all[i].kind), [0, 1, 2, 3, 4, 5][i]);
            this.validate(all[i]);
        }
        this.validate(single(Token.External, 10_000));
    }

    /// @dev Every field of every kind: zero where it is used, not zero where it is not, and more than everything.
    function test_field_out_of_range_is_refused() public {
        // nativeBps, externalBps, combinedBps, nativeCapBps, fallbackBps, vetoBps, in the order of the kinds.
        bool[6][6] memory used = [
            [true, true, false, false, false, false],
            [false, false, true, true, false, false],
            [true, false, false, false, false, true],
            [true, true, false, false, true, false],
            [true, true, false, false, false, false],
            [true, false, false, false, false, false]
        ];
        string[6] memory names = ["nativeBps", "externalBps", "combinedBps", "nativeCapBps", "fallbackBps", "vetoBps"];
        Policy[6] memory all = kinds();
        for (uint256 i = 0; i < 6; i++) {
            for (uint256 j = 0; j < 6; j++) {
                // Of the kind Single, a second threshold makes the first one that is not used.
                string memory name = i == 5 && j == 1 ? names[0] : names[j];
                if (!used[i][j]) invalid(with(all[i], j, 1), name);
                else if (!(i == 5)) invalid(with(all[i], j, 0), name);
                if (used[i][j]) invalid(with(all[i], j, 10_001), name);
            }
        }
    }

    function with(Policy memory policy, uint256 field, uint16 value) private pure returns (Policy memory changed) {
        changed = copy(policy);
        if (field == 0) changed.nativeBps = value;
        if (field == 1) changed.externalBps = value;
        if (field == 2) changed.combinedBps = value;
        if (field == 3) changed.nativeCapBps = value;
        if (field == 4) changed.fallbackBps = value;
        if (field == 5) changed.vetoBps = value;
    }

    function test_single_needs_one_threshold() public {
        invalid(single(Token.External, 0), "nativeBps");
        Policy memory policy = both(1, 1);
        policy.kind = PolicyKind.Single;
        invalid(policy, "nativeBps");
        invalid(single(Token.External, 10_001), "externalBps");
    }

    function test_fallback_threshold_must_be_above_the_usual() public {
        invalid(bothOrFallback(6667, 8500, 8500, address(this)), "fallbackBps");
        this.validate(bothOrFallback(6667, 8500, 8501, address(this)));
    }

    function test_window_for_vetoes_belongs_to_veto() public {
        invalid(vetoable(6667, 3334, 0), "vetoSeconds");
        Policy memory policy = both(1, 1);
        policy.vetoSeconds = 1;
        invalid(policy, "vetoSeconds");
    }

    function test_oracle_needs_code_where_it_is_asked_and_is_zero_elsewhere() public {
        invalid(combined(6667, 2500, address(0)), "oracle");
        invalid(combined(6667, 2500, address(0xdead)), "oracle");
        invalid(bothOrFallback(6667, 6667, 8500, address(0xdead)), "oracle");
        Policy[6] memory all = kinds();
        for (uint256 i = 0; i < 6; i++) {
            if (all[i].oracle != address(0)) continue;
            all[i].oracle = address(this);
            invalid(all[i], "oracle");
        }
    }

    function testFuzz_terms_are_the_whole_policy(uint8 kind, uint16[6] memory bps, uint32 time, address oracle)
        public
        pure
    {
        Policy memory policy =
            Policy(PolicyKind(kind % 6), bps[0], bps[1], bps[2], bps[3], bps[4], bps[5], time, oracle);
        vm.assertEq(abi.encode(termsOf(policy).withOracle(oracle)), abi.encode(policy));
    }

    // Each kind

    function test_both_needs_both() public {
        Policy memory policy = both(6667, 5000);
        expect(Verdict.Final, on(policy, 67, 100, 50, 100));
        refuse(on(policy, 66, 100, 50, 100), shortOf(Token.Native, 66, 100, 6667));
        refuse(on(policy, 67, 100, 49, 100), shortOf(Token.External, 49, 100, 5000));
    }

    function test_either_needs_one() public {
        Policy memory policy = either(6667, 5000);
        expect(Verdict.Final, on(policy, 67, 100, 0, 100));
        expect(Verdict.Final, on(policy, 0, 100, 50, 100));
        expect(Verdict.Final, on(policy, 0, 0, 50, 100));
        bytes memory reason =
            abi.encodeWithSelector(Policies.NeitherQuorumReached.selector, 66, 100, 6667, 49, 100, 5000);
        refuse(on(policy, 66, 100, 49, 100), reason);
    }

    function test_single_needs_the_one() public {
        expect(Verdict.Final, on(single(Token.Native, 6667), 67, 100, 0, 100));
        expect(Verdict.Final, on(single(Token.External, 6667), 0, 0, 67, 100));
        refuse(on(single(Token.Native, 6667), 66, 100, 100, 100), shortOf(Token.Native, 66, 100, 6667));
        refuse(on(single(Token.External, 6667), 100, 100, 66, 100), shortOf(Token.External, 66, 100, 6667));
    }

    function test_veto_waits_until_too_few_are_left_to_veto() public {
        Policy memory policy = vetoable(6667, 3400, 3600);
        expect(Verdict.Pending, on(policy, 67, 100, 0, 100));
        expect(Verdict.Pending, on(policy, 67, 100, 66, 100));
        expect(Verdict.Final, on(policy, 67, 100, 67, 100));
        refuse(on(policy, 66, 100, 100, 100), shortOf(Token.Native, 66, 100, 6667));
    }

    /// @dev Who can not be heard can not consent: without external stake there is no wave-through.
    function test_veto_without_external_stake_always_waits() public view {
        expect(Verdict.Pending, on(vetoable(6667, 10_000, 3600), 100, 100, 0, 0));
        expect(Verdict.Final, on(vetoable(6667, 10_000, 3600), 100, 100, 1, MOST));
    }

    function test_fallback_needs_the_external_token_at_its_higher_threshold() public {
        Trial memory c = on(bothOrFallback(6667, 6667, 8500, address(1)), 0, 100, 85, 100);
        refuse(c, shortOf(Token.Native, 0, 100, 6667));
        c.inputs = IN_FALLBACK;
        expect(Verdict.Final, c);
        c.signedExternal = 84;
        refuse(c, abi.encodeWithSelector(Policies.FallbackQuorumNotReached.selector, 84, 100, 8500));
        (c.signedNative, c.signedExternal) = (67, 67);
        expect(Verdict.Final, c);
        c.inputs = Inputs.wrap(0);
        expect(Verdict.Final, c);
    }

    function test_fallback_of_another_kind_means_nothing() public {
        Trial memory c = on(both(6667, 6667), 0, 100, 100, 100);
        c.inputs = IN_FALLBACK;
        refuse(c, shortOf(Token.Native, 0, 100, 6667));
    }

    function test_combined_adds_up_values() public {
        Trial memory c = on(combined(6667, 10_000, address(1)), 10, 30, 50, 100);
        c.inputs = pricesOf(2, 3);
        // 20 + 150 of 60 + 300.
        refuse(c, abi.encodeWithSelector(Policies.CombinedQuorumNotReached.selector, 170, 360, 6667));
        c.signedExternal = 74;
        expect(Verdict.Final, c);
    }

    function test_cap_bounds_what_the_native_token_counts_for() public {
        // The native token is worth nine times as much, and counts for a quarter.
        Trial memory c = on(combined(6667, 2500, address(1)), 900, 900, 55, 100);
        // (900 · 100 · 2500 + 55 · 900 · 7500) / (900 · 100 · 10 000) = 0.6625.
        refuse(c, abi.encodeWithSelector(Policies.CombinedQuorumNotReached.selector, 596_250_000, 900_000_000, 6667));
        c.signedExternal = 56;
        expect(Verdict.Final, c);
    }

    function test_cap_without_external_stake_counts_nothing() public {
        Trial memory c = on(combined(1, 2500, address(1)), 900, 900, 0, 0);
        refuse(c, abi.encodeWithSelector(Policies.CombinedQuorumNotReached.selector, 0, 0, 1));
        c.policy.nativeCapBps = 10_000;
        expect(Verdict.Final, c);
    }

    function test_prices_that_are_not_known_refuse() public {
        Trial memory c = on(combined(1, 10_000, address(1)), 100, 100, 100, 100);
        c.inputs = pricesOf(0, 5);
        refuse(c, abi.encodeWithSelector(Policies.PricesUnknown.selector, 0, 5));
        c.inputs = pricesOf(5, 0);
        refuse(c, abi.encodeWithSelector(Policies.PricesUnknown.selector, 5, 0));
    }

    function test_token_without_stake_reaches_nothing() public {
        refuse(on(both(1, 1), 0, 0, 100, 100), shortOf(Token.Native, 0, 0, 1));
        refuse(on(both(1, 1), 100, 100, 0, 0), shortOf(Token.External, 0, 0, 1));
        refuse(on(single(Token.Native, 1), 0, 0, 100, 100), shortOf(Token.Native, 0, 0, 1));
        refuse(on(vetoable(1, 1, 1), 0, 0, 100, 100), shortOf(Token.Native, 0, 0, 1));
        refuse(
            on(either(1, 1), 0, 0, 0, 0),
            abi.encodeWithSelector(Policies.NeitherQuorumReached.selector, 0, 0, 1, 0, 0, 1)
        );
        refuse(
            on(combined(1, 10_000, address(1)), 0, 0, 0, 0),
            abi.encodeWithSelector(Policies.CombinedQuorumNotReached.selector, 0, 0, 1)
        );
        Trial memory c = on(bothOrFallback(1, 1, 2, address(1)), 100, 100, 0, 0);
        c.inputs = IN_FALLBACK;
        refuse(c, abi.encodeWithSelector(Policies.FallbackQuorumNotReached.selector, 0, 0, 2));
    }

    /// @dev A division would round 2.0001 down.
    function test_two_of_three_is_less_than_two_thirds_and_a_bit() public {
        refuse(on(single(Token.Native, 6667), 2, 3, 0, 0), shortOf(Token.Native, 2, 3, 6667));
        expect(Verdict.Final, on(single(Token.Native, 6666), 2, 3, 0, 0));
    }

    // Requirements

    function test_requirement_tightens_every_kind() public {
        Policy[6] memory all = kinds();
        all[5] = single(Token.External, 6667);
        for (uint256 i = 0; i < 6; i++) {
            Trial memory c = on(all[i], 80, 100, 90, 100);
            expect(Verdict.Final, c);
            c.requirement = Requirement(8000, 9000, 0);
            expect(Verdict.Final, c);
            c.requirement = Requirement(8001, 9000, 0);
            refuse(c, shortOf(Token.Native, 80, 100, 8001));
            c.requirement = Requirement(8000, 9001, 0);
            refuse(c, shortOf(Token.External, 90, 100, 9001));
        }
    }

    function test_requirement_holds_in_fallback_too() public {
        Trial memory c = on(bothOrFallback(6667, 6667, 8500, address(1)), 0, 100, 100, 100);
        c.inputs = IN_FALLBACK;
        expect(Verdict.Final, c);
        c.requirement.nativeBps = 1;
        refuse(c, shortOf(Token.Native, 0, 100, 1));
    }

    function test_requirement_does_not_make_a_pending_result_final() public view {
        Trial memory c = on(vetoable(6667, 3400, 3600), 80, 100, 66, 100);
        c.requirement = Requirement(8000, 6600, 0);
        expect(Verdict.Pending, c);
    }

    function test_requirement_can_not_save_what_the_policy_refuses() public {
        Trial memory c = on(both(6667, 6667), 66, 100, 100, 100);
        c.requirement = Requirement(1, 10_000, 0);
        refuse(c, shortOf(Token.Native, 66, 100, 6667));
    }

    function test_combined_value_may_be_required_with_the_services_cap() public {
        Trial memory c = on(combined(6667, 2500, address(1)), 900, 900, 56, 100);
        c.requirement.combinedBps = 6700;
        expect(Verdict.Final, c);
        c.requirement.combinedBps = 6701;
        refuse(c, abi.encodeWithSelector(Policies.CombinedQuorumNotReached.selector, 603_000_000, 900_000_000, 6701));
    }

    function test_combined_value_is_refused_by_every_other_kind() public {
        Policy[6] memory all = kinds();
        for (uint256 i = 0; i < 6; i++) {
            if (all[i].kind == PolicyKind.Combined) continue;
            Trial memory c = on(all[i], 100, 100, 100, 100);
            c.requirement.combinedBps = 1;
            refuse(c, abi.encodeWithSelector(Policies.CombinedNotSupported.selector, all[i].kind, 1));
        }
    }

    // Against the definition in 512 bits

    function reaches(uint256 s, uint256 t, uint256 bps) private pure returns (bool) {
        return t > 0 && times(s, ONE).isAtLeast(times(t, bps));
    }

    /// @dev With A, B the values of all stake and s, e of what signed, the share is (f·s + e) / (f·A + B) with f the
    /// least of 1 and c·B / ((1 − c)·A). Both sides times (1 − c)·A where f is less than 1.
    function reachesCombined(Trial memory c, uint256 bps) private pure returns (bool) {
        uint256 cap = c.policy.nativeCapBps;
        uint256 allNative = uint256(c.totalNative) * c.inputs.nativePrice();
        uint256 allExternal = uint256(c.totalExternal) * c.inputs.externalPrice();
        uint256 someNative = uint256(c.signedNative) * c.inputs.nativePrice();
        uint256 someExternal = uint256(c.signedExternal) * c.inputs.externalPrice();
        if (c.inputs.nativePrice() == 0 || c.inputs.externalPrice() == 0) return false;
        if (!times(allNative, ONE - cap).isAbove(times(allExternal, cap))) {
            if (allNative + allExternal == 0) return false;
            return times(someNative + someExternal, ONE).isAtLeast(times(allNative + allExternal, bps));
        }
        Wide memory some = times(someNative * cap, allExternal).plus(times(someExternal * (ONE - cap), allNative));
        return allExternal > 0 && some.isAtLeast(times(allNative * bps, allExternal));
    }

    function defined(Trial memory c) private pure returns (Verdict) {
        Policy memory p = c.policy;
        Requirement memory r = c.requirement;
        bool native = reaches(c.signedNative, c.totalNative, p.nativeBps);
        bool ext = reaches(c.signedExternal, c.totalExternal, p.externalBps);
        if (r.nativeBps > 0 && !reaches(c.signedNative, c.totalNative, r.nativeBps)) return Verdict.Refused;
        if (r.externalBps > 0 && !reaches(c.signedExternal, c.totalExternal, r.externalBps)) return Verdict.Refused;
        if (r.combinedBps > 0 && (p.kind != PolicyKind.Combined || !reachesCombined(c, r.combinedBps))) {
            return Verdict.Refused;
        }
        bool enough;
        if (p.kind == PolicyKind.Both) enough = native && ext;
        if (p.kind == PolicyKind.Either) enough = native || ext;
        if (p.kind == PolicyKind.Single) enough = p.nativeBps > 0 ? native : ext;
        if (p.kind == PolicyKind.Combined) enough = reachesCombined(c, p.combinedBps);
        if (p.kind == PolicyKind.BothOrFallback) {
            bool alone = reaches(c.signedExternal, c.totalExternal, p.fallbackBps);
            enough = (native && ext) || (c.inputs.inFallback() && alone);
        }
        if (p.kind != PolicyKind.Veto) return enough ? Verdict.Final : Verdict.Refused;
        if (!native) return Verdict.Refused;
        bool final_ =
            c.totalExternal > 0 && times(c.signedExternal, ONE).isAbove(times(c.totalExternal, ONE - p.vetoBps));
        return final_ ? Verdict.Final : Verdict.Pending;
    }

    /// @dev Weights and prices near their ends as often as anywhere.
    function extreme(uint256 seed, uint256 most) private pure returns (uint256) {
        uint256 way = seed % 8;
        seed = uint256(keccak256(abi.encode(seed)));
        if (way == 0) return 0;
        if (way == 1) return most;
        if (way == 2) return bound(seed, 0, most < 10 ? most : 10);
        if (way == 3) return most - bound(seed, 0, most < 10 ? most : 10);
        if (way == 4) return bound(seed, 0, most < 10_001 ? most : 10_001);
        return bound(seed, 0, most);
    }

    function invent(uint256 seed) private view returns (Trial memory c) {
        uint256[16] memory s;
        for (uint256 i = 0; i < 16; i++) {
            s[i] = uint256(keccak256(abi.encode(seed, i)));
        }
        c.policy = kinds()[s[0] % 6];
        c.totalNative = uint96(extreme(s[1], MOST));
        c.totalExternal = uint96(extreme(s[2], MOST));
        if (c.policy.kind == PolicyKind.BothOrFallback) {
            c.inputs = s[5] % 2 == 0 ? IN_FALLBACK : Inputs.wrap(0);
        } else {
            uint256 most = type(uint128).max;
            c.inputs = pricesOf(uint128(extreme(s[3], most)), uint128(extreme(s[4], most)));
        }
        if (c.policy.nativeBps > 0) c.policy.nativeBps = anyBps(s[6]);
        if (c.policy.externalBps > 0) c.policy.externalBps = anyBps(s[7]);
        if (c.policy.combinedBps > 0) c.policy.combinedBps = anyBps(s[8]);
        if (c.policy.nativeCapBps > 0) c.policy.nativeCapBps = anyBps(s[9]);
        if (c.policy.fallbackBps > 0) c.policy.fallbackBps = anyBps(s[10]);
        if (c.policy.vetoBps > 0) c.policy.vetoBps = anyBps(s[11]);
        c.signedNative = near(c.totalNative, c.policy.nativeBps, s[12]);
        c.signedExternal = near(c.totalExternal, c.policy.externalBps, s[13]);
        if (s[14] % 2 == 0) c.requirement.nativeBps = uint16(extreme(s[14] >> 8, ONE));
        if (s[14] % 3 == 0) c.requirement.externalBps = uint16(extreme(s[14] >> 16, ONE));
        if (s[14] % 5 == 0) c.requirement.combinedBps = uint16(extreme(s[14] >> 24, ONE));
    }

    function anyBps(uint256 seed) private pure returns (uint16) {
        uint256 value = extreme(seed, ONE);
        return uint16(value == 0 ? 1 : value);
    }

    /// @dev Often the least that reaches a threshold, or one less.
    function near(uint96 whole, uint16 threshold, uint256 seed) private pure returns (uint96) {
        uint256 least = (uint256(whole) * threshold + ONE - 1) / ONE;
        if (seed % 3 == 0) return uint96(least);
        if (seed % 3 == 1 && least > 0) return uint96(least - 1);
        return uint96(extreme(seed >> 8, whole));
    }

    function testFuzz_verdict_is_that_of_the_definition(uint256 seed) public view {
        for (uint256 i = 0; i < 16; i++) {
            Trial memory c = invent(uint256(keccak256(abi.encode(seed, i))));
            vm.assertEq(uint256(judge(c)), uint256(defined(c)));
        }
    }

    function testFuzz_shortcut_is_final_for_both_alone(uint256 seed) public view {
        for (uint256 i = 0; i < 16; i++) {
            Trial memory c = invent(uint256(keccak256(abi.encode(seed, i))));
            if (seed % 2 == 0) c.policy.kind = PolicyKind.Both;
            if (seed % 4 < 2) c.requirement = nothing;
            Terms required = thresholdsOf(c.requirement);
            bool plain = c.policy.kind == PolicyKind.Both && Terms.unwrap(required) == 0;
            bool enough = Policies.isBoth(termsOf(c.policy), signed(c), total(c), required);
            vm.assertTrue(enough == (plain && judge(c) == Verdict.Final));
        }
    }

    /// @dev The search above meets every verdict of every kind; else it would show little.
    function test_definition_is_met_on_all_sides() public view {
        bool[3][6] memory met;
        for (uint256 seed = 0; seed < 2000; seed++) {
            Trial memory c = invent(seed);
            met[uint256(c.policy.kind)][uint256(defined(c))] = true;
        }
        for (uint256 kind = 0; kind < 6; kind++) {
            vm.assertTrue(met[kind][uint256(Verdict.Refused)]);
            vm.assertTrue(met[kind][uint256(Verdict.Final)]);
            vm.assertTrue(met[kind][uint256(Verdict.Pending)] == (kind == uint256(PolicyKind.Veto)));
        }
    }

    /// @dev A refusal always has a reason.
    function testFuzz_demand_reverts_exactly_when_refused(uint256 seed) public view {
        Trial memory c = invent(seed);
        Verdict verdict = judge(c);
        try this.demand(c) returns (Verdict demanded) {
            vm.assertEq(uint256(demanded), uint256(verdict));
            vm.assertTrue(verdict != Verdict.Refused);
        } catch (bytes memory reason) {
            vm.assertTrue(verdict == Verdict.Refused);
            vm.assertGe(reason.length, 4);
            vm.assertTrue(bytes4(reason) != bytes4(keccak256("Panic(uint256)")));
        }
    }

    function testFuzz_requirement_never_loosens(uint256 seed) public view {
        Trial memory c = invent(seed);
        Verdict with_ = judge(c);
        c.requirement = nothing;
        vm.assertTrue(with_ == Verdict.Refused || with_ == judge(c));
    }

    function testFuzz_more_signatures_never_hurt(uint256 seed, uint96 more, bool native) public view {
        Trial memory c = invent(seed);
        Verdict before = judge(c);
        if (native) c.signedNative += uint96(bound(more, 0, c.totalNative - c.signedNative));
        else c.signedExternal += uint96(bound(more, 0, c.totalExternal - c.signedExternal));
        vm.assertGe(uint256(judge(c)), uint256(before));
    }

    function testFuzz_capped_native_token_counts_for_at_most_the_cap(uint256 seed) public view {
        Trial memory c = invent(seed);
        uint16 cap = anyBps(seed >> 128);
        vm.assume(c.inputs.nativePrice() > 0 && c.inputs.externalPrice() > 0);
        (uint256 value, uint256 whole) = Policies.combinedValue(c.inputs, pair(c.totalNative, 0), total(c), cap);
        vm.assertFalse(times(value, ONE).isAbove(times(whole, cap)));
        (value, whole) = Policies.combinedValue(c.inputs, total(c), total(c), cap);
        vm.assertEq(value, whole);
    }

    // Oracles

    function read(Trial memory c) private view returns (Inputs) {
        return Policies.read(termsOf(c.policy), c.policy.oracle, signed(c), total(c));
    }

    function test_prices_are_read_for_combined() public {
        FixedPrices prices = new FixedPrices(7, type(uint128).max);
        Inputs inputs = read(on(combined(1, 1, address(prices)), 0, 1, 0, 1));
        vm.assertEq(inputs.nativePrice(), 7);
        vm.assertEq(inputs.externalPrice(), type(uint128).max);
    }

    function test_condition_is_asked_only_when_both_is_not_reached() public {
        FixedCondition condition = new FixedCondition();
        condition.set(true);
        Trial memory c = on(bothOrFallback(6667, 6667, 8500, address(condition)), 66, 100, 100, 100);
        vm.assertTrue(read(c).inFallback());
        c.signedNative = 67;
        vm.expectCall(address(condition), abi.encodeWithSignature("active()"), 0);
        vm.assertFalse(read(c).inFallback());
    }

    function test_rude_oracle_has_given_no_answer() public {
        RudeOracle rude = new RudeOracle();
        Trial memory price = on(combined(1, 10_000, address(rude)), 1, 1, 1, 1);
        Trial memory condition = on(bothOrFallback(1, 1, 2, address(rude)), 0, 1, 1, 1);
        bytes[5] memory answers = [
            bytes(""),
            hex"01",
            abi.encodePacked(uint256(1 << 128)),
            abi.encode(uint256(1 << 128), uint256(1 << 128)),
            abi.encode(type(uint256).max, type(uint256).max)
        ];
        for (uint256 i = 0; i < answers.length; i++) {
            rude.set(RudeOracle.Way.Answer, answers[i]);
            vm.assertEq(abi.encode(read(price)), abi.encode(0));
            vm.assertEq(abi.encode(read(condition)), abi.encode(0));
        }
        for (uint256 way = 1; way < 4; way++) {
            rude.set(RudeOracle.Way(way), "");
            vm.assertEq(abi.encode(read(price)), abi.encode(0));
            vm.assertEq(abi.encode(read(condition)), abi.encode(0));
        }
    }

    function test_oracle_that_lost_its_code_has_given_no_answer() public view {
        vm.assertEq(abi.encode(read(on(combined(1, 1, address(0xdead)), 1, 1, 1, 1))), abi.encode(0));
    }
}
