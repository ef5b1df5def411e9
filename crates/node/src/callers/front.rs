//! Where callers reach the node: HTTP on an address of its own, which may face the internet. Callers send what they signed, and look at what comes of it
//! by asking again or by listening to events. Beside that, anybody may know which chains this operator reads. There is nothing else to see here, and nobody is known but by a signature.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{Path, Request, State};
use axum::http::{StatusCode, header};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use futures_util::stream::{self, Stream};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use serde::Serialize;
use serde_json::json;
use tandem_types::{B256, SignedFiring, TaskId};
use tokio::net::TcpListener;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use super::{Desk, Refusal};
use crate::agree::AgreeInput;
use crate::api::pages::{CallPage, TaskView};
use crate::journal::{Journal, JournalError};

/// Bytes of a request's body: the input in hexadecimal, and what is around it.
const BODY_BYTES_MAX: usize = 64 * 1024;
/// Time for a request's head, and again for its body.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);
/// Connections at a time, and how many of them may listen to events.
const CONNECTIONS_MAX: usize = 512;
const LISTENERS_MAX: usize = 256;
/// How long a connection is kept, be it ever so busy.
const CONNECTION_TIMEOUT: Duration = Duration::from_secs(15 * 60);
/// Time between two looks at a task that is listened to.
const LOOK: Duration = Duration::from_millis(200);

/// What the handlers use.
#[derive(Clone)]
pub(crate) struct Front {
    desk: Desk,
    journal: Journal,
    agree: mpsc::Sender<AgreeInput>,
    listeners: Arc<Semaphore>,
}

/// A task that was taken in.
#[derive(Debug, Serialize)]
struct Taken {
    task_id: TaskId,
    /// Where to ask what came of it.
    task: String,
    /// Where to listen to it.
    events: String,
}

impl Front {
    pub(crate) fn new(desk: Desk, journal: Journal, agree: mpsc::Sender<AgreeInput>) -> Self {
        Self { desk, journal, agree, listeners: Arc::new(Semaphore::new(LISTENERS_MAX)) }
    }

    fn router(self) -> Router {
        Router::new()
            .route("/v1/firings", post(fire))
            .route("/v1/chains", get(chains))
            .route("/v1/tasks/{id}", get(task))
            .route("/v1/tasks/{id}/events", get(events))
            .with_state(self)
    }

    /// Serves until it is told to stop.
    pub(crate) async fn serve(self, listener: TcpListener, stop: CancellationToken) {
        let (router, places) = (self.router(), Arc::new(Semaphore::new(CONNECTIONS_MAX)));
        let accepting = async {
            loop {
                let place = Arc::clone(&places).acquire_owned().await.expect("the semaphore is never closed");
                match listener.accept().await {
                    Ok((stream, _)) => {
                        tokio::spawn(stop.clone().run_until_cancelled_owned(connection(stream, router.clone(), place)));
                    }
                    Err(error) => {
                        // Out of file descriptors, or the other end has gone: neither gets better by asking at once.
                        tracing::debug!(%error, "a caller's connection was not accepted");
                        tokio::time::sleep(Duration::from_millis(50)).await;
                    }
                }
            }
        };
        stop.run_until_cancelled(accepting).await;
    }

    /// What a caller may know of its task; none for tasks that no caller started.
    async fn page(&self, task: TaskId) -> Result<Option<CallPage>, JournalError> {
        let Some(signed) = self.journal.signed_firing(task).await? else { return Ok(None) };
        let life = self.journal.life(task).await?;
        let (answer, view) = oneshot::channel();
        let view = match self.agree.send(AgreeInput::View(task, answer)).await {
            Ok(()) => view.await.unwrap_or_default(),
            Err(_) => TaskView::default(),
        };
        Ok(Some(CallPage::new((task, &signed.firing), life.as_ref(), view)))
    }
}

/// One connection, with bounds on all that it may take.
async fn connection(stream: tokio::net::TcpStream, router: Router, _place: OwnedSemaphorePermit) {
    let mut http = hyper::server::conn::http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(REQUEST_TIMEOUT).max_headers(64).max_buf_size(16 * 1024);
    let serving = http.serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
    if let Ok(Err(error)) = tokio::time::timeout(CONNECTION_TIMEOUT, serving).await {
        tracing::debug!(%error, "a caller's connection broke");
    }
}

