// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.31;

import {Bls} from "./utils/Bls.sol";
import {Bls381} from "./utils/Bls381.sol";
import {Test} from "./utils/Test.sol";
import {BLS12381, PointG2} from "../src/libraries/BLS12381.sol";
import {BN254, G1} from "../src/libraries/BN254.sol";
import {RowSums} from "../src/libraries/RowSums.sol";
import {SchemeTables} from "../src/libraries/SchemeTables.sol";
import {Bls12381Scheme} from "../src/schemes/Bls12381Scheme.sol";
import {Bn254Scheme} from "../src/schemes/Bn254Scheme.sol";

contract RowSumsTest is Test {
    using BLS12381 for PointG2;

    uint256 private constant COUNT = 20;

    address private bn254;
    address private bls12381;

    function setUp() public {
        bytes memory rows254;
        bytes memory rows381;
        for (uint256 i = 0; i < COUNT; i++) {
            rows254 = abi.encodePacked(rows254, abi.encode(Bls.publicKey(i + 1)), weights(i));
            rows381 = abi.encodePacked(rows381, Bls381.pack(Bls381.publicKey(i + 1)), weights(i));
        }
        bn254 = new Bn254Scheme().writeChunk(rows254);
        bls12381 = new Bls12381Scheme().writeChunk(rows381);
    }

    function weights(uint256 i) private pure returns (bytes memory) {
        return abi.encodePacked(uint96(uint256(keccak256(abi.encode(i))) >> 168), uint96(1e24 - i));
    }

    /// @dev Sum of the weights as each row alone has them, native << 96 | external.
    function weightsOneByOne(uint256 bits) private pure returns (uint256 sum) {
        for (uint256 i = 0; i < COUNT; i++) {
            if (bits >> i & 1 == 1) sum += uint192(bytes24(weights(i)));
        }
    }

    function testFuzz_bn254_rows_sum_as_if_added_one_by_one(uint256 bits, uint256 start) public view {
        bits = bound(bits, 0, (1 << COUNT) - 1);
        G1 memory point = Bls.publicKey(start);
        G1 memory expected = Bls.publicKey(start);
        for (uint256 i = 0; i < COUNT; i++) {
            if (bits >> i & 1 == 1) expected = BN254.add(expected, Bls.publicKey(i + 1));
        }
        uint256 location;
        assembly ("memory-safe") {
            location := point
        }
        vm.assertEq(RowSums.addBn254(bn254, bits, location), weightsOneByOne(bits));
        vm.assertEq(abi.encode(point), abi.encode(expected));
    }

    function testFuzz_bls12381_rows_sum_as_if_added_one_by_one(uint256 bits, uint256 start) public view {
        bits = bound(bits, 0, (1 << COUNT) - 1);
        PointG2 memory point = Bls381.publicKey(start);
        PointG2 memory expected = Bls381.publicKey(start);
        for (uint256 i = 0; i < COUNT; i++) {
            if (bits >> i & 1 == 1) expected.add(Bls381.publicKey(i + 1));
        }
        vm.assertEq(RowSums.addBls12381(bls12381, bits, point.pointer()), weightsOneByOne(bits));
        vm.assertEq(abi.encode(point), abi.encode(expected));
    }

    function addBls12381(address chunk) external view {
        PointG2 memory point;
        RowSums.addBls12381(chunk, 1, point.pointer());
    }

    function addBn254(address chunk) external view {
        RowSums.addBn254(chunk, 1, SchemeTables.allocate(64));
    }

    function test_rows_that_are_no_points_are_refused() public {
        address stray = address(0xc0de);
        bytes memory code = new bytes(1000);
        for (uint256 i = 0; i < code.length; i++) {
            code[i] = 0x01;
        }
        vm.etch(stray, code);
        vm.expectRevert(RowSums.InvalidPoint.selector);
        this.addBls12381{gas: 1_000_000}(stray);
        vm.expectRevert(RowSums.InvalidPoint.selector);
        this.addBn254{gas: 1_000_000}(stray);
    }

    function testFuzz_bits_are_counted_and_found(uint256 word) public pure {
        uint256 count;
        uint256 lowest = 256;
        for (uint256 i = 0; i < 256; i++) {
            if (word >> i & 1 == 0) continue;
            count++;
            if (lowest == 256) lowest = i;
        }
        vm.assertEq(SchemeTables.ones(word), count);
        if (word != 0) vm.assertEq(SchemeTables.lowestBit(word), lowest);
    }

    function test_words_with_all_bits_or_none_are_counted() public pure {
        vm.assertEq(SchemeTables.ones(0), 0);
        for (uint256 i = 1; i <= 256; i++) {
            vm.assertEq(SchemeTables.ones(type(uint256).max >> (256 - i)), i);
        }
    }

    function test_capacity_is_what_fits_the_code() public pure {
        vm.assertEq(SchemeTables.capacity(192), 112);
        vm.assertEq(SchemeTables.capacity(64), 256);
        vm.assertEq(SchemeTables.capacity(20), 256);
    }
}
