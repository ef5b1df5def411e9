// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.31;

import {SchemeSuite} from "./SchemeSuite.sol";
import {ISignatureScheme} from "../../src/interfaces/ISignatureScheme.sol";

/// @notice What schemes with points for keys and signatures have to refuse beside the rest.
abstract contract AggregateSuite is SchemeSuite {
    /// @notice Order of the groups.
    function order() internal pure virtual returns (uint256);

    /// @notice `proof` with another point of G1 for its signature.
    function withSigma(bytes memory proof, bytes memory sigma) internal pure returns (bytes memory changed) {
        changed = bytes.concat(proof);
        for (uint256 i = 0; i < sigma.length; i++) {
            changed[i] = sigma[i];
        }
    }

    /// @notice Bytes as long as a signature that are in range, but no point of the curve.
    function offCurve() internal pure virtual returns (bytes memory);

    /// @notice The generator of G1 with the modulus added to its abscissa.
    function outOfRange() internal pure virtual returns (bytes memory);

    /// @notice A registered key whose half in G2 is on the curve, but not in the subgroup.
    function strayKey() internal view virtual returns (bytes memory);

    /// @notice A registered key that is in range, but no point of the curve.
    function offCurveKey() internal view virtual returns (bytes memory);

    function test_signature_off_the_curve_is_refused() public {
        bytes memory proof = withSigma(proofOf(31), offCurve());
        vm.expectRevert(ISignatureScheme.InvalidPoint.selector);
        verify(31, proof);
    }

    function test_signature_out_of_range_is_refused() public {
        bytes memory proof = withSigma(proofOf(31), outOfRange());
        vm.expectRevert(ISignatureScheme.InvalidPoint.selector);
        verify(31, proof);
    }

    function test_signature_at_infinity_is_refused() public {
        bytes memory proof = withSigma(proofOf(31), new bytes(offCurve().length));
        vm.expectRevert(ISignatureScheme.PointAtInfinity.selector);
        verify(31, proof);
    }

    function test_keys_that_cancel_out_are_refused() public {
        bytes memory opposite = publicKey(order() - secrets[0]);
        address written = scheme.writeChunk(bytes.concat(row(keys[0], 1, 1), row(opposite, 1, 1)));
        bytes memory proof = proofOf(1);
        scheme.verify(DIGEST, one(written), one(1), proof);
        vm.expectRevert(ISignatureScheme.PointAtInfinity.selector);
        scheme.verify(DIGEST, one(written), one(3), proof);
    }

    function test_key_off_the_curve_is_not_written() public {
        bytes memory alone = row(offCurveKey(), 1, 1);
        vm.expectRevert(ISignatureScheme.InvalidPoint.selector);
        scheme.writeChunk{gas: LIMIT}(alone);
        bytes memory second = bytes.concat(row(keys[0], 1, 1), alone);
        vm.expectRevert(ISignatureScheme.InvalidPoint.selector);
        scheme.writeChunk{gas: LIMIT}(second);
    }

    function test_possession_of_no_point_of_the_group_is_refused() public {
        bytes[2] memory others = [strayKey(), offCurveKey()];
        bytes memory signature = sign(secrets[0], DIGEST);
        for (uint256 i = 0; i < others.length; i++) {
            // BN254 multiplies and pairs before it looks whether that went well.
            vm.expectRevert(ISignatureScheme.InvalidPoint.selector);
            scheme.verifyPossession{gas: 10 * LIMIT}(DIGEST, others[i], signature);
        }
    }

    function test_possession_at_infinity_is_refused() public {
        bytes memory signature = sign(secrets[0], DIGEST);
        vm.expectRevert(ISignatureScheme.PointAtInfinity.selector);
        scheme.verifyPossession(DIGEST, new bytes(keys[0].length), signature);
        vm.expectRevert(ISignatureScheme.PointAtInfinity.selector);
        scheme.verifyPossession(DIGEST, keys[0], new bytes(signature.length));
    }
}
