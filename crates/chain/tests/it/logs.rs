//! Any logs of a real chain, across reorganisations and the limits of endpoints.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::{Value, json};
use tandem_chain::{
    ANVIL_CHAIN_ID, Anvil, ChainClient, ClientConfig, Cursor, HeadWatch, LogQuery, LogReader, LogSpan, Mining,
    ReaderConfig, RpcFailure,
};
use tandem_types::{BlockTag, U256};
use tokio::net::TcpListener;
use tokio::time::Instant;

use crate::proxy::{Proxy, Reply};
use crate::support::{EMITTER, Network, anvil, emit, emitter, reader as events, submit};

fn config() -> ReaderConfig {
    ReaderConfig { confirmations: 0, ..ReaderConfig::default() }
}

fn reader(client: &ChainClient, config: ReaderConfig) -> LogReader {
    let query = LogQuery { addresses: vec![EMITTER], ..LogQuery::default() };
    LogReader::new(client.clone(), query, 1, config)
}

fn numbers(span: &LogSpan) -> Vec<u64> {
    span.logs.iter().map(|log| U256::from_be_slice(&log.data).to()).collect()
}

async fn all(reader: &mut LogReader, mut cursor: Option<Cursor>) -> (Vec<u64>, Option<Cursor>) {
    let mut seen = Vec::new();
    while let Some(span) = reader.read(cursor.as_ref()).await.expect("the endpoint answers") {
        seen.extend(numbers(&span));
        cursor = Some(span.cursor);
    }
    (seen, cursor)
}

async fn with_logs(numbers: std::ops::RangeInclusive<u64>) -> Anvil {
    let anvil = anvil(Mining::Auto).await;
    emitter(&anvil).await;
    for number in numbers {
        emit(&anvil, number).await;
    }
    anvil
}

/// Numbers of all logs that the chain has now.
async fn truth(anvil: &Anvil) -> Vec<(u64, U256)> {
    let filter = json!([{ "address": EMITTER, "fromBlock": "0x0", "toBlock": "latest" }]);
    let logs = anvil.control("eth_getLogs", filter).await.expect("anvil answers");
    let hex = |value: &Value| U256::from_str_radix(&value.as_str().expect("it is hex")[2..], 16).expect("it is hex");
    let logs = logs.as_array().expect("it is a list").iter();
    logs.map(|log| (hex(&log["blockNumber"]).to(), hex(&log["data"]))).collect()
}

#[tokio::test]
async fn reorganisations_of_every_depth_up_to_the_window_are_read_again() {
    let anvil = with_logs(1..=40).await;
    let mut reader =
        reader(anvil.client(), ReaderConfig { rewind_blocks: 32, range_blocks: 1, range_blocks_max: 1, ..config() });
    let mut known: Vec<(u64, U256)> = Vec::new();
    let mut cursor = None;
    for depth in 0..=32 {
        if depth > 0 {
            anvil.reorganise(depth).await.expect("anvil reorganises");
            emit(&anvil, 1_000 + depth).await;
        }
        let mut rewound = None;
        while let Some(span) = reader.read(cursor.as_ref()).await.expect("anvil answers") {
            if let Some(rewind) = span.rewind {
                known.retain(|(block, _)| *block <= rewind.to);
                rewound = Some(rewind);
            }
            known.extend(span.logs.iter().map(|log| (log.place.block.number, U256::from_be_slice(&log.data))));
            cursor = Some(span.cursor);
        }
        assert_eq!(known, truth(&anvil).await, "depth {depth}");
        let found = rewound.map(|rewind| (rewind.from - rewind.to, rewind.is_deeper));
        // Empty blocks in place of empty blocks may be the same ones.
        let is_exact = |(blocks, is_deeper): (u64, bool)| (1..=depth).contains(&blocks) && !is_deeper;
        assert_eq!(found.is_some_and(is_exact), depth > 0, "depth {depth}: {found:?}");
    }
}

