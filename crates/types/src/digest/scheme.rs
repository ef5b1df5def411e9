//! Signature schemes by name, and the digest that proves possession of a key of any of them.

use alloy_primitives::B256;

use super::{Domain, SigningDigest};
use crate::OperatorId;

alloy_sol_types::sol! {
    struct KeyPossession {
        address operator;
        bytes32 scheme;
        bytes key;
    }
}

/// How the operators of a service sign.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Scheme {
    /// BLS on BN254.
    Bn254,
    /// BLS on BLS12-381.
    Bls12381,
    /// ECDSA on secp256k1, one signature per signer.
    Secp256k1,
}

impl Scheme {
    /// The name that its contract has, in ASCII, left-aligned.
    pub fn name(self) -> B256 {
        let name: &[u8] = match self {
            Self::Bn254 => b"bn254",
            Self::Bls12381 => b"bls12-381",
            Self::Secp256k1 => b"secp256k1",
        };
        B256::right_padding_from(name)
    }
}

impl Domain {
    /// What an operator signs to prove that it holds the secret of `key`, given as it is registered under `scheme`. The domain is that
    /// of the contract that registers keys.
    pub fn key_possession(&self, operator: OperatorId, scheme: Scheme, key: &[u8]) -> SigningDigest {
        let possession = KeyPossession { operator: operator.0, scheme: scheme.name(), key: key.to_vec().into() };
        SigningDigest(self.hash(&possession))
    }
}
