// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.31;

import {Bls} from "./utils/Bls.sol";
import {Test} from "./utils/Test.sol";
import {BN254, G1} from "../src/libraries/BN254.sol";
import {OperatorTables, Row, WeightPair} from "../src/libraries/OperatorTables.sol";

contract OperatorTablesTest is Test {
    G1[] private keys;

    function setUp() public {
        G1 memory key = BN254.generator();
        for (uint256 i = 0; i < OperatorTables.MAX_OPERATORS; i++) {
            key = BN254.add(key, key);
            keys.push(key);
        }
    }

    function write(Row[] memory rows) external returns (address) {
        return OperatorTables.write(rows);
    }

    function sumSigners(address pointer, uint256 count, uint256[] calldata signers)
        external
        view
        returns (G1 memory key, uint96[4] memory weights)
    {
        WeightPair signed;
        WeightPair all;
        (key, signed, all) = OperatorTables.sumSigners(pointer, count, signers);
        weights = [signed.nativeWeight(), signed.externalWeight(), all.nativeWeight(), all.externalWeight()];
    }

    function makeRows(uint256 count, uint256 seed) private view returns (Row[] memory rows) {
        rows = new Row[](count);
        uint96 most = type(uint96).max / uint96(count);
        for (uint256 i = 0; i < count; i++) {
            rows[i] = Row(
                keys[i],
                uint96(bound(uint256(keccak256(abi.encode(seed, i, "native"))), 0, most)),
                uint96(bound(uint256(keccak256(abi.encode(seed, i, "external"))), 0, most))
            );
        }
    }

    function makeBitmap(uint256 count, uint256 seed) private pure returns (uint256[] memory bitmap) {
        bitmap = new uint256[]((count + 255) / 256);
        for (uint256 i = 0; i < count; i++) {
            if (uint256(keccak256(abi.encode(seed, i))) & 1 == 1) bitmap[i / 256] |= 1 << (i % 256);
        }
    }

    function encode(Row memory row) private pure returns (bytes memory) {
        return abi.encodePacked(row.key.x, row.key.y, row.nativeWeight, row.externalWeight);
    }

    function assertSums(address pointer, Row[] memory rows, uint256[] memory bitmap) private view {
        G1 memory expected;
        uint96[4] memory sums;
        for (uint256 i = 0; i < rows.length; i++) {
            sums[2] += rows[i].nativeWeight;
            sums[3] += rows[i].externalWeight;
            if (bitmap[i / 256] >> (i % 256) & 1 == 0) continue;
            expected = BN254.add(expected, rows[i].key);
            sums[0] += rows[i].nativeWeight;
            sums[1] += rows[i].externalWeight;
        }
        (G1 memory key, uint96[4] memory weights) = this.sumSigners(pointer, rows.length, bitmap);
        vm.assertEq(keccak256(abi.encode(key, weights)), keccak256(abi.encode(expected, sums)));
    }

    function testFuzz_code_is_the_format(uint256 count, uint256 seed) public {
        Row[] memory rows = makeRows(bound(count, 1, 20), seed);
        bytes memory expected = abi.encodePacked(hex"00", encode(OperatorTables.total(rows)));
        for (uint256 i = 0; i < rows.length; i++) {
            expected = bytes.concat(expected, encode(rows[i]));
        }
        address pointer = this.write(rows);
        vm.assertEq(pointer.code, expected);
        for (uint256 i = 0; i < rows.length; i++) {
            vm.assertEq(keccak256(abi.encode(OperatorTables.read(pointer, i + 1))), keccak256(abi.encode(rows[i])));
        }
    }

    function testFuzz_signers_sum_as_if_added_one_by_one(uint256 count, uint256 seed, uint256 bits) public {
        Row[] memory rows = makeRows(bound(count, 1, OperatorTables.MAX_OPERATORS), seed);
        assertSums(this.write(rows), rows, makeBitmap(rows.length, bits));
    }

    function test_signers_sum_at_the_edges_of_a_word() public {
        uint16[6] memory counts = [1, 255, 256, 257, 277, 278];
        for (uint256 c = 0; c < counts.length; c++) {
            Row[] memory rows = makeRows(counts[c], c);
            address pointer = this.write(rows);
            uint256[] memory bitmap = new uint256[]((rows.length + 255) / 256);
            assertSums(pointer, rows, bitmap);
            bitmap[0] = 1;
            assertSums(pointer, rows, bitmap);
            bitmap[0] = 0;
            bitmap[bitmap.length - 1] = 1 << ((rows.length - 1) % 256);
            assertSums(pointer, rows, bitmap);
            for (uint256 i = 0; i < rows.length; i++) {
                bitmap[i / 256] |= 1 << (i % 256);
            }
            assertSums(pointer, rows, bitmap);
        }
    }

    function test_equal_keys_and_opposite_keys_sum_as_points_do() public {
        Row[] memory rows = new Row[](4);
        rows[0] = Row(keys[0], 1, 1);
        rows[1] = Row(keys[0], 2, 2);
        rows[2] = Row(BN254.negate(keys[0]), 3, 3);
        rows[3] = Row(BN254.negate(keys[0]), 4, 4);
        address pointer = this.write(rows);
        uint256[] memory bitmap = new uint256[](1);
        for (; bitmap[0] < 16; bitmap[0]++) {
            assertSums(pointer, rows, bitmap);
        }
    }

    function testFuzz_bit_beyond_the_last_operator_is_refused(uint256 count, uint256 bit) public {
        Row[] memory rows = makeRows(bound(count, 1, 255), 0);
        address pointer = this.write(rows);
        uint256[] memory bitmap = new uint256[](1);
        bitmap[0] = 1 | 1 << bound(bit, rows.length, 255);
        vm.expectRevert(abi.encodeWithSelector(OperatorTables.MalformedBitmap.selector, 1, rows.length));
        this.sumSigners(pointer, rows.length, bitmap);
    }

    function test_bitmap_of_another_length_is_refused() public {
        Row[] memory rows = makeRows(257, 0);
        address pointer = this.write(rows);
        uint8[3] memory lengths = [0, 1, 3];
        for (uint256 i = 0; i < lengths.length; i++) {
            vm.expectRevert(abi.encodeWithSelector(OperatorTables.MalformedBitmap.selector, lengths[i], 257));
            this.sumSigners(pointer, 257, new uint256[](lengths[i]));
        }
    }

    function test_table_code_can_not_be_run() public {
        (bool ok, bytes memory output) = this.write(makeRows(3, 0)).call(hex"12345678");
        vm.assertTrue(ok);
        vm.assertEq(output.length, 0);
    }

    function test_more_operators_than_fit_are_refused() public {
        Row[] memory rows = new Row[](279);
        vm.expectRevert(abi.encodeWithSelector(OperatorTables.TooManyOperators.selector, 279, 278));
        this.write(rows);
    }

    function test_total_beyond_96_bits_is_refused() public {
        Row[] memory rows = makeRows(2, 0);
        rows[0].nativeWeight = type(uint96).max;
        rows[1].nativeWeight = 1;
        (rows[0].externalWeight, rows[1].externalWeight) = (5, 6);
        vm.expectRevert(abi.encodeWithSelector(OperatorTables.WeightOverflow.selector, 1 << 96, 11));
        this.write(rows);
        (rows[0].nativeWeight, rows[1].externalWeight) = (0, type(uint96).max);
        vm.expectRevert(abi.encodeWithSelector(OperatorTables.WeightOverflow.selector, 1, (1 << 96) + 4));
        this.write(rows);
    }

    function test_greatest_totals_are_kept() public {
        Row[] memory rows = makeRows(2, 0);
        (rows[0].nativeWeight, rows[0].externalWeight) = (type(uint96).max - 1, 1);
        (rows[1].nativeWeight, rows[1].externalWeight) = (1, type(uint96).max - 1);
        address pointer = this.write(rows);
        uint256[] memory bitmap = new uint256[](1);
        for (; bitmap[0] < 4; bitmap[0]++) {
            assertSums(pointer, rows, bitmap);
        }
    }

    function test_too_little_gas_writes_no_table() public {
        Row[] memory rows = makeRows(100, 0);
        vm.expectRevert(OperatorTables.TableNotWritten.selector);
        this.write{gas: 800_000}(rows);
    }
}