#[tokio::test]
async fn reorganisation_while_nobody_looked_is_read_again_by_the_window() {
    let anvil = with_logs(1..=12).await;
    let (_, cursor) = all(&mut reader(anvil.client(), config()), None).await;
    let last = cursor.expect("there are blocks").block_number;
    anvil.reorganise(5).await.expect("anvil reorganises");
    emit(&anvil, 99).await;
    let mut restarted = reader(anvil.client(), ReaderConfig { rewind_blocks: 8, ..config() });
    let span = restarted.read(cursor.as_ref()).await.expect("anvil answers").expect("the chain is another");
    assert_eq!(span.rewind.map(|rewind| (rewind.from, rewind.to)), Some((last, last - 8)));
    let expected: Vec<_> = truth(&anvil).await.into_iter().filter(|(block, _)| *block > last - 8).collect();
    let found = span.logs.iter().map(|log| (log.place.block.number, U256::from_be_slice(&log.data)));
    assert_eq!(found.collect::<Vec<_>>(), expected);
}

#[tokio::test]
async fn task_whose_transaction_is_mined_again_is_the_same_task() {
    let network = Network::bare().await;
    let mut reader = events(&network, config());
    let (mut created, mut ids, mut cursor) = (BTreeSet::new(), Vec::new(), None);
    for depth in 0..=4 {
        if depth > 0 {
            network.anvil.reorganise(depth).await.expect("anvil reorganises");
        }
        // What was taken back is sent again before the next.
        created.insert(network.create_task().await.task_id);
        while let Some(span) = reader.read(cursor.as_ref()).await.expect("anvil answers") {
            ids.extend(span.events.iter().filter_map(|placed| match placed.event {
                tandem_chain::ServiceEvent::TaskCreated { task_id, .. } => Some(task_id),
                _ => None,
            }));
            cursor = Some(span.cursor);
        }
    }
    assert!(ids.len() > created.len(), "some were read again");
    assert_eq!(ids.into_iter().collect::<BTreeSet<_>>(), created);
}

#[tokio::test]
async fn tags_of_the_chain_are_followed() {
    let anvil = with_logs(1..=1).await;
    let at = |tag| ReaderConfig { tag: Some(tag), ..config() };
    for tag in [BlockTag::Safe, BlockTag::Finalized] {
        let mut reader = reader(anvil.client(), at(tag));
        let tagged = anvil.client().tagged_block_number(tag).await.expect("anvil knows tags").unwrap_or(0);
        assert_eq!(all(&mut reader, None).await.1.map_or(0, |cursor| cursor.block_number), tagged);
        anvil.mine(100).await.expect("anvil mines");
        let tagged =
            anvil.client().tagged_block_number(tag).await.expect("anvil knows tags").expect("there are blocks");
        let (seen, cursor) = all(&mut reader, None).await;
        assert_eq!((seen, cursor.map(|cursor| cursor.block_number)), (vec![1], Some(tagged)));
    }
}

/// A limit of an endpoint: most blocks, and what it says.
fn limit(proxy: &Proxy, blocks_max: u64, reply: fn() -> Reply) {
    proxy.rule(move |method, params| {
        let number = |value: &Value| u64::from_str_radix(&value.as_str()?[2..], 16).ok();
        let range = number(&params[0]["fromBlock"]).zip(number(&params[0]["toBlock"]));
        match range {
            Some((first, last)) if method == "eth_getLogs" && last - first + 1 > blocks_max => reply(),
            _ => Reply::Pass,
        }
    });
}

