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
    uint256 private constant LAST_ROW = 22_584;
    uint256 private constant TOP_BIT = 0x8000000000000000000000000000000000000000000000000000000000000000;
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
            calldatacopy(0x00, 0x20, 0x40)
            let weights := 0
            let mask := calldataload(0x00)
            for {} mask {} {
                let skip := clz(mask)
                codecopy(0x40, sub(LAST_ROW, mul(ROW_BYTES, skip)), ROW_BYTES)
                weights := add(mload(0x78), weights)
                // Rows hold points of the curve, so it fails only for lack of gas. Then it has taken all but a 64th of
                // what there was, 2 units at most, which do not last to the end of this loop.
                pop(staticcall(gas(), 0x06, 0x00, 0x80, 0x00, 0x40))
                mask := xor(shr(skip, TOP_BIT), mask)
            }
            mstore(0x40, and(weights, WEIGHTS_MASK))
            return(0x00, 0x60)
        }
    }
}
