//! How much a service's store may hold.

use crate::{LimitBreach, LimitKind};

/// Most keys of one command; the same on every node.
pub const STORE_BATCH_MAX: usize = 64;

/// What a workflow may make of its service's store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StoreLimits {
    /// Keys that one execution may name, over all of its commands.
    pub calls: u64,
    /// Keys that the store may hold.
    pub keys: u64,
    /// Bytes of one key.
    pub key_bytes: u64,
    /// Bytes of one value.
    pub value_bytes: u64,
    /// Bytes that the store may hold, keys included.
    pub bytes: u64,
}

impl From<tandem_types::StoreGrant> for StoreLimits {
    fn from(grant: tandem_types::StoreGrant) -> Self {
        let tandem_types::StoreGrant { calls, keys, key_bytes, value_bytes, bytes } = grant;
        Self { calls, keys, key_bytes, value_bytes, bytes }
    }
}

impl StoreLimits {
    pub(crate) fn amounts(&self) -> [(LimitKind, u64); 5] {
        [
            (LimitKind::StoreCalls, self.calls),
            (LimitKind::StoreKeys, self.keys),
            (LimitKind::StoreKeyBytes, self.key_bytes),
            (LimitKind::StoreValueBytes, self.value_bytes),
            (LimitKind::StoreBytes, self.bytes),
        ]
    }

    /// Refuses `amount` of `kind` when it is above the limit.
    pub(super) fn check(&self, kind: LimitKind, amount: u64) -> Result<(), LimitBreach> {
        match self.amounts().into_iter().find(|(of, _)| *of == kind) {
            Some((_, limit)) if amount > limit => Err(LimitBreach { kind, limit }),
            _ => Ok(()),
        }
    }
}
