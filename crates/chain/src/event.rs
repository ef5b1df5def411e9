//! What a service's ServiceManager said, checked: a log becomes an event only when everything in it fits together. Whether the chain
//! keeps it is the reader's question.

use alloy::sol_types::SolEvent;
use serde::{Deserialize, Serialize};
use tandem_types::{
    Address, B256, BatchRoot, Epoch, ManifestHash, OperatorId, PerToken, ResultLeaf, ServiceId, SignerBitmap, Task,
    TaskBlock, TaskId, Weight, WorkflowId, keccak256,
};

use crate::bindings::{ConversionError, ServiceManager};
use crate::log::LogRecord;

/// Where an event stands on the chain. A reorganisation may move it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct EventPlace {
    /// Its block.
    pub block: TaskBlock,
    /// Its transaction.
    pub tx_hash: B256,
    /// Its position in the block.
    pub log_index: u64,
}

/// One event of a service, with its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlacedEvent {
    /// Where.
    pub place: EventPlace,
    /// What.
    pub event: ServiceEvent,
}

/// What happened on a service's ServiceManager.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ServiceEvent {
    /// A task was asked for. Its id was recomputed, and the input is the one it names.
    TaskCreated {
        /// Identity of the task.
        task_id: TaskId,
        /// What was asked.
        task: Task,
        /// Input of the component.
        input: Vec<u8>,
    },
    /// A task's result was delivered.
    TaskDelivered {
        /// The task.
        task_id: TaskId,
        /// Contract that was given it.
        handler: Address,
        /// Whether the handler took it.
        handled: bool,
    },
    /// A result in a batch was passed over.
    TaskSkipped {
        /// The task.
        task_id: TaskId,
        /// Why.
        reason: SkipReason,
    },
    /// A result was certified, and waits for vetoes.
    TaskPending {
        /// The task.
        task_id: TaskId,
        /// The result.
        leaf: ResultLeaf,
        /// First second (block time, Unix) in which it can be vetoed no more.
        until: u64,
    },
    /// A pending result was stopped for good.
    TaskVetoed {
        /// The task.
        task_id: TaskId,
        /// The result.
        leaf: ResultLeaf,
        /// Table that `signers` refers to.
        epoch: Epoch,
        /// External stake of those who vetoed.
        signed: Weight,
        /// External stake of all.
        total: Weight,
        /// Who vetoed, by position in the table.
        signers: SignerBitmap,
    },
    /// There is a new operator table.
    TableRefreshed {
        /// Its number.
        epoch: Epoch,
        /// Its operators, in order.
        operators: Vec<OperatorId>,
    },
    /// There is a new operator table, which is an earlier one with other weights.
    TableCorrected {
        /// Its number.
        epoch: Epoch,
        /// The table that it corrects.
        base: Epoch,
    },
    /// An operator's weight counts no more under a table.
    WeightRevoked {
        /// The table.
        epoch: Epoch,
        /// The operator.
        operator: OperatorId,
    },
    /// A manifest will be in force.
    ManifestAnnounced {
        /// Hash of its canonical JSON.
        manifest: ManifestHash,
        /// Where it can be had.
        uri: String,
        /// First block in which it is in force.
        activation_block: u64,
        /// Its workflows that deliver on this chain.
        workflows: Vec<Route>,
    },
    /// A batch was verified.
    CertificateVerified {
        /// Table that it was verified under.
        epoch: Epoch,
        /// Root of the batch.
        root: BatchRoot,
        /// Whether nothing can stop its results; if not, they wait for vetoes.
        is_final: bool,
        /// Stake of the signers.
        signed: PerToken<Weight>,
        /// Stake of all.
        total: PerToken<Weight>,
        /// Who signed, by position in the table.
        signers: SignerBitmap,
    },
}

/// Where the results of a manifest's workflow go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// The workflow.
    pub workflow: WorkflowId,
    /// Contract that receives its results.
    pub handler: Address,
    /// Whether it is fired by its own trigger, and not asked for.
    pub fires: bool,
}

/// Why a ServiceManager passed over a result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SkipReason {
    /// The task has its result already.
    Settled,
    /// Its deadline has passed.
    Expired,
    /// The service has no such task.
    Unknown,
    /// The result waits for vetoes.
    Waiting,
    /// Another result of the task waits for vetoes.
    Conflicting,
    /// The task's result was vetoed.
    Vetoed,
    /// No result of the task was certified.
    Uncertified,
}

