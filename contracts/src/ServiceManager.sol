// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.31;

import {Ownable, Ownable2Step} from "@openzeppelin/contracts/access/Ownable2Step.sol";
import {IServiceManager, ServiceConfig, SkipReason, TaskStatus, Workflow} from "./interfaces/IServiceManager.sol";
import {TableConfig} from "./interfaces/ITableKeeper.sol";
import {ITaskHandler} from "./interfaces/ITaskHandler.sol";
import {Certificates} from "./libraries/Certificates.sol";
import {Deliveries} from "./libraries/Deliveries.sol";
import {Digests} from "./libraries/Digests.sol";
import {WeightPair} from "./libraries/OperatorTables.sol";
import {TableKeeper} from "./service/TableKeeper.sol";
import {Domain} from "./types/Domain.sol";
import {Epoch, TaskId} from "./types/Ids.sol";
import {Quorum, Result, Task, Token} from "./types/Structs.sol";

/// @title ServiceManager
/// @notice See `IServiceManager`, which is the manual. Services may inherit it; one that needs nothing more deploys it
/// as it is.
contract ServiceManager is IServiceManager, TableKeeper, Ownable2Step, Domain {
    /// @notice Most results under one certificate.
    uint256 public constant MAX_BATCH = 128;
    /// @notice Longest input of a task.
    uint256 public constant MAX_INPUT_BYTES = 16_384;
    /// @notice Furthest deadline of a task.
    uint256 public constant MAX_TASK_SECONDS = 30 days;

    uint256 private constant ONE_IN_BPS = 10_000;
    uint256 private constant HANDLER_GAS_LEAST = 50_000;
    uint256 private constant HANDLER_GAS_MOST = 8_000_000;
    /// @dev What a call costs before its own gas: a cold account.
    uint256 private constant CALL_GAS = 2_600;

    /// @inheritdoc IServiceManager
    address public immutable nativeStrategy;
    /// @inheritdoc IServiceManager
    address public immutable externalStrategy;
    /// @inheritdoc IServiceManager
    uint32 public immutable handlerGas;
    /// @inheritdoc IServiceManager
    uint256 public immutable deploymentBlock = block.number;
    uint16 private immutable _nativeBps;
    uint16 private immutable _externalBps;

    // One slot:
    //
    // | bits | field |
    // |---|---|
    // | 0-63 | number of the latest task |
    // | 64-127 | block from which `_nextManifest` is in force |

    /// @inheritdoc IServiceManager
    uint64 public taskCount;
    uint64 private _activationBlock;

    bytes32 private _currentManifest;
    bytes32 private _nextManifest;
    /// @inheritdoc IServiceManager
    mapping(bytes32 manifest => mapping(bytes32 workflow => address)) public handlerOf;
    /// @dev A task's id while it is open; zero before and after.
    mapping(uint64 number => TaskId) private _open;
    /// @dev The leaf of a result whose handler failed.
    mapping(uint64 number => bytes32) private _unhandled;

    /// @dev What the first pass over a batch finds out. `ids` holds zero for results that are skipped.
    struct Batch {
        bytes32[] leaves;
        TaskId[] ids;
        Quorum strictest;
    }

    constructor(ServiceConfig memory config)
        Ownable(config.owner)
        TableKeeper(TableConfig(config.stakeSource, config.tableWindow, config.epochSeconds, config.moveBps))
    {
        _checkConfig(config);
        nativeStrategy = config.nativeStrategy;
        externalStrategy = config.externalStrategy;
        handlerGas = config.handlerGas;
        _nativeBps = config.quorum.nativeBps;
        _externalBps = config.quorum.externalBps;
    }

    /// @inheritdoc IServiceManager
    function announceManifest(
        bytes32 manifest,
        string calldata uri,
        uint64 activationBlock,
        Workflow[] calldata workflows
    ) public virtual onlyOwner {
        if (manifest == 0) revert ZeroManifest();
        activationBlock = _scheduleManifest(manifest, activationBlock);
        for (uint256 i = 0; i < workflows.length; i++) {
            _setHandler(manifest, workflows[i]);
        }
        emit ManifestAnnounced(manifest, uri, activationBlock, workflows);
    }

    /// @inheritdoc IServiceManager
    function createTask(bytes32 workflow, bytes calldata input, Quorum calldata stricter, uint64 deadline)
        public
        virtual
        returns (TaskId taskId)
    {
        if (input.length > MAX_INPUT_BYTES) revert InputTooLong(input.length, MAX_INPUT_BYTES);
        _checkDeadline(deadline);
        Task memory task;
        task.manifest = manifestInForce();
        if (task.manifest == 0) revert NoManifestInForce();
        task.handler = handlerOf[task.manifest][workflow];
        if (task.handler == address(0)) revert UnknownWorkflow(task.manifest, workflow);
        task.number = ++taskCount;
        task.workflow = workflow;
        task.requester = msg.sender;
        task.deadline = deadline;
        task.nativeBps = _tighten(Token.Native, stricter.nativeBps, _nativeBps);
        task.externalBps = _tighten(Token.External, stricter.externalBps, _externalBps);
        task.inputHash = keccak256(input);
        taskId = Digests.taskId(domainSeparator(), task);
        _open[task.number] = taskId;
        emit TaskCreated(taskId, task, input);
    }

    /// @inheritdoc IServiceManager
    /// @dev All tasks are settled before anything is believed or called: a failure undoes it, a handler that calls back
    /// finds nothing open.
    function submit(Result[] calldata results, bytes calldata certificate) public virtual {
        bytes32 domain = domainSeparator();
        Batch memory batch = _settle(results, domain);
        bytes32 root = Digests.rootInPlace(batch.leaves);
        (WeightPair signed, WeightPair total) =
            _judge(certificate, root, batch.strictest.nativeBps, batch.strictest.externalBps);
        emit CertificateVerified(
            Certificates.epochOf(certificate),
            root,
            signed.nativeWeight(),
            signed.externalWeight(),
            total.nativeWeight(),
            total.externalWeight(),
            _signersOf(certificate)
        );
        for (uint256 i = 0; i < results.length; i++) {
            if (TaskId.unwrap(batch.ids[i]) != 0) _deliver(batch.ids[i], results[i]);
        }
    }

    /// @inheritdoc IServiceManager
    function redeliver(Result calldata result) public virtual {
        TaskId taskId = Digests.taskIdOf(domainSeparator(), result.task);
        bytes32 kept = _unhandled[result.task.number];
        if (kept == 0 || kept != _leaf(taskId, result)) revert NothingToRedeliver(taskId);
        delete _unhandled[result.task.number];
        emit TaskRedelivered(taskId, result.task.handler);
        ITaskHandler(result.task.handler).onResult(taskId, result.task, result.payload);
    }

    /// @inheritdoc IServiceManager
    function verifyRoot(bytes calldata certificate, bytes32 root) external view {
        _judge(certificate, root, _nativeBps, _externalBps);
    }

    /// @inheritdoc IServiceManager
    function verifyRoot(bytes calldata certificate, bytes32 root, Quorum calldata stricter) external view {
        _judge(
            certificate,
            root,
            stricter.nativeBps > _nativeBps ? stricter.nativeBps : _nativeBps,
            stricter.externalBps > _externalBps ? stricter.externalBps : _externalBps
        );
    }

    /// @inheritdoc IServiceManager
    function taskStatus(uint64 number) external view returns (TaskStatus status, TaskId taskId) {
        taskId = _open[number];
        if (TaskId.unwrap(taskId) != 0) return (TaskStatus.Open, taskId);
        if (_unhandled[number] != 0) return (TaskStatus.Unhandled, taskId);
        return (_exists(number) ? TaskStatus.Settled : TaskStatus.None, taskId);
    }

    /// @inheritdoc IServiceManager
    function manifestInForce() public view returns (bytes32) {
        return block.number < _activationBlock ? _currentManifest : _nextManifest;
    }

    /// @inheritdoc IServiceManager
    function manifests() external view returns (bytes32 current, bytes32 next, uint64 activationBlock) {
        return (_currentManifest, _nextManifest, _activationBlock);
    }

    /// @inheritdoc IServiceManager
    function quorum() external view returns (Quorum memory) {
        return Quorum(_nativeBps, _externalBps);
    }

    /// @dev First pass over a batch: closes the tasks that are open, hashes every leaf.
    function _settle(Result[] calldata results, bytes32 domain) private returns (Batch memory batch) {
        uint256 size = results.length;
        if (size == 0 || size > MAX_BATCH) revert BatchSizeOutOfBounds(size, MAX_BATCH);
        batch.leaves = new bytes32[](size);
        batch.ids = new TaskId[](size);
        TaskId previous;
        bool any;
        for (uint256 i = 0; i < size; i++) {
            Result calldata result = results[i];
            TaskId taskId = Digests.taskIdOf(domain, result.task);
            if (i != 0 && !(taskId > previous)) revert TasksNotAscending(previous, taskId);
            previous = taskId;
            batch.leaves[i] = _leaf(taskId, result);
            if (!_close(taskId, result.task)) continue;
            any = true;
            batch.ids[i] = taskId;
            _raise(batch.strictest, result.task);
        }
        if (!any) revert NothingToDeliver();
    }

    /// @dev Closes the task if it is open and in time; says in an event why not.
    function _close(TaskId taskId, Task calldata task) private returns (bool) {
        uint64 number = task.number;
        TaskId recorded = _open[number];
        if (recorded != taskId) {
            bool settled = TaskId.unwrap(recorded) == 0 && _exists(number);
            emit TaskSkipped(taskId, settled ? SkipReason.Settled : SkipReason.Unknown);
            return false;
        }
        if (block.timestamp > task.deadline) {
            emit TaskSkipped(taskId, SkipReason.Expired);
            return false;
        }
        _open[number] = TaskId.wrap(0);
        return true;
    }

    function _raise(Quorum memory strictest, Task calldata task) private pure {
        if (task.nativeBps > strictest.nativeBps) strictest.nativeBps = task.nativeBps;
        if (task.externalBps > strictest.externalBps) strictest.externalBps = task.externalBps;
    }

    /// @dev Demands a table that is believed, its signers' signature, and the quorum.
    function _judge(bytes calldata certificate, bytes32 root, uint16 nativeBps, uint16 externalBps)
        private
        view
        returns (WeightPair signed, WeightPair total)
    {
        bytes32 digest = Digests.batch(domainSeparator(), Certificates.epochOf(certificate), root);
        (signed, total) = _verified(certificate, digest);
        (uint256 s, uint256 t) = (WeightPair.unwrap(signed), WeightPair.unwrap(total));
        unchecked {
            // signed · 10 000 ≥ total · bps and total > 0: nothing is divided, so nothing is rounded. 96 bits times 16.
            bool native = t >> 96 != 0 && (s >> 96) * ONE_IN_BPS >= (t >> 96) * nativeBps;
            bool ext = uint96(t) != 0 && uint96(s) * ONE_IN_BPS >= uint96(t) * uint256(externalBps);
            if (native && ext) return (signed, total);
            if (native) {
                revert QuorumNotReached(Token.External, signed.externalWeight(), total.externalWeight(), externalBps);
            }
        }
        revert QuorumNotReached(Token.Native, signed.nativeWeight(), total.nativeWeight(), nativeBps);
    }

    /// @dev Calls the handler with its gas, whatever it does. Nothing of what it returns is copied, so it can not make
    /// that dear.
    function _deliver(TaskId taskId, Result calldata result) private {
        bytes memory message = Deliveries.encode(taskId, result.task, result.payload);
        address handler = result.task.handler;
        uint256 limit = handlerGas;
        // A call is given at most 63/64 of what is left. Were it less than the limit, a submitter could make the
        // handler fail by gas.
        uint256 available = gasleft();
        uint256 needed = limit + limit / 63 + 1 + CALL_GAS;
        if (available < needed) revert InsufficientGas(available, needed);
        bool handled;
        // (handled, ) = handler.call{gas: limit}(message);
        assembly ("memory-safe") {
            handled := call(limit, handler, 0, add(message, 0x20), mload(message), 0, 0)
        }
        if (!handled) _unhandled[result.task.number] = _leaf(taskId, result);
        emit TaskDelivered(taskId, handler, handled);
    }

    function _scheduleManifest(bytes32 manifest, uint64 activationBlock) private returns (uint64) {
        bytes32 inForce = manifestInForce();
        if (inForce == 0 && _nextManifest == 0) {
            if (activationBlock < block.number) activationBlock = uint64(block.number);
        } else if (activationBlock <= block.number) {
            revert ActivationNotInFuture(activationBlock, block.number);
        }
        _currentManifest = inForce;
        _nextManifest = manifest;
        _activationBlock = activationBlock;
        return activationBlock;
    }

    function _setHandler(bytes32 manifest, Workflow calldata workflow) private {
        if (workflow.name == 0) revert ZeroWorkflow();
        if (workflow.handler.code.length == 0) revert HandlerWithoutCode(workflow.name, workflow.handler);
        address known = handlerOf[manifest][workflow.name];
        if (known == workflow.handler) return;
        if (known != address(0)) revert HandlerConflict(manifest, workflow.name, known);
        handlerOf[manifest][workflow.name] = workflow.handler;
    }

    function _checkDeadline(uint64 deadline) private view {
        uint256 earliest = block.timestamp + 1;
        uint256 latest = block.timestamp + MAX_TASK_SECONDS;
        if (deadline < earliest || deadline > latest) revert DeadlineOutOfBounds(deadline, earliest, latest);
    }

    function _leaf(TaskId taskId, Result calldata result) private view returns (bytes32) {
        return Digests.leaf(taskId, result.component, block.chainid, result.task.handler, keccak256(result.payload));
    }

    function _exists(uint64 number) private view returns (bool) {
        return number != 0 && number <= taskCount;
    }

    function _tighten(Token token, uint16 asked, uint16 least) private pure returns (uint16) {
        if (asked == 0) return least;
        if (asked < least || asked > ONE_IN_BPS) revert QuorumOutOfBounds(token, asked, least);
        return asked;
    }

    function _checkConfig(ServiceConfig memory config) private pure {
        bool incomplete = address(config.stakeSource) == address(0) || config.nativeStrategy == address(0)
            || config.externalStrategy == address(0);
        if (incomplete) revert ZeroAddress();
        Quorum memory q = config.quorum;
        bool bounded =
            q.nativeBps != 0 && q.nativeBps <= ONE_IN_BPS && q.externalBps != 0 && q.externalBps <= ONE_IN_BPS;
        if (!bounded) revert InvalidQuorum(q.nativeBps, q.externalBps);
        if (config.handlerGas < HANDLER_GAS_LEAST || config.handlerGas > HANDLER_GAS_MOST) {
            revert InvalidHandlerGas(config.handlerGas, HANDLER_GAS_LEAST, HANDLER_GAS_MOST);
        }
    }
}
