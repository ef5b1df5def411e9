//! The node's HTTP side: `/metrics`, `/healthz`, `/v1/status` and `/v1/tasks/{id}`. It reads and never writes, has no authentication, and
//! belongs on a private address.

use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde::Serialize;
use tandem_protocol::policy::percent;
use tandem_types::{B256, PerToken, Requirement, ResultLeaf, TaskId, Weight};
use tokio::sync::{mpsc, oneshot};

use crate::agree::{AgreeInput, TaskView};
use crate::clock;
use crate::journal::{Journal, JournalError, Outcome, PendingLeaf, Settlement, TaskRecord};
use crate::metrics::Metrics;
use crate::status::Status;
use crate::transport::Transport;

/// What the handlers read from.
#[derive(Clone)]
pub(crate) struct Api {
    pub(crate) status: Status,
    pub(crate) journal: Journal,
    pub(crate) agree: mpsc::Sender<AgreeInput>,
    pub(crate) metrics: Metrics,
    pub(crate) transport: Transport,
}

/// The answer of `/v1/tasks/{id}`.
#[derive(Debug, Serialize)]
struct TaskPage {
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
}

/// A result that the chain keeps pending.
#[derive(Debug, Serialize)]
struct Pending {
    leaf: ResultLeaf,
    /// First second, in Unix time of the chain, in which it can be vetoed no more.
    until: u64,
}

impl Api {
    pub(crate) fn router(self) -> Router {
        Router::new()
            .route("/metrics", get(metrics))
            .route("/healthz", get(health))
            .route("/v1/status", get(status))
            .route("/v1/tasks/{id}", get(task))
            .with_state(self)
    }

    async fn view(&self, task: TaskId) -> TaskView {
        let (answer, view) = oneshot::channel();
        if self.agree.send(AgreeInput::View(task, answer)).await.is_err() {
            return TaskView::default();
        }
        view.await.unwrap_or_default()
    }
}

async fn metrics(State(api): State<Api>) -> Response {
    let connected = api.transport.stats().peers.iter().filter(|peer| peer.connected).count();
    api.metrics.peers_connected.set(connected as u64);
    match api.journal.counts().await {
        Ok(counts) => _ = api.metrics.pending.set(counts.pending),
        Err(error) => tracing::warn!(%error, "the journal does not count its tasks"),
    }
    let content_type = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    ([(header::CONTENT_TYPE, content_type)], api.metrics.encode()).into_response()
}

async fn health(State(api): State<Api>) -> Response {
    let problems = api.status.problems(clock::now());
    let code = if problems.is_empty() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (code, Json(serde_json::json!({ "healthy": problems.is_empty(), "problems": problems }))).into_response()
}

async fn status(State(api): State<Api>) -> Response {
    let connected = api.transport.stats().peers.iter().filter(|peer| peer.connected && peer.accepted).count();
    Json(api.status.page(clock::now(), connected)).into_response()
}

async fn task(State(api): State<Api>, Path(id): Path<String>) -> Response {
    let Ok(id) = id.parse::<B256>().map(TaskId) else {
        return problem(StatusCode::BAD_REQUEST, "a task id is 0x and 64 hexadecimal digits");
    };
    match api.journal.task(id).await {
        Ok(Some(record)) => {
            let view = api.view(id).await;
            Json(TaskPage::new(&record, view)).into_response()
        }
        Ok(None) => problem(StatusCode::NOT_FOUND, "this node has not seen the task"),
        Err(error) => unavailable(&error),
    }
}

fn unavailable(error: &JournalError) -> Response {
    tracing::warn!(%error, "the journal does not answer the HTTP API");
    problem(StatusCode::SERVICE_UNAVAILABLE, "the journal does not answer")
}

fn problem(code: StatusCode, message: &'static str) -> Response {
    (code, Json(serde_json::json!({ "error": message }))).into_response()
}

impl TaskPage {
    fn new(record: &TaskRecord, view: TaskView) -> Self {
        let task = &record.recorded.task;
        let (leaf, error) = match &record.outcome {
            Some(Outcome::Result { leaf, .. }) => (Some(leaf.to_string()), None),
            Some(Outcome::Failed { message, .. }) => (None, Some(message.clone())),
            None => (None, None),
        };
        let tx_hash = match record.settlement {
            Some(Settlement::Delivered { tx_hash, .. } | Settlement::Vetoed { tx_hash, .. }) => Some(tx_hash),
            _ => None,
        };
        Self {
            task_id: record.recorded.task_id,
            number: task.number,
            workflow: task.workflow.to_string(),
            deadline: task.deadline,
            state: state(record, view),
            requirement: task.requirement,
            attested: view.attested,
            total: view.total,
            attested_percent: view.attested.zip_with(view.total, percent),
            leaf,
            pending: record.pending.map(|PendingLeaf { leaf, until }| Pending { leaf, until }),
            error,
            tx_hash,
        }
    }
}

fn state(record: &TaskRecord, view: TaskView) -> &'static str {
    match (&record.settlement, &record.outcome) {
        (Some(Settlement::Delivered { .. }), _) => "delivered",
        (Some(Settlement::Vetoed { .. }), _) => "vetoed",
        (Some(Settlement::Expired), _) => "expired",
        (Some(Settlement::Skipped), _) => "skipped",
        (None, _) if record.pending.is_some() => "pending",
        (None, Some(_)) if view.is_certified => "certified",
        (None, Some(Outcome::Result { .. })) => "executed",
        (None, Some(Outcome::Failed { .. })) => "failed",
        (None, None) => "waiting",
    }
}
