//! BLS keys and signatures. Secret keys sign by purpose and are never printed.

use std::sync::LazyLock;

use alloy_primitives::{U256, keccak256};
use ark_bn254::{Bn254, Fr, G1Affine, G2Affine, G2Projective};
use ark_ec::pairing::{Pairing, PairingOutput};
use ark_ec::{AffineRepr, CurveGroup};
use ark_ff::{BigInteger, PrimeField, Zero};
use tandem_types::{BatchRoot, Domain, Epoch, G1Point, G2Point, OperatorId, ResultLeaf, Scheme, SigningDigest};
use zeroize::{Zeroize, Zeroizing};

use crate::curve::{self, CurveError, hash_to_curve};

/// Why bytes are not a secret key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SecretKeyError {
    /// Zero, or not below the group's order.
    #[error("not a BN254 secret key: expected 32 bytes, big-endian, above zero and below the group's order")]
    OutOfRange,
}

/// A BLS secret key. It is wiped when dropped, and has no `Debug`, `Clone` or `Serialize`.
pub struct SecretKey(Fr);

impl Drop for SecretKey {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl SecretKey {
    /// A key from 48 random bytes; reducing that many leaves no usable bias (RFC 9380, section 5).
    ///
    /// # Errors
    /// [`SecretKeyError`] when the bytes reduce to zero, which random ones never do.
    pub fn from_random(random: &[u8; 48]) -> Result<Self, SecretKeyError> {
        Self::nonzero(curve::scalar_mod_order(random))
    }

    /// The key whose big-endian bytes these are.
    ///
    /// # Errors
    /// [`SecretKeyError`] for zero and for numbers not below the group's order.
    pub fn from_bytes(bytes: &[u8; 32]) -> Result<Self, SecretKeyError> {
        let key = Self::nonzero(curve::scalar_mod_order(bytes))?;
        if *key.to_bytes() == *bytes { Ok(key) } else { Err(SecretKeyError::OutOfRange) }
    }

    fn nonzero(scalar: Fr) -> Result<Self, SecretKeyError> {
        if scalar.is_zero() { Err(SecretKeyError::OutOfRange) } else { Ok(Self(scalar)) }
    }

    /// The key's bytes, big-endian, for a keystore and nothing else.
    pub fn to_bytes(&self) -> Zeroizing<[u8; 32]> {
        let mut bytes = Zeroizing::new([0; 32]);
        bytes.copy_from_slice(&Zeroizing::new(self.0.into_bigint().to_bytes_be()));
        bytes
    }

    /// Both halves of the public key.
    pub fn public_key(&self) -> PublicKey {
        PublicKey {
            g1: (G1Affine::generator() * self.0).into_affine(),
            g2: (G2Affine::generator() * self.0).into_affine(),
        }
    }

    /// Signs a batch root under a table.
    pub fn sign_batch(&self, domain: &Domain, epoch: Epoch, root: BatchRoot) -> Signature {
        self.sign(&domain.batch(epoch, root))
    }

    /// Signs the veto of a result under a table.
    pub fn sign_veto(&self, domain: &Domain, epoch: Epoch, leaf: ResultLeaf) -> Signature {
        self.sign(&domain.veto(epoch, leaf))
    }

    /// Signs the statement that `operator` holds this key; `domain` is that of the OperatorRegistry.
    pub fn prove_possession(&self, domain: &Domain, operator: OperatorId) -> Signature {
        let public = self.public_key();
        self.sign(&domain.possession(operator, &public.g1(), &public.g2()))
    }

    /// Signs the statement that `operator` holds this key, for a registry that knows several schemes.
    pub fn prove_key_possession(&self, domain: &Domain, operator: OperatorId) -> Signature {
        self.sign(&domain.key_possession(operator, Scheme::Bn254, &self.public_key().encode()))
    }

    fn sign(&self, digest: &SigningDigest) -> Signature {
        Signature((hash_to_curve(digest).point * self.0).into_affine())
    }
}

/// A public key: the same secret in both groups, once [`verify_possession`] has said so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PublicKey {
    pub(crate) g1: G1Affine,
    pub(crate) g2: G2Affine,
}

