//! Transactions that wait, get lost, or are left behind.

use serde_json::{Value, json};
use tandem_chain::{Account, Anvil, Call, Mining, SendError, TransactionConfig, TransactionStatus, admin};
use tandem_types::{Address, U256};

use crate::support::{anvil, manager, quick, until};

fn gift(wei: u64) -> Call {
    Call { value: U256::from(wei), ..Call::new(Address::repeat_byte(0x61), Vec::new()) }
}

/// What waits in the pool: nonce and fee of the sender's transactions.
async fn waiting(anvil: &Anvil, sender: Address) -> Vec<(u64, u128)> {
    let pool = anvil.control("txpool_content", json!([])).await.expect("anvil answers");
    let own = |by_sender: &Value| {
        let sender = sender.to_string().to_lowercase();
        by_sender.as_object()?.iter().find(|(other, _)| other.to_lowercase() == sender).map(|(_, own)| own.clone())
    };
    // What pays less than the base fee is queued.
    let own = [own(&pool["pending"]), own(&pool["queued"])].map(Option::unwrap_or_default);
    let fee = |transaction: &Value| u128::from_str_radix(&transaction["maxFeePerGas"].as_str()?[2..], 16).ok();
    let entries = own.iter().filter_map(Value::as_object).flatten();
    entries.filter_map(|(nonce, transaction)| Some((nonce.parse().ok()?, fee(transaction)?))).collect()
}

async fn balance(anvil: &Anvil) -> U256 {
    anvil.client().balance(Address::repeat_byte(0x61)).await.expect("anvil answers")
}

#[tokio::test]
async fn transactions_follow_each_other_at_once() {
    let anvil = anvil(Mining::Auto).await;
    let manager = manager(&anvil, &anvil.accounts()[0], TransactionConfig::default()).await;
    let (one, two) = (gift(1), gift(2));
    let (first, second) = tokio::join!(manager.send(&one), manager.send(&two));
    for outcome in [first, second] {
        let outcome = outcome.expect("anvil mines at once");
        assert_eq!((outcome.status, outcome.gas_used), (TransactionStatus::Succeeded, 21_000));
    }
    assert_eq!(balance(&anvil).await, U256::from(3));
}

#[tokio::test]
async fn waiting_transaction_is_replaced_with_an_eighth_more() {
    let anvil = anvil(Mining::Manual).await;
    let manager = manager(&anvil, &anvil.accounts()[0], quick()).await;
    let (call, sender) = (gift(5), manager.address());
    let watch = async {
        until("a transaction waits", || async { waiting(&anvil, sender).await.len() == 1 }).await;
        let (nonce, fee) = waiting(&anvil, sender).await[0];
        let more = |(other, max): &(u64, u128)| *other == nonce && max * 8 >= fee * 9;
        until("it is replaced", || async { waiting(&anvil, sender).await.iter().all(more) }).await;
        anvil.mine(1).await.expect("anvil mines");
    };
    let (outcome, ()) = tokio::join!(manager.send(&call), watch);
    assert_eq!(outcome.expect("it is mined").status, TransactionStatus::Succeeded);
    assert_eq!(balance(&anvil).await, U256::from(5));
}

#[tokio::test]
async fn lost_transaction_is_sent_again() {
    let anvil = anvil(Mining::Manual).await;
    let manager = manager(&anvil, &anvil.accounts()[0], quick()).await;
    let (call, sender) = (gift(5), manager.address());
    let watch = async {
        until("a transaction waits", || async { waiting(&anvil, sender).await.len() == 1 }).await;
        anvil.drop_transactions().await.expect("anvil forgets");
        until("it waits again", || async { waiting(&anvil, sender).await.len() == 1 }).await;
        anvil.mine(1).await.expect("anvil mines");
    };
    let (outcome, ()) = tokio::join!(manager.send(&call), watch);
    outcome.expect("it is mined");
    assert_eq!(balance(&anvil).await, U256::from(5));
}

#[tokio::test]
async fn restarted_manager_takes_over_what_was_left_waiting() {
    let anvil = anvil(Mining::Manual).await;
    let account = &anvil.accounts()[0];
    let before = manager(&anvil, account, TransactionConfig::default()).await;
    let left = gift(1);
    tokio::select! {
        _ = before.send(&left) => panic!("nothing is mined"),
        () = until("a transaction waits", || async { waiting(&anvil, account.address()).await.len() == 1 }) => {}
    }
    drop(before);
    let (_, fee) = waiting(&anvil, account.address()).await[0];
    let after = manager(&anvil, account, quick()).await;
    let call = gift(7);
    let watch = async {
        let higher = |(nonce, max): &(u64, u128)| *nonce == 0 && *max > fee;
        until("it is replaced", || async { waiting(&anvil, account.address()).await.iter().all(higher) }).await;
        anvil.mine(1).await.expect("anvil mines");
    };
    let (outcome, ()) = tokio::join!(after.send(&call), watch);
    outcome.expect("it is mined");
    assert_eq!(balance(&anvil).await, U256::from(7), "one of the two was mined");
}

