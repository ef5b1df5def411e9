// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.31;

import {Ownable, Ownable2Step} from "@openzeppelin/contracts/access/Ownable2Step.sol";
import {IServiceManager, ServiceConfig, SkipReason, TaskStatus, Workflow} from "./interfaces/IServiceManager.sol";
import {TableConfig} from "./interfaces/ITableKeeper.sol";
import {ITaskHandler} from "./interfaces/ITaskHandler.sol";
import {ITotalWeights} from "./interfaces/ITotalWeights.sol";
import {Certificates} from "./libraries/Certificates.sol";
import {Deliveries} from "./libraries/Deliveries.sol";
import {Digests} from "./libraries/Digests.sol";
import {Firings} from "./libraries/Firings.sol";
import {OperatorTables, Row, WeightPair} from "./libraries/OperatorTables.sol";
import {Inputs, Policies} from "./libraries/Policies.sol";
import {TableKeeper} from "./service/TableKeeper.sol";
import {TableStates} from "./service/TableState.sol";
import {Domain} from "./types/Domain.sol";
import {TaskId} from "./types/Ids.sol";
import {Judgement, Policy, PolicyKind, Requirement, Result, Task, Verdict} from "./types/Structs.sol";
import {Table} from "./types/Table.sol";
import {Terms, termsOf, thresholdsOf} from "./types/Terms.sol";

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

    uint256 private constant HANDLER_GAS_LEAST = 50_000;
    uint256 private constant HANDLER_GAS_MOST = 8_000_000;
    /// @dev What a call costs before its own gas, at most: a cold account, another one that it delegates to (EIP-7702), and
    /// the way there.
    uint256 private constant CALL_GAS = 6_000;

    /// @inheritdoc IServiceManager
    address public immutable nativeStrategy;
    /// @inheritdoc IServiceManager
    address public immutable externalStrategy;
    /// @inheritdoc IServiceManager
    uint32 public immutable handlerGas;
    /// @inheritdoc IServiceManager
    uint256 public immutable deploymentBlock = block.number;
    Terms private immutable _terms;
    address private immutable _oracle;

    bytes32 private _currentManifest;
    bytes32 private _nextManifest;

    // One slot, behind whole ones: the pending owner has room beside it for the first of two.
    //
    // | bits | field |
    // |---|---|
    // | 0-63 | number of the latest task |
    // | 64-127 | block from which `_nextManifest` is in force |

    /// @inheritdoc IServiceManager
    uint64 public taskCount;
    uint64 private _activationBlock;

    mapping(bytes32 manifest => mapping(bytes32 workflow => Route)) private _routes;
    /// @dev The id of a task that was asked for, while it is open or pending; zero before and after.
    mapping(uint64 number => TaskId) private _open;
    /// @dev The firings that were delivered, as bits: see `Firings.place`.
    mapping(bytes32 word => uint256) private _fired;
    /// @dev By key (see `Firings`). Only under the policy `Veto`.
    mapping(uint256 key => Pending) private _pending;
    /// @dev The leaf of a result whose handler failed, by key (see `Firings`).
    mapping(uint256 key => bytes32) private _unhandled;

    /// @dev Where a workflow's results go. One slot:
    ///
    /// | bits | field |
    /// |---|---|
    /// | 0-159 | its handler; zero when it was not announced |
    /// | 160-167 | whether it is fired by its own trigger, and not asked for |
    struct Route {
        address handler;
        bool fires;
    }

    /// @dev A result that waits for vetoes, or the memory of one that was vetoed. Two slots:
    ///
    /// | slot | bits | field |
    /// |---|---|---|
    /// | 0 | | its leaf; zero when none waits |
    /// | 1 | 0-63 | first second in which it can be finalized |
    /// | 1 | 64-71 | whether it was vetoed |
    struct Pending {
        bytes32 leaf;
        uint64 until;
        bool vetoed;
    }

    constructor(ServiceConfig memory config)
        Ownable(config.owner)
        TableKeeper(TableConfig(config.stakeSource, config.tableWindow, config.epochSeconds, config.moveBps))
    {
        _checkConfig(config);
        nativeStrategy = config.nativeStrategy;
        externalStrategy = config.externalStrategy;
        handlerGas = config.handlerGas;
        _terms = termsOf(config.policy);
        _oracle = config.policy.oracle;
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
    function createTask(bytes32 workflow, bytes calldata input, Requirement calldata requirement, uint64 deadline)
        public
        virtual
        returns (TaskId taskId)
    {
        if (input.length > MAX_INPUT_BYTES) revert InputTooLong(input.length, MAX_INPUT_BYTES);
        _checkDeadline(deadline);
        Policies.validate(requirement, _terms.kind());
        Task memory task;
        task.manifest = manifestInForce();
        if (task.manifest == 0) revert NoManifestInForce();
        Route memory route = _routes[task.manifest][workflow];
        task.handler = route.handler;
        if (task.handler == address(0)) revert UnknownWorkflow(task.manifest, workflow);
        if (route.fires) revert NotRequestable(task.manifest, workflow);
        task.number = ++taskCount;
        task.workflow = workflow;
        task.requester = msg.sender;
        task.deadline = deadline;
        task.nativeBps = requirement.nativeBps;
        task.externalBps = requirement.externalBps;
        task.combinedBps = requirement.combinedBps;
        task.inputHash = keccak256(input);
        taskId = Digests.taskId(domainSeparator(), task);
        _open[task.number] = taskId;
        emit TaskCreated(taskId, task, input);
    }

    /// @inheritdoc IServiceManager
    /// @dev All calls up to the verdict are static. Then all tasks are settled before the first handler is called: one
    /// that calls back finds nothing open.
    function submit(Result[] calldata results, bytes calldata certificate) public virtual {
        (TaskId[] memory ids, uint256[] memory keys, bytes32 root) = _hash(results);
        Requirement memory strictest = _pass(results, ids, keys);
        Verdict verdict = _certify(certificate, root, thresholdsOf(strictest));
        if (verdict == Verdict.Pending) return _suspendAll(results, ids, keys);
        _settleAll(results, ids, keys);
        _deliverAll(results, ids, keys);
    }

    /// @inheritdoc IServiceManager
    function veto(uint256 key, bytes calldata certificate) public virtual {
        Pending storage pending = _pending[key];
        (bytes32 leaf, uint64 until) = (pending.leaf, pending.until);
        if (leaf == 0) revert NotPending(key);
        if (block.timestamp >= until) revert VetoTooLate(key, until);
        (WeightPair signed, WeightPair total) =
            _verified(certificate, Digests.veto(domainSeparator(), Certificates.epochOf(certificate), leaf));
        Policies.demandVeto(_terms, signed, total);
        TaskId taskId = TaskId.wrap(bytes32(key));
        if (!Firings.isFiring(key)) {
            taskId = _open[uint64(key)];
            _open[uint64(key)] = TaskId.wrap(0);
        }
        delete pending.leaf;
        pending.vetoed = true;
        emit TaskVetoed(
            taskId,
            leaf,
            Certificates.epochOf(certificate),
            signed.externalWeight(),
            total.externalWeight(),
            _signersOf(certificate)
        );
    }

    /// @inheritdoc IServiceManager
    function finalize(Result[] calldata results) public virtual {
        _checkSize(results.length);
        bytes32 domain = domainSeparator();
        TaskId[] memory ids = new TaskId[](results.length);
        uint256[] memory keys = new uint256[](results.length);
        bool any;
        for (uint256 i = 0; i < results.length; i++) {
            Result calldata result = results[i];
            (TaskId taskId, uint256 key,) = Firings.identify(domain, result.task);
            (bool due, SkipReason reason) = _isDue(taskId, key, result);
            if (!due) {
                emit TaskSkipped(taskId, reason);
                continue;
            }
            any = true;
            ids[i] = taskId;
            keys[i] = key;
            _settle(key, result);
        }
        if (!any) revert NothingToDeliver();
        _deliverAll(results, ids, keys);
    }

    /// @inheritdoc IServiceManager
    function redeliver(Result calldata result) public virtual {
        (TaskId taskId, uint256 key, bytes32 digest) = Firings.identify(domainSeparator(), result.task);
        bytes32 kept = _unhandled[key];
        if (kept == 0 || kept != _leaf(digest, result)) revert NothingToRedeliver(taskId);
        delete _unhandled[key];
        emit TaskRedelivered(taskId, result.task.handler);
        ITaskHandler(result.task.handler).onResult(taskId, result.task, result.payload);
    }

    /// @inheritdoc IServiceManager
    function verify(bytes calldata certificate, Result[] calldata results, Requirement calldata requirement)
        external
        view
        virtual
        returns (Judgement memory)
    {
        (,, bytes32 root) = _hash(results);
        _answer(certificate, root, thresholdsOf(requirement));
    }

    /// @inheritdoc IServiceManager
    function verifyRoot(bytes calldata certificate, bytes32 root) external view virtual returns (Judgement memory) {
        _answer(certificate, root, Terms.wrap(0));
    }

    /// @inheritdoc IServiceManager
    function verifyRoot(bytes calldata certificate, bytes32 root, Requirement calldata requirement)
        external
        view
        virtual
        returns (Judgement memory)
    {
        _answer(certificate, root, thresholdsOf(requirement));
    }

    /// @notice Always reverts.
    function renounceOwnership() public view override onlyOwner {
        revert OwnershipNotRenounceable();
    }

    /// @inheritdoc IServiceManager
    function taskStatus(uint64 number) external view returns (TaskStatus status, TaskId taskId) {
        taskId = _open[number];
        if (TaskId.unwrap(taskId) != 0) {
            return (_pending[number].leaf == 0 ? TaskStatus.Open : TaskStatus.Pending, taskId);
        }
        if (_pending[number].vetoed) return (TaskStatus.Vetoed, taskId);
        if (_unhandled[number] != 0) return (TaskStatus.Unhandled, taskId);
        return (_exists(number) ? TaskStatus.Settled : TaskStatus.None, taskId);
    }

    /// @inheritdoc IServiceManager
    function firingStatus(Task calldata firing) external view returns (TaskStatus) {
        (, uint256 key,) = Firings.identify(domainSeparator(), firing);
        if (!Firings.isFiring(key) || !_isRouted(firing)) return TaskStatus.None;
        if (_isFired(key, firing)) return _unhandled[key] == 0 ? TaskStatus.Settled : TaskStatus.Unhandled;
        if (_pending[key].vetoed) return TaskStatus.Vetoed;
        return _pending[key].leaf == 0 ? TaskStatus.Open : TaskStatus.Pending;
    }

    /// @inheritdoc IServiceManager
    function pendingResult(uint256 key) external view returns (bytes32 leaf, uint64 until) {
        leaf = _pending[key].leaf;
        if (leaf != 0) until = _pending[key].until;
    }

    /// @inheritdoc IServiceManager
    function handlerOf(bytes32 manifest, bytes32 workflow) external view returns (address) {
        return _routes[manifest][workflow].handler;
    }

    /// @inheritdoc ITotalWeights
    function totalWeights() external view returns (uint96 native, uint96 ext) {
        Table table = TableStates.live(currentEpoch());
        Row memory sum = OperatorTables.readRow(table.pointer(), OperatorTables.headOffset(table));
        return (sum.nativeWeight, sum.externalWeight);
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
    function policy() public view returns (Policy memory) {
        return _terms.withOracle(_oracle);
    }

    /// @dev The ids of a batch's tasks, which must ascend, the keys of their state, and the batch's root.
    function _hash(Result[] calldata results)
        private
        view
        returns (TaskId[] memory ids, uint256[] memory keys, bytes32 root)
    {
        uint256 size = results.length;
        _checkSize(size);
        bytes32 domain = domainSeparator();
        ids = new TaskId[](size);
        keys = new uint256[](size);
        bytes32[] memory leaves = new bytes32[](size);
        TaskId previous;
        for (uint256 i = 0; i < size; i++) {
            Result calldata result = results[i];
            (TaskId taskId, uint256 key, bytes32 digest) = Firings.identify(domain, result.task);
            if (i != 0 && !(taskId > previous)) revert TasksNotAscending(previous, taskId);
            previous = taskId;
            ids[i] = taskId;
            keys[i] = key;
            leaves[i] = _leaf(digest, result);
        }
        root = Digests.rootInPlace(leaves);
    }

    /// @dev Sets the ids of results that are passed over to zero, and says in an event why.
    /// @return strictest The most that the requesters of the others require, field by field.
    function _pass(Result[] calldata results, TaskId[] memory ids, uint256[] memory keys)
        private
        returns (Requirement memory strictest)
    {
        bool any;
        for (uint256 i = 0; i < results.length; i++) {
            Result calldata result = results[i];
            (bool deliverable, SkipReason reason) = _isDeliverable(ids[i], keys[i], result);
            if (!deliverable) {
                emit TaskSkipped(ids[i], reason);
                ids[i] = TaskId.wrap(0);
                continue;
            }
            any = true;
            _raise(strictest, result.task);
        }
        if (!any) revert NothingToDeliver();
    }

    /// @dev Whether a final certificate would deliver the result.
    function _isDeliverable(TaskId taskId, uint256 key, Result calldata result)
        private
        view
        returns (bool, SkipReason)
    {
        if (!_isOpen(taskId, key, result)) return (false, _whyClosed(key, result));
        bytes32 pending = _pendingLeaf(key);
        if (pending == 0) return (block.timestamp <= result.task.deadline, SkipReason.Expired);
        return (pending == _leafOf(taskId, key, result), SkipReason.Conflicting);
    }

    /// @dev Whether the result waited for vetoes, and need not any more.
    function _isDue(TaskId taskId, uint256 key, Result calldata result) private view returns (bool, SkipReason) {
        if (!_isOpen(taskId, key, result)) return (false, _whyClosed(key, result));
        bytes32 pending = _pendingLeaf(key);
        if (pending == 0) return (false, SkipReason.Uncertified);
        if (pending != _leafOf(taskId, key, result)) return (false, SkipReason.Conflicting);
        return (block.timestamp >= _pending[key].until, SkipReason.Waiting);
    }

    /// @dev Whether there is such a task, and nothing has ended it. There is a firing when its manifest has its workflow fire
    /// for its handler.
    function _isOpen(TaskId taskId, uint256 key, Result calldata result) private view returns (bool) {
        if (!Firings.isFiring(key)) return _open[uint64(key)] == taskId;
        return _isRouted(result.task) && !_isFired(key, result.task) && !_isVetoed(key);
    }

    function _isRouted(Task calldata task) private view returns (bool) {
        Route memory route = _routes[task.manifest][task.workflow];
        return route.fires && route.handler == task.handler;
    }

    function _isFired(uint256 key, Task calldata task) private view returns (bool) {
        (bytes32 word, uint256 bit) = Firings.place(key, task);
        return _fired[word] & bit != 0;
    }

    function _isVetoed(uint256 key) private view returns (bool) {
        return _mayVeto() && _pending[key].vetoed;
    }

    function _whyClosed(uint256 key, Result calldata result) private view returns (SkipReason) {
        bool known = Firings.isFiring(key)
            ? _isRouted(result.task)
            : TaskId.unwrap(_open[uint64(key)]) == 0 && _exists(uint64(key));
        if (!known) return SkipReason.Unknown;
        return _isVetoed(key) ? SkipReason.Vetoed : SkipReason.Settled;
    }

    function _mayVeto() private view returns (bool) {
        return _terms.isKind(PolicyKind.Veto);
    }

    /// @dev Reads nothing where no result can be pending.
    function _pendingLeaf(uint256 key) private view returns (bytes32) {
        return _mayVeto() ? _pending[key].leaf : bytes32(0);
    }

    function _raise(Requirement memory strictest, Task calldata task) private pure {
        (uint16 native, uint16 ext, uint16 combined) = (task.nativeBps, task.externalBps, task.combinedBps);
        if (native > strictest.nativeBps) strictest.nativeBps = native;
        if (ext > strictest.externalBps) strictest.externalBps = ext;
        if (combined > strictest.combinedBps) strictest.combinedBps = combined;
    }

    /// @dev Verifies the certificate over a batch's root, and demands that it is enough.
    function _judge(bytes calldata certificate, bytes32 root, Terms requirement)
        private
        view
        returns (Verdict verdict, WeightPair signed, WeightPair total)
    {
        (signed, total) =
            _verified(certificate, Digests.batch(domainSeparator(), Certificates.epochOf(certificate), root));
        if (Policies.isBoth(_terms, signed, total, requirement)) return (Verdict.Final, signed, total);
        verdict = Policies.demand(_terms, Policies.read(_terms, _oracle, signed, total), signed, total, requirement);
    }

    /// @dev `_judge`, and says in an event what it found.
    function _certify(bytes calldata certificate, bytes32 root, Terms requirement) private returns (Verdict verdict) {
        WeightPair signed;
        WeightPair total;
        (verdict, signed, total) = _judge(certificate, root, requirement);
        emit CertificateVerified(
            Certificates.epochOf(certificate),
            root,
            verdict,
            signed.nativeWeight(),
            signed.externalWeight(),
            total.nativeWeight(),
            total.externalWeight(),
            _signersOf(certificate)
        );
    }

    /// @dev `_judge` for those who call from outside: ends the call, and returns a `Judgement`, which Solidity would do for
    /// 600 gas more. Only for external functions: a service that called one which does this by `super` or by itself would
    /// end there, with its modifiers half done.
    function _answer(bytes calldata certificate, bytes32 root, Terms requirement) private view {
        (Verdict verdict, WeightPair signed, WeightPair total) = _judge(certificate, root, requirement);
        // return abi.encode(Judgement(
        //     verdict, signed.nativeWeight(), signed.externalWeight(), total.nativeWeight(), total.externalWeight()
        // ));
        assembly {
            mstore(0x00, verdict)
            mstore(0x20, shr(96, signed))
            mstore(0x40, shr(160, shl(160, signed)))
            mstore(0x60, shr(96, total))
            mstore(0x80, shr(160, shl(160, total)))
            return(0x00, 0xa0)
        }
    }

    /// @dev Has the results with an id wait for vetoes, unless they do already.
    function _suspendAll(Result[] calldata results, TaskId[] memory ids, uint256[] memory keys) private {
        uint64 until = uint64(block.timestamp + _terms.vetoSeconds());
        bool any;
        for (uint256 i = 0; i < results.length; i++) {
            if (TaskId.unwrap(ids[i]) == 0) continue;
            Pending storage pending = _pending[keys[i]];
            if (pending.leaf != 0) {
                emit TaskSkipped(ids[i], SkipReason.Waiting);
                continue;
            }
            any = true;
            if (Firings.isFiring(keys[i])) Firings.announce(ids[i], results[i].task);
            pending.leaf = _leafOf(ids[i], keys[i], results[i]);
            pending.until = until;
            emit TaskPending(ids[i], pending.leaf, until);
        }
        if (!any) revert NothingToDeliver();
    }

    /// @dev A firing that was pending was announced then.
    function _settleAll(Result[] calldata results, TaskId[] memory ids, uint256[] memory keys) private {
        for (uint256 i = 0; i < results.length; i++) {
            if (TaskId.unwrap(ids[i]) == 0) continue;
            uint256 key = keys[i];
            if (Firings.isFiring(key) && _pendingLeaf(key) == 0) Firings.announce(ids[i], results[i].task);
            _settle(key, results[i]);
        }
    }

    /// @dev Hands the results with an id, whose tasks must be settled, to their handlers.
    function _deliverAll(Result[] calldata results, TaskId[] memory ids, uint256[] memory keys) private {
        for (uint256 i = 0; i < results.length; i++) {
            if (TaskId.unwrap(ids[i]) != 0) _deliver(ids[i], keys[i], results[i]);
        }
    }

    function _settle(uint256 key, Result calldata result) private {
        if (Firings.isFiring(key)) {
            (bytes32 word, uint256 bit) = Firings.place(key, result.task);
            _fired[word] |= bit;
        } else {
            _open[uint64(key)] = TaskId.wrap(0);
        }
        if (_mayVeto()) delete _pending[key];
    }

    /// @dev Calls the handler with its gas, whatever it does. Nothing of what it returns is copied, so it can not make
    /// that dear.
    function _deliver(TaskId taskId, uint256 key, Result calldata result) private {
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
        if (!handled) _unhandled[key] = _leafOf(taskId, key, result);
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
        Route memory known = _routes[manifest][workflow.name];
        if (known.handler == address(0)) {
            _routes[manifest][workflow.name] = Route(workflow.handler, workflow.fires);
        } else if (known.handler != workflow.handler || known.fires != workflow.fires) {
            revert HandlerConflict(manifest, workflow.name, known.handler);
        }
    }

    function _checkDeadline(uint64 deadline) private view {
        uint256 earliest = block.timestamp + 1;
        uint256 latest = block.timestamp + MAX_TASK_SECONDS;
        if (deadline < earliest || deadline > latest) revert DeadlineOutOfBounds(deadline, earliest, latest);
    }

    /// @dev `digest` is the task's, which a firing's id is not.
    function _leaf(bytes32 digest, Result calldata result) private view returns (bytes32) {
        return Digests.leaf(digest, result.component, block.chainid, result.task.handler, keccak256(result.payload));
    }

    function _leafOf(TaskId taskId, uint256 key, Result calldata result) private view returns (bytes32) {
        bytes32 digest = TaskId.unwrap(taskId);
        if (Firings.isFiring(key)) digest = Digests.taskDigest(domainSeparator(), result.task);
        return _leaf(digest, result);
    }

    function _exists(uint64 number) private view returns (bool) {
        return number != 0 && number <= taskCount;
    }

    function _checkSize(uint256 size) private pure {
        if (size == 0 || size > MAX_BATCH) revert BatchSizeOutOfBounds(size, MAX_BATCH);
    }

    function _checkConfig(ServiceConfig memory config) private view {
        bool incomplete = config.nativeStrategy == address(0) || config.externalStrategy == address(0);
        if (incomplete) revert ZeroAddress();
        Policies.validate(config.policy);
        if (config.handlerGas < HANDLER_GAS_LEAST || config.handlerGas > HANDLER_GAS_MOST) {
            revert InvalidHandlerGas(config.handlerGas, HANDLER_GAS_LEAST, HANDLER_GAS_MOST);
        }
    }
}
