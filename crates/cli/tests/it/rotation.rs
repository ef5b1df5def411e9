//! Keys that change: through the binary, with whatever interrupts it, and under a network that goes on working.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use serde_json::Value;
use tandem_chain::{Password, ServiceReader, TransactionConfig, TransactionManager};
use tandem_cli::boxscore;
use tandem_cli::local::{EPOCH_S, Network, TABLE_WINDOW_S};
use tandem_crypto::Strength;
use tandem_node::keys::{KeyDirectory, KeyKind, OperatorKeys, Registered};
use tandem_types::{B256, Epoch, G1Point, PerToken, U256};

use crate::network::{delivered, options, start};
use crate::upkeep::table_written;
use crate::world::{PASSWORD, Person, World};

/// Seconds for which a previous key is honoured.
const OVERLAP: u64 = 7 * 24 * 3_600;

struct Scene {
    world: World,
    one: Person,
}

/// Every file of a directory.
type Files = BTreeMap<String, Vec<u8>>;

impl Scene {
    /// An operator that is registered.
    async fn set() -> Self {
        let world = World::start().await;
        let one = world.operator("one", PerToken { native: 0, external: 0 }).await;
        world.tandem(&one, "operator register").done_text();
        Self { world, one }
    }

    fn keys(&self) -> OperatorKeys {
        open(&self.one.keys)
    }

    fn files(&self) -> Files {
        let entries = std::fs::read_dir(&self.one.keys).expect("it is readable").flatten();
        entries
            .map(|entry| {
                let name = entry.file_name().into_string().expect("the name is text");
                (name, std::fs::read(entry.path()).expect("it is readable"))
            })
            .collect()
    }

    fn registered(&self) -> Registered {
        let page = self.world.tandem(&self.one, "operator show --json").done();
        let key = |value: &Value| value.as_str().expect("keys are text").to_owned();
        let bls: G1Point = serde_json::from_value(page["keys"]["bls"].clone()).expect("it is a point");
        let transport: B256 = key(&page["keys"]["transport"]).parse().expect("it is a word");
        Registered { bls, transport }
    }

    /// Makes new keys as the command does before it is killed.
    fn begin(&self) {
        let password = Password::from(PASSWORD.to_owned());
        let directory = KeyDirectory { path: &self.one.keys, password: &password, strength: Strength::Light };
        let mut held = directory.lock().expect("nobody else has it");
        held.rotate(&[KeyKind::Bls, KeyKind::Transport], &self.registered()).expect("they are in force");
    }

    /// Runs the command and says which calls it made.
    fn rotate(&self, options: &str) -> Vec<String> {
        functions(
            &self.world.tandem(&self.one, &format!("operator rotate-key --json {options}")).done()["transactions"],
        )
    }

    fn assert_in_force(&self, keys: &OperatorKeys) {
        assert_eq!(self.registered(), halves(keys));
    }
}

fn open(directory: &Path) -> OperatorKeys {
    OperatorKeys::open(directory, &Password::from(PASSWORD.to_owned())).expect("the keys are whole")
}

fn halves(keys: &OperatorKeys) -> Registered {
    Registered { bls: keys.public_key().g1(), transport: keys.transport_public() }
}

