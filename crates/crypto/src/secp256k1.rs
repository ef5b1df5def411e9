//! ECDSA on secp256k1 by the keys of accounts, one signature per signer. What `Secp256k1Scheme` checks on chain.
//!
//! A key is known by its account's address. Signatures are 64 bytes as in EIP-2098, with s at most half the order: the one form that
//! the contract takes. As everywhere, keys sign by purpose only.

use alloy_primitives::{Address, keccak256};
use k256::ecdsa::{RecoveryId, Signature as Ecdsa, SigningKey, VerifyingKey};
use tandem_types::{BatchRoot, Domain, Epoch, OperatorId, Scheme, SigningDigest};

use crate::SecretKeyError;

/// A signature's length.
pub const SIGNATURE_BYTES: usize = 64;

/// In the upper half of s, where no bit of it is: whether R's ordinate is odd.
const PARITY: u8 = 0x80;

/// A secret key. It is wiped when dropped, and has no `Debug`, `Clone` or `Serialize`.
pub struct SecretKey(SigningKey);

impl SecretKey {
    /// The key whose big-endian bytes these are.
    ///
    /// # Errors
    /// [`SecretKeyError`] for zero and for numbers not below the group's order.
    pub fn from_bytes(bytes: &[u8; 32]) -> Result<Self, SecretKeyError> {
        SigningKey::from_bytes(bytes.into()).map(Self).map_err(|_| SecretKeyError::OutOfRange)
    }

    /// The address that the key is known by.
    pub fn address(&self) -> Address {
        address(self.0.verifying_key())
    }

    /// Signs a batch root under a table.
    pub fn sign_batch(&self, domain: &Domain, epoch: Epoch, root: BatchRoot) -> Signature {
        self.sign(&domain.batch(epoch, root))
    }

    /// Signs the statement that `operator` holds this key; `domain` is that of the contract that registers keys.
    pub fn prove_possession(&self, domain: &Domain, operator: OperatorId) -> Signature {
        self.sign(&possession(domain, operator, self.address()))
    }

    fn sign(&self, digest: &SigningDigest) -> Signature {
        let (signature, id) =
            self.0.sign_prehash_recoverable(digest.as_word().as_slice()).expect("a digest of 32 bytes can be signed");
        let mut bytes: [u8; SIGNATURE_BYTES] = signature.to_bytes().into();
        if id.is_y_odd() {
            bytes[32] |= PARITY;
        }
        Signature(bytes)
    }
}

/// A signature of one account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Signature(pub [u8; SIGNATURE_BYTES]);

impl Signature {
    /// Who made the signature, when it is one.
    fn signer(&self, digest: &SigningDigest) -> Option<Address> {
        let mut bytes = self.0;
        let odd = bytes[32] & PARITY != 0;
        bytes[32] &= !PARITY;
        let signature = Ecdsa::from_slice(&bytes).ok()?;
        if signature.normalize_s().is_some() {
            return None;
        }
        let id = RecoveryId::new(odd, false);
        let key = VerifyingKey::recover_from_prehash(digest.as_word().as_slice(), &signature, id).ok()?;
        Some(address(&key))
    }
}

/// The proof of a certificate: the signatures, in the order of their signers' positions.
pub fn proof(signatures: &[Signature]) -> Vec<u8> {
    signatures.iter().flat_map(|signature| signature.0).collect()
}

/// Whether `signature` is that of `key` over a batch root under a table.
pub fn verify_batch(domain: &Domain, epoch: Epoch, root: BatchRoot, key: Address, signature: &Signature) -> bool {
    signature.signer(&domain.batch(epoch, root)) == Some(key)
}

/// Whether `signature` proves that `operator` holds the secret of `key`.
pub fn verify_possession(domain: &Domain, operator: OperatorId, key: Address, signature: &Signature) -> bool {
    signature.signer(&possession(domain, operator, key)) == Some(key)
}

