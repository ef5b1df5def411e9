// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.31;

/// @title RowSums
/// @notice Adds up keys and weights of chosen rows of a chunk: what a certificate costs per absent operator.
/// @dev In terms of `SchemeTables`, with the curve's addition:
///
///     for each bit i of bits: load(chunk, i + 1); point += key of the row; weights += weights of the row
///
/// Each row is copied from the chunk by itself, which costs less than copying all of them until about half are wanted.
/// Memory behind the free pointer is scratch.
library RowSums {
    /// @notice A precompile refused a point, which no row of a chunk makes it do, or gas ran out.
    error InvalidPoint();

    uint256 private constant WEIGHTS_MASK = (1 << 192) - 1;

    /// @notice For keys on BN254 (x, y; 64 bytes).
    /// @param point Where the sum lies in memory, 64 bytes.
    /// @param bits Bit i stands for row i + 1.
    /// @return weights native << 96 | external.
    function addBn254(address chunk, uint256 bits, uint256 point) internal view returns (uint256 weights) {
        bool ok = true;
        assembly ("memory-safe") {
            // The sum, then the row: a precompile's input with the weights behind it.
            let sum := mload(0x40)
            let row := add(sum, 0x40)
            mcopy(sum, point, 0x40)
            for {} bits {} {
                let index := sub(255, clz(bits))
                bits := xor(bits, shl(index, 1))
                extcodecopy(chunk, row, add(89, mul(index, 88)), 88)
                weights := add(weights, and(mload(add(row, 56)), WEIGHTS_MASK))
                ok := and(ok, staticcall(gas(), 0x06, sum, 0x80, sum, 0x40))
            }
            mcopy(point, sum, 0x40)
        }
        if (!ok) revert InvalidPoint();
    }

    /// @notice For keys on BLS12-381 (packed points of G2; 192 bytes).
    /// @param point Where the sum lies in memory, 256 bytes.
    /// @param bits Bit i stands for row i + 1.
    /// @return weights native << 96 | external.
    function addBls12381(address chunk, uint256 bits, uint256 point) internal view returns (uint256 weights) {
        bool ok = true;
        assembly ("memory-safe") {
            // The sum, then the key unpacked: a precompile's input; then the row as it is in the chunk.
            let sum := mload(0x40)
            let row := add(sum, 0x200)
            mcopy(sum, point, 0x100)
            // The first 16 bytes of each coordinate stay zero.
            calldatacopy(add(sum, 0x100), calldatasize(), 0x100)
            for {} bits {} {
                let index := sub(255, clz(bits))
                bits := xor(bits, shl(index, 1))
                extcodecopy(chunk, row, add(217, mul(index, 216)), 216)
                weights := add(weights, and(mload(add(row, 184)), WEIGHTS_MASK))
                mcopy(add(sum, 0x110), row, 48)
                mcopy(add(sum, 0x150), add(row, 48), 48)
                mcopy(add(sum, 0x190), add(row, 96), 48)
                mcopy(add(sum, 0x1d0), add(row, 144), 48)
                ok := and(ok, staticcall(gas(), 0x0d, sum, 0x200, sum, 0x100))
            }
            mcopy(point, sum, 0x100)
        }
        if (!ok) revert InvalidPoint();
    }
}
