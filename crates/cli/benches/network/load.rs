//! As many tasks as there are: operators and chain on one machine, journals durable. The tasks are asked for while the operators are down, so that asking, which costs Anvil more
//! than all else, is no part of it; the rate counts from the first delivery to the last.

use std::time::{Duration, Instant};

use tandem_cli::local::Network;

use crate::operators::{OPERATORS, Said, ask, options, said, start};
use crate::options::Effort;
use crate::table::{Bar, Row, Table};

/// Tasks that fit into one block.
const PER_BLOCK: u64 = 50;
/// Time between two blocks.
const BLOCK_TIME: Duration = Duration::from_millis(250);
/// Results per second that the network must reach.
const BAR: f64 = 1_000.0;

pub(crate) fn measure(table: &mut Table, effort: Effort) {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("the system has threads");
    let rate = runtime.block_on(async {
        let directory = tempfile::tempdir().expect("there is room for a directory");
        let options = options(directory.path());
        let mut network = start(&options).await;
        for operator in &mut network.operators {
            operator.kill().await.expect("it can be killed");
        }
        let tasks = effort.pick(1_000, 10_000);
        prepare(&network, tasks).await;
        for operator in &mut network.operators {
            operator.spawn(&options).expect("it starts again");
        }
        tokio::select! {
            rate = deliveries(&network, tasks) => rate,
            () = mine(&network) => unreachable!("blocks do not end"),
        }
    });
    let what = format!("results delivered by {OPERATORS} operators");
    table.push(Row { what, unit: "/s", tandem: rate, beside: None, bar: Bar::AtLeast(BAR) });
}

async fn prepare(network: &Network, tasks: u64) {
    let anvil = network.anvil();
    anvil.set_automine(false).await.expect("anvil answers");
    for _ in 0..tasks / PER_BLOCK {
        ask(network, PER_BLOCK, 3_600).await;
        anvil.mine(1).await.expect("anvil mines");
    }
}

/// Mines whatever there is, now and then, as a chain does. Anvil computes the root of all state for each block, so that a block for each transaction would measure that.
async fn mine(network: &Network) {
    let mut blocks = tokio::time::interval(BLOCK_TIME);
    loop {
        blocks.tick().await;
        network.anvil().mine(1).await.expect("anvil mines");
    }
}

/// Results per second.
async fn deliveries(network: &Network, tasks: u64) -> f64 {
    let (mut cursor, mut delivered) = (None, 0u64);
    let (mut first, mut before) = (Instant::now(), 0);
    while delivered < tasks {
        let found = said(network, &mut cursor).await;
        let count = found.iter().filter(|event| matches!(event, Said::Delivered(_))).count() as u64;
        if count > 0 && delivered == 0 {
            (first, before) = (Instant::now(), count);
        }
        delivered += count;
        if found.is_empty() {
            tokio::time::sleep(BLOCK_TIME).await;
        }
    }
    (tasks - before) as f64 / first.elapsed().as_secs_f64()
}
