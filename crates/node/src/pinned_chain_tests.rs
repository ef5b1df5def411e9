use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::Router;
use axum::body::{Body, HttpBody};
use axum::extract::State;
use axum::routing::post;
use bytes::Bytes;
use http_body::Frame;
use serde_json::{Value, json};
use tandem_chain::{ANVIL_CHAIN_ID, Anvil, Mining};
use tandem_engine::chain::suite::{self, Scene};
use tandem_types::Address;
use tokio::net::TcpListener;

use super::*;

/// The scene of the suite, on a chain of its own.
async fn scene(anvil: &Anvil) -> Scene {
    let (contract, account) = (Address::repeat_byte(0xc0), Address::repeat_byte(0xac));
    let set = |method, params| async move { anvil.control(method, params).await.expect("anvil obeys") };
    set("anvil_setCode", json!([contract, format!("0x{}", suite::CONTRACT)])).await;
    let mut hashes = [B256::ZERO; 2];
    for (hash, word) in hashes.iter_mut().zip([suite::BEFORE, suite::AFTER]) {
        set("anvil_setBalance", json!([account, word])).await;
        set("anvil_setStorageAt", json!([contract, B256::ZERO, B256::from(word)])).await;
        anvil.mine(1).await.expect("anvil mines");
        *hash = anvil.client().latest_block().await.expect("there is a block").hash;
        // What is set is set in the latest block too, and that must be another one.
        anvil.mine(1).await.expect("anvil mines");
    }
    let [before, after] = hashes;
    Scene { before, after, contract, account }
}

async fn anvil() -> Anvil {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let binary = Anvil::find(Path::new(env!("CARGO_MANIFEST_DIR"))).expect("run scripts/setup-foundry for anvil");
    Anvil::start(&binary, Mining::Auto).await.expect("anvil starts")
}

async fn connected(anvil: &Anvil) -> PinnedChain {
    PinnedChain::connect(anvil.url().clone(), ANVIL_CHAIN_ID).await.expect("anvil answers")
}

#[tokio::test]
async fn endpoint_is_a_chain() {
    let anvil = anvil().await;
    let scene = scene(&anvil).await;
    suite::check(&connected(&anvil).await, &scene).await;
}

#[tokio::test]
async fn block_that_was_reorganised_away_is_unknown() {
    let anvil = anvil().await;
    let scene = scene(&anvil).await;
    anvil.reorganise(2).await.expect("anvil reorganises");
    let answer = connected(&anvil).await.read(scene.after, Query::Balance(scene.account)).await;
    let Err(error @ ChainError::UnknownBlock { .. }) = answer else { panic!("{answer:?}") };
    assert!(error.to_string().contains("reorganised away") && error.to_string().contains("archive node"), "{error}");
}

/// What an endpoint answers to everything but the question for its chain.
#[derive(Clone)]
enum Trick {
    /// This body.
    Body(Vec<u8>),
    /// This result.
    Result(Value),
    /// This error.
    Error(Value),
    /// A body without an end.
    Endless,
    /// Nothing.
    Silence,
}

async fn endpoint(trick: Trick) -> Url {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
    let address = listener.local_addr().expect("it is bound");
    let router = Router::new().route("/", post(respond)).with_state(Arc::new(trick));
    tokio::spawn(async move { axum::serve(listener, router).await });
    Url::parse(&format!("http://{address}/")).expect("it is a URL")
}

async fn respond(State(trick): State<Arc<Trick>>, request: String) -> Body {
    let request: Value = serde_json::from_str(&request).expect("a request is JSON");
    let envelope = |key: &str, value: &Value| json!({ "jsonrpc": "2.0", "id": request["id"], key: value }).to_string();
    if request["method"] == "eth_chainId" {
        return envelope("result", &json!("0x7a69")).into();
    }
    match &*trick {
        Trick::Body(body) => body.clone().into(),
        Trick::Result(result) => envelope("result", result).into(),
        Trick::Error(error) => envelope("error", error).into(),
        Trick::Endless => Body::new(Endless),
        Trick::Silence => std::future::pending().await,
    }
}

struct Endless;

impl HttpBody for Endless {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(&[b' '; 1 << 16])))))
    }
}

fn queries() -> [Query; 3] {
    let contract = Address::repeat_byte(1);
    [
        Query::Call { to: contract, data: vec![1], gas: 100_000 },
        Query::Balance(contract),
        Query::Storage { contract, slot: B256::ZERO },
    ]
}

