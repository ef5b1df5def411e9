//! Components that read the chain and call each other, through whole operators and through `tandem exec`.

use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};
use tandem_chain::{Anvil, Mining};
use tandem_cli::local::{Network, Options};
use tandem_node::workflows::component_path;
use tandem_types::{B256, ComponentDigest, Manifest, U256};

use crate::network::{delivered, options, start};

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
/// Returns what it is sent.
const ECHO: &str = "365f5f37365ff3";
/// Reverts with what it is sent.
const REVERT: &str = "365f5f37365ffd";
const CONTRACT: &str = "c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0";

fn errand() -> Vec<u8> {
    let path = Path::new(ROOT).join("components/target/wasm32-wasip2/release/errand.wasm");
    std::fs::read(path).expect("run `make components` first")
}

fn manifest(workflows: &str) -> Manifest {
    let text =
        format!("name = \"errands\"\n{workflows}").replace("DIGEST", &ComponentDigest::of(&errand()).to_string());
    Manifest::from_toml(&text).expect("the manifest is valid")
}

/// Three operators that serve the workflows.
async fn network(directory: &Path, workflows: &str) -> Network {
    let options = Options { component: errand(), manifest: Some(manifest(workflows)), ..options(directory, 3, "info") };
    start(&options).await
}

/// Asks for `input`, and gives what the handler was told.
async fn told(network: &Network, input: &str) -> String {
    let task = network.ask(input, 60).await.expect("the contract takes it");
    assert_eq!(delivered(network, task.task_id).await, 3);
    network.score(input).await.expect("the chain answers").expect("it is there").json
}

/// One workflow that is asked, and one that it calls; both may read the chain.
const CALLING: &str = r#"
[[workflow]]
name = "score"
trigger = "request"
component = { digest = "DIGEST" }
determinism = "strict"
chain = {}
calls = ["reader"]

[[workflow]]
name = "reader"
trigger = "call"
component = { digest = "DIGEST" }
determinism = "strict"
chain = { calls = 1 }
"#;

#[tokio::test(flavor = "multi_thread")]
async fn operators_agree_on_what_a_contract_says_to_a_component_and_to_one_that_it_calls() {
    let directory = tempfile::tempdir().expect("there is room for a directory");
    let network = network(directory.path(), CALLING).await;
    let token = network.deployment.native_token;
    let supply = network.owner.client().storage_at(latest(network.anvil()).await, token, B256::with_last_byte(2)).await;
    let supply = supply.expect("the chain answers");
    assert_ne!(supply, U256::ZERO, "the third slot is the supply of an ERC-20 by OpenZeppelin");
    let view = format!("view {token:x} totalSupply()");
    assert_eq!(told(&network, &view).await, format!("{supply:064x}"));
    assert_eq!(told(&network, &format!("delegate reader {view}")).await, format!("{supply:064x}"));
}

async fn latest(anvil: &Anvil) -> B256 {
    anvil.client().latest_block().await.expect("the chain answers").hash
}

/// A chain on which the contract has `code`, and its latest block.
async fn chain(code: &str) -> (Anvil, u64) {
    let anvil =
        Anvil::start(&Anvil::find(Path::new(ROOT)).expect("run scripts/setup-foundry first"), Mining::Auto).await;
    let anvil = anvil.expect("anvil starts");
    set_code(&anvil, code).await;
    let block = anvil.client().block_number().await.expect("the chain answers");
    // What is set is set in the latest block too, and that must be another one.
    anvil.mine(1).await.expect("anvil mines");
    (anvil, block)
}

async fn set_code(anvil: &Anvil, code: &str) {
    let params = json!([format!("0x{CONTRACT}"), format!("0x{code}")]);
    anvil.control("anvil_setCode", params).await.expect("anvil obeys");
    anvil.mine(1).await.expect("anvil mines");
}

/// `tandem exec` of the errand, on `anvil`.
fn exec(anvil: &Anvil, input: &str, more: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tandem"));
    command.args(["exec", "--input", input, "--rpc", anvil.url().as_str()]).args(more).env_remove("RUST_LOG");
    command.arg("--component").arg(Path::new(ROOT).join("components/target/wasm32-wasip2/release/errand.wasm"));
    command.env("XDG_CACHE_HOME", env!("CARGO_TARGET_TMPDIR"));
    command
}

fn output(mut command: Command) -> Value {
    let output = command.arg("--json").output().expect("tandem starts");
    let value: Value = serde_json::from_slice(&output.stdout).expect("one JSON object and nothing else");
    assert_eq!(value["ok"], true, "{value}");
    value["output_utf8"].clone()
}

fn failure(mut command: Command, code: i32) -> String {
    let output = command.output().expect("tandem starts");
    let stderr = String::from_utf8(output.stderr).expect("tandem prints text");
    assert_eq!(output.status.code(), Some(code), "{stderr}");
    stderr
}

