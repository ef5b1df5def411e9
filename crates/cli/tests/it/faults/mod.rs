//! Operators that are killed at any moment, an endpoint that fails, stalls and cuts connections, and a chain that takes back what it said, while tasks come: each task is
//! delivered once or expires as its deadline says, and nothing is signed twice. `make faults` runs it at its full size.

mod audit;
mod proxy;

use std::collections::BTreeMap;
use std::ops::Range;
use std::time::Duration;

use serde_json::{Value, json};
use tandem_chain::{Anvil, PlacedEvent, ServiceEvent};
use tandem_cli::boxscore;
use tandem_cli::local::{Network, Operator, Options, Progress};
use tandem_types::{Address, Epoch, TaskId};
use tokio::sync::Mutex;

use crate::network::{PATIENCE, options, rustls_provider};
use crate::upkeep::{deposit_of, table_written};
use proxy::{Mode, Proxy};

/// How much of everything.
struct Size {
    operators: usize,
    tasks: usize,
    kills: usize,
    seed: u64,
}

impl Size {
    /// What the environment says, or what is enough to notice what is broken.
    fn from_environment() -> Self {
        let number = |name: &str, default: u64| {
            let text = std::env::var(format!("TANDEM_FAULTS_{name}")).ok();
            text.map_or(default, |text| text.parse().unwrap_or_else(|_| panic!("TANDEM_FAULTS_{name} is no number")))
        };
        let count = |name, default| usize::try_from(number(name, default)).expect("it is a count");
        Self {
            operators: count("OPERATORS", 4),
            tasks: count("TASKS", 40),
            kills: count("KILLS", 8),
            seed: number("SEED", 1),
        }
    }
}

/// Seconds that a task has. Whoever is killed is back long before.
const DEADLINE_S: u64 = 600;
/// Deepest reorganisation, in blocks.
const DEPTH_MAX: u64 = 32;

#[tokio::test(flavor = "multi_thread")]
async fn tasks_are_delivered_once_whatever_is_killed_cut_off_and_taken_back() {
    let size = Size::from_environment();
    let directory = tempfile::tempdir().expect("there is room for a directory");
    let proxy = Proxy::start().await;
    let options = Options { rpc: Some(proxy.url()), ..options(directory.path(), size.operators, "info") };
    let mut network = start(&options, &proxy).await;
    let mut operators = std::mem::take(&mut network.operators);
    let chain = Chain::of(&network).await;
    let faults = async {
        let mut chance = fastrand::Rng::with_seed(size.seed);
        for kill in 0..size.kills {
            let victim = chance.usize(..operators.len());
            operators[victim].kill().await.expect("it can be killed");
            match kill % 4 {
                0 => cut_off(&proxy, &mut chance).await,
                2 => chain.reorganise(chance.u64(1..=DEPTH_MAX)).await,
                _ => {}
            }
            pause(&mut chance, 50..800).await;
            operators[victim].spawn(&options).expect("it starts again");
            pause(&mut chance, 100..1_500).await;
        }
    };
    let ((), asked) = tokio::join!(faults, chain.ask(size.tasks));
    let ends = ends(&network, &asked).await;
    let wrong: BTreeMap<_, _> = ends.iter().filter(|(_, times)| **times != 1).collect();
    assert!(wrong.is_empty(), "seed {}: every operator was back in time for every task: {wrong:?}", size.seed);
    audit::nothing_is_signed_twice(&mut operators, &ends).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn table_change_and_restart_of_all_in_the_middle_lose_nothing() {
    let directory = tempfile::tempdir().expect("there is room for a directory");
    let options = options(directory.path(), 4, "info");
    rustls_provider();
    let mut network = Network::start(&options, &mut |_| {}).await.expect("the network starts");
    let mut operators = std::mem::take(&mut network.operators);
    let chain = Chain::of(&network).await;
    let changes = async {
        // More than the 5 % of everything that may wait for the next epoch.
        deposit_of(&network, &operators[1], 400).await;
        for operator in &mut operators {
            operator.kill().await.expect("it can be killed");
        }
        for operator in &mut operators {
            operator.spawn(&options).expect("it starts again");
        }
    };
    let ((), asked) = tokio::join!(changes, chain.ask(60));
    let ends = ends(&network, &asked).await;
    assert!(ends.values().all(|times| *times == 1), "{ends:?}");
    network.operators = operators;
    assert_eq!(table_written(&network, Epoch(2)).await, Some(Epoch(1)), "the table is another one");
    audit::nothing_is_signed_twice(&mut network.operators, &ends).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn power_cut_of_everything_loses_nothing_that_the_chain_has() {
    let directory = tempfile::tempdir().expect("there is room for a directory");
    let options = Options { keeps_chain: true, ..options(directory.path(), 4, "info") };
    rustls_provider();
    let mut network = Network::start(&options, &mut |_| {}).await.expect("the network starts");
    let mut asked = Chain::of(&network).await.ask(20).await;
    // What is delivered after this the chain forgets.
    network.anvil().save().await.expect("the chain is written");
    tokio::time::sleep(Duration::from_millis(300)).await;
    network.anvil_mut().kill();
    for operator in &mut network.operators {
        operator.kill().await.expect("it can be killed");
    }
    network.anvil_mut().restart().await.expect("the chain starts again");
    for operator in &mut network.operators {
        operator.spawn(&options).expect("it starts again");
    }
    asked.extend(Chain::of(&network).await.ask(10).await);
    let ends = ends(&network, &asked).await;
    assert!(ends.values().all(|times| *times == 1), "{ends:?}");
    audit::nothing_is_signed_twice(&mut network.operators, &ends).await;
}

/// The chain of a network that is up.
struct Chain<'a> {
    network: &'a Network,
    /// Nothing before this block is taken back.
    first: u64,
    /// While tasks are asked for, nothing is taken back, and the other way round: whose transaction was lost would have to ask again.
    turn: Mutex<()>,
}

impl<'a> Chain<'a> {
    async fn of(network: &'a Network) -> Self {
        let first = network.anvil().client().block_number().await.expect("anvil answers");
        Self { network, first, turn: Mutex::new(()) }
    }

    async fn ask(&self, tasks: usize) -> Vec<TaskId> {
        let mut asked = Vec::with_capacity(tasks);
        for _ in 0..tasks {
            let _turn = self.turn.lock().await;
            let task = self.network.ask(boxscore::CLOSED, DEADLINE_S).await.expect("the contract takes it");
            asked.push(task.task_id);
        }
        asked
    }

    /// Replaces the last blocks. What the owner sent in them comes again in the same order; what operators sent is lost.
    async fn reorganise(&self, depth: u64) {
        let _turn = self.turn.lock().await;
        // Nothing is mined meanwhile.
        let anvil = self.network.anvil();
        anvil.set_automine(false).await.expect("anvil answers");
        let head = anvil.client().block_number().await.expect("anvil answers");
        let depth = depth.min(head - self.first);
        let mut kept = Vec::new();
        for offset in 0..depth {
            for transaction in self.sent_by_owner(head - depth + 1 + offset).await {
                kept.push(json!([transaction, offset]));
            }
        }
        anvil.control("anvil_reorg", json!([depth, kept])).await.expect("anvil reorganises");
        anvil.set_automine(true).await.expect("anvil answers");
    }

    async fn sent_by_owner(&self, block: u64) -> Vec<Value> {
        let anvil = self.network.anvil();
        let whole = anvil.control("eth_getBlockByNumber", json!([format!("{block:#x}"), true])).await;
        let whole = whole.expect("anvil answers");
        let mut raw = Vec::new();
        for transaction in whole["transactions"].as_array().expect("a list") {
            let from: Address = transaction["from"].as_str().expect("an address").parse().expect("an address");
            if from == self.network.owner.address() {
                let bytes = anvil.control("eth_getRawTransactionByHash", json!([transaction["hash"]])).await;
                raw.push(bytes.expect("anvil answers"));
            }
        }
        raw
    }
}

async fn start(options: &Options, proxy: &Proxy) -> Network {
    rustls_provider();
    let mut watch = |progress: Progress<'_>| {
        if let Progress::Chain(anvil) = progress {
            proxy.lead_to(Anvil::url(anvil));
        }
    };
    Network::start(options, &mut watch).await.expect("the network starts")
}

