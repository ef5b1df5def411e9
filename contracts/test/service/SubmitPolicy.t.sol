// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.31;

import {Certificate} from "../utils/Packed.sol";
import {Fixture} from "../utils/Fixture.sol";
import {FixedCondition, FixedPrices, RudeOracle} from "../utils/Oracles.sol";
import {IServiceManager, TaskStatus} from "../../src/interfaces/IServiceManager.sol";
import {Policies} from "../../src/libraries/Policies.sol";
import {Policy, Requirement, Result, Task, Token, Verdict} from "../../src/types/Structs.sol";

/// @notice Each policy delivers and refuses real certificates, and what a requester demands beside it. Which numbers are
/// enough: Policies.t.sol.
/// @dev Operators 0 to 3 hold native 100 to 103 of 406 and external 1000 to 997 of 3994.
contract SubmitPolicyTest is Fixture {
    FixedPrices private prices = new FixedPrices(10, 1);
    FixedCondition private condition = new FixedCondition();

    function serve(Policy memory policy) private {
        setUpService(4, policy);
    }

    /// @notice Makes one operator hold almost all of a token.
    function tilt(uint256 index, Token token) private {
        stake(operators[index].account, token == Token.Native ? nativeStrategy : externalStrategy, 1_000_000);
        nextEpoch();
    }

    function signers(uint256 bitmap) private pure returns (uint256[] memory list) {
        list = new uint256[](1);
        list[0] = bitmap;
    }

    function deliver(uint256 bitmap, Requirement memory requirement) private {
        Result[] memory results = only(createTask("a", requirement));
        service.submit(results, certify(results, signers(bitmap)).pack());
        vm.assertEq(handler.calls(idOf(results[0].task)), 1);
        (TaskStatus status,) = service.taskStatus(results[0].task.number);
        vm.assertTrue(status == TaskStatus.Settled);
    }

    function deliver(uint256 bitmap) private {
        deliver(bitmap, none());
    }

    function refuse(uint256 bitmap, Requirement memory requirement, bytes memory reason) private {
        Result[] memory results = only(createTask("a", requirement));
        Certificate memory certificate = certify(results, signers(bitmap));
        vm.expectRevert(reason);
        service.submit(results, certificate.pack());
        (TaskStatus status,) = service.taskStatus(results[0].task.number);
        vm.assertTrue(status == TaskStatus.Open);
    }

    function refuse(uint256 bitmap, bytes memory reason) private {
        refuse(bitmap, none(), reason);
    }

    function shortOf(Token token, uint96 signed, uint96 total, uint16 bps) private pure returns (bytes memory) {
        return abi.encodeWithSelector(Policies.QuorumNotReached.selector, token, signed, total, bps);
    }

    function test_both() public {
        serve(both(5000, 7000));
        deliver(7);
        refuse(3, shortOf(Token.Native, 201, 406, 5000));
        refuse(12, shortOf(Token.External, 1995, 3994, 7000));
    }

    function test_both_tightened() public {
        serve(both(5000, 5000));
        deliver(7, Requirement(7000, 7000, 0));
        refuse(7, Requirement(7500, 0, 0), shortOf(Token.Native, 303, 406, 7500));
        refuse(7, Requirement(0, 7600, 0), shortOf(Token.External, 2997, 3994, 7600));
    }

    function test_either() public {
        serve(either(6667, 6667));
        tilt(0, Token.Native);
        deliver(1);
        deliver(14);
        bytes memory reason =
            abi.encodeWithSelector(Policies.NeitherQuorumReached.selector, 205, 1_000_406, 6667, 1995, 3994, 6667);
        refuse(12, reason);
    }

    function test_either_tightened() public {
        serve(either(6667, 6667));
        tilt(0, Token.Native);
        refuse(1, Requirement(0, 3000, 0), shortOf(Token.External, 1000, 3994, 3000));
        refuse(14, Requirement(4, 0, 0), shortOf(Token.Native, 306, 1_000_406, 4));
    }

    function test_single() public {
        serve(single(Token.External, 6667));
        tilt(0, Token.Native);
        deliver(14);
        refuse(3, shortOf(Token.External, 1999, 3994, 6667));
        refuse(14, Requirement(10, 0, 0), shortOf(Token.Native, 306, 1_000_406, 10));
    }

    function test_single_native() public {
        serve(single(Token.Native, 6667));
        tilt(0, Token.External);
        deliver(14);
        refuse(3, shortOf(Token.Native, 201, 406, 6667));
        refuse(14, Requirement(0, 100, 0), shortOf(Token.External, 2994, 1_003_994, 100));
    }

    // Combined: at prices of 10 and 1 the values are 1000 to 1030 of 4060, and 1000 to 997 of 3994.

    function test_combined() public {
        serve(combined(6667, 10_000, address(prices)));
        deliver(7);
        bytes memory reason = abi.encodeWithSelector(Policies.CombinedQuorumNotReached.selector, 4009, 8054, 6667);
        refuse(3, reason);
        prices.set(0, 1);
        refuse(15, abi.encodeWithSelector(Policies.PricesUnknown.selector, 0, 1));
        prices.set(1, 0);
        refuse(15, abi.encodeWithSelector(Policies.PricesUnknown.selector, 1, 0));
    }

    function test_combined_makes_up_for_a_token_with_the_other() public {
        serve(combined(6667, 10_000, address(prices)));
        tilt(0, Token.External);
        deliver(1);
        prices.set(1_000_000, 1);
        bytes memory reason =
            abi.encodeWithSelector(Policies.CombinedQuorumNotReached.selector, 101_001_000, 407_003_994, 6667);
        refuse(1, reason);
    }

    /// @dev A pumped price of the native token buys no more than its cap.
    function test_combined_with_a_cap() public {
        serve(combined(6667, 2500, address(prices)));
        tilt(0, Token.Native);
        prices.set(type(uint128).max, 1);
        // 1 000 100 of 1 000 406 for a quarter, 1000 of 3994 for the rest.
        uint256 signed = uint256(1_000_100) * 3994 * 2500 + uint256(1000) * 1_000_406 * 7500;
        bytes memory reason = abi.encodeWithSelector(
            Policies.CombinedQuorumNotReached.selector, signed, uint256(1_000_406) * 3994 * 10_000, 6667
        );
        refuse(1, reason);
        deliver(7);
    }

    function test_combined_tightened() public {
        serve(combined(6667, 10_000, address(prices)));
        deliver(7, Requirement(7000, 7500, 7400));
        bytes memory reason = abi.encodeWithSelector(Policies.CombinedQuorumNotReached.selector, 6027, 8054, 7500);
        refuse(7, Requirement(0, 0, 7500), reason);
        refuse(7, Requirement(7500, 0, 0), shortOf(Token.Native, 303, 406, 7500));
    }

    function test_combined_with_a_rude_price_source() public {
        RudeOracle rude = new RudeOracle();
        serve(combined(1, 10_000, address(rude)));
        bytes memory reason = abi.encodeWithSelector(Policies.PricesUnknown.selector, 0, 0);
        rude.set(RudeOracle.Way.Revert, "");
        refuse(15, reason);
        rude.set(RudeOracle.Way.Answer, abi.encode(uint256(1)));
        refuse(15, reason);
        rude.set(RudeOracle.Way.Answer, abi.encode(uint256(1), uint256(1)));
        deliver(15);
    }

    // Fallback

    function test_both_or_fallback() public {
        serve(bothOrFallback(6667, 5000, 7500, address(condition)));
        tilt(0, Token.Native);
        deliver(7);
        refuse(14, shortOf(Token.Native, 306, 1_000_406, 6667));
        condition.set(true);
        refuse(14, abi.encodeWithSelector(Policies.FallbackQuorumNotReached.selector, 2994, 3994, 7500));
        deliver(7);
        tilt(1, Token.External);
        deliver(14);
        condition.set(false);
        refuse(14, shortOf(Token.Native, 306, 1_000_406, 6667));
    }

    function test_both_or_fallback_tightened() public {
        serve(bothOrFallback(6667, 5000, 7000, address(condition)));
        tilt(0, Token.Native);
        condition.set(true);
        deliver(14);
        refuse(14, Requirement(0, 7600, 0), shortOf(Token.External, 2994, 3994, 7600));
        refuse(14, Requirement(5000, 0, 0), shortOf(Token.Native, 306, 1_000_406, 5000));
    }

    /// @dev A condition that fails takes nothing away from those who reached both.
    function test_both_or_fallback_with_a_rude_condition() public {
        RudeOracle rude = new RudeOracle();
        serve(bothOrFallback(6667, 5000, 7000, address(rude)));
        tilt(0, Token.Native);
        for (uint256 way = 1; way < 4; way++) {
            rude.set(RudeOracle.Way(way), "");
            deliver(7);
            if (RudeOracle.Way(way) == RudeOracle.Way.Revert) refuse(14, shortOf(Token.Native, 306, 1_000_406, 6667));
        }
        rude.set(RudeOracle.Way.Answer, abi.encode(uint256(2)));
        refuse(14, shortOf(Token.Native, 306, 1_000_406, 6667));
    }

    // Batches

    function test_most_that_any_open_task_requires_binds_the_batch() public {
        serve(combined(1, 10_000, address(prices)));
        Task[] memory tasks = new Task[](4);
        tasks[0] = createTask("lax");
        tasks[1] = createTask("native", Requirement(7400, 0, 0));
        tasks[2] = createTask("external", Requirement(0, 7500, 0));
        tasks[3] = createTask("combined", Requirement(0, 0, 7480));
        Result[] memory results = sorted(tasks);
        service.submit(results, certify(results, signers(7)).pack());
        tasks[0] = createTask("lax");
        tasks[1] = createTask("native", Requirement(7400, 0, 0));
        tasks[2] = createTask("external", Requirement(0, 7500, 0));
        tasks[3] = createTask("combined", Requirement(0, 0, 7490));
        results = sorted(tasks);
        Certificate memory certificate = certify(results, signers(7));
        vm.expectRevert(abi.encodeWithSelector(Policies.CombinedQuorumNotReached.selector, 6027, 8054, 7490));
        service.submit(results, certificate.pack());
    }

    function test_certificate_is_announced_with_its_weights_and_verdict() public {
        serve(both(5000, 5000));
        Result[] memory results = only(createTask("a"));
        Certificate memory certificate = certify(results, signers(7));
        vm.expectEmit(address(service));
        emit IServiceManager.CertificateVerified(
            service.currentEpoch(), rootOf(results), Verdict.Final, 303, 2997, 406, 3994, signers(7)
        );
        service.submit(results, certificate.pack());
    }
}
