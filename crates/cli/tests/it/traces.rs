//! What a collector is told of one task, by real operators; and that nobody waits for it.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::routing::post;
use serde_json::Value;
use tandem_cli::boxscore;
use tandem_cli::local::{Network, Options};
use tandem_node::chains::SecretUrl;
use tandem_node::config::TelemetryConfig;
use tandem_types::TaskId;
use tokio::net::TcpListener;

use crate::network::{PATIENCE, delivered, options, start};

/// A span, as far as it matters here.
#[derive(Debug, Clone)]
struct Span {
    operator: String,
    name: String,
    id: String,
    parent: Option<String>,
    trace: String,
    times: (u128, u128),
}

/// Takes what it is sent.
#[derive(Clone, Default)]
struct Collector(Arc<Mutex<Vec<Span>>>);

impl Collector {
    async fn serve(&self) -> SocketAddr {
        let (listener, address) = listen().await;
        let collector = self.clone();
        let take = move |body: String| {
            collector.take(&serde_json::from_str(&body).expect("it is JSON"));
            std::future::ready("{}")
        };
        let router = Router::new().route("/v1/traces", post(take));
        tokio::spawn(async move { axum::serve(listener, router).await });
        address
    }

    fn take(&self, page: &Value) {
        for of in page["resourceSpans"].as_array().expect("a list") {
            let resource = of["resource"]["attributes"].as_array().expect("a list");
            let operator = resource.iter().find(|pair| pair["key"] == "service.instance.id").expect("who speaks");
            let operator = text(&operator["value"]["stringValue"]);
            let spans = of["scopeSpans"][0]["spans"].as_array().expect("a list");
            self.0.lock().expect("no test panics here").extend(spans.iter().map(|span| Span {
                operator: operator.clone(),
                name: text(&span["name"]),
                id: text(&span["spanId"]),
                parent: span["parentSpanId"].as_str().map(str::to_owned),
                trace: text(&span["traceId"]),
                times: (time(&span["startTimeUnixNano"]), time(&span["endTimeUnixNano"])),
            }));
        }
    }

    /// The spans of a task, by operator.
    fn of(&self, task: TaskId) -> BTreeMap<String, Vec<Span>> {
        let trace = hex::encode(&task.0[..16]);
        let mut operators: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for span in self.0.lock().expect("no test panics here").iter().filter(|span| span.trace == trace) {
            operators.entry(span.operator.clone()).or_default().push(span.clone());
        }
        operators
    }
}

fn text(value: &Value) -> String {
    value.as_str().expect("text").to_owned()
}

fn time(value: &Value) -> u128 {
    text(value).parse().expect("nanoseconds as a decimal number")
}

async fn listen() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("there is a port");
    let address = listener.local_addr().expect("it is bound");
    (listener, address)
}

fn telling(address: SocketAddr, options: Options) -> Options {
    let endpoint = SecretUrl(format!("http://{address}").parse().expect("a URL"));
    Options { telemetry: TelemetryConfig { otlp_endpoint: Some(endpoint) }, ..options }
}

/// When the first span of that name began and ended.
fn of_name(spans: &[Span], name: &str) -> (u128, u128) {
    let times = spans.iter().filter(|span| span.name == name).map(|span| span.times).min();
    times.unwrap_or_else(|| panic!("no span {name}: {spans:?}"))
}

async fn wait_for_all(collector: &Collector, network: &Network, task: TaskId) -> BTreeMap<String, Vec<Span>> {
    let is_told = |spans: &Vec<Span>| spans.iter().any(|span| span.name == "delivered");
    let waited = async {
        loop {
            let spans = collector.of(task);
            if spans.len() == network.operators.len() && spans.values().all(is_told) {
                return spans;
            }
            network.anvil().mine(1).await.expect("anvil mines");
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        }
    };
    tokio::time::timeout(PATIENCE, waited).await.expect("all operators tell it in time")
}

#[tokio::test(flavor = "multi_thread")]
async fn one_trace_tells_of_a_task_at_all_operators() {
    let directory = tempfile::tempdir().expect("there is room for a directory");
    let collector = Collector::default();
    let address = collector.serve().await;
    let network = start(&telling(address, options(directory.path(), 3, "info"))).await;
    let task = network.ask(boxscore::CLOSED, 60).await.expect("the contract takes it").task_id;
    delivered(&network, task).await;
    let told = wait_for_all(&collector, &network, task).await;
    let known: BTreeSet<_> = network.operators.iter().map(|operator| operator.id.to_string()).collect();
    assert_eq!(told.keys().cloned().collect::<BTreeSet<_>>(), known);
    for spans in told.values() {
        let root = spans.iter().find(|span| span.name == "seen").expect("it was seen");
        let is_below = |span: &&Span| span.parent.as_ref() == Some(&root.id);
        assert!(root.parent.is_none() && spans.iter().filter(is_below).count() == spans.len() - 1, "{spans:?}");
        let (executed, voted) = (of_name(spans, "executed"), of_name(spans, "voted"));
        assert!(root.times.1 <= executed.0 && executed.0 < executed.1, "{spans:?}");
        // All three are needed for a quorum: each votes for its own result, and before any of them is delivered.
        assert!(executed.1 <= voted.0 && voted.0 <= of_name(spans, "delivered").0, "{spans:?}");
    }
    let all: Vec<_> = told.into_values().flatten().collect();
    let ids: BTreeSet<_> = all.iter().map(|span| &span.id).collect();
    assert_eq!(ids.len(), all.len(), "every span has an id of its own");
    let (certified, submitted) = (of_name(&all, "certified"), of_name(&all, "submitted"));
    assert!(certified.0 <= submitted.0 && submitted.0 < submitted.1, "{all:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn tasks_are_delivered_while_the_collector_stalls_and_while_it_is_gone() {
    let directory = tempfile::tempdir().expect("there is room for a directory");
    let (listener, address) = listen().await;
    // It takes connections and never answers.
    let stalling = tokio::spawn(async move {
        let mut held = Vec::new();
        while let Ok((stream, _)) = listener.accept().await {
            held.push(stream);
        }
    });
    let network = start(&telling(address, options(directory.path(), 3, "info"))).await;
    let task = network.ask(boxscore::CLOSED, 60).await.expect("the contract takes it").task_id;
    assert!(delivered(&network, task).await >= 3);
    stalling.abort();
    let _ = stalling.await;
    let task = network.ask(boxscore::CLOSED, 60).await.expect("the contract takes it").task_id;
    assert!(delivered(&network, task).await >= 3);
    let metrics = network.operators[0].page("metrics").await.expect("it answers");
    assert!(metrics.contains("tandem_spans_total 0\n"), "{metrics}");
}
