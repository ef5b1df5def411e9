// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.31;

import {Bls} from "./utils/Bls.sol";
import {Certificate, Packed} from "./utils/Packed.sol";
import {Test} from "./utils/Test.sol";
import {ITableKeeper} from "../src/interfaces/ITableKeeper.sol";
import {BN254, G1, G2} from "../src/libraries/BN254.sol";
import {Certificates, Signers} from "../src/libraries/Certificates.sol";
import {OperatorTables, Row, WeightPair} from "../src/libraries/OperatorTables.sol";
import {Corrections, Draft} from "../src/service/Corrections.sol";
import {OperatorChunk} from "../src/libraries/OperatorChunk.sol";
import {TableCodes} from "../src/service/TableCodes.sol";
import {Epoch} from "../src/types/Ids.sol";
import {Table, Tables} from "../src/types/Table.sol";

/// @notice Tables as code, and certificates summed over them, against plain Solidity.
contract OperatorTablesTest is Test {
    using Packed for Certificate;

    bytes32 private constant DIGEST = keccak256("digest");

    /// @dev Operator i holds the secret i + 1.
    G1[] private keys;
    G2[] private twins;

    function setUp() public {
        grow(20);
    }

    function grow(uint256 count) private {
        if (keys.length == 0) {
            keys.push(BN254.generator());
            twins.push(Bls.generatorG2());
        }
        while (keys.length < count) {
            keys.push(BN254.add(keys[keys.length - 1], BN254.generator()));
            twins.push(Bls.add(twins[twins.length - 1], Bls.generatorG2()));
        }
    }

    // What is tested, called from outside

    function write(Row[] memory rows, G2 memory apk) external returns (address) {
        return TableCodes.writeTable(rows, apk);
    }

    function writeChunk(Row[] memory rows, address known) external returns (address) {
        return TableCodes.writeChunk(rows, known);
    }

    function writeOver(address[] memory chunks, uint256 count, G2 memory apk) external returns (address) {
        return TableCodes.writeOver(chunks, count, apk);
    }

    function verify(bytes calldata certificate, Table table) external view returns (WeightPair, WeightPair) {
        return Certificates.verify(certificate, table, DIGEST);
    }

    function signersOf(bytes calldata certificate, uint256 count) external pure returns (uint256[] memory) {
        return Certificates.signersOf(certificate, count);
    }

    // Rows, tables, bitmaps

    function makeRows(uint256 count, uint256 seed) private view returns (Row[] memory rows) {
        rows = new Row[](count);
        uint96 most = type(uint96).max / uint96(count);
        for (uint256 i = 0; i < count; i++) {
            rows[i] = Row(keys[i], draw(seed, i, "native", most), draw(seed, i, "external", most));
        }
    }

    function draw(uint256 seed, uint256 i, string memory what, uint96 most) private pure returns (uint96) {
        return uint96(bound(uint256(keccak256(abi.encode(seed, i, what))), 0, most));
    }

    function makeBitmap(uint256 count, uint256 seed) private pure returns (uint256[] memory bitmap) {
        bitmap = new uint256[]((count + 255) / 256);
        for (uint256 i = 0; i < count; i++) {
            if (uint256(keccak256(abi.encode(seed, i))) & 1 == 1) bitmap[i / 256] |= 1 << (i % 256);
        }
    }

    function everyone(uint256 count) private pure returns (uint256[] memory bitmap) {
        bitmap = new uint256[]((count + 255) / 256);
        for (uint256 i = 0; i < count; i++) {
            bitmap[i / 256] |= 1 << (i % 256);
        }
    }

    /// @dev The aggregate of the first `count` keys: secret count · (count + 1) / 2.
    function aggregate(uint256 count) private view returns (G2 memory) {
        return Bls.publicKeyG2(count * (count + 1) / 2);
    }

    function makeTable(Row[] memory rows) private returns (Table) {
        uint256 count = rows.length;
        if (count <= 256) {
            return Tables.pack(this.write(rows, aggregate(count)), 0, Epoch.wrap(1), count, 0);
        }
        address[] memory chunks = makeChunks(rows);
        return Tables.pack(this.writeOver(chunks, count, aggregate(count)), 0, Epoch.wrap(1), count, 0);
    }

    function makeChunks(Row[] memory rows) private returns (address[] memory chunks) {
        chunks = new address[]((rows.length + 255) / 256);
        for (uint256 c = 0; c < chunks.length; c++) {
            uint256 left = rows.length - 256 * c;
            Row[] memory part = new Row[](left < 256 ? left : 256);
            for (uint256 i = 0; i < part.length; i++) {
                part[i] = rows[256 * c + i];
            }
            chunks[c] = this.writeChunk(part, address(0));
        }
    }

    function encode(Row memory row) private pure returns (bytes memory) {
        return abi.encodePacked(row.key.x, row.key.y, row.nativeWeight, row.externalWeight);
    }

    function encode(G2 memory key) private pure returns (bytes memory) {
        return abi.encodePacked(key.xIm, key.xRe, key.yIm, key.yRe);
    }

    function encodeChunk(Row[] memory rows) private view returns (bytes memory code) {
        code = OperatorChunk.PROGRAM;
        for (uint256 i = 0; i < rows.length; i++) {
            code = bytes.concat(code, encode(rows[i]));
        }
        return bytes.concat(code, encode(TableCodes.sumOf(rows)));
    }

    // Certificates over them

    /// @dev By those whose bits are set.
    function certify(uint256 count, uint256[] memory signers) private view returns (Certificate memory) {
        uint256 sk;
        for (uint256 i = 0; i < count; i++) {
            if (signers[i / 256] >> (i % 256) & 1 != 0) sk += i + 1;
        }
        (uint8 passed, uint256 ordinate) = Bls.hint(DIGEST);
        return Certificate(Epoch.wrap(1), count, signers, Bls.sign(sk, DIGEST), Bls.publicKeyG2(sk), passed, ordinate);
    }

    /// @dev Verifies for the signers, named in both ways, and compares with sums row by row.
    function assertSums(Table table, Row[] memory rows, uint256[] memory signers) private view {
        uint256[4] memory sums;
        for (uint256 i = 0; i < rows.length; i++) {
            sums[2] += rows[i].nativeWeight;
            sums[3] += rows[i].externalWeight;
            if (signers[i / 256] >> (i % 256) & 1 == 0) continue;
            sums[0] += rows[i].nativeWeight;
            sums[1] += rows[i].externalWeight;
        }
        Certificate memory certificate = certify(rows.length, signers);
        assertSums(table, certificate.pack(Signers.Without), signers, sums);
        assertSums(table, certificate.pack(Signers.Only), signers, sums);
        assertSums(table, certificate.pack(), signers, sums);
    }

    function assertSums(Table table, bytes memory packed, uint256[] memory signers, uint256[4] memory sums)
        private
        view
    {
        (WeightPair signed, WeightPair total) = this.verify(packed, table);
        vm.assertEq(signed.nativeWeight(), sums[0]);
        vm.assertEq(signed.externalWeight(), sums[1]);
        vm.assertEq(total.nativeWeight(), sums[2]);
        vm.assertEq(total.externalWeight(), sums[3]);
        vm.assertEq(abi.encode(this.signersOf(packed, table.count())), abi.encode(signers));
    }

    // Codes

    function testFuzz_table_is_the_format(uint256 count, uint256 seed) public {
        Row[] memory rows = makeRows(bound(count, 1, 20), seed);
        Table table = makeTable(rows);
        bytes memory expected = bytes.concat(encodeChunk(rows), encode(aggregate(rows.length)));
        vm.assertEq(table.pointer().code, expected);
        for (uint256 i = 0; i < rows.length; i++) {
            vm.assertEq(abi.encode(OperatorTables.writtenRow(table, i)), abi.encode(rows[i]));
        }
    }

    function test_table_over_chunks_is_the_format() public {
        grow(300);
        Row[] memory rows = makeRows(300, 0);
        address[] memory chunks = makeChunks(rows);
        bytes memory expected = abi.encodePacked(
            hex"00", encode(TableCodes.sumOf(rows)), encode(aggregate(300)), bytes20(chunks[0]), bytes20(chunks[1])
        );
        vm.assertEq(this.writeOver(chunks, 300, aggregate(300)).code, expected);
        vm.assertEq(chunks[1].code.length, 73 + 88 * 45);
    }

    function test_program_has_its_length() public pure {
        vm.assertEq(OperatorChunk.PROGRAM.length, OperatorTables.PROGRAM_BYTES);
    }

    function test_chunk_that_is_known_is_not_written_again() public {
        Row[] memory rows = makeRows(3, 0);
        address known = this.writeChunk(rows, address(0));
        vm.assertEq(this.writeChunk(rows, known), known);
        rows[1].nativeWeight ^= 1;
        vm.assertTrue(this.writeChunk(rows, known) != known);
    }

    /// @dev Against the sum of the rows, for every subset.
    function testFuzz_program_equals_plain_solidity(uint256 seed, uint256 mask, uint256 start) public {
        Row[] memory rows = makeRows(20, seed);
        address chunk = this.writeChunk(rows, address(0));
        mask %= 1 << 20;
        G1 memory sum = Bls.publicKey(start);
        uint256 weights;
        bytes memory input = abi.encode(mask, sum);
        for (uint256 i = 0; i < 20; i++) {
            if (mask >> i & 1 == 0) continue;
            sum = BN254.add(sum, rows[i].key);
            weights += WeightPair.unwrap(OperatorTables.pairOf(rows[i]));
        }
        (bool ok, bytes memory output) = chunk.staticcall(input);
        vm.assertTrue(ok);
        vm.assertEq(output, abi.encode(sum, weights));
    }

    /// @dev At every limit up to what it takes.
    function test_chunk_without_gas_fails_as_a_whole() public {
        Row[] memory rows = makeRows(4, 1);
        address chunk = this.writeChunk(rows, address(0));
        bytes memory input = abi.encode(uint256(15), uint256(0), uint256(0));
        (, bytes memory right) = chunk.staticcall(input);
        bool enough;
        for (uint256 limit = 0; limit < 1_600; limit++) {
            (bool ok, bytes memory output) = chunk.staticcall{gas: limit}(input);
            vm.assertTrue(ok || !enough);
            if (ok) vm.assertEq(output, right);
            enough = ok;
        }
        vm.assertTrue(enough);
    }

    // Sums

    function testFuzz_signers_sum_as_if_added_one_by_one(uint256 count, uint256 seed, uint256 bits) public {
        Row[] memory rows = makeRows(bound(count, 1, 20), seed);
        uint256[] memory signers = makeBitmap(rows.length, bits);
        if (signers[0] == 0) signers[0] = 1;
        assertSums(makeTable(rows), rows, signers);
    }

    function test_signers_sum_at_the_edges_of_a_word() public {
        uint16[6] memory counts = [1, 255, 256, 257, 512, 1000];
        grow(1000);
        for (uint256 c = 0; c < counts.length; c++) {
            uint256 count = counts[c];
            Row[] memory rows = makeRows(count, c);
            Table table = makeTable(rows);
            uint256[] memory signers = new uint256[]((count + 255) / 256);
            signers[0] = 1;
            assertSums(table, rows, signers);
            signers[0] = 0;
            signers[signers.length - 1] = 1 << ((count - 1) % 256);
            assertSums(table, rows, signers);
            assertSums(table, rows, everyone(count));
            signers = makeBitmap(count, c);
            signers[0] |= 1;
            assertSums(table, rows, signers);
        }
    }

    function test_equal_and_opposite_keys_sum_as_points_do() public {
        Row[] memory rows = new Row[](4);
        rows[0] = Row(keys[0], 1, 1);
        rows[1] = Row(keys[0], 2, 2);
        rows[2] = Row(BN254.negate(keys[0]), 3, 3);
        rows[3] = Row(keys[1], 4, 4);
        uint8[4] memory secrets = [1, 1, 0, 2];
        address pointer = this.write(rows, Bls.publicKeyG2(3));
        Table table = Tables.pack(pointer, 0, Epoch.wrap(1), 4, 0);
        for (uint256 mask = 1; mask < 15; mask++) {
            uint256 sk;
            for (uint256 i = 0; i < 4; i++) {
                if (mask >> i & 1 != 0) sk = addmod(sk, i == 2 ? BN254.R - 1 : secrets[i], BN254.R);
            }
            uint256[] memory signers = new uint256[](1);
            signers[0] = mask;
            (uint8 passed, uint256 y) = Bls.hint(DIGEST);
            Certificate memory certificate =
                Certificate(Epoch.wrap(1), 4, signers, Bls.sign(sk, DIGEST), Bls.publicKeyG2(sk), passed, y);
            for (uint256 kind = 1; kind < 3; kind++) {
                bytes memory packed = certificate.pack(Signers(kind));
                if (sk == 0) vm.expectRevert(Certificates.InfinityInCertificate.selector);
                this.verify(packed, table);
            }
        }
    }

    // Corrections

    function correct(Table table, uint256[] memory positions, Row[] memory present) external returns (Table corrected) {
        Draft memory draft = Corrections.begin(table, positions.length);
        for (uint256 i = 0; i < positions.length; i++) {
            Corrections.put(draft, positions[i], Corrections.take(draft, positions[i]), present[i]);
        }
        (address pointer, uint256 count) = Corrections.finish(draft);
        return Tables.pack(pointer, 0, table.epoch(), table.count(), count);
    }

    function rowsOf(Table table, uint256 first, uint256 count) external view returns (Row[] memory) {
        return Corrections.rows(table, first, count);
    }

    /// @dev Corrects the rows that the bitmap names, in the table and in the list.
    function correctSome(Table table, Row[] memory rows, uint256[] memory which, uint256 seed) private returns (Table) {
        uint256 count;
        for (uint256 i = 0; i < rows.length; i++) {
            count += which[i / 256] >> (i % 256) & 1;
        }
        uint256[] memory positions = new uint256[](count);
        Row[] memory present = new Row[](count);
        uint96 most = type(uint96).max / uint96(rows.length);
        count = 0;
        for (uint256 i = 0; i < rows.length; i++) {
            if (which[i / 256] >> (i % 256) & 1 == 0) continue;
            rows[i] = Row(keys[i], draw(seed, i, "native", most), draw(seed, i, "external", most));
            (positions[count], present[count]) = (i, rows[i]);
            count++;
        }
        return this.correct(table, positions, present);
    }

    function testFuzz_corrected_table_is_that_with_other_weights(uint256 count, uint256 seed, uint256 bits) public {
        Row[] memory rows = makeRows(bound(count, 1, 20), seed);
        Table table = makeTable(rows);
        uint256[] memory which = makeBitmap(rows.length, seed);
        which[0] |= 1;
        table = correctSome(table, rows, which, seed ^ 1);
        table = correctSome(table, rows, makeBitmap(rows.length, ~seed), seed ^ 2);
        vm.assertEq(abi.encode(this.rowsOf(table, 0, type(uint256).max)), abi.encode(rows));
        uint256[] memory signers = makeBitmap(rows.length, bits);
        signers[0] |= 1;
        assertSums(table, rows, signers);
    }

    function test_large_table_is_corrected_across_chunks() public {
        grow(600);
        Row[] memory rows = makeRows(600, 7);
        Table table = makeTable(rows);
        uint256[] memory which = new uint256[](3);
        (which[0], which[1], which[2]) = (1 << 255 | 1, 1, 1 << 87);
        table = correctSome(table, rows, which, 8);
        (which[0], which[1], which[2]) = (2, 1, 0);
        table = correctSome(table, rows, which, 9);
        vm.assertEq(table.corrections(), 5);
        vm.assertEq(abi.encode(this.rowsOf(table, 0, 600)), abi.encode(rows));
        assertSums(table, rows, makeBitmap(600, 3));
        assertSums(table, rows, everyone(600));
    }

    function test_rows_are_read_in_part() public {
        Row[] memory rows = makeRows(20, 7);
        Table table = makeTable(rows);
        Row[] memory part = this.rowsOf(table, 18, 5);
        vm.assertEq(part.length, 2);
        vm.assertEq(abi.encode(part[1]), abi.encode(rows[19]));
        vm.assertEq(this.rowsOf(table, 20, 5).length, 0);
        vm.assertEq(this.rowsOf(table, type(uint256).max, type(uint256).max).length, 0);
    }

    function find(Table table, G1[] calldata list) external view returns (bool, uint256) {
        return TableCodes.find(table, list);
    }

    function testFuzz_find_finds_the_row_with_either_key(uint256 count, uint256 which, bool second) public {
        Row[] memory rows = makeRows(bound(count, 1, 20), 0);
        which = bound(which, 0, rows.length - 1);
        G1[] memory list = new G1[](2);
        list[second ? 1 : 0] = keys[which];
        list[second ? 0 : 1] = BN254.negate(keys[which]);
        Table table = makeTable(rows);
        (bool found, uint256 position) = this.find(table, list);
        vm.assertTrue(found);
        vm.assertEq(position, which);
        list[second ? 1 : 0] = G1(keys[which].x, 1);
        (found,) = this.find(table, list);
        vm.assertFalse(found);
    }

    function test_find_finds_rows_in_every_chunk() public {
        grow(600);
        Table table = makeTable(makeRows(600, 0));
        uint16[5] memory positions = [0, 255, 256, 511, 599];
        G1[] memory list = new G1[](1);
        for (uint256 i = 0; i < positions.length; i++) {
            list[0] = keys[positions[i]];
            (bool found, uint256 position) = this.find(table, list);
            vm.assertTrue(found);
            vm.assertEq(position, positions[i]);
        }
    }

    // Refusals

    function refuse(bytes memory packed, Table table, bytes memory reason) private {
        vm.expectRevert(reason);
        this.verify(packed, table);
    }

    function malformed(bytes memory packed, uint256 count) private pure returns (bytes memory) {
        return abi.encodeWithSelector(Certificates.MalformedCertificate.selector, packed.length, count);
    }

    function testFuzz_bit_beyond_the_last_operator_is_refused(uint256 count, uint256 bit) public {
        Row[] memory rows = makeRows(bound(count, 1, 20), 0);
        if (rows.length % 8 == 0) return;
        Table table = makeTable(rows);
        Certificate memory certificate = certify(rows.length, everyone(rows.length));
        uint256[] memory bitmap = new uint256[](1);
        bitmap[0] = 1 | 1 << bound(bit, rows.length, (rows.length + 7) / 8 * 8 - 1);
        bytes memory packed = certificate.pack(Signers.Without, bitmap);
        refuse(packed, table, malformed(packed, rows.length));
        packed = certificate.pack(Signers.Only, bitmap);
        refuse(packed, table, malformed(packed, rows.length));
    }

    function test_bit_beyond_a_large_table_is_refused() public {
        grow(257);
        Table table = makeTable(makeRows(257, 0));
        Certificate memory certificate = certify(257, everyone(257));
        uint256[] memory bitmap = new uint256[](2);
        bitmap[1] = 2;
        bytes memory packed = certificate.pack(Signers.Without, bitmap);
        refuse(packed, table, malformed(packed, 257));
    }

    function test_other_lengths_and_kinds_are_refused() public {
        grow(257);
        uint16[2] memory counts = [20, 257];
        for (uint256 c = 0; c < counts.length; c++) {
            Table table = makeTable(makeRows(counts[c], 0));
            uint256[] memory signers = everyone(counts[c]);
            signers[0] ^= 5;
            Certificate memory certificate = certify(counts[c], signers);
            for (uint256 kind = 0; kind < 3; kind++) {
                bytes memory packed = certificate.pack(Signers(kind));
                bytes memory longer = bytes.concat(packed, hex"00");
                refuse(longer, table, malformed(longer, counts[c]));
                bytes memory shorter = bytes.concat(packed);
                assembly {
                    mstore(shorter, sub(mload(shorter), 1))
                }
                refuse(shorter, table, malformed(shorter, counts[c]));
                packed[0] = bytes1(uint8(3));
                refuse(packed, table, malformed(packed, counts[c]));
                packed[0] = bytes1(uint8(255));
                refuse(packed, table, malformed(packed, counts[c]));
            }
        }
    }

    function test_empty_bytes_are_refused() public {
        Table table = makeTable(makeRows(3, 0));
        refuse("", table, malformed("", 3));
    }

    function test_everyone_without_signatures_is_refused() public {
        Table table = makeTable(makeRows(3, 0));
        Certificate memory certificate = certify(3, everyone(3));
        certificate.sigma = G1(0, 0);
        refuse(certificate.pack(), table, abi.encodeWithSelector(Certificates.InvalidSignature.selector, DIGEST));
    }

    function test_key_of_infinity_for_signers_is_refused() public {
        Table table = makeTable(makeRows(3, 0));
        uint256[] memory signers = new uint256[](1);
        signers[0] = 5;
        Certificate memory certificate = certify(3, signers);
        certificate.apk = G2(0, 0, 0, 0);
        refuse(certificate.pack(), table, abi.encodeWithSelector(Certificates.InvalidSignature.selector, DIGEST));
    }

    function test_nobody_named_is_refused() public {
        Table table = makeTable(makeRows(3, 0));
        Certificate memory certificate = certify(3, everyone(3));
        bytes memory packed = certificate.pack(Signers.Only, new uint256[](1));
        refuse(packed, table, abi.encodeWithSelector(Certificates.InfinityInCertificate.selector));
    }

    function test_wrong_aggregate_is_not_written() public {
        Row[] memory rows = makeRows(3, 0);
        G2 memory wrong = aggregate(4);
        vm.expectRevert(ITableKeeper.InvalidAggregateKey.selector);
        this.write(rows, wrong);
        vm.expectRevert(ITableKeeper.InvalidAggregateKey.selector);
        this.write(rows, G2(0, 0, 0, 0));
        rows[2].key = BN254.negate(BN254.add(rows[0].key, rows[1].key));
        vm.expectRevert(ITableKeeper.InvalidAggregateKey.selector);
        this.write(rows, G2(0, 0, 0, 0));
    }

    function test_total_beyond_96_bits_is_refused() public {
        Row[] memory rows = makeRows(2, 0);
        rows[0].nativeWeight = type(uint96).max;
        rows[1].nativeWeight = 1;
        (rows[0].externalWeight, rows[1].externalWeight) = (5, 6);
        G2 memory apk = aggregate(2);
        vm.expectRevert(abi.encodeWithSelector(ITableKeeper.WeightOverflow.selector, 1 << 96, 11));
        this.write(rows, apk);
        (rows[0].nativeWeight, rows[1].externalWeight) = (0, type(uint96).max);
        vm.expectRevert(abi.encodeWithSelector(ITableKeeper.WeightOverflow.selector, 1, (1 << 96) + 4));
        this.write(rows, apk);
    }

    function test_greatest_totals_are_kept() public {
        Row[] memory rows = makeRows(2, 0);
        (rows[0].nativeWeight, rows[0].externalWeight) = (type(uint96).max - 1, 1);
        (rows[1].nativeWeight, rows[1].externalWeight) = (1, type(uint96).max - 1);
        Table table = makeTable(rows);
        uint256[] memory bitmap = new uint256[](1);
        for (bitmap[0] = 1; bitmap[0] < 4; bitmap[0]++) {
            assertSums(table, rows, bitmap);
        }
    }
}
