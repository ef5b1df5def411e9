//! Transport keys: Ed25519, secret and public.

use std::fmt;
use std::sync::Arc;

use ring::hmac;
use rustls::crypto::ring::sign::any_eddsa_type;
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::sign::SigningKey;
use tandem_types::B256;
use zeroize::Zeroizing;

/// DER of a PKCS#8 version 1 Ed25519 key up to the seed (RFC 8410, section 7).
const PKCS8_PREFIX: [u8; 16] =
    [0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20];
/// DER of an Ed25519 SubjectPublicKeyInfo up to the key (RFC 8410, section 4).
const SPKI_PREFIX: [u8; 12] = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];

/// The Ed25519 public key by which an operator's node is known, as registered on chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PeerKey(pub B256);

impl fmt::Display for PeerKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl PeerKey {
    /// The key as a SubjectPublicKeyInfo, which is what a raw public key is in TLS (RFC 7250).
    pub(super) fn to_spki(self) -> Vec<u8> {
        [SPKI_PREFIX.as_slice(), self.0.as_slice()].concat()
    }

    /// Reads the form that [`to_spki`](Self::to_spki) writes, and no other.
    pub(super) fn from_spki(spki: &[u8]) -> Option<Self> {
        let key: [u8; 32] = spki.strip_prefix(&SPKI_PREFIX)?.try_into().ok()?;
        Some(Self(key.into()))
    }
}

/// A node's secret transport key. It has no `Debug`, `Clone` or `Serialize`. The TLS library keeps its copy of the key until the
/// transport is gone, and does not wipe it.
pub struct TransportKey {
    pub(super) signing: Arc<dyn SigningKey>,
    public: PeerKey,
    pub(super) reset: hmac::Key,
}

impl TransportKey {
    /// The key of a 32-byte Ed25519 seed (RFC 8032, section 5.1.5). Wiping the seed is the caller's business.
    pub fn from_seed(seed: &[u8; 32]) -> Self {
        let mut pkcs8 = Zeroizing::new([0; PKCS8_PREFIX.len() + 32]);
        pkcs8[..PKCS8_PREFIX.len()].copy_from_slice(&PKCS8_PREFIX);
        pkcs8[PKCS8_PREFIX.len()..].copy_from_slice(seed);
        let signing = any_eddsa_type(&PrivatePkcs8KeyDer::from(pkcs8.as_slice()))
            .expect("the prefix and any 32 bytes are an Ed25519 key in PKCS#8");
        let public = signing
            .public_key()
            .and_then(|spki| PeerKey::from_spki(&spki))
            .expect("an Ed25519 key has a SubjectPublicKeyInfo of one form");
        Self {
            signing,
            public,
            reset: hmac::Key::new(hmac::HMAC_SHA256, derive(seed, b"tandem/1 stateless reset").as_slice()),
        }
    }

    /// The public key, for registration on chain.
    pub fn public(&self) -> PeerKey {
        self.public
    }
}

/// A secret of another purpose. It is the same after a restart, so that a node can tell its peers that it has forgotten their
/// connections (RFC 9000, section 10.3) and need not let them find out by silence.
fn derive(seed: &[u8; 32], purpose: &[u8]) -> Zeroizing<[u8; 32]> {
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, seed), purpose);
    let mut secret = Zeroizing::new([0; 32]);
    secret.copy_from_slice(tag.as_ref());
    secret
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 8032, section 7.1, test 1.
    #[test]
    fn public_key_matches_the_standard() {
        let seed: B256 = "0x9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60".parse().expect("a word");
        let public = "0xd75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a".parse().expect("a word");
        assert_eq!(TransportKey::from_seed(&seed.0).public(), PeerKey(public));
    }

    #[test]
    fn spki_survives_and_other_forms_are_refused() {
        let key = PeerKey(B256::repeat_byte(7));
        let spki = key.to_spki();
        assert_eq!(PeerKey::from_spki(&spki), Some(key));
        assert_eq!(PeerKey::from_spki(&spki[..43]), None);
        assert_eq!(PeerKey::from_spki(&[spki.as_slice(), &[0]].concat()), None);
        let mut x25519 = spki;
        x25519[8] = 0x6e;
        assert_eq!(PeerKey::from_spki(&x25519), None);
    }
}
