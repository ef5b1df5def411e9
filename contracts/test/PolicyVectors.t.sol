// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.31;

import {PolicyFixture} from "./utils/PolicyFixture.sol";
import {WeightPair} from "../src/libraries/OperatorTables.sol";
import {IN_FALLBACK, Inputs, Policies, pricesOf} from "../src/libraries/Policies.sol";
import {Policy, PolicyKind, Requirement, Verdict} from "../src/types/Structs.sol";
import {Terms, termsOf, thresholdsOf} from "../src/types/Terms.sol";

/// @notice The judgements that Rust wrote down.
contract PolicyVectorsTest is PolicyFixture {
    struct PolicyVector {
        uint16 combinedBps;
        uint16 externalBps;
        uint16 fallbackBps;
        uint8 kind;
        uint16 nativeBps;
        uint16 nativeCapBps;
        uint16 vetoBps;
        uint32 vetoSeconds;
    }

    struct RequirementVector {
        uint16 combinedBps;
        uint16 externalBps;
        uint16 nativeBps;
    }

    struct CaseVector {
        uint128 externalPrice;
        bool inFallback;
        string name;
        uint128 nativePrice;
        PolicyVector policy;
        RequirementVector requirement;
        uint96 signedExternal;
        uint96 signedNative;
        bool stops;
        uint96 totalExternal;
        uint96 totalNative;
        uint8 verdict;
    }

    string private constant CASE =
        "CaseVector(uint128 externalPrice,bool inFallback,string name,uint128 nativePrice,PolicyVector policy,RequirementVector requirement,uint96 signedExternal,uint96 signedNative,bool stops,uint96 totalExternal,uint96 totalNative,uint8 verdict)PolicyVector(uint16 combinedBps,uint16 externalBps,uint16 fallbackBps,uint8 kind,uint16 nativeBps,uint16 nativeCapBps,uint16 vetoBps,uint32 vetoSeconds)RequirementVector(uint16 combinedBps,uint16 externalBps,uint16 nativeBps)";

    CaseVector[] private cases;

    function setUp() public {
        CaseVector[] memory all = abi.decode(vm.parseJsonTypeArray(vectors("policies"), "$", CASE), (CaseVector[]));
        for (uint256 i = 0; i < all.length; i++) {
            cases.push(all[i]);
        }
    }

    function validate(Policy memory policy) external view {
        Policies.validate(policy);
    }

    function demand(CaseVector memory c) external view returns (Verdict) {
        return Policies.demand(termsOf(policyOf(c)), inputsOf(c), signedOf(c), totalOf(c), requirementOf(c));
    }

    function demandVeto(CaseVector memory c) external view {
        Policies.demandVeto(termsOf(policyOf(c)), signedOf(c), totalOf(c));
    }

    function policyOf(CaseVector memory c) private view returns (Policy memory) {
        PolicyVector memory p = c.policy;
        PolicyKind kind = PolicyKind(p.kind);
        bool asks = kind == PolicyKind.Combined || kind == PolicyKind.BothOrFallback;
        return Policy({
            kind: kind,
            nativeBps: p.nativeBps,
            externalBps: p.externalBps,
            combinedBps: p.combinedBps,
            nativeCapBps: p.nativeCapBps,
            fallbackBps: p.fallbackBps,
            vetoBps: p.vetoBps,
            vetoSeconds: p.vetoSeconds,
            oracle: asks ? address(this) : address(0)
        });
    }

    function inputsOf(CaseVector memory c) private pure returns (Inputs) {
        if (PolicyKind(c.policy.kind) != PolicyKind.BothOrFallback) return pricesOf(c.nativePrice, c.externalPrice);
        return c.inFallback ? IN_FALLBACK : Inputs.wrap(0);
    }

    function requirementOf(CaseVector memory c) private pure returns (Terms) {
        RequirementVector memory r = c.requirement;
        return thresholdsOf(Requirement(r.nativeBps, r.externalBps, r.combinedBps));
    }

    function signedOf(CaseVector memory c) private pure returns (WeightPair) {
        return pair(c.signedNative, c.signedExternal);
    }

    function totalOf(CaseVector memory c) private pure returns (WeightPair) {
        return pair(c.totalNative, c.totalExternal);
    }

    function test_there_are_cases_of_every_kind_and_verdict() public view {
        bool[3][6] memory met;
        for (uint256 i = 0; i < cases.length; i++) {
            met[cases[i].policy.kind][cases[i].verdict] = true;
        }
        for (uint256 kind = 0; kind < 6; kind++) {
            vm.assertTrue(met[kind][uint256(Verdict.Refused)]);
            vm.assertTrue(met[kind][uint256(Verdict.Final)]);
        }
        vm.assertTrue(met[uint256(PolicyKind.Veto)][uint256(Verdict.Pending)]);
    }

    function test_policies_of_the_vectors_are_valid() public view {
        for (uint256 i = 0; i < cases.length; i++) {
            this.validate(policyOf(cases[i]));
        }
    }

    function test_certificates_of_the_vectors_are_judged_alike() public view {
        for (uint256 i = 0; i < cases.length; i++) {
            CaseVector memory c = cases[i];
            Verdict verdict =
                Policies.judge(termsOf(policyOf(c)), inputsOf(c), signedOf(c), totalOf(c), requirementOf(c));
            vm.assertEq(uint256(verdict), c.verdict, c.name);
            vm.assertTrue(isDemanded(c) == (c.verdict != 0), c.name);
        }
    }

    function isDemanded(CaseVector memory c) private view returns (bool) {
        try this.demand(c) {
            return true;
        } catch {
            return false;
        }
    }

    function test_vetoes_of_the_vectors_stop_alike() public view {
        uint256 stopped;
        for (uint256 i = 0; i < cases.length; i++) {
            if (PolicyKind(cases[i].policy.kind) != PolicyKind.Veto) continue;
            try this.demandVeto(cases[i]) {
                vm.assertTrue(cases[i].stops, cases[i].name);
                stopped++;
            } catch {
                vm.assertFalse(cases[i].stops);
            }
        }
        vm.assertGe(stopped, 1);
    }
}
