//! Triggers that fire by themselves, with real operators and a real chain: every firing is delivered once, whoever is killed and whatever is reorganised.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use serde_json::json;
use tandem_chain::{Anvil, Cursor, Mining, ServiceEvent};
use tandem_cli::local::{Network, Options};
use tandem_node::chains::AccessConfig;
use tandem_node::config::WatchedChain;
use tandem_types::{
    Address, B256, BlockFiring, Component, ComponentDigest, CronFiring, Delivery, Determinism, Firing, HttpGrant,
    Limits, LogFiring, Manifest, TaskId, Trigger, U256, Workflow, WorkflowId, keccak256,
};

use crate::network::{PATIENCE, options, rustls_provider, start};
use crate::world::World;

const OTHER_CHAIN: u64 = 777;

fn workflow() -> WorkflowId {
    "tick".parse().expect("the name is valid")
}

/// A network whose only workflow is started by `trigger`, written as in manifests. Its component tells the time of its task's block, and what follows from
/// the task's id.
pub(crate) fn triggered(directory: &Path, trigger: serde_json::Value) -> Options {
    let component = concat!(env!("CARGO_MANIFEST_DIR"), "/../../components/target/wasm32-wasip2/release/witness.wasm");
    let component = std::fs::read(component).expect("run `make components` first");
    let workflow = Workflow {
        name: workflow(),
        trigger: serde_json::from_value::<Trigger>(trigger).expect("it is a trigger"),
        component: Component::from(ComponentDigest::of(&component)),
        delivery: Delivery::Handler,
        determinism: Determinism::Strict,
        config: Default::default(),
        secrets: Default::default(),
        http: HttpGrant::default(),
        store: None,
        chain: None,
        calls: Default::default(),
        scratch: None,
        limits: Limits::default(),
    };
    let manifest = Manifest { name: "triggered".to_owned(), workflows: vec![workflow] };
    Options { component, manifest: Some(manifest), ..options(directory, 3, "info") }
}

/// What the chain delivered.
pub(crate) struct Deliveries {
    cursor: Option<Cursor>,
    tasks: BTreeSet<TaskId>,
}

impl Deliveries {
    pub(crate) fn new() -> Self {
        Self { cursor: None, tasks: BTreeSet::new() }
    }

    /// Reads on; a second delivery of a task fails the test.
    pub(crate) async fn read(&mut self, network: &Network) {
        for placed in network.events(&mut self.cursor).await.expect("the chain answers") {
            if let ServiceEvent::TaskDelivered { task_id, .. } = placed.event {
                assert!(self.tasks.insert(task_id), "{task_id} is delivered twice");
            }
        }
    }

    /// Mines blocks until all of `tasks` are delivered.
    pub(crate) async fn wait_for(&mut self, network: &Network, tasks: &[TaskId]) {
        let waited = async {
            while !tasks.iter().all(|task| self.tasks.contains(task)) {
                network.anvil().mine(1).await.expect("anvil mines");
                tokio::time::sleep(Duration::from_millis(100)).await;
                self.read(network).await;
            }
        };
        let done = tokio::time::timeout(PATIENCE, waited).await;
        let missing = || tasks.iter().filter(|task| !self.tasks.contains(task)).count();
        assert!(done.is_ok(), "{} of {} firings are not delivered", missing(), tasks.len());
    }
}

/// The task of a firing, whatever manifest and deadline it has.
fn task_of(network: &Network, firing: &Firing) -> TaskId {
    let task = firing.task(workflow(), tandem_types::ManifestHash(B256::ZERO), (Address::ZERO, 0));
    task.id(network.deployment.service())
}

pub(crate) async fn head(network: &Network) -> (u64, u64) {
    let block = network.anvil().client().latest_block().await.expect("anvil answers");
    (block.number, block.timestamp)
}

