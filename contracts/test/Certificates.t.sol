// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.31;

import {Fixture} from "./utils/Fixture.sol";
import {Certificate} from "./utils/Packed.sol";
import {G1, G2} from "../src/libraries/BN254.sol";
import {Certificates} from "../src/libraries/Certificates.sol";
import {Digests} from "../src/libraries/Digests.sol";
import {Row, WeightPair} from "../src/libraries/OperatorTables.sol";
import {TableCodes} from "../src/service/TableCodes.sol";
import {Epoch} from "../src/types/Ids.sol";
import {Table, Tables} from "../src/types/Table.sol";

contract CertificatesTest is Fixture {
    struct KeyVector {
        uint256 x;
        uint256 y;
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

    function check(bytes calldata certificate, Table table, bytes32 digest)
        external
        view
        returns (WeightPair signed, WeightPair total)
    {
        return Certificates.verify(certificate, table, digest);
    }

    function tableOf(Epoch epoch, uint256 count) private returns (Table) {
        loadOperators(count);
        Row[] memory rows = new Row[](count);
        for (uint256 i = 0; i < count; i++) {
            rows[i] = Row(operators[i].g1, uint96(100 + i), uint96(1000 - i));
        }
        address pointer = TableCodes.writeTable(rows, aggregate());
        delete operators;
        return Tables.pack(pointer, block.timestamp, epoch, count, 0);
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
            Table table = tableOf(Epoch.wrap(c.epoch), c.operators);
            (WeightPair signed, WeightPair total) = this.check(certificateOf(c).pack(), table, digest);
            vm.assertEq(signed.nativeWeight(), c.signedNative);
            vm.assertEq(signed.externalWeight(), c.signedExternal);
            vm.assertEq(total.nativeWeight(), c.totalNative);
            vm.assertEq(total.externalWeight(), c.totalExternal);
        }
    }

    function certificateOf(CertificateVector memory c) private pure returns (Certificate memory) {
        return Certificate({
            epoch: Epoch.wrap(c.epoch),
            count: c.operators,
            signers: c.signers,
            sigma: G1(c.sigma.x, c.sigma.y),
            apk: G2({xIm: c.apk.x[0], xRe: c.apk.x[1], yIm: c.apk.y[0], yRe: c.apk.y[1]}),
            passed: uint8(c.roots.length - 1),
            ordinate: c.roots[c.roots.length - 1]
        });
    }
}
