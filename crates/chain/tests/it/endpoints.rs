//! Several endpoints of one chain, of which some fail, lag, lie or keep things to themselves.

use std::time::Duration;

use serde_json::{Value, json};
use tandem_chain::{
    ANVIL_CHAIN_ID, Anvil, ChainClient, ClientConfig, EndpointConfig, EndpointState, EndpointStatus, EndpointsConfig,
    LogQuery, LogReader, Mining, ReadError, ReaderConfig, RpcFailure, TransactionManager,
};
use tandem_types::B256;
use tokio::net::TcpListener;
use tokio::time::Instant;

use crate::proxy::{Proxy, Reply};
use crate::support::{EMITTER, anvil, emit, emitter, quick, until};

fn limits() -> ClientConfig {
    ClientConfig { request_timeout: Duration::from_secs(2), ..ClientConfig::default() }
}

fn config(proxies: &[&Proxy], witnesses: usize) -> EndpointsConfig {
    let endpoints = proxies.iter().map(|proxy| EndpointConfig::new(proxy.url.clone())).collect();
    EndpointsConfig { witnesses, ..EndpointsConfig::several(endpoints, limits()) }
}

async fn connect(proxies: &[&Proxy], witnesses: usize) -> ChainClient {
    ChainClient::open(config(proxies, witnesses), ANVIL_CHAIN_ID).await.expect("all endpoints answer")
}

fn status(client: &ChainClient, place: usize) -> EndpointStatus {
    client.endpoints().endpoints[place].clone()
}

fn reader(client: &ChainClient) -> LogReader {
    let query = LogQuery { addresses: vec![EMITTER], ..LogQuery::default() };
    LogReader::new(client.clone(), query, 1, ReaderConfig { confirmations: 0, ..ReaderConfig::default() })
}

fn down(_: &str, _: &Value) -> Reply {
    Reply::Status(503, 0)
}

fn pass(_: &str, _: &Value) -> Reply {
    Reply::Pass
}

/// Anvil with three logs, and proxies before it.
async fn scene(proxies: usize) -> (Anvil, Vec<Proxy>) {
    let anvil = anvil(Mining::Auto).await;
    emitter(&anvil).await;
    for word in 1..=3 {
        emit(&anvil, word).await;
    }
    let mut all = Vec::new();
    for _ in 0..proxies {
        all.push(Proxy::start(anvil.url()).await);
    }
    (anvil, all)
}

#[tokio::test]
async fn requests_go_on_at_the_next_endpoint_and_back_when_the_first_recovers() {
    let (_anvil, proxies) = scene(2).await;
    let [first, second] = &proxies[..] else { panic!("there are two") };
    let client = connect(&[first, second], 1).await;
    let spoils: [fn(&str, &Value) -> Reply; 5] = [
        down,
        |_, _| Reply::Hang,
        |_, _| Reply::Close,
        |_, _| Reply::Noise(100),
        |_, _| Reply::Error(-32_005, "daily request count exceeded, request rate limited"),
    ];
    for spoil in spoils {
        first.rule(spoil);
        assert!(client.block_number().await.is_ok());
        let spoiled = status(&client, 0);
        assert_eq!(spoiled.state, EndpointState::Paused);
        assert!(spoiled.last_error.is_some() && client.endpoints().is_degraded() && !client.endpoints().is_down());
        first.rule(pass);
        let recovers =
            || async { client.block_number().await.is_ok() && status(&client, 0).state == EndpointState::Healthy };
        until("the first is asked again", recovers).await;
        second.take("eth_blockNumber");
        client.block_number().await.expect("the first answers");
        assert_eq!(second.take("eth_blockNumber"), 0, "the first is preferred");
    }
}

#[tokio::test]
async fn outage_of_all_endpoints_costs_few_requests_and_ends_by_itself() {
    let (_anvil, proxies) = scene(1).await;
    let client = connect(&[&proxies[0]], 1).await;
    proxies[0].rule(down);
    let began = Instant::now();
    while began.elapsed() < Duration::from_secs(2) {
        let error = client.block_number().await.expect_err("the endpoint is down");
        assert!(error.is_retryable(), "{error}");
    }
    let asked = proxies[0].take("eth_blockNumber");
    assert!((2..=8).contains(&asked), "{asked} requests");
    assert!(client.endpoints().is_down());
    proxies[0].rule(pass);
    until("it answers again", || async { client.block_number().await.is_ok() }).await;
    assert!(!client.endpoints().is_degraded());
}

