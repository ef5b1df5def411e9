// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.31;

import {IStakeSource} from "./IStakeSource.sol";
import {ITableKeeper} from "./ITableKeeper.sol";
import {ITotalWeights} from "./ITotalWeights.sol";
import {Epoch, TaskId} from "../types/Ids.sol";
import {Judgement, Policy, Requirement, Result, Task, Verdict} from "../types/Structs.sol";

/// @notice How a ServiceManager is set up, for good.
struct ServiceConfig {
    /// Keeps the operators and their stake.
    IStakeSource stakeSource;
    /// May announce manifests.
    address owner;
    /// Strategy whose stake is the native weight.
    address nativeStrategy;
    /// Strategy whose stake is the external weight.
    address externalStrategy;
    /// What signed stake every result needs.
    Policy policy;
    /// Seconds for which an operator table is believed after its stake was read. The stake source must be able to slash
    /// it, and to name the keys in it, for longer than that.
    uint32 tableWindow;
    /// Seconds after which anyone may write the next one, less than `tableWindow`.
    uint32 epochSeconds;
    /// Share of a token's total, in basis points, by which an operator's weight must have moved for a correction.
    uint16 moveBps;
    /// Gas that a handler is called with, at least 50 000 and at most 8 000 000.
    uint32 handlerGas;
}

/// @notice A workflow of a manifest, as far as the chain must know it.
struct Workflow {
    /// ASCII name, left-aligned.
    bytes32 name;
    /// Contract that receives its results.
    address handler;
    /// Whether it is fired by its own trigger: then nobody can ask for it, and its operators say when it fired.
    bool fires;
}

/// @notice What became of a task, as far as its number tells.
enum TaskStatus {
    /// There is no task of that number.
    None,
    /// Waits for its result, or its deadline has passed without one.
    Open,
    /// A result was delivered.
    Settled,
    /// A result was delivered and its handler failed; `redeliver` may hand it over.
    Unhandled,
    /// A result waits for vetoes; `finalize` delivers it when the window has passed.
    Pending,
    /// Its result was vetoed; it never gets another.
    Vetoed
}

/// @notice Why `submit` or `finalize` passed over a result.
enum SkipReason {
    /// The task has its result already.
    Settled,
    /// The task's deadline has passed.
    Expired,
    /// This service has no such task.
    Unknown,
    /// The result waits for vetoes, and the certificate does not end that.
    Waiting,
    /// Another result of the task waits for vetoes.
    Conflicting,
    /// The task's result was vetoed.
    Vetoed,
    /// There was no certificate for a result of the task.
    Uncertified
}

/// @title IServiceManager
/// @notice One service: takes requests for tasks, and delivers results that enough stake of both tokens has signed.
///
/// A task is either asked for here (`createTask`) or fired by its workflow's own trigger: a schedule, blocks, a log, a call. Of a
/// firing nothing is known here before its result comes; that it fired, when, under which manifest and until when its result
/// may come, the operators say with the same signatures as the result. Its task has no requester's requirement, and is
/// delivered at most once: docs/reference/formats.md.
///
/// What is enough the service's policy says, chosen at deployment for good, and each task's requester, who can only ask
/// for more: docs/reference/policies.md. Under the policy `Veto` a certified result may have to wait for vetoes:
///
///     Open ──submit──► Pending ──finalize, or submit with a final certificate──► Settled or Unhandled
///       └──submit with a final certificate──► Settled or Unhandled
///                      Pending ──veto──► Vetoed
///
/// Trust: the stake source for keys and weights (see `IStakeSource`); the policy's oracle for prices or the fallback
/// condition; the owner for which manifest is in force, hence which components run and which contracts receive results.
/// The owner can not deliver a result, change the policy, or touch a task that exists. Everyone else is trusted with
/// nothing: tables may be refreshed, tasks created and certificates submitted by anyone.
///
/// Its whole state follows from its events, from block `deploymentBlock` on.
interface IServiceManager is ITableKeeper, ITotalWeights {
    error InvalidHandlerGas(uint32 handlerGas, uint256 least, uint256 most);

    /// @notice A service without an owner could never change its manifest again.
    error OwnershipNotRenounceable();