fn possession(domain: &Domain, operator: OperatorId, key: Address) -> SigningDigest {
    domain.key_possession(operator, Scheme::Secp256k1, key.as_slice())
}

/// The last 20 bytes of the hash of the uncompressed point.
fn address(key: &VerifyingKey) -> Address {
    let point = key.to_encoded_point(false);
    Address::from_word(keccak256(&point.as_bytes()[1..]))
}

#[cfg(test)]
mod tests {
    use alloy_primitives::{B256, U256, address};

    use super::*;

    const ROOT: BatchRoot = BatchRoot(B256::repeat_byte(0xee));
    const DOMAIN: Domain = Domain { chain_id: 1, verifying_contract: Address::ZERO };

    fn secret(seed: u8) -> SecretKey {
        SecretKey::from_bytes(&[seed; 32]).expect("in range")
    }

    fn sign(seed: u8) -> Signature {
        secret(seed).sign_batch(&DOMAIN, Epoch(4), ROOT)
    }

    fn holds(key: Address, signature: &Signature) -> bool {
        verify_batch(&DOMAIN, Epoch(4), ROOT, key, signature)
    }

    #[test]
    fn key_one_has_its_well_known_address() {
        let mut one = [0; 32];
        one[31] = 1;
        let key = SecretKey::from_bytes(&one).expect("in range");
        assert_eq!(key.address(), address!("0x7E5F4552091A69125d5DfCb7b8C2659029395Bdf"));
    }

    #[test]
    fn signature_holds_for_its_key_and_what_was_signed_only() {
        for seed in 1..=16 {
            let (key, signature) = (secret(seed).address(), sign(seed));
            assert!(holds(key, &signature));
            assert!(!holds(secret(seed + 1).address(), &signature));
            assert!(!verify_batch(&DOMAIN, Epoch(5), ROOT, key, &signature));
            assert!(!verify_batch(&Domain { chain_id: 2, ..DOMAIN }, Epoch(4), ROOT, key, &signature));
        }
    }

    #[test]
    fn possession_is_proven_for_one_operator_and_key() {
        let operator = |byte| OperatorId(Address::repeat_byte(byte));
        let proof = secret(1).prove_possession(&DOMAIN, operator(7));
        assert!(verify_possession(&DOMAIN, operator(7), secret(1).address(), &proof));
        assert!(!verify_possession(&DOMAIN, operator(8), secret(1).address(), &proof));
        assert!(!verify_possession(&DOMAIN, operator(7), secret(2).address(), &proof));
    }

    #[test]
    fn high_s_zeros_and_noise_are_refused() {
        let good = sign(1);
        // n − s with the other parity is a signature to whoever takes a high s, but from 2^255 on it has no encoding at all.
        let order = U256::from_be_slice(&hex::decode(ORDER).expect("in hexadecimal"));
        let half: U256 = order >> 1;
        let mut high = good;
        high.0[32..].copy_from_slice(&(half + U256::from(1)).to_be_bytes::<32>());
        let digest = DOMAIN.batch(Epoch(4), ROOT);
        assert_eq!(high.signer(&digest), None);
        high.0[32..].copy_from_slice(&half.to_be_bytes::<32>());
        assert!(high.signer(&digest).is_some());
        for bytes in [[0; 64], [0xff; 64]] {
            assert_eq!(Signature(bytes).signer(&digest), None);
        }
    }

    const ORDER: &str = "fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141";

    #[test]
    fn secret_keys_have_a_range() {
        let mut order = [0; 32];
        hex::decode_to_slice(ORDER, &mut order).expect("in hexadecimal");
        for bytes in [[0; 32], order, [0xff; 32]] {
            assert!(SecretKey::from_bytes(&bytes).is_err());
        }
    }

    #[test]
    fn proof_is_the_signatures_in_order() {
        let proof = proof(&[sign(1), sign(2)]);
        assert_eq!(proof[..64], sign(1).0);
        assert_eq!(proof[64..], sign(2).0);
    }
}
