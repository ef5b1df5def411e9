// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.31;

/// @title OperatorChunk
/// @notice The program at the front of a chunk of an operator table, whose rows follow it as data (see
/// `OperatorTables`). Adds keys and weights up; holds nothing, calls nothing but ECADD, can not change.
///
/// Takes a mask of rows and a point of G1, as three words. Returns the point plus the masked rows' keys, and the sum of
/// their weights (native << 96 | external), as three words:
///
/// ```
/// (uint256 mask, G1 memory sum) = abi.decode(msg.data, (uint256, G1));
/// for (uint256 i = 256; i-- != 0;) {
///     if (mask >> i & 1 == 0) continue;
///     sum = BN254.add(sum, rows[i].key);
///     weights += uint256(rows[i].nativeWeight) << 96 | rows[i].externalWeight;
/// }
/// return abi.encode(sum, weights);
/// ```
///
/// @dev Rows are within the running code, so that one is copied for 12 gas; EXTCODECOPY takes 109. It is assembled by
/// hand, as every chunk of every table pays for its bytes, and every absent operator for its loop: from Solidity's
/// assembly it is 127 bytes, and takes 120 gas for a row beside the 250 of ECADD; this takes 101.
///
/// The stack is on the right, its top last: T = 2^255, w = sum of weights, m = rows that are left. The sum is at 0x00,
/// a row at 0x40. The last 32 bytes of a row are 8 bytes of its key, which are shifted out in the end, and its weights.
///
/// ```
/// 00  6040 6020 5f 37             calldatacopy(0x00, 0x20, 0x40)
/// 06  6001 60ff 1b                T
/// 0b  5f                          T w
/// 0c  5f 35                       T w m
/// 0e  80 15 603a 57               if m == 0 goto 3a
/// 13  5b                          loop:
/// 14  82 81 1e                    T w m T s               s = clz(m): its highest row is 255 - s
/// 17  6058 81 81 02 6157f1 03     T w m T s 88 offset     offset = 73 + 88 · (255 - s) = 0x57f1 - 88 · s
/// 20  6040 39                     T w m T s               codecopy(0x40, offset, 88)
/// 23  1c 18                       T w m                   m = m ^ T >> s
/// 25  6040 5f 6080 5f 6006 5a fa  T w m ok                staticcall(gas, ECADD, 0x00, 0x80, 0x00, 0x40)
/// 2f  50                          T w m
/// 30  90 6078 51 01 90            T w m                   w = w + mload(0x78)
/// 36  80 6013 57                  if m != 0 goto loop
/// 3a  5b 50                       T w
/// 3c  6040 1b 6040 1c             T w                     w = w << 64 >> 64
/// 42  6040 52                     mstore(0x40, w)
/// 45  6060 5f f3                  return(0x00, 0x60)
/// ```
///
/// Rows hold points of the curve, so ECADD fails only for lack of gas. Then it has taken all but a 64th of what there
/// was, 2 units at most, which do not last to the end of the loop. Only 1 024 calls deep, where 64ths leave nothing of
/// less than 10^10 units of gas, it fails and takes none. Then it does so for every row of every chunk: no key is added
/// or subtracted, and a certificate needs the signatures of all, for no more weight than it names.
library OperatorChunk {
    bytes internal constant PROGRAM = hex"604060205f37600160ff1b5f5f358015603a575b82811e60588181026157f1036040391c186040"
        hex"5f60805f60065afa50906078510190806013575b5060401b60401c60405260605ff3";
}
