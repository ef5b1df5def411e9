//! Components that read the chain, through whole operators and through `tandem exec`.

use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};
use tandem_chain::{Anvil, Mining};
use tandem_cli::local::{Network, Options};
use tandem_types::{B256, ComponentDigest, Manifest};

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

#[tokio::test(flavor = "multi_thread")]
async fn operators_agree_on_what_a_contract_says() {
    let directory = tempfile::tempdir().expect("there is room for a directory");
    let workflow = "[[workflow]]\nname = \"score\"\ntrigger = \"request\"\ncomponent = { digest = \"DIGEST\" }\n\
                    determinism = \"strict\"\nchain = {}\n";
    let network = network(directory.path(), workflow).await;
    let token = network.deployment.native_token;
    let supply = network.owner.client().storage_at(latest(network.anvil()).await, token, B256::with_last_byte(2)).await;
    let supply = supply.expect("the chain answers");
    assert_ne!(supply, Default::default(), "the third slot is the supply of an ERC-20 by OpenZeppelin");
    assert_eq!(told(&network, &format!("view {token:x} totalSupply()")).await, format!("{supply:064x}"));
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
