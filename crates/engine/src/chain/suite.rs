//! Facts that hold for every [`ChainState`]; [`check`] panics at the first that does not. For the tests of implementations.

use tandem_types::{Address, B256, U256};

use super::{Answer, ChainError, ChainState, Query};

/// The chain's id.
pub const CHAIN_ID: u64 = 31_337;
/// The account's balance and the contract's first slot after the first block.
pub const BEFORE: U256 = U256::from_limbs([7, 0, 0, 0]);
/// The same after the second.
pub const AFTER: U256 = U256::from_limbs([u64::MAX, u64::MAX, u64::MAX, u64::MAX]);
/// Code of the contract, for chains that run it. By the first byte of its call data it gives back the call data, or reverts with it (1), or runs out of gas (2),
/// or reverts with nothing (3).
pub const CONTRACT: &str = "365f5f375f355f1a806001146020578060021460245780600314602857365ff35b365ffd5b6024565b5f5ffd";
/// Gas of calls.
const GAS: u64 = 100_000;

/// What must be on the chain.
#[derive(Debug, Clone, Copy)]
pub struct Scene {
    /// Hash of a block after which everything is [`BEFORE`].
    pub before: B256,
    /// Hash of a later block after which everything is [`AFTER`].
    pub after: B256,
    /// The contract.
    pub contract: Address,
    /// An account.
    pub account: Address,
}

/// Calls of the contract, with the gas that they need and what comes of them, for chains that do not run it.
pub fn calls() -> Vec<(Vec<u8>, (u64, Answer))> {
    let echoed = [vec![0, 1, 2], vec![9; 1_000]].map(|data| (data.clone(), (30_000, Answer::Returned(data))));
    let reverted = (vec![1; 100], (30_000, Answer::Reverted(vec![1; 100])));
    let silent = (vec![3], (30_000, Answer::Reverted(Vec::new())));
    let endless = (vec![2], (u64::MAX, Answer::Returned(Vec::new())));
    echoed.into_iter().chain([reverted, silent, endless]).collect()
}

/// Asks all of it.
///
/// # Panics
/// When the chain does not do what a chain does.
pub async fn check(chain: &dyn ChainState, scene: &Scene) {
    assert_eq!(chain.chain_id(), CHAIN_ID);
    state_is_that_of_the_block(chain, scene).await;
    what_is_not_set_is_zero(chain, scene).await;
    calls_return_or_revert(chain, scene).await;
    call_without_gas_is_no_answer(chain, scene).await;
    unknown_block_is_no_answer(chain, scene).await;
}

fn call(scene: &Scene, data: &[u8]) -> Query {
    Query::Call { to: scene.contract, data: data.to_vec(), gas: GAS }
}

async fn state_is_that_of_the_block(chain: &dyn ChainState, scene: &Scene) {
    let queries = || [Query::Balance(scene.account), Query::Storage { contract: scene.contract, slot: B256::ZERO }];
    for (block, word) in [(scene.before, BEFORE), (scene.after, AFTER), (scene.before, BEFORE)] {
        for query in queries() {
            assert_eq!(chain.read(block, query.clone()).await, Ok(Answer::Word(word)), "{query:?}");
        }
    }
}

async fn what_is_not_set_is_zero(chain: &dyn ChainState, scene: &Scene) {
    let nobody = Address::repeat_byte(0xee);
    let slot = B256::repeat_byte(0xff);
    for query in [
        Query::Balance(nobody),
        Query::Storage { contract: nobody, slot },
        Query::Storage { contract: scene.contract, slot },
    ] {
        assert_eq!(chain.read(scene.after, query).await, Ok(Answer::Word(U256::ZERO)));
    }
    let nothing = Query::Call { to: nobody, data: vec![1], gas: GAS };
    assert_eq!(chain.read(scene.after, nothing).await, Ok(Answer::Returned(Vec::new())));
}

async fn calls_return_or_revert(chain: &dyn ChainState, scene: &Scene) {
    for (data, (needed, answer)) in calls() {
        if needed <= GAS {
            assert_eq!(chain.read(scene.before, call(scene, &data)).await, Ok(answer));
        }
    }
}

async fn call_without_gas_is_no_answer(chain: &dyn ChainState, scene: &Scene) {
    let answer = chain.read(scene.before, call(scene, &[2])).await;
    assert!(matches!(answer, Err(ChainError::Failed(_))), "{answer:?}");
}

async fn unknown_block_is_no_answer(chain: &dyn ChainState, scene: &Scene) {
    let unknown = B256::repeat_byte(0xdd);
    for query in [
        Query::Balance(scene.account),
        Query::Storage { contract: scene.contract, slot: B256::ZERO },
        call(scene, &[0]),
    ] {
        let answer = chain.read(unknown, query).await;
        assert!(matches!(answer, Err(ChainError::UnknownBlock { block, .. }) if block == unknown), "{answer:?}");
    }
}
