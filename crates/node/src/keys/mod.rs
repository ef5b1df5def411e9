//! An operator's three keys in one directory, each in an encrypted keystore under one password: the BLS key that signs results, the
//! key of the transport, and the account that sends transactions. They are made at random, never overwritten, and never printed.
//!
//! The first two can be changed. Until the chain knows the new one the old one is still needed, and tables that were taken before need it
//! longer; so it stays beside the new one, as `*.previous.json`, until the next change. When that may be the chain knows, and whoever asks.

mod directory;

use std::path::{Path, PathBuf};

use tandem_chain::{Account, AccountError, Password, random_bytes};
use tandem_crypto::{KeyRing, KeystoreError, PublicKey, SecretKey, SecretKeyError, Strength};
use tandem_types::{B256, G1Point, OperatorId};
use zeroize::Zeroizing;

pub use directory::{KeyDirectory, LockedKeys};

use crate::transport::{PeerKey, TransportKey};

/// A key that can be changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyKind {
    /// The key that signs results.
    Bls,
    /// The key of the node.
    Transport,
}

impl std::fmt::Display for KeyKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Bls => "BLS",
            Self::Transport => "transport",
        })
    }
}

/// Why keys could not be made or opened.
#[derive(Debug, thiserror::Error)]
pub enum KeysError {
    /// A file or directory could not be read or written.
    #[error("cannot access {path}")]
    File {
        /// Which.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// There is a key already.
    #[error("{0} exists already; keys are never overwritten")]
    Exists(PathBuf),
    /// A keystore does not open.
    #[error("cannot open {path}")]
    Keystore {
        /// Which.
        path: PathBuf,
        /// Why.
        source: KeystoreError,
    },
    /// A keystore holds no BLS key.
    #[error("{path} holds no BLS key")]
    Bls {
        /// Which.
        path: PathBuf,
        /// Why.
        source: SecretKeyError,
    },
    /// The chain has a key that is neither the present one nor the one before.
    #[error("the chain has another {0} key for this operator than the present one and the one before")]
    Foreign(KeyKind),
    /// Somebody changes the keys at this moment.
    #[error("another process is changing the keys in {0}")]
    Busy(PathBuf),
    /// The account's keystore does not open.
    #[error(transparent)]
    Account(#[from] AccountError),
}

/// An operator's keys, opened.
pub struct OperatorKeys {
    /// Signs results.
    pub bls: SecretKey,
    /// Signed results before, and does still under tables that have it.
    pub previous_bls: Option<SecretKey>,
    /// Proves who this node is to the others.
    pub transport: TransportKey,
    /// Did so before, and does still while the chain names it.
    pub previous_transport: Option<TransportKey>,
    /// Sends transactions; its address is the operator's.
    pub account: Account,
}

/// The keys that the chain has for an operator, public halves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Registered {
    /// Its BLS key in G1.
    pub bls: G1Point,
    /// Its transport key.
    pub transport: B256,
}

/// Where a key stands with the chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// The chain has the present key.
    InForce,
    /// The chain has the one before: the present one is on its way there.
    Begun,
}

impl OperatorKeys {
    /// Makes new keys and writes their keystores into `directory`.
    ///
    /// # Errors
    /// [`KeysError::Exists`] when there is one already, [`KeysError::File`].
    pub fn create(directory: &Path, password: &Password, strength: Strength) -> Result<Self, KeysError> {
        KeyDirectory { path: directory, password, strength }.create()
    }

    /// Opens the keystores in `directory`.
    ///
    /// # Errors
    /// [`KeysError`] when one is missing, damaged, or under another password.
    pub fn open(directory: &Path, password: &Password) -> Result<Self, KeysError> {
        directory::open(directory, password)
    }

    /// The operator's identity.
    pub fn operator(&self) -> OperatorId {
        OperatorId(self.account.address())
    }

    /// Its BLS public key.
    pub fn public_key(&self) -> PublicKey {
        self.bls.public_key()
    }

    /// Its transport key, as it is registered.
    pub fn transport_public(&self) -> B256 {
        self.transport.public().0
    }

    /// Where a key stands, given what the chain has.
    ///
    /// # Errors
    /// [`KeysError::Foreign`] when the chain has a key that is not among these.
    pub fn standing(&self, kind: KeyKind, registered: &Registered) -> Result<Standing, KeysError> {
        let bls = |key: &SecretKey| key.public_key().g1() == registered.bls;
        let transport = |key: &TransportKey| key.public().0 == registered.transport;
        let (present, before) = match kind {
            KeyKind::Bls => (bls(&self.bls), self.previous_bls.as_ref().is_some_and(bls)),
            KeyKind::Transport => (transport(&self.transport), self.previous_transport.as_ref().is_some_and(transport)),
        };
        match (present, before) {
            (true, _) => Ok(Standing::InForce),
            (false, true) => Ok(Standing::Begun),
            (false, false) => Err(KeysError::Foreign(kind)),
        }
    }
}

/// What a running node makes of its operator's keys.
pub(crate) struct NodeKeys {
    pub(crate) ring: KeyRing,
    pub(crate) transport: TransportKey,
    pub(crate) account: Account,
}

impl OperatorKeys {
    /// Both BLS keys, for tables say which of them signs; and the transport key that the chain names, which is the new one before the
    /// operator is registered.
    pub(crate) fn for_node(self, named: Option<PeerKey>) -> NodeKeys {
        let Self { bls, previous_bls, transport, previous_transport, account } = self;
        let ring = match previous_bls {
            Some(previous) => KeyRing::rotating(bls, previous),
            None => KeyRing::from(bls),
        };
        let transport = match previous_transport {
            Some(previous) if named == Some(previous.public()) => previous,
            _ => transport,
        };
        NodeKeys { ring, transport, account }
    }
}

fn random_bls() -> Zeroizing<[u8; 32]> {
    SecretKey::from_random(&random_bytes::<48>()).expect("48 random bytes do not reduce to zero").to_bytes()
}

#[cfg(test)]
mod tests;
