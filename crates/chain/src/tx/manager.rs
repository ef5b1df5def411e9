//! The transaction manager over a chain: a thin cover of the driver.

use tandem_types::{Address, B256};

use super::driver::Driver;
use super::mempool::{ChainMempool, Mempool};
use super::{Call, Receipt, SendError, TransactionConfig, TransactionOutcome};
use crate::accounts::Account;
use crate::client::ChainClient;
use crate::error::RpcError;

/// Sends the transactions of one key, at most [`UNDER_WAY_MAX`](super::UNDER_WAY_MAX) at once; who needs an order awaits one before the next. Use one manager per key, and one key per process: two
/// that share a key replace each other's transactions.
#[derive(Debug)]
pub struct TransactionManager {
    driver: Driver<ChainMempool>,
}

impl TransactionManager {
    /// Takes up the key's nonce sequence where the chain is. What an earlier process left waiting is replaced by the first calls.
    ///
    /// # Errors
    /// [`RpcError`] when the endpoint does not answer.
    pub async fn start(client: ChainClient, account: Account, config: TransactionConfig) -> Result<Self, RpcError> {
        Driver::start(ChainMempool { client, account }, config).await.map(|driver| Self { driver })
    }

    /// The key's account.
    pub fn address(&self) -> Address {
        self.driver.mempool.sender()
    }

    /// The chain.
    pub fn client(&self) -> &ChainClient {
        &self.driver.mempool.client
    }

    /// Makes the call and waits until it is confirmed. Dropping the future gives the call up; it may be mined nevertheless, or be replaced by the
    /// next.
    ///
    /// # Errors
    /// [`SendError::Reverted`] and others before anything is sent, [`SendError::NotMined`] and [`SendError::Displaced`] after.
    pub async fn send(&self, call: &Call) -> Result<TransactionOutcome, SendError> {
        self.send_for_receipt(call).await.map(|receipt| receipt.outcome)
    }

    /// What the call would return if it were made now.
    ///
    /// # Errors
    /// [`SendError::Reverted`] when it would revert; [`SendError::Rpc`].
    pub async fn simulate(&self, call: &Call) -> Result<Vec<u8>, SendError> {
        let mempool = &self.driver.mempool;
        let answer = mempool.client.simulate(mempool.request(call)).await;
        answer.map_err(|error| match error.revert() {
            Some(revert) => SendError::Reverted(revert.clone()),
            None => SendError::Rpc(error),
        })
    }

    /// Who sent a mined transaction and what became of it, whoever it was; none when the chain has no such transaction.
    ///
    /// # Errors
    /// [`RpcError`].
    pub async fn look_up(&self, tx_hash: B256) -> Result<Option<(Address, TransactionOutcome)>, RpcError> {
        self.driver.mempool.look_up(tx_hash).await
    }

    pub(crate) async fn send_for_receipt(&self, call: &Call) -> Result<Receipt, SendError> {
        self.driver.send(call).await
    }
}
