use std::collections::HashMap;
use std::sync::{Arc, Mutex as Lock, MutexGuard};

use tandem_types::{Address, keccak256};
use url::Url;

use super::*;
use crate::endpoint::Endpoint;
use crate::revert::Revert;
use crate::tx::{TransactionOutcome, TransactionStatus};

const SENDER: Address = Address::repeat_byte(0x5e);
const MARKET: Fees = Fees { max: 80, tip: 8 };

/// One transaction as the pool sees it.
#[derive(Clone, Copy)]
struct Seen {
    nonce: u64,
    max: u128,
    hash: B256,
}

/// A chain with one account: mines what pays its price, in the order of nonces.
struct Pool {
    price: u128,
    mined: u64,
    head: u64,
    waiting: Vec<Seen>,
    receipts: HashMap<B256, Receipt>,
    /// All that arrived and was well formed, in order.
    arrived: Vec<Seen>,
    /// Transactions that are taken and forgotten.
    lose: usize,
    /// Requests that fail, after they had their effect.
    fail: usize,
    reverts: bool,
    /// How many mined transactions the endpoint does not know of yet.
    lag: u64,
}

struct FakeMempool(Lock<Pool>);

fn error(failure: RpcFailure) -> RpcError {
    RpcError { endpoint: Endpoint::from(&Url::parse("http://fake").expect("the literal is a URL")), failure }
}

fn refused(message: &str) -> RpcError {
    error(RpcFailure::Refused { code: -32000, message: message.to_owned() })
}

impl Pool {
    fn take(&mut self, seen: Seen) -> Result<(), RpcError> {
        if seen.nonce < self.mined {
            return Err(refused("nonce too low"));
        }
        if let Some(other) = self.waiting.iter().find(|other| other.nonce == seen.nonce) {
            if other.hash == seen.hash {
                return Err(refused("already known"));
            }
            if seen.max * 10 < other.max * 11 {
                return Err(refused("replacement transaction underpriced"));
            }
        }
        self.arrived.push(seen);
        self.waiting.retain(|other| other.nonce != seen.nonce);
        if self.lose > 0 {
            self.lose -= 1;
        } else {
            self.waiting.push(seen);
        }
        self.mine();
        Ok(())
    }

    fn mine(&mut self) {
        self.waiting.sort_by_key(|seen| seen.nonce);
        while let Some(at) = self.waiting.iter().position(|seen| seen.nonce == self.mined && seen.max >= self.price) {
            let seen = self.waiting.remove(at);
            self.mined += 1;
            self.head += 1;
            let outcome = TransactionOutcome {
                tx_hash: seen.hash,
                block_number: self.head,
                gas_used: 21_000,
                effective_gas_price: self.price,
                status: TransactionStatus::Succeeded,
            };
            self.receipts.insert(seen.hash, Receipt { outcome, contract: None, logs: Vec::new() });
        }
    }

    /// Takes back the last block, and its transaction to the pool.
    fn reorganise(&mut self) {
        let last = *self.arrived.last().expect("something arrived");
        self.receipts.remove(&last.hash);
        (self.mined, self.head) = (self.mined - 1, self.head - 1);
    }

    fn failing(&mut self) -> Result<(), RpcError> {
        if self.fail == 0 {
            return Ok(());
        }
        self.fail -= 1;
        Err(error(RpcFailure::Timeout(Duration::from_secs(1))))
    }
}

impl FakeMempool {
    fn with(change: impl FnOnce(&mut Pool)) -> Self {
        let mut pool = Pool {
            price: 10,
            mined: 5,
            head: 100,
            waiting: Vec::new(),
            receipts: HashMap::new(),
            arrived: Vec::new(),
            lose: 0,
            fail: 0,
            reverts: false,
            lag: 0,
        };
        change(&mut pool);
        Self(Lock::new(pool))
    }

    fn pool(&self) -> MutexGuard<'_, Pool> {
        self.0.lock().expect("no test panics while it holds the lock")
    }
}

impl Mempool for FakeMempool {
    fn sender(&self) -> Address {
        SENDER
    }

    async fn nonce(&self) -> Result<u64, RpcError> {
        let pool = self.pool();
        Ok(pool.mined - pool.lag)
    }

    async fn fees(&self) -> Result<Fees, RpcError> {
        Ok(MARKET)
    }

