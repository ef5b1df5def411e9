//! How much a component may read of its service's chain.

use tandem_types::ChainGrant;

use crate::LimitKind;

/// What one execution may read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChainLimits {
    /// Reads.
    pub calls: u64,
    /// Bytes of call data, return data and revert data, summed.
    pub bytes: u64,
    /// Gas of one call.
    pub gas: u64,
}

impl From<ChainGrant> for ChainLimits {
    fn from(ChainGrant { calls, bytes, gas }: ChainGrant) -> Self {
        Self { calls, bytes, gas }
    }
}

impl ChainLimits {
    pub(crate) fn amounts(&self) -> [(LimitKind, u64); 3] {
        [(LimitKind::ChainCalls, self.calls), (LimitKind::ChainBytes, self.bytes), (LimitKind::ChainGas, self.gas)]
    }
}
