//! Traces of tasks for a collector of the operator's own, as OTLP over HTTP in JSON. All operators give a task the same trace, that of its id, without a word to each other; what one of
//! them did for it lies below the span in which it first heard of the task. Nothing waits for the collector: what it does not take in time is dropped and counted.

use std::sync::Arc;
use std::time::{Duration, Instant};

use prometheus_client::metrics::counter::Counter;
use reqwest::{Client, header, redirect};
use rustls::{ClientConfig, RootCertStore};
use serde_json::{Value as Json, json};
use tandem_types::{OperatorId, ServiceId, TaskId, keccak256};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use url::Url;

use crate::chains::SecretUrl;
use crate::clock;
use crate::metrics::Metrics;

/// Spans that may wait for the collector; more are dropped.
const SPANS_WAITING_MAX: usize = 4_096;
/// Spans of one request.
const BATCH_MAX: usize = 512;
/// How long spans are gathered for one request.
const GATHER: Duration = Duration::from_millis(500);
/// How long the collector has to answer, and how long when the node ends.
const PATIENCE: (Duration, Duration) = (Duration::from_secs(10), Duration::from_secs(2));
/// The first pause after a failure, and the longest.
const PAUSES: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(30));
/// Time between two warnings.
const WARN_EVERY: Duration = Duration::from_secs(600);

/// Nanoseconds of Unix time.
type Nanos = u128;

/// What happened to a task at one operator, by the name of its span.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    /// It was found on the chain, or it fired: the span above all others of this operator.
    Seen,
    /// Its component ran.
    Executed,
    /// The vote for a batch with it is in the journal and signed.
    Voted,
    /// A quorum signed, and it is this operator's turn to deliver.
    Certified,
    /// This operator's transaction with it ended.
    Submitted,
    /// The chain says that it is delivered.
    Delivered,
    /// The chain says that its result waits for vetoes.
    Pending,
    /// The chain says that it was vetoed.
    Vetoed,
    /// Its time is over.
    Expired,
}

impl Stage {
    fn name(self) -> &'static str {
        match self {
            Self::Seen => "seen",
            Self::Executed => "executed",
            Self::Voted => "voted",
            Self::Certified => "certified",
            Self::Submitted => "submitted",
            Self::Delivered => "delivered",
            Self::Pending => "pending",
            Self::Vetoed => "vetoed",
            Self::Expired => "expired",
        }
    }
}

/// What a span says besides its name and times.
pub(crate) type Details = Vec<(&'static str, String)>;

/// One span.
#[derive(Debug, Clone)]
struct Span {
    task: TaskId,
    stage: Stage,
    began: Nanos,
    ended: Nanos,
    details: Details,
    /// Why it did not come to what it was for.
    failure: Option<String>,
}

/// Where spans are handed in; cheap to clone, and nothing at all when there is no collector.
#[derive(Debug, Clone, Default)]
pub(crate) struct Traces(Option<Arc<Intake>>);

#[derive(Debug)]
struct Intake {
    spans: mpsc::Sender<Span>,
    dropped: Counter,
}

impl Traces {
    /// When something begins that [`since`](Self::since) is to tell of.
    pub(crate) fn begin(&self) -> Nanos {
        if self.0.is_some() { clock::nanos() } else { 0 }
    }

    /// It happened now.
    pub(crate) fn event(&self, task: TaskId, stage: Stage, details: impl FnOnce() -> Details) {
        self.since(self.begin(), (task, stage), || (details(), None));
    }

    /// It began then and ended now; with why it failed, if it did.
    pub(crate) fn since(
        &self,
        began: Nanos,
        (task, stage): (TaskId, Stage),
        says: impl FnOnce() -> (Details, Option<String>),
    ) {
        let Some(intake) = &self.0 else { return };
        let (details, failure) = says();
        let span = Span { task, stage, began, ended: clock::nanos().max(began), details, failure };
        if intake.spans.try_send(span).is_err() {
            intake.dropped.inc();
        }
    }
}

/// Why a batch was not taken.
#[derive(Debug, thiserror::Error)]
enum ExportError {
    #[error("it cannot be reached: {0}")]
    Unreachable(String),
    #[error("it answers {0}")]
    Status(u16),
}

impl ExportError {
    /// Whether the same batch may be taken later, as the protocol has it.
    fn is_retryable(&self) -> bool {
        match self {
            Self::Unreachable(_) => true,
            Self::Status(status) => matches!(status, 429 | 502 | 503 | 504),
        }
    }
}

/// A collector that is not asked yet.
pub(crate) struct Collector {
    client: Client,
    traces: Url,
    /// Host and port, without what the URL keeps secret.
    shown: SecretUrl,
}

impl Collector {
    /// The collector whose base URL that is.
    ///
    /// # Errors
    /// When TLS cannot be set up.
    pub(crate) fn at(endpoint: &SecretUrl) -> Result<Self, reqwest::Error> {
        let mut traces = endpoint.0.clone();
        traces.set_path(&format!("{}/v1/traces", traces.path().trim_end_matches('/')));
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let tls = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("ring has the default versions")
            .with_root_certificates(RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() })
            .with_no_client_auth();
        let client = Client::builder()
            .tls_backend_preconfigured(tls)
            .redirect(redirect::Policy::none())
            .no_proxy()
            .referer(false)
            .timeout(PATIENCE.0)
            .user_agent(concat!("tandem/", env!("CARGO_PKG_VERSION")))
            .build()?;
        Ok(Self { client, traces, shown: endpoint.clone() })
    }
}

