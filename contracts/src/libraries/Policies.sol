// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.31;

import {WeightPair} from "./OperatorTables.sol";
import {Views} from "./Views.sol";
import {IFallbackCondition} from "../interfaces/IFallbackCondition.sol";
import {IPriceSource} from "../interfaces/IPriceSource.sol";
import {Policy, PolicyKind, Requirement, Token, Verdict} from "../types/Structs.sol";
import {Terms} from "../types/Terms.sol";

/// @notice What a judgement needs to know beside the weights, in one word; zero where the policy does not ask, or gets no
/// answer.
///
/// | policy | bits | field |
/// |---|---|---|
/// | Combined | 0-127 | worth of one smallest unit of the external token, 0 when it is not known |
/// | Combined | 128-255 | the same of the native token |
/// | BothOrFallback | 0 | whether the fallback condition holds |
type Inputs is uint256;

/// @dev Under `BothOrFallback`: the condition holds.
Inputs constant IN_FALLBACK = Inputs.wrap(1);

using {nativePrice, externalPrice, inFallback} for Inputs global;

/// @notice What `Combined` needs to know.
function pricesOf(uint128 nativePrice_, uint128 externalPrice_) pure returns (Inputs) {
    return Inputs.wrap(uint256(nativePrice_) << 128 | externalPrice_);
}

function nativePrice(Inputs inputs) pure returns (uint128) {
    return uint128(Inputs.unwrap(inputs) >> 128);
}

function externalPrice(Inputs inputs) pure returns (uint128) {
    return uint128(Inputs.unwrap(inputs));
}

function inFallback(Inputs inputs) pure returns (bool) {
    return Inputs.unwrap(inputs) == Inputs.unwrap(IN_FALLBACK);
}

