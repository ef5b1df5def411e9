//! HTTP as guests meet it: only listed hosts, only so much, and the reason survives whatever the guest makes of it.

use axum::Router;
use axum::http::{StatusCode, header};
use axum::routing::get;
use tandem_engine::{Grants, GuestErrorKind, LimitBreach, LimitKind, Limits, Refusal, RunError};
use tokio::net::TcpListener;
use tokio::task::AbortHandle;

use crate::{hostile, output, run};

/// A server on 127.0.0.1 that stops with the test.
struct Server {
    host: String,
    task: AbortHandle,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Server {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("there is a free port");
        let host = listener.local_addr().expect("the listener is bound").to_string();
        let forbidden = "http://localhost:1/";
        let router = Router::new().route("/hello", get(|| async { "hello" })).route(
            "/redirect",
            get(move || async move { (StatusCode::FOUND, [(header::LOCATION, forbidden)], "elsewhere") }),
        );
        let task = tokio::spawn(async move { axum::serve(listener, router).await });
        Self { host, task: task.abort_handle() }
    }

    fn grants(&self, limits: Limits) -> Grants {
        Grants { http_hosts: [self.host.parse().expect("an address is a host")].into(), limits, ..Grants::default() }
    }

    fn ask(&self, verb: &str, path: &str) -> String {
        format!("{verb} http://{}{path}", self.host)
    }
}

#[tokio::test]
async fn granted_host_answers() {
    let server = Server::start().await;
    assert_eq!(output(&hostile(server.grants(Limits::default())), &server.ask("get", "/hello")).await, "hello");
}

#[tokio::test]
async fn host_that_is_not_granted_is_refused_whatever_the_guest_says() {
    let server = Server::start().await;
    let refusal = RunError::Refused(Refusal::HttpHost { host: server.host.clone() });
    for verb in ["get", "get-then-panic"] {
        let outcome = run(&hostile(Grants::default()), &server.ask(verb, "/hello")).await;
        assert_eq!(outcome, Err(refusal.clone()), "{verb}");
    }
    assert!(refusal.is_guest_fault());
}

#[tokio::test]
async fn guest_that_gets_over_a_refusal_has_an_output() {
    let server = Server::start().await;
    assert_eq!(output(&hostile(Grants::default()), &server.ask("get-or", "/hello")).await, "fallback");
}

#[tokio::test]
async fn other_port_of_a_granted_host_is_refused() {
    let server = Server::start().await;
    let outcome = run(&hostile(server.grants(Limits::default())), "get http://127.0.0.1:1/").await;
    assert_eq!(outcome, Err(Refusal::HttpHost { host: "127.0.0.1:1".to_owned() }.into()));
}

#[tokio::test]
async fn destination_with_a_user_is_refused() {
    let server = Server::start().await;
    let input = format!("get http://user:pass@{}/hello", server.host);
    let outcome = run(&hostile(server.grants(Limits::default())), &input).await;
    assert_eq!(outcome, Err(Refusal::HttpDestination { destination: server.host.clone() }.into()));
}

#[tokio::test]
async fn redirect_is_not_followed() {
    let server = Server::start().await;
    assert_eq!(output(&hostile(server.grants(Limits::default())), &server.ask("get", "/redirect")).await, "elsewhere");
}

#[tokio::test]
async fn requests_are_counted() {
    let server = Server::start().await;
    let component = hostile(server.grants(Limits { http_requests: 2, ..Limits::default() }));
    let ask = |count: u32| format!("get-many {count} http://{}/hello", server.host);
    assert!(run(&component, &ask(2)).await.is_ok());
    let breach = LimitBreach { kind: LimitKind::HttpRequests, limit: 2 };
    assert_eq!(run(&component, &ask(3)).await, Err(breach.into()));
}

#[tokio::test]
async fn server_that_is_down_is_the_sources_fault() {
    let server = Server::start().await;
    let grants =
        Grants { http_hosts: ["127.0.0.1:9".parse().expect("an address is a host")].into(), ..Grants::default() };
    drop(server);
    match run(&hostile(grants), "get http://127.0.0.1:9/").await {
        Err(RunError::Guest(error)) => assert_eq!(error.kind, GuestErrorKind::Unavailable),
        other => panic!("expected the guest's error, not {other:?}"),
    }
}

#[tokio::test]
async fn plain_server_does_not_pass_for_tls() {
    let server = Server::start().await;
    let input = format!("get https://{}/hello", server.host);
    match run(&hostile(server.grants(Limits::default())), &input).await {
        Err(RunError::Guest(error)) => assert_eq!(error.to_string(), "no valid TLS"),
        other => panic!("expected the guest's error, not {other:?}"),
    }
}
