// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.31;

import {Test} from "../utils/Test.sol";
import {ISignatureScheme, SchemeWeights} from "../../src/interfaces/ISignatureScheme.sol";
import {Digests} from "../../src/libraries/Digests.sol";
import {Possessions} from "../../src/libraries/Possessions.sol";
import {Epoch} from "../../src/types/Ids.sol";

/// @notice What every signature scheme has to do. Operator i holds 100 + i native and 1000 − i external.
abstract contract SchemeSuite is Test {
    struct SchemeOperator {
        bytes key;
        address operator;
        bytes possession;
        uint256 secret;
    }

    struct SchemeCertificate {
        uint32 epoch;
        uint256 operators;
        bytes proof;
        bytes32 root;
        uint96 signedExternal;
        uint96 signedNative;
        uint256 signers;
        uint96 totalExternal;
        uint96 totalNative;
    }

    uint256 internal constant OPERATORS = 5;
    bytes32 internal constant DIGEST = keccak256("digest");
    /// @dev A refused point burns all gas that its precompile was given.
    uint256 internal constant LIMIT = 30_000_000;

    ISignatureScheme internal scheme;
    uint256[] internal secrets;
    bytes[] internal keys;
    address internal chunk;

    // What differs between schemes

    function deploy() internal virtual returns (ISignatureScheme);

    /// @notice Name of the scheme in the shared vectors.
    function vectorName() internal pure virtual returns (string memory);

    /// @notice The public key as it is registered.
    function publicKey(uint256 secret) internal view virtual returns (bytes memory);

    function sign(uint256 secret, bytes32 digest) internal view virtual returns (bytes memory);

    /// @notice A proof that all of `by` signed `signed`, in this order, made out for `claimed`.
    function prove(bytes32 signed, bytes32 claimed, uint256[] memory by) internal view virtual returns (bytes memory);

    // Set-up

    function setUp() public virtual {
        scheme = deploy();
        for (uint256 i = 0; i < OPERATORS; i++) {
            secrets.push(uint32(uint256(keccak256(abi.encode("secret", i)))));
            keys.push(publicKey(secrets[i]));
        }
        chunk = scheme.writeChunk(rows(0, OPERATORS));
    }

    function row(bytes memory key, uint96 nativeWeight, uint96 externalWeight) internal view returns (bytes memory) {
        bytes memory inRow = new bytes(scheme.keyBytes());
        for (uint256 i = 0; i < inRow.length; i++) {
            inRow[i] = key[i];
        }
        return abi.encodePacked(inRow, nativeWeight, externalWeight);
    }

    function rows(uint256 first, uint256 end) internal view returns (bytes memory result) {
        for (uint256 i = first; i < end; i++) {
            result = bytes.concat(result, row(keys[i], uint96(100 + i), uint96(1000 - i)));
        }
    }

    function one(address first) internal pure returns (address[] memory list) {
        list = new address[](1);
        list[0] = first;
    }

    function one(uint256 first) internal pure returns (uint256[] memory list) {
        list = new uint256[](1);
        list[0] = first;
    }

    function two(uint256 first, uint256 second) internal pure returns (uint256[] memory list) {
        list = new uint256[](2);
        (list[0], list[1]) = (first, second);
    }

    /// @notice Secrets of the operators whose bits are set.
    function secretsOf(uint256 bits) internal view returns (uint256[] memory list) {
        list = new uint256[](OPERATORS);
        uint256 count;
        for (uint256 i = 0; i < OPERATORS; i++) {
            if (bits >> i & 1 == 1) list[count++] = secrets[i];
        }
        assembly ("memory-safe") {
            mstore(list, count)
        }
    }

    function proofOf(uint256 bits) internal view returns (bytes memory) {
        return prove(DIGEST, DIGEST, secretsOf(bits));
    }

    function verify(uint256 bits, bytes memory proof) internal view returns (SchemeWeights memory) {
        return scheme.verify{gas: LIMIT}(DIGEST, one(chunk), one(bits), proof);
    }

    function assertWeights(SchemeWeights memory weights, uint256 bits) internal pure {
        SchemeWeights memory expected;
        for (uint256 i = 0; i < OPERATORS; i++) {
            expected.totalNative += uint96(100 + i);
            expected.totalExternal += uint96(1000 - i);
            if (bits >> i & 1 == 0) continue;
            expected.signedNative += uint96(100 + i);
            expected.signedExternal += uint96(1000 - i);
        }
        vm.assertEq(abi.encode(weights), abi.encode(expected));
    }

    function malformedProof(uint256 length) internal pure returns (bytes memory) {
        return abi.encodeWithSelector(ISignatureScheme.MalformedProof.selector, length);
    }

    function invalidSignature(bytes32 digest) internal pure returns (bytes memory) {
        return abi.encodeWithSelector(ISignatureScheme.InvalidSignature.selector, digest);
    }

    // Certificates

    function test_every_set_of_signers_verifies_with_its_weights() public view {
        for (uint256 bits = 1; bits < 1 << OPERATORS; bits++) {
            assertWeights(verify(bits, proofOf(bits)), bits);
        }
    }

    function test_signers_of_several_chunks_verify_together() public {
        address[] memory chunks = new address[](2);
        chunks[0] = scheme.writeChunk(rows(0, 2));
        chunks[1] = scheme.writeChunk(rows(2, OPERATORS));
        for (uint256 bits = 1; bits < 1 << OPERATORS; bits++) {
            assertWeights(scheme.verify(DIGEST, chunks, two(bits & 3, bits >> 2), proofOf(bits)), bits);
        }
    }

    function test_certificates_of_the_shared_vectors_verify() public {
        string memory json = vectors("schemes");
        bytes32 domain = Digests.domainSeparator(
            vm.parseJsonUint(json, "$.chainId"), vm.parseJsonAddress(json, "$.verifyingContract")
        );
        SchemeOperator[] memory operators = operatorVectors(json);
        SchemeCertificate[] memory cases = abi.decode(
            vm.parseJsonTypeArray(
                json,
                string.concat("$.schemes.", vectorName(), ".certificates"),
                "SchemeCertificate(uint32 epoch,uint256 operators,bytes proof,bytes32 root,uint96 signedExternal,uint96 signedNative,uint256 signers,uint96 totalExternal,uint96 totalNative)"
            ),
            (SchemeCertificate[])
        );
        vm.assertGe(cases.length, 5);
        for (uint256 i = 0; i < cases.length; i++) {
            SchemeCertificate memory c = cases[i];
            bytes memory table;
            for (uint256 j = 0; j < c.operators; j++) {
                table = bytes.concat(table, row(operators[j].key, uint96(100 + j), uint96(1000 - j)));
            }
            SchemeWeights memory weights = scheme.verify(
                Digests.batch(domain, Epoch.wrap(c.epoch), c.root),
                one(scheme.writeChunk(table)),
                one(c.signers),
                c.proof
            );
            SchemeWeights memory expected =
                SchemeWeights(c.signedNative, c.signedExternal, c.totalNative, c.totalExternal);
            vm.assertEq(abi.encode(weights), abi.encode(expected));
        }
    }

    function operatorVectors(string memory json) internal pure returns (SchemeOperator[] memory) {
        return abi.decode(
            vm.parseJsonTypeArray(
                json,
                string.concat("$.schemes.", vectorName(), ".operators"),
                "SchemeOperator(bytes key,address operator,bytes possession,uint256 secret)"
            ),
            (SchemeOperator[])
        );
    }

    function test_signature_over_another_digest_is_refused() public {
        bytes memory proof = prove(keccak256("other"), DIGEST, secretsOf(31));
        vm.expectRevert(invalidSignature(DIGEST));
        verify(31, proof);
    }

    function test_signature_for_another_domain_is_refused() public {
        bytes32 here = Digests.batch(Digests.domainSeparator(1, address(1)), Epoch.wrap(1), "root");
        bytes32[3] memory others = [
            Digests.batch(Digests.domainSeparator(2, address(1)), Epoch.wrap(1), "root"),
            Digests.batch(Digests.domainSeparator(1, address(2)), Epoch.wrap(1), "root"),
            Digests.batch(Digests.domainSeparator(1, address(1)), Epoch.wrap(2), "root")
        ];
        for (uint256 i = 0; i < others.length; i++) {
            bytes memory proof = prove(others[i], here, secretsOf(31));
            vm.expectRevert(invalidSignature(here));
            scheme.verify(here, one(chunk), one(31), proof);
        }
    }

    function test_signature_of_others_is_refused() public {
        bytes memory proof = proofOf(7);
        vm.expectRevert(invalidSignature(DIGEST));
        verify(11, proof);
    }

    function test_signature_twice_does_not_count_for_two() public {
        bytes memory proof = prove(DIGEST, DIGEST, two(secrets[0], secrets[0]));
        vm.expectRevert(invalidSignature(DIGEST));
        verify(3, proof);
    }

    function test_more_or_fewer_signers_than_signed_are_refused() public {
        bytes memory proof = proofOf(7);
        vm.expectRevert();
        verify(15, proof);
        vm.expectRevert();
        verify(3, proof);
    }

    function test_certificate_without_signers_is_refused() public {
        vm.expectRevert(ISignatureScheme.NoSigners.selector);
        verify(0, "");
        vm.expectRevert(ISignatureScheme.NoSigners.selector);
        scheme.verify(DIGEST, new address[](0), new uint256[](0), "");
    }

    function testFuzz_bit_beyond_the_last_operator_is_refused(uint256 bit) public {
        bytes memory proof = proofOf(31);
        vm.expectRevert(abi.encodeWithSelector(ISignatureScheme.MalformedBitmap.selector, 1, 1));
        verify(31 | 1 << bound(bit, OPERATORS, 255), proof);
    }

    function test_bitmap_of_another_length_is_refused() public {
        bytes memory proof = proofOf(31);
        vm.expectRevert(abi.encodeWithSelector(ISignatureScheme.MalformedBitmap.selector, 2, 1));
        scheme.verify(DIGEST, one(chunk), two(31, 0), proof);
        vm.expectRevert(abi.encodeWithSelector(ISignatureScheme.MalformedBitmap.selector, 0, 1));
        scheme.verify(DIGEST, one(chunk), new uint256[](0), proof);
    }

    function test_proof_of_another_length_is_refused() public {
        bytes memory proof = proofOf(31);
        bytes memory longer = bytes.concat(proof, hex"00");
        vm.expectRevert(malformedProof(longer.length));
        verify(31, longer);
        vm.expectRevert(malformedProof(0));
        verify(31, "");
        assembly ("memory-safe") {
            mstore(proof, sub(mload(proof), 1))
        }
        vm.expectRevert(malformedProof(proof.length));
        verify(31, proof);
    }

    function testFuzz_changed_bit_is_refused(uint256 bit) public {
        bytes memory proof = proofOf(31);
        bit = bound(bit, 0, proof.length * 8 - 1);
        proof[bit / 8] ^= bytes1(uint8(1 << (bit % 8)));
        vm.expectRevert();
        verify(31, proof);
    }

    function test_code_that_is_no_chunk_is_refused() public {
        uint256 rowBytes = scheme.keyBytes() + 24;
        address where = address(0xc0de);
        uint256[5] memory lengths = [0, 1 + rowBytes, 2 * rowBytes, 2 + 2 * rowBytes, 1 + 258 * rowBytes];
        for (uint256 i = 0; i < lengths.length; i++) {
            vm.etch(where, new bytes(lengths[i]));
            vm.expectRevert(abi.encodeWithSelector(ISignatureScheme.NotAChunk.selector, where));
            scheme.verify(DIGEST, one(where), one(1), "");
        }
    }

    function test_totals_of_several_chunks_beyond_96_bits_are_refused() public {
        address[] memory chunks = new address[](2);
        chunks[0] = scheme.writeChunk(row(keys[0], type(uint96).max, 5));
        chunks[1] = scheme.writeChunk(row(keys[1], 1, 6));
        bytes memory proof = proofOf(3);
        vm.expectRevert(abi.encodeWithSelector(ISignatureScheme.WeightOverflow.selector, 1 << 96, 11));
        scheme.verify(DIGEST, chunks, two(1, 1), proof);
    }

    // Chunks

    function test_chunk_is_the_format() public {
        bytes memory all = rows(0, OPERATORS);
        bytes memory code = chunk.code;
        vm.assertEq(code.length, 1 + all.length + all.length / OPERATORS);
        vm.assertEq(uint8(code[0]), 0);
        for (uint256 i = 0; i < all.length; i++) {
            vm.assertEq(uint8(code[1 + all.length / OPERATORS + i]), uint8(all[i]));
        }
        (bool ok, bytes memory output) = chunk.call(hex"12345678");
        vm.assertTrue(ok);
        vm.assertEq(output.length, 0);
    }

    function test_same_rows_are_the_same_chunk() public {
        vm.assertEq(scheme.writeChunk(rows(0, OPERATORS)), chunk);
        vm.assertTrue(scheme.writeChunk(rows(0, OPERATORS - 1)) != chunk);
    }

    function test_capacity_is_kept_and_not_exceeded() public {
        uint256 limit = scheme.maxOperators();
        bytes memory single = row(keys[0], 1, 1);
        bytes memory full = repeated(single, limit);
        address written = scheme.writeChunk(full);
        vm.assertLe(written.code.length, 24_576);
        uint256 everyone = type(uint256).max >> (256 - limit);
        uint256[] memory by = new uint256[](limit);
        for (uint256 i = 0; i < limit; i++) {
            by[i] = secrets[0];
        }
        SchemeWeights memory weights = scheme.verify(DIGEST, one(written), one(everyone), prove(DIGEST, DIGEST, by));
        vm.assertEq(weights.signedNative, limit);
        vm.assertEq(weights.totalExternal, limit);
        vm.expectRevert(abi.encodeWithSelector(ISignatureScheme.TooManyOperators.selector, limit + 1, limit));
        scheme.writeChunk(bytes.concat(full, single));
    }

    function repeated(bytes memory piece, uint256 times) internal pure returns (bytes memory result) {
        result = new bytes(piece.length * times);
        for (uint256 i = 0; i < result.length; i++) {
            result[i] = piece[i % piece.length];
        }
    }

    function test_rows_of_another_length_are_refused() public {
        bytes memory all = rows(0, 2);
        uint256 rowBytes = all.length / 2;
        bytes[2] memory malformed = [bytes(""), bytes.concat(all, hex"00")];
        for (uint256 i = 0; i < malformed.length; i++) {
            vm.expectRevert(
                abi.encodeWithSelector(ISignatureScheme.MalformedRows.selector, malformed[i].length, rowBytes)
            );
            scheme.writeChunk(malformed[i]);
        }
    }

    function test_totals_beyond_96_bits_are_refused() public {
        uint96 most = type(uint96).max;
        bytes memory tooMuchNative = bytes.concat(row(keys[0], most, 5), row(keys[1], 1, 6));
        bytes memory tooMuchExternal = bytes.concat(row(keys[0], 0, most), row(keys[1], 1, 5));
        vm.expectRevert(abi.encodeWithSelector(ISignatureScheme.WeightOverflow.selector, 1 << 96, 11));
        scheme.writeChunk(tooMuchNative);
        vm.expectRevert(abi.encodeWithSelector(ISignatureScheme.WeightOverflow.selector, 1, (1 << 96) + 4));
        scheme.writeChunk(tooMuchExternal);
    }

    function test_greatest_totals_are_kept() public {
        uint96 most = type(uint96).max;
        address written = scheme.writeChunk(bytes.concat(row(keys[0], most - 1, 1), row(keys[1], 1, most - 1)));
        for (uint256 bits = 1; bits < 4; bits++) {
            SchemeWeights memory weights = scheme.verify(DIGEST, one(written), one(bits), proofOf(bits));
            vm.assertEq(weights.signedNative, (bits & 1) * (most - 1) + (bits >> 1));
            vm.assertEq(weights.signedExternal, (bits & 1) + (bits >> 1) * (most - 1));
            vm.assertEq(weights.totalNative, most);
            vm.assertEq(weights.totalExternal, most);
        }
    }

    function test_zero_key_is_refused() public {
        bytes memory zero = row(new bytes(keys[0].length), 1, 1);
        vm.expectRevert(ISignatureScheme.PointAtInfinity.selector);
        scheme.writeChunk(bytes.concat(zero));
    }

    function test_too_little_gas_writes_no_chunk() public {
        bytes memory all = repeated(row(keys[0], 1, 1), 40);
        vm.expectRevert(ISignatureScheme.TableNotWritten.selector);
        scheme.writeChunk{gas: 100_000 + all.length * 100}(all);
    }

    // Possession

    function possessionDigest(address operator, bytes memory key) internal view returns (bytes32) {
        return Possessions.digest(Digests.domainSeparator(1, address(this)), operator, scheme.name(), key);
    }

    function test_possession_is_proven_by_the_secret() public view {
        bytes32 digest = possessionDigest(address(1), keys[0]);
        scheme.verifyPossession(digest, keys[0], sign(secrets[0], digest));
    }

    function test_possessions_of_the_shared_vectors_are_proven() public view {
        string memory json = vectors("schemes");
        bytes32 domain = Digests.domainSeparator(
            vm.parseJsonUint(json, "$.chainId"), vm.parseJsonAddress(json, "$.verifyingContract")
        );
        SchemeOperator[] memory operators = operatorVectors(json);
        vm.assertGe(operators.length, 10);
        for (uint256 i = 0; i < operators.length; i++) {
            SchemeOperator memory o = operators[i];
            vm.assertEq(o.key, publicKey(o.secret));
            scheme.verifyPossession(Possessions.digest(domain, o.operator, scheme.name(), o.key), o.key, o.possession);
        }
    }

    function test_possession_of_another_operator_or_key_is_refused() public {
        bytes32 digest = possessionDigest(address(1), keys[0]);
        bytes memory signature = sign(secrets[0], digest);
        bytes32 ofAnother = possessionDigest(address(2), keys[0]);
        vm.expectRevert(invalidSignature(ofAnother));
        scheme.verifyPossession(ofAnother, keys[0], signature);
        vm.expectRevert(invalidSignature(digest));
        scheme.verifyPossession(digest, keys[1], signature);
    }

    function test_possession_of_a_key_or_signature_of_another_length_is_refused() public {
        bytes memory signature = sign(secrets[0], DIGEST);
        bytes memory longer = bytes.concat(keys[0], hex"00");
        vm.expectRevert(abi.encodeWithSelector(ISignatureScheme.MalformedKey.selector, longer.length));
        scheme.verifyPossession(DIGEST, longer, signature);
        vm.expectRevert(abi.encodeWithSelector(ISignatureScheme.MalformedKey.selector, 0));
        scheme.verifyPossession(DIGEST, "", signature);
        bytes memory longerSignature = bytes.concat(signature, hex"00");
        vm.expectRevert(malformedProof(longerSignature.length));
        scheme.verifyPossession(DIGEST, keys[0], longerSignature);
    }

    function test_possession_digest_is_that_of_its_struct() public pure {
        bytes32 domain = keccak256("domain");
        bytes32 structHash = keccak256(
            abi.encode(
                keccak256("KeyPossession(address operator,bytes32 scheme,bytes key)"),
                address(7),
                bytes32("scheme"),
                keccak256(hex"0102")
            )
        );
        vm.assertEq(
            Possessions.digest(domain, address(7), "scheme", hex"0102"),
            keccak256(abi.encodePacked(hex"1901", domain, structHash))
        );
    }
}
