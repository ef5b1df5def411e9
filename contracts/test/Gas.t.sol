// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.31;

import {Bls} from "./utils/Bls.sol";
import {Fixture} from "./utils/Fixture.sol";
import {Operator} from "./utils/StakingFixture.sol";
import {EmptyHandler} from "./utils/Handlers.sol";
import {Certificate} from "./utils/Packed.sol";
import {G1} from "../src/libraries/BN254.sol";
import {Policy, Result, Task} from "../src/types/Structs.sol";

/// @notice Gas of whole transactions: 21 000, calldata, execution on cold state, less refunds.
/// @dev Every call of these tests is a transaction of its own (isolate), and forge charges it as a chain would.
/// forge-config: default.isolate = true
/// forge-config: long.isolate = true
contract GasTest is Fixture {
    /// @dev Half of the operators hold a little more or less than half of each token.
    Policy private policy = both(4000, 4000);

    /// @dev A score as the sports-scores component writes it.
    bytes private constant PAYLOAD =
        '{"id":"fa15684d-0966-46e7-a3f8-f1d378692109","home_team":"Boise State Broncos","away_team":"Nebraska Cornhuskers","home_score":69,"away_score":79,"status":"closed"}';
    bytes private constant INPUT = "fa15684d-0966-46e7-a3f8-f1d378692109";

    function measureSubmit(uint256 count) private {
        setUpService(count, policy);
        announce(keccak256("manifest of an empty handler"), address(new EmptyHandler()));
        vm.roll(block.number + 1);
        // One result goes first, so that no slot is written for the first time that an old service has written long
        // ago.
        Result[] memory results = only(createTask(INPUT));
        service.submit(results, certify(results).pack());
        measureSubmit("none", 0);
        measureSubmit("10%", count / 10);
        measureSubmit("33%", count * 33 / 100);
        measureSubmit("50%", count / 2);
    }

    function measureSubmit(string memory absent, uint256 absentCount) private {
        uint256[] memory missing = new uint256[](absentCount);
        for (uint256 i = 0; i < absentCount; i++) {
            missing[i] = i * operators.length / absentCount;
        }
        Result[] memory results = only(createTask(INPUT));
        results[0].payload = PAYLOAD;
        Certificate memory certificate = certify(results, without(missing));
        bytes32 root = rootOf(results);
        string memory name = string.concat(vm.toString(operators.length), " operators, ", absent, " absent");
        // A call, not a look: as a transaction it costs what one costs.
        (bool ok,) =
            address(service).call(abi.encodeWithSignature("verifyRoot(bytes,bytes32)", certificate.pack(), root));
        vm.assertTrue(ok);
        vm.snapshotGasLastCall("verify", name);
        service.submit(results, certificate.pack());
        vm.snapshotGasLastCall("submit", name);
    }

    function test_submit_10() public {
        measureSubmit(10);
    }

    function test_submit_100() public {
        measureSubmit(100);
    }

    function test_submit_200() public {
        measureSubmit(200);
    }

    function test_createTask() public {
        setUpService(4, policy);
        service.createTask(WORKFLOW, INPUT, none(), uint64(block.timestamp + 1 hours));
        service.createTask(WORKFLOW, INPUT, none(), uint64(block.timestamp + 1 hours));
        vm.snapshotGasLastCall("other", "createTask");
    }

    function test_registerOperator() public {
        setUpStaking();
        loadOperators(1);
        Operator memory o = operators[0];
        G1 memory possession = Bls.sign(o.sk, registry.possessionDigest(o.account, o.g1, o.g2));
        vm.prank(o.account);
        registry.registerOperator(o.g1, o.g2, possession, keccak256("transport"), "127.0.0.1:9000", "");
        vm.snapshotGasLastCall("other", "registerOperator");
    }

    function test_refreshTable() public {
        setUpService(100, policy);
        nextEpoch();
        vm.snapshotGasLastCall("other", "refreshTable, 100 operators");
    }
}
