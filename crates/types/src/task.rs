//! Tasks and their results. A task says what to compute and for whom; a result is what one operator's component returned.

use alloy_primitives::{Address, B256, keccak256};
use alloy_sol_types::SolStruct;
use serde::{Deserialize, Serialize};

use crate::digest::typed;
use crate::firing::is_firing;
use crate::{ComponentDigest, Domain, ManifestHash, Requirement, ResultLeaf, ServiceId, TaskId, WorkflowId};

/// Largest input of a task, in bytes; the ServiceManager refuses more.
pub const INPUT_BYTES_MAX: usize = 16 * 1024;
/// Largest payload of a result that a manifest may allow, in bytes: it travels as calldata.
pub const PAYLOAD_BYTES_MAX: usize = 16 * 1024;

/// One execution of a workflow: asked for, as the ServiceManager recorded it, or fired (see [`Firing`](crate::Firing)).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Task {
    /// Of a request, sequential in its service, from 1; of a firing, see [`Firing::number`](crate::Firing::number).
    pub number: u64,
    /// Workflow that runs.
    pub workflow: WorkflowId,
    /// Manifest in force when the task was created or fired.
    pub manifest: ManifestHash,
    /// Contract that receives the result.
    pub handler: Address,
    /// Account that asked; zero when nobody did.
    pub requester: Address,
    /// Last second (Unix time) at which the result may be delivered.
    pub deadline: u64,
    /// What the requester demands beside the service's policy.
    pub requirement: Requirement,
    /// keccak256 of the input of a request; hash of what fired.
    pub input_hash: B256,
}

impl Task {
    /// The task's identity in `service`: the digest of a request; of a firing, that of its workflow and what fired.
    pub fn id(&self, service: ServiceId) -> TaskId {
        if !self.is_firing() {
            return TaskId(self.digest(service));
        }
        let fired = typed::Fired { workflow: self.workflow.to_word(), firing: self.input_hash };
        TaskId(Domain::from(service).hash(&fired))
    }

    /// Whether it was fired, and not asked for.
    pub fn is_firing(&self) -> bool {
        is_firing(self.number)
    }

    /// The digest of all that the task says, to which its result's leaf commits.
    pub fn digest(&self, service: ServiceId) -> B256 {
        Domain::from(service).hash(&typed::Task {
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
        })
    }
}

/// The block that a task was asked for in, or a firing's anchor. A reorganisation may move a task to another.
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
    /// [Digest](Task::digest) of the task.
    pub task_digest: B256,
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
            taskId: self.task_digest,
            component: self.component.0,
            chainId: alloy_primitives::U256::from(self.chain_id),
            handler: self.handler,
            payloadHash: keccak256(&self.payload),
        };
        ResultLeaf(typed.eip712_hash_struct())
    }
}
