//! The node's HTTP side: health, metrics, and what people want to know of the node, its tasks and its peers. It reads and never writes, has no
//! authentication, and belongs on a private address.

mod eigen;
pub mod pages;

use axum::extract::{Path, RawQuery, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde::Serialize;
use serde_json::json;
use tandem_types::{B256, TaskId, WorkflowId};
use tokio::sync::{mpsc, oneshot};

use crate::agree::AgreeInput;
use crate::clock;
use crate::journal::{Floor, Journal, JournalError, TASK_STATES, TASKS_MAX, TaskCounts, TaskQuery};
use crate::metrics::Metrics;
use crate::progress::Follows;
use crate::status::{Status, StatusPage};
use crate::transport::Transport;
use pages::{PeerPage, TaskPage, TaskView};

/// Tasks that a list has when nobody says how many.
const TASKS_DEFAULT: usize = 50;

const STATES: &str = "a state is open, waiting, executed, failed, pending, delivered, vetoed, expired or skipped";
const LIMITS: &str = "a limit is 1 to 1000";

/// What the handlers read from.
#[derive(Clone)]
pub(crate) struct Api {
    pub(crate) status: Status,
    pub(crate) journal: Journal,
    pub(crate) agree: mpsc::Sender<AgreeInput>,
    pub(crate) metrics: Metrics,
    pub(crate) transport: Transport,
}

/// The answer of `/v1/status`.
#[derive(Debug, Serialize)]
struct WholeStatus {
    #[serde(flatten)]
    page: StatusPage,
    tasks: TaskCounts,
    floor: Option<Floor>,
}

impl Api {
    pub(crate) fn router(self) -> Router {
        Router::new()
            .route("/metrics", get(metrics))
            .route("/livez", get(live))
            .route("/readyz", get(health))
            .route("/healthz", get(health))
            .route("/v1/status", get(status))
            .route("/v1/tasks", get(tasks))
            .route("/v1/tasks/{id}", get(task))
            .route("/v1/peers", get(peers))
            .route("/eigen/node", get(eigen::node))
            .route("/eigen/node/health", get(eigen::health))
            .route("/eigen/node/services", get(eigen::services))
            .route("/eigen/node/services/{id}/health", get(eigen::service_health))
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
    api.metrics.healthy.set(u64::from(api.status.problems(clock::now()).is_empty()));
    api.metrics.head.set(api.status.head());
    let readings = api.status.readings(clock::now()).into_iter();
    let triggers = readings.filter(|reading| reading.follows == Follows::Triggers);
    api.metrics.set_triggers(triggers.map(|reading| (reading.chain_id, reading.block, reading.head)));
    api.status.endpoints().iter().for_each(|chain| api.metrics.set_endpoints(chain));
    match (api.journal.counts().await, api.journal.floor().await) {
        (Ok(counts), Ok(floor)) => {
            api.metrics.set_open(counts);
            api.metrics.floor.set(floor.unwrap_or_default().number);
        }
        (Err(error), _) | (_, Err(error)) => tracing::warn!(%error, "the journal does not count its tasks"),
    }
    let content_type = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    ([(header::CONTENT_TYPE, content_type)], api.metrics.encode()).into_response()
}

/// Whether the process should go on: it should, unless its journal is no more.
async fn live(State(api): State<Api>) -> Response {
    match api.journal.floor().await {
        Ok(_) => Json(json!({ "live": true })).into_response(),
        Err(error) => unavailable(&error),
    }
}

/// Whether the node serves.
async fn health(State(api): State<Api>) -> Response {
    let problems = api.status.problems(clock::now());
    let code = if problems.is_empty() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let page = json!({ "healthy": problems.is_empty(), "problems": problems, "warnings": api.status.warnings() });
    (code, Json(page)).into_response()
}

async fn status(State(api): State<Api>) -> Response {
    let connected = api.transport.stats().peers.iter().filter(|peer| peer.connected && peer.accepted).count();
    match (api.journal.counts().await, api.journal.floor().await) {
        (Ok(tasks), Ok(floor)) => {
            Json(WholeStatus { page: api.status.page(clock::now(), connected), tasks, floor }).into_response()
        }
        (Err(error), _) | (_, Err(error)) => unavailable(&error),
    }
}

async fn tasks(State(api): State<Api>, RawQuery(query): RawQuery) -> Response {
    let query = match task_query(query.as_deref().unwrap_or_default()) {
        Ok(query) => query,
        Err(refusal) => return problem(StatusCode::BAD_REQUEST, refusal),
    };
    match api.journal.tasks(query).await {
        Ok(tasks) => Json(json!({ "tasks": tasks })).into_response(),
        Err(error) => unavailable(&error),
    }
}

/// What `?state=…&workflow=…&since=…&limit=…` asks for.
fn task_query(text: &str) -> Result<TaskQuery, &'static str> {
    let mut query = TaskQuery { limit: TASKS_DEFAULT, ..TaskQuery::default() };
    for (name, value) in url::form_urlencoded::parse(text.as_bytes()) {
        match &*name {
            "state" if value == "open" || TASK_STATES.contains(&&*value) => query.state = Some(value.into_owned()),
            "state" => return Err(STATES),
            "workflow" => {
                let workflow = value.parse::<WorkflowId>();
                query.workflow = Some(workflow.map_err(|_| "a workflow's name is 1 to 32 of a-z, 0-9 and -")?);
            }
            "since" => query.since = value.parse().map_err(|_| "since is a Unix time in seconds")?,
            "limit" => {
                query.limit = value.parse().ok().filter(|limit| (1..=TASKS_MAX).contains(limit)).ok_or(LIMITS)?
            }
            _ => return Err("a list is asked for by state, workflow, since and limit"),
        }
    }
    Ok(query)
}

/// By identity, or by number.
async fn task(State(api): State<Api>, Path(id): Path<String>) -> Response {
    let found = match (id.parse::<B256>(), id.parse::<u64>()) {
        (Ok(id), _) => Ok(Some(TaskId(id))),
        (_, Ok(number)) => api.journal.numbered(number).await.map(|tasks| tasks.last().copied()),
        _ => return problem(StatusCode::BAD_REQUEST, "a task is its number, or its id: 0x and 64 hexadecimal digits"),
    };
    let life = match found {
        Ok(Some(id)) => api.journal.life(id).await,
        Ok(None) => Ok(None),
        Err(error) => Err(error),
    };
    match life {
        Ok(Some(life)) => {
            let view = api.view(life.record.recorded.task_id).await;
            Json(TaskPage::new(&life, view)).into_response()
        }
        Ok(None) => problem(StatusCode::NOT_FOUND, "this node has not seen the task, or has forgotten it"),
        Err(error) => unavailable(&error),
    }
}

async fn peers(State(api): State<Api>) -> Response {
    let mut addresses = api.transport.addresses();
    let peers = api.transport.stats().peers.into_iter().map(|stats| {
        let address = addresses.remove(&stats.operator).unwrap_or_default();
        PeerPage::new(stats, address, api.status.is_member(stats.operator))
    });
    Json(json!({ "peers": peers.collect::<Vec<_>>() })).into_response()
}

fn unavailable(error: &JournalError) -> Response {
    tracing::warn!(%error, "the journal does not answer the HTTP API");
    problem(StatusCode::SERVICE_UNAVAILABLE, "the journal does not answer")
}

fn problem(code: StatusCode, message: &'static str) -> Response {
    (code, Json(json!({ "error": message }))).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_asked_for_by_known_words_only() {
        let query = task_query("state=open&workflow=score&since=7&limit=1000").expect("all are known");
        let workflow = Some("score".parse().expect("a name"));
        assert_eq!(query, TaskQuery { state: Some("open".to_owned()), workflow, since: 7, limit: TASKS_MAX });
        assert_eq!(task_query("").map(|query| query.limit), Ok(TASKS_DEFAULT));
        for text in ["state=lost", "workflow=A%20B", "since=-1", "limit=0", "limit=1001", "limit=x", "sate=open"] {
            assert!(task_query(text).is_err(), "{text}");
        }
    }

    #[test]
    fn refusals_name_the_bounds_that_hold() {
        assert!(TASK_STATES.iter().all(|state| STATES.contains(state)) && LIMITS.contains(&TASKS_MAX.to_string()));
    }
}
