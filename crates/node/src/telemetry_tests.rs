//! Tests of the exporter against collectors on this machine.

use std::sync::Mutex;

use axum::Router;
use axum::http::StatusCode;
use axum::routing::post;
use tandem_types::{Address, B256};
use tokio::net::TcpListener;

use super::*;

const SERVICE: ServiceId = ServiceId { chain_id: 7, manager: Address::ZERO };
const OPERATOR: OperatorId = OperatorId(Address::ZERO);

fn task(byte: u8) -> TaskId {
    TaskId(B256::repeat_byte(byte))
}

fn exporter(base: &str, metrics: &Metrics) -> (Traces, Exporter) {
    let collector = Collector::at(&SecretUrl(base.parse().expect("a URL"))).expect("TLS is there");
    Exporter::new(collector, (SERVICE, OPERATOR), metrics.clone())
}

/// A collector that gives these answers, one after another and the last for ever, and hands on what it is sent.
async fn collector(answers: Vec<StatusCode>) -> (String, mpsc::UnboundedReceiver<Json>) {
    let (sender, pages) = mpsc::unbounded_channel();
    let answers = Arc::new(Mutex::new(answers));
    let take = move |body: String| {
        let mut answers = answers.lock().expect("no test panics here");
        let answer = if answers.len() > 1 { answers.remove(0) } else { answers[0] };
        sender.send(serde_json::from_str(&body).expect("it is JSON")).expect("the test listens");
        std::future::ready(answer)
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("there is a port");
    let address = listener.local_addr().expect("it is bound");
    let router = Router::new().route("/base/v1/traces", post(take));
    tokio::spawn(async move { axum::serve(listener, router).await });
    (format!("http://user:hunter2@{address}/base/"), pages)
}

#[test]
fn all_operators_give_a_task_one_trace_and_each_has_a_root_in_it() {
    let span =
        |stage| Span { task: task(5), stage, began: 7, ended: 9, details: vec![("a", "b".to_owned())], failure: None };
    let other = OperatorId(Address::repeat_byte(1));
    let (seen, voted, elsewhere) =
        (span(Stage::Seen).json(OPERATOR), span(Stage::Voted).json(OPERATOR), span(Stage::Voted).json(other));
    for span in [&seen, &voted, &elsewhere] {
        assert_eq!(span["traceId"], "05".repeat(16));
        assert_eq!(span["spanId"].as_str().map(str::len), Some(16), "{span}");
        assert_eq!((&span["startTimeUnixNano"], &span["endTimeUnixNano"]), (&"7".into(), &"9".into()));
    }
    assert_eq!(voted["parentSpanId"], seen["spanId"]);
    assert_eq!(seen["parentSpanId"], Json::Null);
    assert!(voted["spanId"] != elsewhere["spanId"] && voted["parentSpanId"] != elsewhere["parentSpanId"]);
    assert_eq!(voted["attributes"][1], json!({ "key": "a", "value": { "stringValue": "b" } }));
}

#[tokio::test]
async fn spans_reach_the_collector_with_who_speaks() {
    let (base, mut pages) = collector(vec![StatusCode::OK]).await;
    let metrics = Metrics::default();
    let (traces, exporter) = exporter(&base, &metrics);
    let stop = CancellationToken::new();
    let running = tokio::spawn(exporter.run(stop.clone()));
    traces.event(task(1), Stage::Seen, Details::new);
    traces.since(traces.begin(), (task(1), Stage::Executed), || (Details::new(), Some("no".to_owned())));
    let page = pages.recv().await.expect("it is sent");
    let of = &page["resourceSpans"][0];
    let resource = of["resource"]["attributes"].to_string();
    assert!(resource.contains("service.instance.id") && resource.contains(&OPERATOR.to_string()), "{resource}");
    let spans = &of["scopeSpans"][0]["spans"];
    assert_eq!((&spans[0]["name"], &spans[1]["name"]), (&"seen".into(), &"executed".into()));
    assert_eq!(spans[1]["status"], json!({ "code": 2, "message": "no" }));
    traces.event(task(2), Stage::Seen, Details::new);
    stop.cancel();
    running.await.expect("it ends");
    assert!(pages.recv().await.is_some(), "what is left goes out at the end");
}

#[tokio::test]
async fn batch_is_sent_again_while_the_collector_is_busy_and_dropped_when_it_refuses() {
    let answers = vec![StatusCode::SERVICE_UNAVAILABLE, StatusCode::OK, StatusCode::BAD_REQUEST, StatusCode::OK];
    let (base, mut pages) = collector(answers).await;
    let metrics = Metrics::default();
    let (traces, exporter) = exporter(&base, &metrics);
    tokio::spawn(exporter.run(CancellationToken::new()));
    traces.event(task(1), Stage::Seen, Details::new);
    let first = pages.recv().await.expect("it is sent");
    assert_eq!(pages.recv().await.expect("it is sent again"), first);
    traces.event(task(2), Stage::Seen, Details::new);
    pages.recv().await.expect("it is sent, and refused");
    traces.event(task(3), Stage::Seen, Details::new);
    let last = pages.recv().await.expect("it is sent");
    assert_eq!(last["resourceSpans"][0]["scopeSpans"][0]["spans"][0]["traceId"], "03".repeat(16));
    assert!(metrics.spans.get() >= 1 && metrics.spans_dropped.get() == 1);
}

#[tokio::test]
async fn what_does_not_fit_is_dropped_and_counted_at_once() {
    let metrics = Metrics::default();
    let (traces, _exporter) = exporter("http://127.0.0.1:9", &metrics);
    for _ in 0..SPANS_WAITING_MAX + 3 {
        traces.event(task(1), Stage::Voted, Details::new);
    }
    assert_eq!(metrics.spans_dropped.get(), 3);
}

#[test]
fn without_a_collector_nothing_is_computed() {
    let traces = Traces::default();
    traces.event(task(1), Stage::Seen, || panic!("nobody wants to know"));
    assert_eq!(traces.begin(), 0);
}
