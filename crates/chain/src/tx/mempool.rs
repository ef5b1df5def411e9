//! What following a transaction needs of a chain, so that it can be tested without one; and a chain that does it. Keeps no state.

use std::future::Future;

use alloy::consensus::{SignableTransaction, TxEip1559, TxEnvelope};
use alloy::eips::Encodable2718;
use alloy::network::TxSignerSync;
use alloy::primitives::TxKind;
use alloy::providers::Provider;
use alloy::rpc::types::{TransactionReceipt, TransactionRequest};
use tandem_types::{Address, B256};

use super::{Call, Fees, Receipt, TransactionOutcome, TransactionStatus};
use crate::accounts::Account;
use crate::client::ChainClient;
use crate::error::{RpcError, RpcFailure};
use crate::log::LogRecord;

/// One version of a transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Version {
    pub(crate) nonce: u64,
    pub(crate) gas: u64,
    pub(crate) fees: Fees,
}

/// A signed transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Signed {
    pub(crate) hash: B256,
    pub(crate) bytes: Vec<u8>,
}

/// A chain's pool of transactions, and one key.
pub(crate) trait Mempool: Send + Sync {
    /// The key's account.
    fn sender(&self) -> Address;

    /// Number of its mined transactions.
    fn nonce(&self) -> impl Future<Output = Result<u64, RpcError>> + Send;

    /// What to offer to be mined soon.
    fn fees(&self) -> impl Future<Output = Result<Fees, RpcError>> + Send;

    /// Gas that the call needs; fails when it reverts.
    fn gas(&self, call: &Call) -> impl Future<Output = Result<u64, RpcError>> + Send;

    /// Signs, without sending.
    fn sign(&self, call: &Call, version: &Version) -> Signed;

    /// Sends.
    fn send(&self, signed: &Signed) -> impl Future<Output = Result<(), RpcError>> + Send;

    /// The receipt, once it is mined.
    fn receipt(&self, hash: B256) -> impl Future<Output = Result<Option<Receipt>, RpcError>> + Send;

    /// Whether the endpoint has the transaction, mined or not.
    fn knows(&self, hash: B256) -> impl Future<Output = Result<bool, RpcError>> + Send;

    /// Number of the latest block.
    fn head(&self) -> impl Future<Output = Result<u64, RpcError>> + Send;
}

/// A key on a chain.
#[derive(Debug)]
pub(crate) struct ChainMempool {
    pub(crate) client: ChainClient,
    pub(crate) account: Account,
}

impl ChainMempool {
    pub(crate) fn request(&self, call: &Call) -> TransactionRequest {
        call.request(self.account.address())
    }
}

impl Mempool for ChainMempool {
    fn sender(&self) -> Address {
        self.account.address()
    }

    async fn nonce(&self) -> Result<u64, RpcError> {
        self.client.transaction_count(self.account.address()).await
    }

    async fn fees(&self) -> Result<Fees, RpcError> {
        let estimate = self.client.provider().estimate_eip1559_fees().await;
        let estimate = estimate.map_err(|error| self.client.error(error))?;
        Ok(Fees { max: estimate.max_fee_per_gas, tip: estimate.max_priority_fee_per_gas })
    }

    async fn gas(&self, call: &Call) -> Result<u64, RpcError> {
        match call.promised_gas {
            Some(promised) => self.client.gas_with_promise(self.sender(), call, promised).await,
            None => self.client.searched_gas(self.sender(), call).await,
        }
    }

    fn sign(&self, call: &Call, version: &Version) -> Signed {
        let mut transaction = TxEip1559 {
            chain_id: self.client.chain_id(),
            nonce: version.nonce,
            gas_limit: version.gas,
            max_fee_per_gas: version.fees.max,
            max_priority_fee_per_gas: version.fees.tip,
            to: call.to.map_or(TxKind::Create, TxKind::Call),
            value: call.value,
            access_list: Default::default(),
            input: call.data.clone().into(),
        };
        let signature = self.account.signer().sign_transaction_sync(&mut transaction);
        let signature = signature.expect("a key in memory that is bound to no chain signs everything");
        let envelope = TxEnvelope::from(transaction.into_signed(signature));
        Signed { hash: *envelope.tx_hash(), bytes: envelope.encoded_2718() }
    }

    async fn send(&self, signed: &Signed) -> Result<(), RpcError> {
        let sent = self.client.provider().send_raw_transaction(&signed.bytes).await;
        sent.map(drop).map_err(|error| self.client.error(error))
    }

    async fn receipt(&self, hash: B256) -> Result<Option<Receipt>, RpcError> {
        let receipt = self.client.provider().get_transaction_receipt(hash).await;
        let receipt = receipt.map_err(|error| self.client.error(error))?;
        receipt.map(|receipt| self.convert(receipt)).transpose()
    }

    async fn knows(&self, hash: B256) -> Result<bool, RpcError> {
        let transaction = self.client.provider().get_raw_transaction_by_hash(hash).await;
        transaction.map(|bytes| bytes.is_some()).map_err(|error| self.client.error(error))
    }

    async fn head(&self) -> Result<u64, RpcError> {
        self.client.block_number().await
    }
}

impl ChainMempool {
    pub(crate) async fn look_up(&self, hash: B256) -> Result<Option<(Address, TransactionOutcome)>, RpcError> {
        let receipt = self.client.provider().get_transaction_receipt(hash).await;
        let Some(receipt) = receipt.map_err(|error| self.client.error(error))? else {
            return Ok(None);
        };
        let sender = receipt.from;
        Ok(Some((sender, self.convert(receipt)?.outcome)))
    }

    fn convert(&self, receipt: TransactionReceipt) -> Result<Receipt, RpcError> {
        let pending = || self.client.failure(RpcFailure::Malformed("a receipt has no block".to_owned()));
        let succeeded = receipt.status();
        let outcome = TransactionOutcome {
            tx_hash: receipt.transaction_hash,
            block_number: receipt.block_number.ok_or_else(pending)?,
            gas_used: receipt.gas_used,
            effective_gas_price: receipt.effective_gas_price,
            status: if succeeded { TransactionStatus::Succeeded } else { TransactionStatus::Reverted },
        };
        let contract = receipt.contract_address;
        let logs = receipt.inner.logs().iter().cloned().filter_map(LogRecord::from_rpc).collect();
        Ok(Receipt { outcome, contract, logs })
    }
}
