// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.31;

import {BN254, G1, G2} from "../../src/libraries/BN254.sol";

/// @notice What operators do off chain, for tests: sign, add keys up, find the hint. Slow, and not safe for real keys.
library Bls {
    uint256 private constant P = BN254.P;

    struct Fp2 {
        uint256 re;
        uint256 im;
    }

    function publicKey(uint256 sk) internal view returns (G1 memory) {
        return BN254.mul(BN254.generator(), sk);
    }

    function generatorG2() internal pure returns (G2 memory) {
        return G2({
            xIm: 0x198e9393920d483a7260bfb731fb5d25f1aa493335a9e71297e485b7aef312c2,
            xRe: 0x1800deef121f1e76426a00665e5c4479674322d4f75edadd46debd5cd992f6ed,
            yIm: 0x090689d0585ff075ec9e99ad690c3395bc4b313370b38ef355acdadcd122975b,
            yRe: 0x12c85ea5db8c6deb4aab71808dcb408fe3d1e7690c43d37b4ce6cc0166fa7daa
        });
    }

    /// @notice sk·G2, by double and add.
    function publicKeyG2(uint256 sk) internal view returns (G2 memory sum) {
        G2 memory doubled = generatorG2();
        for (; sk != 0; sk >>= 1) {
            if (sk & 1 == 1) sum = add(sum, doubled);
            doubled = add(doubled, doubled);
        }
    }

    function sign(uint256 sk, bytes32 digest) internal view returns (G1 memory) {
        return BN254.mul(BN254.hashToG1(digest), sk);
    }

    /// @notice The hint for `BN254.hashToG1WithHint`.
    function hint(bytes32 digest) internal view returns (uint8 passed, uint256 ordinate) {
        G1 memory point = BN254.hashToG1(digest);
        passed = uint8(addmod(point.x, P - uint256(digest) % P, P));
        ordinate = point.y;
    }

    /// @notice a + b on the twist, in affine coordinates.
    function add(G2 memory a, G2 memory b) internal view returns (G2 memory) {
        if (BN254.isInfinity(a)) return b;
        if (BN254.isInfinity(b)) return a;
        Fp2 memory ax = Fp2(a.xRe, a.xIm);
        Fp2 memory ay = Fp2(a.yRe, a.yIm);
        Fp2 memory bx = Fp2(b.xRe, b.xIm);
        Fp2 memory by = Fp2(b.yRe, b.yIm);
        Fp2 memory slope;
        if (ax.re == bx.re && ax.im == bx.im) {
            if (ay.re != by.re || ay.im != by.im) return G2(0, 0, 0, 0);
            Fp2 memory square = times(ax, ax);
            slope = times(plus(plus(square, square), square), inverse(plus(ay, ay)));
        } else {
            slope = times(minus(by, ay), inverse(minus(bx, ax)));
        }
        Fp2 memory x = minus(minus(times(slope, slope), ax), bx);
        Fp2 memory y = minus(times(slope, minus(ax, x)), ay);
        return G2({xIm: x.im, xRe: x.re, yIm: y.im, yRe: y.re});
    }

    function plus(Fp2 memory a, Fp2 memory b) private pure returns (Fp2 memory) {
        return Fp2(addmod(a.re, b.re, P), addmod(a.im, b.im, P));
    }

    function minus(Fp2 memory a, Fp2 memory b) private pure returns (Fp2 memory) {
        return Fp2(addmod(a.re, P - b.re, P), addmod(a.im, P - b.im, P));
    }

    function times(Fp2 memory a, Fp2 memory b) private pure returns (Fp2 memory) {
        return Fp2(
            addmod(mulmod(a.re, b.re, P), P - mulmod(a.im, b.im, P), P),
            addmod(mulmod(a.re, b.im, P), mulmod(a.im, b.re, P), P)
        );
    }

    function inverse(Fp2 memory a) private view returns (Fp2 memory) {
        uint256 norm = addmod(mulmod(a.re, a.re, P), mulmod(a.im, a.im, P), P);
        uint256 scale = power(norm, P - 2);
        return Fp2(mulmod(a.re, scale, P), mulmod(P - a.im, scale, P));
    }

    function power(uint256 base, uint256 exponent) private view returns (uint256) {
        (bool ok, bytes memory output) =
            address(0x05).staticcall(abi.encode(uint256(32), uint256(32), uint256(32), base, exponent, P));
        require(ok, "MODEXP");
        return abi.decode(output, (uint256));
    }
}
