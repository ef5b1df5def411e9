// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.31;

import {Bls} from "./Bls.sol";
import {PolicyFixture} from "./PolicyFixture.sol";
import {StakingFixture} from "./StakingFixture.sol";
import {Vm} from "./Vm.sol";
import {ServiceManager} from "../../src/ServiceManager.sol";
import {AllocationBps, MembershipRules, SlashingTerms} from "../../src/interfaces/IAllocationManager.sol";
import {ServiceConfig, Workflow} from "../../src/interfaces/IServiceManager.sol";
import {IServiceManager} from "../../src/interfaces/IServiceManager.sol";
import {ITaskHandler} from "../../src/interfaces/ITaskHandler.sol";
import {BN254, G2} from "../../src/libraries/BN254.sol";
import {Row} from "../../src/libraries/OperatorTables.sol";
import {Digests} from "../../src/libraries/Digests.sol";
import {Firings} from "../../src/libraries/Firings.sol";
import {Certificate, Packed} from "./Packed.sol";
import {Epoch, TaskId} from "../../src/types/Ids.sol";
import {Policy, Requirement, Result, Task} from "../../src/types/Structs.sol";

/// @notice Counts what it is given.
contract RecordingHandler is ITaskHandler {
    mapping(TaskId => uint256) public calls;
    mapping(TaskId => bytes32) public payloadHash;

    function onResult(TaskId taskId, Task calldata, bytes calldata payload) external virtual {
        calls[taskId]++;
        payloadHash[taskId] = keccak256(payload);
    }
}