    error ZeroManifest();
    /// @notice A manifest that follows another must become active after the current block.
    error ActivationNotInFuture(uint64 activationBlock, uint256 currentBlock);
    error ZeroWorkflow();
    /// @notice A workflow's handler has no code.
    error HandlerWithoutCode(bytes32 workflow, address handler);
    /// @notice The same manifest was announced before with another handler for the workflow, or with another kind of trigger.
    error HandlerConflict(bytes32 manifest, bytes32 workflow, address handler);

    error NoManifestInForce();
    /// @notice The manifest in force has no such workflow.
    error UnknownWorkflow(bytes32 manifest, bytes32 workflow);
    /// @notice The workflow is fired by its own trigger.
    error NotRequestable(bytes32 manifest, bytes32 workflow);
    error InputTooLong(uint256 length, uint256 limit);
    error DeadlineOutOfBounds(uint64 deadline, uint256 earliest, uint256 latest);

    error BatchSizeOutOfBounds(uint256 size, uint256 limit);
    error TasksNotAscending(TaskId previous, TaskId next);
    /// @notice All results are passed over: there is nothing to deliver, and nothing that could wait for vetoes.
    error NothingToDeliver();
    /// @notice No result of the task waits for vetoes.
    error NotPending(uint256 key);
    /// @notice The time for vetoes is over.
    error VetoTooLate(uint256 key, uint64 until);
    /// @notice Too little gas is left to give a handler what it is due.
    error InsufficientGas(uint256 available, uint256 needed);
    /// @notice No failed result of that task is kept, or it was another one.
    error NothingToRedeliver(TaskId taskId);

    /// @param activationBlock First block in which the manifest is in force.
    event ManifestAnnounced(bytes32 indexed manifest, string uri, uint64 activationBlock, Workflow[] workflows);
    event TaskCreated(TaskId indexed taskId, Task task, bytes input);
    /// @notice The first result of a firing was certified. What fired is behind `inputHash`: see `Digests`.
    event TaskFired(TaskId indexed taskId, Task task);
    event TaskSkipped(TaskId indexed taskId, SkipReason reason);
    /// @param root Merkle root of the batch.
    /// @param verdict `Pending` or `Final`.
    /// @param signers Bitmap over the table's operators.
    event CertificateVerified(
        Epoch indexed epoch,
        bytes32 root,
        Verdict verdict,
        uint96 signedNative,
        uint96 signedExternal,
        uint96 totalNative,
        uint96 totalExternal,
        uint256[] signers
    );
    /// @notice A result waits for vetoes. Its payload is in the calldata of the transaction.
    /// @param until First second in which it can no longer be vetoed, but finalized.
    event TaskPending(TaskId indexed taskId, bytes32 leaf, uint64 until);
    /// @notice A pending result was stopped for good, by the signers.
    /// @param epoch Table that the bitmap `signers` refers to.
    event TaskVetoed(
        TaskId indexed taskId, bytes32 leaf, Epoch epoch, uint96 signedExternal, uint96 totalExternal, uint256[] signers
    );
    /// @param handled Whether the handler took it; if not, the result is kept for `redeliver`.
    event TaskDelivered(TaskId indexed taskId, address handler, bool handled);
    event TaskRedelivered(TaskId indexed taskId, address handler);

    /// @notice Announces the manifest that is in force from `activationBlock` on. Owner only.
    /// @dev One that was announced before and is not active yet gives way. The first manifest may name a block that is
    /// past or the current one, which means at once. The same manifest may be announced again, with the same handlers.
    /// @param manifest Hash of the manifest's canonical JSON.
    /// @param uri Where the manifest can be had.
    /// @param activationBlock First block in which it is in force.
    /// @param workflows Its workflows that deliver on this chain.
    function announceManifest(
        bytes32 manifest,
        string calldata uri,
        uint64 activationBlock,
        Workflow[] calldata workflows
    ) external;

    /// @notice Asks for one execution of a workflow of the manifest in force.
    /// @param workflow ASCII name, left-aligned.
    /// @param input What the component is given, at most `MAX_INPUT_BYTES`.
    /// @param requirement What the result needs beside the service's policy; `combinedBps` only if that is `Combined`.
    /// @param deadline Last second at which a certificate for the result may come, in the future and at most
    /// `MAX_TASK_SECONDS` away.
    function createTask(bytes32 workflow, bytes calldata input, Requirement calldata requirement, uint64 deadline)
        external
        returns (TaskId taskId);

