//! Transactions of one key: sent in order, a few under way at once, followed until they are confirmed, replaced with a higher fee when they are not
//! mined, and sent again when they got lost. Decides nothing about what a call is worth, and never sends one that reverts when it is simulated.

mod driver;
mod estimate;
mod fees;
mod manager;
mod mempool;
mod nonce;

use std::time::Duration;

use alloy::network::TransactionBuilder;
use alloy::rpc::types::TransactionRequest;
use tandem_types::{Address, B256, U256};

pub(crate) use fees::Fees;
pub use manager::TransactionManager;

use crate::error::RpcError;
use crate::log::LogRecord;
use crate::revert::Revert;

/// Most transactions of one key that are under way at once; nodes keep 16 of an account that can be mined at any time.
pub const UNDER_WAY_MAX: usize = 8;

/// Most gas that one transaction may use (EIP-7825).
const TRANSACTION_GAS_MAX: u64 = 1 << 24;

/// How transactions are sent and followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TransactionConfig {
    /// Blocks that must hold or follow the transaction until it counts, at least 1.
    pub confirmations: u64,
    /// Time after which a transaction that is not mined is replaced, or sent again when it got lost.
    pub replace_after: Duration,
    /// How often that is done before the transaction is given up.
    pub replacements_max: u32,
    /// Time for confirmation, once it is mined.
    pub confirm_within: Duration,
    /// Highest fee per gas that is ever offered, in wei.
    pub fee_per_gas_max: u128,
    /// Gas added to the estimate, in percent of it.
    pub gas_margin_percent: u64,
    /// Longest pause between two looks at the chain; the first ones are shorter.
    pub poll_interval: Duration,
}

impl Default for TransactionConfig {
    fn default() -> Self {
        Self {
            confirmations: 1,
            replace_after: Duration::from_secs(30),
            replacements_max: 6,
            confirm_within: Duration::from_secs(1_800),
            fee_per_gas_max: 500_000_000_000,
            gas_margin_percent: 20,
            poll_interval: Duration::from_secs(1),
        }
    }
}

/// A call to be made by a transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// The contract or account; none creates a contract.
    pub to: Option<Address>,
    /// Wei sent along.
    pub value: U256,
    /// Calldata, or creation code.
    pub data: Vec<u8>,
    /// Gas that its last inner call is promised, for a contract that insists on it. One run of the call then says how much it needs, and the endpoint does
    /// not search for the least, which takes it a dozen runs or more.
    pub promised_gas: Option<u64>,
}

impl Call {
    /// A call of a contract without value.
    pub fn new(to: Address, data: Vec<u8>) -> Self {
        Self { to: Some(to), value: U256::ZERO, data, promised_gas: None }
    }

    /// Creation of a contract.
    pub fn create(code: Vec<u8>) -> Self {
        Self { to: None, value: U256::ZERO, data: code, promised_gas: None }
    }

    pub(crate) fn request(&self, sender: Address) -> TransactionRequest {
        let request =
            TransactionRequest::default().with_from(sender).with_value(self.value).with_input(self.data.clone());
        match self.to {
            Some(to) => request.with_to(to),
            None => request.into_create(),
        }
    }
}

/// Whether a mined transaction did anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TransactionStatus {
    /// It was executed.
    Succeeded,
    /// It reverted, although it did not when it was simulated.
    Reverted,
}

/// What became of a transaction that was mined and confirmed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TransactionOutcome {
    /// The transaction, or the replacement of it that was mined.
    pub tx_hash: B256,
    /// Block that holds it.
    pub block_number: u64,
    /// Gas it used.
    pub gas_used: u64,
    /// Wei paid per gas.
    pub effective_gas_price: u128,
    /// Whether it did anything.
    pub status: TransactionStatus,
}

impl TransactionOutcome {
    /// Wei paid for the gas. What some chains charge beside it, such as for data on another chain, is not in it.
    pub fn fee_wei(&self) -> U256 {
        U256::from(self.gas_used) * U256::from(self.effective_gas_price)
    }
}

/// An outcome with what else the receipt says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Receipt {
    pub(crate) outcome: TransactionOutcome,
    pub(crate) contract: Option<Address>,
    pub(crate) logs: Vec<LogRecord>,
}

/// Why a call was not made, or is not known to be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// The call would revert; nothing was sent.
    #[error("the transaction would revert: {0}")]
    Reverted(Revert),
    /// The account cannot pay; nothing was sent.
    #[error("account {account} cannot pay for the transaction: {message}")]
    InsufficientFunds {
        /// The account.
        account: Address,
        /// The endpoint's words.
        message: String,
    },
    /// The call needs more gas than one transaction may use; nothing was sent.
    #[error("the call needs {needed} gas, one transaction may use {limit}")]
    TooMuchGas {
        /// Gas that was estimated.
        needed: u64,
        /// Gas allowed.
        limit: u64,
    },
    /// Getting in would cost more per gas than allowed; nothing was sent.
    #[error("the fee per gas would exceed {limit} wei")]
    FeeTooHigh {
        /// Wei per gas allowed.
        limit: u128,
    },
    /// The endpoint failed or refused before anything was sent.
    #[error(transparent)]
    Rpc(#[from] RpcError),
    /// Other transactions of the same key took every nonce that was tried; nothing was sent.
    #[error("nonces of account {0} are used up by somebody else")]
    NonceContended(Address),
    /// Another transaction of the same key took the nonce after this one was sent. It had no effect.
    #[error("another transaction took nonce {nonce} of the sender")]
    Displaced {
        /// The nonce.
        nonce: u64,
    },
    /// Not mined after all replacements. It may still be; the next call of the same key replaces it.
    #[error("transaction with nonce {nonce} was not mined within {waited:?}, last as {tx_hash}")]
    NotMined {
        /// The nonce.
        nonce: u64,
        /// Hash of its last version.
        tx_hash: B256,
        /// Time since it was sent.
        waited: Duration,
    },
    /// Mined, but not confirmed in time.
    #[error("transaction {tx_hash} was mined, but not confirmed within {waited:?}")]
    NotConfirmed {
        /// The transaction.
        tx_hash: B256,
        /// Time since it was mined.
        waited: Duration,
    },
}

impl SendError {
    /// Whether the same call may succeed later. After [`NotMined`](Self::NotMined) and [`NotConfirmed`](Self::NotConfirmed) it may also have
    /// succeeded already.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Reverted(_) | Self::TooMuchGas { .. } | Self::InsufficientFunds { .. } => false,
            Self::Rpc(error) => error.is_retryable(),
            Self::FeeTooHigh { .. } | Self::NonceContended(_) | Self::Displaced { .. } => true,
            Self::NotMined { .. } | Self::NotConfirmed { .. } => true,
        }
    }

    /// The contract's error, when one was the reason.
    pub fn revert(&self) -> Option<&Revert> {
        match self {
            Self::Reverted(revert) => Some(revert),
            Self::Rpc(error) => error.revert(),
            _ => None,
        }
    }

    /// What a person can do about it.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Rpc(error) => error.hint(),
            Self::InsufficientFunds { .. } => Some("send the account some of the chain's currency"),
            Self::FeeTooHigh { .. } => Some("wait for fees to fall, or raise the fee limit"),
            Self::NonceContended(_) | Self::Displaced { .. } => Some("use the transaction key in one process only"),
            _ => None,
        }
    }
}
