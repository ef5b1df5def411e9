//! What a component may reach beside its limits: hosts, the store, a scratch directory.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

/// The HTTP hosts that a component may call.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct HttpGrant {
    /// `host` or `host:port`. Private and loopback addresses are reached only when they are listed as such.
    #[serde(default)]
    pub hosts: BTreeSet<String>,
}

/// What a component may make of its service's store, which all workflows of the service share. `store = {}` grants it with the defaults.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct StoreGrant {
    /// Keys that one run may name, over all of its commands.
    pub calls: u64,
    /// Keys that the store may hold after a write of this workflow.
    pub keys: u64,
    /// Bytes of one key.
    pub key_bytes: u64,
    /// Bytes of one value.
    pub value_bytes: u64,
    /// Bytes of keys and values that the store may hold after a write of this workflow.
    pub bytes: u64,
}

impl Default for StoreGrant {
    fn default() -> Self {
        Self { calls: 1_000, keys: 10_000, key_bytes: 256, value_bytes: 64 * 1024, bytes: 16 * 1024 * 1024 }
    }
}

impl StoreGrant {
    /// The largest values that a manifest may ask for.
    pub const MAX: Self =
        Self { calls: 100_000, keys: 1_000_000, key_bytes: 1_024, value_bytes: 1024 * 1024, bytes: 1024 * 1024 * 1024 };

    pub(super) fn named(&self) -> [(&'static str, u64); 5] {
        [
            ("store.calls", self.calls),
            ("store.keys", self.keys),
            ("store.key-bytes", self.key_bytes),
            ("store.value-bytes", self.value_bytes),
            ("store.bytes", self.bytes),
        ]
    }
}

/// What a component may keep in `/scratch` while it runs. `scratch = {}` grants it with the defaults.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct ScratchGrant {
    /// Bytes of all files together.
    pub bytes: u64,
    /// Files and directories.
    pub files: u64,
}

impl Default for ScratchGrant {
    fn default() -> Self {
        Self { bytes: 16 * 1024 * 1024, files: 1_000 }
    }
}

impl ScratchGrant {
    /// The largest values that a manifest may ask for.
    pub const MAX: Self = Self { bytes: 256 * 1024 * 1024, files: 10_000 };

    pub(super) fn named(&self) -> [(&'static str, u64); 2] {
        [("scratch.bytes", self.bytes), ("scratch.files", self.files)]
    }
}
