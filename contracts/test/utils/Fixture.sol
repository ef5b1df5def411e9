// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.31;

import {Bls} from "./Bls.sol";
import {Test} from "./Test.sol";
import {Vm} from "./Vm.sol";
import {ServiceManager} from "../../src/ServiceManager.sol";
import {DemoToken} from "../../src/demo/DemoToken.sol";
import {ServiceConfig, Workflow} from "../../src/interfaces/IServiceManager.sol";
import {IServiceManager} from "../../src/interfaces/IServiceManager.sol";
import {IStrategy} from "../../src/interfaces/IStrategy.sol";
import {ITaskHandler} from "../../src/interfaces/ITaskHandler.sol";
import {BN254, G1, G2} from "../../src/libraries/BN254.sol";
import {Digests} from "../../src/libraries/Digests.sol";
import {Certificate, Packed} from "./Packed.sol";
import {Row} from "../../src/libraries/OperatorTables.sol";
import {RestakingManager} from "../../src/staking/RestakingManager.sol";
import {Strategy} from "../../src/staking/Strategy.sol";
import {Epoch, TaskId} from "../../src/types/Ids.sol";
import {Quorum, Result, Task} from "../../src/types/Structs.sol";

/// @notice Counts what it is given.
contract RecordingHandler is ITaskHandler {
    mapping(TaskId => uint256) public calls;
    mapping(TaskId => bytes32) public payloadHash;

    function onResult(TaskId taskId, Task calldata, bytes calldata payload) external virtual {
        calls[taskId]++;
        payloadHash[taskId] = keccak256(payload);
    }
}

/// @notice An operator of the shared vectors, with its secret key.
struct Operator {
    address account;
    uint256 sk;
    G1 g1;
    G2 g2;
}