/// @notice A service with operators of real keys and stake in two tokens, and what it takes to certify results.
/// @dev Operator i stakes 100 + i native and 1000 − i external.
abstract contract Fixture is PolicyFixture, StakingFixture {
    uint32 internal constant WINDOW = 7 days;
    uint32 internal constant EPOCH = 10 minutes;
    uint16 internal constant MOVE_BPS = 100;
    uint32 internal constant HANDLER_GAS = 500_000;
    bytes32 internal constant WORKFLOW = "score";
    bytes32 internal constant MANIFEST = keccak256("manifest");
    bytes32 internal constant COMPONENT = sha256("component");

    address internal requester = account("requester");

    ServiceManager internal service;
    ServiceConfig internal serviceConfig;
    RecordingHandler internal handler;

    // Set-up

    function setUpService(uint256 count, Policy memory policy) internal {
        setUpOperators(count, policy);
        writeTable();
        handler = new RecordingHandler();
        announce(MANIFEST, address(handler));
    }

    /// @notice A service and its operators, without a table.
    function setUpOperators(uint256 count, Policy memory policy) internal {
        setUpStaking();
        deployService(policy);
        loadOperators(count);
        for (uint256 i = 0; i < count; i++) {
            register(operators[i]);
            stake(operators[i].account, nativeStrategy, 100 + i);
            stake(operators[i].account, externalStrategy, 1000 - i);
            optIn(operators[i].account);
        }
    }

    /// @notice Writes a table, which must be due: in one transaction, or chunk by chunk.
    function writeTable() internal returns (Epoch) {
        address[] memory all = accounts();
        for (uint256 i = 0; all.length > 256 && i < all.length; i += 256) {
            service.stageChunk(chunkOf(all, i));
        }
        return service.refreshTable(all, aggregate());
    }

    /// @notice The up to 256 operators from `first` on.
    function chunkOf(address[] memory all, uint256 first) internal pure returns (address[] memory chunk) {
        chunk = new address[](all.length - first < 256 ? all.length - first : 256);
        for (uint256 i = 0; i < chunk.length; i++) {
            chunk[i] = all[first + i];
        }
    }

    /// @dev Nobody slashes; everyone may serve.
    function deployService(Policy memory policy) internal {
        serviceConfig = config(policy);
        service = newService();
        vm.prank(owner);
        source.registerService(
            address(service),
            nativeStrategy,
            externalStrategy,
            SlashingTerms(address(0), address(0), address(0), 0, 0),
            MembershipRules(false, 1000, 0, 0)
        );
    }

    /// @notice A service as the last one was configured, without a table.
    function newService() internal virtual returns (ServiceManager) {
        return new ServiceManager(serviceConfig);
    }

    /// @notice Enters an operator into the service with all of its stake.
    function optIn(address operator) internal {
        vm.prank(operator);
        source.optIn(address(service), AllocationBps(10_000, 10_000), address(0));
    }

    function config(Policy memory policy) internal view returns (ServiceConfig memory) {
        return ServiceConfig({
            stakeSource: source,
            owner: owner,
            nativeStrategy: address(nativeStrategy),
            externalStrategy: address(externalStrategy),
            policy: policy,
            tableWindow: WINDOW,
            epochSeconds: EPOCH,
            moveBps: MOVE_BPS,
            handlerGas: HANDLER_GAS
        });
    }

    /// @notice Announces a manifest with one workflow, in force from this block on if it is the first, else from the
    /// next.
    function announce(bytes32 manifest, address handler_) internal {
        Workflow[] memory workflows = new Workflow[](1);
        workflows[0] = Workflow(WORKFLOW, handler_, false);
        uint256 activation = service.manifestInForce() == 0 ? block.number : block.number + 1;
        vm.prank(owner);
        service.announceManifest(manifest, "https://example.org/manifest.json", uint64(activation), workflows);
    }

    /// @notice Sum of all operators' G2 keys.
    function aggregate() internal view returns (G2 memory apk) {
        for (uint256 i = 0; i < operators.length; i++) {
            apk = Bls.add(apk, operators[i].g2);
        }
    }

    /// @notice Writes the next table, at the end of the epoch.
    function nextEpoch() internal returns (Epoch) {
        vm.warp(service.tableInfo(service.currentEpoch()).takenAt + EPOCH);
        return writeTable();
    }

    /// @notice Corrects the weights of the operator at a position, which must have moved.
    function correctOnly(uint16 position) internal returns (Epoch) {
        address[] memory list = new address[](1);
        uint16[] memory positions = new uint16[](1);
        (list[0], positions[0]) = (operators[position].account, position);
        return service.correctTable(list, positions);
    }

    /// @notice Sum and rows of the latest table.
    function tableRows() internal view returns (Row[] memory rows) {
        return tableRows(service.currentEpoch());
    }

    /// @notice Sum and rows of a table.
    function tableRows(Epoch epoch) internal view returns (Row[] memory all) {
        Row[] memory rows = service.tableRows(epoch, 0, type(uint256).max);
        all = new Row[](rows.length + 1);
        (all[0],) = service.tableTotal(epoch);
        for (uint256 i = 0; i < rows.length; i++) {
            all[i + 1] = rows[i];
        }
    }

    // Tasks and results

    function none() internal pure returns (Requirement memory) {
        return Requirement(0, 0, 0);
    }

    function createTask(bytes memory input) internal returns (Task memory) {
        return createTask(input, none());
    }

    /// @notice Creates a task as `requester`, due in an hour, and returns it as it must have been recorded.
    function createTask(bytes memory input, Requirement memory requirement) internal returns (Task memory task) {
        uint64 deadline = uint64(block.timestamp + 1 hours);
        bytes32 manifest = service.manifestInForce();
        task = Task({
            number: service.taskCount() + 1,
            workflow: WORKFLOW,
            manifest: manifest,
            handler: service.handlerOf(manifest, WORKFLOW),
            requester: requester,
            deadline: deadline,
            nativeBps: requirement.nativeBps,
            externalBps: requirement.externalBps,
            combinedBps: requirement.combinedBps,
            inputHash: keccak256(input)
        });
        vm.prank(requester);
        TaskId id = service.createTask(WORKFLOW, input, requirement, deadline);
        assertEq(id, idOf(task));
    }

    function idOf(Task memory task) internal view returns (TaskId) {
        bool asked = task.number != 0 && task.number < Firings.FIRST;
        if (asked) return Digests.taskId(service.domainSeparator(), task);
        return Digests.firedId(service.domainSeparator(), task.workflow, task.inputHash);
    }

    function leafOf(Result memory result) internal view returns (bytes32) {
        Task memory task = result.task;
        bytes32 digest = TaskId.unwrap(Digests.taskId(service.domainSeparator(), task));
        return Digests.leaf(digest, result.component, block.chainid, task.handler, keccak256(result.payload));
    }

    function rootOf(Result[] memory results) internal view returns (bytes32) {
        bytes32[] memory leaves = new bytes32[](results.length);
        for (uint256 i = 0; i < leaves.length; i++) {
            leaves[i] = leafOf(results[i]);
        }
        return Digests.rootInPlace(leaves);
    }

    function only(Task memory task) internal pure returns (Result[] memory results) {
        results = new Result[](1);
        results[0] = Result(task, COMPONENT, "payload");
    }

    /// @notice Results for the tasks, in the order that a batch demands.
    function sorted(Task[] memory tasks) internal view returns (Result[] memory results) {
        results = new Result[](tasks.length);
        for (uint256 i = 0; i < tasks.length; i++) {
            uint256 at_ = i;
            for (; at_ > 0 && idOf(results[at_ - 1].task) > idOf(tasks[i]); at_--) {
                results[at_] = results[at_ - 1];
            }
            results[at_] = Result(tasks[i], COMPONENT, abi.encode("payload", tasks[i].number));
        }
    }

    // Certificates

    function everyone() internal view returns (uint256[] memory bitmap) {
        return without(new uint256[](0));
    }

    function without(uint256[] memory absent) internal view returns (uint256[] memory bitmap) {
        uint256 count = operators.length;
        bitmap = new uint256[]((count + 255) / 256);
        for (uint256 i = 0; i < count; i++) {
            bitmap[i / 256] |= 1 << (i % 256);
        }
        for (uint256 i = 0; i < absent.length; i++) {
            bitmap[absent[i] / 256] &= ~(1 << (absent[i] % 256));
        }
    }

    function without(uint256 index) internal view returns (uint256[] memory) {
        uint256[] memory absent = new uint256[](1);
        absent[0] = index;
        return without(absent);
    }

    function certify(Result[] memory results) internal view returns (Certificate memory) {
        return certify(rootOf(results), service.currentEpoch(), everyone());
    }

    function certify(Result[] memory results, uint256[] memory signers) internal view returns (Certificate memory) {
        return certify(rootOf(results), service.currentEpoch(), signers);
    }

    function certify(bytes32 root, Epoch epoch, uint256[] memory signers) internal view returns (Certificate memory) {
        return signBatch(Digests.batch(service.domainSeparator(), epoch, root), epoch, signers);
    }

    /// @notice The signers' veto of a pending result, under the current table.
    function vetoOf(bytes32 leaf, uint256[] memory signers) internal view returns (Certificate memory) {
        Epoch epoch = service.currentEpoch();
        return signBatch(Digests.veto(service.domainSeparator(), epoch, leaf), epoch, signers);
    }

    /// @notice The signers' signatures over a digest, added up.
    function signBatch(bytes32 digest, Epoch epoch, uint256[] memory signers)
        internal
        view
        returns (Certificate memory certificate)
    {
        uint256 sk;
        G2 memory apk;
        for (uint256 i = 0; i < operators.length; i++) {
            if (signers[i / 256] >> (i % 256) & 1 == 0) continue;
            sk = addmod(sk, operators[i].sk, BN254.R);
            apk = Bls.add(apk, operators[i].g2);
        }
        (uint8 passed, uint256 ordinate) = Bls.hint(digest);
        return Certificate(epoch, operators.length, signers, Bls.sign(sk, digest), apk, passed, ordinate);
    }

    // Logs

    function countLogs(Vm.Log[] memory logs, bytes32 topic) internal pure returns (uint256 found) {
        for (uint256 i = 0; i < logs.length; i++) {
            if (logs[i].topics[0] == topic) found++;
        }
    }
}