#[tokio::test]
async fn endpoint_that_asks_to_be_left_alone_is() {
    let (_anvil, proxies) = scene(2).await;
    let client = connect(&[&proxies[0], &proxies[1]], 1).await;
    proxies[0].rule(|_, _| Reply::Status(429, 3));
    client.block_number().await.expect("the second answers");
    proxies[0].rule(pass);
    proxies[0].take("eth_blockNumber");
    let began = Instant::now();
    while began.elapsed() < Duration::from_secs(2) {
        client.block_number().await.expect("the second answers");
    }
    assert_eq!(proxies[0].take("eth_blockNumber"), 0);
    assert_eq!(status(&client, 0).last_error.as_deref(), Some("HTTP status 429"));
}

#[tokio::test]
async fn unreachable_endpoint_at_start_is_an_error_with_a_hint_unless_that_is_allowed() {
    let (_anvil, proxies) = scene(1).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
    let address = listener.local_addr().expect("it is bound");
    drop(listener);
    let mut config = config(&[&proxies[0]], 1);
    config.endpoints.push(EndpointConfig::new(format!("http://{address}/hunter2").parse().expect("it is a URL")));
    let error = ChainClient::open(config.clone(), ANVIL_CHAIN_ID).await.expect_err("nobody listens");
    assert_eq!(error.endpoint.to_string(), format!("http://{address}"));
    assert!(matches!(error.failure, RpcFailure::Unreachable(_)) && error.hint().is_some(), "{error}");

    config.start_degraded = true;
    let client = ChainClient::open(config.clone(), ANVIL_CHAIN_ID).await.expect("one endpoint is enough");
    assert_eq!(status(&client, 1).state, EndpointState::Paused);
    config.witnesses = 2;
    ChainClient::open(config, ANVIL_CHAIN_ID).await.expect_err("one of two witnesses is not there");
}

#[tokio::test]
async fn endpoint_that_comes_up_later_is_used_once_it_says_which_chain_it_serves() {
    let (anvil, proxies) = scene(2).await;
    proxies[0].rule(down);
    let config = EndpointsConfig { start_degraded: true, ..config(&[&proxies[0], &proxies[1]], 1) };
    let client = ChainClient::open(config, ANVIL_CHAIN_ID).await.expect("one endpoint is enough");
    let other_chain = |method: &str, _: &Value| match method {
        "eth_chainId" => Reply::Result(json!("0x1")),
        _ => Reply::Pass,
    };
    proxies[0].rule(other_chain);
    let is_refused = || async {
        client.block_number().await.expect("the second answers");
        status(&client, 0).last_error.is_some_and(|error| error.contains("serves chain 1"))
    };
    until("it is asked for its chain", is_refused).await;
    assert_eq!(proxies[0].take("eth_blockNumber"), 0, "it is asked for nothing else");
    proxies[0].rule(pass);
    let is_used = || async {
        client.block_number().await.expect("one of them answers");
        status(&client, 0).state == EndpointState::Healthy
    };
    until("it is used", is_used).await;
    drop(anvil);
}

#[tokio::test]
async fn wrong_chain_at_start_is_an_error_whatever_is_allowed() {
    let (_anvil, proxies) = scene(2).await;
    proxies[1].rule(|_, _| Reply::Result(json!("0x1")));
    let config = EndpointsConfig { start_degraded: true, ..config(&[&proxies[0], &proxies[1]], 1) };
    let error = ChainClient::open(config, ANVIL_CHAIN_ID).await.expect_err("the second serves chain 1");
    assert_eq!(error.failure, RpcFailure::WrongChain { expected: ANVIL_CHAIN_ID, found: 1 });
    assert_eq!(error.endpoint.to_string(), proxies[1].name());
}

#[tokio::test]
async fn more_witnesses_than_endpoints_are_refused() {
    let (_anvil, proxies) = scene(1).await;
    let error = ChainClient::open(config(&[&proxies[0]], 2), ANVIL_CHAIN_ID).await.expect_err("there is one");
    assert_eq!(error.failure, RpcFailure::TooFewWitnesses { found: 1, needed: 2 });
}

