// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.31;

import {Test} from "./utils/Test.sol";
import {BN254, G1, G2} from "../src/libraries/BN254.sol";
import {Certificates} from "../src/libraries/Certificates.sol";
import {Digests} from "../src/libraries/Digests.sol";
import {OperatorTables, Row, WeightPair} from "../src/libraries/OperatorTables.sol";
import {Epoch} from "../src/types/Ids.sol";
import {Certificate, Quorum, Token} from "../src/types/Structs.sol";

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

    struct QuorumVector {
        uint16 externalBps;
        bool met;
        uint16 nativeBps;
        uint96 signedExternal;
        uint96 signedNative;
        uint96 totalExternal;
        uint96 totalNative;
    }

    function check(
        Certificate calldata certificate,
        address pointer,
        uint256 count,
        Quorum memory quorum,
        bytes32 digest
    ) external view returns (WeightPair signed, WeightPair total) {
        G1 memory key;
        (key, signed, total) = Certificates.requireQuorum(certificate, pointer, count, quorum);
        Certificates.requireSignature(certificate, key, digest);
    }

    function share(Token token, uint96 signed, uint96 total, uint16 bps) external pure {
        Certificates.requireShare(token, signed, total, bps);
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
                this.check(certificateOf(c), table(c.operators), c.operators, Quorum(1, 1), digest);
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

    function test_quorums_of_the_shared_vectors_are_judged_alike() public view {
        QuorumVector[] memory cases = abi.decode(
            vm.parseJsonTypeArray(
                vectors("quorum"),
                "$",
                "QuorumVector(uint16 externalBps,bool met,uint16 nativeBps,uint96 signedExternal,uint96 signedNative,uint96 totalExternal,uint96 totalNative)"
            ),
            (QuorumVector[])
        );
        vm.assertGe(cases.length, 20);
        for (uint256 i = 0; i < cases.length; i++) {
            QuorumVector memory c = cases[i];
            bool both = met(Token.Native, c.signedNative, c.totalNative, c.nativeBps)
                && met(Token.External, c.signedExternal, c.totalExternal, c.externalBps);
            vm.assertEq(both, c.met);
        }
    }

    function met(Token token, uint96 signed, uint96 total, uint16 bps) private view returns (bool) {
        try this.share(token, signed, total, bps) {
            return true;
        } catch {
            return false;
        }
    }

    /// @dev Against the definition with a fraction in lowest terms of its own: signed / total ≥ bps / 10 000.
    function testFuzz_share_is_exact(uint96 signed, uint96 total, uint16 bps) public view {
        bps = uint16(bound(bps, 1, 10_000));
        signed = total == 0 ? 0 : uint96(bound(signed, 0, total));
        uint256 least = (uint256(total) * bps + 9_999) / 10_000;
        vm.assertEq(met(Token.Native, signed, total, bps), total != 0 && signed >= least);
    }

    function testFuzz_one_short_of_the_share_is_refused(uint96 total, uint16 bps) public view {
        bps = uint16(bound(bps, 1, 10_000));
        total = uint96(bound(total, 1, type(uint96).max));
        uint96 least = uint96((uint256(total) * bps + 9_999) / 10_000);
        vm.assertTrue(met(Token.External, least, total, bps));
        vm.assertFalse(met(Token.External, least - 1, total, bps));
    }

    function test_token_without_stake_never_reaches_a_quorum() public {
        vm.expectRevert(abi.encodeWithSelector(Certificates.QuorumNotReached.selector, Token.External, 0, 0, 1));
        this.share(Token.External, 0, 0, 1);
    }
}
