//! The chain of the host for tests: what a test lays out, and zero and nothing for the rest. It runs no contract.

use std::collections::BTreeMap;

use super::{Host, ask};
use crate::abi::{Value, encode, encode_call};
use crate::bindings::tandem::service::chain::{Block, Error};

type Outcome = Result<Vec<u8>, Vec<u8>>;

/// The state after the task's block.
#[derive(Debug, Clone)]
pub(super) struct Chain {
    id: u64,
    block: Block,
    /// By contract and call data: what it returns, or reverts with.
    calls: BTreeMap<(Vec<u8>, Vec<u8>), Outcome>,
    balances: BTreeMap<Vec<u8>, Vec<u8>>,
    storage: BTreeMap<(Vec<u8>, Vec<u8>), Vec<u8>>,
}

impl Default for Chain {
    /// As `tandem exec` has it without a chain: chain 0, and its first block.
    fn default() -> Self {
        let block = Block { number: 0, hash: vec![0; 32], timestamp: 0 };
        Self { id: 0, block, calls: BTreeMap::new(), balances: BTreeMap::new(), storage: BTreeMap::new() }
    }
}

impl Host {
    /// Grants the chain, as `chain = {}` in `tandem.toml` does, and says which it is and what the task's block is. The functions below grant it too.
    #[must_use]
    pub fn chain(mut self, id: u64, block: Block) -> Self {
        let chain = self.granted_chain();
        (chain.id, chain.block) = (id, block);
        self
    }

    /// Lets a function of a contract return `values`.
    #[must_use]
    pub fn view(mut self, contract: [u8; 20], signature: &str, arguments: &[Value<'_>], values: &[Value<'_>]) -> Self {
        let call = (contract.to_vec(), encode_call(signature, arguments));
        self.granted_chain().calls.insert(call, Ok(encode(values)));
        self
    }

    /// Lets a function of a contract revert with an error, such as `NotOpen(uint256)`, that has `values`.
    #[must_use]
    pub fn revert(
        mut self,
        contract: [u8; 20],
        (signature, arguments): (&str, &[Value<'_>]),
        (error, values): (&str, &[Value<'_>]),
    ) -> Self {
        let call = (contract.to_vec(), encode_call(signature, arguments));
        self.granted_chain().calls.insert(call, Err(encode_call(error, values)));
        self
    }

    /// Sets the balance of an account.
    #[must_use]
    pub fn balance(mut self, account: [u8; 20], wei: u128) -> Self {
        self.granted_chain().balances.insert(account.to_vec(), encode(&[Value::from(wei)]));
        self
    }

    /// Sets a slot of a contract's storage.
    #[must_use]
    pub fn storage(mut self, contract: [u8; 20], slot: [u8; 32], word: [u8; 32]) -> Self {
        self.granted_chain().storage.insert((contract.to_vec(), slot.to_vec()), word.to_vec());
        self
    }

    fn granted_chain(&mut self) -> &mut Chain {
        self.chain.get_or_insert_default()
    }
}

fn read<T>(read: impl FnOnce(&Chain) -> T) -> Result<T, Error> {
    ask(|host| host.chain.as_ref().map(read).ok_or(Error::NotGranted))
}

pub(crate) fn chain_id() -> Result<u64, Error> {
    read(|chain| chain.id)
}

pub(crate) fn task_block() -> Result<Block, Error> {
    read(|chain| chain.block.clone())
}

pub(crate) fn chain_call(to: &[u8], data: &[u8]) -> Result<Vec<u8>, Error> {
    let outcome = read(|chain| chain.calls.get(&(to.to_vec(), data.to_vec())).cloned())?;
    outcome.unwrap_or(Ok(Vec::new())).map_err(Error::Reverted)
}

pub(crate) fn chain_balance(account: &[u8]) -> Result<Vec<u8>, Error> {
    read(|chain| chain.balances.get(account).cloned().unwrap_or(vec![0; 32]))
}

pub(crate) fn chain_storage(contract: &[u8], slot: &[u8]) -> Result<Vec<u8>, Error> {
    read(|chain| chain.storage.get(&(contract.to_vec(), slot.to_vec())).cloned().unwrap_or(vec![0; 32]))
}
