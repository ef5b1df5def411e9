//! A local network that tests reach into: restarts, failures, and what operators leave in their files.

use std::path::{Path, PathBuf};
use std::time::Duration;

use tandem_chain::{Anvil, ServiceEvent};
use tandem_cli::boxscore;
use tandem_cli::local::{Network, Options, TOKEN};
use tandem_types::{Bps, PerToken, Policy, TaskId};

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
const API_KEY: &str = "a-key-that-no-log-may-hold-5f1d7c";
/// How long anything may take on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) fn options(directory: &Path, operators: usize, log: &str) -> Options {
    let component = Path::new(ROOT).join("components/target/wasm32-wasip2/release/sports_scores.wasm");
    let threshold = Bps::TWO_THIRDS;
    Options {
        policy: Policy::Both { native: threshold, external: threshold },
        misled: 0..0,
        rpc: None,
        watched_chains: Vec::new(),
        telemetry: Default::default(),
        stakes: vec![PerToken { native: 1_000 * TOKEN, external: 32 * TOKEN }; operators],
        binary: PathBuf::from(env!("CARGO_BIN_EXE_tandem")),
        anvil: Anvil::find(Path::new(ROOT)).expect("run scripts/setup-foundry first"),
        directory: directory.to_owned(),
        component: std::fs::read(&component).expect("run `make components` first"),
        manifest: None,
        keeps_chain: false,
        sources: Vec::new(),
        api_key: API_KEY.to_owned(),
        log: log.to_owned(),
    }
}

pub(crate) async fn start(options: &Options) -> Network {
    rustls_provider();
    Network::start(options, &mut |_| {}).await.expect("the network starts")
}

/// The provider is the process's; an earlier test may have set it.
pub(crate) fn rustls_provider() {
    let _ = rustls::crypto::ring::default_provider().install_default();
}