/// @title Policies
/// @notice Whether the stake that signed is enough: the arithmetic of docs/reference/policies.md, pinned by
/// vectors/policies.json.
/// @dev Nothing is divided, so nothing is rounded, and no product reaches 2^256. What is in doubt is refused: a token
/// without stake reaches nothing, prices that are not known make no value, a condition that does not answer does not
/// hold. Knows nothing of signatures: `signed` must be the weights of operators that did sign.
library Policies {
    /// @notice A field of a policy is out of range, or its kind does not use it and it is not zero.
    error InvalidPolicy(PolicyKind kind, string field);
    /// @notice A requirement asks for more than everything.
    error RequirementOutOfBounds(uint16 bps);
    /// @notice Only services with the policy `Combined` know a combined value.
    error CombinedNotSupported(PolicyKind kind, uint16 combinedBps);

    /// @notice Less of a token's stake signed than the policy or the requirement demands, or there is none of it.
    error QuorumNotReached(Token token, uint96 signed, uint96 total, uint16 bps);
    /// @notice Neither token reached the threshold that the policy `Either` sets for it.
    error NeitherQuorumReached(
        uint96 signedNative,
        uint96 totalNative,
        uint16 nativeBps,
        uint96 signedExternal,
        uint96 totalExternal,
        uint16 externalBps
    );
    /// @notice The native token has failed, and of the external token less signed than it then takes.
    error FallbackQuorumNotReached(uint96 signedExternal, uint96 totalExternal, uint16 fallbackBps);
    /// @notice Less of the combined value signed than the policy or the requirement demands, or there is none.
    /// @dev In the price source's unit; where the cap binds, in a unit without a name, as prices cancel.
    error CombinedQuorumNotReached(uint256 signedValue, uint256 totalValue, uint16 bps);
    /// @notice The price source does not know what a token is worth: 0.
    error PricesUnknown(uint128 native, uint128 ext);

    uint256 private constant ONE_IN_BPS = 10_000;

    // What may be chosen

    /// @notice Demands that every field which the policy's kind uses is in range, and every other zero.
    function validate(Policy memory policy) internal view {
        PolicyKind kind = policy.kind;
        bool combined = kind == PolicyKind.Combined;
        bool veto = kind == PolicyKind.Veto;
        bool fallback_ = kind == PolicyKind.BothOrFallback;
        bool single = kind == PolicyKind.Single;
        bool native = !combined && !(single && policy.externalBps != 0);
        bool ext = !combined && !veto && !(single && policy.externalBps == 0);
        _demandBps(kind, "nativeBps", policy.nativeBps, native);
        _demandBps(kind, "externalBps", policy.externalBps, ext);
        _demandBps(kind, "combinedBps", policy.combinedBps, combined);
        _demandBps(kind, "nativeCapBps", policy.nativeCapBps, combined);
        _demandBps(kind, "fallbackBps", policy.fallbackBps, fallback_);
        if (fallback_ && policy.fallbackBps <= policy.externalBps) revert InvalidPolicy(kind, "fallbackBps");
        _demandBps(kind, "vetoBps", policy.vetoBps, veto);
        if ((policy.vetoSeconds != 0) != veto) revert InvalidPolicy(kind, "vetoSeconds");
        bool oracle = combined || fallback_;
        if (oracle ? policy.oracle.code.length == 0 : policy.oracle != address(0)) {
            revert InvalidPolicy(kind, "oracle");
        }
    }

    /// @notice Demands a requirement that some certificate could meet under a policy of that kind.
    function validate(Requirement memory requirement, PolicyKind kind) internal pure {
        if (requirement.nativeBps > ONE_IN_BPS) revert RequirementOutOfBounds(requirement.nativeBps);
        if (requirement.externalBps > ONE_IN_BPS) revert RequirementOutOfBounds(requirement.externalBps);
        if (requirement.combinedBps > ONE_IN_BPS) revert RequirementOutOfBounds(requirement.combinedBps);
        _demandSupported(requirement.combinedBps, kind);
    }

    // Judgement

    /// @notice Whether the policy is `Both`, nothing is required beside it, and each token reaches its threshold: the
    /// commonest case, in which `judge` says `Final` and needs no inputs.
    function isBoth(Terms terms, WeightPair signed, WeightPair total, Terms requirement)
        internal
        pure
        returns (bool enough)
    {
        // return Terms.unwrap(requirement) == 0 && terms.isKind(PolicyKind.Both) && _both(terms, signed, total);
        assembly ("memory-safe") {
            let all := shr(96, total)
            let refused := lt(mul(shr(96, signed), ONE_IN_BPS), mul(all, and(shr(16, terms), 0xffff)))
            refused := or(refused, iszero(all))
            all := and(total, 0xffffffffffffffffffffffff)
            signed := and(signed, 0xffffffffffffffffffffffff)
            refused := or(refused, lt(mul(signed, ONE_IN_BPS), mul(all, and(shr(32, terms), 0xffff))))
            refused := or(refused, iszero(all))
            enough := iszero(or(or(refused, requirement), and(terms, 0xffff)))
        }
    }

    /// @notice Asks the policy's oracle what a judgement on these weights needs, and nothing that it does not.
    /// @dev An oracle that reverts or answers with anything but what its interface promises has given no answer.
    function read(Terms terms, address oracle, WeightPair signed, WeightPair total)
        internal
        view
        returns (Inputs inputs)
    {
        if (oracle == address(0)) return inputs;
        if (terms.isKind(PolicyKind.Combined)) {
            (, uint256[5] memory answer) = Views.ask(oracle, IPriceSource.prices.selector, gasleft(), 2);
            return pricesOf(_price(answer[0]), _price(answer[1]));
        }
        if (_both(terms, signed, total)) return inputs;
        (, uint256[5] memory condition) = Views.ask(oracle, IFallbackCondition.active.selector, gasleft(), 1);
        if (condition[0] == 1) inputs = IN_FALLBACK;
    }

    /// @notice What the policy, tightened by the requirement, says of a certificate.
    /// @param requirement As `thresholdsOf` packs it.
    function judge(Terms terms, Inputs inputs, WeightPair signed, WeightPair total, Terms requirement)
        internal
        pure
        returns (Verdict)
    {
        if (!_meets(terms, inputs, signed, total, requirement)) return Verdict.Refused;
        bool enough;
        if (terms.isKind(PolicyKind.Both)) {
            enough = _both(terms, signed, total);
        } else if (terms.isKind(PolicyKind.Veto)) {
            return _judgeVeto(terms, signed, total);
        } else if (terms.isKind(PolicyKind.Combined)) {
            enough = _combined(terms, inputs, signed, total, terms.combinedBps());
        } else if (terms.isKind(PolicyKind.BothOrFallback)) {
            enough = _bothOrFallback(terms, inputs, signed, total);
        } else if (terms.isKind(PolicyKind.Either)) {
            enough = _either(terms, signed, total);
        } else {
            enough = _single(terms, signed, total);
        }
        return enough ? Verdict.Final : Verdict.Refused;
    }

    /// @notice As `judge`, but reverts with the reason instead of refusing.
    function demand(Terms terms, Inputs inputs, WeightPair signed, WeightPair total, Terms requirement)
        internal
        pure
        returns (Verdict verdict)
    {
        verdict = judge(terms, inputs, signed, total, requirement);
        if (verdict == Verdict.Refused) _explain(terms, inputs, signed, total, requirement);
    }

    /// @notice Demands that enough of the external token signed a veto.
    function demandVeto(Terms terms, WeightPair signed, WeightPair total) internal pure {
        _demandShare(Token.External, signed, total, terms.vetoBps());
    }

    /// @notice The signed and the whole combined value, the native token counting for at most `capBps` of the whole.
    /// @dev With A and B the values of all native and external stake, the cap c binds where A · (1 − c) > B · c. Then
    /// the native token counts as if worth c / (1 − c) · B, and with both values times (1 − c) · tn / pe, the prices
    /// cancel. Both are below 2^226. The whole is 0 exactly when there is nothing to count, or the cap counts the
    /// native token by external stake that is not there.
    function combinedValue(Inputs prices, WeightPair signed, WeightPair total, uint16 capBps)
        internal
        pure
        returns (uint256 signedValue, uint256 totalValue)
    {
        unchecked {
            uint256 tn = total.nativeWeight();
            uint256 te = total.externalWeight();
            uint256 sn = signed.nativeWeight();
            uint256 se = signed.externalWeight();
            uint256 rest = ONE_IN_BPS - capBps;
            uint256 a = tn * prices.nativePrice();
            uint256 b = te * prices.externalPrice();
            if (a * rest <= b * capBps) return (sn * prices.nativePrice() + se * prices.externalPrice(), a + b);
            return (sn * te * capBps + se * tn * rest, tn * te * ONE_IN_BPS);
        }
    }

    /// @notice total > 0 and signed · 10 000 ≥ total · bps, for values below 2^240.
    function reaches(uint256 signed, uint256 total, uint256 bps) internal pure returns (bool) {
        unchecked {
            return total != 0 && signed * ONE_IN_BPS >= total * bps;
        }
    }

    /// @notice total > 0 and signed · 10 000 > total · bps, for values below 2^240.
    function exceeds(uint256 signed, uint256 total, uint256 bps) internal pure returns (bool) {
        unchecked {
            return total != 0 && signed * ONE_IN_BPS > total * bps;
        }
    }

    /// @dev One that does not fit is not known.
    function _price(uint256 answer) private pure returns (uint128) {
        return answer > type(uint128).max ? 0 : uint128(answer);
    }

    // The kinds

    function _both(Terms terms, WeightPair signed, WeightPair total) private pure returns (bool) {
        return _native(signed, total, terms.nativeBps()) && _external(signed, total, terms.externalBps());
    }

    function _either(Terms terms, WeightPair signed, WeightPair total) private pure returns (bool) {
        return _native(signed, total, terms.nativeBps()) || _external(signed, total, terms.externalBps());
    }

    function _single(Terms terms, WeightPair signed, WeightPair total) private pure returns (bool) {
        return terms.nativeBps() != 0
            ? _native(signed, total, terms.nativeBps())
            : _external(signed, total, terms.externalBps());
    }

    function _bothOrFallback(Terms terms, Inputs inputs, WeightPair signed, WeightPair total)
        private
        pure
        returns (bool)
    {
        return _both(terms, signed, total) || (inputs.inFallback() && _external(signed, total, terms.fallbackBps()));
    }

    function _combined(Terms terms, Inputs inputs, WeightPair signed, WeightPair total, uint256 bps)
        private
        pure
        returns (bool)
    {
        if (inputs.nativePrice() == 0 || inputs.externalPrice() == 0) return false;
        (uint256 signedValue, uint256 totalValue) = combinedValue(inputs, signed, total, terms.nativeCapBps());
        return reaches(signedValue, totalValue, bps);
    }

    /// @dev Final at once when those who did not sign are too few to veto.
    function _judgeVeto(Terms terms, WeightPair signed, WeightPair total) private pure returns (Verdict) {
        if (!_native(signed, total, terms.nativeBps())) return Verdict.Refused;
        bool unstoppable = exceeds(signed.externalWeight(), total.externalWeight(), ONE_IN_BPS - terms.vetoBps());
        return unstoppable ? Verdict.Final : Verdict.Pending;
    }

    function _meets(Terms terms, Inputs inputs, WeightPair signed, WeightPair total, Terms requirement)
        private
        pure
        returns (bool)
    {
        (uint256 native, uint256 ext) = (requirement.nativeBps(), requirement.externalBps());
        uint256 combined = requirement.combinedBps();
        if (native != 0 && !_native(signed, total, native)) return false;
        if (ext != 0 && !_external(signed, total, ext)) return false;
        if (combined == 0) return true;
        return terms.isKind(PolicyKind.Combined) && _combined(terms, inputs, signed, total, combined);
    }

    function _native(WeightPair signed, WeightPair total, uint256 bps) private pure returns (bool) {
        return reaches(WeightPair.unwrap(signed) >> 96, WeightPair.unwrap(total) >> 96, bps);
    }

    function _external(WeightPair signed, WeightPair total, uint256 bps) private pure returns (bool) {
        return reaches(uint96(WeightPair.unwrap(signed)), uint96(WeightPair.unwrap(total)), bps);
    }

    // Why not

    /// @dev Reverts with the first thing that is missing: of the policy, then of the requirement. A kind's thresholds
    /// that it does not use are zero and demand nothing.
    function _explain(Terms terms, Inputs inputs, WeightPair signed, WeightPair total, Terms requirement) private pure {
        _demandSupported(requirement.combinedBps(), terms.kind());
        if (terms.isKind(PolicyKind.Combined)) {
            _demandCombined(terms, inputs, signed, total, terms.combinedBps());
            _demandCombined(terms, inputs, signed, total, requirement.combinedBps());
        } else if (terms.isKind(PolicyKind.Either)) {
            _demandEither(terms, signed, total);
        } else if (terms.isKind(PolicyKind.BothOrFallback) && inputs.inFallback()) {
            if (!_bothOrFallback(terms, inputs, signed, total)) {
                revert FallbackQuorumNotReached(signed.externalWeight(), total.externalWeight(), terms.fallbackBps());
            }
        } else {
            _demandShare(Token.Native, signed, total, terms.nativeBps());
            _demandShare(Token.External, signed, total, terms.externalBps());
        }
        _demandShare(Token.Native, signed, total, requirement.nativeBps());
        _demandShare(Token.External, signed, total, requirement.externalBps());
        // Every refusal has its reason above. Were one forgotten, the certificate must not pass for it.
        assert(false);
    }

    function _demandShare(Token token, WeightPair signed, WeightPair total, uint16 bps) private pure {
        (uint96 s, uint96 t) = token == Token.Native
            ? (signed.nativeWeight(), total.nativeWeight())
            : (signed.externalWeight(), total.externalWeight());
        if (bps != 0 && !reaches(s, t, bps)) revert QuorumNotReached(token, s, t, bps);
    }

    function _demandEither(Terms terms, WeightPair signed, WeightPair total) private pure {
        if (_either(terms, signed, total)) return;
        revert NeitherQuorumReached(
            signed.nativeWeight(),
            total.nativeWeight(),
            terms.nativeBps(),
            signed.externalWeight(),
            total.externalWeight(),
            terms.externalBps()
        );
    }

    function _demandCombined(Terms terms, Inputs inputs, WeightPair signed, WeightPair total, uint16 bps) private pure {
        (uint128 native, uint128 ext) = (inputs.nativePrice(), inputs.externalPrice());
        if (native == 0 || ext == 0) revert PricesUnknown(native, ext);
        if (bps == 0 || _combined(terms, inputs, signed, total, bps)) return;
        (uint256 signedValue, uint256 totalValue) = combinedValue(inputs, signed, total, terms.nativeCapBps());
        revert CombinedQuorumNotReached(signedValue, totalValue, bps);
    }

    function _demandSupported(uint16 combinedBps, PolicyKind kind) private pure {
        if (combinedBps == 0 || kind == PolicyKind.Combined) return;
        revert CombinedNotSupported(kind, combinedBps);
    }

    function _demandBps(PolicyKind kind, string memory field, uint16 bps, bool used) private pure {
        if (used ? bps == 0 || bps > ONE_IN_BPS : bps != 0) revert InvalidPolicy(kind, field);
    }
}
