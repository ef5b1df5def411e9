//! Operators that are killed at any moment, and an endpoint that fails, stalls and cuts connections, while tasks come: each task is delivered once or expires as its
//! deadline says. `make faults` runs it at its full size.

mod proxy;

use std::collections::BTreeMap;
use std::ops::Range;
use std::time::Duration;

use tandem_chain::{Anvil, PlacedEvent, ServiceEvent};
use tandem_cli::boxscore;
use tandem_cli::local::{Network, Options, Progress};
use tandem_types::TaskId;

use crate::network::{PATIENCE, options, rustls_provider};
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
const DEADLINE_S: u64 = 180;

#[tokio::test(flavor = "multi_thread")]
async fn tasks_are_delivered_once_whatever_is_killed_and_cut_off() {
    let size = Size::from_environment();
    let directory = tempfile::tempdir().expect("there is room for a directory");
    let proxy = Proxy::start().await;
    let options = Options { rpc: Some(proxy.url()), ..options(directory.path(), size.operators, "info") };
    let mut network = start(&options, &proxy).await;
    let mut operators = std::mem::take(&mut network.operators);
    let faults = async {
        let mut chance = fastrand::Rng::with_seed(size.seed);
        for kill in 0..size.kills {
            let victim = chance.usize(..operators.len());
            operators[victim].kill().await.expect("it can be killed");
            if kill % 3 == 0 {
                cut_off(&proxy, &mut chance).await;
            }
            pause(&mut chance, 50..800).await;
            operators[victim].spawn(&options).expect("it starts again");
            pause(&mut chance, 100..1_500).await;
        }
    };
    let ((), asked) = tokio::join!(faults, ask(&network, size.tasks));
    let ends = tokio::time::timeout(PATIENCE + Duration::from_secs(DEADLINE_S), ends(&network, &asked)).await;
    let ends = ends.expect("every task ends in time");
    let expired = ends.values().filter(|times| **times == 0).count();
    assert!(ends.values().all(|times| *times <= 1), "seed {}: a task was delivered twice: {ends:?}", size.seed);
    assert_eq!(
        (ends.len(), expired),
        (size.tasks, 0),
        "seed {}: every operator was back in time for every task",
        size.seed
    );
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

async fn ask(network: &Network, tasks: usize) -> Vec<TaskId> {
    let mut asked = Vec::with_capacity(tasks);
    for _ in 0..tasks {
        let task = network.ask(boxscore::CLOSED, DEADLINE_S).await.expect("the contract takes it");
        asked.push(task.task_id);
    }
    asked
}

/// Waits until every task is delivered or its deadline has passed, and says how often each was delivered.
async fn ends(network: &Network, asked: &[TaskId]) -> BTreeMap<TaskId, usize> {
    let mut delivered: BTreeMap<_, _> = asked.iter().map(|task| (*task, 0)).collect();
    let mut cursor = None;
    let deadline = tandem_cli::local::unix_seconds() + DEADLINE_S;
    while delivered.values().any(|times| *times == 0) && tandem_cli::local::unix_seconds() <= deadline {
        let events = network.events(&mut cursor).await.expect("the chain answers");
        for PlacedEvent { event, .. } in events {
            if let ServiceEvent::TaskDelivered { task_id, .. } = event {
                *delivered.get_mut(&task_id).expect("only what was asked for is delivered") += 1;
            }
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    delivered
}
