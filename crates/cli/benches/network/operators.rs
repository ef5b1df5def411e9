//! A network of operators as processes of their own, with a component that computes next to nothing, and tasks for it.

use std::path::{Path, PathBuf};

use alloy::sol_types::SolCall as _;
use serde_json::json;
use tandem_chain::{Anvil, Cursor, ServiceEvent};
use tandem_cli::local::{Network, Options, TOKEN};
use tandem_types::{
    Bps, Component, ComponentDigest, Delivery, Determinism, HttpGrant, Limits, Manifest, PerToken, Policy, TaskId,
    Trigger, Workflow, WorkflowId,
};

/// How many there are.
pub(crate) const OPERATORS: usize = 4;

mod manager {
    alloy::sol! {
        struct Requirement { uint16 nativeBps; uint16 externalBps; uint16 combinedBps; }
        function createTask(bytes32 workflow, bytes calldata input, Requirement calldata requirement, uint64 deadline);
    }
}

fn workflow() -> WorkflowId {
    "score".parse().expect("it is a name")
}

/// What the network is made of.
pub(crate) fn options(directory: &Path) -> Options {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let component = root.join("components/target/wasm32-wasip2/release/errand.wasm");
    let component = std::fs::read(component).expect("run `make components` first");
    let workflow = Workflow {
        name: workflow(),
        trigger: Trigger::Request,
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
    Options {
        policy: Policy::Both { native: Bps::TWO_THIRDS, external: Bps::TWO_THIRDS },
        misled: 0..0,
        rpc: None,
        stakes: vec![PerToken { native: 1_000 * TOKEN, external: 32 * TOKEN }; OPERATORS],
        binary: PathBuf::from(env!("CARGO_BIN_EXE_tandem")),
        anvil: Anvil::find(&root).expect("run scripts/setup-foundry for anvil"),
        directory: directory.to_owned(),
        keeps_chain: false,
        watched_chains: Vec::new(),
        telemetry: Default::default(),
        component,
        manifest: Some(Manifest { name: "bench".to_owned(), workflows: vec![workflow] }),
        sources: Vec::new(),
        api_key: "unused".to_owned(),
        log: "warn".to_owned(),
    }
}

/// Starts the network, connected, with a handler that takes everything and does nothing.
pub(crate) async fn start(options: &Options) -> Network {
    let network = Network::start(options, &mut |_| {}).await.expect("the network starts");
    let stop = json!([network.deployment.score_board, "0x00"]);
    network.anvil().control("anvil_setCode", stop).await.expect("anvil answers");
    network
}

/// What the chain says of tasks, in the order of what it says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Said {
    Asked(TaskId),
    Delivered(TaskId),
}

/// What the chain has said since `cursor`.
pub(crate) async fn said(network: &Network, cursor: &mut Option<Cursor>) -> Vec<Said> {
    let events = network.events(cursor).await.expect("anvil answers");
    let what = |event| match event {
        ServiceEvent::TaskCreated { task_id, .. } => Some(Said::Asked(task_id)),
        ServiceEvent::TaskDelivered { task_id, .. } => Some(Said::Delivered(task_id)),
        _ => None,
    };
    events.into_iter().filter_map(|placed| what(placed.event)).collect()
}

/// Asks for so many tasks at once, from accounts that Anvil signs for; they are mined by whoever mines.
pub(crate) async fn ask(network: &Network, tasks: u64, seconds: u64) {
    let anvil = network.anvil();
    let deadline = anvil.client().latest_block().await.expect("anvil answers").timestamp + seconds;
    let from = anvil.accounts()[1].address();
    for task in 0..tasks {
        let requirement = manager::Requirement { nativeBps: 0, externalBps: 0, combinedBps: 0 };
        let input = format!("echo {task}").into_bytes().into();
        let call = manager::createTaskCall { workflow: workflow().to_word(), input, requirement, deadline };
        let data = format!("0x{}", hex::encode(call.abi_encode()));
        let to = network.deployment.service_manager;
        let request = json!([{ "from": from, "to": to, "data": data, "gas": "0x7a120" }]);
        anvil.control("eth_sendTransaction", request).await.expect("anvil takes it");
    }
}
