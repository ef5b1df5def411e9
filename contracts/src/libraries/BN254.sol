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
    error InvalidHint(bytes32 digest);

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
    /// @dev Takes about 2 tries on average at 4 016 gas of MODEXP each. See `hashToG1WithHint` for the cheap way.
    function hashToG1(bytes32 digest) internal view returns (G1 memory point) {
        uint256 x = uint256(digest) % P;
        while (true) {
            uint256 beta = cubePlus3(x);
            uint256 y = principalRoot(beta);
            if (mulmod(y, y, P) == beta) return G1(x, y);
            x = addmod(x, 1, P);
        }
    }

    /// @notice `hashToG1` with the result given, and checked as far as safety needs: that it is a point whose abscissa is
    /// that of the digest or one of the 255 after it.
    /// @dev That the abscissas before have no point is not checked: whoever signs hashes by `hashToG1`, so only that
    /// point of a digest is ever signed. To pass a signature over one digest for one over another, both have to lie
    /// within 255 of each other, for which keccak256 has to be broken but for 8 bits. The ordinate may be that of −H:
    /// a check that passes for (−H, −σ) passes for (H, σ). Warning: the point is not to be taken for an identifier.
    /// @param passed How many abscissas `hashToG1` passes over. One byte: were it any number, the abscissa of any other
    /// digest would be as good, and every signature one over everything.
    /// @param y The ordinate that it finds.
    function hashToG1WithHint(bytes32 digest, uint8 passed, uint256 y) internal pure returns (uint256 x) {
        uint256 distance;
        // x = addmod(uint256(digest), passed, P); distance = mulmod(y, y, P) - cubePlus3(x);
        assembly ("memory-safe") {
            x := addmod(digest, passed, P)
            distance := sub(mulmod(y, y, P), addmod(mulmod(mulmod(x, x, P), x, P), 3, P))
        }
        if (distance != 0) revert InvalidHint(digest);
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
        uint256 at;
        // at = abi.encode(digest, p1, p2, sigma), with room behind it.
        assembly ("memory-safe") {
            at := mload(0x40)
            mstore(at, digest)
            mcopy(add(at, 0x20), p1, 0x40)
            mcopy(add(at, 0x60), p2, 0x80)
            mcopy(add(at, 0xe0), sigma, 0x40)
        }
        return verifyAt(at, message.x, message.y);
    }

    /// @notice `verify` of what lies in memory: digest, `p1`, `p2`, `sigma`, 9 words in all. Works on the 13 words from
    /// there on, which must be free or the caller's.
    function verifyAt(uint256 at, uint256 messageX, uint256 messageY) internal view returns (bool valid) {
        bool ok;
        // uint256 gamma = uint256(keccak256(abi.encode(digest, p1, p2, sigma))) % R;
        // G1 memory a = add(sigma, mul(p1, gamma));
        // G1 memory b = add(message, mul(generator(), gamma));
        // (ok, output) = PAIRING.staticcall(abi.encode(a, NEG_G2, b, p2)); valid = abi.decode(output, (bool));
        assembly ("memory-safe") {
            // The pairing's input takes shape in place, from the second word on: a at 0x00, the negated generator at
            // 0x40, where sums are prepared before, b at 0xc0, p2 at 0x100.
            let gamma := mod(keccak256(at, 0x120), R)
            let a := add(at, 0x20)
            let desk := add(at, 0x60)
            let right := add(at, 0xa0)
            let b := add(at, 0xe0)
            mcopy(add(at, 0x120), desk, 0x80)
            mcopy(right, b, 0x40)
            mstore(desk, gamma)
            ok := staticcall(gas(), 0x07, a, 0x60, desk, 0x40)
            ok := and(staticcall(gas(), 0x06, desk, 0x80, a, 0x40), ok)

            let second := add(at, 0x80)
            mstore(desk, 1)
            mstore(second, 2)
            mstore(right, gamma)
            ok := and(staticcall(gas(), 0x07, desk, 0x60, desk, 0x40), ok)
            mstore(right, messageX)
            mstore(add(at, 0xc0), messageY)
            ok := and(staticcall(gas(), 0x06, desk, 0x80, b, 0x40), ok)

            mstore(desk, NEG_G2_X_IM)
            mstore(second, NEG_G2_X_RE)
            mstore(right, NEG_G2_Y_IM)
            mstore(add(at, 0xc0), NEG_G2_Y_RE)
            ok := and(staticcall(gas(), 0x08, a, 0x180, 0x00, 0x20), ok)
            valid := and(ok, mload(0x00))
        }
        if (!ok) revert InvalidPoint();
    }

    /// @notice Whether e(a, −G2) · e(b, p2) = 1.
    /// @param at Where the input lies in memory, 12 words: a, room for four words, b, `p2`.
    function pairingAt(uint256 at) internal view returns (bool valid) {
        bool ok;
        // (ok, output) = PAIRING.staticcall(abi.encode(a, NEG_G2, b, p2)); valid = abi.decode(output, (bool));
        assembly ("memory-safe") {
            mstore(add(at, 0x40), NEG_G2_X_IM)
            mstore(add(at, 0x60), NEG_G2_X_RE)
            mstore(add(at, 0x80), NEG_G2_Y_IM)
            mstore(add(at, 0xa0), NEG_G2_Y_RE)
            ok := staticcall(gas(), 0x08, at, 0x180, 0x00, 0x20)
            valid := and(ok, mload(0x00))
        }
        if (!ok) revert InvalidPoint();
    }

    /// @notice Whether the halves of a key belong together: e(P1, −G2) · e(G1, P2) = 1.
    function halvesMatch(G1 memory p1, G2 memory p2) internal view returns (bool) {
        uint256 at;
        // at = abi.encode(p1, [0, 0, 0, 0], generator(), p2)
        assembly ("memory-safe") {
            at := mload(0x40)
            mcopy(at, p1, 0x40)
            mstore(add(at, 0xc0), 1)
            mstore(add(at, 0xe0), 2)
            mcopy(add(at, 0x100), p2, 0x80)
        }
        return pairingAt(at);
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