/// Waits for the delivery of a task, and returns how many signed it.
pub(crate) async fn delivered(network: &Network, task: TaskId) -> usize {
    let waited = async {
        let (mut cursor, mut signers) = (None, 0);
        loop {
            for placed in network.events(&mut cursor).await.expect("the chain answers") {
                match placed.event {
                    ServiceEvent::CertificateVerified { signers: bitmap, .. } => {
                        signers = bitmap.positions(network.operators.len()).expect("it fits the table").len();
                    }
                    ServiceEvent::TaskDelivered { task_id, handled, .. } if task_id == task => {
                        assert!(handled, "the score board took it");
                        return signers;
                    }
                    _ => {}
                }
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, waited).await.expect("the task is delivered in time")
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_operator_comes_back_and_signs_again() {
    let directory = tempfile::tempdir().expect("there is room for a directory");
    let options = options(directory.path(), 4, "info");
    let mut network = start(&options).await;
    let first = network.ask(boxscore::CLOSED, 60).await.expect("the contract takes it");
    assert!(delivered(&network, first.task_id).await >= 3);
    network.operators[0].kill().await.expect("it can be killed");
    let second = network.ask(boxscore::CLOSED, 60).await.expect("the contract takes it");
    assert_eq!(delivered(&network, second.task_id).await, 3);
    network.operators[0].spawn(&options).expect("it starts again");
    let back = tokio::time::timeout(PATIENCE, network.operators[0].wait_until_connected(3));
    back.await.expect("it comes back in time").expect("it comes back");
    // The others have to be killed down to the quorum, so that it cannot do without the one that came back.
    network.operators[1].kill().await.expect("it can be killed");
    let third = network.ask(boxscore::CLOSED, 60).await.expect("the contract takes it");
    assert_eq!(delivered(&network, third.task_id).await, 3);
    let page = network.operators[0].task(second.task_id).await.expect("it caught up");
    assert_eq!(page.state, "delivered");
}

#[tokio::test(flavor = "multi_thread")]
async fn all_operators_restarted_at_once_finish_what_was_open() {
    let directory = tempfile::tempdir().expect("there is room for a directory");
    let options = options(directory.path(), 3, "info");
    let mut network = start(&options).await;
    let task = network.ask(boxscore::CLOSED, 120).await.expect("the contract takes it");
    for operator in &mut network.operators {
        operator.kill().await.expect("it can be killed");
    }
    for operator in &mut network.operators {
        operator.spawn(&options).expect("it starts again");
    }
    assert!(delivered(&network, task.task_id).await >= 3, "66.67 % of three equal stakes are all three");
}

#[tokio::test(flavor = "multi_thread")]
async fn request_that_cannot_be_answered_expires_and_says_why() {
    let directory = tempfile::tempdir().expect("there is room for a directory");
    let network = start(&options(directory.path(), 3, "info")).await;
    let task = network.ask(boxscore::LIVE, 5).await.expect("the contract takes it");
    let failed = async {
        loop {
            if let Some(page) = network.operators[0].task(task.task_id).await
                && let Some(error) = page.error
            {
                return error;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let error = tokio::time::timeout(PATIENCE, failed).await.expect("the operator says why");
    assert!(error.contains("not closed"), "{error}");
    assert!(network.score(boxscore::LIVE).await.expect("the chain answers").is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn no_secret_is_in_any_file_or_page() {
    let directory = tempfile::tempdir().expect("there is room for a directory");
    let mut network = start(&options(directory.path(), 3, "trace")).await;
    let answered = network.ask(boxscore::CLOSED, 60).await.expect("the contract takes it");
    delivered(&network, answered.task_id).await;
    // Failures have messages of their own.
    for game in [boxscore::FAILING, boxscore::MALFORMED, "no game at all"] {
        network.ask(game, 5).await.expect("the contract takes it");
    }
    let last = network.ask(boxscore::CLOSED, 60).await.expect("the contract takes it");
    delivered(&network, last.task_id).await;
    let mut pages = Vec::new();
    for operator in &network.operators {
        for path in ["metrics", "healthz", "v1/status", &format!("v1/tasks/{}", answered.task_id)] {
            pages.push(operator.page(path).await.expect("the node answers"));
        }
    }
    let secrets = secrets(&network);
    for operator in &mut network.operators {
        operator.kill().await.expect("it can be killed");
    }
    let files = files(directory.path());
    let logs: Vec<_> = files.iter().filter(|path| path.ends_with("log")).collect();
    assert_eq!(logs.len(), 3);
    for log in logs {
        let text = std::fs::read_to_string(log).expect("logs are text");
        assert!(text.contains("TRACE") && text.contains("execution failed"), "the log is complete");
    }
    for path in files {
        let bytes = std::fs::read(&path).expect("the file can be read");
        secrets.iter().for_each(|secret| assert_lacks(&bytes, secret, &path.display().to_string()));
    }
    for page in pages {
        secrets.iter().for_each(|secret| assert_lacks(page.as_bytes(), secret, "a page"));
    }
}

/// Every secret of the network in every form in which it could be written.
fn secrets(network: &Network) -> Vec<Vec<u8>> {
    let mut secrets = vec![API_KEY.as_bytes().to_vec(), hex::encode(API_KEY).into_bytes()];
    for operator in &network.operators {
        let password = tandem_chain::Password::from("local".to_owned());
        let keys = tandem_node::keys::OperatorKeys::open(&operator.directory.join("keys"), &password);
        let keys = keys.expect("the keys are there");
        let bls = keys.bls.to_bytes();
        secrets.extend([bls.to_vec(), hex::encode(*bls).into_bytes(), hex::encode_upper(*bls).into_bytes()]);
    }
    secrets
}

fn assert_lacks(bytes: &[u8], secret: &[u8], place: &str) {
    let found = bytes.windows(secret.len()).any(|window| window == secret);
    assert!(!found, "{place} holds {}", String::from_utf8_lossy(secret));
}

fn files(directory: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(directory).expect("the directory can be read").flatten();
    let nested =
        entries.flat_map(|entry| if entry.path().is_dir() { files(&entry.path()) } else { vec![entry.path()] });
    nested.collect()
}
