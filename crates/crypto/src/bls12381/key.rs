//! Keys and signatures. Secret keys sign by purpose and are never printed.

use ark_bls12_381::{Bls12_381, Fr, G1Affine, G1Projective, G2Affine, G2Projective};
use ark_ec::pairing::Pairing;
use ark_ec::{AffineRepr, CurveGroup};
use ark_ff::{BigInteger, PrimeField, Zero};
use tandem_types::{BatchRoot, Domain, Epoch, OperatorId, Scheme, SigningDigest};
use zeroize::{Zeroize, Zeroizing};

use super::curve::{self, G1_BYTES, G2_BYTES, hash_to_curve};
use crate::{CurveError, SecretKeyError};

/// A secret key. It is wiped when dropped, and has no `Debug`, `Clone` or `Serialize`.
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
        Self::nonzero(Fr::from_be_bytes_mod_order(random))
    }

    /// The key whose big-endian bytes these are.
    ///
    /// # Errors
    /// [`SecretKeyError`] for zero and for numbers not below the group's order.
    pub fn from_bytes(bytes: &[u8; 32]) -> Result<Self, SecretKeyError> {
        let key = Self::nonzero(Fr::from_be_bytes_mod_order(bytes))?;
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

    /// The public key.
    pub fn public_key(&self) -> PublicKey {
        PublicKey((G2Affine::generator() * self.0).into_affine())
    }

    /// Signs a batch root under a table.
    pub fn sign_batch(&self, domain: &Domain, epoch: Epoch, root: BatchRoot) -> Signature {
        self.sign(&domain.batch(epoch, root))
    }

    /// Signs the statement that `operator` holds this key; `domain` is that of the contract that registers keys.
    pub fn prove_possession(&self, domain: &Domain, operator: OperatorId) -> Signature {
        self.sign(&possession(domain, operator, &self.public_key()))
    }

    fn sign(&self, digest: &SigningDigest) -> Signature {
        Signature((hash_to_curve(digest) * self.0).into_affine())
    }
}

/// A public key, or the sum of some.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PublicKey(G2Affine);

impl PublicKey {
    /// Reads a packed key.
    ///
    /// # Errors
    /// [`CurveError`] when the bytes are no point of G2, or the point at infinity.
    pub fn decode(bytes: &[u8; G2_BYTES]) -> Result<Self, CurveError> {
        curve::decode_g2(bytes).map(Self)
    }

    /// The key, packed.
    pub fn encode(&self) -> [u8; G2_BYTES] {
        curve::encode_g2(&self.0)
    }

    /// The sum of `keys`, each of whose possession must have been proven.
    ///
    /// # Errors
    /// [`CurveError::Infinity`] when they are none, or cancel out.
    pub fn aggregate(keys: impl IntoIterator<Item = Self>) -> Result<Self, CurveError> {
        let sum: G2Projective = keys.into_iter().map(|key| key.0).sum();
        if sum.is_zero() { Err(CurveError::Infinity) } else { Ok(Self(sum.into_affine())) }
    }
}

/// A signature, or the sum of some.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Signature(G1Affine);

impl Signature {
    /// Reads a packed signature.
    ///
    /// # Errors
    /// [`CurveError`] when the bytes are no point of G1, or the point at infinity.
    pub fn decode(bytes: &[u8; G1_BYTES]) -> Result<Self, CurveError> {
        curve::decode_g1(bytes).map(Self)
    }

    /// The signature, packed. That of an aggregate is the whole proof of a certificate.
    pub fn encode(&self) -> [u8; G1_BYTES] {
        curve::encode_g1(&self.0)
    }

    /// The sum of `signatures`, over one digest.
    ///
    /// # Errors
    /// [`CurveError::Infinity`] when they are none, or cancel out.
    pub fn aggregate(signatures: impl IntoIterator<Item = Self>) -> Result<Self, CurveError> {
        let sum: G1Projective = signatures.into_iter().map(|signature| signature.0).sum();
        if sum.is_zero() { Err(CurveError::Infinity) } else { Ok(Self(sum.into_affine())) }
    }
}

/// Whether `signature` is that of `key` over a batch root under a table. For several signers, both are aggregates.
pub fn verify_batch(domain: &Domain, epoch: Epoch, root: BatchRoot, key: &PublicKey, signature: &Signature) -> bool {
    verify(&domain.batch(epoch, root), key, signature)
}

/// Whether `signature` proves that `operator` holds the secret of `key`.
pub fn verify_possession(domain: &Domain, operator: OperatorId, key: &PublicKey, signature: &Signature) -> bool {
    verify(&possession(domain, operator, key), key, signature)
}

fn possession(domain: &Domain, operator: OperatorId, key: &PublicKey) -> SigningDigest {
    domain.key_possession(operator, Scheme::Bls12381, &key.encode())
}

/// `e(σ, −G2) · e(H, P) = 1`.
fn verify(digest: &SigningDigest, key: &PublicKey, signature: &Signature) -> bool {
    Bls12_381::multi_pairing([signature.0, hash_to_curve(digest)], [-G2Affine::generator(), key.0]).is_zero()
}

