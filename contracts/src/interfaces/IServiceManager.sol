// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.31;

import {IStakeSource} from "./IStakeSource.sol";
import {ITableKeeper} from "./ITableKeeper.sol";
import {Epoch, TaskId} from "../types/Ids.sol";
import {Quorum, Result, Task, Token} from "../types/Structs.sol";

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
    /// Share of each token that every result needs at least, 1 to 10 000 each.
    Quorum quorum;
    /// Seconds for which an operator table is believed after its stake was read.
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
    Unhandled
}

/// @notice Why `submit` passed over a result.
enum SkipReason {
    /// The task has its result already.
    Settled,
    /// The task's deadline has passed.
    Expired,
    /// This service has no such task.
    Unknown
}

/// @title IServiceManager
/// @notice One service: takes requests for tasks, and delivers results that enough stake of both tokens has signed.
///
/// Trust: the stake source for keys and weights (see `IStakeSource`); the owner for which manifest is in force, hence
/// which components run and which contracts receive results. The owner can not deliver a result, change a quorum, or
/// touch a task that exists. Everyone else is trusted with nothing: tables may be refreshed, tasks created and
/// certificates submitted by anyone.
///
/// Its whole state follows from its events, from block `deploymentBlock` on.
interface IServiceManager is ITableKeeper {
    error ZeroAddress();
    /// @notice A share of the service's own quorum is not in 1 to 10 000.
    error InvalidQuorum(uint16 nativeBps, uint16 externalBps);
    error InvalidHandlerGas(uint32 handlerGas, uint256 least, uint256 most);

    error ZeroManifest();
    /// @notice A manifest that follows another must become active after the current block.
    error ActivationNotInFuture(uint64 activationBlock, uint256 currentBlock);
    error ZeroWorkflow();
    /// @notice A workflow's handler has no code.
    error HandlerWithoutCode(bytes32 workflow, address handler);
    /// @notice The same manifest was announced before with another handler for the workflow.
    error HandlerConflict(bytes32 manifest, bytes32 workflow, address handler);

    error NoManifestInForce();
    /// @notice The manifest in force has no such workflow.
    error UnknownWorkflow(bytes32 manifest, bytes32 workflow);
    error InputTooLong(uint256 length, uint256 limit);
    error DeadlineOutOfBounds(uint64 deadline, uint256 earliest, uint256 latest);
    /// @notice A task may only ask for more than the service does, and for no more than everything.
    error QuorumOutOfBounds(Token token, uint16 bps, uint16 least);

    error BatchSizeOutOfBounds(uint256 size, uint256 limit);
    error TasksNotAscending(TaskId previous, TaskId next);
    /// @notice No result in the batch belongs to an open task.
    error NothingToDeliver();
    /// @notice Less of a token's stake signed than the batch needs, or there is none of that token.
    error QuorumNotReached(Token token, uint96 signed, uint96 total, uint16 bps);
    /// @notice Too little gas is left to give a handler what it is due.
    error InsufficientGas(uint256 available, uint256 needed);
    /// @notice No failed result of that task is kept, or it was another one.
    error NothingToRedeliver(TaskId taskId);

    /// @param activationBlock First block in which the manifest is in force.
    event ManifestAnnounced(bytes32 indexed manifest, string uri, uint64 activationBlock, Workflow[] workflows);
    event TaskCreated(TaskId indexed taskId, Task task, bytes input);
    event TaskSkipped(TaskId indexed taskId, SkipReason reason);
    /// @param root Merkle root of the batch.
    /// @param signers Bitmap over the table's operators.
    event CertificateVerified(
        Epoch indexed epoch,
        bytes32 root,
        uint96 signedNative,
        uint96 signedExternal,
        uint96 totalNative,
        uint96 totalExternal,
        uint256[] signers
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
    /// @param stricter Quorum that the result must reach where the service's own is less; 0 for the service's.
    /// @param deadline Last second at which the result may be delivered, in the future and at most `MAX_TASK_SECONDS`
    /// away.
    function createTask(bytes32 workflow, bytes calldata input, Quorum calldata stricter, uint64 deadline)
        external
        returns (TaskId taskId);

    /// @notice Verifies a certificate over a batch of results and delivers those whose tasks are open. Anyone may.
    /// @dev Each task is delivered at most once. Results of settled, expired and unknown tasks are skipped; a handler
    /// that fails stops no other result. Give it gas for every handler: `handlerGas` each.
    /// @param results The whole batch, 1 to `MAX_BATCH`, strictly ascending by task id.
    /// @param certificate Packed as `Certificates` says.
    function submit(Result[] calldata results, bytes calldata certificate) external;

    /// @notice Hands over a result whose handler failed when it was delivered. Anyone may, at any time. Reverts as the
    /// handler does.
    function redeliver(Result calldata result) external;

    /// @notice What became of the task of that number, and its id while it is open.
    function taskStatus(uint64 number) external view returns (TaskStatus status, TaskId taskId);

    /// @notice Number of the latest task.
    function taskCount() external view returns (uint64);

    /// @notice Reverts unless the certificate is a good one over `root`, and its signers reach this service's quorum.
    function verifyRoot(bytes calldata certificate, bytes32 root) external view;

    /// @notice `verifyRoot`, with a quorum of the caller's.
    /// @param stricter Quorum that they must reach where the service's own is less.
    function verifyRoot(bytes calldata certificate, bytes32 root, Quorum calldata stricter) external view;

    /// @notice Hash of the manifest in force; zero before the first.
    function manifestInForce() external view returns (bytes32);

    /// @notice The two manifests that matter: `current` is in force before `activationBlock`, `next` from then on.
    function manifests() external view returns (bytes32 current, bytes32 next, uint64 activationBlock);

    /// @notice Handler of a workflow of a manifest; zero when it was not announced.
    function handlerOf(bytes32 manifest, bytes32 workflow) external view returns (address);

    /// @notice Share of each token that every result needs at least.
    function quorum() external view returns (Quorum memory);

    function nativeStrategy() external view returns (address);
    function externalStrategy() external view returns (address);

    /// @notice Gas that a handler is called with.
    function handlerGas() external view returns (uint32);

    /// @notice Block of deployment: logs of this contract begin here.
    function deploymentBlock() external view returns (uint256);
}