    /// @notice Verifies a certificate over a batch of results, and delivers those whose tasks are open, or has them wait
    /// for vetoes. Anyone may.
    /// @dev Judged once, by the policy and everything that the requesters of these tasks require. Each task is delivered
    /// at most once. Results that can not be delivered are skipped; a handler that fails stops no other result. Give it
    /// gas for every handler: `handlerGas` each.
    ///
    /// Under the policy `Veto`, a certificate that could still be vetoed makes results pending. Another result of a
    /// pending task is skipped, whatever signed it. The same result with a final certificate is delivered at once.
    /// @param results The whole batch, 1 to `MAX_BATCH`, strictly ascending by task id.
    /// @param certificate Packed as `Certificates` says.
    function submit(Result[] calldata results, bytes calldata certificate) external;

    /// @notice Stops the pending result of a task, for good. Anyone may.
    /// @param certificate Over the digest `Veto{epoch, leaf}` of that result, by the policy's `vetoBps` of the external
    /// token; before the result's window ends.
    /// @param key The task's number, or its id if it is a firing.
    function veto(uint256 key, bytes calldata certificate) external;

    /// @notice Delivers pending results whose window has passed without a veto. Anyone may, at any time: their tasks'
    /// deadlines bound the first certificate only.
    /// @dev Results that are not due are skipped, as are repetitions. Give it gas for every handler: `handlerGas` each.
    /// @param results 1 to `MAX_BATCH`, in any order.
    function finalize(Result[] calldata results) external;

    /// @notice Hands over a result whose handler failed when it was delivered. Anyone may, at any time. Reverts as the
    /// handler does.
    function redeliver(Result calldata result) external;

    /// @notice What the policy says of a certificate over a batch of results. For other contracts; reverts with the
    /// reason when the certificate is refused.
    /// @dev Warning: a verdict of `Pending` may still be vetoed; only `Final` is final.
    ///
    /// @dev Warning: does not look at tasks. Whether there is such a task, what its requester required, whether it was
    /// delivered or vetoed before, and whether another result of it was certified, is for the caller to ask.
    ///
    /// @dev Warning: true for this moment. Tables expire, prices move, and the fallback condition ends.
    /// @param results The whole batch, 1 to `MAX_BATCH`, strictly ascending by task id.
    /// @param requirement What the caller demands beside the policy.
    function verify(bytes calldata certificate, Result[] calldata results, Requirement calldata requirement)
        external
        view
        returns (Judgement memory);

    /// @notice As `verify`, over the Merkle root of a batch, by the policy alone.
    function verifyRoot(bytes calldata certificate, bytes32 root) external view returns (Judgement memory);

    /// @notice As `verify`, over the Merkle root of a batch.
    function verifyRoot(bytes calldata certificate, bytes32 root, Requirement calldata requirement)
        external
        view
        returns (Judgement memory);

    /// @notice What became of the task of that number, which was asked for, and its id while it is open or pending.
    function taskStatus(uint64 number) external view returns (TaskStatus status, TaskId taskId);

    /// @notice What became of a firing. `Open` says that nothing did, whether its trigger fired or not: only the operators know.
    /// @param firing Its task, as the operators sign it.
    function firingStatus(Task calldata firing) external view returns (TaskStatus);

    /// @notice The leaf of a task's pending result, and the first second in which it can be finalized; zeros when there
    /// is none.
    /// @param key The task's number, or its id if it is a firing.
    function pendingResult(uint256 key) external view returns (bytes32 leaf, uint64 until);

    /// @notice Number of the latest task.
    function taskCount() external view returns (uint64);

    /// @notice Hash of the manifest in force; zero before the first.
    function manifestInForce() external view returns (bytes32);

    /// @notice The two manifests that matter: `current` is in force before `activationBlock`, `next` from then on.
    function manifests() external view returns (bytes32 current, bytes32 next, uint64 activationBlock);

    /// @notice Handler of a workflow of a manifest; zero when it was not announced.
    function handlerOf(bytes32 manifest, bytes32 workflow) external view returns (address);

    /// @notice What signed stake every result needs.
    function policy() external view returns (Policy memory);

    function nativeStrategy() external view returns (address);
    function externalStrategy() external view returns (address);

    /// @notice Gas that a handler is called with.
    function handlerGas() external view returns (uint32);

    /// @notice Block of deployment: logs of this contract begin here.
    function deploymentBlock() external view returns (uint256);
}
