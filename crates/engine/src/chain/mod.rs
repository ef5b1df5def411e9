//! The chain of a service, as its components read it: the state after one block, which is named by its hash, so that what is read is a function of the task.
//! An answer is the chain's or it is an error that ends the execution: an endpoint that is down, behind or pruned never shows as a value.

mod limits;
mod memory;
pub mod suite;

use std::fmt;
use std::future::Future;
use std::pin::Pin;

use tandem_types::{Address, B256, U256};

pub use limits::ChainLimits;
pub use memory::MemoryChain;

/// What a component may ask.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Query {
    /// A call from the zero address without value.
    Call {
        /// The contract.
        to: Address,
        /// Its call data.
        data: Vec<u8>,
        /// Gas that it has.
        gas: u64,
    },
    /// Balance of an account, in wei.
    Balance(Address),
    /// One slot of a contract's storage.
    Storage {
        /// The contract.
        contract: Address,
        /// The slot.
        slot: B256,
    },
}

/// What the chain says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// Of [`Query::Call`]: what the contract returned; nothing, when there is no contract.
    Returned(Vec<u8>),
    /// Of [`Query::Call`]: what the contract reverted with.
    Reverted(Vec<u8>),
    /// Of the others.
    Word(U256),
}

/// Why the chain did not answer. The node's affair, and tried again.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ChainError {
    /// The endpoint has no state for the block.
    #[error(
        "the endpoint has no state for block {block}: it is behind, has pruned it, or saw it reorganised away. If this lasts, use an endpoint that keeps the \
         state of blocks for as long as tasks are open, such as an archive node ({reason})"
    )]
    UnknownBlock {
        /// Hash of the block.
        block: B256,
        /// The endpoint's words.
        reason: String,
    },
    /// The endpoint did not answer, or not with what was asked for. A call that ran out of gas, or into an invalid instruction, is of this kind too: endpoints
    /// have no common word for it.
    #[error("{0}")]
    Failed(String),
}

/// An answer on its way.
pub type Pending<'a> = Pin<Box<dyn Future<Output = Result<Answer, ChainError>> + Send + 'a>>;

/// The chain of one service. An implementation bounds the time and the size of what it reads from elsewhere.
pub trait ChainState: fmt::Debug + Send + Sync {
    /// EIP-155 id of the chain.
    fn chain_id(&self) -> u64;

    /// Asks for the state after the block with that hash, and of no other.
    fn read(&self, block: B256, query: Query) -> Pending<'_>;
}
