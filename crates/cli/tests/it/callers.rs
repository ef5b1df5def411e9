//! Callers, with real operators: what one signs is run once, whoever is asked, however often, and whoever is killed.

use std::path::Path;
use std::process::Output;
use std::time::Duration;

use serde_json::{Value, json};
use tandem_chain::{Account, Password};
use tandem_cli::local::{Network, Options};
use tandem_types::{Address, B256, HttpFiring, SignedFiring, TaskId, WorkflowId};
use tokio_util::sync::CancellationToken;

use crate::network::{PATIENCE, start};
use crate::triggers::{Deliveries, head, triggered};

fn caller() -> Account {
    Account::from_bytes(&[7; 32]).expect("it is a key")
}

fn options(directory: &Path) -> Options {
    triggered(directory, json!({ "http": { "callers": [caller().address()] } }))
}

/// A firing as the caller signs it now, by the chain's clock.
async fn firing(network: &Network, key: u8) -> HttpFiring {
    let (workflow, input) = ("tick".parse::<WorkflowId>().expect("a name"), vec![key].into());
    let instant = std::time::UNIX_EPOCH.elapsed().expect("it is later").as_secs().min(head(network).await.1 + 30);
    HttpFiring { workflow, caller: caller().address(), key: B256::repeat_byte(key), instant, input }
}

async fn signed(network: &Network, key: u8) -> SignedFiring {
    caller().sign_firing(firing(network, key).await, network.deployment.service())
}

/// Where an operator takes in callers.
fn door(network: &Network, operator: usize) -> String {
    let addresses = network.operators[operator].addresses().expect("it is up");
    format!("http://{}", addresses.callers.expect("it takes in callers"))
}

async fn post(network: &Network, operator: usize, body: String) -> (u16, Value) {
    let request = reqwest::Client::new().post(format!("{}/v1/firings", door(network, operator))).body(body);
    let answer = request.send().await.expect("the operator answers");
    let code = answer.status().as_u16();
    (code, serde_json::from_str(&answer.text().await.expect("a body")).expect("JSON"))
}

async fn send(network: &Network, operator: usize, signed: &SignedFiring) -> (u16, Value) {
    post(network, operator, serde_json::to_string(signed).expect("serialises")).await
}

