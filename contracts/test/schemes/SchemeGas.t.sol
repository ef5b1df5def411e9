// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.31;

import {Bls} from "../utils/Bls.sol";
import {Bls381} from "../utils/Bls381.sol";
import {SchemeVm} from "../utils/SchemeVm.sol";
import {Test} from "../utils/Test.sol";
import {ISignatureScheme, SchemeWeights} from "../../src/interfaces/ISignatureScheme.sol";
import {BLS12381} from "../../src/libraries/BLS12381.sol";
import {BN254} from "../../src/libraries/BN254.sol";
import {Bls12381Scheme} from "../../src/schemes/Bls12381Scheme.sol";
import {Bn254Scheme} from "../../src/schemes/Bn254Scheme.sol";
import {Secp256k1Scheme} from "../../src/schemes/Secp256k1Scheme.sol";

/// @notice A contract that believes two thirds of each token of one table, and does nothing else.
contract Consumer {
    ISignatureScheme private immutable scheme;
    address private immutable chunk;

    constructor(ISignatureScheme scheme_, address chunk_) {
        (scheme, chunk) = (scheme_, chunk_);
    }

    function check(bytes32 digest, uint256[] calldata signers, bytes calldata proof) external view {
        address[] memory chunks = new address[](1);
        chunks[0] = chunk;
        SchemeWeights memory weights = scheme.verify(digest, chunks, signers, proof);
        require(uint256(weights.signedNative) * 3 >= weights.totalNative, "native");
        require(uint256(weights.signedExternal) * 3 >= weights.totalExternal, "external");
    }
}

/// @notice Gas of whole transactions that verify one certificate: 21 000, calldata, execution on cold state.
/// @dev Every call of these tests is a transaction of its own (isolate), and forge charges it as a chain would.
/// forge-config: default.isolate = true
/// forge-config: long.isolate = true
contract SchemeGasTest is Test {
    ISignatureScheme private scheme;
    address private chunk;
    Consumer private consumer;
    uint256 private count;

    function setUpTable(ISignatureScheme scheme_, uint256 count_) private {
        (scheme, count) = (scheme_, count_);
        bytes memory rows;
        for (uint256 i = 0; i < count; i++) {
            rows = abi.encodePacked(rows, key(secret(i)), uint96(1e24 + i), uint96(1e23 - i));
        }
        chunk = scheme.writeChunk(rows);
        consumer = new Consumer(scheme, chunk);
    }

    function secret(uint256 i) private pure returns (uint256) {
        return uint32(uint256(keccak256(abi.encode(i))));
    }

    function key(uint256 sk) private view returns (bytes memory) {
        if (scheme.name() == "bn254") return abi.encode(Bls.publicKey(sk));
        if (scheme.name() == "secp256k1") return abi.encodePacked(vm.addr(sk));
        return Bls381.pack(Bls381.publicKey(sk));
    }

    /// @dev Absent are `absent` operators, spread over the table.
    function measure(string memory label, uint256 absent) private {
        uint256 bits = (1 << count) - 1;
        for (uint256 i = 0; i < absent; i++) {
            bits ^= 1 << (i * count / absent);
        }
        uint256[] memory signers = new uint256[](1);
        signers[0] = bits;
        bytes32 digest = keccak256("digest");
        bytes memory call = abi.encodeCall(Consumer.check, (digest, signers, prove(digest, bits)));
        // Not as a view, which would not be a transaction.
        (bool ok,) = address(consumer).call(call);
        vm.assertTrue(ok);
        vm.snapshotGasLastCall(
            "schemes", string.concat(label, ", ", vm.toString(count), " operators, ", vm.toString(absent), " absent")
        );
    }

    function prove(bytes32 digest, uint256 bits) private view returns (bytes memory proof) {
        uint256 sum;
        for (uint256 i = 0; i < count; i++) {
            if (bits >> i & 1 == 0) continue;
            sum += secret(i);
            if (scheme.name() == "secp256k1") {
                (uint8 v, bytes32 r, bytes32 s) = SchemeVm(address(vm)).sign(secret(i), digest);
                proof = bytes.concat(proof, abi.encode(r, uint256(v - 27) << 255 | uint256(s)));
            }
        }
        if (scheme.name() == "secp256k1") return proof;
        if (scheme.name() == "bn254") {
            (uint8 passed, uint256 y) = Bls.hint(digest);
            return abi.encode(Bls.sign(sum, digest), Bls.publicKeyG2(sum), passed, y);
        }
        return Bls381.pack(Bls381.sign(sum, BLS12381.hashToG1(digest)));
    }

    function measureAbsences(string memory label) private {
        measure(label, 0);
        measure(label, 10);
        measure(label, 33);
        measure(label, 50);
    }

    function test_bls12381() public {
        setUpTable(new Bls12381Scheme(), 100);
        measureAbsences("bls12-381");
    }

    function test_bn254() public {
        setUpTable(new Bn254Scheme(), 100);
        measureAbsences("bn254");
    }

    function test_secp256k1() public {
        uint8[3] memory counts = [3, 10, 17];
        for (uint256 i = 0; i < counts.length; i++) {
            setUpTable(new Secp256k1Scheme(), counts[i]);
            measure("secp256k1", 0);
        }
    }

    function test_chunks() public {
        writeChunk("bls12-381", new Bls12381Scheme());
        writeChunk("bn254", new Bn254Scheme());
        writeChunk("secp256k1", new Secp256k1Scheme());
    }

    function writeChunk(string memory label, ISignatureScheme scheme_) private {
        scheme = scheme_;
        bytes memory rows;
        for (uint256 i = 0; i < 100; i++) {
            rows = abi.encodePacked(rows, key(secret(i)), uint96(1e24 + i), uint96(1e23 - i));
        }
        scheme.writeChunk(rows);
        vm.snapshotGasLastCall("schemes", string.concat(label, ", writeChunk of 100 operators"));
    }
}
