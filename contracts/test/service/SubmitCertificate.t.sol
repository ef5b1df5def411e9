// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.31;

import {ITableKeeper} from "../../src/interfaces/ITableKeeper.sol";
import {Certificate} from "../utils/Packed.sol";
import {Bls} from "../utils/Bls.sol";
import {Operator} from "../utils/StakingFixture.sol";
import {ServiceFixture} from "../utils/ServiceFixture.sol";
import {ServiceManager} from "../../src/ServiceManager.sol";
import {IServiceManager} from "../../src/interfaces/IServiceManager.sol";
import {BN254, G1, G2} from "../../src/libraries/BN254.sol";
import {Certificates, Signers} from "../../src/libraries/Certificates.sol";
import {Digests} from "../../src/libraries/Digests.sol";
import {Epoch} from "../../src/types/Ids.sol";
import {Requirement, Result, Task, Token} from "../../src/types/Structs.sol";

/// @notice Certificates that must not be believed, one wrong thing at a time.
contract SubmitCertificateTest is ServiceFixture {
    Epoch private constant FIRST = Epoch.wrap(1);

    Result[] private results;

    function setUp() public override {
        super.setUp();
        results.push(only(createTask("game"))[0]);
    }

    function digest() private view returns (bytes32) {
        return digest(FIRST);
    }

    function digest(Epoch epoch) private view returns (bytes32) {
        return Digests.batch(service.domainSeparator(), epoch, rootOf(results));
    }

    function refuse(Certificate memory certificate, bytes memory reason) private {
        Result[] memory copy = results;
        vm.expectRevert(reason);
        service.submit(copy, certificate.pack());
    }

    function refuseSignature(Certificate memory certificate) private {
        refuse(certificate, abi.encodeWithSelector(Certificates.InvalidSignature.selector, digest()));
    }

    // Epochs and tables

    function test_unknown_epoch_is_refused() public {
        Certificate memory certificate = certify(rootOf(results), Epoch.wrap(2), everyone());
        refuse(certificate, abi.encodeWithSelector(ITableKeeper.UnknownEpoch.selector, 2));
        certificate = certify(rootOf(results), Epoch.wrap(0), everyone());
        refuse(certificate, abi.encodeWithSelector(ITableKeeper.UnknownEpoch.selector, 0));
    }

    function test_stale_table_is_refused() public {
        vm.warp(START + WINDOW + 1);
        delete results;
        results.push(only(createTask("later"))[0]);
        refuse(certify(results), abi.encodeWithSelector(ITableKeeper.TableExpired.selector, 1, START, WINDOW));
    }

    function test_table_serves_to_the_end_of_its_window() public {
        vm.warp(START + WINDOW);
        delete results;
        results.push(only(createTask("later"))[0]);
        nextEpoch();
        Result[] memory copy = results;
        service.submit(copy, certify(rootOf(copy), FIRST, everyone()).pack());
    }

    function test_signature_for_another_epoch_is_refused() public {
        nextEpoch();
        Certificate memory certificate = certify(rootOf(results), Epoch.wrap(2), everyone());
        certificate.epoch = FIRST;
        (certificate.passed, certificate.ordinate) = Bls.hint(digest());
        refuseSignature(certificate);
    }

    // Other domains and purposes

    function test_certificate_for_another_service_is_refused() public {
        ServiceManager other = new ServiceManager(config(both(6667, 6667)));
        bytes32 foreign = Digests.batch(other.domainSeparator(), FIRST, rootOf(results));
        Certificate memory certificate = signBatch(foreign, FIRST, everyone());
        refuse(certificate, abi.encodeWithSelector(BN254.InvalidHint.selector, digest()));
        (certificate.passed, certificate.ordinate) = Bls.hint(digest());
        refuseSignature(certificate);
    }

    function test_certificate_for_another_chain_is_refused() public {
        bytes32 separator = Digests.domainSeparator(1, address(service));
        bytes32 foreign = Digests.batch(separator, FIRST, rootOf(results));
        Certificate memory certificate = signBatch(foreign, FIRST, everyone());
        (certificate.passed, certificate.ordinate) = Bls.hint(digest());
        refuseSignature(certificate);
    }

    function test_certificate_from_before_a_fork_of_the_chain_is_refused() public {
        Certificate memory certificate = certify(results);
        vm.chainId(99);
        // The task's id was another before the fork.
        refuse(certificate, abi.encodeWithSelector(IServiceManager.NothingToDeliver.selector));
    }

    function test_signature_over_the_bare_root_is_refused() public {
        Certificate memory certificate = signBatch(rootOf(results), FIRST, everyone());
        (certificate.passed, certificate.ordinate) = Bls.hint(digest());
        refuseSignature(certificate);
    }

    function test_signature_over_another_payload_is_refused() public {
        Certificate memory certificate = certify(results);
        results[0].payload = "forged";
        (certificate.passed, certificate.ordinate) = Bls.hint(digest());
        refuseSignature(certificate);
    }

    function test_signature_over_another_component_is_refused() public {
        Certificate memory certificate = certify(results);
        results[0].component = sha256("another component");
        (certificate.passed, certificate.ordinate) = Bls.hint(digest());
        refuseSignature(certificate);
    }

    function test_part_of_a_batch_is_refused() public {
        Task[] memory tasks = new Task[](2);
        (tasks[0], tasks[1]) = (results[0].task, createTask("second"));
        Certificate memory certificate = certify(sorted(tasks));
        (certificate.passed, certificate.ordinate) = Bls.hint(digest());
        refuseSignature(certificate);
    }

    // Signers

    function refuseBytes(bytes memory packed, bytes memory reason) private {
        Result[] memory copy = results;
        vm.expectRevert(reason);
        service.submit(copy, packed);
    }

    function test_certificate_of_another_length_is_refused() public {
        bytes memory packed = bytes.concat(certify(results).pack(), hex"00");
        refuseBytes(packed, abi.encodeWithSelector(Certificates.MalformedCertificate.selector, 103, 4));
        packed = bytes.concat(certify(results, without(2)).pack(), hex"00");
        refuseBytes(packed, abi.encodeWithSelector(Certificates.MalformedCertificate.selector, 232, 4));
    }

    function test_bit_beyond_the_table_is_refused() public {
        uint256[] memory bitmap = new uint256[](1);
        bitmap[0] = 1 << 4;
        bytes memory packed = certify(results).pack(Signers.Without, bitmap);
        refuseBytes(packed, abi.encodeWithSelector(Certificates.MalformedCertificate.selector, 231, 4));
    }

    /// @dev Dearer than it has to be, and true.
    function test_everyone_may_be_named_by_a_bitmap() public {
        uint256 snapshot = vm.snapshotState();
        Result[] memory copy = results;
        service.submit(copy, certify(copy).pack(Signers.Without));
        vm.revertToState(snapshot);
        service.submit(copy, certify(copy).pack(Signers.Only));
    }

    function test_claimed_signer_that_did_not_sign_is_found_out() public {
        Certificate memory certificate = certify(results, without(2));
        certificate.signers = everyone();
        refuseSignature(certificate);
    }

    function test_signer_that_is_not_claimed_is_found_out() public {
        Certificate memory certificate = certify(results);
        certificate.signers = without(2);
        refuseSignature(certificate);
    }

    function test_key_of_g2_must_be_that_of_g1() public {
        Certificate memory certificate = certify(results, without(3));
        certificate.apk = Bls.add(certificate.apk, Bls.generatorG2());
        refuseSignature(certificate);
    }

    /// @dev The G2 key is the attacker's own, and the signature is right under it.
    function test_key_of_an_outsider_is_refused() public {
        Certificate memory certificate = certify(results);
        certificate.apk = Bls.publicKeyG2(666);
        certificate.sigma = Bls.sign(666, digest());
        refuseSignature(certificate);
    }

    function test_one_signature_many_times_is_refused() public {
        Certificate memory certificate = certify(results);
        certificate.sigma = BN254.mul(Bls.sign(operators[0].sk, digest()), 4);
        refuseSignature(certificate);
    }

    function test_infinity_is_refused_everywhere() public {
        Certificate memory certificate = certify(results);
        certificate.sigma = G1(0, 0);
        refuseSignature(certificate);
        certificate = certify(results, without(3));
        certificate.sigma = G1(0, 0);
        refuseSignature(certificate);
        certificate.apk = G2(0, 0, 0, 0);
        refuseSignature(certificate);
        certificate = certify(results, without(3));
        certificate.apk = G2(0, 0, 0, 0);
        refuseSignature(certificate);
    }

    /// @dev Operators whose keys are opposite add up to infinity, which would be a signature over anything.
    function test_keys_that_cancel_out_certify_nothing() public {
        addOpposite();
        uint256[] memory signers = new uint256[](1);
        signers[0] = 1 | 1 << 4;
        Certificate memory certificate = certify(results, signers);
        vm.assertTrue(BN254.isInfinity(certificate.sigma));
        bytes memory reason = abi.encodeWithSelector(Certificates.InfinityInCertificate.selector);
        refuseBytes(certificate.pack(Signers.Only), reason);
        refuseBytes(certificate.pack(Signers.Without), reason);
        certificate.sigma = G1(1, 2);
        certificate.apk = Bls.generatorG2();
        refuseBytes(certificate.pack(Signers.Only), reason);
        refuseBytes(certificate.pack(Signers.Without), reason);
    }

    /// @dev A fifth operator, whose key is the first one's, negated.
    function addOpposite() private {
        Operator memory o = operators[0];
        G2 memory negated = G2(o.g2.xIm, o.g2.xRe, BN254.P - o.g2.yIm, BN254.P - o.g2.yRe);
        address last = address(uint160(operators[3].account) + 1);
        operators.push(Operator(last, BN254.R - o.sk, BN254.negate(o.g1), negated));
        register(operators[4]);
        optIn(last);
        nextEpoch();
    }

    function test_sigma_off_the_curve_is_refused() public {
        Certificate memory certificate = certify(results);
        certificate.sigma.y ^= 1;
        refuse(certificate, abi.encodeWithSelector(BN254.InvalidPoint.selector));
    }

    function test_wrong_hint_is_refused() public {
        Certificate memory certificate = certify(results);
        certificate.ordinate ^= 1;
        refuse(certificate, abi.encodeWithSelector(BN254.InvalidHint.selector, digest()));
        certificate = certify(results);
        certificate.passed ^= 1;
        refuse(certificate, abi.encodeWithSelector(BN254.InvalidHint.selector, digest()));
    }

    // Quorums

    function test_one_of_four_may_be_absent() public {
        Result[] memory copy = results;
        service.submit(copy, certify(copy, without(3)).pack());
    }

    function test_half_is_not_enough() public {
        uint256[] memory bitmap = without(0);
        bitmap[0] &= ~uint256(2);
        Certificate memory certificate = certify(results, bitmap);
        expectQuorumNotReached(Token.Native, 205, 406, 6667);
        service.submit(results, certificate.pack());
    }

    function test_native_token_alone_can_fail_a_batch() public {
        stake(operators[0].account, nativeStrategy, 10_000);
        nextEpoch();
        Certificate memory certificate = certify(results, without(0));
        expectQuorumNotReached(Token.Native, 306, 10_406, 6667);
        service.submit(results, certificate.pack());
    }

    function test_external_token_alone_can_fail_a_batch() public {
        stake(operators[0].account, externalStrategy, 100_000);
        nextEpoch();
        Certificate memory certificate = certify(results, without(0));
        expectQuorumNotReached(Token.External, 2994, 103_994, 6667);
        service.submit(results, certificate.pack());
    }

    function test_nobody_is_not_enough() public {
        bytes memory packed = certify(results).pack(Signers.Only, new uint256[](1));
        refuseBytes(packed, abi.encodeWithSelector(Certificates.InfinityInCertificate.selector));
    }

    function test_stricter_task_needs_its_own_quorum() public {
        delete results;
        results.push(only(createTask("strict", Requirement(0, 8000, 0)))[0]);
        Certificate memory certificate = certify(results, without(0));
        expectQuorumNotReached(Token.External, 2994, 3994, 8000);
        service.submit(results, certificate.pack());
        Result[] memory copy = results;
        service.submit(copy, certify(copy).pack());
    }

    function test_strictest_task_of_a_batch_rules() public {
        Task[] memory tasks = new Task[](3);
        tasks[0] = createTask("lax");
        tasks[1] = createTask("native", Requirement(9000, 0, 0));
        tasks[2] = createTask("external", Requirement(0, 7600, 0));
        Result[] memory batch = sorted(tasks);
        Certificate memory certificate = certify(batch, without(0));
        expectQuorumNotReached(Token.Native, 306, 406, 9000);
        service.submit(batch, certificate.pack());
    }

    function test_strict_task_that_is_settled_binds_no_other() public {
        Task[] memory tasks = new Task[](2);
        tasks[0] = createTask("strict", Requirement(10_000, 10_000, 0));
        tasks[1] = createTask("lax");
        Result[] memory strict = new Result[](1);
        strict[0] = Result(tasks[0], COMPONENT, "payload");
        service.submit(strict, certify(strict).pack());
        Result[] memory batch = sorted(tasks);
        service.submit(batch, certify(batch, without(0)).pack());
        vm.assertEq(handler.calls(idOf(tasks[1])), 1);
    }

    function test_token_that_nobody_staked_never_reaches_its_quorum() public {
        setUpWithoutExternalStake();
        Certificate memory certificate = certify(results);
        expectQuorumNotReached(Token.External, 0, 0, 1);
        service.submit(results, certificate.pack());
    }

    function setUpWithoutExternalStake() private {
        delete operators;
        setUpStaking();
        deployService(both(1, 1));
        loadOperators(2);
        for (uint256 i = 0; i < 2; i++) {
            register(operators[i]);
            stake(operators[i].account, nativeStrategy, 100);
            optIn(operators[i].account);
        }
        service.refreshTable(accounts(), aggregate());
        announce(MANIFEST, address(handler));
        delete results;
        results.push(only(createTask("game"))[0]);
    }
}