/// What an endpoint says to too large a range, by a name.
type Limit = (&'static str, fn() -> Reply);

#[tokio::test]
async fn limits_of_endpoints_are_found_whatever_they_say() {
    let anvil = with_logs(1..=30).await;
    let limits: [Limit; 6] = [
        ("count", || Reply::Error(-32_005, "query returned more than 10000 results")),
        ("range", || Reply::Error(-32_000, "exceed maximum block range: 7")),
        ("size", || Reply::Error(-32_008, "Response is too big")),
        ("time", || Reply::Error(-32_000, "query timeout exceeded")),
        ("silence", || Reply::Hang),
        ("a flood", || Reply::Noise(100_000)),
    ];
    for (what, reply) in limits {
        let proxy = Proxy::start(anvil.url()).await;
        limit(&proxy, 7, reply);
        let request = ClientConfig { request_timeout: Duration::from_millis(400), answer_bytes_max: 90_000 };
        let client = ChainClient::connect_with(proxy.url.clone(), ANVIL_CHAIN_ID, request).await.expect("it answers");
        let config = ReaderConfig { range_blocks: 20, range_blocks_max: 20, ranges_ahead: 0, ..config() };
        let mut reader = reader(&client, config);
        let (seen, _) = all(&mut reader, None).await;
        assert_eq!(seen, (1..=30).collect::<Vec<_>>(), "{what}");
        assert!(proxy.take("eth_getLogs") <= 15, "{what}");
    }
}

#[tokio::test]
async fn block_with_more_logs_than_are_read_at_once_is_an_error_that_says_so() {
    let anvil = anvil(Mining::Manual).await;
    emitter(&anvil).await;
    for number in 0..5 {
        submit(&anvil, number).await;
    }
    anvil.mine(1).await.expect("anvil mines");
    let error = reader(anvil.client(), ReaderConfig { logs_max: 4, ..config() }).read(None).await;
    let error = error.expect_err("five logs are more than four").to_string();
    assert!(error.contains(&RpcFailure::TooManyLogs { found: 5, limit: 4 }.to_string()), "{error}");
}

#[tokio::test]
async fn catch_up_is_in_order_and_leaves_places_for_others() {
    let anvil = with_logs(1..=60).await;
    let proxy = Proxy::start(anvil.url()).await;
    let client = ChainClient::connect(proxy.url.clone(), ANVIL_CHAIN_ID).await.expect("it answers");
    let small = ReaderConfig { range_blocks: 2, range_blocks_max: 2, ranges_ahead: 8, ..config() };
    let mut reader = reader(&client, small);
    let first = reader.read(None).await.expect("it answers").expect("there are blocks");
    assert!(reader.progress().now().catch_up.is_some_and(|catch_up| catch_up.blocks_left > 50));
    // While all that is read ahead gets stuck, others are served.
    proxy.rule(|method, _| if method == "eth_getLogs" { Reply::Hang } else { Reply::Pass });
    let stuck =
        tokio::time::timeout(Duration::from_millis(300), async { all(&mut reader, Some(first.cursor)).await }).await;
    assert!(stuck.is_err(), "logs are not answered");
    client.block_number().await.expect("other requests are");
    proxy.rule(|_, _| Reply::Pass);
    let fresh = ChainClient::connect(proxy.url.clone(), ANVIL_CHAIN_ID).await.expect("it answers");
    let (seen, _) = all(&mut self::reader(&fresh, small), None).await;
    assert_eq!(seen, (1..=60).collect::<Vec<_>>());
}

#[tokio::test]
async fn announced_block_ends_the_wait() {
    let network = Network::bare().await;
    let mut url = network.anvil.url().clone();
    url.set_scheme("ws").expect("both are special");
    let mut heads = HeadWatch::start(url).expect("it is a WebSocket URL");
    // The subscription stands once a block is announced.
    let announced = async {
        loop {
            network.anvil.mine(1).await.expect("anvil mines");
            if tokio::time::timeout(Duration::from_millis(200), heads.next()).await.is_ok() {
                return;
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(20), announced).await.expect("blocks are announced");
    let mut reader = events(&network, config()).woken_by(heads);
    let mut cursor = None;
    while let Some(span) = reader.read(cursor.as_ref()).await.expect("anvil answers") {
        cursor = Some(span.cursor);
    }
    let began = Instant::now();
    let (span, mined) = tokio::join!(reader.wait(cursor.as_ref(), Duration::from_secs(60)), network.anvil.mine(1));
    mined.expect("anvil mines");
    assert!(span.is_ok() && began.elapsed() < Duration::from_secs(30), "polling alone takes a minute");
}

#[tokio::test]
async fn polling_goes_on_without_the_subscription() {
    let network = Network::bare().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
    let url = format!("ws://{}", listener.local_addr().expect("it is bound"));
    drop(listener);
    let heads = HeadWatch::start(url.parse().expect("it is a URL")).expect("it is a WebSocket URL");
    let mut reader = events(&network, config()).woken_by(heads);
    let cursor = reader.read(None).await.expect("anvil answers").expect("there are blocks").cursor;
    let (span, mined) = tokio::join!(reader.wait(Some(&cursor), Duration::from_millis(20)), network.anvil.mine(1));
    mined.expect("anvil mines");
    assert_eq!(span.expect("anvil answers").cursor.block_number, cursor.block_number + 1);
}

#[tokio::test]
async fn websocket_needs_a_websocket_url() {
    let url = "http://127.0.0.1:1".parse().expect("it is a URL");
    let error = HeadWatch::start(url).expect_err("it is HTTP's");
    assert_eq!(error.failure, RpcFailure::WebSocketScheme("http".to_owned()));
}