/// Asserts that every read of the endpoint fails, with `part` in the error.
async fn assert_fails(trick: Trick, part: &str) {
    let client = ChainClient::connect_any(endpoint(trick).await, config(Duration::from_millis(500))).await;
    let chain = PinnedChain(client.expect("it knows its chain"));
    for query in queries() {
        let answer = chain.read(B256::repeat_byte(5), query.clone()).await;
        let error = answer.expect_err("there is no answer").to_string();
        assert!(error.contains(part), "{query:?}: `{part}` is not in: {error}");
    }
}

#[tokio::test]
async fn endpoint_that_misbehaves_gives_no_answer() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let error = |code: i64, message: &str| Trick::Error(json!({ "code": code, "message": message }));
    for (trick, part) in [
        (Trick::Body(b"<html>".to_vec()), "malformed answer"),
        (Trick::Body(Vec::new()), "malformed answer"),
        (Trick::Body(b"[]".to_vec()), "malformed answer"),
        (Trick::Result(json!(null)), "malformed answer"),
        (Trick::Result(json!("no hex")), "malformed answer"),
        (Trick::Result(json!({ "data": "0x00" })), "malformed answer"),
        (Trick::Endless, "the answer exceeds 8388608 bytes"),
        (Trick::Silence, "no answer within 500ms"),
        (error(-32005, "rate limit"), "rate limit"),
        (error(-32000, "out of gas"), "out of gas"),
        (error(-32000, "execution reverted: but what with is kept back"), "reverted"),
        (error(-32000, "header not found"), "it is behind"),
        (error(-32000, "missing trie node 5f1d7c"), "has pruned it"),
        (error(-32000, "hash 0505 is not currently canonical"), "reorganised away"),
    ] {
        assert_fails(trick, part).await;
    }
}

#[tokio::test]
async fn word_longer_than_a_word_is_no_answer() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let long = Trick::Result(json!(format!("0x1{}", "0".repeat(64))));
    let chain = PinnedChain::connect(endpoint(long).await, ANVIL_CHAIN_ID).await.expect("it knows its chain");
    for query in queries().into_iter().skip(1) {
        let answer = chain.read(B256::ZERO, query).await;
        assert!(matches!(answer, Err(ChainError::Failed(_))), "{answer:?}");
    }
}

#[tokio::test]
async fn half_a_byte_is_no_answer() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let half = Trick::Result(json!("0x012"));
    let chain = PinnedChain::connect(endpoint(half).await, ANVIL_CHAIN_ID).await.expect("it knows its chain");
    let [call, ..] = queries();
    let answer = chain.read(B256::ZERO, call).await;
    assert!(matches!(answer, Err(ChainError::Failed(_))), "{answer:?}");
}

/// What nodes would fill in by themselves, and each in its own way, is said.
#[tokio::test]
async fn call_names_gas_sender_and_block() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
    let address = listener.local_addr().expect("it is bound");
    let (sender, mut asked) = tokio::sync::mpsc::unbounded_channel();
    let note = move |request: String| {
        let request: Value = serde_json::from_str(&request).expect("a request is JSON");
        let id = request["id"].clone();
        sender.send(request).expect("the test listens");
        async move { json!({ "jsonrpc": "2.0", "id": id, "result": "0x7a69" }).to_string() }
    };
    tokio::spawn(async move { axum::serve(listener, Router::new().route("/", post(note))).await });
    let url = Url::parse(&format!("http://{address}/")).expect("it is a URL");
    let chain = PinnedChain::connect(url, ANVIL_CHAIN_ID).await.expect("it knows its chain");
    asked.recv().await.expect("it was asked for its chain");
    let block = B256::repeat_byte(5);
    for query in queries() {
        chain.read(block, query).await.expect("an answer of two bytes is one");
        let request = asked.recv().await.expect("it was asked");
        let at = request["params"].as_array().and_then(|params| params.last()).expect("it has parameters").clone();
        assert_eq!(at, json!({ "blockHash": block, "requireCanonical": true }));
        if request["method"] == "eth_call" {
            let call = &request["params"][0];
            assert_eq!((&call["gas"], &call["value"]), (&json!("0x186a0"), &json!("0x0")));
            assert_eq!(call["from"], json!(Address::ZERO));
            assert!(call.get("gasPrice").is_none());
        }
    }
}
