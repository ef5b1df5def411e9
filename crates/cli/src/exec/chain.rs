//! The chain that a component reads in `tandem exec`.

use anyhow::anyhow;
use tandem_chain::RpcError;
use tandem_node::pinned_chain::PinnedChain;
use tandem_types::TaskBlock;
use url::Url;

use super::code;
use crate::Failure;

/// The chain behind `rpc`, and the block of that number, or the latest.
pub(super) async fn open(rpc: Url, number: Option<u64>) -> Result<(PinnedChain, TaskBlock), Failure> {
    let chain = PinnedChain::connect_any(rpc).await.map_err(failed)?;
    let block = chain.block(number).await.map_err(failed)?;
    let block = block.ok_or_else(|| {
        let number = number.unwrap_or_default();
        Failure::new(code::USAGE, anyhow!("the chain has no block {number} yet"))
            .hint("without --block, it is the latest")
    })?;
    Ok((chain, block))
}

fn failed(error: RpcError) -> Failure {
    let hint = error.hint();
    let failure = Failure::new(code::HOST, error).context("cannot read the chain of --rpc");
    match hint {
        Some(hint) => failure.hint(hint),
        None => failure,
    }
}