    async fn gas(&self, _: &Call) -> Result<u64, RpcError> {
        let revert = Revert { name: "NothingToDeliver".to_owned(), values: Vec::new() };
        if self.pool().reverts { Err(error(RpcFailure::Reverted(revert))) } else { Ok(21_000) }
    }

    fn sign(&self, call: &Call, version: &Version) -> Signed {
        let bytes = [version.nonce.to_be_bytes().as_slice(), &version.fees.max.to_be_bytes(), &call.data].concat();
        Signed { hash: keccak256(&bytes), bytes }
    }

    async fn send(&self, signed: &Signed) -> Result<(), RpcError> {
        let nonce = u64::from_be_bytes(signed.bytes[..8].try_into().expect("8 bytes"));
        let max = u128::from_be_bytes(signed.bytes[8..24].try_into().expect("16 bytes"));
        let mut pool = self.pool();
        pool.take(Seen { nonce, max, hash: signed.hash }).and_then(|()| pool.failing())
    }

    async fn receipt(&self, hash: B256) -> Result<Option<Receipt>, RpcError> {
        let mut pool = self.pool();
        pool.failing().map(|()| pool.receipts.get(&hash).cloned())
    }

    async fn knows(&self, hash: B256) -> Result<bool, RpcError> {
        let pool = self.pool();
        Ok(pool.receipts.contains_key(&hash) || pool.waiting.iter().any(|seen| seen.hash == hash))
    }

    async fn head(&self) -> Result<u64, RpcError> {
        Ok(self.pool().head)
    }
}

fn config() -> TransactionConfig {
    TransactionConfig { replacements_max: 3, fee_per_gas_max: 1_000, ..TransactionConfig::default() }
}

async fn driver(mempool: FakeMempool, config: TransactionConfig) -> Driver<FakeMempool> {
    Driver::start(mempool, config).await.expect("the fake chain answers")
}

fn call(data: u8) -> Call {
    Call::new(Address::ZERO, vec![data])
}

fn offers(driver: &Driver<FakeMempool>) -> Vec<(u64, u128)> {
    driver.mempool.pool().arrived.iter().map(|seen| (seen.nonce, seen.max)).collect()
}

#[tokio::test(start_paused = true)]
async fn calls_take_one_nonce_after_the_other() {
    let driver = driver(FakeMempool::with(|_| {}), config()).await;
    for block in 101..=103 {
        let receipt = driver.send(&call(1)).await.expect("the price is low");
        assert_eq!(receipt.outcome.block_number, block);
    }
    assert_eq!(offers(&driver), [(5, 80), (6, 80), (7, 80)]);
}

#[tokio::test(start_paused = true)]
async fn calls_that_wait_do_not_wait_for_each_other() {
    let driver = driver(FakeMempool::with(|pool| pool.price = 90), config()).await;
    let (first, second, third) = (call(1), call(2), call(3));
    let blocks = async {
        sleep(Duration::from_secs(1)).await;
        assert_eq!(offers(&driver), [(5, 80), (6, 80), (7, 80)]);
        driver.mempool.pool().price = 10;
        driver.mempool.pool().mine();
    };
    let sent = tokio::join!(driver.send(&first), driver.send(&second), driver.send(&third), blocks);
    let blocks = [sent.0, sent.1, sent.2].map(|sent| sent.expect("the price is low now").outcome.block_number);
    assert_eq!(blocks, [101, 102, 103]);
    assert_eq!(offers(&driver).len(), 3, "none was sent twice");
}

#[tokio::test(start_paused = true)]
async fn gap_of_a_dropped_call_is_closed_by_the_next() {
    let driver = driver(FakeMempool::with(|pool| pool.lose = 1), config()).await;
    let (first, second) = (call(1), call(2));
    let following = async {
        sleep(Duration::from_millis(1)).await;
        let dropped = tokio::time::timeout(Duration::from_secs(1), driver.send(&first));
        let (dropped, ()) = tokio::join!(dropped, sleep(Duration::from_secs(2)));
        assert!(dropped.is_err(), "it is lost");
        driver.send(&call(3)).await.expect("it takes nonce 5")
    };
    let after = async {
        sleep(Duration::from_millis(500)).await;
        driver.send(&second).await
    };
    let (_, after) = tokio::join!(following, after);
    after.expect("nothing is missing below it");
    assert_eq!(offers(&driver), [(5, 80), (6, 80), (5, 91)]);
}

