//! What the HTTP API answers about tasks and peers, the same as `tandem operator` shows where no node runs.

use serde::Serialize;
use tandem_protocol::policy::percent;
use tandem_types::{
    B256, Batch, BatchRoot, Bytes, Certificate, ComponentDigest, Epoch, HttpFiring, OperatorId, PerToken, Requirement,
    ResultLeaf, TaskId, Weight, WorkflowId,
};

use crate::journal::{Outcome, PendingLeaf, Settlement, TaskCertificate, TaskCost, TaskLife, TaskRecord};
use crate::transport::PeerStats;

/// Where a task stands in the agreement of a node that runs.
#[derive(Debug, Clone, Default)]
pub struct TaskView {
    /// Weight that attested this operator's result, as far as this operator knows.
    pub attested: PerToken<Weight>,
    /// Weight of the whole table.
    pub total: PerToken<Weight>,
    /// Whether it is certified.
    pub is_certified: bool,
    /// The certificate, until the chain has it.
    pub certificate: Option<CertificatePage>,
}

/// All that a node says of a task.
#[derive(Debug, Serialize)]
pub struct TaskPage {
    task_id: TaskId,
    number: u64,
    workflow: String,
    deadline: u64,
    state: &'static str,
    requirement: Requirement,
    attested: PerToken<Weight>,
    total: PerToken<Weight>,
    attested_percent: PerToken<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    leaf: Option<String>,
    /// The result that waits for vetoes, or did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pending: Option<Pending>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tx_hash: Option<B256>,
    /// Whether it lies below the floor, so that this operator does not sign it.
    is_below_floor: bool,
    asked: Asked,
    times: Times,
    #[serde(skip_serializing_if = "Option::is_none")]
    result: Option<ResultPage>,
    #[serde(skip_serializing_if = "Option::is_none")]
    vote: Option<VotePage>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    vetoes: Vec<VetoPage>,
    #[serde(skip_serializing_if = "Option::is_none")]
    certificate: Option<TaskCertificate>,
    #[serde(skip_serializing_if = "Option::is_none")]
    delivery: Option<DeliveryPage>,
}

/// What a caller is told of a task that it started.
#[derive(Debug, Serialize)]
pub struct CallPage {
    task_id: TaskId,
    workflow: WorkflowId,
    /// `waiting` until the service's chain has a block for it, then as everywhere.
    state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    deadline: Option<u64>,
    /// This operator's result. It is the service's when it is certified.
    #[serde(skip_serializing_if = "Option::is_none")]
    result: Option<CallResult>,
    #[serde(skip_serializing_if = "Option::is_none")]
    certificate: Option<CertificatePage>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    /// The transaction that brought the result to the chain, with the certificate.
    #[serde(skip_serializing_if = "Option::is_none")]
    tx_hash: Option<B256>,
}

#[derive(Debug, Serialize)]
struct CallResult {
    component: ComponentDigest,
    leaf: ResultLeaf,
    payload: Bytes,
}

/// A certificate before it is on the chain: `root` is that of `leaves`, and what was signed.
#[derive(Debug, Clone, Serialize)]
pub struct CertificatePage {
    root: BatchRoot,
    leaves: Vec<ResultLeaf>,
    #[serde(flatten)]
    certificate: Certificate,
}

impl CertificatePage {
    pub(crate) fn new(batch: &Batch, certificate: &Certificate) -> Self {
        let leaves = batch.entries().iter().map(|entry| entry.leaf).collect();
        Self { root: batch.root(), leaves, certificate: certificate.clone() }
    }
}

impl CallPage {
    /// The page; `life` is none while the task has no anchor.
    pub(crate) fn new((task_id, firing): (TaskId, &HttpFiring), life: Option<&TaskLife>, view: TaskView) -> Self {
        let record = life.map(|life| &life.record);
        let outcome = record.and_then(|record| record.outcome.as_ref());
        let (result, error) = match outcome {
            Some(Outcome::Result { component, leaf, payload, .. }) => {
                (Some(CallResult { component: *component, leaf: *leaf, payload: payload.clone().into() }), None)
            }
            Some(Outcome::Failed { message, .. }) => (None, Some(message.clone())),
            None => (None, None),
        };
        let delivery = record.and_then(|record| delivery(record.settlement, None));
        Self {
            task_id,
            workflow: firing.workflow.clone(),
            state: record.map_or("waiting", |record| state(record, view.is_certified)),
            deadline: record.map(|record| record.recorded.task.deadline),
            result,
            certificate: view.certificate,
            error,
            tx_hash: delivery.map(|delivery| delivery.tx_hash),
        }
    }

    /// Whether nothing more can come of it.
    pub(crate) fn is_last(&self) -> bool {
        matches!(self.state, "delivered" | "vetoed" | "expired" | "skipped")
    }
}

/// A result that the chain keeps pending.
#[derive(Debug, Serialize)]
struct Pending {
    leaf: ResultLeaf,
    /// First second, in Unix time of the chain, in which it can be vetoed no more.
    until: u64,
}

/// What was asked, and where.
#[derive(Debug, Serialize)]
struct Asked {
    requester: tandem_types::Address,
    handler: tandem_types::Address,
    manifest: tandem_types::ManifestHash,
    input_bytes: usize,
    block: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    block_time: Option<u64>,
}

/// When what happened, in Unix seconds by this node's clock; what did not happen is left out.
#[derive(Debug, Serialize)]
struct Times {
    recorded: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    executed: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    voted: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    settled: Option<u64>,
}

