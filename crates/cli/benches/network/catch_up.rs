//! A node that was away reads what it missed: Tandem's reader, which checks that every stretch fits to the one before, beside a loop over alloy that checks
//! nothing and asks for one range after the other.

use std::time::{Duration, Instant};

use alloy::providers::Provider;
use alloy::rpc::types::Filter;
use tandem_chain::{Anvil, ChainClient, LogQuery, LogReader, ReaderConfig};
use tokio::sync::oneshot;
use tokio::sync::oneshot::error::TryRecvError;

use crate::chain::{EMITTER, plain, with_logs};
use crate::options::Effort;
use crate::table::{Bar, Row, Table, median, quantile};

/// Logs per block.
const LOGS: u64 = 100;
/// Blocks that the plain loop asks for at once: of the ranges that read fastest from Anvil.
const PLAIN_BLOCKS: u64 = 100;
/// Logs per second that a node must reach.
const BAR: f64 = 20_000.0;

pub(crate) fn measure(table: &mut Table, effort: Effort) {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("the system has threads");
    runtime.block_on(async {
        let (blocks, rounds) = (effort.pick(300, 2_000), effort.pick(3, 5));
        let anvil = with_logs(blocks, LOGS).await;
        let (mut ours, mut plains, mut busy) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..rounds {
            plains.push(by_alloy(&anvil, blocks).await);
            let (rate, waits) = by_tandem(&anvil, blocks).await;
            ours.push(rate);
            busy.extend(waits);
        }
        let mut idle = idle_waits(&anvil).await;
        let row = |what: &str, unit, tandem, beside, bar| Row { what: what.to_owned(), unit, tandem, beside, bar };
        let rates = (median(ours), Some(median(plains)));
        table.push(row("catch-up, beside a sequential loop over alloy", "logs/s", rates.0, rates.1, Bar::AtLeast(BAR)));
        let waits = (quantile(&mut busy, 0.99), Some(quantile(&mut idle, 0.99)));
        table.push(row("another request meanwhile, p99, beside an idle chain", "ms", waits.0, waits.1, Bar::None));
    });
}

/// Logs per second.
fn rate(logs: u64, began: Instant) -> f64 {
    logs as f64 / began.elapsed().as_secs_f64()
}

async fn by_alloy(anvil: &Anvil, blocks: u64) -> f64 {
    let provider = plain(anvil.url());
    let (began, mut found) = (Instant::now(), 0);
    for first in (1..=blocks).step_by(PLAIN_BLOCKS as usize) {
        let filter = Filter::new().address(EMITTER).from_block(first).to_block((first + PLAIN_BLOCKS - 1).min(blocks));
        found += provider.get_logs(&filter).await.expect("anvil answers").len() as u64;
    }
    assert_eq!(found, blocks * LOGS);
    rate(found, began)
}

/// The rate, and how long other requests through the same client took meanwhile, in milliseconds.
async fn by_tandem(anvil: &Anvil, blocks: u64) -> (f64, Vec<f64>) {
    let client = ChainClient::connect(anvil.url().clone(), anvil.client().chain_id()).await.expect("anvil answers");
    let (stop, stopped) = oneshot::channel();
    let others = tokio::spawn(ask_along(client.clone(), stopped));
    let query = LogQuery { addresses: vec![EMITTER], ..LogQuery::default() };
    let config = ReaderConfig { confirmations: 0, ..ReaderConfig::default() };
    let mut reader = LogReader::new(client, query, 1, config);
    let (began, mut found, mut cursor, mut last) = (Instant::now(), 0, None, (0, 0));
    while let Some(span) = reader.read(cursor.as_ref()).await.expect("anvil answers") {
        for log in &span.logs {
            let place = (log.place.block.number, log.place.log_index);
            assert!(found == 0 || place > last, "logs come in order");
            (found, last) = (found + 1, place);
        }
        cursor = Some(span.cursor);
    }
    let rate = rate(found, began);
    assert_eq!(found, blocks * LOGS);
    drop(stop);
    (rate, others.await.expect("it only asks"))
}

/// How long it takes to ask for the latest block, in milliseconds, every few milliseconds until `stop` says so.
async fn ask_along(client: ChainClient, mut stop: oneshot::Receiver<()>) -> Vec<f64> {
    let mut waits = Vec::new();
    while stop.try_recv().is_err_and(|error| error == TryRecvError::Empty) {
        waits.push(ask(&client).await);
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    waits
}

async fn ask(client: &ChainClient) -> f64 {
    let began = Instant::now();
    client.block_number().await.expect("anvil answers");
    began.elapsed().as_secs_f64() * 1_000.0
}

async fn idle_waits(anvil: &Anvil) -> Vec<f64> {
    let mut waits = Vec::new();
    for _ in 0..100 {
        waits.push(ask(anvil.client()).await);
    }
    waits
}
