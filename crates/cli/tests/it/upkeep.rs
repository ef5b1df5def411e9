//! Operators that keep their service's operator table up to date, without anyone asking them to.

use std::time::Duration;

use serde_json::{Value, json};
use tandem_chain::{ServiceEvent, ServiceReader};
use tandem_cli::boxscore;
use tandem_cli::local::{EPOCH_S, Network, Operator, TOKEN};
use tandem_types::{Address, B256, Epoch, U256};

use crate::network::{PATIENCE, delivered, options, start};

/// Waits until a table is written by one of the operators, and returns the one that it corrects, if it does.
pub(crate) async fn table_written(network: &Network, wanted: Epoch) -> Option<Epoch> {
    let waited = async {
        let mut cursor = None;
        loop {
            for placed in network.events(&mut cursor).await.expect("the chain answers") {
                let base = match placed.event {
                    ServiceEvent::TableRefreshed { epoch, .. } if epoch == wanted => None,
                    ServiceEvent::TableCorrected { epoch, base } if epoch == wanted => Some(base),
                    _ => continue,
                };
                let sender = sender(network, placed.place.tx_hash).await;
                assert!(network.operators.iter().any(|operator| operator.id.0 == sender), "{sender} is no operator");
                return base;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, waited).await.expect("an operator writes the table in time")
}

async fn sender(network: &Network, transaction: B256) -> Address {
    let found = network.anvil().control("eth_getTransactionByHash", json!([transaction])).await;
    let found: Value = found.expect("anvil answers");
    found["from"].as_str().expect("it is mined").parse().expect("an address")
}

/// Native weight of the second operator in a table, in whole tokens.
async fn weight_in(network: &Network, epoch: Epoch) -> u128 {
    let service = ServiceReader::open(network.owner.client().clone(), network.deployment.service_manager).await;
    let table = service.expect("anvil answers").operator_table(epoch).await.expect("it is among the latest");
    let position = table.position(network.operators[1].id).expect("it serves");
    table.entries()[position].weight.native.units() / TOKEN
}

/// Deposits so many more whole native tokens behind the second operator.
async fn deposit(network: &Network, tokens: u128) {
    let operator = &network.operators[1];
    deposit_of(network, operator, tokens).await;
}

/// Deposits so many more whole native tokens behind an operator.
pub(crate) async fn deposit_of(network: &Network, operator: &Operator, tokens: u128) {
    let token = network.deployment.native_token;
    let amount = U256::from(tokens) * U256::from(TOKEN);
    tandem_chain::admin::mint(&network.owner, token, operator.id.0, amount).await.expect("anyone may mint");
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_tandem"))
        .args(["stake", "deposit", &tokens.to_string(), "TDM", "--config"])
        .arg(operator.directory.join("operator.toml"))
        .output()
        .expect("tandem starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

async fn assert_tasks_are_delivered(network: &Network) {
    let task = network.ask(boxscore::CLOSED, 120).await.expect("the contract takes it");
    assert_eq!(delivered(network, task.task_id).await, network.operators.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn operators_write_the_next_table_when_the_epoch_has_ended() {
    let directory = tempfile::tempdir().expect("there is room for a directory");
    let network = start(&options(directory.path(), 3, "info")).await;
    // 1 % is within the bound of 5 %: it waits for the next table.
    deposit(&network, 30).await;
    network.pass(EPOCH_S.into()).await.expect("anvil answers");
    assert_eq!(table_written(&network, Epoch(2)).await, None);
    assert_eq!((weight_in(&network, Epoch(1)).await, weight_in(&network, Epoch(2)).await), (1_000, 1_030));
    assert_tasks_are_delivered(&network).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn operators_correct_the_table_when_stake_has_moved() {
    let directory = tempfile::tempdir().expect("there is room for a directory");
    let network = start(&options(directory.path(), 3, "info")).await;
    deposit(&network, 200).await;
    assert_eq!(table_written(&network, Epoch(2)).await, Some(Epoch(1)));
    assert_eq!((weight_in(&network, Epoch(1)).await, weight_in(&network, Epoch(2)).await), (1_000, 1_200));
    assert_tasks_are_delivered(&network).await;
}
