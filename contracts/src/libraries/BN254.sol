// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.31;

/// @notice A point of BN254's G1. The point at infinity is (0, 0).
struct G1 {
    uint256 x;
    uint256 y;
}

/// @notice A point of BN254's G2, over Fp2 with the imaginary parts first, as EIP-197 wants them.
struct G2 {
    uint256 xIm;
    uint256 xRe;
    uint256 yIm;
    uint256 yRe;
}

/// @title BN254
/// @notice The curve's arithmetic by precompiles (EIP-196, EIP-197, EIP-198), hashing to G1, and the signature check.
/// @dev Points are checked by the precompiles: one that is not on the curve, or in G2 not in the right subgroup, makes
/// them fail. Nothing here decides what a signature means; see `Digests` and `Certificates`.
library BN254 {
    /// @notice A precompile refused its input: a coordinate out of range, a point off the curve or outside the
    /// subgroup.
    error InvalidPoint();
    /// @notice The hint does not lead from the digest to a point of the curve.
    error InvalidRoots(bytes32 digest);

    /// @notice Modulus of the base field.
    uint256 internal constant P = 0x30644e72e131a029b85045b68181585d97816a916871ca8d3c208c16d87cfd47;
    /// @notice Order of the groups.
    uint256 internal constant R = 0x30644e72e131a029b85045b68181585d2833e84879b9709143e1f593f0000001;
    /// @dev (P + 1) / 4: raising a square to it yields its principal root, as P = 3 mod 4.
    uint256 private constant ROOT_EXPONENT = 0x0c19139cb84c680a6e14116da060561765e05aa45a1c72a34f082305b61f3f52;

    /// @dev The negated generator of G2.
    uint256 private constant NEG_G2_X_IM = 0x198e9393920d483a7260bfb731fb5d25f1aa493335a9e71297e485b7aef312c2;
    uint256 private constant NEG_G2_X_RE = 0x1800deef121f1e76426a00665e5c4479674322d4f75edadd46debd5cd992f6ed;
    uint256 private constant NEG_G2_Y_IM = 0x275dc4a288d1afb3cbb1ac09187524c7db36395df7be3b99e673b13a075a65ec;
    uint256 private constant NEG_G2_Y_RE = 0x1d9befcd05a5323e6da4d435f3b617cdb3af83285c2df711ef39c01571827f9d;

    /// @notice The generator of G1.
    function generator() internal pure returns (G1 memory) {
        return G1(1, 2);
    }

    /// @notice Whether the point is the one at infinity.
    function isInfinity(G1 memory a) internal pure returns (bool) {
        return a.x | a.y == 0;
    }

    /// @notice Whether the point is the one at infinity.
    function isInfinity(G2 memory a) internal pure returns (bool) {
        return a.xIm | a.xRe | a.yIm | a.yRe == 0;
    }

    /// @notice −a. The ordinate must be below `P`.
    function negate(G1 memory a) internal pure returns (G1 memory) {
        return G1(a.x, a.y == 0 ? 0 : P - a.y);
    }

    /// @notice a + b.
    function add(G1 memory a, G1 memory b) internal view returns (G1 memory sum) {
        bool ok;
        // (ok, output) = ECADD.staticcall(abi.encode(a, b)); sum = abi.decode(output, (G1));
        assembly ("memory-safe") {
            let input := mload(0x40)
            mcopy(input, a, 0x40)
            mcopy(add(input, 0x40), b, 0x40)
            ok := staticcall(gas(), 0x06, input, 0x80, sum, 0x40)
        }
        if (!ok) revert InvalidPoint();
    }

    /// @notice k·a.
    function mul(G1 memory a, uint256 k) internal view returns (G1 memory product) {
        bool ok;
        // (ok, output) = ECMUL.staticcall(abi.encode(a, k)); product = abi.decode(output, (G1));
        assembly ("memory-safe") {
            let input := mload(0x40)
            mcopy(input, a, 0x40)
            mstore(add(input, 0x40), k)
            ok := staticcall(gas(), 0x07, input, 0x60, product, 0x40)
        }
        if (!ok) revert InvalidPoint();
    }

    /// @notice Hashes a digest to G1 by try and increment, as EigenLayer's middleware does: from x = digest mod P
    /// upwards, the first x for which x³ + 3 is a square, with its principal root as y.
    /// @dev Takes about 2 tries on average at 4 016 gas of MODEXP each. See `hashToG1WithRoots` for the cheap way.
    function hashToG1(bytes32 digest) internal view returns (G1 memory point) {
        uint256 x = uint256(digest) % P;
        while (true) {
            uint256 beta = cubePlus3(x);
            uint256 y = principalRoot(beta);
            if (mulmod(y, y, P) == beta) return G1(x, y);
            x = addmod(x, 1, P);
        }
    }

    /// @notice `hashToG1` with the square roots given rather than computed.
    /// @param roots For each x that is passed over a root of −(x³ + 3), which proves that x³ + 3 is no square, as −1 is
    /// none; last the y of the point.
    /// @dev The caller may give −y for y, and so gets −H for H. A signature check that passes for (−H, −σ) passes for
    /// (H, σ), so nothing can be signed with it that could not be signed without it, but the point is not to be taken
    /// for an identifier.
    function hashToG1WithRoots(bytes32 digest, uint256[] calldata roots) internal pure returns (G1 memory point) {
        uint256 passed = roots.length;
        if (passed == 0) revert InvalidRoots(digest);
        uint256 x = uint256(digest) % P;
        unchecked {
            passed--;
            for (uint256 i = 0; i < passed; i++) {
                uint256 w = roots[i];
                if (mulmod(w, w, P) != P - cubePlus3(x)) revert InvalidRoots(digest);
                x = addmod(x, 1, P);
            }
        }
        uint256 y = roots[passed];
        if (mulmod(y, y, P) != cubePlus3(x)) revert InvalidRoots(digest);
        return G1(x, y);
    }

    /// @notice Whether `sigma` is a signature over `message` under the key (`p1`, `p2`), and the key's halves belong
    /// together.
    /// @dev γ = keccak256(digest, P1, P2, σ) mod R; e(σ + γ·P1, −G2) · e(H + γ·G1, P2) = 1. The digest stands for
    /// `message`, which is its hash to G1. Infinity is the caller's to refuse.
    function verify(bytes32 digest, G1 memory message, G1 memory p1, G2 memory p2, G1 memory sigma)
        internal
        view
        returns (bool valid)
    {
        bool ok;
        // uint256 gamma = uint256(keccak256(abi.encode(digest, p1, p2, sigma))) % R;
        // G1 memory a = add(sigma, mul(p1, gamma));
        // G1 memory b = add(message, mul(generator(), gamma));
        // (ok, output) = PAIRING.staticcall(abi.encode(a, NEG_G2, b, p2)); valid = abi.decode(output, (bool));
        assembly ("memory-safe") {
            // The pairing's input takes shape in place: a at 0x00, the negated generator at 0x40, b at 0xc0, p2 at
            // 0x100.
            let a := mload(0x40)
            let b := add(a, 0xc0)
            mstore(a, digest)
            mcopy(add(a, 0x20), p1, 0x40)
            mcopy(add(a, 0x60), p2, 0x80)
            mcopy(add(a, 0xe0), sigma, 0x40)
            let gamma := mod(keccak256(a, 0x120), R)

            mcopy(a, p1, 0x40)
            mstore(add(a, 0x40), gamma)
            ok := staticcall(gas(), 0x07, a, 0x60, a, 0x40)
            mcopy(add(a, 0x40), sigma, 0x40)
            ok := and(ok, staticcall(gas(), 0x06, a, 0x80, a, 0x40))

            mstore(b, 1)
            mstore(add(b, 0x20), 2)
            mstore(add(b, 0x40), gamma)
            ok := and(ok, staticcall(gas(), 0x07, b, 0x60, b, 0x40))
            mcopy(add(b, 0x40), message, 0x40)
            ok := and(ok, staticcall(gas(), 0x06, b, 0x80, b, 0x40))

            mstore(add(a, 0x40), NEG_G2_X_IM)
            mstore(add(a, 0x60), NEG_G2_X_RE)
            mstore(add(a, 0x80), NEG_G2_Y_IM)
            mstore(add(a, 0xa0), NEG_G2_Y_RE)
            mcopy(add(a, 0x100), p2, 0x80)
            ok := and(ok, staticcall(gas(), 0x08, a, 0x180, 0x00, 0x20))
            valid := and(ok, mload(0x00))
        }
        if (!ok) revert InvalidPoint();
    }

    /// @notice x³ + 3, which is never 0: the curve's order is odd.
    function cubePlus3(uint256 x) internal pure returns (uint256) {
        return addmod(mulmod(mulmod(x, x, P), x, P), 3, P);
    }

    /// @notice a^((P + 1) / 4): the principal root of `a` when `a` is a square, else a root of −a.
    function principalRoot(uint256 a) internal view returns (uint256 root) {
        bool ok;
        // (ok, output) = MODEXP.staticcall(abi.encode(32, 32, 32, a, ROOT_EXPONENT, P));
        // root = abi.decode(output, (uint256));
        assembly ("memory-safe") {
            let input := mload(0x40)
            mstore(input, 0x20)
            mstore(add(input, 0x20), 0x20)
            mstore(add(input, 0x40), 0x20)
            mstore(add(input, 0x60), a)
            mstore(add(input, 0x80), ROOT_EXPONENT)
            mstore(add(input, 0xa0), P)
            ok := staticcall(gas(), 0x05, input, 0xc0, 0x00, 0x20)
            root := mload(0x00)
        }
        // Only a lack of gas makes it fail.
        if (!ok) revert InvalidPoint();
    }
}