impl SkipReason {
    /// In the contract's order.
    const ALL: [Self; 7] = [
        Self::Settled,
        Self::Expired,
        Self::Unknown,
        Self::Waiting,
        Self::Conflicting,
        Self::Vetoed,
        Self::Uncertified,
    ];
}

/// Why a log is no event. The chain never says such a thing: the endpoint does, or the contract is another one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// The log does not decode.
    #[error("the log does not decode: {0}")]
    Encoding(String),
    /// A value is none that Tandem knows.
    #[error(transparent)]
    Value(#[from] ConversionError),
    /// The task has another id.
    #[error("the log names task {named}, its content is task {found}")]
    TaskId {
        /// Id in the log's topic.
        named: TaskId,
        /// Id of its content.
        found: TaskId,
    },
    /// The input is not the one that the task names.
    #[error("the input's hash is {found}, the task names {named}")]
    Input {
        /// Hash in the task.
        named: B256,
        /// Hash of the input.
        found: B256,
    },
}

/// Verdicts, in the contract's order.
const VERDICT_PENDING: u8 = 1;
const VERDICT_FINAL: u8 = 2;

/// Topics of the events that are read.
pub(crate) fn kinds() -> Vec<B256> {
    vec![
        ServiceManager::TaskCreated::SIGNATURE_HASH,
        ServiceManager::TaskDelivered::SIGNATURE_HASH,
        ServiceManager::TaskSkipped::SIGNATURE_HASH,
        ServiceManager::TaskPending::SIGNATURE_HASH,
        ServiceManager::TaskVetoed::SIGNATURE_HASH,
        ServiceManager::TableRefreshed::SIGNATURE_HASH,
        ServiceManager::TableCorrected::SIGNATURE_HASH,
        ServiceManager::WeightRevoked::SIGNATURE_HASH,
        ServiceManager::ManifestAnnounced::SIGNATURE_HASH,
        ServiceManager::CertificateVerified::SIGNATURE_HASH,
    ]
}

/// `block_time` is the time of the log's block.
pub(crate) fn place(log: &LogRecord, block_time: u64) -> EventPlace {
    EventPlace {
        block: TaskBlock { number: log.block_number, hash: log.block_hash, time: block_time },
        tx_hash: log.tx_hash,
        log_index: log.log_index,
    }
}

/// Reads one log of `service`; none when it is of a kind that is not read.
pub(crate) fn decode(service: ServiceId, log: &LogRecord) -> Result<Option<ServiceEvent>, Rejection> {
    let event = match log.log.topics().first() {
        Some(&ServiceManager::TaskCreated::SIGNATURE_HASH) => task_created(service, log)?,
        Some(&ServiceManager::TaskDelivered::SIGNATURE_HASH) => task_delivered(log)?,
        Some(&ServiceManager::TaskSkipped::SIGNATURE_HASH) => task_skipped(log)?,
        Some(&ServiceManager::TaskPending::SIGNATURE_HASH) => task_pending(log)?,
        Some(&ServiceManager::TaskVetoed::SIGNATURE_HASH) => task_vetoed(log)?,
        Some(&ServiceManager::TableRefreshed::SIGNATURE_HASH) => table_refreshed(log)?,
        Some(&ServiceManager::TableCorrected::SIGNATURE_HASH) => table_corrected(log)?,
        Some(&ServiceManager::WeightRevoked::SIGNATURE_HASH) => weight_revoked(log)?,
        Some(&ServiceManager::ManifestAnnounced::SIGNATURE_HASH) => manifest_announced(log)?,
        Some(&ServiceManager::CertificateVerified::SIGNATURE_HASH) => certificate_verified(log)?,
        _ => return Ok(None),
    };
    Ok(Some(event))
}

pub(crate) fn raw<E: SolEvent>(log: &LogRecord) -> Result<E, Rejection> {
    E::decode_log_data_validate(log.data()).map_err(|error| Rejection::Encoding(error.to_string()))
}

fn task_created(service: ServiceId, log: &LogRecord) -> Result<ServiceEvent, Rejection> {
    let event: ServiceManager::TaskCreated = raw(log)?;
    let task = Task::try_from(event.task)?;
    let (named, found) = (TaskId(event.taskId), task.id(service));
    if named != found {
        return Err(Rejection::TaskId { named, found });
    }
    let hash = keccak256(&event.input);
    if hash != task.input_hash {
        return Err(Rejection::Input { named: task.input_hash, found: hash });
    }
    Ok(ServiceEvent::TaskCreated { task_id: found, task, input: event.input.into() })
}

