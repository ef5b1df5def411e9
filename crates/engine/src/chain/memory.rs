//! A chain in memory, to try components: it holds what a test puts in, and runs no contract.

use std::collections::BTreeMap;

use tandem_types::{Address, B256, U256};

use super::{Answer, ChainError, ChainState, Pending, Query};

/// The state after some blocks.
#[derive(Debug, Clone, Default)]
pub struct MemoryChain {
    chain_id: u64,
    blocks: BTreeMap<B256, State>,
}

#[derive(Debug, Clone, Default)]
struct State {
    balances: BTreeMap<Address, U256>,
    storage: BTreeMap<(Address, B256), U256>,
    /// Gas that a call needs, and what comes of it.
    calls: BTreeMap<(Address, Vec<u8>), (u64, Answer)>,
}

impl MemoryChain {
    /// A chain without blocks.
    pub fn new(chain_id: u64) -> Self {
        Self { chain_id, blocks: BTreeMap::new() }
    }

    /// Adds a block in which nothing is set.
    #[must_use]
    pub fn block(mut self, block: B256) -> Self {
        self.blocks.entry(block).or_default();
        self
    }

    /// Sets a balance.
    #[must_use]
    pub fn balance(mut self, block: B256, account: Address, wei: U256) -> Self {
        self.blocks.entry(block).or_default().balances.insert(account, wei);
        self
    }

    /// Sets a slot.
    #[must_use]
    pub fn storage(mut self, block: B256, (contract, slot): (Address, B256), word: U256) -> Self {
        self.blocks.entry(block).or_default().storage.insert((contract, slot), word);
        self
    }

    /// Sets what a call needs and what comes of it; every other call returns nothing.
    #[must_use]
    pub fn call(mut self, block: B256, (to, data): (Address, Vec<u8>), (gas, answer): (u64, Answer)) -> Self {
        self.blocks.entry(block).or_default().calls.insert((to, data), (gas, answer));
        self
    }

    fn answer(&self, block: B256, query: Query) -> Result<Answer, ChainError> {
        let state = self.blocks.get(&block);
        let state = state.ok_or_else(|| ChainError::UnknownBlock { block, reason: "it is not set".to_owned() })?;
        Ok(match query {
            Query::Balance(account) => Answer::Word(state.balances.get(&account).copied().unwrap_or_default()),
            Query::Storage { contract, slot } => {
                Answer::Word(state.storage.get(&(contract, slot)).copied().unwrap_or_default())
            }
            Query::Call { to, data, gas } => match state.calls.get(&(to, data)) {
                Some((needed, _)) if gas < *needed => return Err(ChainError::Failed("out of gas".to_owned())),
                Some((_, answer)) => answer.clone(),
                None => Answer::Returned(Vec::new()),
            },
        })
    }
}

impl ChainState for MemoryChain {
    fn chain_id(&self) -> u64 {
        self.chain_id
    }

    fn read(&self, block: B256, query: Query) -> Pending<'_> {
        Box::pin(std::future::ready(self.answer(block, query)))
    }
}

#[cfg(test)]
mod tests {
    use super::super::suite::{self, Scene};
    use super::*;

    #[tokio::test]
    async fn memory_chain_is_a_chain() {
        let scene = Scene {
            before: B256::repeat_byte(1),
            after: B256::repeat_byte(2),
            contract: Address::repeat_byte(3),
            account: Address::repeat_byte(4),
        };
        let Scene { before, after, contract, account } = scene;
        let slot = (contract, B256::ZERO);
        let mut chain = MemoryChain::new(suite::CHAIN_ID)
            .balance(before, account, suite::BEFORE)
            .balance(after, account, suite::AFTER)
            .storage(before, slot, suite::BEFORE)
            .storage(after, slot, suite::AFTER);
        for block in [before, after] {
            for (data, (gas, answer)) in suite::calls() {
                chain = chain.call(block, (contract, data), (gas, answer));
            }
        }
        suite::check(&chain, &scene).await;
    }
}
