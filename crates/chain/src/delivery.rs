//! Delivery of a certified batch: what the operators agreed on becomes calldata of `submit`. A batch that does not hash to the root that
//! was certified never becomes calldata; whether its quorum suffices is the contract's to say.

use alloy::sol_types::SolCall;
use tandem_crypto::CertifiedBatch;
use tandem_types::{Batch, BatchEntry, BatchError, BatchRoot, ComponentDigest, ServiceId, Task, TaskResult, U256};

use crate::bindings::ServiceManager;
use crate::tx::{Call, SendError, TransactionManager, TransactionOutcome};

/// A task with what its component returned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskOutput {
    /// The task.
    pub task: Task,
    /// The component that ran.
    pub component: ComponentDigest,
    /// What it returned.
    pub payload: Vec<u8>,
}

/// Why results are not those of a certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DeliveryError {
    /// The results are no batch.
    #[error(transparent)]
    Batch(#[from] BatchError),
    /// They are another batch.
    #[error("the results have root {found}, certified was {certified}")]
    Root {
        /// Root that was certified.
        certified: BatchRoot,
        /// Root of the results.
        found: BatchRoot,
    },
}

/// A certified batch, ready to be submitted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    call: Call,
}

impl Delivery {
    /// Encodes `outputs`, in the batch's order, with their certificate. `roots` is the hint of `KeyTable::hint` for the certified root.
    ///
    /// # Errors
    /// [`DeliveryError`] when the outputs are not what was certified.
    pub fn encode(
        service: ServiceId,
        certified: &CertifiedBatch,
        roots: &[U256],
        outputs: &[TaskOutput],
    ) -> Result<Self, DeliveryError> {
        let found = root(service, outputs)?;
        if found != certified.root() {
            return Err(DeliveryError::Root { certified: certified.root(), found });
        }
        let call = ServiceManager::submitCall {
            results: outputs.iter().map(result).collect(),
            certificate: certificate(certified, roots),
        };
        Ok(Self { call: Call::new(service.manager, call.abi_encode()) })
    }

    /// Calldata of `submit`.
    pub fn calldata(&self) -> &[u8] {
        &self.call.data
    }

    /// Whether it would be accepted now.
    ///
    /// # Errors
    /// [`SendError::Reverted`] with the contract's error when not; [`SendError::Rpc`].
    pub async fn simulate(&self, manager: &TransactionManager) -> Result<(), SendError> {
        manager.simulate(&self.call).await.map(drop)
    }

    /// Submits it. An outcome says that the transaction was mined, not that it succeeded.
    ///
    /// # Errors
    /// As [`TransactionManager::send`].
    pub async fn submit(&self, manager: &TransactionManager) -> Result<TransactionOutcome, SendError> {
        manager.send(&self.call).await
    }
}

/// The root that the contract will compute.
fn root(service: ServiceId, outputs: &[TaskOutput]) -> Result<BatchRoot, BatchError> {
    let entry = |output: &TaskOutput| {
        let result = TaskResult {
            task_id: output.task.id(service),
            component: output.component,
            chain_id: service.chain_id,
            handler: output.task.handler,
            payload: output.payload.clone(),
        };
        BatchEntry { task_id: result.task_id, leaf: result.leaf() }
    };
    Batch::new(outputs.iter().map(entry).collect()).map(|batch| batch.root())
}

fn result(output: &TaskOutput) -> ServiceManager::Result {
    ServiceManager::Result {
        task: (&output.task).into(),
        component: output.component.0,
        payload: output.payload.clone().into(),
    }
}

fn certificate(certified: &CertifiedBatch, roots: &[U256]) -> ServiceManager::Certificate {
    let certificate = certified.certificate();
    ServiceManager::Certificate {
        epoch: certificate.epoch.0,
        signers: certificate.signers.words().to_vec(),
        sigma: (&certificate.sigma).into(),
        apk: (&certificate.apk).into(),
        roots: roots.to_vec(),
    }
}
