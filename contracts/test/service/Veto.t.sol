// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.31;

import {ITableKeeper} from "../../src/interfaces/ITableKeeper.sol";
import {Certificate} from "../utils/Packed.sol";
import {Bls} from "../utils/Bls.sol";
import {VetoFixture} from "../utils/VetoFixture.sol";
import {ServiceManager} from "../../src/ServiceManager.sol";
import {IServiceManager, TaskStatus} from "../../src/interfaces/IServiceManager.sol";
import {BN254} from "../../src/libraries/BN254.sol";
import {Certificates} from "../../src/libraries/Certificates.sol";
import {Digests} from "../../src/libraries/Digests.sol";
import {Policies} from "../../src/libraries/Policies.sol";
import {Epoch, TaskId} from "../../src/types/Ids.sol";
import {Result, Token} from "../../src/types/Structs.sol";

contract VetoTest is VetoFixture {
    Epoch private constant SECOND = Epoch.wrap(2);

    Result private result;

    function setUp() public override {
        super.setUp();
        result = suspended("a")[0];
    }

    function digest() private view returns (bytes32) {
        return Digests.veto(service.domainSeparator(), SECOND, leafOf(result));
    }

    function refuse(uint64 number, Certificate memory certificate, bytes memory reason) private {
        vm.expectRevert(reason);
        service.veto(number, certificate.pack());
    }

    /// @dev With the hint that the true digest needs: nothing but the signature is wrong.
    function refuseSignature(Certificate memory certificate) private {
        (certificate.passed, certificate.ordinate) = Bls.hint(digest());
        refuse(1, certificate, abi.encodeWithSelector(Certificates.InvalidSignature.selector, digest()));
        assertStatus(result.task, TaskStatus.Pending);
    }

    function refuseNotPending(uint64 number, Certificate memory certificate) private {
        refuse(number, certificate, abi.encodeWithSelector(IServiceManager.NotPending.selector, number));
    }

    function test_pending_result_is_stopped_for_good() public {
        Certificate memory certificate = vetoOf(leafOf(result), vetoer);
        vm.expectEmit(address(service));
        emit IServiceManager.TaskVetoed(
            idOf(result.task), leafOf(result), SECOND, 1_000_997, EXTERNAL, certificate.signers
        );
        vm.prank(anyone);
        service.veto(1, certificate.pack());
        assertStatus(result.task, TaskStatus.Vetoed);
        (bytes32 leaf, uint64 until) = service.pendingResult(1);
        vm.assertEq(leaf, bytes32(0));
        vm.assertEq(until, 0);
        vm.warp(START + 30 days);
        assertStatus(result.task, TaskStatus.Vetoed);
        Result[] memory results = new Result[](1);
        results[0] = result;
        vm.expectRevert(IServiceManager.NothingToDeliver.selector);
        service.finalize(results);
        vm.expectRevert(abi.encodeWithSelector(IServiceManager.NothingToRedeliver.selector, idOf(result.task)));
        service.redeliver(result);
        assertCalls(result.task, 0);
    }

    function test_veto_is_upheld_once() public {
        Certificate memory certificate = vetoOf(leafOf(result), vetoer);
        service.veto(1, certificate.pack());
        refuseNotPending(1, certificate);
    }

    function test_too_few_can_not_veto() public {
        bytes memory reason =
            abi.encodeWithSelector(Policies.QuorumNotReached.selector, Token.External, 2997, EXTERNAL, 3334);
        refuse(1, vetoOf(leafOf(result), certifiers), reason);
        assertStatus(result.task, TaskStatus.Pending);
    }

    function test_veto_may_come_in_the_last_second_and_no_later() public {
        (, uint64 until) = service.pendingResult(1);
        Certificate memory certificate = vetoOf(leafOf(result), vetoer);
        vm.warp(until);
        refuse(1, certificate, abi.encodeWithSelector(IServiceManager.VetoTooLate.selector, 1, until));
        vm.warp(until - 1);
        service.veto(1, certificate.pack());
        assertStatus(result.task, TaskStatus.Vetoed);
    }

    function test_only_a_pending_result_can_be_vetoed() public {
        Result[] memory open = only(createTask("open"));
        refuseNotPending(2, vetoOf(leafOf(open[0]), vetoer));
        service.submit(open, certify(open).pack());
        refuseNotPending(2, vetoOf(leafOf(open[0]), vetoer));
        refuseNotPending(77, vetoOf(leafOf(open[0]), vetoer));
    }

    function test_waved_through_result_can_not_be_vetoed() public {
        Result[] memory results = new Result[](1);
        results[0] = result;
        Certificate memory certificate = vetoOf(leafOf(result), vetoer);
        service.submit(results, certify(results).pack());
        refuseNotPending(1, certificate);
    }

    function test_service_without_vetoes_knows_none() public {
        service = new ServiceManager(config(both(6667, 6667)));
        refuseNotPending(1, vetoOf(leafOf(result), vetoer));
    }

    // Forged, replayed, for something else

    function test_veto_of_another_result_is_refused() public {
        Result memory other = suspended("b")[0];
        Certificate memory certificate = vetoOf(leafOf(other), vetoer);
        refuse(1, certificate, abi.encodeWithSelector(BN254.InvalidHint.selector, digest()));
        refuseSignature(certificate);
        other.task = result.task;
        other.payload = "another";
        refuseSignature(vetoOf(leafOf(other), vetoer));
    }

    function test_veto_stops_one_result_of_a_batch() public {
        Result memory other = suspended("b")[0];
        stop(result);
        assertStatus(result.task, TaskStatus.Vetoed);
        assertStatus(other.task, TaskStatus.Pending);
    }

    /// @dev A batch of one has its leaf as the root: only the type of the digest tells approval from veto.
    function test_certificate_of_the_batch_is_no_veto() public {
        refuseSignature(certify(leafOf(result), SECOND, vetoer));
        refuseSignature(certify(leafOf(result), SECOND, everyone()));
    }

    function test_veto_is_no_certificate_of_a_batch() public {
        Result[] memory results = only(createTask("open"));
        Certificate memory certificate = vetoOf(leafOf(results[0]), everyone());
        bytes32 expected = Digests.batch(service.domainSeparator(), SECOND, rootOf(results));
        (certificate.passed, certificate.ordinate) = Bls.hint(expected);
        refuseSubmit(results, certificate, abi.encodeWithSelector(Certificates.InvalidSignature.selector, expected));
    }

    function test_signature_over_the_bare_leaf_is_refused() public {
        refuseSignature(signBatch(leafOf(result), SECOND, vetoer));
    }

    function test_veto_of_another_epoch_is_refused() public {
        nextEpoch();
        bytes32 later = Digests.veto(service.domainSeparator(), Epoch.wrap(3), leafOf(result));
        refuseSignature(signBatch(later, SECOND, vetoer));
        refuse(
            1, signBatch(later, Epoch.wrap(4), vetoer), abi.encodeWithSelector(ITableKeeper.UnknownEpoch.selector, 4)
        );
    }

    function test_veto_may_be_of_any_table_that_is_believed() public {
        nextEpoch();
        service.veto(1, vetoOf(leafOf(result), vetoer).pack());
        assertStatus(result.task, TaskStatus.Vetoed);
    }

    /// @dev In the first table operator 3 held a quarter of the external token.
    function test_veto_counts_by_the_table_that_it_names() public {
        Epoch first = Epoch.wrap(1);
        bytes32 statement = Digests.veto(service.domainSeparator(), first, leafOf(result));
        refuse(
            1,
            signBatch(statement, first, vetoer),
            abi.encodeWithSelector(Policies.QuorumNotReached.selector, Token.External, 997, 3994, 3334)
        );
    }

    function test_veto_under_a_stale_table_is_refused() public {
        vm.warp(START + WINDOW - 1);
        Result[] memory results = suspended("b");
        Certificate memory certificate = vetoOf(leafOf(results[0]), vetoer);
        vm.warp(START + WINDOW + 1);
        refuse(2, certificate, abi.encodeWithSelector(ITableKeeper.TableExpired.selector, 2, START, WINDOW));
    }

    function test_veto_for_another_service_is_refused() public {
        bytes32 separator = Digests.domainSeparator(block.chainid, address(this));
        refuseSignature(signBatch(Digests.veto(separator, SECOND, leafOf(result)), SECOND, vetoer));
    }

    function test_claimed_signer_that_did_not_sign_is_found_out() public {
        Certificate memory certificate = vetoOf(leafOf(result), certifiers);
        certificate.signers = everyone();
        refuseSignature(certificate);
    }
}