fn task_delivered(log: &LogRecord) -> Result<ServiceEvent, Rejection> {
    let event: ServiceManager::TaskDelivered = raw(log)?;
    Ok(ServiceEvent::TaskDelivered { task_id: TaskId(event.taskId), handler: event.handler, handled: event.handled })
}

fn task_skipped(log: &LogRecord) -> Result<ServiceEvent, Rejection> {
    let event: ServiceManager::TaskSkipped = raw(log)?;
    let unknown = || Rejection::Encoding(format!("reason {}", event.reason));
    let reason = SkipReason::ALL.get(usize::from(event.reason)).copied().ok_or_else(unknown)?;
    Ok(ServiceEvent::TaskSkipped { task_id: TaskId(event.taskId), reason })
}

fn task_pending(log: &LogRecord) -> Result<ServiceEvent, Rejection> {
    let event: ServiceManager::TaskPending = raw(log)?;
    let (task_id, leaf) = (TaskId(event.taskId), ResultLeaf(event.leaf));
    Ok(ServiceEvent::TaskPending { task_id, leaf, until: event.until })
}

fn task_vetoed(log: &LogRecord) -> Result<ServiceEvent, Rejection> {
    let event: ServiceManager::TaskVetoed = raw(log)?;
    Ok(ServiceEvent::TaskVetoed {
        task_id: TaskId(event.taskId),
        leaf: ResultLeaf(event.leaf),
        epoch: Epoch(event.epoch),
        signed: weight(event.signedExternal),
        total: weight(event.totalExternal),
        signers: SignerBitmap::from_words(event.signers),
    })
}

fn table_refreshed(log: &LogRecord) -> Result<ServiceEvent, Rejection> {
    let event: ServiceManager::TableRefreshed = raw(log)?;
    let operators = event.operators.into_iter().map(OperatorId).collect();
    Ok(ServiceEvent::TableRefreshed { epoch: Epoch(event.epoch), operators })
}

fn table_corrected(log: &LogRecord) -> Result<ServiceEvent, Rejection> {
    let event: ServiceManager::TableCorrected = raw(log)?;
    Ok(ServiceEvent::TableCorrected { epoch: Epoch(event.epoch), base: Epoch(event.base) })
}

fn weight_revoked(log: &LogRecord) -> Result<ServiceEvent, Rejection> {
    let event: ServiceManager::WeightRevoked = raw(log)?;
    Ok(ServiceEvent::WeightRevoked { epoch: Epoch(event.epoch), operator: OperatorId(event.operator) })
}

fn manifest_announced(log: &LogRecord) -> Result<ServiceEvent, Rejection> {
    let event: ServiceManager::ManifestAnnounced = raw(log)?;
    let route = |workflow: ServiceManager::Workflow| {
        let name = WorkflowId::from_word(workflow.name)?;
        Ok(Route { workflow: name, handler: workflow.handler, fires: workflow.fires })
    };
    let workflows = event.workflows.into_iter().map(route).collect::<Result<_, ConversionError>>()?;
    Ok(ServiceEvent::ManifestAnnounced {
        workflows,
        manifest: ManifestHash(event.manifest),
        uri: event.uri,
        activation_block: event.activationBlock,
    })
}

fn certificate_verified(log: &LogRecord) -> Result<ServiceEvent, Rejection> {
    let event: ServiceManager::CertificateVerified = raw(log)?;
    let is_final = match event.verdict {
        VERDICT_PENDING => false,
        VERDICT_FINAL => true,
        other => return Err(Rejection::Encoding(format!("verdict {other}"))),
    };
    Ok(ServiceEvent::CertificateVerified {
        epoch: Epoch(event.epoch),
        root: BatchRoot(event.root),
        is_final,
        signed: PerToken { native: event.signedNative, external: event.signedExternal }.map(weight),
        total: PerToken { native: event.totalNative, external: event.totalExternal }.map(weight),
        signers: SignerBitmap::from_words(event.signers),
    })
}

/// A weight as contracts have it.
pub(crate) fn weight(units: alloy::primitives::Uint<96, 2>) -> Weight {
    Weight::new(units.to::<u128>()).expect("96 bits are a weight")
}