async fn kill_and_restart_all(network: &mut Network, options: &Options) {
    for operator in &mut network.operators {
        operator.kill().await.expect("it can be killed");
    }
    // What fires now nobody sees.
    for _ in 0..12 {
        network.anvil().mine(1).await.expect("anvil mines");
    }
    network.pass(5).await.expect("anvil mines");
    for operator in &mut network.operators {
        operator.spawn(options).expect("it starts again");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn schedule_fires_every_second_also_over_a_crash_of_all() {
    let directory = tempfile::tempdir().expect("there is room for a directory");
    let options = triggered(directory.path(), json!({ "cron": { "schedule": "* * * * * *" } }));
    let mut network = start(&options).await;
    let seconds = |network: &Network, (from, to): (u64, u64)| {
        let task = |instant| task_of(network, &Firing::Cron(CronFiring { instant }));
        (from..=to).map(task).collect::<Vec<_>>()
    };
    let (_, begin) = head(&network).await;
    let mut deliveries = Deliveries::new();
    deliveries.wait_for(&network, &seconds(&network, (begin, begin + 3))).await;
    kill_and_restart_all(&mut network, &options).await;
    let (_, end) = head(&network).await;
    assert!(end >= begin + 8);
    deliveries.wait_for(&network, &seconds(&network, (begin, end))).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn blocks_fire_at_their_interval_also_over_a_crash_of_all() {
    let directory = tempfile::tempdir().expect("there is room for a directory");
    let options = triggered(directory.path(), json!({ "block": { "every": 5 } }));
    let mut network = start(&options).await;
    let fired = |network: &Network, (from, to): (u64, u64)| {
        let numbers = (from..=to).filter(|number| number.is_multiple_of(5));
        let chain_id = network.deployment.chain_id;
        let task = |number| task_of(network, &Firing::Block(BlockFiring { chain_id, number }));
        numbers.map(task).collect::<Vec<_>>()
    };
    let (begin, _) = head(&network).await;
    let mut deliveries = Deliveries::new();
    deliveries.wait_for(&network, &fired(&network, (begin, begin + 10))).await;
    kill_and_restart_all(&mut network, &options).await;
    let (end, _) = head(&network).await;
    assert!(end >= begin + 13);
    deliveries.wait_for(&network, &fired(&network, (begin, end))).await;
}

/// Where the network's native token will be: its contracts are created in the same order by the same account everywhere.
async fn token_to_come() -> Address {
    World::start().await.deployment.native_token
}

/// Mints one unit of the token, and returns the transaction.
async fn transfer(network: &Network) -> B256 {
    let (token, owner) = (network.deployment.native_token, network.deployment.score_board);
    tandem_chain::admin::mint(&network.owner, token, owner, U256::ONE).await.expect("anyone may mint");
    let block = network.anvil().control("eth_getBlockByNumber", json!(["latest", false])).await.expect("anvil answers");
    block["transactions"][0].as_str().expect("it was mined").parse().expect("a hash")
}

#[tokio::test(flavor = "multi_thread")]
async fn log_of_a_contract_fires_once_also_when_its_transaction_is_mined_again() {
    let directory = tempfile::tempdir().expect("there is room for a directory");
    let token = token_to_come().await;
    let event = keccak256("Transfer(address,address,uint256)");
    let trigger = json!({ "log": { "addresses": [token], "topics": [[event], [B256::ZERO]], "confirmations": 3 } });
    let network = start(&triggered(directory.path(), trigger)).await;
    assert_eq!(network.deployment.native_token, token, "the trigger watches the token");
    let fired = |tx_hash: B256| {
        let topics = vec![event, B256::ZERO, network.deployment.score_board.into_word()];
        let (chain_id, data) = (network.deployment.chain_id, B256::with_last_byte(1).to_vec().into());
        let log = LogFiring { chain_id, tx_hash, position: 0, emitter: token, topics, data };
        task_of(&network, &Firing::Log(log))
    };
    let mut deliveries = Deliveries::new();
    let plain = transfer(&network).await;
    deliveries.wait_for(&network, &[fired(plain)]).await;
    // Its block is replaced by one at the same height, and it comes a block later.
    let moved = transfer(&network).await;
    let raw = network.anvil().control("eth_getRawTransactionByHash", json!([moved])).await.expect("anvil answers");
    network.anvil().mine(1).await.expect("anvil mines");
    let reorganised = network.anvil().control("anvil_reorg", json!([2, [[raw, 1]]])).await;
    reorganised.expect("anvil reorganises");
    deliveries.wait_for(&network, &[fired(moved)]).await;
    let again = transfer(&network).await;
    deliveries.wait_for(&network, &[fired(plain), fired(moved), fired(again)]).await;
    assert_ne!(fired(plain), fired(again), "another transaction is another firing");
}

/// Another chain, reached by a URL that holds what nobody may be shown.
async fn other_chain() -> (Anvil, WatchedChain) {
    rustls_provider();
    let binary = Anvil::find(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")).expect("run scripts/setup-foundry");
    let anvil = Anvil::start(&binary, Mining::Auto).await.expect("anvil starts");
    anvil.control("anvil_setChainId", json!([OTHER_CHAIN])).await.expect("anvil takes another id");
    let mut rpc = anvil.url().clone();
    rpc.set_query(Some("key=hunter2"));
    rpc.set_username("hunter2").expect("the URL has a host");
    let access = AccessConfig { request_timeout_ms: 2_000, ..AccessConfig::default() };
    (anvil, WatchedChain { chain_id: OTHER_CHAIN, rpc, confirmations: 0, access })
}

/// What `/v1/status` of the first operator says, once it says what is wanted.
async fn status_when(network: &Network, is_wanted: impl Fn(&serde_json::Value) -> bool) -> serde_json::Value {
    let mut last = serde_json::Value::Null;
    let waited = async {
        loop {
            let page = network.operators[0].page("v1/status").await.unwrap_or_default();
            last = serde_json::from_str(&page).unwrap_or_default();
            if is_wanted(&last) {
                return;
            }
            network.anvil().mine(1).await.expect("anvil mines");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    let done = tokio::time::timeout(PATIENCE, waited).await.is_ok();
    assert!(done, "{last}");
    last
}

fn reading<'a>(page: &'a serde_json::Value, chain_id: u64, follows: &str) -> &'a serde_json::Value {
    let chains = page["chains"].as_array().expect("a list");
    let found = chains.iter().find(|chain| chain["chain_id"] == chain_id && chain["follows"] == follows);
    found.unwrap_or(&serde_json::Value::Null)
}

#[tokio::test(flavor = "multi_thread")]
async fn status_and_metrics_tell_how_far_another_chain_is_read_and_how_its_endpoint_does() {
    let directory = tempfile::tempdir().expect("there is room for a directory");
    let (other, watched) = other_chain().await;
    let trigger = json!({ "block": { "every": 5, "chain": OTHER_CHAIN } });
    let options = Options { watched_chains: vec![watched], ..triggered(directory.path(), trigger) };
    let network = start(&options).await;
    other.mine(12).await.expect("anvil mines");
    let fired: Vec<_> =
        [5, 10].map(|number| task_of(&network, &Firing::Block(BlockFiring { chain_id: OTHER_CHAIN, number }))).to_vec();
    let mut deliveries = Deliveries::new();
    deliveries.wait_for(&network, &fired).await;
    let page = status_when(&network, |page| reading(page, OTHER_CHAIN, "triggers")["block"] == 12).await;
    let chain = reading(&page, OTHER_CHAIN, "triggers");
    assert_eq!((&chain["head"], &chain["behind"]), (&12.into(), &0.into()), "{page}");
    assert!(reading(&page, network.deployment.chain_id, "service")["block"].is_u64(), "{page}");
    let host = format!("http://127.0.0.1:{}", other.url().port().expect("anvil has a port"));
    let of_other = &page["endpoints"][1];
    assert_eq!((&of_other["chain_id"], &of_other["endpoints"][0]["url"]), (&OTHER_CHAIN.into(), &host.clone().into()));
    assert_eq!(of_other["endpoints"][0]["state"], "healthy", "{page}");
    let metrics = network.operators[0].page("metrics").await.expect("it answers");
    let labels = format!("{{chain=\"{OTHER_CHAIN}\",endpoint=\"0\",host=\"{host}\"}}");
    for sample in
        [format!("tandem_triggers_block{{chain=\"{OTHER_CHAIN}\"}} 12"), format!("tandem_endpoint_state{labels} 0")]
    {
        assert!(metrics.lines().any(|line| line == sample), "{sample}: {metrics}");
    }
    let text = status_text(&network);
    for part in ["triggers", "healthy", &format!("chain {OTHER_CHAIN} endpoint 0: {host}")] {
        assert!(text.contains(part), "{part}: {text}");
    }
    for shown in [&page.to_string(), &metrics, &text] {
        assert!(!shown.contains("hunter2"), "{shown}");
    }
    for (chain, served) in [(OTHER_CHAIN, 3), (778, 0)] {
        let asked = who_serves(&network, chain);
        let page: serde_json::Value = serde_json::from_slice(&asked.stdout).expect("it prints JSON");
        assert_eq!((&page["answered"], &page["triggers"][0]["operators"]), (&3.into(), &served.into()), "{page}");
        assert_eq!(asked.status.code(), Some(if served > 0 { 0 } else { 3 }), "{page}");
    }
    // A chain that dies harms no other, and is seen.
    drop(other);
    let page = status_when(&network, |page| page["endpoints"][1]["endpoints"][0]["state"] == "paused").await;
    assert!(page["healthy"] == true && page["warnings"].to_string().contains("endpoints of a chain"), "{page}");
    assert!(!page.to_string().contains("hunter2") && status_text(&network).contains("paused"), "{page}");
}

/// What `tandem service triggers` finds for a manifest whose trigger watches that chain, of all operators.
fn who_serves(network: &Network, chain: u64) -> std::process::Output {
    let directory = tempfile::tempdir().expect("there is room for a directory");
    let options = triggered(directory.path(), json!({ "block": { "every": 5, "chain": chain } }));
    let path = directory.path().join("manifest.json");
    std::fs::write(&path, options.manifest.expect("it has one").to_canonical_json()).expect("it is writable");
    let doors =
        network.operators.iter().map(|operator| operator.addresses().and_then(|at| at.callers).expect("a door"));
    let doors: Vec<_> = doors.map(|door| format!("http://{door}")).collect();
    std::process::Command::new(env!("CARGO_BIN_EXE_tandem"))
        .args(["service", "triggers", "--json", "--at", &doors.join(",")])
        .args(["--chain-id", &network.deployment.chain_id.to_string()])
        .args(["--service", &network.deployment.service_manager.to_string()])
        .arg(path)
        .output()
        .expect("tandem starts")
}

/// What `tandem operator status` shows of the first operator.
fn status_text(network: &Network) -> String {
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_tandem"))
        .args(["operator", "status", "--config"])
        .arg(network.operators[0].directory.join("operator.toml"))
        .output()
        .expect("tandem starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("it is text")
}

#[tokio::test(flavor = "multi_thread")]
async fn operator_without_an_endpoint_for_a_chain_says_so_at_start() {
    let directory = tempfile::tempdir().expect("there is room for a directory");
    rustls_provider();
    let options = triggered(directory.path(), json!({ "block": { "every": 5, "chain": 777 } }));
    let error = Network::start(&options, &mut |_| {}).await.err().expect("no operator serves it");
    drop(error);
    let log = std::fs::read_to_string(directory.path().join("operator-1/log")).expect("it wrote why");
    assert!(log.contains("workflow `tick` is triggered by chain 777, for which there is no endpoint"), "{log}");
    assert!(log.contains("[[watched-chains]]"), "{log}");
}