async fn page(network: &Network, operator: usize, task: TaskId) -> Value {
    let url = format!("{}/v1/tasks/{task}", door(network, operator));
    let text = reqwest::get(url).await.expect("the operator answers").text().await.expect("a body");
    serde_json::from_str(&text).expect("JSON")
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_caller_signs_is_run_once_whoever_is_asked() {
    let directory = tempfile::tempdir().expect("there is room for a directory");
    let network = start(&options(directory.path())).await;
    let signed = signed(&network, 1).await;
    let task = signed.task_id(network.deployment.service());
    let (code, answer) = send(&network, 0, &signed).await;
    assert_eq!((code, &answer["task_id"]), (202, &json!(task)), "{answer}");
    let (code, _) = send(&network, 0, &signed).await;
    assert_eq!(code, 200, "the same again");
    let (code, _) = send(&network, 1, &signed).await;
    assert!(matches!(code, 200 | 202), "another operator may not have it yet");
    let events = reqwest::get(format!("{}/v1/tasks/{task}/events", door(&network, 0))).await.expect("it answers");
    let mut deliveries = Deliveries::new();
    deliveries.wait_for(&network, &[task]).await;
    // The stream ends by itself, with the last state.
    let told = tokio::time::timeout(PATIENCE, events.text()).await.expect("it ends").expect("text");
    let last = told.lines().filter_map(|line| line.strip_prefix("data: ")).next_back().expect("an event");
    let last: Value = serde_json::from_str(last).expect("JSON");
    assert_eq!(last["state"], "delivered", "{told}");
    assert!(last["tx_hash"].is_string() && last["result"]["payload"].is_string(), "{last}");
    for operator in 0..3 {
        let shown = async {
            while page(&network, operator, task).await["state"] != "delivered" {
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        };
        tokio::time::timeout(PATIENCE, shown).await.expect("all operators know");
    }
    let (code, _) = send(&network, 2, &signed).await;
    assert_eq!(code, 200, "it is known, and not run again");
    network.anvil().mine(3).await.expect("anvil mines");
    deliveries.read(&network).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_a_callers_is_refused_and_says_why() {
    let directory = tempfile::tempdir().expect("there is room for a directory");
    let network = start(&options(directory.path())).await;
    let service = network.deployment.service();
    let good = firing(&network, 1).await;
    let by_caller = |firing: HttpFiring| caller().sign_firing(firing, service);
    let stranger = Account::from_bytes(&[8; 32]).expect("it is a key");
    let of_stranger = HttpFiring { caller: stranger.address(), ..good.clone() };
    let other_workflow = HttpFiring { workflow: "other".parse().expect("a name"), ..good.clone() };
    let cases = [
        (by_caller(other_workflow), 404, "no workflow `other`"),
        (stranger.sign_firing(of_stranger, service), 403, "does not let"),
        (stranger.sign_firing(good.clone(), service), 401, "the signature is of"),
        (SignedFiring { signature: vec![0; 65].into(), ..by_caller(good.clone()) }, 401, "malformed"),
        (by_caller(HttpFiring { instant: good.instant - 3_600, ..good.clone() }), 422, "was signed for second"),
        (by_caller(HttpFiring { instant: good.instant + 3_600, ..good.clone() }), 422, "was signed for second"),
        (by_caller(HttpFiring { input: vec![0; 16 * 1024 + 1].into(), ..good.clone() }), 413, "16385 bytes"),
    ];
    for (signed, expected, words) in cases {
        let (code, answer) = send(&network, 0, &signed).await;
        assert_eq!(code, expected, "{answer}");
        assert!(answer["error"].as_str().is_some_and(|error| error.contains(words)), "{answer}");
    }
    for (body, expected) in [("{".to_owned(), 400), ("[]".to_owned(), 400), ("x".repeat(70 * 1024), 413)] {
        assert_eq!(post(&network, 0, body).await.0, expected);
    }
    assert_eq!(send(&network, 0, &by_caller(good.clone())).await.0, 202);
    let (code, answer) = send(&network, 0, &by_caller(HttpFiring { input: vec![2].into(), ..good })).await;
    assert_eq!(code, 409, "{answer}");
    let nobody = page(&network, 0, TaskId(B256::ZERO)).await;
    assert!(nobody["error"].is_string(), "{nobody}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_taken_in_survives_a_crash_of_all() {
    let directory = tempfile::tempdir().expect("there is room for a directory");
    let options = options(directory.path());
    let mut network = start(&options).await;
    let mut tasks = Vec::new();
    for key in 1..=5 {
        let signed = signed(&network, key).await;
        assert_eq!(send(&network, usize::from(key) % 3, &signed).await.0, 202);
        tasks.push(signed.task_id(network.deployment.service()));
    }
    for operator in &mut network.operators {
        operator.kill().await.expect("it can be killed");
    }
    for operator in &mut network.operators {
        operator.spawn(&options).expect("it starts again");
    }
    Deliveries::new().wait_for(&network, &tasks).await;
}

/// Runs the command; blocks are mined meanwhile.
async fn call(network: &Network, directory: &Path, arguments: &[&str]) -> Output {
    let keys = directory.join("caller.json");
    if !keys.exists() {
        caller().store(&keys, &Password::from("pass".to_owned())).expect("a keystore is written");
    }
    let service: Address = network.deployment.service_manager;
    let mut command = tokio::process::Command::new(env!("CARGO_BIN_EXE_tandem"));
    command.args(["call", "tick", "--service", &service.to_string(), "--keys"]).arg(keys);
    command.args(["--chain-id", &network.deployment.chain_id.to_string()]).args(arguments);
    command.env("TANDEM_PASSWORD", "pass").kill_on_drop(true);
    let done = CancellationToken::new();
    let mining = done.run_until_cancelled(async {
        loop {
            network.anvil().mine(1).await.expect("anvil mines");
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    });
    let running = async {
        let output = command.output().await.expect("it runs");
        done.cancel();
        output
    };
    tokio::join!(running, mining).0
}

#[tokio::test(flavor = "multi_thread")]
async fn call_by_hand_brings_the_result() {
    let directory = tempfile::tempdir().expect("there is room for a directory");
    let network = start(&options(directory.path())).await;
    let instant = firing(&network, 1).await.instant.to_string();
    // The first operator is not there: the next is asked.
    let at = format!("http://127.0.0.1:1,{}", door(&network, 1));
    let run = ["--at", &at, "--input", "79", "--key", "order-1", "--instant", &instant];
    let output = call(&network, directory.path(), &run).await;
    let (shown, told) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{shown}{told}");
    assert!(shown.contains("state        delivered") && shown.contains("transaction  0x"), "{shown}");
    let again = call(&network, directory.path(), &[&run[..], &["--json"]].concat()).await;
    let page: Value = serde_json::from_slice(&again.stdout).expect("JSON");
    assert_eq!((again.status.code(), &page["state"]), (Some(0), &json!("delivered")), "the same run");
    assert!(shown.contains(page["task_id"].as_str().expect("an id")));
    let other = [&run[..2], &["--input", "80"], &run[4..]].concat();
    let refused = call(&network, directory.path(), &other).await;
    let told = String::from_utf8_lossy(&refused.stderr);
    assert_eq!(refused.status.code(), Some(3), "{told}");
    assert!(told.contains("409") && told.contains("has used this key"), "{told}");
    let unreachable = call(&network, directory.path(), &["--at", "http://127.0.0.1:1"]).await;
    assert_eq!(unreachable.status.code(), Some(1));
}