/// Lets the endpoint fail or stall for a while; either way all connections to it are cut twice.
async fn cut_off(proxy: &Proxy, chance: &mut fastrand::Rng) {
    proxy.set(if chance.bool() { Mode::Stall } else { Mode::Fail });
    pause(chance, 100..2_000).await;
    proxy.set(Mode::Pass);
}

async fn pause(chance: &mut fastrand::Rng, millis: Range<u64>) {
    tokio::time::sleep(Duration::from_millis(chance.u64(millis))).await;
}

/// How often the chain has each task delivered, once all are, or when their time is over.
async fn ends(network: &Network, asked: &[TaskId]) -> BTreeMap<TaskId, usize> {
    let waited = async {
        loop {
            let delivered = deliveries(network, asked).await;
            if delivered.values().all(|times| *times > 0) {
                return delivered;
            }
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
    };
    match tokio::time::timeout(PATIENCE + Duration::from_secs(DEADLINE_S), waited).await {
        Ok(delivered) => delivered,
        Err(_) => deliveries(network, asked).await,
    }
}

/// From the first block on each time: what was taken back does not count.
async fn deliveries(network: &Network, asked: &[TaskId]) -> BTreeMap<TaskId, usize> {
    let mut delivered: BTreeMap<_, _> = asked.iter().map(|task| (*task, 0)).collect();
    let mut cursor = None;
    loop {
        let events = network.events(&mut cursor).await.expect("the chain answers");
        for PlacedEvent { event, .. } in &events {
            if let ServiceEvent::TaskDelivered { task_id, .. } = event {
                *delivered.get_mut(task_id).expect("only what was asked for is delivered") += 1;
            }
        }
        let head = network.anvil().client().block_number().await.expect("anvil answers");
        if cursor.is_some_and(|cursor| cursor.block_number >= head) {
            return delivered;
        }
    }
}

/// Ends an operator, so that its journal can be looked at.
async fn stop(operator: &mut Operator) {
    operator.kill().await.expect("it can be killed");
}
