//! What a component may read of its service's chain.

use serde::{Deserialize, Serialize};

/// Reads of the service's chain, in the state after the task's block. `chain = {}` grants them with the defaults.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct ChainGrant {
    /// Reads of one run.
    pub calls: u64,
    /// Bytes of call data, return data and revert data of one run, summed.
    pub bytes: u64,
    /// Gas of one call. The same for every operator, whatever its endpoint's own default is.
    pub gas: u64,
}

impl Default for ChainGrant {
    fn default() -> Self {
        Self { calls: 32, bytes: 64 * 1024, gas: 10_000_000 }
    }
}

impl ChainGrant {
    /// The largest values that a manifest may ask for. Gas is bounded by what one transaction may have (EIP-7825), which no endpoint is below.
    pub const MAX: Self = Self { calls: 1_000, bytes: 4 * 1024 * 1024, gas: 1 << 24 };

    pub(super) fn named(&self) -> [(&'static str, u64); 3] {
        [("chain.calls", self.calls), ("chain.bytes", self.bytes), ("chain.gas", self.gas)]
    }
}
