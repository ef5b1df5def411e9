//! Tasks and their results. A task says what to compute and for whom; a result is what one operator's component returned.

use alloy_primitives::{Address, B256, keccak256};
use alloy_sol_types::SolStruct;
use serde::{Deserialize, Serialize};

use crate::digest::typed;
use crate::{ComponentDigest, Domain, ManifestHash, Requirement, ResultLeaf, ServiceId, TaskId, WorkflowId};

/// Largest input of a task, in bytes; the ServiceManager refuses more.
pub const INPUT_BYTES_MAX: usize = 16 * 1024;
/// Largest payload of a result that a manifest may allow, in bytes: it travels as calldata.
pub const PAYLOAD_BYTES_MAX: usize = 16 * 1024;

/// One firing of a trigger, as the ServiceManager recorded it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Task {
    /// Sequential in its service, from 1.
    pub number: u64,
    /// Workflow that runs.
    pub workflow: WorkflowId,
    /// Manifest in force when the task was created.
    pub manifest: ManifestHash,
    /// Contract that receives the result.
    pub handler: Address,
    /// Account that asked.
    pub requester: Address,
    /// Last second (Unix time) at which the result may be delivered.
    pub deadline: u64,
    /// What the requester demands beside the service's policy.
    pub requirement: Requirement,
    /// keccak256 of the input.
    pub input_hash: B256,
}

impl Task {
    /// The task's identity in `service`.
    pub fn id(&self, service: ServiceId) -> TaskId {
        TaskId(Domain::from(service).hash(&typed::Task {
            number: self.number,
            workflow: self.workflow.to_word(),
            manifest: self.manifest.0,
            handler: self.handler,
            requester: self.requester,
            deadline: self.deadline,
            nativeBps: self.requirement.native.get(),
            externalBps: self.requirement.external.get(),
            combinedBps: self.requirement.combined.get(),
            inputHash: self.input_hash,
        }))
    }
}

/// The block that a task was asked for in. A reorganisation may move a task to another.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct TaskBlock {
    /// Its number.
    pub number: u64,
    /// Its hash.
    pub hash: B256,
    /// Its time, in Unix seconds.
    pub time: u64,
}

/// What an operator's component returned for a task, and where it goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskResult {
    /// The task.
    pub task_id: TaskId,
    /// The component that ran.
    pub component: ComponentDigest,
    /// Chain of the handler.
    pub chain_id: u64,
    /// Contract that receives the payload.
    pub handler: Address,
    /// The component's output.
    pub payload: Vec<u8>,
}

impl TaskResult {
    /// The hash that operators compare and agree on.
    pub fn leaf(&self) -> ResultLeaf {
        let typed = typed::Result {
            taskId: self.task_id.0,
            component: self.component.0,
            chainId: alloy_primitives::U256::from(self.chain_id),
            handler: self.handler,
            payloadHash: keccak256(&self.payload),
        };
        ResultLeaf(typed.eip712_hash_struct())
    }
}