#[tokio::test(flavor = "multi_thread")]
async fn exec_reads_a_block() {
    let (anvil, before) = chain(ECHO).await;
    set_code(&anvil, REVERT).await;
    let call = format!("call-or {CONTRACT} 0102");
    assert_eq!(output(exec(&anvil, &call, &["--strict"])), "Reverted([1, 2])");
    let before = before.to_string();
    assert_eq!(output(exec(&anvil, &call, &["--strict", "--block", &before])), "0102");
    let block = anvil.client().latest_block().await.expect("the chain answers");
    let expected = format!("31337 {} {:x} {}", block.number, block.hash, block.timestamp);
    assert_eq!(output(exec(&anvil, "block", &[])), expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn exec_says_what_is_wrong_with_the_chain() {
    let (anvil, _) = chain(REVERT).await;
    let reverted = failure(exec(&anvil, &format!("call {CONTRACT} 0102"), &[]), 3);
    assert!(reverted.contains("the contract reverted with 0x0102"), "{reverted}");
    let future = failure(exec(&anvil, "block", &["--block", "1000000"]), 2);
    assert!(future.contains("the chain has no block 1000000 yet"), "{future}");
    let twice = failure(exec(&anvil, "block", &["--strict", "5"]), 2);
    assert!(twice.contains("--rpc gives the time"), "{twice}");
    let mut without = Command::new(env!("CARGO_BIN_EXE_tandem"));
    without.args(["exec", "--input", "block", "--component"]);
    without.arg(Path::new(ROOT).join("components/target/wasm32-wasip2/release/errand.wasm"));
    let refused = failure(without, 5);
    assert!(refused.contains("reads of the chain are not granted") && refused.contains("--rpc URL"), "{refused}");
    let url = anvil.url().clone();
    drop(anvil);
    let mut gone = Command::new(env!("CARGO_BIN_EXE_tandem"));
    gone.args(["exec", "--input", "block", "--rpc", url.as_str(), "--component"]);
    gone.arg(Path::new(ROOT).join("components/target/wasm32-wasip2/release/errand.wasm"));
    let gone = failure(gone, 1);
    assert!(gone.contains("cannot read the chain of --rpc") && gone.contains("hint: check the RPC URL"), "{gone}");
}

/// A project whose manifest has these workflows, and whose component is built, if `built`.
fn project(workflows: &str, built: bool) -> tempfile::TempDir {
    let directory = tempfile::tempdir().expect("there is room for a directory");
    let component = errand();
    let digest = ComponentDigest::of(&component);
    let text = format!("name = \"errands\"\n{}", workflows.replace("DIGEST", &digest.to_string()));
    std::fs::write(directory.path().join("tandem.toml"), text).expect("the directory is writable");
    let store = directory.path().join("target/tandem");
    std::fs::create_dir_all(&store).expect("the directory is writable");
    if built {
        std::fs::write(component_path(&store, digest), component).expect("the directory is writable");
    }
    directory
}

fn exec_in(project: &tempfile::TempDir, input: &str, more: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tandem"));
    command.args(["exec", "--input", input]).args(more).env_remove("RUST_LOG").current_dir(project.path());
    command.env("XDG_CACHE_HOME", env!("CARGO_TARGET_TMPDIR"));
    command
}

#[test]
fn exec_runs_the_components_of_a_project_together() {
    let project = project(CALLING, true);
    assert_eq!(output(exec_in(&project, "delegate reader echo hello there", &[])), "hello there");
    assert_eq!(output(exec_in(&project, "echo alone", &["--workflow", "reader"])), "alone");
    let crashed = failure(exec_in(&project, "delegate reader panic", &[]), 6);
    assert!(crashed.contains("in workflow `reader`, which is called: the component crashed"), "{crashed}");
    let refused = failure(exec_in(&project, "delegate writer echo", &[]), 5);
    assert!(refused.contains("calls to workflow `writer` are not granted"), "{refused}");
    assert!(refused.contains("hint: list it with calls = [\"writer\"]"), "{refused}");
    let without_chain = failure(exec_in(&project, "delegate reader block", &[]), 5);
    assert!(without_chain.contains("reads of the chain are not granted"), "{without_chain}");
}

#[test]
fn error_of_a_callee_is_named_in_json() {
    let project = project(CALLING, true);
    let output = exec_in(&project, "delegate reader panic", &["--json"]).output().expect("tandem starts");
    let value: Value = serde_json::from_slice(&output.stdout).expect("one JSON object and nothing else");
    assert_eq!((&value["error"]["kind"], &value["error"]["workflow"]), (&json!("crash"), &json!("reader")));
}

#[test]
fn project_whose_components_cannot_call_each_other_is_told_why() {
    let circle = CALLING.replace("chain = { calls = 1 }", "calls = [\"score\"]");
    let told = failure(exec_in(&project(&circle, true), "echo", &[]), 2);
    assert!(told.contains("in a circle: `score` → `reader` → `score`"), "{told}");
    let told = failure(exec_in(&project(CALLING, false), "echo", &[]), 2);
    assert!(told.contains("`score` calls workflow `reader`") && told.contains("tandem build"), "{told}");
}
