// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.31;

/// @notice The two tokens that stand behind a service. Wherever values are kept per token, native comes first.
enum Token {
    Native,
    External
}

/// @notice What someone demands of a certificate *beside* the service's policy, in basis points (10 000 = all); 0 demands
/// nothing. As it only adds, it can only tighten.
struct Requirement {
    /// Share of the native stake that must have signed.
    uint16 nativeBps;
    /// Share of the external stake that must have signed.
    uint16 externalBps;
    /// Share of the combined value that must have signed; only for services with the policy `Combined`.
    uint16 combinedBps;
}

/// @notice How signed stake of two tokens makes a certificate acceptable. See docs/reference/policies.md.
enum PolicyKind {
    /// Each token reaches its threshold.
    Both,
    /// One sum at oracle prices reaches a threshold; the native share of it is capped.
    Combined,
    /// The native token certifies; the external token may veto within a window, or wave through.
    Veto,
    /// As `Both`; while the fallback condition holds, the external token alone at a higher threshold is enough too.
    BothOrFallback,
    /// One token reaches its threshold.
    Either,
    /// The one token with a threshold reaches it.
    Single
}

/// @notice A service's policy, for good. Fields that the kind does not use are zero. Thresholds in basis points.
struct Policy {
    PolicyKind kind;
    /// Threshold of the native token: Both, Veto, BothOrFallback, Either, Single.
    uint16 nativeBps;
    /// Threshold of the external token: Both, BothOrFallback, Either, Single.
    uint16 externalBps;
    /// Threshold of the combined value: Combined.
    uint16 combinedBps;
    /// Most that the native token counts for in the combined value, 10 000 for no cap: Combined.
    uint16 nativeCapBps;
    /// Threshold of the external token alone, above `externalBps`: BothOrFallback.
    uint16 fallbackBps;
    /// Share of the external token that vetoes (ν): Veto.
    uint16 vetoBps;
    /// Seconds for which a result waits for a veto: Veto.
    uint32 vetoSeconds;
    /// `IPriceSource` for Combined, `IFallbackCondition` for BothOrFallback, else zero.
    address oracle;
}

/// @notice What a policy says of a certificate. See docs/reference/policies.md.
enum Verdict {
    /// Not enough stake signed.
    Refused,
    /// Enough, unless operators veto within the window.
    Pending,
    /// Enough.
    Final
}

/// @notice A verdict, and the weights that it was reached on.
struct Judgement {
    Verdict verdict;
    uint96 signedNative;
    uint96 signedExternal;
    uint96 totalNative;
    uint96 totalExternal;
}

/// @notice One execution of a workflow that was asked for, or that the workflow's trigger fired. See `Firings.identify` for
/// its id.
struct Task {
    /// Of a request, sequential per service, from 1. Of a firing, 2^63 and its second or block; 0 if it has none of these.
    uint64 number;
    /// ASCII name of the workflow, left-aligned.
    bytes32 workflow;
    /// Hash of the manifest in force when the task was created or fired: it fixes component, configuration and limits.
    bytes32 manifest;
    /// Contract that receives the result.
    address handler;
    /// Account that called `createTask`. Of a firing, the caller as its operators know it, or zero.
    address requester;
    /// Last second (block timestamp) at which a certificate for the result may come.
    uint64 deadline;
    /// What the requester demands beside the service's policy; nothing for a firing.
    uint16 nativeBps;
    uint16 externalBps;
    uint16 combinedBps;
    /// keccak256 of the input bytes. Of a firing, the hash of what fired, from which its input follows: see `Digests`.
    bytes32 inputHash;
}

/// @notice What the operators agreed on for one task.
struct Result {
    Task task;
    /// SHA-256 of the component that computed the payload.
    bytes32 component;
    bytes payload;
}