/// Brings spans to the collector.
pub(crate) struct Exporter {
    collector: Collector,
    service: ServiceId,
    operator: OperatorId,
    metrics: Metrics,
    spans: mpsc::Receiver<Span>,
    /// What is on its way.
    batch: Vec<Span>,
    warned: Option<Instant>,
}

impl Exporter {
    /// The exporter, and where it is handed spans.
    pub(crate) fn new(
        collector: Collector,
        (service, operator): (ServiceId, OperatorId),
        metrics: Metrics,
    ) -> (Traces, Self) {
        let (sender, spans) = mpsc::channel(SPANS_WAITING_MAX);
        let intake = Intake { spans: sender, dropped: metrics.spans_dropped.clone() };
        let exporter = Self { collector, service, operator, metrics, spans, batch: Vec::new(), warned: None };
        (Traces(Some(Arc::new(intake))), exporter)
    }

    /// Forwards until it is told to stop; then once more, if the collector answers soon.
    pub(crate) async fn run(mut self, stop: CancellationToken) {
        stop.run_until_cancelled(self.forward()).await;
        self.fill();
        if !self.batch.is_empty() && !matches!(tokio::time::timeout(PATIENCE.1, self.post()).await, Ok(Ok(()))) {
            tracing::debug!(spans = self.batch.len(), "the last spans are dropped");
        }
    }

    async fn forward(&mut self) {
        let mut pause = PAUSES.0;
        loop {
            if self.batch.is_empty() {
                let Some(first) = self.spans.recv().await else { return };
                self.batch.push(first);
                tokio::time::sleep(GATHER).await;
                self.fill();
            }
            match self.post().await {
                Ok(()) => {
                    self.metrics.spans.inc_by(self.batch.len() as u64);
                    self.batch.clear();
                    pause = PAUSES.0;
                }
                Err(error) => {
                    self.failed(&error);
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(PAUSES.1);
                }
            }
        }
    }

    /// Takes what waits, as much as one request bears.
    fn fill(&mut self) {
        while self.batch.len() < BATCH_MAX
            && let Ok(span) = self.spans.try_recv()
        {
            self.batch.push(span);
        }
    }

    fn failed(&mut self, error: &ExportError) {
        if !error.is_retryable() {
            self.metrics.spans_dropped.inc_by(self.batch.len() as u64);
            self.batch.clear();
        }
        if self.warned.is_none_or(|at| at.elapsed() >= WARN_EVERY) {
            self.warned = Some(Instant::now());
            tracing::warn!(collector = ?self.collector.shown, %error, "the collector does not take traces; tasks do not wait for it");
        }
    }

    async fn post(&self) -> Result<(), ExportError> {
        let body = page((self.service, self.operator), &self.batch).to_string();
        let request = self.collector.client.post(self.collector.traces.clone());
        let request = request.header(header::CONTENT_TYPE, "application/json").body(body);
        let answer = request.send().await.map_err(|error| ExportError::Unreachable(error.without_url().to_string()))?;
        if answer.status().is_success() { Ok(()) } else { Err(ExportError::Status(answer.status().as_u16())) }
    }
}

/// A request of the protocol: `ExportTraceServiceRequest` in its JSON form.
fn page((service, operator): (ServiceId, OperatorId), spans: &[Span]) -> Json {
    let resource = [
        ("service.name", "tandem-operator".to_owned()),
        ("service.namespace", service.to_string()),
        ("service.instance.id", operator.to_string()),
        ("service.version", env!("CARGO_PKG_VERSION").to_owned()),
    ];
    json!({ "resourceSpans": [{
        "resource": { "attributes": attributes(&resource) },
        "scopeSpans": [{
            "scope": { "name": "tandem" },
            "spans": spans.iter().map(|span| span.json(operator)).collect::<Vec<_>>(),
        }],
    }] })
}

fn attributes(pairs: &[(&'static str, String)]) -> Vec<Json> {
    pairs.iter().map(|(key, value)| json!({ "key": key, "value": { "stringValue": value } })).collect()
}

fn lower_hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

impl Span {
    fn json(&self, operator: OperatorId) -> Json {
        let mut details = vec![("tandem.task", self.task.to_string())];
        details.extend(self.details.iter().cloned());
        let mut span = json!({
            "traceId": lower_hex(&self.task.0[..16]),
            "spanId": self.id(operator),
            "name": self.stage.name(),
            // SPAN_KIND_INTERNAL
            "kind": 1,
            "startTimeUnixNano": self.began.to_string(),
            "endTimeUnixNano": self.ended.to_string(),
            "attributes": attributes(&details),
        });
        if self.stage != Stage::Seen {
            span["parentSpanId"] = root(self.task, operator).into();
        }
        if let Some(failure) = &self.failure {
            // STATUS_CODE_ERROR
            span["status"] = json!({ "code": 2, "message": failure });
        }
        span
    }

    fn id(&self, operator: OperatorId) -> String {
        if self.stage == Stage::Seen {
            return root(self.task, operator);
        }
        let (began, name) = (self.began.to_be_bytes(), self.stage.name().as_bytes());
        identify(&[self.task.0.as_slice(), operator.0.as_slice(), name, &began])
    }
}

/// The span above all others of an operator for a task: known before and after a restart.
fn root(task: TaskId, operator: OperatorId) -> String {
    identify(&[task.0.as_slice(), operator.0.as_slice()])
}

fn identify(parts: &[&[u8]]) -> String {
    lower_hex(&keccak256(parts.concat())[..8])
}

#[cfg(test)]
#[path = "telemetry_tests.rs"]
mod tests;