#[cfg(test)]
mod tests {
    use tandem_types::{Address, B256};

    use super::*;

    const ROOT: BatchRoot = BatchRoot(B256::repeat_byte(0xee));
    const DOMAIN: Domain = Domain { chain_id: 1, verifying_contract: Address::ZERO };

    fn secret(seed: u8) -> SecretKey {
        SecretKey::from_random(&[seed; 48]).expect("not zero")
    }

    fn operator(byte: u8) -> OperatorId {
        OperatorId(Address::repeat_byte(byte))
    }

    #[test]
    fn sum_of_signatures_verifies_under_the_sum_of_keys_only() {
        let secrets: Vec<_> = (1..=5).map(secret).collect();
        let keys: Vec<_> = secrets.iter().map(SecretKey::public_key).collect();
        let sigma = Signature::aggregate(secrets.iter().map(|key| key.sign_batch(&DOMAIN, Epoch(4), ROOT)))
            .expect("they do not cancel out");
        let holds = |keys: &[PublicKey]| {
            let key = PublicKey::aggregate(keys.iter().copied()).expect("they do not cancel out");
            verify_batch(&DOMAIN, Epoch(4), ROOT, &key, &sigma)
        };
        assert!(holds(&keys));
        assert!(!holds(&keys[1..]));
        assert!(!holds(&[keys[0], keys[0], keys[1], keys[2], keys[3]]));
    }

    #[test]
    fn signature_holds_for_its_domain_epoch_and_root_only() {
        let (secret, key) = (secret(1), secret(1).public_key());
        let sigma = secret.sign_batch(&DOMAIN, Epoch(4), ROOT);
        let elsewhere = Domain { chain_id: 2, ..DOMAIN };
        let another = Domain { verifying_contract: Address::repeat_byte(1), ..DOMAIN };
        assert!(verify_batch(&DOMAIN, Epoch(4), ROOT, &key, &sigma));
        assert!(!verify_batch(&elsewhere, Epoch(4), ROOT, &key, &sigma));
        assert!(!verify_batch(&another, Epoch(4), ROOT, &key, &sigma));
        assert!(!verify_batch(&DOMAIN, Epoch(5), ROOT, &key, &sigma));
        assert!(!verify_batch(&DOMAIN, Epoch(4), BatchRoot(B256::ZERO), &key, &sigma));
    }

    #[test]
    fn possession_is_proven_for_one_operator_and_key() {
        let key = secret(1).public_key();
        let proof = secret(1).prove_possession(&DOMAIN, operator(7));
        assert!(verify_possession(&DOMAIN, operator(7), &key, &proof));
        assert!(!verify_possession(&DOMAIN, operator(8), &key, &proof));
        assert!(!verify_possession(&DOMAIN, operator(7), &secret(2).public_key(), &proof));
    }

    #[test]
    fn rogue_key_signs_for_both_and_can_not_be_possessed() {
        let (honest, t) = (secret(1).public_key(), secret(2));
        let rogue = PublicKey((t.public_key().0 - honest.0).into_affine());
        let both = PublicKey::aggregate([honest, rogue]).expect("they do not cancel out");
        assert!(verify_batch(&DOMAIN, Epoch(4), ROOT, &both, &t.sign_batch(&DOMAIN, Epoch(4), ROOT)));
        let forged = t.sign(&possession(&DOMAIN, operator(7), &rogue));
        assert!(!verify_possession(&DOMAIN, operator(7), &rogue, &forged));
    }

    #[test]
    fn nothing_and_what_cancels_out_have_no_sum() {
        let (key, sigma) = (secret(1).public_key(), secret(1).sign_batch(&DOMAIN, Epoch(1), ROOT));
        assert_eq!(PublicKey::aggregate([]), Err(CurveError::Infinity));
        assert_eq!(Signature::aggregate([]), Err(CurveError::Infinity));
        assert_eq!(PublicKey::aggregate([key, PublicKey(-key.0)]), Err(CurveError::Infinity));
        assert_eq!(Signature::aggregate([sigma, Signature(-sigma.0)]), Err(CurveError::Infinity));
    }

    #[test]
    fn secret_keys_survive_their_bytes_and_have_a_range() {
        let key = secret(3);
        let again = SecretKey::from_bytes(&key.to_bytes()).expect("its own bytes");
        assert_eq!(again.public_key(), key.public_key());
        let mut order = [0; 32];
        order.copy_from_slice(&Fr::MODULUS.to_bytes_be());
        for bytes in [[0; 32], order, [0xff; 32]] {
            assert_eq!(SecretKey::from_bytes(&bytes).err(), Some(SecretKeyError::OutOfRange));
        }
    }

    #[test]
    fn keys_and_signatures_survive_their_encoding() {
        let key = secret(3).public_key();
        let sigma = secret(3).sign_batch(&DOMAIN, Epoch(1), ROOT);
        assert_eq!(PublicKey::decode(&key.encode()), Ok(key));
        assert_eq!(Signature::decode(&sigma.encode()), Ok(sigma));
    }
}