#[tokio::test(start_paused = true)]
async fn no_more_calls_are_under_way_than_nodes_keep() {
    let driver = Arc::new(driver(FakeMempool::with(|pool| pool.price = 1_000), config()).await);
    let mut calls = tokio::task::JoinSet::new();
    for data in 0..20 {
        let driver = Arc::clone(&driver);
        calls.spawn(async move { driver.send(&call(data)).await });
    }
    let ended = tokio::time::timeout(Duration::from_secs(10), calls.join_next()).await;
    assert!(ended.is_err(), "the price is not paid");
    assert_eq!(offers(&driver).len(), UNDER_WAY_MAX);
}

#[tokio::test(start_paused = true)]
async fn reverting_call_is_not_sent() {
    let driver = driver(FakeMempool::with(|pool| pool.reverts = true), config()).await;
    let sent = driver.send(&call(1)).await;
    assert_eq!(sent.expect_err("it reverts").revert().map(|revert| revert.name.as_str()), Some("NothingToDeliver"));
    assert_eq!(offers(&driver), []);
}

#[tokio::test(start_paused = true)]
async fn transaction_that_waits_is_replaced_by_an_eighth_more() {
    let driver = driver(FakeMempool::with(|pool| pool.price = 100), config()).await;
    let receipt = driver.send(&call(1)).await.expect("the third version pays enough");
    assert_eq!(offers(&driver), [(5, 80), (5, 91), (5, 103)]);
    assert_eq!(receipt.outcome.tx_hash, driver.mempool.pool().arrived[2].hash);
}

#[tokio::test(start_paused = true)]
async fn replacements_end_and_the_next_call_takes_the_nonce_over() {
    let driver = driver(FakeMempool::with(|pool| pool.price = 1_000_000), config()).await;
    let error = driver.send(&call(1)).await.expect_err("the price is never paid");
    assert!(matches!(error, SendError::NotMined { nonce: 5, .. }), "{error}");
    assert_eq!(offers(&driver), [(5, 80), (5, 91), (5, 103), (5, 116)]);
    driver.mempool.pool().price = 10;
    driver.send(&call(2)).await.expect("the price is low now");
    assert_eq!(offers(&driver)[4..], [(5, 131)]);
}

#[tokio::test(start_paused = true)]
async fn no_more_than_the_limit_is_offered() {
    let limit = TransactionConfig { fee_per_gas_max: 95, ..config() };
    let driver = driver(FakeMempool::with(|pool| pool.price = 1_000), limit).await;
    driver.send(&call(1)).await.expect_err("the limit is below the price");
    assert_eq!(offers(&driver), [(5, 80), (5, 91)]);
    let error = driver.send(&call(2)).await.expect_err("the waiting one cannot be outbid");
    assert_eq!(error, SendError::FeeTooHigh { limit: 95 });
}

#[tokio::test(start_paused = true)]
async fn lost_transaction_is_sent_again_as_it_was() {
    let driver = driver(FakeMempool::with(|pool| pool.lose = 2), config()).await;
    driver.send(&call(1)).await.expect("the third time it arrives");
    assert_eq!(offers(&driver), [(5, 80), (5, 80), (5, 80)]);
}

#[tokio::test(start_paused = true)]
async fn taken_nonces_are_exchanged_for_the_next() {
    let driver = driver(FakeMempool::with(|_| {}), config()).await;
    (driver.mempool.pool().mined, driver.mempool.pool().lag) = (9, 2);
    driver.send(&call(1)).await.expect("nonce 9 is free");
    assert_eq!(offers(&driver), [(9, 80)]);
}

#[tokio::test(start_paused = true)]
async fn what_an_earlier_process_left_waiting_is_outbid() {
    let left = Seen { nonce: 5, max: 120, hash: B256::ZERO };
    let mempool = FakeMempool::with(|pool| {
        pool.price = 125;
        pool.waiting.push(left);
    });
    let driver = driver(mempool, config()).await;
    driver.send(&call(1)).await.expect("it outbids");
    assert_eq!(offers(&driver), [(5, 148)]);
}