/// What this node's execution came to.
#[derive(Debug, Serialize)]
struct ResultPage {
    component: ComponentDigest,
    leaf: ResultLeaf,
    payload_bytes: usize,
    fuel: u64,
    elapsed_ms: u64,
}

#[derive(Debug, Serialize)]
struct VotePage {
    epoch: Epoch,
    root: BatchRoot,
}

#[derive(Debug, Serialize)]
struct VetoPage {
    leaf: ResultLeaf,
    at: u64,
}

#[derive(Debug, Serialize)]
struct DeliveryPage {
    tx_hash: B256,
    block: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    handled: Option<bool>,
    /// What this node paid, if it was the one that delivered.
    #[serde(skip_serializing_if = "Option::is_none")]
    cost: Option<TaskCost>,
}

impl TaskPage {
    /// The page of a task; `view` is empty where no node runs.
    pub fn new(life: &TaskLife, view: TaskView) -> Self {
        let TaskLife { record, recorded_at, executed_at, vote, vetoes, settled_at, certificate, cost } = life;
        let task = &record.recorded.task;
        let error = match &record.outcome {
            Some(Outcome::Failed { message, .. }) => Some(message.clone()),
            _ => None,
        };
        let delivery = delivery(record.settlement, cost.clone());
        Self {
            task_id: record.recorded.task_id,
            number: task.number,
            workflow: task.workflow.to_string(),
            deadline: task.deadline,
            state: state(record, view.is_certified),
            requirement: task.requirement,
            attested: view.attested,
            total: view.total,
            attested_percent: view.attested.zip_with(view.total, percent),
            leaf: record.outcome.as_ref().and_then(Outcome::leaf).map(|leaf| leaf.to_string()),
            pending: record.pending.map(|PendingLeaf { leaf, until, .. }| Pending { leaf, until }),
            error,
            tx_hash: delivery.as_ref().map(|delivery| delivery.tx_hash),
            is_below_floor: record.is_below_floor,
            asked: asked(record),
            times: Times {
                recorded: *recorded_at,
                executed: *executed_at,
                voted: vote.and_then(|(at, _, _)| at),
                settled: *settled_at,
            },
            result: record.outcome.as_ref().and_then(result),
            vote: vote.map(|(_, epoch, root)| VotePage { epoch, root }),
            vetoes: vetoes.iter().map(|&(leaf, at)| VetoPage { leaf, at }).collect(),
            certificate: certificate.clone(),
            delivery,
        }
    }
}

fn asked(record: &TaskRecord) -> Asked {
    let recorded = &record.recorded;
    Asked {
        requester: recorded.task.requester,
        handler: recorded.task.handler,
        manifest: recorded.task.manifest,
        input_bytes: recorded.input.len(),
        block: recorded.block_number,
        block_time: recorded.block_time,
    }
}

fn result(outcome: &Outcome) -> Option<ResultPage> {
    match outcome {
        Outcome::Result { component, leaf, payload, fuel, elapsed_ms } => Some(ResultPage {
            component: *component,
            leaf: *leaf,
            payload_bytes: payload.len(),
            fuel: *fuel,
            elapsed_ms: *elapsed_ms,
        }),
        Outcome::Failed { .. } => None,
    }
}

fn delivery(settlement: Option<Settlement>, cost: Option<TaskCost>) -> Option<DeliveryPage> {
    match settlement? {
        Settlement::Delivered { tx_hash, block, handled } => {
            Some(DeliveryPage { tx_hash, block, handled: Some(handled), cost })
        }
        Settlement::Vetoed { tx_hash, block } => Some(DeliveryPage { tx_hash, block, handled: None, cost }),
        Settlement::Expired | Settlement::Skipped => None,
    }
}

fn state(record: &TaskRecord, is_certified: bool) -> &'static str {
    match (&record.settlement, &record.outcome) {
        (Some(Settlement::Delivered { .. }), _) => "delivered",
        (Some(Settlement::Vetoed { .. }), _) => "vetoed",
        (Some(Settlement::Expired), _) => "expired",
        (Some(Settlement::Skipped), _) => "skipped",
        (None, _) if record.pending.is_some() => "pending",
        (None, Some(_)) if is_certified => "certified",
        (None, Some(Outcome::Result { .. })) => "executed",
        (None, Some(Outcome::Failed { .. })) => "failed",
        (None, None) => "waiting",
    }
}

/// Another operator of the service, as this node sees it.
#[derive(Debug, Serialize)]
pub(crate) struct PeerPage {
    operator: OperatorId,
    address: String,
    /// Whether this node can send to it.
    connected: bool,
    /// Whether it can send to this node.
    accepted: bool,
    /// When `connected` last changed; none when it never was.
    since: Option<u64>,
    /// When its last message came.
    last_message: Option<u64>,
    /// Whether it is in the newest operator table.
    in_table: bool,
    queued: u64,
    sent: u64,
    received: u64,
    dropped: u64,
    dials_failed: u64,
}

impl PeerPage {
    pub(crate) fn new(stats: PeerStats, address: String, in_table: bool) -> Self {
        let known = |at: u64| (at > 0).then_some(at);
        Self {
            operator: stats.operator,
            address,
            connected: stats.connected,
            accepted: stats.accepted,
            since: known(stats.changed_at),
            last_message: known(stats.received_at),
            in_table,
            queued: stats.queued,
            sent: stats.sent,
            received: stats.received,
            dropped: stats.dropped,
            dials_failed: stats.dials_failed,
        }
    }
}