impl PublicKey {
    /// Reads both halves.
    ///
    /// # Errors
    /// [`CurveError`] when one is no point of its group.
    pub fn decode(g1: &G1Point, g2: &G2Point) -> Result<Self, CurveError> {
        Ok(Self { g1: curve::decode_g1(g1)?, g2: curve::decode_g2(g2)? })
    }

    /// The half in G1.
    pub fn g1(&self) -> G1Point {
        curve::encode_g1(&self.g1)
    }

    /// The half in G2.
    pub fn g2(&self) -> G2Point {
        curve::encode_g2(&self.g2)
    }

    /// Both halves as they are registered: G1, then G2.
    pub fn encode(&self) -> Vec<u8> {
        [&self.g1().0[..], &self.g2().0[..]].concat()
    }
}

/// The sum of the halves in G2, which a ServiceManager is told with an operator table and checks; infinity for no keys.
pub fn aggregate_keys(keys: &[PublicKey]) -> G2Point {
    curve::encode_g2(&keys.iter().fold(G2Projective::zero(), |sum, key| sum + key.g2).into_affine())
}

/// A signature, or a sum of some, in G1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Signature(pub(crate) G1Affine);

impl Signature {
    /// Reads a signature.
    ///
    /// # Errors
    /// [`CurveError`] when the bytes are no point of G1, or the point at infinity.
    pub fn decode(bytes: &G1Point) -> Result<Self, CurveError> {
        curve::decode_g1(bytes).map(Self)
    }

    /// The signature's encoding.
    pub fn encode(&self) -> G1Point {
        curve::encode_g1(&self.0)
    }
}

/// `e(σ, −G2) · e(H, P2)`: one when σ is the signature of P2's secret over H, and what is wrong with it otherwise. It is linear: the residue of
/// sums of signatures and keys is the product of theirs.
pub(crate) type Residue = PairingOutput<Bn254>;
/// A point of G2 with all that a pairing needs of it alone.
pub(crate) type PreparedG2 = <Bn254 as Pairing>::G2Prepared;

static MINUS_GENERATOR: LazyLock<PreparedG2> = LazyLock::new(|| (-G2Affine::generator()).into());

pub(crate) fn residue(sigma: G1Affine, message: G1Affine, key: impl Into<PreparedG2>) -> Residue {
    Bn254::multi_pairing([sigma, message], [MINUS_GENERATOR.clone(), key.into()])
}

pub(crate) fn pairing_holds(sigma: G1Affine, message: G1Affine, key: impl Into<PreparedG2>) -> bool {
    residue(sigma, message, key).is_zero()
}

/// Whether `signature` proves that `operator` holds the one secret of both halves of `key`, as the OperatorRegistry checks it.
pub fn verify_possession(domain: &Domain, operator: OperatorId, key: &PublicKey, signature: &Signature) -> bool {
    let digest = domain.possession(operator, &key.g1(), &key.g2());
    let gamma = binding_scalar(&digest, &key.g1(), &key.g2(), &signature.encode());
    let message = hash_to_curve(&digest).point;
    pairing_holds(
        (signature.0 + key.g1 * gamma).into_affine(),
        (message + G1Affine::generator() * gamma).into_affine(),
        key.g2,
    )
}

/// γ, which binds the halves of a key to each other: nobody can choose them apart without inverting keccak256.
fn binding_scalar(digest: &SigningDigest, g1: &G1Point, g2: &G2Point, sigma: &G1Point) -> Fr {
    let words: Vec<U256> = g1.to_words().into_iter().chain(g2.to_words()).chain(sigma.to_words()).collect();
    let mut preimage = digest.as_word().to_vec();
    words.iter().for_each(|word| preimage.extend_from_slice(&word.to_be_bytes::<32>()));
    curve::scalar_mod_order(keccak256(preimage).as_slice())
}

#[cfg(test)]
mod tests {
    use alloy_primitives::{Address, B256};

    use super::*;