/// A lie, by a name.
type Lie = (&'static str, fn(&str, &Value) -> Reply);

/// Ways to lie about what was asked.
fn lies() -> Vec<Lie> {
    fn change(method: &str, wanted: &str, change: fn(&mut Value)) -> Reply {
        if method == wanted { Reply::Change(Box::new(change)) } else { Reply::Pass }
    }
    vec![
        ("a log is left out", |method, _| {
            change(method, "eth_getLogs", |logs| drop(logs.as_array_mut().and_then(Vec::pop)))
        }),
        ("a log is forged", |method, _| change(method, "eth_getLogs", |logs| logs[0]["data"] = json!("0x05"))),
        ("a log is moved", |method, _| {
            change(method, "eth_getLogs", |logs| logs[0]["transactionHash"] = json!(B256::ZERO))
        }),
        ("a block has another hash", |method, _| {
            change(method, "eth_getBlockByNumber", |block| block["hash"] = json!(B256::ZERO))
        }),
        ("a block is not there", |method, _| change(method, "eth_getBlockByNumber", |block| *block = Value::Null)),
    ]
}

#[tokio::test]
async fn disagreement_is_reported_with_the_endpoints_names_and_nothing_is_believed() {
    let (_anvil, proxies) = scene(2).await;
    let [first, second] = &proxies[..] else { panic!("there are two") };
    for (what, lie) in lies() {
        second.rule(lie);
        let client = connect(&[first, second], 2).await;
        let error = reader(&client).read(None).await.expect_err(what);
        let ReadError::Rpc(error) = error else { panic!("{what}: {error}") };
        let RpcFailure::Contradiction(contradiction) = &error.failure else { panic!("{what}: {error}") };
        assert_eq!(contradiction.groups.len(), 2, "{what}");
        let text = error.to_string();
        assert!(text.contains(&first.name()) && text.contains(&second.name()), "{what}: {text}");
        assert!(!format!("{error} {error:?}").contains("hunter2"), "{error:?}");
        assert!(error.is_retryable() && error.hint().is_some());
        assert_eq!((status(&client, 0).contradictions, status(&client, 1).contradictions), (1, 1), "{what}");
    }
}

#[tokio::test]
async fn two_honest_endpoints_of_three_are_believed_and_the_liar_is_reported() {
    let (_anvil, proxies) = scene(3).await;
    let [first, second, third] = &proxies[..] else { panic!("there are three") };
    for (what, lie) in lies() {
        second.rule(lie);
        let client = connect(&[first, second, third], 2).await;
        let mut reader = reader(&client);
        // Who is found out in the middle of a stretch has vouched for a part of it; then it is read again.
        let span = match reader.read(None).await {
            Err(ReadError::Moving(_)) => reader.read(None).await,
            other => other,
        };
        assert_eq!(span.expect(what).expect("there are blocks").logs.len(), 3, "{what}");
        let liar = status(&client, 1);
        assert_eq!((liar.contradictions, liar.state), (1, EndpointState::Doubted), "{what}");
        let shown = liar.last_error.expect("it is reported");
        assert!([first, second, third].iter().all(|proxy| shown.contains(&proxy.name())), "{shown}");
    }
}

#[tokio::test]
async fn witness_that_fails_is_replaced_by_the_next() {
    let (_anvil, proxies) = scene(3).await;
    let [first, second, third] = &proxies[..] else { panic!("there are three") };
    let client = connect(&[first, second, third], 2).await;
    second.rule(down);
    let span = reader(&client).read(None).await.expect("two are left").expect("there are blocks");
    assert_eq!(span.logs.len(), 3);
    third.rule(down);
    let error = client.block(1).await.expect_err("one is left");
    assert!(matches!(error.failure, RpcFailure::TooFewWitnesses { found: 1, needed: 2 } | RpcFailure::Status(503)));
}

#[tokio::test]
async fn head_is_what_all_witnesses_have() {
    let (anvil, proxies) = scene(2).await;
    let [first, second] = &proxies[..] else { panic!("there are two") };
    let head = anvil.client().block_number().await.expect("anvil answers");
    second.rule(|method, _| match method {
        "eth_blockNumber" => Reply::Result(json!("0x2")),
        _ => Reply::Pass,
    });
    assert_eq!(connect(&[first, second], 2).await.block_number().await, Ok(2));
    assert_eq!(connect(&[first, second], 1).await.block_number().await, Ok(head));
}

#[tokio::test]
async fn endpoint_that_falls_behind_is_asked_after_the_others() {
    let (anvil, proxies) = scene(2).await;
    let [first, second] = &proxies[..] else { panic!("there are two") };
    let client = connect(&[first, second], 1).await;
    first.rule(|method, _| match method {
        "eth_blockNumber" => Reply::Result(json!("0x1")),
        _ => Reply::Pass,
    });
    anvil.mine(20).await.expect("anvil mines");
    let head = anvil.client().block_number().await.expect("anvil answers");
    until("the other is asked", || async { client.block_number().await == Ok(head) }).await;
    let behind = status(&client, 0);
    assert_eq!((behind.state, behind.lag_blocks), (EndpointState::Behind, Some(head - 1)));
    assert!(client.endpoints().is_degraded());
}

#[tokio::test]
async fn who_does_not_have_a_block_is_not_asked_for_its_logs() {
    let (_anvil, proxies) = scene(2).await;
    let [first, second] = &proxies[..] else { panic!("there are two") };
    // It has one block, and finds no logs in those that it does not have, as many endpoints do.
    second.rule(|method, _| match method {
        "eth_blockNumber" => Reply::Result(json!("0x1")),
        "eth_getLogs" => Reply::Result(json!([])),
        _ => Reply::Pass,
    });
    let client = connect(&[first, second], 1).await;
    client.block_number().await.expect("the first answers");
    first.rule(|method, _| match method {
        "eth_getLogs" => Reply::Status(503, 0),
        _ => Reply::Pass,
    });
    assert!(reader(&client).read(None).await.is_err(), "no logs are believed from who cannot have them");
    first.rule(pass);
    let seen =
        || async { reader(&client).read(None).await.is_ok_and(|span| span.is_some_and(|span| span.logs.len() == 3)) };
    until("the first answers again", seen).await;
}

#[tokio::test]
async fn no_more_requests_than_allowed_go_out_at_once() {
    let (_anvil, proxies) = scene(1).await;
    let mut config = config(&[&proxies[0]], 1);
    config.endpoints[0].concurrency = 3;
    let client = ChainClient::open(config, ANVIL_CHAIN_ID).await.expect("it answers");
    let mut requests = tokio::task::JoinSet::new();
    for number in 0..40 {
        let client = client.clone();
        requests.spawn(async move { client.block(number % 3).await });
    }
    assert!(requests.join_all().await.iter().all(Result::is_ok));
    assert!(proxies[0].at_once_max() <= 3, "{} at once", proxies[0].at_once_max());
}

#[tokio::test]
async fn no_more_requests_than_allowed_go_out_in_a_second() {
    let (_anvil, proxies) = scene(1).await;
    let mut config = config(&[&proxies[0]], 1);
    config.endpoints[0].requests_per_s = Some(20);
    let client = ChainClient::open(config, ANVIL_CHAIN_ID).await.expect("it answers");
    let began = Instant::now();
    for _ in 0..25 {
        client.block_number().await.expect("it answers");
    }
    assert!(began.elapsed() >= Duration::from_millis(950), "{:?}", began.elapsed());
}

#[tokio::test]
async fn transaction_that_one_endpoint_keeps_to_itself_is_mined() {
    let (anvil, proxies) = scene(2).await;
    let [first, second] = &proxies[..] else { panic!("there are two") };
    let client = connect(&[first, second], 1).await;
    first.rule(|method, _| match method {
        "eth_sendRawTransaction" => Reply::Result(json!(B256::repeat_byte(7))),
        _ => Reply::Pass,
    });
    let manager = TransactionManager::start(client, anvil.accounts()[1].clone(), quick()).await.expect("it answers");
    let call = tandem_chain::Call::new(EMITTER, vec![1; 32]);
    manager.send(&call).await.expect("the second passes it on");
    assert_eq!((first.take("eth_sendRawTransaction"), second.take("eth_sendRawTransaction")), (1, 1));
}

#[tokio::test]
async fn status_and_errors_hold_no_credentials() {
    let (_anvil, proxies) = scene(1).await;
    let client = connect(&[&proxies[0]], 1).await;
    proxies[0].rule(|_, _| Reply::Error(-32_000, "invalid key hunter2 for user at /v3/hunter2?key=hunter2"));
    let error = client.block_number().await.expect_err("it refuses");
    let shown = format!("{error} {error:?} {client:?} {:?}", client.endpoints());
    let status = serde_json::to_string(&client.endpoints()).expect("it serialises");
    assert!(!(shown + &status).contains("hunter2"), "{error}");
    assert_eq!(client.endpoints().endpoints[0].url, proxies[0].name());
}
