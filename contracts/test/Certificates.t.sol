// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.31;

import {Test} from "./utils/Test.sol";
import {BN254, G1, G2} from "../src/libraries/BN254.sol";
import {Certificates} from "../src/libraries/Certificates.sol";
import {Digests} from "../src/libraries/Digests.sol";
import {OperatorTables, Row, WeightPair} from "../src/libraries/OperatorTables.sol";
import {Epoch} from "../src/types/Ids.sol";
import {Certificate} from "../src/types/Structs.sol";

contract CertificatesTest is Test {
    struct KeyVector {
        uint256 x;
        uint256 y;
    }

    struct SignerVector {
        KeyVector g1;
    }

    struct TwistVector {
        uint256[2] x;
        uint256[2] y;
    }

    struct CertificateVector {
        TwistVector apk;
        uint32 epoch;
        uint256 operators;
        bytes32 root;
        uint256[] roots;
        KeyVector sigma;
        uint96 signedExternal;
        uint96 signedNative;
        uint256[] signers;
        uint96 totalExternal;
        uint96 totalNative;
    }

    function check(Certificate calldata certificate, address pointer, uint256 count, bytes32 digest)
        external
        view
        returns (WeightPair signed, WeightPair total)
    {
        G1 memory key;
        (key, signed, total) = OperatorTables.sumSigners(pointer, count, certificate.signers);
        Certificates.requireSignature(certificate, key, digest);
    }

    function table(uint256 count) private returns (address) {
        SignerVector[] memory all = abi.decode(
            vm.parseJsonTypeArray(
                vectors("operators"), "$.operators", "SignerVector(KeyVector g1)KeyVector(uint256 x,uint256 y)"
            ),
            (SignerVector[])
        );
        Row[] memory rows = new Row[](count);
        for (uint256 i = 0; i < count; i++) {
            rows[i] = Row(G1(all[i].g1.x, all[i].g1.y), uint96(100 + i), uint96(1000 - i));
        }
        return OperatorTables.write(rows);
    }

    function test_certificates_of_the_shared_vectors_verify() public {
        string memory json = vectors("certificates");
        bytes32 domain = Digests.domainSeparator(
            vm.parseJsonUint(json, "$.chainId"), vm.parseJsonAddress(json, "$.verifyingContract")
        );
        CertificateVector[] memory cases = abi.decode(
            vm.parseJsonTypeArray(
                json,
                "$.certificates",
                "CertificateVector(TwistVector apk,uint32 epoch,uint256 operators,bytes32 root,uint256[] roots,KeyVector sigma,uint96 signedExternal,uint96 signedNative,uint256[] signers,uint96 totalExternal,uint96 totalNative)KeyVector(uint256 x,uint256 y)TwistVector(uint256[2] x,uint256[2] y)"
            ),
            (CertificateVector[])
        );
        vm.assertGe(cases.length, 4);
        for (uint256 i = 0; i < cases.length; i++) {
            CertificateVector memory c = cases[i];
            bytes32 digest = Digests.batch(domain, Epoch.wrap(c.epoch), c.root);
            (WeightPair signed, WeightPair total) =
                this.check(certificateOf(c), table(c.operators), c.operators, digest);
            vm.assertEq(signed.nativeWeight(), c.signedNative);
            vm.assertEq(signed.externalWeight(), c.signedExternal);
            vm.assertEq(total.nativeWeight(), c.totalNative);
            vm.assertEq(total.externalWeight(), c.totalExternal);
        }
    }

    function certificateOf(CertificateVector memory c) private pure returns (Certificate memory) {
        return Certificate({
            epoch: Epoch.wrap(c.epoch),
            signers: c.signers,
            sigma: G1(c.sigma.x, c.sigma.y),
            apk: G2({xIm: c.apk.x[0], xRe: c.apk.x[1], yIm: c.apk.y[0], yRe: c.apk.y[1]}),
            roots: c.roots
        });
    }
}