    fn key(scalar: u64) -> SecretKey {
        SecretKey(Fr::from(scalar))
    }

    fn domain() -> Domain {
        Domain { chain_id: 31_337, verifying_contract: Address::repeat_byte(7) }
    }

    fn operator(byte: u8) -> OperatorId {
        OperatorId(Address::repeat_byte(byte))
    }

    #[test]
    fn possession_is_bound_to_operator_key_and_domain() {
        let public = key(5).public_key();
        let proof = key(5).prove_possession(&domain(), operator(1));
        assert!(verify_possession(&domain(), operator(1), &public, &proof));
        assert!(!verify_possession(&domain(), operator(2), &public, &proof));
        assert!(!verify_possession(&domain(), operator(1), &key(6).public_key(), &proof));
        assert!(!verify_possession(&Domain { chain_id: 1, ..domain() }, operator(1), &public, &proof));
    }

    #[test]
    fn halves_of_different_secrets_are_refused() {
        let mixed = PublicKey { g1: key(6).public_key().g1, g2: key(5).public_key().g2 };
        let digest = domain().possession(operator(1), &mixed.g1(), &mixed.g2());
        assert!(!verify_possession(&domain(), operator(1), &mixed, &key(5).sign(&digest)));
    }

    #[test]
    fn rogue_key_cannot_be_registered() {
        let honest = key(2).public_key();
        let seven = key(7);
        let rogue = PublicKey {
            g1: (seven.public_key().g1 - honest.g1).into_affine(),
            g2: (seven.public_key().g2 - honest.g2).into_affine(),
        };
        let digest = domain().possession(operator(9), &rogue.g1(), &rogue.g2());
        assert!(!verify_possession(&domain(), operator(9), &rogue, &seven.sign(&digest)));
    }

    #[test]
    fn signatures_of_different_purposes_differ() {
        let key = key(3);
        let possession = key.prove_possession(&domain(), operator(1));
        let batch = key.sign_batch(&domain(), Epoch(1), BatchRoot(B256::ZERO));
        let veto = key.sign_veto(&domain(), Epoch(1), ResultLeaf(B256::ZERO));
        assert_ne!(possession, batch);
        assert_ne!(possession, veto);
        assert_ne!(veto, batch);
        assert_ne!(batch, key.sign_batch(&domain(), Epoch(2), BatchRoot(B256::ZERO)));
    }

    #[test]
    fn secret_keys_are_reduced_and_not_zero() {
        assert!(SecretKey::from_bytes(&[0; 32]).is_err());
        assert!(SecretKey::from_bytes(&[0xff; 32]).is_err());
        assert!(SecretKey::from_random(&[0; 48]).is_err());
        let bytes = *key(12_345).to_bytes();
        assert_eq!(SecretKey::from_bytes(&bytes).map(|key| *key.to_bytes()), Ok(bytes));
    }

    #[test]
    fn aggregate_of_published_vector_matches() {
        let digest = curve::hash_word(&keccak256("hello world").0);
        let scalar = Fr::from(1u64) + Fr::from(2u64) + Fr::from(12_345u64);
        let [x, y] = curve::encode_g1(&(digest.point * scalar).into_affine()).to_words();
        let word = |hex: &str| hex.parse::<U256>().expect("the literal is a word");
        assert_eq!(x, word("0x091141be15fd032cc256707f7e4edfe07d0418a9a58bb60bd9c97e7f8eced6ef"));
        assert_eq!(y, word("0x179d7b555fed9a0d90e1af7e874552712d54474baf4d994fefce1382461dc3e8"));
        let apk = SecretKey(scalar).public_key();
        let [g2_im, g2_re, ..] = apk.g2().to_words();
        assert_eq!(g2_re, word("0x27febfd3f600f90cd3d63eb4eb4e97c11db79d6aff1d9541844db04682da43d4"));
        assert_eq!(g2_im, word("0x009d5e44315e23afc2986686bb652a34f146ae5eae69f9ae085ccdd3723019fc"));
        assert!(pairing_holds((digest.point * scalar).into_affine(), digest.point, apk.g2));
    }
}
