//! Where a node listens, for those on the same machine who want to ask it.

use std::net::SocketAddr;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::NodeError;

/// Where a node listens, with the ports that the system chose; in `node.json` beside its journal while it runs.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct Addresses {
    /// TCP, for people and scrapers.
    pub http: Option<SocketAddr>,
    /// UDP, for the other operators.
    pub listen: Option<SocketAddr>,
    /// TCP, for callers.
    #[serde(default)]
    pub callers: Option<SocketAddr>,
}

impl Addresses {
    const FILE: &str = "node.json";

    /// Reads what the node with this data directory wrote; none when it is not up.
    pub fn read(data: &Path) -> Option<Self> {
        serde_json::from_slice(&std::fs::read(data.join(Self::FILE)).ok()?).ok()
    }

    /// Written beside and moved into place, so that nobody reads half of it.
    pub(super) fn write(&self, data: &Path) -> Result<(), NodeError> {
        let (path, draft) = (data.join(Self::FILE), data.join("node.json.new"));
        let text = serde_json::to_string(self).expect("two addresses serialise");
        let written = std::fs::write(&draft, text).and_then(|()| std::fs::rename(&draft, &path));
        written.map_err(|source| NodeError::Addresses { path, source })
    }
}
