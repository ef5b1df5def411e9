//! Why a text is no manifest, in words that name the workflow and the key.

use super::{CALL_DEPTH_MAX, CallChain, Limits, MANIFEST_BYTES_MAX, SOURCES_MAX, TriggerError, WORKFLOWS_MAX};
use crate::WorkflowId;

/// Why a text is no manifest.
#[derive(Debug, thiserror::Error)]
pub enum ManifestError {
    /// The text is larger than 256 KiB.
    #[error("manifest of {0} bytes is larger than {MANIFEST_BYTES_MAX}")]
    TooLarge(usize),
    /// The text is no TOML, or a key is unknown, missing or of the wrong type.
    #[error(transparent)]
    Toml(#[from] toml::de::Error),
    /// The text is no JSON, or a key is unknown, missing or of the wrong type.
    #[error(transparent)]
    Json(#[from] serde_json::Error),
    /// No workflow, or more than 64.
    #[error("{0} workflows in the manifest, expected 1 to {WORKFLOWS_MAX}")]
    Workflows(usize),
    /// Two workflows have one name.
    #[error("workflow `{0}` is there twice")]
    DuplicateWorkflow(WorkflowId),
    /// A component names more than 8 sources.
    #[error("workflow `{workflow}`: the component has {found} sources, expected at most {SOURCES_MAX}")]
    Sources {
        /// The workflow.
        workflow: WorkflowId,
        /// How many it names.
        found: usize,
    },
    /// The trigger can never fire, or asks for more than operators watch for.
    #[error("workflow `{workflow}`: {error}")]
    Trigger {
        /// The workflow.
        workflow: WorkflowId,
        /// What is wrong with its trigger.
        error: TriggerError,
    },
    /// A limit is zero or above what any operator may be asked for.
    #[error("workflow `{workflow}`: limit `{limit}` is {found}, expected 1 to {max}")]
    Limit {
        /// The workflow.
        workflow: WorkflowId,
        /// Key of the limit.
        limit: &'static str,
        /// What the manifest asks for.
        found: u64,
        /// The largest that is accepted.
        max: u64,
    },
    /// Only `open` components may use HTTP: what a server answers is not reproducible.
    #[error("workflow `{0}` is `strict` and lists HTTP hosts: use `determinism = \"open\"` or remove them")]
    StrictHttp(WorkflowId),
    /// Only `open` components may have secrets: every operator has its own.
    #[error(
        "workflow `{0}` is `strict` and names secrets, which differ between operators: use `determinism = \"open\"` or remove them"
    )]
    StrictSecrets(WorkflowId),
    /// Only `open` components may use the store: every operator has its own.
    #[error(
        "workflow `{0}` is `strict` and uses the store, which differs between operators: use `determinism = \"open\"` or remove it"
    )]
    StrictStore(WorkflowId),
    /// A result of a `strict` component must not rest on what cannot be reproduced.
    #[error(
        "workflow `{workflow}` is `strict` and calls `{callee}`, which is `open`: use `determinism = \"strict\"` there or `determinism = \"open\"` here"
    )]
    StrictCalls {
        /// The caller.
        workflow: WorkflowId,
        /// What it calls.
        callee: WorkflowId,
    },
    /// What is called is not there.
    #[error("workflow `{workflow}` calls `{callee}`, which is not in the manifest")]
    UnknownCallee {
        /// The caller.
        workflow: WorkflowId,
        /// What it calls.
        callee: WorkflowId,
    },
    /// A call would never end.
    #[error("workflows call each other in a circle: {0}")]
    CallCircle(CallChain),
    /// Calls within calls go too deep.
    #[error("calls go {} deep, {CALL_DEPTH_MAX} at most: {chain}", chain.0.len() - 1)]
    CallDepth {
        /// The workflows that call each other.
        chain: CallChain,
    },
    /// Callers and callees are in memory together.
    #[error("a run may take {mib} MiB of memory, {} at most: {chain} together", Limits::MAX.memory_mib)]
    CallMemory {
        /// The workflows that are in memory at a time.
        chain: CallChain,
        /// Sum of their limits, in MiB.
        mib: u64,
    },
}
