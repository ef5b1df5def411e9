//! EIP-712 domains and type hashes. One type per purpose, so that a signature made for one purpose is void for any other.

mod scheme;

use std::borrow::Cow;

use alloy_primitives::{Address, B256, U256};
use alloy_sol_types::{Eip712Domain, SolStruct};

pub use self::scheme::Scheme;
use crate::{BatchRoot, Epoch, G1Point, G2Point, OperatorId, ResultLeaf, ServiceId};

/// The Solidity structs whose EIP-712 hashes name and bind things; see `docs/reference/formats.md`.
pub(crate) mod typed {
    alloy_sol_types::sol! {
        struct Task {
            uint64 number;
            bytes32 workflow;
            bytes32 manifest;
            address handler;
            address requester;
            uint64 deadline;
            uint16 nativeBps;
            uint16 externalBps;
            uint16 combinedBps;
            bytes32 inputHash;
        }

        struct Fired {
            bytes32 workflow;
            bytes32 firing;
        }

        struct CronFiring {
            uint64 instant;
        }

        struct BlockFiring {
            uint256 chainId;
            uint64 number;
        }

        struct LogFiring {
            uint256 chainId;
            bytes32 txHash;
            uint64 position;
            address emitter;
            bytes32[] topics;
            bytes data;
        }

        struct HttpFiring {
            bytes32 workflow;
            address caller;
            bytes32 key;
            uint64 instant;
            bytes input;
        }

        struct Result {
            bytes32 taskId;
            bytes32 component;
            uint256 chainId;
            address handler;
            bytes32 payloadHash;
        }

        struct Batch {
            uint32 epoch;
            bytes32 root;
        }

        struct Veto {
            uint32 epoch;
            bytes32 leaf;
        }

        struct Possession {
            address operator;
            uint256[2] g1;
            uint256[4] g2;
        }
    }
}

/// The chain and contract for which a digest is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Domain {
    /// EIP-155 chain id.
    pub chain_id: u64,
    /// The contract that checks: a ServiceManager, or the OperatorRegistry for proofs of possession.
    pub verifying_contract: Address,
}

impl From<ServiceId> for Domain {
    fn from(service: ServiceId) -> Self {
        Self { chain_id: service.chain_id, verifying_contract: service.manager }
    }
}

/// A digest made for one purpose in one domain. Only this crate makes them, so nothing raw can be signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SigningDigest(B256);

impl SigningDigest {
    /// The 32 bytes that are hashed to the curve.
    pub fn as_word(&self) -> B256 {
        self.0
    }
}

impl Domain {
    /// What operators sign for a batch.
    pub fn batch(&self, epoch: Epoch, root: BatchRoot) -> SigningDigest {
        SigningDigest(self.hash(&typed::Batch { epoch: epoch.0, root: root.0 }))
    }

    /// What operators sign to stop a pending result.
    pub fn veto(&self, epoch: Epoch, leaf: ResultLeaf) -> SigningDigest {
        SigningDigest(self.hash(&typed::Veto { epoch: epoch.0, leaf: leaf.0 }))
    }

    /// What an operator signs to prove that it holds the secret of its BLS key.
    pub fn possession(&self, operator: OperatorId, g1: &G1Point, g2: &G2Point) -> SigningDigest {
        SigningDigest(self.hash(&typed::Possession { operator: operator.0, g1: g1.to_words(), g2: g2.to_words() }))
    }

    pub(crate) fn hash<T: SolStruct>(&self, value: &T) -> B256 {
        value.eip712_signing_hash(&self.eip712())
    }

    /// The hash of the domain itself.
    pub fn separator(&self) -> B256 {
        self.eip712().separator()
    }

    fn eip712(&self) -> Eip712Domain {
        Eip712Domain {
            name: Some(Cow::Borrowed("Tandem")),
            version: Some(Cow::Borrowed("1")),
            chain_id: Some(U256::from(self.chain_id)),
            verifying_contract: Some(self.verifying_contract),
            salt: None,
        }
    }
}
