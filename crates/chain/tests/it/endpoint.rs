//! Endpoints that are wrong, silent, or too talkative.

use std::time::Duration;

use tandem_chain::{ChainClient, ClientConfig, Mining, RpcFailure};
use tokio::net::TcpListener;
use url::Url;

use crate::support::anvil;

async fn listener() -> (TcpListener, Url) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
    let address = listener.local_addr().expect("it is bound");
    (listener, Url::parse(&format!("http://user:hunter2@{address}/v3/hunter2")).expect("it is a URL"))
}

#[tokio::test]
async fn another_chain_is_refused_with_a_hint() {
    let anvil = anvil(Mining::Auto).await;
    let error = ChainClient::connect(anvil.url().clone(), 1).await.expect_err("anvil is not chain 1");
    assert_eq!(error.failure, RpcFailure::WrongChain { expected: 1, found: 31_337 });
    assert!(error.hint().is_some_and(|hint| hint.contains("chain id")));
    assert!(!error.is_retryable());
}

#[tokio::test]
async fn endpoint_that_is_not_there_is_named_without_its_credentials() {
    let (listener, url) = listener().await;
    drop(listener);
    let error = ChainClient::connect(url, 1).await.expect_err("nobody listens");
    assert!(matches!(error.failure, RpcFailure::Unreachable(_)), "{error}");
    assert!(error.is_retryable() && error.hint().is_some());
    assert!(!format!("{error} {error:?}").contains("hunter2"), "{error}");
}

#[tokio::test]
async fn silent_endpoint_is_given_up() {
    let (_listener, url) = listener().await;
    let config = ClientConfig { request_timeout: Duration::from_millis(200), ..ClientConfig::default() };
    let error = ChainClient::connect_with(url, 1, config).await.expect_err("nobody answers");
    assert_eq!(error.failure, RpcFailure::Timeout(config.request_timeout));
}

#[tokio::test]
async fn answers_beyond_the_limit_are_not_read() {
    let anvil = anvil(Mining::Auto).await;
    let config = ClientConfig { answer_bytes_max: 10, ..ClientConfig::default() };
    let error = ChainClient::connect_with(anvil.url().clone(), 31_337, config).await.expect_err("10 bytes are few");
    assert_eq!(error.failure, RpcFailure::TooLarge { limit: 10 });
}

#[tokio::test]
async fn other_schemes_are_refused() {
    let url = Url::parse("ws://127.0.0.1:1").expect("it is a URL");
    let error = ChainClient::connect(url, 1).await.expect_err("WebSockets are not spoken");
    assert_eq!(error.failure, RpcFailure::Scheme("ws".to_owned()));
}
