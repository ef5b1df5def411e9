// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.31;

/// @title OperatorChunk
/// @notice The program at the front of a chunk of an operator table, whose rows follow it as data (see
/// `OperatorTables`). Adds keys and weights up; holds nothing, calls nothing but ECADD, can not change.
///
/// Takes a mask of rows and a point of G1, as three words. Returns the point plus the masked rows' keys, and the sum of
/// their weights (native << 96 | external), as three words.
///
/// @dev Rows are within the running code, so that one is copied for 12 gas; EXTCODECOPY takes 109.
contract OperatorChunk {
    uint256 private constant ROW_BYTES = 88;
    /// @dev Where row 255 is: `OperatorTables.PROGRAM_BYTES` + 255 · 88.
    uint256 private constant LAST_ROW = 22_600;
    uint256 private constant TOP_BIT = 1 << 255;
    uint256 private constant WEIGHTS_MASK = (1 << 192) - 1;

    // (uint256 mask, G1 memory sum) = abi.decode(msg.data, (uint256, G1));
    // for (uint256 i = 256; i-- != 0;) {
    //     if (mask >> i & 1 == 0) continue;
    //     sum = BN254.add(sum, rows[i].key);
    //     weights += uint256(rows[i].nativeWeight) << 96 | rows[i].externalWeight;
    // }
    // return abi.encode(sum, weights);
    fallback() external {
        // Nothing of Solidity's runs after this block, so all of memory is free: the sum at 0x00, a row at 0x40. The
        // last 32 bytes of a row are 8 bytes of its key, which the mask takes away, and its weights.
        assembly {
            let mask := calldataload(0x00)
            calldatacopy(0x00, 0x20, 0x40)
            let weights := 0
            let ok := 1
            for {} mask {} {
                let skip := clz(mask)
                codecopy(0x40, sub(LAST_ROW, mul(skip, ROW_BYTES)), ROW_BYTES)
                weights := add(weights, mload(0x78))
                ok := and(ok, staticcall(gas(), 0x06, 0x00, 0x80, 0x00, 0x40))
                mask := xor(mask, shr(skip, TOP_BIT))
            }
            if iszero(ok) { revert(0x00, 0x00) }
            mstore(0x40, and(weights, WEIGHTS_MASK))
            return(0x00, 0x60)
        }
    }
}
