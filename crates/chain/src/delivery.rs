//! What operators bring to a ServiceManager: certified batches, vetoes, and pending results whose time has come. A batch that does not
//! hash to the root that was certified never becomes calldata; whether its stake suffices is the contract's to say.

use alloy::sol_types::SolCall;
use tandem_crypto::{CertifiedBatch, CertifiedVeto, KeyTable};
use tandem_types::{Batch, BatchEntry, BatchError, BatchRoot, ComponentDigest, ServiceId, Task, TaskResult, U256};

use crate::bindings::ServiceManager;
use crate::certificate::pack;
use crate::tx::{Call, SendError, TransactionManager, TransactionOutcome};

/// Most results that are finalized by one transaction: their handlers' gas has to fit.
pub const FINALIZED_MAX: usize = 32;

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

/// Something for a ServiceManager, ready to be submitted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    call: Call,
}

impl Delivery {
    /// `outputs`, in the batch's order, with their certificate, made under the table of `keys`.
    ///
    /// # Errors
    /// [`DeliveryError`] when the outputs are not what was certified.
    pub fn encode(
        service: ServiceId,
        certified: &CertifiedBatch,
        keys: &KeyTable,
        outputs: &[TaskOutput],
    ) -> Result<Self, DeliveryError> {
        let found = root(service, outputs)?;
        if found != certified.root() {
            return Err(DeliveryError::Root { certified: certified.root(), found });
        }
        let certificate = pack(certified, certified.root(), keys).into();
        let call = ServiceManager::submitCall { results: outputs.iter().map(result).collect(), certificate };
        Ok(Self { call: Call::new(service.manager, call.abi_encode()) })
    }

    /// The veto of a task's pending result, made under the table of `keys`.
    pub fn veto(service: ServiceId, task: &Task, certified: &CertifiedVeto, keys: &KeyTable) -> Self {
        let certificate = pack(certified, certified.leaf(), keys).into();
        let key = if task.is_firing() { task.id(service).0.into() } else { U256::from(task.number) };
        let call = ServiceManager::vetoCall { key, certificate };
        Self { call: Call::new(service.manager, call.abi_encode()) }
    }

    /// The delivery of pending results that nobody has stopped, at most [`FINALIZED_MAX`].
    pub fn finalize(service: ServiceId, outputs: &[TaskOutput]) -> Self {
        let call = ServiceManager::finalizeCall { results: outputs.iter().map(result).collect() };
        Self { call: Call::new(service.manager, call.abi_encode()) }
    }

    /// The same with the gas that the service promises to each of its handlers, which saves the endpoint a search.
    pub fn promising(mut self, handler_gas: u32) -> Self {
        self.call.promised_gas = Some(handler_gas.into());
        self
    }

    /// Calldata of the call.
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
            task_digest: output.task.digest(service),
            component: output.component,
            chain_id: service.chain_id,
            handler: output.task.handler,
            payload: output.payload.clone(),
        };
        BatchEntry { task_id: output.task.id(service), leaf: result.leaf() }
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
