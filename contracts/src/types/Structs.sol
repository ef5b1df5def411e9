// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.31;

/// @notice The two tokens that stand behind a service. Wherever values are kept per token, native comes first.
enum Token {
    Native,
    External
}

/// @notice Share of each token's total stake that must have signed, in basis points (10 000 = all of it).
struct Quorum {
    uint16 nativeBps;
    uint16 externalBps;
}

/// @notice A request for one execution of a workflow. Its EIP-712 digest is its id.
struct Task {
    /// Sequential per service, from 1.
    uint64 number;
    /// ASCII name of the workflow, left-aligned.
    bytes32 workflow;
    /// Hash of the manifest in force when the task was created: it fixes component, configuration and limits.
    bytes32 manifest;
    /// Contract that receives the result.
    address handler;
    /// Account that called `createTask`.
    address requester;
    /// Last second (block timestamp) at which the result may be delivered.
    uint64 deadline;
    /// Quorum of the native token that this task needs.
    uint16 nativeBps;
    /// Quorum of the external token that this task needs.
    uint16 externalBps;
    /// keccak256 of the input bytes.
    bytes32 inputHash;
}

/// @notice What the operators agreed on for one task.
struct Result {
    Task task;
    /// SHA-256 of the component that computed the payload.
    bytes32 component;
    bytes payload;
}
