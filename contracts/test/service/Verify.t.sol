// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.31;

import {ITableKeeper} from "../../src/interfaces/ITableKeeper.sol";
import {Certificate} from "../utils/Packed.sol";
import {Bls} from "../utils/Bls.sol";
import {Fixture} from "../utils/Fixture.sol";
import {FixedCondition, FixedPrices} from "../utils/Oracles.sol";
import {IServiceManager} from "../../src/interfaces/IServiceManager.sol";
import {Certificates} from "../../src/libraries/Certificates.sol";
import {Digests} from "../../src/libraries/Digests.sol";
import {Policies} from "../../src/libraries/Policies.sol";
import {Judgement, Policy, PolicyKind, Requirement, Result, Task, Token, Verdict} from "../../src/types/Structs.sol";

/// @notice `verify` and `verifyRoot`: what other contracts ask.
contract VerifyTest is Fixture {
    Result[] private results;

    function serve(Policy memory policy) private {
        setUpService(4, policy);
        results.push(only(createTask("a"))[0]);
    }

    function signers(uint256 bitmap) private pure returns (uint256[] memory list) {
        list = new uint256[](1);
        list[0] = bitmap;
    }

    function expect(Verdict verdict, uint256 bitmap, Requirement memory requirement) private view {
        Certificate memory certificate = certify(results, signers(bitmap));
        Judgement memory judgement = service.verify(certificate.pack(), results, requirement);
        vm.assertEq(uint256(judgement.verdict), uint256(verdict));
        vm.assertEq(abi.encode(service.verifyRoot(certificate.pack(), rootOf(results), requirement)), abi.encode(judgement));
    }

    function refuse(Certificate memory certificate, Requirement memory requirement, bytes memory reason) private {
        Result[] memory copy = results;
        bytes32 root = rootOf(copy);
        vm.expectRevert(reason);
        service.verify(certificate.pack(), copy, requirement);
        vm.expectRevert(reason);
        service.verifyRoot(certificate.pack(), root, requirement);
    }

    function test_weights_are_those_that_signed_and_all() public {
        serve(both(5000, 5000));
        Judgement memory judgement = service.verify(certify(results, signers(7)).pack(), results, none());
        vm.assertEq(abi.encode(judgement), abi.encode(Judgement(Verdict.Final, 303, 2997, 406, 3994)));
    }

    function test_every_policy_is_verified() public {
        FixedPrices prices = new FixedPrices(10, 1);
        FixedCondition condition = new FixedCondition();
        condition.set(true);
        Policy[6] memory policies = [
            both(6667, 6667),
            combined(6667, 2500, address(prices)),
            vetoable(6667, 3334, 1 days),
            bothOrFallback(7500, 6667, 7500, address(condition)),
            either(6667, 7600),
            single(Token.External, 6667)
        ];
        for (uint256 i = 0; i < 6; i++) {
            delete operators;
            delete results;
            serve(policies[i]);
            expect(Verdict.Final, 7, none());
            Certificate memory certificate = certify(results, signers(3));
            vm.expectRevert();
            service.verify(certificate.pack(), results, none());
        }
    }

    function test_pending_is_no_more_than_pending() public {
        serve(vetoable(6667, 2000, 1 days));
        expect(Verdict.Pending, 7, none());
        expect(Verdict.Final, 15, none());
    }

    function test_requirement_tightens() public {
        serve(both(5000, 5000));
        expect(Verdict.Final, 7, Requirement(7400, 7500, 0));
        refuse(
            certify(results, signers(7)),
            Requirement(7500, 0, 0),
            abi.encodeWithSelector(Policies.QuorumNotReached.selector, Token.Native, 303, 406, 7500)
        );
        refuse(
            certify(results, signers(7)),
            Requirement(0, 10_001, 0),
            abi.encodeWithSelector(Policies.QuorumNotReached.selector, Token.External, 2997, 3994, 10_001)
        );
        refuse(
            certify(results),
            Requirement(0, 0, 1),
            abi.encodeWithSelector(Policies.CombinedNotSupported.selector, PolicyKind.Both, 1)
        );
    }

    function test_forged_signature_is_refused() public {
        serve(both(5000, 5000));
        Certificate memory certificate = certify(results, signers(7));
        certificate.signers = everyone();
        bytes32 digest = Digests.batch(service.domainSeparator(), service.currentEpoch(), rootOf(results));
        refuse(certificate, none(), abi.encodeWithSelector(Certificates.InvalidSignature.selector, digest));
        certificate = vetoOf(rootOf(results), everyone());
        (certificate.passed, certificate.ordinate) = Bls.hint(digest);
        refuse(certificate, none(), abi.encodeWithSelector(Certificates.InvalidSignature.selector, digest));
    }

    function test_stale_table_is_refused() public {
        serve(both(5000, 5000));
        Certificate memory certificate = certify(results);
        vm.warp(START + WINDOW + 1);
        refuse(certificate, none(), abi.encodeWithSelector(ITableKeeper.TableExpired.selector, 1, START, WINDOW));
    }

    function test_batch_must_be_one_that_could_be_submitted() public {
        serve(both(5000, 5000));
        Certificate memory certificate = certify(results);
        vm.expectRevert(abi.encodeWithSelector(IServiceManager.BatchSizeOutOfBounds.selector, 0, 128));
        service.verify(certificate.pack(), new Result[](0), none());
        vm.expectRevert(abi.encodeWithSelector(IServiceManager.BatchSizeOutOfBounds.selector, 129, 128));
        service.verify(certificate.pack(), new Result[](129), none());
        Result[] memory twice = new Result[](2);
        (twice[0], twice[1]) = (results[0], results[0]);
        vm.expectRevert(
            abi.encodeWithSelector(
                IServiceManager.TasksNotAscending.selector, idOf(results[0].task), idOf(results[0].task)
            )
        );
        service.verify(certificate.pack(), twice, none());
    }

    function test_batch_of_many_is_verified() public {
        serve(both(5000, 5000));
        Task[] memory tasks = new Task[](5);
        for (uint256 i = 0; i < 5; i++) {
            tasks[i] = createTask(abi.encode(i));
        }
        Result[] memory batch = sorted(tasks);
        delete results;
        for (uint256 i = 0; i < 5; i++) {
            results.push(batch[i]);
        }
        expect(Verdict.Final, 7, none());
    }

    /// @dev Tasks, their requirements and deadlines are the caller's to look at.
    function test_tasks_are_not_looked_at() public {
        serve(both(5000, 5000));
        delete results;
        results.push(only(createTask("strict", Requirement(10_000, 0, 0)))[0]);
        expect(Verdict.Final, 7, none());
        vm.warp(results[0].task.deadline + 1);
        expect(Verdict.Final, 7, none());
        results[0].task.number = 77;
        expect(Verdict.Final, 7, none());
    }

    function test_delivered_batch_stays_verifiable() public {
        serve(both(5000, 5000));
        service.submit(results, certify(results).pack());
        expect(Verdict.Final, 15, none());
    }
}
