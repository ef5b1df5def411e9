// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.31;

/// @notice A point of BLS12-381's G1 as EIP-2537 has it: 64 bytes per coordinate, of which the first 16 are zero.
struct PointG1 {
    uint256 xHigh;
    uint256 xLow;
    uint256 yHigh;
    uint256 yLow;
}

/// @notice A point of BLS12-381's G2 as EIP-2537 has it: over Fp2 with the real parts (c0) first, which is the opposite
/// of EIP-197.
struct PointG2 {
    uint256 x0High;
    uint256 x0Low;
    uint256 x1High;
    uint256 x1Low;
    uint256 y0High;
    uint256 y0Low;
    uint256 y1High;
    uint256 y1Low;
}

/// @title BLS12381
/// @notice The curve's arithmetic by precompiles (EIP-2537), hashing to G1 (RFC 9380), and the signature check.
/// @dev Infinity is all zeros. The additions demand that points are on the curve, not that they are in the subgroup;
/// the pairing demands both. Packed points are the 48-byte coordinates without the zeros between them.
library BLS12381 {
    /// @notice A precompile refused its input: a coordinate out of range, a point off the curve or outside the
    /// subgroup.
    error InvalidPoint();

    /// @notice A packed point of G1: x, y.
    uint256 internal constant G1_BYTES = 96;
    /// @notice A packed point of G2: x.c0, x.c1, y.c0, y.c1.
    uint256 internal constant G2_BYTES = 192;

    /// @notice Modulus of the base field: its upper and lower 256 bits.
    uint256 internal constant P_HIGH = 0x1a0111ea397fe69a4b1ba7b6434bacd7;
    uint256 internal constant P_LOW = 0x64774b84f38512bf6730d2a0f6b0f6241eabfffeb153ffffb9feffffffffaaab;
    /// @dev ⌊2^636 / P⌋.
    uint256 private constant RECIPROCAL = 0x9d835d2f3cc9e45ce28101b0cc7a6ba291b82741ff6a0a94bdf4771e0286779d;

    /// @notice The domain separation tag of every hash to this curve.
    string internal constant DST = "TANDEM-V01-CS01-with-BLS12381G1_XMD:SHA-256_SSWU_RO_";
    /// @dev RFC 9380's l_i_b_str for 128 bytes, a zero, and the first 29 bytes of DST_prime; then its other 24 bytes.
    uint256 private constant LENGTH_AND_DST_0 = 0x00800054414e44454d2d5630312d435330312d776974682d424c533132333831;
    uint256 private constant DST_1 = 0x47315f584d443a5348412d3235365f535357555f524f5f340000000000000000;

    /// @dev The negated generator of G2.
    uint256 private constant NEG_G2_X0_HIGH = 0x024aa2b2f08f0a91260805272dc51051;
    uint256 private constant NEG_G2_X0_LOW = 0xc6e47ad4fa403b02b4510b647ae3d1770bac0326a805bbefd48056c8c121bdb8;
    uint256 private constant NEG_G2_X1_HIGH = 0x13e02b6052719f607dacd3a088274f65;
    uint256 private constant NEG_G2_X1_LOW = 0x596bd0d09920b61ab5da61bbdc7f5049334cf11213945d57e5ac7d055d042b7e;
    uint256 private constant NEG_G2_Y0_HIGH = 0x0d1b3cc2c7027888be51d9ef691d77bc;
    uint256 private constant NEG_G2_Y0_LOW = 0xb679afda66c73f17f9ee3837a55024f78c71363275a75d75d86bab79f74782aa;
    uint256 private constant NEG_G2_Y1_HIGH = 0x13fa4d4a0ad8b1ce186ed5061789213d;
    uint256 private constant NEG_G2_Y1_LOW = 0x993923066dddaf1040bc3ff59f825c78df74f2d75467e25e0f55f8a00fa030ed;

    /// @notice Whether the point is the one at infinity.
    function isInfinity(PointG1 memory a) internal pure returns (bool) {
        return a.xHigh | a.xLow | a.yHigh | a.yLow == 0;
    }

    /// @notice Whether the point is the one at infinity.
    function isInfinity(PointG2 memory a) internal pure returns (bool) {
        return a.x0High | a.x0Low | a.x1High | a.x1Low | a.y0High | a.y0Low | a.y1High | a.y1Low == 0;
    }

    /// @notice Replaces a by −a. The coordinates must be below the modulus.
    function negate(PointG2 memory a) internal pure {
        (a.y0High, a.y0Low) = _negate(a.y0High, a.y0Low);
        (a.y1High, a.y1Low) = _negate(a.y1High, a.y1Low);
    }

    function _negate(uint256 high, uint256 low) private pure returns (uint256, uint256) {
        if (high | low == 0) return (0, 0);
        unchecked {
            return (P_HIGH - high - (low > P_LOW ? 1 : 0), P_LOW - low);
        }
    }

    /// @notice Replaces a by a + b.
    function add(PointG2 memory a, PointG2 memory b) internal view {
        bool ok;
        // (ok, output) = G2ADD.staticcall(abi.encode(a, b)); a = abi.decode(output, (PointG2));
        assembly ("memory-safe") {
            let input := mload(0x40)
            mcopy(input, a, 0x100)
            mcopy(add(input, 0x100), b, 0x100)
            ok := staticcall(gas(), 0x0d, input, 0x200, a, 0x100)
        }
        if (!ok) revert InvalidPoint();
    }

    /// @notice Replaces a by its sum with the point whose packed form lies in memory at `packed`.
    function addPacked(PointG2 memory a, uint256 packed) internal view {
        bool ok;
        // PointG2 memory b; unpackG2(b, packed); add(a, b);
        assembly ("memory-safe") {
            let input := mload(0x40)
            mcopy(input, a, 0x100)
            for { let word := add(input, 0x100) } lt(word, add(input, 0x200)) { word := add(word, 0x40) } {
                mstore(word, shr(128, mload(packed)))
                mstore(add(word, 0x20), mload(add(packed, 16)))
                packed := add(packed, 48)
            }
            ok := staticcall(gas(), 0x0d, input, 0x200, a, 0x100)
        }
        if (!ok) revert InvalidPoint();
    }

    /// @notice Copies bytes to memory, and returns where they lie.
    function copy(bytes calldata data) internal pure returns (uint256 location) {
        bytes memory copied = data;
        assembly ("memory-safe") {
            location := add(copied, 0x20)
        }
    }

    /// @notice The point that lies in memory at `location`.
    function at(uint256 location) internal pure returns (PointG2 memory a) {
        assembly ("memory-safe") {
            a := location
        }
    }

    /// @notice Where the point lies in memory.
    function pointer(PointG2 memory a) internal pure returns (uint256 location) {
        assembly ("memory-safe") {
            location := a
        }
    }

    /// @notice The point whose packed form `packed` is; it must be `G1_BYTES` long.
    function unpackG1(bytes calldata packed) internal pure returns (PointG1 memory a) {
        // (a.xHigh, a.xLow) = (uint128(bytes16(packed[:16])), uint256(bytes32(packed[16:48])));
        // (a.yHigh, a.yLow) = (uint128(bytes16(packed[48:64])), uint256(bytes32(packed[64:])));
        assembly ("memory-safe") {
            calldatacopy(add(a, 0x10), packed.offset, 48)
            calldatacopy(add(a, 0x50), add(packed.offset, 48), 48)
        }
    }

    /// @notice Replaces a by the point whose packed form lies in memory at `packed`.
    function unpackG2(PointG2 memory a, uint256 packed) internal pure {
        unchecked {
            (a.x0High, a.x0Low) = _unpack(packed);
            (a.x1High, a.x1Low) = _unpack(packed + 48);
            (a.y0High, a.y0Low) = _unpack(packed + 96);
            (a.y1High, a.y1Low) = _unpack(packed + 144);
        }
    }

    /// @dev 48 bytes as the two words of a coordinate.
    function _unpack(uint256 packed) private pure returns (uint256 high, uint256 low) {
        assembly ("memory-safe") {
            high := shr(128, mload(packed))
            low := mload(add(packed, 16))
        }
    }

    /// @notice Writes the packed form of the point to memory at `target`, where there must be room for `G2_BYTES`.
    function packG2(PointG2 memory a, uint256 target) internal pure {
        // bytes.concat(bytes16(uint128(a.x0High)), bytes32(a.x0Low), …);
        assembly ("memory-safe") {
            for { let i := 0 } lt(i, 4) { i := add(i, 1) } {
                mstore(target, shl(128, mload(a)))
                mstore(add(target, 16), mload(add(a, 0x20)))
                target := add(target, 48)
                a := add(a, 0x40)
            }
        }
    }

    /// @notice Hashes a digest to G1 by RFC 9380's BLS12381G1_XMD:SHA-256_SSWU_RO_ with `DST`.
    function hashToG1(bytes32 digest) internal view returns (PointG1 memory point) {
        uint256[4] memory uniform = expand(digest);
        (uniform[0], uniform[1]) = reduce(uniform[0], uniform[1]);
        (uniform[2], uniform[3]) = reduce(uniform[2], uniform[3]);
        bool ok;
        // (ok, first) = MAP_FP_TO_G1.staticcall(abi.encode(uniform[0], uniform[1]));
        // (ok, second) = MAP_FP_TO_G1.staticcall(abi.encode(uniform[2], uniform[3]));
        // (ok, output) = G1ADD.staticcall(bytes.concat(first, second)); point = abi.decode(output, (PointG1));
        assembly ("memory-safe") {
            let input := mload(0x40)
            ok := staticcall(gas(), 0x10, uniform, 0x40, input, 0x80)
            ok := and(ok, staticcall(gas(), 0x10, add(uniform, 0x40), 0x40, add(input, 0x80), 0x80))
            ok := and(ok, staticcall(gas(), 0x0b, input, 0x100, point, 0x80))
        }
        // Only a lack of gas makes it fail.
        if (!ok) revert InvalidPoint();
    }

    /// @notice RFC 9380's expand_message_xmd with SHA-256: 128 bytes from a digest, under `DST`.
    function expand(bytes32 digest) internal view returns (uint256[4] memory uniform) {
        bool ok;
        // bytes memory dst = abi.encodePacked(DST, uint8(52));
        // bytes32 b0 = sha256(abi.encodePacked(new bytes(64), digest, uint16(128), uint8(0), dst));
        // for (uint8 i = 1; i <= 4; i++) b[i] = sha256(abi.encodePacked(i == 1 ? b0 : b0 ^ b[i - 1], i, dst));
        assembly ("memory-safe") {
            let input := mload(0x40)
            mstore(input, 0)
            mstore(add(input, 0x20), 0)
            mstore(add(input, 0x40), digest)
            mstore(add(input, 0x60), LENGTH_AND_DST_0)
            mstore(add(input, 0x80), DST_1)
            ok := staticcall(gas(), 0x02, input, 152, 0x00, 0x20)
            let b0 := mload(0x00)
            let previous := 0
            // DST_prime stays where it is; what is hashed with it goes in front of it: 32 bytes, then the counter.
            for { let i := 0 } lt(i, 4) { i := add(i, 1) } {
                let target := add(uniform, shl(5, i))
                mstore(add(input, 0x42), xor(b0, previous))
                mstore8(add(input, 0x62), add(i, 1))
                ok := and(ok, staticcall(gas(), 0x02, add(input, 0x42), 86, target, 0x20))
                previous := mload(target)
            }
        }
        // Only a lack of gas makes it fail.
        if (!ok) revert InvalidPoint();
    }

    /// @notice high · 2^256 + low modulo the field's modulus.
    /// @dev Barrett's reduction: the quotient from `RECIPROCAL` and the upper word alone is right or one too small. A
    /// third of what MODEXP costs since EIP-7883.
    function reduce(uint256 high, uint256 low) internal pure returns (uint256 reducedHigh, uint256 reducedLow) {
        // quotient = high · RECIPROCAL >> 380;
        // (high, low) −= quotient · (P_HIGH, P_LOW);
        // if ((high, low) >= (P_HIGH, P_LOW)) (high, low) −= (P_HIGH, P_LOW);
        assembly ("memory-safe") {
            // The upper word of a product follows from its remainders modulo 2^256 − 1 and 2^256.
            let product := mul(high, RECIPROCAL)
            let rest := mulmod(high, RECIPROCAL, not(0))
            let quotient := shr(124, sub(sub(rest, product), lt(rest, product)))

            product := mul(quotient, P_LOW)
            rest := mulmod(quotient, P_LOW, not(0))
            high := sub(high, add(mul(quotient, P_HIGH), sub(sub(rest, product), lt(rest, product))))
            reducedHigh := sub(high, lt(low, product))
            reducedLow := sub(low, product)

            if or(gt(reducedHigh, P_HIGH), and(eq(reducedHigh, P_HIGH), iszero(lt(reducedLow, P_LOW)))) {
                reducedHigh := sub(sub(reducedHigh, P_HIGH), lt(reducedLow, P_LOW))
                reducedLow := sub(reducedLow, P_LOW)
            }
        }
    }

    /// @notice Whether `sigma` is a signature over `message` under `key`: e(σ, −G2) · e(H, key) = 1.
    /// @dev Infinity is the caller's to refuse. All points are checked to be in their subgroups.
    function verify(PointG1 memory message, PointG2 memory key, PointG1 memory sigma)
        internal
        view
        returns (bool valid)
    {
        bool ok;
        // (ok, output) = PAIRING.staticcall(abi.encode(sigma, NEG_G2, message, key));
        // valid = abi.decode(output, (bool));
        assembly ("memory-safe") {
            let input := mload(0x40)
            mcopy(input, sigma, 0x80)
            mstore(add(input, 0x80), NEG_G2_X0_HIGH)
            mstore(add(input, 0xa0), NEG_G2_X0_LOW)
            mstore(add(input, 0xc0), NEG_G2_X1_HIGH)
            mstore(add(input, 0xe0), NEG_G2_X1_LOW)
            mstore(add(input, 0x100), NEG_G2_Y0_HIGH)
            mstore(add(input, 0x120), NEG_G2_Y0_LOW)
            mstore(add(input, 0x140), NEG_G2_Y1_HIGH)
            mstore(add(input, 0x160), NEG_G2_Y1_LOW)
            mcopy(add(input, 0x180), message, 0x80)
            mcopy(add(input, 0x200), key, 0x100)
            ok := staticcall(gas(), 0x0f, input, 0x300, 0x00, 0x20)
            valid := and(ok, mload(0x00))
        }
        if (!ok) revert InvalidPoint();
    }
}
