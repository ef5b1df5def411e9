//! The service's chain, in the state after the task's block: what contracts answer, what accounts have, what is in storage. Every operator sees the same, so
//! `strict` components may read it too. The manifest grants it with `chain = {}`.
//!
//! An endpoint that fails is never seen here: the execution ends, and is tried again.
//!
//! ```
//! use tandem_sdk::abi::Value;
//! use tandem_sdk::testing::{Host, task};
//! use tandem_sdk::{Error, Task, chain};
//!
//! const TOKEN: chain::Address = [0x11; 20];
//!
//! fn run(task: Task) -> Result<Vec<u8>, Error> {
//!     let holder = Value::address(task.input.as_slice().try_into().map_err(|_| Error::invalid_input("no address"))?);
//!     let balance: u128 = chain::view(TOKEN, "balanceOf(address)", &[holder])?.reader().uint()?;
//!     Ok(balance.to_string().into_bytes())
//! }
//!
//! let holder = Value::address([0x22; 20]);
//! let host = Host::new().view(TOKEN, "balanceOf(address)", &[holder], &[Value::from(5u64)]);
//! assert_eq!(host.run(|| run(task([0x22; 20]))), Ok(b"5".to_vec()));
//! ```

use std::fmt;

use crate::abi::{self, Reader, Value};
use crate::bindings::tandem::service::chain::Error as Refused;
use crate::{Error, host};

pub use crate::bindings::tandem::service::chain::{Block, Limit};

/// An account or a contract.
pub type Address = [u8; 20];
/// A word of the chain, big-endian.
pub type Word = [u8; 32];

/// Why there is no answer. The same for every operator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ChainError {
    /// The manifest does not grant the chain.
    NotGranted,
    /// A limit was met.
    Limit(Limit),
    /// The contract reverted, with this data: a selector and what follows it.
    Reverted(Vec<u8>),
}

impl ChainError {
    /// What follows the selector, if the contract reverted with that error, such as `NotOpen(uint256)`.
    pub fn reverted_with(&self, signature: &str) -> Option<Reader<'_>> {
        match self {
            Self::Reverted(data) => data.strip_prefix(&abi::selector(signature)).map(Reader::new),
            _ => None,
        }
    }
}

impl fmt::Display for ChainError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotGranted => f.write_str("reads of the chain are not granted"),
            Self::Limit(limit) => write!(f, "the limit {limit:?} of reads of the chain was met"),
            Self::Reverted(data) => match self.reverted_with("Error(string)").map(|mut reason| reason.text()) {
                Some(Ok(reason)) => write!(f, "the contract reverted: {reason}"),
                _ if data.is_empty() => f.write_str("the contract reverted without a reason"),
                _ => {
                    f.write_str("the contract reverted with 0x")?;
                    data.iter().take(4).try_for_each(|byte| write!(f, "{byte:02x}"))
                }
            },
        }
    }
}

impl std::error::Error for ChainError {}

impl From<Refused> for ChainError {
    fn from(error: Refused) -> Self {
        match error {
            Refused::NotGranted => Self::NotGranted,
            Refused::Limit(limit) => Self::Limit(limit),
            Refused::Reverted(data) => Self::Reverted(data),
            Refused::Malformed => unreachable!("the types of this module have the right lengths"),
        }
    }
}

impl From<ChainError> for Error {
    /// Not tried again: the state after the task's block does not change.
    fn from(error: ChainError) -> Self {
        Self::failed(error.to_string())
    }
}

/// What a contract returned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Returned(pub Vec<u8>);

impl Returned {
    /// Reads the values that Solidity returned. Of an address without a contract there is none.
    pub fn reader(&self) -> Reader<'_> {
        Reader::new(&self.0)
    }
}

/// EIP-155 id of the chain.
///
/// # Errors
/// [`ChainError::NotGranted`].
pub fn id() -> Result<u64, ChainError> {
    Ok(host::chain_id()?)
}

/// The task's block: the one that asked for it, and after which everything is read.
///
/// # Errors
/// [`ChainError::NotGranted`].
pub fn block() -> Result<Block, ChainError> {
    Ok(host::task_block()?)
}

/// Calls a function of a contract: `view(token, "balanceOf(address)", &[Value::address(holder)])`. From the zero address, without value.
///
/// # Errors
/// [`ChainError`].
pub fn view(contract: Address, signature: &str, arguments: &[Value<'_>]) -> Result<Returned, ChainError> {
    call(contract, &abi::encode_call(signature, arguments)).map(Returned)
}

/// Calls a contract with call data as it is.
///
/// # Errors
/// [`ChainError`].
pub fn call(contract: Address, data: &[u8]) -> Result<Vec<u8>, ChainError> {
    Ok(host::chain_call(&contract, data)?)
}

/// Balance of an account in wei.
///
/// # Errors
/// [`ChainError`].
pub fn balance(account: Address) -> Result<Word, ChainError> {
    Ok(word(host::chain_balance(&account)?))
}

/// One slot of a contract's storage.
///
/// # Errors
/// [`ChainError`].
pub fn storage(contract: Address, slot: Word) -> Result<Word, ChainError> {
    Ok(word(host::chain_storage(&contract, &slot)?))
}

fn word(bytes: Vec<u8>) -> Word {
    bytes.try_into().expect("the host gives 32 bytes")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Host;

    const CONTRACT: Address = [7; 20];

    #[test]
    fn what_is_laid_out_is_read() {
        let block = Block { number: 5, hash: vec![1; 32], timestamp: 9 };
        let host = Host::new()
            .chain(1, block)
            .view(CONTRACT, "pair(bool)", &[Value::from(true)], &[Value::from(3u64), Value::from("x")])
            .balance(CONTRACT, 12)
            .storage(CONTRACT, [0; 32], [8; 32]);
        host.run(|| {
            assert_eq!((id(), block_number()), (Ok(1), 5));
            let returned = view(CONTRACT, "pair(bool)", &[Value::from(true)]).expect("it is laid out");
            let mut reader = returned.reader();
            assert_eq!((reader.uint::<u64>(), reader.text()), (Ok(3), Ok("x")));
            assert_eq!(balance(CONTRACT).map(|word| word[31]), Ok(12));
            assert_eq!(storage(CONTRACT, [0; 32]), Ok([8; 32]));
            assert_eq!(storage(CONTRACT, [1; 32]), Ok([0; 32]));
            assert_eq!(call([0; 20], b""), Ok(vec![]));
        });
    }

    fn block_number() -> u64 {
        block().expect("it is granted").number
    }

    #[test]
    fn nothing_is_granted_by_default() {
        Host::new().run(|| {
            assert_eq!(id(), Err(ChainError::NotGranted));
            assert_eq!(balance(CONTRACT), Err(ChainError::NotGranted));
        });
    }

    #[test]
    fn reverts_are_told_by_name() {
        let host = Host::new().revert(CONTRACT, ("a()", &[]), ("NotOpen(uint256)", &[Value::from(5u64)])).revert(
            CONTRACT,
            ("b()", &[]),
            ("Error(string)", &[Value::from("too late")]),
        );
        host.run(|| {
            let error = view(CONTRACT, "a()", &[]).expect_err("it reverts");
            assert_eq!(error.reverted_with("NotOpen(uint256)").map(|mut values| values.uint::<u64>()), Some(Ok(5)));
            assert!(error.reverted_with("NotOpen()").is_none());
            let error = view(CONTRACT, "b()", &[]).expect_err("it reverts");
            assert_eq!(error.to_string(), "the contract reverted: too late");
        });
    }
}