async fn fire(State(front): State<Front>, request: Request) -> Response {
    let signed = match read(request.into_body()).await {
        Ok(signed) => signed,
        Err(refused) => return refused,
    };
    match front.desk.take_in(signed).await {
        Ok((task_id, is_new)) => {
            let code = if is_new { StatusCode::ACCEPTED } else { StatusCode::OK };
            let task = format!("/v1/tasks/{task_id}");
            let location = [(header::LOCATION, task.clone())];
            (code, location, Json(Taken { task_id, events: format!("{task}/events"), task })).into_response()
        }
        Err(refusal) => problem(code(&refusal), &said(&refusal)),
    }
}

async fn read(body: Body) -> Result<SignedFiring, Response> {
    let bytes = tokio::time::timeout(REQUEST_TIMEOUT, axum::body::to_bytes(body, BODY_BYTES_MAX)).await;
    let bytes = match bytes {
        Ok(Ok(bytes)) => bytes,
        Ok(Err(_)) => {
            return Err(problem(StatusCode::PAYLOAD_TOO_LARGE, "the body did not come whole, or has more than 64 KiB"));
        }
        Err(_) => return Err(problem(StatusCode::REQUEST_TIMEOUT, "the body took too long")),
    };
    serde_json::from_slice(&bytes)
        .map_err(|error| problem(StatusCode::BAD_REQUEST, &format!("the body is not what a caller signs: {error}")))
}

fn code(refusal: &Refusal) -> StatusCode {
    match refusal {
        Refusal::Workflow(_) => StatusCode::NOT_FOUND,
        Refusal::Caller(_) => StatusCode::FORBIDDEN,
        Refusal::Signature(_) => StatusCode::UNAUTHORIZED,
        Refusal::Time { .. } => StatusCode::UNPROCESSABLE_ENTITY,
        Refusal::Input(_) => StatusCode::PAYLOAD_TOO_LARGE,
        Refusal::Key(_) => StatusCode::CONFLICT,
        Refusal::TooMany => StatusCode::TOO_MANY_REQUESTS,
        Refusal::Journal(_) => StatusCode::SERVICE_UNAVAILABLE,
    }
}

fn said(refusal: &Refusal) -> String {
    if let Refusal::Journal(error) = refusal {
        tracing::warn!(%error, "the journal does not answer a caller");
    }
    refusal.to_string()
}

/// Which chains this operator reads, so that the author of a service knows whether its triggers can be served.
async fn chains(State(front): State<Front>) -> Response {
    let (service, operator, chains) = front.desk.reads();
    Json(json!({ "service": service, "operator": operator, "chains": chains })).into_response()
}

async fn task(State(front): State<Front>, Path(id): Path<String>) -> Response {
    let Ok(id) = id.parse::<B256>() else { return no_such_task() };
    match front.page(TaskId(id)).await {
        Ok(Some(page)) => Json(page).into_response(),
        Ok(None) => no_such_task(),
        Err(error) => unavailable(&error),
    }
}

/// The task's page whenever it is another one, until nothing more can come of it.
async fn events(State(front): State<Front>, Path(id): Path<String>) -> Response {
    let Ok(id) = id.parse::<B256>() else { return no_such_task() };
    match front.page(TaskId(id)).await {
        Ok(Some(_)) => {}
        Ok(None) => return no_such_task(),
        Err(error) => return unavailable(&error),
    }
    let Ok(place) = Arc::clone(&front.listeners).try_acquire_owned() else {
        return problem(StatusCode::SERVICE_UNAVAILABLE, "too many are listening: ask for the task instead");
    };
    Sse::new(pages(front, TaskId(id), place)).keep_alive(KeepAlive::default()).into_response()
}

fn pages(
    front: Front,
    task: TaskId,
    place: OwnedSemaphorePermit,
) -> impl Stream<Item = Result<Event, Infallible>> + use<> {
    stream::unfold(Some((front, place, String::new())), move |state| async move {
        let (front, place, told) = state?;
        loop {
            let page = front.page(task).await.ok()??;
            let text = serde_json::to_string(&page).ok()?;
            if text != told {
                let next = (!page.is_last()).then(|| (front, place, text.clone()));
                return Some((Ok(Event::default().event("task").data(text)), next));
            }
            tokio::time::sleep(LOOK).await;
        }
    })
}

fn no_such_task() -> Response {
    problem(StatusCode::NOT_FOUND, "this node knows no such task of a caller, or has forgotten it")
}

fn unavailable(error: &JournalError) -> Response {
    tracing::warn!(%error, "the journal does not answer a caller");
    problem(StatusCode::SERVICE_UNAVAILABLE, "the journal does not answer")
}

fn problem(code: StatusCode, message: &str) -> Response {
    (code, Json(json!({ "error": message }))).into_response()
}