#[tokio::test]
async fn restarted_manager_goes_on_where_the_chain_is() {
    let anvil = anvil(Mining::Auto).await;
    let account = &anvil.accounts()[0];
    for _ in 0..3 {
        let manager = manager(&anvil, account, TransactionConfig::default()).await;
        manager.send(&gift(1)).await.expect("anvil mines at once");
    }
    assert_eq!(balance(&anvil).await, U256::from(3));
}

#[tokio::test]
async fn account_that_cannot_pay_is_named() {
    let anvil = anvil(Mining::Auto).await;
    let poor = Account::random();
    let manager = manager(&anvil, &poor, TransactionConfig::default()).await;
    let error = manager.send(&gift(1)).await.expect_err("it has nothing");
    assert!(matches!(&error, SendError::InsufficientFunds { account, .. } if *account == poor.address()), "{error}");
    assert!(error.hint().is_some());
}

#[tokio::test]
async fn funded_account_can_pay() {
    let anvil = anvil(Mining::Auto).await;
    let rich = manager(&anvil, &anvil.accounts()[0], TransactionConfig::default()).await;
    let poor = manager(&anvil, &Account::random(), TransactionConfig::default()).await;
    let ether = U256::from(10).pow(U256::from(18));
    admin::fund(&rich, poor.address(), ether).await.expect("it can pay");
    poor.send(&gift(1)).await.expect("now it can pay");
}

#[tokio::test]
async fn confirmations_are_waited_for() {
    let anvil = anvil(Mining::Auto).await;
    let config = TransactionConfig { confirmations: 3, ..quick() };
    let manager = manager(&anvil, &anvil.accounts()[0], config).await;
    let call = gift(1);
    let watch = async {
        until("it is mined", || async { balance(&anvil).await == U256::from(1) }).await;
        anvil.mine(2).await.expect("anvil mines");
    };
    let (outcome, ()) = tokio::join!(manager.send(&call), watch);
    let outcome = outcome.expect("it is confirmed");
    let head = anvil.client().block_number().await.expect("anvil answers");
    assert_eq!(head, outcome.block_number + 2);
}

const GWEI: u128 = 1_000_000_000;

async fn base_fee(anvil: &Anvil, wei: u128) {
    anvil.control("anvil_setNextBlockBaseFeePerGas", json!([U256::from(wei)])).await.expect("anvil obeys");
}

/// A transaction of the account that pays well and does nothing that the tests look at.
async fn leave_waiting(anvil: &Anvil, account: &Account, fee: u128) {
    let (from, to, fee) = (account.address(), Address::repeat_byte(0x62), U256::from(fee));
    let call = json!([{
        "from": from, "to": to, "value": "0x1", "gas": "0x5208", "nonce": "0x0", "maxFeePerGas": fee, "maxPriorityFeePerGas": fee,
    }]);
    anvil.control("eth_sendTransaction", call).await.expect("anvil takes it");
}

#[tokio::test]
async fn transaction_is_mined_although_the_base_fee_rises_above_it() {
    let anvil = anvil(Mining::Manual).await;
    let config = TransactionConfig { replacements_max: 50, ..quick() };
    let manager = manager(&anvil, &anvil.accounts()[0], config).await;
    let (call, sender) = (gift(5), manager.address());
    let watch = async {
        until("a transaction waits", || async { waiting(&anvil, sender).await.len() == 1 }).await;
        base_fee(&anvil, 200 * GWEI).await;
        anvil.mine(1).await.expect("anvil mines");
        assert_eq!(balance(&anvil).await, U256::ZERO, "the fee is too low");
        let pays = |(nonce, max): &(u64, u128)| *nonce == 0 && *max > 180 * GWEI;
        until("it is replaced", || async { waiting(&anvil, sender).await.iter().any(pays) }).await;
        anvil.mine(1).await.expect("anvil mines");
    };
    let (outcome, ()) = tokio::join!(manager.send(&call), watch);
    let outcome = outcome.expect("it is mined");
    assert!(outcome.effective_gas_price > 150 * GWEI, "{}", outcome.effective_gas_price);
    assert_eq!(balance(&anvil).await, U256::from(5));
}

