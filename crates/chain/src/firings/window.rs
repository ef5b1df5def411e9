//! Which manifest was in force when, from the announcements alone.

use tandem_types::{Address, ManifestHash, WorkflowId};

use crate::event::Route;

/// The blocks of the service's chain in which a manifest is in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ManifestWindow {
    /// The manifest.
    pub manifest: ManifestHash,
    /// Its first block.
    pub first: u64,
    /// The first block of the next manifest, if one was announced.
    pub end: Option<u64>,
    /// Its workflows that deliver.
    pub routes: Vec<Route>,
}

impl ManifestWindow {
    /// Handler of a workflow that is fired by its own trigger.
    pub fn fires_for(&self, workflow: &WorkflowId) -> Option<Address> {
        let route = self.routes.iter().find(|route| &route.workflow == workflow && route.fires);
        route.map(|route| route.handler)
    }
}

/// An announcement, and the block that holds it.
pub(crate) struct Announcement {
    pub(crate) block: u64,
    pub(crate) activation: u64,
    pub(crate) manifest: ManifestHash,
    pub(crate) routes: Vec<Route>,
}

/// The windows of announcements in the chain's order, ascending: one that was not in force yet gives way to the next.
pub(crate) fn windows(announcements: impl IntoIterator<Item = Announcement>) -> Vec<ManifestWindow> {
    let mut windows: Vec<ManifestWindow> = Vec::new();
    for Announcement { block, activation, manifest, routes } in announcements {
        windows.pop_if(|pending| pending.first > block);
        if let Some(before) = windows.last_mut() {
            before.end = Some(activation);
        }
        windows.push(ManifestWindow { manifest, first: activation, end: None, routes });
    }
    windows
}

#[cfg(test)]
mod tests {
    use tandem_types::B256;

    use super::*;

    fn spans(announced: &[(u64, u64)]) -> Vec<(u8, u64, Option<u64>)> {
        let announcement = |(index, (block, activation)): (usize, &(u64, u64))| Announcement {
            block: *block,
            activation: *activation,
            manifest: ManifestHash(B256::with_last_byte(index as u8 + 1)),
            routes: Vec::new(),
        };
        let windows = windows(announced.iter().enumerate().map(announcement));
        windows.iter().map(|window| (window.manifest.0[31], window.first, window.end)).collect()
    }

    #[test]
    fn a_manifest_is_in_force_until_the_next_is() {
        assert_eq!(spans(&[(5, 5)]), [(1, 5, None)]);
        assert_eq!(spans(&[(5, 5), (9, 20)]), [(1, 5, Some(20)), (2, 20, None)]);
        assert_eq!(spans(&[(5, 5), (9, 20), (30, 31)]), [(1, 5, Some(20)), (2, 20, Some(31)), (3, 31, None)]);
    }

    #[test]
    fn a_manifest_that_was_not_in_force_gives_way() {
        assert_eq!(spans(&[(5, 5), (9, 20), (19, 40)]), [(1, 5, Some(40)), (3, 40, None)]);
        assert_eq!(spans(&[(5, 50), (9, 20)]), [(2, 20, None)]);
    }
}