#[tokio::test(start_paused = true)]
async fn stranger_with_the_same_key_is_named() {
    let driver = driver(FakeMempool::with(|pool| pool.price = 1_000), config()).await;
    let (call, stranger) = (call(1), async {
        sleep(Duration::from_secs(1)).await;
        let mut pool = driver.mempool.pool();
        pool.waiting.clear();
        pool.mined += 1;
    });
    let (sent, ()) = tokio::join!(driver.send(&call), stranger);
    assert_eq!(sent, Err(SendError::Displaced { nonce: 5 }));
    driver.mempool.pool().price = 10;
    driver.send(&call).await.expect("nonce 6 is free");
    assert_eq!(offers(&driver).last(), Some(&(6, 80)));
}

#[tokio::test(start_paused = true)]
async fn answers_that_get_lost_only_cost_time() {
    let driver = driver(FakeMempool::with(|pool| pool.fail = 6), config()).await;
    driver.send(&call(1)).await.expect("the transaction arrived");
    assert_eq!(offers(&driver), [(5, 80)]);
}

#[tokio::test(start_paused = true)]
async fn confirmations_are_waited_for() {
    let driver = driver(FakeMempool::with(|_| {}), TransactionConfig { confirmations: 3, ..config() }).await;
    let began = Instant::now();
    let (call, blocks) = (call(1), async {
        sleep(Duration::from_secs(10)).await;
        driver.mempool.pool().head = 103;
    });
    let (sent, ()) = tokio::join!(driver.send(&call), blocks);
    assert_eq!(sent.expect("it is confirmed").outcome.block_number, 101);
    assert!(began.elapsed() >= Duration::from_secs(10));
}

#[tokio::test(start_paused = true)]
async fn transaction_that_a_reorganisation_took_back_is_sent_again() {
    let driver = driver(FakeMempool::with(|_| {}), TransactionConfig { confirmations: 2, ..config() }).await;
    let (call, reorganisation) = (call(1), async {
        sleep(Duration::from_secs(1)).await;
        driver.mempool.pool().reorganise();
        sleep(Duration::from_secs(40)).await;
        driver.mempool.pool().head += 5;
    });
    let (sent, ()) = tokio::join!(driver.send(&call), reorganisation);
    sent.expect("it is mined again");
    assert_eq!(offers(&driver), [(5, 80), (5, 80)]);
}

#[tokio::test(start_paused = true)]
async fn transaction_that_a_late_reorganisation_took_back_goes_before_the_next() {
    let driver = driver(FakeMempool::with(|_| {}), config()).await;
    driver.send(&call(1)).await.expect("the price is low");
    driver.mempool.pool().reorganise();
    driver.send(&call(2)).await.expect("the gap below it is closed");
    assert_eq!(offers(&driver), [(5, 80), (5, 80), (6, 80)]);
}

#[tokio::test(start_paused = true)]
async fn unconfirmed_transaction_is_given_up_in_time() {
    let patience = Duration::from_secs(60);
    let config = TransactionConfig { confirmations: 2, confirm_within: patience, ..config() };
    let driver = driver(FakeMempool::with(|_| {}), config).await;
    let error = driver.send(&call(1)).await.expect_err("no block follows");
    assert!(matches!(error, SendError::NotConfirmed { waited, .. } if waited >= patience), "{error}");
}

#[tokio::test(start_paused = true)]
async fn call_that_was_dropped_is_replaced_by_the_next() {
    let driver = driver(FakeMempool::with(|pool| pool.price = 1_000), config()).await;
    let dropped = tokio::time::timeout(Duration::from_secs(5), driver.send(&call(1))).await;
    assert!(dropped.is_err(), "the price is not paid");
    driver.mempool.pool().price = 10;
    driver.send(&call(2)).await.expect("the price is low now");
    assert_eq!(offers(&driver), [(5, 80), (5, 91)]);
}

#[test]
fn refusals_of_known_nodes_are_understood() {
    let cases = [
        ("nonce too low: next nonce 5, tx nonce 3", Refusal::NonceTaken),
        ("already known", Refusal::Known),
        ("transaction already imported", Refusal::Known),
        ("replacement transaction underpriced", Refusal::Underpriced),
        ("max fee per gas less than block base fee", Refusal::Underpriced),
        ("rate limit exceeded", Refusal::Unclear),
        ("exceeds block gas limit", Refusal::Final),
    ];
    for (message, refusal) in cases {
        assert_eq!(Refusal::from(&refused(message)), refusal, "{message}");
    }
    let funds = "Insufficient funds for gas * price + value";
    assert_eq!(Refusal::from(&refused(funds)), Refusal::Funds(funds.to_owned()));
}