/// @notice A service with operators of real keys and stake in two tokens, and what it takes to certify results.
/// @dev Operator i stakes 100 + i native and 1000 − i external.
abstract contract Fixture is Test {
    uint256 internal constant START = 1_800_000_000;
    uint32 internal constant WINDOW = 7 days;
    uint32 internal constant EPOCH = 10 minutes;
    uint16 internal constant MOVE_BPS = 100;
    uint32 internal constant HANDLER_GAS = 500_000;
    bytes32 internal constant WORKFLOW = "score";
    bytes32 internal constant MANIFEST = keccak256("manifest");
    bytes32 internal constant COMPONENT = sha256("component");

    address internal owner = account("owner");
    address internal requester = account("requester");
    address internal anyone = account("anyone");

    DemoToken internal nativeToken;
    DemoToken internal externalToken;
    Strategy internal nativeStrategy;
    Strategy internal externalStrategy;
    RestakingManager internal manager;
    ServiceManager internal service;
    ServiceConfig internal serviceConfig;
    RecordingHandler internal handler;
    Operator[] internal operators;

    /// @dev As the JSON has them.
    struct OperatorVector {
        VectorG1 g1;
        VectorG2 g2;
        address operator;
        uint256 sk;
    }

    struct VectorG1 {
        uint256 x;
        uint256 y;
    }

    struct VectorG2 {
        uint256[2] x;
        uint256[2] y;
    }

    // Set-up

    function setUpStaking() internal {
        vm.warp(START);
        vm.roll(1000);
        manager = new RestakingManager(owner);
        nativeToken = new DemoToken("Demo native token", "TNDM");
        externalToken = new DemoToken("Demo staked ether", "dETH");
        nativeStrategy = addStrategy(nativeToken);
        externalStrategy = addStrategy(externalToken);
    }

    function setUpService(uint256 count, Quorum memory quorum) internal {
        setUpOperators(count, quorum);
        writeTable();
        handler = new RecordingHandler();
        announce(MANIFEST, address(handler));
    }

    /// @notice A service and its operators, without a table.
    function setUpOperators(uint256 count, Quorum memory quorum) internal {
        setUpStaking();
        serviceConfig = config(quorum);
        service = newService();
        loadOperators(count);
        for (uint256 i = 0; i < count; i++) {
            register(operators[i]);
            stake(operators[i].account, nativeStrategy, 100 + i);
            stake(operators[i].account, externalStrategy, 1000 - i);
            vm.prank(operators[i].account);
            manager.optIn(address(service));
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

    /// @notice A service as the last one was configured, without a table.
    function newService() internal virtual returns (ServiceManager) {
        return new ServiceManager(serviceConfig);
    }

    function config(Quorum memory quorum) internal view returns (ServiceConfig memory) {
        return ServiceConfig({
            stakeSource: manager,
            owner: owner,
            nativeStrategy: address(nativeStrategy),
            externalStrategy: address(externalStrategy),
            quorum: quorum,
            tableWindow: WINDOW,
            epochSeconds: EPOCH,
            moveBps: MOVE_BPS,
            handlerGas: HANDLER_GAS
        });
    }

    function addStrategy(DemoToken token) internal returns (Strategy strategy) {
        strategy = new Strategy(token, address(manager));
        vm.prank(owner);
        manager.addStrategy(strategy);
    }

    function loadOperators(uint256 count) internal {
        OperatorVector[] memory all = abi.decode(
            vm.parseJsonTypeArray(
                vectors("operators"),
                "$.operators",
                "OperatorVector(VectorG1 g1,VectorG2 g2,address operator,uint256 sk)VectorG1(uint256 x,uint256 y)VectorG2(uint256[2] x,uint256[2] y)"
            ),
            (OperatorVector[])
        );
        for (uint256 i = 0; i < count && i < all.length; i++) {
            OperatorVector memory o = all[i];
            operators.push(
                Operator(o.operator, o.sk, G1(o.g1.x, o.g1.y), G2(o.g2.x[0], o.g2.x[1], o.g2.y[0], o.g2.y[1]))
            );
        }
        // Beyond the vectors each secret is the one before plus 1.
        while (operators.length < count) {
            Operator memory o = operators[operators.length - 1];
            G1 memory g1 = BN254.add(o.g1, BN254.generator());
            G2 memory g2 = Bls.add(o.g2, Bls.generatorG2());
            operators.push(Operator(address(uint160(o.account) + 1), o.sk + 1, g1, g2));
        }
    }

    function register(Operator memory o) internal {
        G1 memory possession = Bls.sign(o.sk, manager.possessionDigest(o.account, o.g1, o.g2));
        vm.prank(o.account);
        manager.registerOperator(o.g1, o.g2, possession, keccak256(abi.encode(o.account)), "127.0.0.1:9000");
    }

    function stake(address staker, IStrategy strategy, uint256 amount) internal {
        DemoToken token = DemoToken(address(strategy.token()));
        token.mint(staker, amount);
        vm.startPrank(staker);
        token.approve(address(strategy), amount);
        manager.deposit(strategy, amount);
        vm.stopPrank();
    }

    /// @notice Announces a manifest with one workflow, in force from this block on if it is the first, else from the
    /// next.
    function announce(bytes32 manifest, address handler_) internal {
        Workflow[] memory workflows = new Workflow[](1);
        workflows[0] = Workflow(WORKFLOW, handler_);
        uint256 activation = service.manifestInForce() == 0 ? block.number : block.number + 1;
        vm.prank(owner);
        service.announceManifest(manifest, "https://example.org/manifest.json", uint64(activation), workflows);
    }

    function accounts() internal view returns (address[] memory list) {
        list = new address[](operators.length);
        for (uint256 i = 0; i < list.length; i++) {
            list[i] = operators[i].account;
        }
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

    function none() internal pure returns (Quorum memory) {
        return Quorum(0, 0);
    }

    function createTask(bytes memory input) internal returns (Task memory) {
        return createTask(input, none());
    }

    /// @notice Creates a task as `requester`, due in an hour, and returns it as it must have been recorded.
    function createTask(bytes memory input, Quorum memory stricter) internal returns (Task memory task) {
        uint64 deadline = uint64(block.timestamp + 1 hours);
        Quorum memory least = service.quorum();
        bytes32 manifest = service.manifestInForce();
        task = Task({
            number: service.taskCount() + 1,
            workflow: WORKFLOW,
            manifest: manifest,
            handler: service.handlerOf(manifest, WORKFLOW),
            requester: requester,
            deadline: deadline,
            nativeBps: stricter.nativeBps == 0 ? least.nativeBps : stricter.nativeBps,
            externalBps: stricter.externalBps == 0 ? least.externalBps : stricter.externalBps,
            inputHash: keccak256(input)
        });
        vm.prank(requester);
        TaskId id = service.createTask(WORKFLOW, input, stricter, deadline);
        assertEq(id, idOf(task));
    }

    function idOf(Task memory task) internal view returns (TaskId) {
        return Digests.taskId(service.domainSeparator(), task);
    }

    function leafOf(Result memory result) internal view returns (bytes32) {
        Task memory task = result.task;
        return Digests.leaf(idOf(task), result.component, block.chainid, task.handler, keccak256(result.payload));
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
