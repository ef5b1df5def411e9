//! Anchors of what callers sign: no chain is watched for it, and yet all operators find the same block.

use tandem_types::{TaskBlock, WorkflowId};

use super::Depth;
use super::anchor::{Home, Placed};
use super::window::ManifestWindow;
use crate::client::ChainClient;
use crate::reader::ReadError;
use crate::source::ChainSource;

/// Where something that a caller signed for a second belongs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Anchor {
    /// To this manifest, at this block of the service's chain.
    Block(ManifestWindow, TaskBlock),
    /// The chain is not there yet.
    NotYet,
    /// No manifest that was in force then has the workflow fire.
    Nowhere,
}

/// Finds anchors on the service's chain.
#[derive(Debug, Clone)]
pub struct AnchorReader {
    home: ChainClient,
    depth: Depth,
}

impl AnchorReader {
    /// Anchors are believed when they are `depth` deep.
    pub fn new(home: ChainClient, depth: Depth) -> Self {
        Self { home, depth }
    }

    /// The anchor of a second for a workflow, by the manifests that were announced.
    ///
    /// # Errors
    /// [`ReadError`].
    pub async fn find(
        &self,
        windows: &[ManifestWindow],
        workflow: &WorkflowId,
        instant: u64,
    ) -> Result<Anchor, ReadError> {
        find(&self.home, self.depth, windows, (workflow, instant)).await
    }
}

async fn find<S: ChainSource>(
    home: &S,
    depth: Depth,
    windows: &[ManifestWindow],
    (workflow, instant): (&WorkflowId, u64),
) -> Result<Anchor, ReadError> {
    let mut is_early = false;
    for window in windows {
        let Some(home) = Home::open(home, window, (depth, 0)).await? else {
            // Its first block is not believed yet.
            is_early |= window.end.is_none_or(|end| end > window.first);
            continue;
        };
        let placed = home.place(instant, None).await?;
        home.check().await?;
        match placed {
            Placed::Anchored(block) if window.fires_for(workflow).is_some() => {
                return Ok(Anchor::Block(window.clone(), block));
            }
            Placed::Anchored(_) => return Ok(Anchor::Nowhere),
            Placed::NotYet => is_early = true,
            Placed::TooLate | Placed::Elsewhere => {}
        }
    }
    Ok(if is_early { Anchor::NotYet } else { Anchor::Nowhere })
}

#[cfg(test)]
mod tests {
    use tandem_types::{Address, B256, ManifestHash};

    use super::*;
    use crate::event::Route;
    use crate::source::fake::FakeChain;

    fn workflow() -> WorkflowId {
        "score".parse().expect("a name")
    }

    fn window(manifest: u8, first: u64, end: Option<u64>, fires: bool) -> ManifestWindow {
        let route = Route { workflow: workflow(), handler: Address::ZERO, fires };
        ManifestWindow { manifest: ManifestHash(B256::repeat_byte(manifest)), first, end, routes: vec![route] }
    }

    /// Blocks of the fake chain are 12 seconds apart; the last that is believed is number 39, at second 468.
    async fn anchor(windows: &[ManifestWindow], instant: u64) -> (Option<(u8, u64)>, bool) {
        let depth = Depth { confirmations: 1, tag: None };
        let found = find(&FakeChain::with_logs_at([]), depth, windows, (&workflow(), instant)).await;
        match found.expect("the fake chain answers") {
            Anchor::Block(window, block) => (Some((window.manifest.0[0], block.number)), false),
            Anchor::NotYet => (None, true),
            Anchor::Nowhere => (None, false),
        }
    }

    #[tokio::test]
    async fn a_second_belongs_to_the_first_block_that_is_not_before_it() {
        let windows = [window(1, 0, Some(20), true), window(2, 20, None, true)];
        assert_eq!(anchor(&windows, 12).await, (Some((1, 1)), false));
        assert_eq!(anchor(&windows, 13).await, (Some((1, 2)), false));
        assert_eq!(anchor(&windows, 228).await, (Some((1, 19)), false));
        assert_eq!(anchor(&windows, 229).await, (Some((2, 20)), false));
        assert_eq!(anchor(&windows, 468).await, (Some((2, 39)), false));
        assert_eq!(anchor(&windows, 469).await, (None, true));
    }

    #[tokio::test]
    async fn what_no_manifest_has_fire_belongs_nowhere() {
        let windows = [window(1, 10, Some(20), true), window(2, 20, None, false)];
        assert_eq!(anchor(&windows, 150).await, (Some((1, 13)), false));
        assert_eq!(anchor(&windows, 240).await, (None, false));
        assert_eq!(anchor(&windows, 500).await, (None, true), "the next manifest may");
        assert_eq!(anchor(&[], 5).await, (None, false));
        assert_eq!(anchor(&[window(1, 90, None, true)], 500).await, (None, true));
    }
}
