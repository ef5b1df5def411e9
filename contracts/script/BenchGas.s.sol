// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.31;

import {Bls} from "../test/utils/Bls.sol";
import {EmptyHandler} from "../test/utils/Handlers.sol";
import {Fixture} from "../test/utils/Fixture.sol";
import {Certificate} from "../test/utils/Packed.sol";
import {Vm} from "../test/utils/Vm.sol";
import {BN254} from "../src/libraries/BN254.sol";
import {ServiceManager} from "../src/ServiceManager.sol";
import {Policy, Result, Task} from "../src/types/Structs.sol";

/// @notice Writes what scripts/bench-gas measures: states of a chain, and transactions upon each. Sends nothing.
/// @dev Keys, stakes and certificates are made as in the tests.
contract BenchGas is Fixture {
    string private constant FOLDER = "cache/bench";
    uint256 private constant VECTORS = 200;

    /// @dev Half of the operators hold a little more or less than half of each token; 900 of 1 000 far more.
    Policy private policy = both(4000, 4000);

    /// @dev A score as the sports-scores component writes it, and the game that it is of.
    bytes private constant PAYLOAD =
        '{"id":"fa15684d-0966-46e7-a3f8-f1d378692109","home_team":"Boise State Broncos","away_team":"Nebraska Cornhuskers","home_score":69,"away_score":79,"status":"closed"}';
    bytes private constant INPUT = "fa15684d-0966-46e7-a3f8-f1d378692109";

    string private scenario;
    string private transactions;

    // Scenarios: one run each, as each starts from nothing

    function few() external {
        begin("few", 100);
        uint256[4] memory absent = [uint256(0), 10, 33, 50];
        for (uint256 i = 0; i < absent.length; i++) {
            measureVerify(absent[i]);
        }
        for (uint256 i = 0; i < absent.length; i++) {
            measureSubmit(tasks(1), absent[i]);
        }
        measure("createTask", abi.encodeCall(service.createTask, (WORKFLOW, INPUT, none(), deadline())));
        end();
    }

    function batch() external {
        begin("batch", 100);
        measureSubmit(tasks(100), 0);
        end();
    }

    function more() external {
        begin("more", 200);
        measureVerify(100);
        end();
    }

    function many() external {
        begin("many", 1000);
        measureVerify(100);
        end();
    }

    // Steps

    function begin(string memory name, uint256 count) private {
        scenario = name;
        setUpService(count, policy);
        announce(keccak256("manifest of an empty handler"), address(new EmptyHandler()));
        vm.roll(block.number + 1);
        // An old service: no slot is written for the first time that one has written long ago.
        Result[] memory results = tasks(1);
        service.submit(results, certify(results).pack());
    }

    function measureVerify(uint256 absent) private {
        bytes32 root = keccak256("root");
        Certificate memory certificate = certify(root, service.currentEpoch(), without(spread(absent)));
        measure(
            string.concat("verify, ", vm.toString(operators.length), " operators, ", vm.toString(absent), " absent"),
            abi.encodeWithSignature("verifyRoot(bytes,bytes32)", certificate.pack(), root)
        );
    }

    function measureSubmit(Result[] memory results, uint256 absent) private {
        Certificate memory certificate = certify(results, without(spread(absent)));
        string memory name =
            string.concat(vm.toString(operators.length), " operators, ", vm.toString(absent), " absent");
        string memory size = string.concat(", ", vm.toString(results.length), " results");
        measure(string.concat("submit, ", name, size), abi.encodeCall(service.submit, (results, certificate.pack())));
    }

    function tasks(uint256 count) private returns (Result[] memory results) {
        Task[] memory created = new Task[](count);
        for (uint256 i = 0; i < count; i++) {
            created[i] = createTask(INPUT);
        }
        results = sorted(created);
        for (uint256 i = 0; i < count; i++) {
            results[i].payload = PAYLOAD;
        }
    }

    function deadline() private view returns (uint64) {
        return uint64(block.timestamp + 1 hours);
    }

    function spread(uint256 absent) private view returns (uint256[] memory missing) {
        missing = new uint256[](absent);
        for (uint256 i = 0; i < absent; i++) {
            missing[i] = i * operators.length / absent;
        }
    }

    // Files

    function measure(string memory name, bytes memory data) private {
        string memory separator = bytes(transactions).length == 0 ? "" : ",\n";
        string memory quoted = string.concat('{ "name": "', name, '", "to": "', vm.toString(address(service)));
        transactions = string.concat(transactions, separator, quoted, '", "data": "', vm.toString(data), '" }');
    }

    function end() private {
        string memory path = string.concat(FOLDER, "/", scenario);
        string memory head = string.concat(
            '{ "number": ',
            vm.toString(block.number),
            ', "timestamp": ',
            vm.toString(block.timestamp),
            ', "transactions": [\n'
        );
        vm.writeFile(string.concat(path, ".transactions.json"), string.concat(head, transactions, "\n] }\n"));
        vm.dumpState(string.concat(path, ".state.json"));
    }
}