#[tokio::test]
async fn base_fee_above_the_limit_is_waited_out_and_never_paid() {
    let anvil = anvil(Mining::Manual).await;
    let config = TransactionConfig { fee_per_gas_max: 20 * GWEI, replacements_max: 100, ..quick() };
    let manager = manager(&anvil, &anvil.accounts()[0], config).await;
    let (call, sender) = (gift(5), manager.address());
    let watch = async {
        until("a transaction waits", || async { waiting(&anvil, sender).await.len() == 1 }).await;
        base_fee(&anvil, 200 * GWEI).await;
        anvil.mine(1).await.expect("anvil mines");
        base_fee(&anvil, 15 * GWEI).await;
        anvil.mine(1).await.expect("anvil mines");
        assert_eq!(balance(&anvil).await, U256::ZERO, "the fee is too low");
        let pays = |(_, max): &(u64, u128)| *max > 14 * GWEI;
        let is_replaced = || async {
            let waiting = waiting(&anvil, sender).await;
            assert!(waiting.iter().all(|(_, max)| *max <= 20 * GWEI), "no more is ever offered");
            waiting.len() == 1 && waiting.iter().all(pays)
        };
        until("it is replaced", is_replaced).await;
        base_fee(&anvil, 10 * GWEI).await;
        anvil.mine(1).await.expect("anvil mines");
    };
    let (outcome, ()) = tokio::join!(manager.send(&call), watch);
    assert!(outcome.expect("it is mined").effective_gas_price <= 20 * GWEI);
}

#[tokio::test]
async fn nonce_that_a_crash_left_stuck_below_the_base_fee_is_freed() {
    let anvil = anvil(Mining::Manual).await;
    let account = &anvil.accounts()[0];
    leave_waiting(&anvil, account, 2 * GWEI).await;
    base_fee(&anvil, 50 * GWEI).await;
    let manager = manager(&anvil, account, quick()).await;
    let call = gift(7);
    let watch = async {
        let pays = |(nonce, max): &(u64, u128)| *nonce == 0 && *max > 40 * GWEI;
        until("it is replaced", || async { waiting(&anvil, account.address()).await.iter().any(pays) }).await;
        anvil.mine(1).await.expect("anvil mines");
    };
    let (outcome, ()) = tokio::join!(manager.send(&call), watch);
    outcome.expect("it is mined");
    assert_eq!(balance(&anvil).await, U256::from(7));
}

#[tokio::test]
async fn waiting_transaction_that_pays_more_than_the_market_is_outbid() {
    let anvil = anvil(Mining::Manual).await;
    let account = &anvil.accounts()[0];
    leave_waiting(&anvil, account, 40 * GWEI).await;
    let manager = manager(&anvil, account, quick()).await;
    let call = gift(7);
    let watch = async {
        let pays = |(nonce, max): &(u64, u128)| *nonce == 0 && *max > 43 * GWEI;
        until("it is replaced", || async { waiting(&anvil, account.address()).await.iter().any(pays) }).await;
        anvil.mine(1).await.expect("anvil mines");
    };
    let (outcome, ()) = tokio::join!(manager.send(&call), watch);
    outcome.expect("it is mined");
    assert_eq!(balance(&anvil).await, U256::from(7));
}

#[tokio::test]
async fn transaction_that_a_reorganisation_took_back_is_mined_again_once() {
    let anvil = anvil(Mining::Manual).await;
    let manager = manager(&anvil, &anvil.accounts()[0], TransactionConfig { confirmations: 4, ..quick() }).await;
    let (call, sender) = (gift(5), manager.address());
    let watch = async {
        until("a transaction waits", || async { waiting(&anvil, sender).await.len() == 1 }).await;
        anvil.mine(2).await.expect("anvil mines");
        assert_eq!(balance(&anvil).await, U256::from(5));
        anvil.reorganise(2).await.expect("anvil reorganises");
        anvil.drop_transactions().await.expect("anvil forgets");
        until("it waits again, or is mined", || async {
            !waiting(&anvil, sender).await.is_empty() || balance(&anvil).await == U256::from(5)
        })
        .await;
        anvil.mine(5).await.expect("anvil mines");
    };
    let (outcome, ()) = tokio::join!(manager.send(&call), watch);
    let outcome = outcome.expect("it is mined and confirmed");
    assert_eq!(outcome.status, TransactionStatus::Succeeded);
    assert_eq!(balance(&anvil).await, U256::from(5), "once");
}

#[tokio::test]
async fn fee_that_was_paid_is_what_the_account_lost() {
    let anvil = anvil(Mining::Auto).await;
    let manager = manager(&anvil, &anvil.accounts()[0], TransactionConfig::default()).await;
    let before = anvil.client().balance(manager.address()).await.expect("anvil answers");
    let outcome = manager.send(&gift(5)).await.expect("anvil mines at once");
    let after = anvil.client().balance(manager.address()).await.expect("anvil answers");
    assert_eq!(before - after, outcome.fee_wei() + U256::from(5));
}