fn functions(calls: &Value) -> Vec<String> {
    let calls = calls.as_array().expect("a list").iter();
    calls.map(|call| call["function"].as_str().expect("a name").to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_rotate_in_place_again_and_again_once_the_overlap_is_over() {
    let scene = Scene::set().await;
    let first = scene.keys();
    let page = scene.world.tandem(&scene.one, "operator rotate-key --json").done();
    assert_eq!(functions(&page["transactions"]), ["rotateKey", "rotateTransportKey"]);
    let second = scene.keys();
    assert_ne!(halves(&second), halves(&first));
    assert_eq!(second.previous_bls.as_ref().map(|key| key.public_key().g1()), Some(first.public_key().g1()));
    assert_eq!(second.previous_transport.as_ref().map(|key| key.public().0), Some(first.transport_public()));
    scene.assert_in_force(&second);
    let now = scene.world.now().await;
    for key in ["bls", "transport"] {
        let until = page["previous_keys_until"][key].as_u64().expect("a time");
        assert!((now + OVERLAP - 60..=now + OVERLAP).contains(&until), "{page}");
    }

    let files = scene.files();
    let refused = scene.world.tandem(&scene.one, "operator rotate-key");
    assert!(refused.refusal().starts_with("error: the previous BLS key is honoured until 20"), "{}", refused.stderr);
    assert_eq!(scene.files(), files, "what still counts is not lost");

    scene.world.wait(OVERLAP + 1).await;
    let run = scene.world.tandem(&scene.one, "operator rotate-key");
    assert!(run.done_text().contains("Restart the node now"), "{}", run.stdout);
    let third = scene.keys();
    assert_eq!(third.previous_bls.as_ref().map(|key| key.public_key().g1()), Some(second.public_key().g1()));
    scene.assert_in_force(&third);
    for secret in [&first.bls, &second.bls, &third.bls] {
        let secret = hex::encode(*secret.to_bytes());
        assert!(!run.stdout.contains(&secret) && !page.to_string().contains(&secret), "a secret is printed");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn rotation_goes_on_from_wherever_it_stopped() {
    let scene = Scene::set().await;
    let in_force = scene.registered();
    // Killed before anything was sent.
    scene.begin();
    let files = scene.files();
    let made = halves(&scene.keys());
    assert_eq!(scene.registered(), in_force);
    // Killed, or out of ether, between the two transactions.
    assert_eq!(scene.rotate("--only bls"), ["rotateKey"]);
    assert_eq!(scene.registered(), Registered { bls: made.bls, ..in_force });
    assert_eq!(scene.rotate(""), ["rotateTransportKey"]);
    assert_eq!(scene.registered(), made);
    assert_eq!(scene.files(), files, "no third key was made");
}

#[tokio::test(flavor = "multi_thread")]
async fn transaction_that_fails_leaves_a_rotation_that_can_be_finished() {
    let scene = Scene::set().await;
    let ether = U256::from(10).pow(U256::from(18));
    scene.world.anvil.set_balance(scene.one.address, U256::ZERO).await.expect("anvil answers");
    let failed = scene.world.tandem(&scene.one, "operator rotate-key");
    assert_eq!(failed.code, Some(1), "{}", failed.stderr);
    assert!(failed.stderr.contains("run it again to go on with them"), "{}", failed.stderr);
    let files = scene.files();
    assert!(files.contains_key("bls.previous.json") && files.contains_key("transport.previous.json"));
    scene.world.anvil.set_balance(scene.one.address, ether).await.expect("anvil answers");
    assert_eq!(scene.rotate(""), ["rotateKey", "rotateTransportKey"]);
    assert_eq!(scene.files(), files, "no third key was made");
    scene.assert_in_force(&scene.keys());
}

#[tokio::test(flavor = "multi_thread")]
async fn one_of_two_keys_rotates_by_itself() {
    let scene = Scene::set().await;
    let first = scene.registered();
    assert_eq!(scene.rotate("--only transport"), ["rotateTransportKey"]);
    assert_eq!(scene.registered().bls, first.bls);
    assert!(!scene.files().contains_key("bls.previous.json"));
    let files = scene.files();
    let refused = scene.world.tandem(&scene.one, "operator rotate-key");
    assert!(refused.refusal().starts_with("error: the previous transport key is honoured until"), "{}", refused.stderr);
    assert!(refused.stderr.contains("hint: `--only bls` can be rotated now"), "{}", refused.stderr);
    assert_eq!(scene.files(), files);
    assert_eq!(scene.rotate("--only bls"), ["rotateKey"]);
    scene.assert_in_force(&scene.keys());
}

#[tokio::test(flavor = "multi_thread")]
async fn dry_run_of_a_rotation_changes_no_file_and_sends_nothing() {
    let scene = Scene::set().await;
    let show = || {
        let page = scene.world.tandem(&scene.one, "operator rotate-key --dry-run --json").done();
        let calls = page["calls"].as_array().expect("a list").clone();
        assert_eq!(functions(&page["calls"]), ["rotateKey", "rotateTransportKey"]);
        assert!(calls.iter().all(|call| call["gas"].as_u64().is_some_and(|gas| gas > 21_000)), "{page}");
        calls.iter().map(|call| call["data"].as_str().expect("bytes").to_owned()).collect::<Vec<_>>()
    };
    let (files, block) = (scene.files(), scene.world.anvil.client().block_number().await.expect("anvil answers"));
    let shown = show();
    assert_ne!(shown, show(), "keys are made up each time");
    assert_eq!(scene.files(), files);
    scene.begin();
    let files = scene.files();
    let shown = show();
    assert_eq!(shown, show(), "keys that are there are shown");
    assert!(shown[1].ends_with(&hex::encode(scene.keys().transport_public())));
    assert_eq!(scene.files(), files);
    assert_eq!(scene.world.anvil.client().block_number().await.expect("anvil answers"), block);
}

#[tokio::test(flavor = "multi_thread")]
async fn transport_key_that_another_operator_was_quicker_to_register_is_made_anew() {
    let scene = Scene::set().await;
    let in_force = scene.registered();
    scene.begin();
    let claimed = scene.keys().transport_public();
    let two = scene.world.operator("two", PerToken { native: 0, external: 0 }).await;
    scene.world.tandem(&two, "operator register").done_text();
    let contracts = scene.world.deployment.staking();
    let client = scene.world.anvil.client().clone();
    let manager = TransactionManager::start(client, open(&two.keys).account, TransactionConfig::default()).await;
    let manager = manager.expect("anvil answers");
    contracts.perform(&manager, &contracts.rotate_transport_key(claimed)).await.expect("it is not proved");
    assert_eq!(scene.rotate(""), ["rotateKey", "rotateTransportKey"]);
    let keys = scene.keys();
    scene.assert_in_force(&keys);
    assert_ne!(keys.transport_public(), claimed);
    assert_eq!(keys.previous_transport.map(|key| key.public().0), Some(in_force.transport));
}

#[tokio::test(flavor = "multi_thread")]
async fn directory_that_is_behind_the_chain_is_left_alone() {
    let scene = Scene::set().await;
    let backup = scene.files();
    scene.rotate("");
    for (name, bytes) in &backup {
        std::fs::write(scene.one.keys.join(name), bytes).expect("it is writable");
    }
    for name in ["bls.previous.json", "transport.previous.json"] {
        std::fs::remove_file(scene.one.keys.join(name)).expect("it is there");
    }
    scene.world.wait(OVERLAP + 1).await;
    let refused = scene.world.tandem(&scene.one, "operator rotate-key");
    assert_eq!(refused.code, Some(1));
    assert!(refused.stderr.contains("the chain has another BLS key"), "{}", refused.stderr);
    assert_eq!(scene.files(), backup);
}

#[tokio::test(flavor = "multi_thread")]
async fn account_that_is_no_operator_any_more_registers_with_new_keys() {
    let scene = Scene::set().await;
    let (spent, files) = (scene.registered(), scene.files());
    scene.world.tandem(&scene.one, "operator deregister").done_text();
    let refused = scene.world.tandem(&scene.one, "operator rotate-key");
    assert!(refused.refusal().ends_with("is not registered as an operator"), "{}", refused.stderr);
    scene.world.tandem(&scene.one, "operator register --dry-run").done_text();
    assert_eq!(scene.files(), files);
    scene.world.tandem(&scene.one, "operator register").done_text();
    assert_ne!(scene.registered(), spent);
    scene.assert_in_force(&scene.keys());
}

/// Runs `operator rotate-key` as the network's first operator.
fn rotate_in(network: &Network) {
    let configuration = network.operators[0].directory.join("operator.toml");
    let output = Command::new(env!("CARGO_BIN_EXE_tandem"))
        .args(["operator", "rotate-key", "--config"])
        .arg(configuration)
        .output()
        .expect("tandem starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

async fn ask_and_count(network: &Network) -> usize {
    let task = network.ask(boxscore::CLOSED, 120).await.expect("the contract takes it");
    delivered(network, task.task_id).await
}

/// The key of the first operator in a table.
async fn key_in(network: &Network, epoch: Epoch) -> G1Point {
    let service = ServiceReader::open(network.owner.client().clone(), network.deployment.service_manager).await;
    let table = service.expect("anvil answers").operator_table(epoch).await.expect("it is among the latest");
    let position = table.position(network.operators[0].id).expect("it serves");
    table.entries()[position].key_g1
}

/// 66.67 % of three equal stakes are all three, so nothing is delivered without the operator whose keys change.
#[tokio::test(flavor = "multi_thread")]
async fn operator_changes_its_keys_while_tasks_come_and_go() {
    let directory = tempfile::tempdir().expect("there is room for a directory");
    let options = options(directory.path(), 3, "info");
    let mut network = start(&options).await;
    let keys = network.operators[0].directory.join("keys");
    let first = open(&keys).public_key().g1();
    assert_eq!(ask_and_count(&network).await, 3);

    rotate_in(&network);
    let second = open(&keys).public_key().g1();
    assert_ne!(second, first);
    // The table still names the first key, which the node has.
    assert_eq!(ask_and_count(&network).await, 3);
    network.operators[0].kill().await.expect("it can be killed");
    let waiting = network.ask(boxscore::CLOSED, 120).await.expect("the contract takes it");
    network.operators[0].spawn(&options).expect("it starts again");
    assert_eq!(delivered(&network, waiting.task_id).await, 3);
    assert_eq!(key_in(&network, Epoch(1)).await, first);

    // The next table names the second.
    network.pass(EPOCH_S.into()).await.expect("anvil answers");
    assert_eq!(table_written(&network, Epoch(2)).await, None);
    assert_eq!(key_in(&network, Epoch(2)).await, second);
    assert_eq!(ask_and_count(&network).await, 3);

    // Neither table nor first key count any more.
    network.pass(OVERLAP.max(TABLE_WINDOW_S.into()) + 1).await.expect("anvil answers");
    table_written(&network, Epoch(3)).await;
    assert_eq!(ask_and_count(&network).await, 3);
    rotate_in(&network);
    assert_eq!(open(&keys).previous_bls.map(|key| key.public_key().g1()), Some(second));
    assert_eq!(ask_and_count(&network).await, 3);
}
